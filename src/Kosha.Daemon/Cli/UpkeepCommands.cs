using System.CommandLine;
using Kosha.Storage.Upkeep;

namespace Kosha.Daemon.Cli;

/// <summary><c>kosha fsck</c> and <c>kosha migrate</c></summary>
internal static class UpkeepCommands
{
    public static Command Fsck(CommandLine line)
    {
        var command = new Command("fsck", "Check the tree, the usage and the bytes of every blob. Changes nothing.");
        command.SetAction((_, _) => line.RunAsync("kosha fsck", async (installation, ct) =>
        {
            var blobs = await BlobStorage.OpenAsync(line.Options, serves: false, ct);
            return await new Fsck(installation.Database, blobs).RunAsync(Console.Out, ct) ? 0 : 1;
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
