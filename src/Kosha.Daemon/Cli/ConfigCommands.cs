using System.CommandLine;
using Kosha.Daemon.EmbeddedPostgres;
using Kosha.Daemon.Web;
using Kosha.Storage.Blobs;

namespace Kosha.Daemon.Cli;

/// <summary><c>kosha config …</c></summary>
internal static class ConfigCommands
{
    public static Command Create(CommandLine line)
    {
        var check = new Command("check",
            "Show every setting, where it comes from, and all problems. Changes nothing but for a probe in a bucket.");
        check.SetAction((_, _) => CheckAsync(line.Options, line.Signals.Stopping));
        var forget = new Command("forget-master-key", "For a master key that is lost for good: switches two-factor "
            + "sign-in off for everybody and takes another key at the next start. Stop all daemons first.");
        forget.SetAction((_, _) => line.RunAsync("kosha config forget-master-key", (installation, ct) =>
            new InstallationTable(installation.Database).ForgetMasterKeyAsync(ct)));
        return new Command("config", "Look at the settings.") { check, forget };
    }

    private static async Task<int> CheckAsync(KoshaOptions options, CancellationToken ct)
    {
        TextTable.Write(Console.Out, ["SETTING", "VALUE", "FROM"],
            options.Effective.Select(setting => new[] { setting.Key, setting.Value, setting.Source }));
        await Console.Out.WriteLineAsync();
        var problems = new List<string>(options.Problems);
        problems.AddRange(FolderProblems(options));
        if (MasterKey.Problem(options) is { } keyProblem)
            problems.Add(keyProblem);
        // A running daemon has the addresses itself.
        if (DataFolder.LiveHolder(options.DataDirectory) != Serve.What)
            problems.AddRange(Listening.Problems(options));
        if (options.DatabaseConnectionString is null)
            problems.AddRange(await ClusterProblemsAsync(options, ct));
        if (options.Problems.Count == 0)
            problems.AddRange(await StoreProblemsAsync(options, ct));
        foreach (var problem in problems)
            await Console.Error.WriteLineAsync(problem);
        await Console.Out.WriteLineAsync(problems.Count == 0 ? "No problems." : $"{problems.Count} problems.");
        return problems.Count == 0 ? 0 : 1;
    }

    private static async Task<IEnumerable<string>> StoreProblemsAsync(KoshaOptions options, CancellationToken ct)
    {
        var (problem, report) = await BlobStorage.LookAsync(options, ct);
        if (report is not null)
        {
            await Console.Out.WriteLineAsync($"What {options.BlobsS3} can do:");
            foreach (var sentence in report.Capabilities)
                await Console.Out.WriteLineAsync($"  {sentence}");
            foreach (var sentence in report.Warnings.Concat(report.ToAdd))
                await Console.Out.WriteLineAsync($"Warning: {sentence}");
            await Console.Out.WriteLineAsync();
        }
        return problem is null ? [] : [problem];
    }

    // The nearest folder that exists decides whether the rest can be made. Kosha's own folders are left alone.
    private static IEnumerable<string> FolderProblems(KoshaOptions options)
    {
        foreach (var (key, path) in options.Folders)
        {
            var existing = path;
            while (!Directory.Exists(existing))
                existing = Path.GetDirectoryName(existing)!;
            var refusal = key == "DataDirectory" && existing == path ? DataFolder.Refusal(path) : null;
            if ((refusal ?? WriteProblem(existing)) is { } problem)
                yield return $"{key}: {problem}";
        }
    }

    private static string? WriteProblem(string folder)
    {
        try
        {
            DataFolder.Probe(folder);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{folder} cannot be written by the user '{Environment.UserName}': {e.Message}";
        }
    }

    private static async Task<IReadOnlyList<string>> ClusterProblemsAsync(KoshaOptions options, CancellationToken ct)
    {
        if (PostgresCluster.Problem(options.DataDirectory) is { } problem)
            return [problem];
        try
        {
            await PostgresBinaries.FindAsync(PostgresCluster.Major(options.DataDirectory), ct);
            return [];
        }
        catch (OperatorException e)
        {
            return [e.Message];
        }
    }
}
