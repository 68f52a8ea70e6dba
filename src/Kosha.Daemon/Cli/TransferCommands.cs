using System.CommandLine;
using Kosha.Daemon.Web;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Blobs;
using Kosha.Storage.Transfer;
using Kosha.Storage.Tree;

namespace Kosha.Daemon.Cli;

/// <summary><c>kosha import</c> and <c>kosha export</c></summary>
internal static class TransferCommands
{
    private static Argument<DirectoryInfo> Directory(string description) => new("DIR") { Description = description };

    private static Option<string> User() => new("--user")
    {
        Description = "The user's name or email.", Required = true,
    };

    private static Option<bool> Replace() => new("--replace")
    {
        Description = "Write over files that are there already and differ; without it they are left and listed.",
    };

    public static Command Import(CommandLine line)
    {
        var source = Directory("A folder of this machine, which the user that Kosha runs as can read.");
        var user = User();
        var into = new Option<string>("--into")
        {
            Description = "The folder of the user's that gets its content; it is made if it is not there.",
            DefaultValueFactory = _ => "/",
        };
        var replace = Replace();
        var command = new Command("import", "Bring the content of a folder into a user's files, with its times. "
            + "It can be interrupted and run again.") { source, user, into, replace };
        command.SetAction((parsed, _) => RunAsync(line, "kosha import", parsed.GetRequiredValue(user), (files, ct) =>
        {
            var import = new FolderImport(files.Tree, files.Vault, files.Caller, parsed.GetValue(replace));
            return (import.Tally, import.RunAsync(
                parsed.GetRequiredValue(source), PathOf(parsed.GetRequiredValue(into)), ct));
        }));
        return command;
    }

    public static Command Export(CommandLine line)
    {
        var target = Directory(
            "A folder of this machine, which the user that Kosha runs as can write; it is made if it is not there.");
        var user = User();
        var from = new Option<string>("--from")
        {
            Description = "The folder of the user's whose content is written.",
            DefaultValueFactory = _ => "/",
        };
        var replace = Replace();
        var command = new Command("export", "Write a user's files as plain files, with their times, and without the "
            + "trash and older versions. It can be interrupted and run again.") { target, user, from, replace };
        command.SetAction((parsed, _) => RunAsync(line, "kosha export", parsed.GetRequiredValue(user), (files, ct) =>
        {
            var export = new FolderExport(files.Tree, files.Vault, files.Caller, parsed.GetValue(replace));
            return (export.Tally, export.RunAsync(
                PathOf(parsed.GetRequiredValue(from)), parsed.GetRequiredValue(target), ct));
        }));
        return command;
    }

    private static NodePath PathOf(string text) =>
        NodePath.FromNames([.. text.Split('/', StringSplitOptions.RemoveEmptyEntries)]);

    private sealed record Files(NodeTree Tree, Vault Vault, Caller Caller);

    private static Task<int> RunAsync(
        CommandLine line, string what, string user,
        Func<Files, CancellationToken, (TransferTally Tally, Task Work)> begin) =>
        line.RunAsync(what, async (installation, ct) =>
        {
            var found = await installation.Users.FindPasswordAsync(user, ct)
                ?? throw new OperatorException($"There is no user '{user}', or it is disabled.");
            using var blobs = await BlobStorage.OpenAsync(line.Options, ct);
            await new InstallationTable(installation.Database).RequireOwnAsync(blobs, ct);
            var tree = WebHost.TreeOf(line.Options, installation.Database);
            var vault = new Vault(installation.Database, tree, blobs, BlobStorage.OpenSpool(line.Options));
            var (tally, work) = begin(new(tree, vault, new(found.UserId, found.CredentialStamp)), ct);
            return await FinishAsync(tally, work);
        });

    private static async Task<int> FinishAsync(TransferTally tally, Task work)
    {
        try
        {
            await new TransferProgress(tally, TimeProvider.System).ShowAsync(work);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OperatorException(e.Message, e);
        }
        finally
        {
            foreach (var problem in tally.Problems.Shown)
                await Console.Error.WriteLineAsync($"  {problem}");
            if (tally.Problems.Count > tally.Problems.Shown.Count)
                await Console.Error.WriteLineAsync(
                    $"  and {tally.Problems.Count - tally.Problems.Shown.Count} more");
        }
        return tally.Problems.Count == 0 ? 0 : 1;
    }
}
