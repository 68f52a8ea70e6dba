using Kosha.Storage.Upkeep;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Upkeep;

/// <summary>A job runs once at a time and once for each firing, and whoever died is followed.</summary>
public sealed class JobRunTableTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private const string Job = "purge";

    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly DateTime Firing = new(2026, 11, 20, 8, 10, 0, DateTimeKind.Utc);

    private JobRunTable Runs => new(Storage.Database);

    private JobPauseTable Pauses => new(Storage.Database);

    private Task<long?> StartAsync(DateTime? firedAt = null) => Runs.StartAsync(Job, "node/1", firedAt, null, None);

    private Task EndAsync(long? id) => Runs.EndAsync(
        id!.Value, new("done", "All of it.", new Dictionary<string, long> { ["removed"] = 12 }));

    private async Task<JobRun> LastAsync() => (await Runs.LastAsync([Job], None)).Single();

    private Task LetDieAsync() => Storage.ExecuteAsync(
        "update job_runs set beat_at = now() - interval '3 minutes' where outcome = 'running'");

    [Fact]
    public async Task Of_many_starts_at_once_one_runs()
    {
        var starts = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => StartAsync()));
        var id = Assert.Single(starts, start => start is not null);
        Assert.Null(await StartAsync(Firing));
        await EndAsync(id);
        Assert.NotNull(await StartAsync());
    }

    [Fact]
    public async Task A_firing_runs_once()
    {
        await EndAsync(await StartAsync(Firing));
        Assert.Null(await StartAsync(Firing));
        Assert.NotNull(await StartAsync(Firing.AddHours(1)));
    }

    [Fact]
    public async Task A_paused_job_runs_by_hand_alone()
    {
        await Pauses.PauseAsync(Job, User.Caller, None);
        await Pauses.PauseAsync(Job, caller: null, None);
        Assert.Equal("user1", Assert.Single(await Pauses.ListAsync(None)).PausedBy);
        Assert.Null(await StartAsync(Firing));
        await EndAsync(await StartAsync());
        await Pauses.ResumeAsync(Job, User.Caller, None);
        await Pauses.ResumeAsync(Job, User.Caller, None);
        await EndAsync(await StartAsync(Firing));
        Assert.Equal(["job-pause", "job-resume"],
            await Storage.SqlAsync<string[]>("select array_agg(action order by id) from audit"));
    }

    [Fact]
    public async Task A_run_says_how_far_it_has_come_and_what_came_of_it()
    {
        var id = await StartAsync(Firing);
        await Runs.BeatAsync(id!.Value, new("reading", 3, 7), None);
        var running = await LastAsync();
        Assert.Equal(("running", "reading", 3L, 7L), (running.Outcome, running.Step, running.Done, running.Total));
        Assert.Equal((Firing, null), (running.FiredAt, running.EndedAt));
        await EndAsync(id);
        await Runs.BeatAsync(id.Value, new("late", 9, 9), None);
        var ended = await LastAsync();
        Assert.Equal(("done", "reading", """{"removed": 12}"""), (ended.Outcome, ended.Step, ended.Counts));
        Assert.Equal((ended.EndedAt!.Value - ended.StartedAt).TotalSeconds, ended.Seconds, tolerance: 0.001);
    }

    [Fact]
    public async Task A_run_whose_process_died_is_interrupted_and_makes_way()
    {
        var id = await StartAsync(Firing);
        Assert.Empty(await Runs.DiedAsync(None));
        await LetDieAsync();
        Assert.Equal([Job], await Runs.DiedAsync(None));
        var dead = await LastAsync();
        Assert.Equal("interrupted", dead.Outcome);
        Assert.NotNull(dead.EndedAt);
        // It only seemed so: a beat, and it lives.
        await Runs.BeatAsync(id!.Value, null, None);
        Assert.Equal("running", (await LastAsync()).Outcome);
        await LetDieAsync();
        Assert.NotNull(await StartAsync());
        Assert.Equal(["running", "interrupted"],
            (await Runs.HistoryAsync(Job, null, 10, None)).Select(run => run.Outcome));
        Assert.Empty(await Runs.DiedAsync(None));
    }

    [Fact]
    public async Task What_died_twice_waits_for_its_firing_and_the_dead_say_nothing_more()
    {
        var first = await StartAsync(Firing);
        await LetDieAsync();
        Assert.Equal([Job], await Runs.DiedAsync(None));
        var second = await StartAsync();
        await EndAsync(first);
        Assert.Equal("interrupted", (await Runs.HistoryAsync(Job, before: second, 10, None)).Single().Outcome);
        await LetDieAsync();
        Assert.Empty(await Runs.DiedAsync(None));
        Assert.NotNull(await StartAsync(Firing.AddHours(1)));
    }

    [Fact]
    public async Task The_history_goes_back_page_by_page_and_two_hundred_runs()
    {
        await Storage.ExecuteAsync($"""
            insert into job_runs (job, node, outcome, ended_at) select '{Job}', 'n', 'done', now()
            from generate_series(1, 250)
            """);
        await EndAsync(await StartAsync());
        var (seen, before) = (0, (long?)null);
        while (await Runs.HistoryAsync(Job, before, 70, None) is { Count: > 0 } page)
        {
            Assert.All(page, run => Assert.True(before is null || run.Id < before));
            (seen, before) = (seen + page.Count, page[^1].Id);
        }
        Assert.Equal(200, seen);
        Assert.Empty(await Runs.HistoryAsync("other", null, 10, None));
    }
}
