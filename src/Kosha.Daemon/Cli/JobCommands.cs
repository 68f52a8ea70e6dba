using System.CommandLine;
using System.Globalization;
using Kosha.Daemon.Jobs;
using Kosha.Daemon.Logs;
using Kosha.Storage.Upkeep;
using Serilog.Extensions.Logging;

namespace Kosha.Daemon.Cli;

/// <summary><c>kosha job list|run|pause|resume|history</c></summary>
internal static class JobCommands
{
    private const int MaxRuns = 1000;

    public static Command Create(CommandLine line) => new("job", "Look at the upkeep that runs by a schedule.")
    {
        List(line), Run(line), Pause(line), Resume(line), History(line),
    };

    private static Command List(CommandLine line)
    {
        var command = new Command("list", "The jobs, when they ran last and when they run next (UTC).");
        command.SetAction((_, _) => line.RunAsync("kosha job list", async (installation, ct) =>
        {
            var runs = await new JobRunTable(installation.Database).LastAsync(Job.All.Select(job => job.Name), ct);
            var last = runs.ToDictionary(run => run.Job);
            var paused = await new JobPauseTable(installation.Database).ListAsync(ct);
            var schedules = await new ScheduleTable(installation.Database).FindAllAsync(ct);
            TextTable.Write(Console.Out, ["job", "schedule", "next", "last", "outcome", "what it does"],
                Job.All.Select(job => Row(
                    job, schedules?.Find(stored => stored.Job == job.Name),
                    paused.Exists(pause => pause.Job == job.Name), last.GetValueOrDefault(job.Name))));
            if (schedules is null)
                await Console.Out.WriteLineAsync("Nothing is scheduled yet: that begins with the first 'kosha serve'.");
        }));
        return command;
    }

    private static string[] Row(Job job, StoredSchedule? schedule, bool isPaused, JobRun? last) =>
    [
        job.Name, schedule?.Cron ?? "off", isPaused ? "paused" : Say(schedule?.NextAt), Say(last?.StartedAt),
        Outcome(last), job.What,
    ];

    private static string Outcome(JobRun? run) => run switch
    {
        null => "-",
        { Outcome: "running", Done: { } done, Total: { } total } => string.Create(
            CultureInfo.InvariantCulture, $"running: {run.Step} {done:N0} of {total:N0}"),
        { Outcome: "running", Done: { } done } => string.Create(
            CultureInfo.InvariantCulture, $"running: {run.Step} {done:N0}"),
        _ => run.Outcome,
    };

    private static Command Run(CommandLine line)
    {
        var name = Name();
        var command = new Command(
            "run", "Run a job now, whether the daemon runs or not. Exit code 1 if it needs a person.") { name };
        command.SetAction((parsed, _) => line.RunAsync("kosha job run", async (installation, ct) =>
        {
            using var log = ConsoleLog.ForCommand(line.Options);
            using var loggers = new SerilogLoggerFactory(log);
            using var blobs = await BlobStorage.OpenAsync(line.Options, ct);
            var runs = new JobRuns(
                installation.Database, blobs, line.Options, loggers.CreateLogger<JobRuns>());
            var job = Job.Find(parsed.GetRequiredValue(name))!;
            var result = await runs.FinishAsync(job, await runs.StartByHandAsync(job, caller: null, ct), ct);
            await Console.Out.WriteLineAsync(result.Message);
            return result.IsWell ? 0 : 1;
        }));
        return command;
    }

    private static Argument<string> Name()
    {
        var name = new Argument<string>("job") { Description = "As 'kosha job list' names it." };
        name.AcceptOnlyFromAmong([.. Job.All.Select(job => job.Name)]);
        return name;
    }

    private static Command Pause(CommandLine line)
    {
        var name = Name();
        var command = new Command(
            "pause", "Let a job not run by its schedule, on no daemon and also after a restart, until it is resumed.")
        {
            name,
        };
        command.SetAction((parsed, _) => line.RunAsync("kosha job pause", (installation, ct) =>
            new JobPauseTable(installation.Database).PauseAsync(parsed.GetRequiredValue(name), caller: null, ct)));
        return command;
    }

    private static Command Resume(CommandLine line)
    {
        var name = Name();
        var command = new Command("resume", "Let a paused job run by its schedule again.") { name };
        command.SetAction((parsed, _) => line.RunAsync("kosha job resume", (installation, ct) =>
            new JobPauseTable(installation.Database).ResumeAsync(parsed.GetRequiredValue(name), caller: null, ct)));
        return command;
    }

    private static Command History(CommandLine line)
    {
        var name = new Argument<string?>("job")
        {
            Description = "Only this one.", Arity = ArgumentArity.ZeroOrOne, DefaultValueFactory = _ => null,
        };
        var limit = new Option<int>("--limit")
        {
            Description = $"Runs, at most {MaxRuns}.",
            DefaultValueFactory = _ => 20,
            Validators =
            {
                result =>
                {
                    if (!result.Tokens.All(t => int.TryParse(t.Value, out var runs) && runs is > 0 and <= MaxRuns))
                        result.AddError($"--limit must be a number from 1 to {MaxRuns}.");
                },
            },
        };
        var command = new Command("history", "What the jobs did, the newest first (UTC).") { name, limit };
        command.SetAction((parsed, _) => line.RunAsync("kosha job history", async (installation, ct) =>
        {
            var runs = await new JobRunTable(installation.Database).HistoryAsync(
                parsed.GetValue(name), before: null, parsed.GetValue(limit), ct);
            TextTable.Write(Console.Out, ["job", "started", "took", "outcome", "where", "message"],
                runs.Select(run => new[]
                {
                    run.Job, Say(run.StartedAt), Took(run), Outcome(run), run.Node, run.Message ?? "",
                }));
        }));
        return command;
    }

    private static string Took(JobRun run) => string.Create(CultureInfo.InvariantCulture, $"{run.Seconds:F1} s");

    private static string Say(DateTime? time) =>
        time?.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) ?? "-";
}
