using System.CommandLine;
using Kosha.Storage.Upkeep;

namespace Kosha.Daemon.Cli;

/// <summary><c>kosha fsck</c> and <c>kosha migrate</c></summary>
internal static class UpkeepCommands
{
    public static Command Fsck(CommandLine line)
    {
        var repair = new Option<bool>("--repair")
        {
            Description = "First mend what can be proven: sums, states of contents, missing roots. Deletes nothing.",
        };
        var quick = new Option<bool>("--quick") { Description = "Compare sizes in the store and read no bytes." };
        var command = new Command(
            "fsck", "Check every promise: the tree, the usage, the bytes of every blob. Exit code 1 if one is broken.")
        {
            repair, quick,
        };
        command.SetAction((parsed, _) => line.RunAsync("kosha fsck", async (installation, ct) =>
        {
            using var blobs = await BlobStorage.OpenAsync(line.Options, ct);
            var options = new FsckOptions { Repair = parsed.GetValue(repair), Quick = parsed.GetValue(quick) };
            return await new Fsck(installation.Database, blobs, Console.Out).RunAsync(options, ct) ? 0 : 1;
        }));
        return command;
    }

    public static Command Migrate(CommandLine line)
    {
        var command = new Command("migrate", "Bring the database's schema up to this program's version.");
        command.SetAction((_, _) => line.RunAsync("kosha migrate", async (installation, _) =>
        {
            foreach (var name in installation.Migrated)
                await Console.Out.WriteLineAsync($"Applied {name}.");
            await Console.Out.WriteLineAsync("The schema is up to date.");
        }));
        return command;
    }
}
