using System.ComponentModel;
using System.Globalization;
using System.Text.Json;
using Kosha.Daemon.Jobs;
using Kosha.Storage;
using Kosha.Storage.Upkeep;

namespace Kosha.Daemon.Api;

/// <summary><c>/api/admin/jobs</c>: what runs by schedule, when it ran, and what came of it.</summary>
internal sealed class JobEndpoints(JobRunTable runs, JobPauseTable pauses, ScheduleTable schedules, JobStarts starts)
{
    private const string Route = ApiErrors.Path + "/admin/jobs";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<JobEndpoints>();
        var group = routes.MapGroup(Route).WithTags("Administration: jobs").For(ApiAccess.Admin)
            .ProducesProblem(401).ProducesProblem(403).ProducesProblem(429).ProducesProblem(503);
        group.MapGet("", (Delegate)self.ListAsync).WithSummary("All jobs: when they run, and their newest runs")
            .Produces<JobList>().WithAnswerExample(200, JobExamples.Jobs);
        group.MapGet("{name}/runs", self.RunsAsync).WithSummary("What a job did, the newest first, page by page")
            .Produces<JobRunList>().ProducesProblem(400).ProducesProblem(404)
            .WithAnswerExample(200, JobExamples.Runs);
        group.MapPost("{name}/run", self.RunAsync)
            .WithSummary("Starts a job now, also one that is paused; 409: it runs already")
            .Produces<StartedRunAnswer>(202).ProducesProblem(404).ProducesProblem(409)
            .WithAnswerExample(202, JobExamples.StartedRun);
        group.MapPost("{name}/pause", self.PauseAsync)
            .WithSummary("Lets a job not run by its schedule, on no daemon, until it is resumed")
            .Produces(204).ProducesProblem(404);
        group.MapPost("{name}/resume", self.ResumeAsync).WithSummary("Lets a paused job run by its schedule again")
            .Produces(204).ProducesProblem(404);
    }

    private static Job Find(string name) =>
        Job.Find(name) ?? throw new StorageException(StorageFault.NotFound, "There is no such job.");

    private async Task<IResult> ListAsync(HttpContext http)
    {
        var ct = http.RequestAborted;
        var last = (await runs.LastAsync(Job.All.Select(job => job.Name), ct)).ToDictionary(run => run.Job);
        var paused = (await pauses.ListAsync(ct)).ToDictionary(pause => pause.Job);
        var stored = (await schedules.FindAllAsync(ct) ?? []).ToDictionary(schedule => schedule.Job);
        return Results.Ok(new JobList([.. Job.All.Select(job => Describe(
            job, stored.GetValueOrDefault(job.Name), paused.GetValueOrDefault(job.Name),
            last.GetValueOrDefault(job.Name)))]));
    }

    private static JobAnswer Describe(Job job, StoredSchedule? schedule, JobPause? pause, JobRun? last) => new()
    {
        Name = job.Name,
        What = job.What,
        Cron = schedule?.Cron,
        Next = pause is null ? schedule?.NextAt : null,
        Paused = pause?.PausedAt,
        PausedBy = pause?.PausedBy,
        Last = last is null ? null : Describe(last),
    };

    private static JobRunAnswer Describe(JobRun run) => new()
    {
        Id = run.Id,
        Started = run.StartedAt,
        Ended = run.EndedAt,
        Seconds = Math.Round(run.Seconds, 3),
        Outcome = run.Outcome,
        Due = run.FiredAt,
        Node = run.Node,
        Message = run.Message,
        Step = run.Step,
        Done = run.Done,
        Total = run.Total,
        Counts = run.Counts is null ? null : JsonSerializer.Deserialize<Dictionary<string, long>>(run.Counts),
    };

    private async Task<IResult> RunsAsync(
        string name, HttpContext http,
        [Description("Runs in a page, 1 to 200; 100 if it is left out.")] int? limit = null,
        [Description("The next of the page before.")] string? cursor = null)
    {
        var list = "runs of " + Find(name).Name;
        var most = PageCursor.Limit(limit, most: 200);
        var page = await runs.HistoryAsync(name, ReadCursor(cursor, list), most, http.RequestAborted);
        return Results.Ok(new JobRunList([.. page.Select(Describe)],
            page.Count < most ? null : PageCursor.Write(list, page[^1].Id.ToString(CultureInfo.InvariantCulture))));
    }

    /// <summary>The id before which the page begins.</summary>
    private static long? ReadCursor(string? cursor, string list) => PageCursor.Read(cursor, list, 1) switch
    {
        null => null,
        [var text] when long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var id) => id,
        _ => throw RequestValues.Invalid("The cursor is not one of this list."),
    };

    private async Task<IResult> RunAsync(string name, HttpContext http)
    {
        var job = Find(name);
        var id = await starts.StartAsync(job, ApiCaller.Of(http), http.RequestAborted);
        return Results.Accepted($"{Route}/{job.Name}/runs", new StartedRunAnswer(id));
    }

    private async Task<IResult> PauseAsync(string name, HttpContext http)
    {
        await pauses.PauseAsync(Find(name).Name, ApiCaller.Of(http), http.RequestAborted);
        return Results.NoContent();
    }

    private async Task<IResult> ResumeAsync(string name, HttpContext http)
    {
        await pauses.ResumeAsync(Find(name).Name, ApiCaller.Of(http), http.RequestAborted);
        return Results.NoContent();
    }
}
