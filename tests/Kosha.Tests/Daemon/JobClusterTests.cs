using Kosha.Daemon.Jobs;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Daemon;

/// <summary>Two daemons over one database: every firing runs once, and one goes on where the other died.</summary>
public sealed class JobClusterTests(SharedPostgres postgres)
{
    private const string EverySecond = "* * * * * ?";
    private const string Never = "0 0 6 1 1 ? 2099";

    /// <summary>As if the time had passed after which a dead one is followed.</summary>
    private const string SqlTimePasses = """
        update job_runs set beat_at = now() - interval '5 minutes' where outcome = 'running';
        update leases set expires_at = now()
        """;

    private string database = "";

    private async Task<T> SqlAsync<T>(string sql) => (T)(await Sql.ExecuteAsync(database, sql))!;

    private Task<long> CountAsync(string where) => SqlAsync<long>($"select count(*) from job_runs where {where}");

    /// <summary>Two daemons of one database and one folder of blobs.</summary>
    private async Task<(KoshaProcess One, KoshaProcess Other)> StartTwoAsync(params (string, string)[] more)
    {
        database = await (await postgres.Durable).NewEmptyDatabaseAsync();
        // Nothing runs by its schedule but what a test wants.
        (string, string)[] settings =
        [
            ("Database:ConnectionString", database),
            .. Job.All.Select(job => ($"Jobs:{job.Name}:Cron", Never)), .. more,
        ];
        var one = await KoshaProcess.StartNewAsync(settings);
        return (one, await KoshaProcess.StartNewAsync(
            [.. settings, ("Blobs:Directory", Path.Combine(one.DataDirectory, "blobs")),
            ("Security:MasterKeyFile", Path.Combine(one.DataDirectory, "master-key"))]));
    }

    [Fact]
    public async Task Every_firing_runs_once_also_while_one_of_them_dies()
    {
        var (one, other) = await StartTwoAsync(("Jobs:expiry:Cron", EverySecond));
        await using var first = one;
        await using var second = other;
        await Eventually.TrueAsync("it runs", async () => await CountAsync("outcome = 'done'") >= 8);
        // Whichever runs it next: the one that stays takes over.
        await one.KillAsync();
        await Sql.ExecuteAsync(database, SqlTimePasses);
        var before = await SqlAsync<long>("select coalesce(max(id), 0) from job_runs");
        await Eventually.TrueAsync(
            "the other one goes on", async () => await CountAsync($"id > {before} and outcome = 'done'") >= 8, 90);
        await other.StopAsync();
        Figures.Show($"{await CountAsync("true")} runs");
        Assert.Equal(0, await CountAsync("fired_at is null and outcome <> 'done'"));
        Assert.Equal(0, await SqlAsync<long>("""
            select count(*) from (
                select fired_at from job_runs where fired_at is not null group by fired_at having count(*) > 1) s
            """));
        // Until the kill no second was left out; the dead one may have taken one along.
        Assert.Equal(0, await SqlAsync<long>($"""
            select (extract(epoch from max(fired_at) - min(fired_at)) + 1 - count(*))::bigint
            from job_runs where id <= {before} and fired_at is not null and outcome = 'done' and fired_at < (
                select coalesce(min(fired_at), 'infinity') from job_runs where outcome <> 'done')
            """));
    }

    [Fact]
    public async Task A_long_run_that_is_killed_is_shown_as_interrupted_and_made_good_by_the_other()
    {
        var (one, other) = await StartTwoAsync();
        await using var first = one;
        await using var second = other;
        var user = await one.NewUserAsync();
        using (var drive = one.Drive(user))
        {
            (await drive.MkcolAsync("top")).Must(201);
            for (var file = 0; file < 3; file++)
            {
                (await drive.MkcolAsync($"top/f{file}")).Must(201);
                (await drive.PutAsync($"top/f{file}/file", "content")).Must(201);
            }
            (await drive.DeleteAsync("top")).Must(204);
        }
        await SqlAsync<long>(
            "update file_nodes set trashed_at = now() - interval '31 days' where trashed_at is not null returning id");
        await one.StopAsync();
        one.CrashAt = "purge.stepped 3";
        await one.StartAsync();
        using var oneAdmin = new ApiClient(one.AdminDrive());
        using var otherAdmin = new ApiClient(other.AdminDrive());
        var run = (await oneAdmin.SendAsync(HttpMethod.Post, "admin/jobs/purge/run")).Must(202).Id;
        await one.WaitForEndAsync();
        Assert.InRange(await SqlAsync<long>("select count(*) from file_nodes where name <> ''"), 1, 6);
        // Nobody else may think that it is over before the time is.
        (await otherAdmin.SendAsync(HttpMethod.Post, "admin/jobs/purge/run")).MustBe("in-use", 409);
        await Sql.ExecuteAsync(database, SqlTimePasses);
        var seen = (await otherAdmin.SendAsync(HttpMethod.Get, "admin/jobs/purge/runs")).Must(200).Nodes("runs");
        Assert.Equal("interrupted", (string)seen.Single(each => (long)each["id"]! == run)["outcome"]!);
        await Eventually.TrueAsync("the other makes it good", async () =>
            await CountAsync("job = 'purge' and outcome = 'done'") == 1, 60);
        Assert.Equal(0, await SqlAsync<long>("select count(*) from file_nodes where name <> ''"));
        Assert.Equal(1, await CountAsync($"id = {run} and outcome = 'interrupted' and ended_at = beat_at"));
        (await other.CommandAsync("fsck")).MustSucceed();
        await other.StopAsync();
    }

    [Fact]
    public async Task A_pause_holds_on_both_and_survives_restarts_and_new_schedules()
    {
        var (one, other) = await StartTwoAsync(("Jobs:totals:Cron", EverySecond));
        await using var first = one;
        await using var second = other;
        await Eventually.TrueAsync("it runs", async () => await CountAsync("job = 'totals'") >= 2);
        (await one.CommandAsync("job", "pause", "totals")).MustSucceed();
        await Eventually.TrueAsync("none runs", async () => await CountAsync("outcome = 'running'") == 0);
        var before = await CountAsync("job = 'totals'");
        Assert.Matches("(?m)^totals .* paused ", (await other.CommandAsync("job", "list")).MustSucceed().Output);
        await one.StopAsync();
        await other.StopAsync();
        await one.StartAsync();
        // The schedule goes on behind it.
        var fired = await SqlAsync<long>("select prev_fire_time from qrtz_triggers where trigger_name = 'totals'");
        await Eventually.TrueAsync("its schedule comes", async () => await SqlAsync<long>(
            "select prev_fire_time from qrtz_triggers where trigger_name = 'totals'") > fired + 20_000_000);
        Assert.Equal(before, await CountAsync("job = 'totals'"));
        (await one.CommandAsync("job", "run", "totals")).MustSucceed();
        Assert.Equal(before + 1, await CountAsync("job = 'totals'"));
        (await one.CommandAsync("job", "resume", "totals")).MustSucceed();
        await Eventually.TrueAsync("it goes on", async () => await CountAsync("job = 'totals'") >= before + 3);
        Assert.Equal("job-pause job-run job-resume", await SqlAsync<string>("""
            select string_agg(action, ' ' order by id) from audit where credential = 'command' and subject = 'totals'
            """));
        await one.StopAsync();
        Assert.DoesNotContain(" ERR ", one.Output, StringComparison.Ordinal);
    }
}
