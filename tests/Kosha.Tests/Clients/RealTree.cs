using System.Text;

namespace Kosha.Tests.Clients;

/// <summary>Files as people have them: a part of the .NET SDK that is installed here, and names that hurt.</summary>
public static class RealTree
{
    private const long MaxFileBytes = 512 << 10;

    /// <summary>Names of one folder. Two differ in case alone; one is decomposed (NFD), as Finder sends.</summary>
    public static readonly IReadOnlyList<string> DifficultNames =
    [
        "two  spaces and a +plus+", "100%", "%41 is not A", "#hash", "a&b=c;d", "it's \"quoted\"",
        "🎉 émoji 中文", "Mu\u0308ller in NFD", "Müller in NFC", "README", "readme", "semi;colon", "question?mark",
        "star*", "[brackets]", "~tilde", ".hidden", "a.b..c", "comma,", "<angle>", "pipe|", "colon:", "$dollar",
        "`tick`", new('x', 255), string.Concat(Enumerable.Repeat("ä", 127)),
    ];

    /// <summary>Copies files with their folders and times, and the difficult names that fit: so many in all.</summary>
    public static void Copy(int count, string target, Func<string, bool>? isFit = null)
    {
        var sdk = Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "../../../sdk");
        var source = Path.GetFullPath(Directory.Exists(sdk) ? sdk : "/usr/share");
        var files = Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories)
            .Where(file => new FileInfo(file) is { LinkTarget: null } info && info.Length <= MaxFileBytes)
            .Order(StringComparer.Ordinal).ToList();
        for (var i = 0; i < count - DifficultNames.Count; i++)
            CopyFile(source, files[i % files.Count], target, i / files.Count);
        AddDifficultNames(Path.Combine(target, "names"), isFit);
    }

    /// <summary>Every round has a folder and contents of its own: the installed files may be too few.</summary>
    private static void CopyFile(string source, string file, string target, int round)
    {
        var copy = Path.Combine(target, $"round {round}", Path.GetRelativePath(source, file));
        Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
        File.Copy(file, copy);
        if (round == 0)
            return;
        var time = File.GetLastWriteTimeUtc(copy);
        File.AppendAllText(copy, $"round {round}");
        File.SetLastWriteTimeUtc(copy, time);
    }

    /// <summary>Files with the difficult names, each with content and a time of its own, and a folder of one.</summary>
    public static void AddDifficultNames(string folder, Func<string, bool>? isFit = null)
    {
        Directory.CreateDirectory(folder);
        foreach (var (index, name) in DifficultNames.Where(isFit ?? (_ => true)).Index())
        {
            var file = Path.Combine(folder, name);
            File.WriteAllText(file, index == 0 ? "" : name, Encoding.UTF8);
            File.SetLastWriteTimeUtc(file, new DateTime(1971, 3, 4, 5, 6, 7, DateTimeKind.Utc).AddDays(index * 900));
        }
        var below = Directory.CreateDirectory(Path.Combine(folder, "folder #1 100%"));
        File.WriteAllText(Path.Combine(below.FullName, "Ünï cödé"), "below");
    }

    /// <summary>Path (NFC, relative), size and time in whole seconds of every file.</summary>
    public static IReadOnlyList<(string Path, long Size, DateTime Time)> Describe(string folder) =>
        [.. from file in new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories)
            let path = Path.GetRelativePath(folder, file.FullName).Normalize(NormalizationForm.FormC)
            let time = file.LastWriteTimeUtc
            orderby path
            select (path, file.Length, time.AddTicks(-(time.Ticks % TimeSpan.TicksPerSecond)))];
}
