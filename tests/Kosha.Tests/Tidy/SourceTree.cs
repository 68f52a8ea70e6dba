namespace Kosha.Tests.Tidy;

/// <summary>The files of the checkout that these tests were built from.</summary>
public static class SourceTree
{
    private static readonly string[] NotSource =
        ["bin", "obj", ".git", "data", "artifacts", "node_modules", "TestResults", ".vs", ".idea"];

    /// <summary>The folder with Kosha.sln.</summary>
    public static string Root { get; } = Environment.GetEnvironmentVariable("KOSHA_TEST_SOURCE") ?? FindUpwards();

    private static string FindUpwards()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "Kosha.sln")))
                return folder;
        }
        throw new InvalidOperationException("Kosha.sln is not above the tests; set KOSHA_TEST_SOURCE to its folder.");
    }

    /// <summary>Relative to <see cref="Root"/>, with forward slashes.</summary>
    public static string Relative(string path) => Path.GetRelativePath(Root, path);

    /// <summary>All files below a folder that people write.</summary>
    public static IEnumerable<string> Files(string folder = "")
    {
        var pending = new Stack<string>([Path.Combine(Root, folder)]);
        while (pending.TryPop(out var next))
        {
            foreach (var sub in Directory.EnumerateDirectories(next).Where(IsSource))
                pending.Push(sub);
            foreach (var file in Directory.EnumerateFiles(next).Where(IsSource))
                yield return file;
        }
    }

    private static bool IsSource(string path) => !NotSource.Contains(Path.GetFileName(path));

    public static IEnumerable<string> Files(string folder, string extension) =>
        Files(folder).Where(file => file.EndsWith(extension, StringComparison.Ordinal)).Order(StringComparer.Ordinal);

    public static IEnumerable<CSharpFile> CSharp(string folder) =>
        Files(folder, ".cs").Select(file => new CSharpFile(file));
}
