using System.Diagnostics;
using System.Globalization;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>
/// The purge of a very large folder: bounded transactions, killed twice and taken up again, exact sums at every moment,
/// and other users who hardly notice.
/// </summary>
public sealed class PurgeLoadTests(SharedPostgres postgres)
{
    /// <summary>What a step may take, and the top of what it empties.</summary>
    private const long MaxRowsPerTransaction = 2001;

    private static readonly int Files = TestSize.Pick(5_000, 100_000);

    private string database = "";

    private async Task<long> NumberAsync(string sql) => (long)(await Sql.ExecuteAsync(database, sql))!;

    /// <summary>Rows that transactions removed or marked, counted as they do it.</summary>
    private const string SqlWatch = """
        create table watched (transaction xid8 not null, rows bigint not null);
        create function watch() returns trigger language plpgsql as $$
        begin
            insert into watched select pg_current_xact_id(), count(*) from changed;
            return null;
        end $$;
        create trigger watch_delete after delete on file_nodes referencing old table as changed
            for each statement execute function watch();
        create trigger watch_update after update on file_nodes referencing new table as changed
            for each statement execute function watch();
        """;

    private const string SqlMostRows = """
        select coalesce(max(rows), 0)::bigint from (select sum(rows) as rows from watched group by transaction) s
        """;

    /// <summary>Users whose usage is not the sum, in one statement of one moment.</summary>
    private const string SqlWrong = """
        select count(*) from usage g
        cross join lateral (
            select coalesce(sum(n.size), 0) as bytes, count(*) as nodes from file_nodes n
            where n.user_id = g.user_id and (n.parent_id is not null or n.trashed_at is not null)) s
        cross join lateral (select coalesce(sum(size), 0) as bytes from versions v where v.user_id = g.user_id) v
        where g.bytes <> s.bytes + v.bytes or g.nodes <> s.nodes
        """;

    private Task FillAsync(TestUser user) => Sql.ExecuteAsync(database, string.Create(CultureInfo.InvariantCulture, $"""
        with top as (
            select d.id, d.user_id, f.blob_id, f.size
            from users u join file_nodes d on d.user_id = u.id and d.name = 'top'
            join file_nodes f on f.parent_id = d.id where u.username = '{user.Name}'
        ), made as (
            insert into file_nodes (user_id, parent_id, name, name_folded, is_folder, blob_id, size)
            select user_id, id, 'n' || n, 'n' || n, false, blob_id, size from top, generate_series(2, {Files}) n
            returning user_id, size
        ), sums as (
            select user_id, sum(size) as bytes, count(*) as nodes from made group by user_id
        )
        update usage g set bytes = g.bytes + s.bytes, nodes = g.nodes + s.nodes from sums s
        where g.user_id = s.user_id
        """));

    private async Task TrashAsync(DavClient drive)
    {
        (await drive.MkcolAsync("top")).Must(201);
        (await drive.PutAsync("top/n1", "content")).Must(201);
        await FillAsync(drive.User);
        (await drive.DeleteAsync("top")).Must(204);
        await Sql.ExecuteAsync(
            database, "update file_nodes set trashed_at = now() - interval '31 days' where trashed_at is not null");
    }

    [Fact]
    public async Task A_huge_folder_goes_in_small_steps_through_two_kills_while_others_work()
    {
        database = await (await postgres.Durable).NewEmptyDatabaseAsync();
        (string, string)[] settings =
            [("Database:ConnectionString", database), ("Jobs:purge:Enabled", "false")];
        await using var kosha = await KoshaProcess.StartNewAsync(settings);
        // This one is killed; the other one serves a user meanwhile.
        await using var victim = new KoshaProcess([.. settings,
            ("Blobs:Directory", Path.Combine(kosha.DataDirectory, "blobs")),
            ("Security:MasterKeyFile", Path.Combine(kosha.DataDirectory, "master-key"))]);
        using (var drive = await kosha.NewDriveAsync())
            await TrashAsync(drive);
        await Sql.ExecuteAsync(database, SqlWatch);
        using var bystander = await kosha.NewDriveAsync();
        var quiet = await LatenciesAsync(bystander, () => Task.CompletedTask, least: TestSize.Pick(100, 1000));

        for (var kill = 1; kill <= 2; kill++)
        {
            var killed = await LatenciesAsync(bystander, () => PurgeToTheKillAsync(victim, kill), least: 1);
            Show("while a daemon starts, purges and dies", killed, quiet);
        }
        var busy = await LatenciesAsync(bystander, () => PurgeToTheEndAsync(kosha), least: 1);
        Show("while the purge runs", busy, quiet);
        Assert.Equal(0, await NumberAsync(SqlWrong));
        Assert.Equal(0, await NumberAsync("select count(*) from file_nodes where name like 'n%'"));
        var most = await NumberAsync(SqlMostRows);
        Figures.Show($"at most {most} rows in a transaction");
        Assert.InRange(most, 1000, MaxRowsPerTransaction);
        (await kosha.CommandAsync("fsck")).MustSucceed();
        await kosha.StopAsync();
    }

    private async Task PurgeToTheEndAsync(KoshaProcess kosha)
    {
        using var admin = new ApiClient(kosha.AdminDrive());
        (await admin.SendAsync(HttpMethod.Post, "admin/jobs/purge/run")).Must(202);
        await Eventually.TrueAsync("all is gone", async () => await NumberAsync(
            "select count(*) from job_runs where job = 'purge' and outcome = 'done'") == 1, 600);
    }

    private async Task PurgeToTheKillAsync(KoshaProcess victim, int kill)
    {
        // Each run removes something first.
        victim.CrashAt = "purge.stepped 2";
        await victim.StartAsync();
        using (var admin = new ApiClient(victim.AdminDrive()))
            (await admin.SendAsync(HttpMethod.Post, "admin/jobs/purge/run")).Must(202);
        await victim.WaitForEndAsync();
        var left = await NumberAsync("select count(*) from file_nodes where name like 'n%'");
        Figures.Show($"{left} files are left after {kill} kills");
        Assert.InRange(left, 1, Files - (kill * 1000));
        Assert.Equal(0, await NumberAsync(SqlWrong));
        // As if the time had passed after which a dead one is followed.
        await Sql.ExecuteAsync(database, """
            update job_runs set beat_at = now() - interval '5 minutes' where outcome = 'running';
            update leases set expires_at = now()
            """);
    }

    /// <summary>Milliseconds of one user's requests, one after the other, while something is done.</summary>
    private static async Task<List<double>> LatenciesAsync(
        DavClient drive, Func<Task> meanwhile, int least)
    {
        var found = new List<double>();
        var work = Task.Run(meanwhile);
        for (var round = 0; !work.IsCompleted || found.Count < least; round++)
        {
            var clock = Stopwatch.StartNew();
            (await drive.PutAsync($"file{round % 20}", $"content {round % 50}")).Must(201, 204);
            (await drive.PropfindAsync("", "1")).Must(207);
            (await drive.GetAsync($"file{round % 20}")).Must(200);
            found.Add(clock.Elapsed.TotalMilliseconds / 3);
        }
        await work;
        return found;
    }

    private static void Show(string what, List<double> found, List<double> quiet) =>
        Figures.Show(string.Create(CultureInfo.InvariantCulture,
            $"{what}: a request took {Median(found):F1} ms, {Median(found) / Median(quiet):F2} times the quiet one; "
            + $"{found.Count * 3} requests"));

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
