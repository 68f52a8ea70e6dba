using System.Diagnostics;

namespace Kosha.Daemon;

/// <param name="ExitCode">0: it did what it should.</param>
/// <param name="Output">What it printed to either stream.</param>
internal sealed record ChildResult(int ExitCode, string Output);

/// <summary>Runs programs of the system to their end, with an environment that says nothing but the path.</summary>
internal static class ChildProcess
{
    /// <param name="file">A name on the path, or a path.</param>
    /// <param name="arguments">Each is one argument, whatever letters it has.</param>
    /// <param name="folder">The working directory.</param>
    public static ProcessStartInfo StartInfo(string file, IEnumerable<string> arguments, string folder)
    {
        var info = new ProcessStartInfo(file, arguments)
        {
            UseShellExecute = false,
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        info.Environment.Clear();
        info.Environment["PATH"] = SearchPath;
        return info;
    }

    /// <summary>The caller's path and where a Linux system keeps its programs.</summary>
    public static string SearchPath =>
        $"{Environment.GetEnvironmentVariable("PATH")}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin";

    /// <summary>The absolute path of a program; null if it is not installed.</summary>
    public static string? Find(string name) => SearchPath.Split(':', StringSplitOptions.RemoveEmptyEntries)
        .Select(folder => new FileInfo(Path.Combine(folder, name)))
        // A link that leads nowhere exists for the framework.
        .FirstOrDefault(file => file.Exists && BehindLinks(file).Exists)?.FullName;

    /// <summary>The file itself where links lead to it.</summary>
    public static FileSystemInfo BehindLinks(FileInfo file) =>
        file.ResolveLinkTarget(returnFinalTarget: true) ?? file;

    public static async Task<ChildResult> RunAsync(
        string file, IEnumerable<string> arguments, string folder, CancellationToken ct, string input = "")
    {
        using var process = new Process { StartInfo = StartInfo(file, arguments, folder) };
        process.Start();
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(ct);
            var errors = process.StandardError.ReadToEndAsync(ct);
            await process.StandardInput.WriteAsync(input.AsMemory(), ct);
            process.StandardInput.Close();
            await process.WaitForExitAsync(ct);
            return new(process.ExitCode, (await output + await errors).Trim());
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }
}
