using System.CommandLine;
using System.Globalization;
using Kosha.Storage;
using Kosha.Storage.Blobs;
using Kosha.Storage.Upkeep;

namespace Kosha.Daemon.Cli;

/// <summary><c>kosha blobs sweep|reconcile|scrub|adopt</c></summary>
internal static class BlobCommands
{
    public static Command Create(CommandLine line) => new("blobs", "Look after the stored bytes.")
    {
        Sweep(line), Reconcile(line), Scrub(line), Adopt(line),
    };

    private static Option<double> Grace() => new("--grace-hours")
    {
        Description = "Leave alone what is younger. Nothing is lost with a shorter time; a running upload of the same "
            + "content may have to store its bytes once more.",
        DefaultValueFactory = _ => Storage.Upkeep.Sweep.DefaultGrace.TotalHours,
        Validators =
        {
            result =>
            {
                if (!result.Tokens.All(t => double.TryParse(t.Value, out var hours) && hours is >= 0 and <= 8760))
                    result.AddError("--grace-hours must be a number from 0 to 8760.");
            },
        },
    };

    private static Command Sweep(CommandLine line)
    {
        var grace = Grace();
        var command = new Command(
            "sweep", "Remove contents that no file has any more, in two steps a grace time apart.") { grace };
        command.SetAction((parsed, _) => RunAsync(line, "kosha blobs sweep", async (database, blobs, ct) =>
        {
            var swept = await new Sweep(database, blobs).RunAsync(TimeSpan.FromHours(parsed.GetValue(grace)), ct);
            Print(
                (swept.Condemned, "contents condemned: nothing names them; they wait for the grace time"),
                (swept.Acquitted, "condemned contents named again"), (swept.Removed, "contents removed"),
                (swept.Deleted, "objects deleted"), (swept.Forgotten, "keys free again"));
            if (swept.Unreconciled)
                await Console.Out.WriteLineAsync("Nothing was deleted: database and store were joined anew, and "
                    + "'kosha blobs reconcile' has not gone through since.");
            return 0;
        }));
        return command;
    }

    private static Command Reconcile(CommandLine line)
    {
        var grace = Grace();
        var yes = new Option<bool>("--yes")
        {
            Description = "Go on even if more than one in a hundred blobs or objects has no counterpart.",
        };
        var command = new Command(
            "reconcile", "Compare the rows with the objects in the store, both ways.") { grace, yes };
        command.SetAction((parsed, _) => RunAsync(line, "kosha blobs reconcile", async (database, blobs, ct) =>
            await PrintAsync(await new Reconcile(database, blobs).RunAsync(
                TimeSpan.FromHours(parsed.GetValue(grace)), parsed.GetValue(yes), ct))));
        return command;
    }

    private static async Task<int> PrintAsync(ReconcileResult found)
    {
        Print(
            (found.Listed, "objects in the store"),
            (found.Missing.Count,
                "contents without their object" + (found.Stopped is null ? ", marked as damaged" : "")),
            (found.Foreign, "objects without a row"), (found.Deleted, "of these deleted"),
            (found.Late, "objects of uploads that are over deleted"),
            (found.Strange.Count, "objects that are not Kosha's, left alone"));
        foreach (var example in found.Missing.Shown.Concat(found.Strange.Shown))
            await Console.Out.WriteLineAsync($"  {example}");
        if (found is { IsFirstOfEpoch: true, Stopped: null, Foreign: > 0 })
            await Console.Out.WriteLineAsync("Objects without a row were left this time: it was the first reconcile "
                + "since database and store were joined anew. The next one deletes them.");
        if (found.Stopped is null)
            return found.Missing.Count == 0 ? 0 : 1;
        await Console.Error.WriteLineAsync($"Stopped, and nothing was changed: {found.Stopped}. That is more than one "
            + "in a hundred: is this the right store, and is all of it there? If it is, run it again with --yes.");
        return 1;
    }

    private static Command Scrub(CommandLine line)
    {
        var share = new Option<double>("--percent")
        {
            Description = "Of all contents, going on where the last scrub stopped.",
            DefaultValueFactory = _ => 100,
            Validators =
            {
                result =>
                {
                    if (!result.Tokens.All(t => double.TryParse(t.Value, out var percent) && percent is > 0 and <= 100))
                        result.AddError("--percent must be a number above 0 and at most 100.");
                },
            },
        };
        var command = new Command("scrub", "Read stored contents and hash them anew; mark what is wrong.") { share };
        command.SetAction((parsed, _) => RunAsync(line, "kosha blobs scrub", async (database, blobs, ct) =>
        {
            var found = await new Scrub(database, blobs).RunAsync(parsed.GetValue(share) / 100, ct);
            Print(
                (found.Blobs, "contents read"), (found.Bytes, "bytes read"),
                (found.Damaged.Count, "found damaged; uploading the same content again heals it"),
                (found.Recovered, "were damaged and are whole again"),
                (found.Unreadable.Count, "could not be read now"));
            foreach (var problem in found.Damaged.Shown.Concat(found.Unreadable.Shown))
                await Console.Out.WriteLineAsync($"  {problem}");
            return found.Damaged.Count + found.Unreadable.Count == 0 ? 0 : 1;
        }));
        return command;
    }

    private static Command Adopt(CommandLine line)
    {
        var command = new Command("adopt", "Join this database and this store after one of them was restored or "
            + "replaced. Nothing is deleted until 'kosha blobs reconcile' went through.");
        command.SetAction((_, _) => line.RunAsync("kosha blobs adopt", async (installation, ct) =>
        {
            using var blobs = await BlobStorage.OpenToAdoptAsync(line.Options, ct);
            var identity = await new InstallationTable(installation.Database).AdoptAsync(blobs, ct);
            await Console.Out.WriteLineAsync($"Joined, in epoch {identity.Epoch}. Now run 'kosha blobs reconcile'.");
        }));
        return command;
    }

    private static Task<int> RunAsync(
        CommandLine line, string what, Func<Database, IBlobStore, CancellationToken, Task<int>> work) =>
        line.RunAsync(what, async (installation, ct) =>
        {
            using var blobs = await BlobStorage.OpenAsync(line.Options, ct);
            return await work(installation.Database, blobs, ct);
        });

    private static void Print(params (long Count, string What)[] lines)
    {
        foreach (var (count, what) in lines)
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count,16:N0}  {what}"));
    }
}
