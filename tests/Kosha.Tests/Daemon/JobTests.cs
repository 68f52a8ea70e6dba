using Dapper;
using Kosha.Daemon.Jobs;
using Kosha.Tests.Infrastructure;
using Npgsql;
using Xunit;

namespace Kosha.Tests.Daemon;

/// <summary>Upkeep by schedule and by hand, with the real daemon.</summary>
public sealed class JobTests(SharedPostgres postgres)
{
    private const string EverySecond = "* * * * * ?";

    private static async Task<T> SqlAsync<T>(string connectionString, string sql)
    {
        await using var source = NpgsqlDataSource.Create(connectionString);
        await using var command = source.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    private const string SqlTrashIsOld =
        "update file_nodes set trashed_at = now() - interval '31 days' where trashed_at is not null returning id";

    private const string SqlPurgesDone = "select count(*) from job_runs where job = 'purge' and outcome = 'done'";

    private static async Task TrashAnOldFileAsync(KoshaProcess kosha, string database)
    {
        using var drive = await kosha.NewDriveAsync();
        (await drive.PutAsync("file", "content")).Must(201);
        (await drive.DeleteAsync("file")).Must(204);
        await SqlAsync<long>(database, SqlTrashIsOld);
    }

    [Fact]
    public async Task The_schedule_purges_the_trash_and_one_daemon_of_two_does_it()
    {
        var database = await (await postgres.Durable).NewEmptyDatabaseAsync();
        (string, string)[] settings =
            [("Database:ConnectionString", database), ("Jobs:purge:Cron", EverySecond)];
        await using var kosha = await KoshaProcess.StartNewAsync(settings);
        await using var other = await KoshaProcess.StartNewAsync(
            [.. settings, ("Blobs:Directory", Path.Combine(kosha.DataDirectory, "blobs")),
            ("Security:MasterKeyFile", Path.Combine(kosha.DataDirectory, "master-key"))]);
        await TrashAnOldFileAsync(kosha, database);
        await Eventually.TrueAsync("the schedule purges", async () =>
            await SqlAsync<long>(database, "select count(*) from file_nodes where trashed_at is not null") == 0);
        await Eventually.TrueAsync("it goes on", async () => await SqlAsync<long>(database, SqlPurgesDone) >= 5);
        // More runs than seconds would be two daemons at one firing. Quartz counts in ticks from the year 1.
        Assert.True(await SqlAsync<bool>(database, """
            select (select count(*) from job_runs where job = 'purge')
                <= extract(epoch from now()) - (start_time - 621355968000000000) / 10000000 + 1
            from qrtz_triggers where trigger_name = 'purge'
            """));
        Assert.Equal(0L, await SqlAsync<long>(
            database, "select count(*) from job_runs where outcome not in ('done', 'running')"));
        await other.StopAsync();
        await kosha.StopAsync();
        Assert.DoesNotContain(" ERR ", kosha.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stop_in_the_middle_of_a_job_is_no_error()
    {
        var database = await (await postgres.Durable).NewEmptyDatabaseAsync();
        await using var kosha = await KoshaProcess.StartNewAsync(
            [("Database:ConnectionString", database), ("Jobs:purge:Cron", EverySecond)]);
        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await connection.ExecuteAsync("lock table job_runs", transaction: transaction);
        await Eventually.TrueAsync("a job waits", async () => await SqlAsync<long>(
            database, "select count(*) from pg_locks where relation = 'job_runs'::regclass and not granted") > 0);
        await kosha.StopAsync();
        Assert.DoesNotContain(" ERR ", kosha.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_that_nobody_was_there_for_is_made_up_for_and_a_new_schedule_counts()
    {
        var database = await (await postgres.Durable).NewEmptyDatabaseAsync();
        (string, string)[] shared = [("Database:ConnectionString", database)];
        await using var kosha = await KoshaProcess.StartNewAsync(
            [.. shared, ("Jobs:scrub:Cron", "0 0 5 * * ?"), ("Jobs:purge:Cron", "0 0 6 1 1 ? 2099")]);
        await Eventually.TrueAsync("all are scheduled", async () =>
            await SqlAsync<long>(database, "select count(*) from qrtz_triggers") == Job.All.Count);
        await kosha.StopAsync();
        // As if it had been off at five. Three firings were missed, and it is due tomorrow again.
        await SqlAsync<string>(database, """
            update qrtz_triggers set next_fire_time = next_fire_time - 3 * 864000000000 where trigger_name = 'scrub'
            returning trigger_name
            """);
        await using var again = await KoshaProcess.StartNewAsync([.. shared,
            ("Blobs:Directory", Path.Combine(kosha.DataDirectory, "blobs")),
            ("Security:MasterKeyFile", Path.Combine(kosha.DataDirectory, "master-key")),
            ("Jobs:scrub:Cron", "0 0 5 * * ?"),
            ("Jobs:purge:Cron", EverySecond), ("Jobs:sweep:Enabled", "false")]);
        await Eventually.TrueAsync("the missed run is made up for", async () => await SqlAsync<long>(
            database, "select count(*) from job_runs where job = 'scrub' and outcome = 'done'") == 1, seconds: 90);
        await Eventually.TrueAsync("the new schedule counts", async () =>
            await SqlAsync<long>(database, SqlPurgesDone) >= 2);
        Assert.Equal(1L, await SqlAsync<long>(database, "select count(*) from job_runs where job = 'scrub'"));
        Assert.True(await SqlAsync<bool>(database, """
            select next_fire_time > extract(epoch from now()) * 10000000 + 621355968000000000
            from qrtz_triggers where trigger_name = 'scrub'
            """));
        Assert.Equal(0L, await SqlAsync<long>(
            database, "select count(*) from qrtz_triggers where trigger_name = 'sweep'"));
        await again.StopAsync();
    }

    [Fact]
    public async Task Jobs_can_be_listed_run_by_hand_and_looked_up()
    {
        var database = await (await postgres.Durable).NewEmptyDatabaseAsync();
        // The daemon's settings, which commands need not have.
        await using var kosha = new KoshaProcess(("Database:ConnectionString", database),
            ("Jobs:scrub:Cron", "0 0 6 1 1 ? 2099"), ("Jobs:sweep:Enabled", "false"));
        var before = (await kosha.CommandAsync("job", "list")).MustSucceed().Output;
        Assert.Contains("Nothing is scheduled yet", before, StringComparison.Ordinal);
        await kosha.StartAsync();
        await Eventually.TrueAsync("all are scheduled", async () =>
            await SqlAsync<long>(database, "select count(*) from qrtz_triggers") == Job.All.Count - 1);
        var list = (await kosha.CommandAsync("job", "list")).MustSucceed().Output;
        foreach (var line in (string[])[@"purge +0 10 \* \* \* \? +\d{4}-", "sweep +off +- ", "reconcile +0 0 4 ",
            @"scrub +0 0 6 1 1 \? 2099 +2099-01-01 06:00:00 ", "digests +0 40 "])
            Assert.Matches($"(?m)^{line}", list);
        Assert.DoesNotContain("Nothing is scheduled yet", list, StringComparison.Ordinal);
        await TrashAnOldFileAsync(kosha, database);
        var run = (await kosha.CommandAsync("job", "run", "purge")).MustSucceed();
        Assert.Equal("1 files and folders removed, 7 bytes.", run.Output.Trim());
        await kosha.StopAsync();
        (await kosha.CommandAsync("job", "run", "scrub")).MustSucceed();
        var history = (await kosha.CommandAsync("job", "history")).MustSucceed().Output.Trim().Split('\n');
        Assert.Equal(3, history.Length);
        Assert.StartsWith("scrub", history[1], StringComparison.Ordinal);
        Assert.Contains("1 files and folders removed", history[2], StringComparison.Ordinal);
        Assert.Equal(1, (await kosha.CommandAsync("job", "run", "nonsense")).ExitCode);
    }

    [Fact]
    public async Task A_job_that_fails_stands_in_the_history_and_in_the_exit_code()
    {
        var database = await (await postgres.Durable).NewEmptyDatabaseAsync();
        await using var kosha = await KoshaProcess.StartNewAsync([("Database:ConnectionString", database)]);
        using var drive = await kosha.NewDriveAsync();
        (await drive.PutAsync("file", "content")).Must(201);
        var blobs = Path.Combine(kosha.DataDirectory, "blobs");
        var file = Directory.EnumerateFiles(blobs, "*", SearchOption.AllDirectories)
            .Single(path => Path.GetFileName(path).Length == 64);
        await File.WriteAllTextAsync(file, "CONTENT");
        Assert.Equal(1, (await kosha.CommandAsync("job", "run", "scrub")).ExitCode);
        Assert.Contains("1 damaged", (await kosha.CommandAsync("job", "history", "scrub")).MustSucceed().Output,
            StringComparison.Ordinal);
    }
}
