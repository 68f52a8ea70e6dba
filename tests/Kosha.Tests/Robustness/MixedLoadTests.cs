using System.Globalization;
using Kosha.Daemon.Jobs;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>Everything at once, with every job every few seconds: no error, exact sums, flat memory.</summary>
public sealed class MixedLoadTests(SharedPostgres postgres)
{
    private const int Users = 3;

    /// <summary>Of a daemon: those of its pool.</summary>
    private const long MaxConnections = 42;

    private static readonly TimeSpan Duration = TestSize.Pick(TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(30));

    /// <summary>Other tests run beside this one.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(TestSize.Pick(200, 20));

    private sealed record Sample(long Kilobytes, long Connections);

    private string database = "";

    private async Task<T> SqlAsync<T>(string sql) => (T)(await Sql.ExecuteAsync(database, sql))!;

    [Fact]
    public async Task Mixed_load_beside_all_jobs_brings_no_error_and_leaves_all_exact()
    {
        database = await (await postgres.Durable).NewEmptyDatabaseAsync();
        await using var kosha = await KoshaProcess.StartNewAsync(
        [
            ("Database:ConnectionString", database),
            .. Job.All.Select((job, index) => ($"Jobs:{job.Name}:Cron", Cron(index))),
        ]);
        // Half of what is deleted goes for good at once.
        await Sql.ExecuteAsync(
            database, "insert into plans (name, max_bytes, trash_days, version_days) values ('short', 1e10, 0, 0)");
        var drives = new List<DavClient>();
        for (var user = 0; user < Users; user++)
            drives.Add(kosha.Drive(await kosha.NewUserAsync(user % 2 == 0 ? "short" : "default")));
        var load = new MixedLoad(new(TestSeed.Next()), Pause);
        using var admin = kosha.AdminDrive();
        using var over = new CancellationTokenSource(Duration);
        var samples = SampleAsync(kosha.Pid, over.Token);
        await load.RunAsync(drives, admin, over.Token);
        foreach (var answer in load.Answers)
            Figures.Show(answer);
        Assert.True(load.Wrong.Count == 0, string.Join('\n', load.Wrong.Take(20)));
        RequireFlat(await samples);
        await RequireJobsAsync();
        (await kosha.CommandAsync("fsck")).MustSucceed();
        await kosha.StopAsync();
        Assert.DoesNotContain(" ERR ", kosha.Output, StringComparison.Ordinal);
        drives.ForEach(drive => drive.Dispose());
    }

    /// <summary>Every two to six seconds.</summary>
    private static string Cron(int index) =>
        string.Create(CultureInfo.InvariantCulture, $"0/{2 + (index % 5)} * * * * ?");

    private async Task<List<Sample>> SampleAsync(int pid, CancellationToken over)
    {
        var samples = new List<Sample>();
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1));
        while (!over.IsCancellationRequested)
        {
            samples.Add(new(ProcessTree.KilobytesOf(pid, "VmRSS"), await SqlAsync<long>("""
                select count(*) from pg_stat_activity
                where datname = current_database() and application_name = 'kosha'
                """)));
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }
        return samples;
    }

    /// <summary>The last quarter of the time against the second, in which all is warm.</summary>
    private static void RequireFlat(List<Sample> samples)
    {
        var quarter = samples.Count / 4;
        var (warm, last) = (MegabytesOf(samples[quarter..(2 * quarter)]), MegabytesOf(samples[^quarter..]));
        var most = samples.Max(sample => sample.Connections);
        Figures.Show(string.Create(
            CultureInfo.InvariantCulture, $"memory: {warm:F0} MB warm, {last:F0} MB at the end; {most} connections"));
        Assert.InRange(last, 1, (warm * 1.25) + 50);
        Assert.InRange(most, 1, MaxConnections);
    }

    private static double MegabytesOf(List<Sample> samples) => samples.Average(sample => sample.Kilobytes) / 1000;

    private async Task RequireJobsAsync()
    {
        foreach (var job in Job.All)
            Assert.True(await SqlAsync<long>(
                $"select count(*) from job_runs where job = '{job.Name}' and outcome = 'done'") >= 3, job.Name);
        // The end of an account is a purge and an expiry of uploads, too, which find each other at work.
        Assert.Equal("", await SqlAsync<string>("""
            select coalesce(string_agg(format('%s: %s %s', job, outcome, message), E'\n'), '') from job_runs
            where outcome not in ('done', 'running')
              and not (outcome = 'skipped' and job in ('delete-accounts', 'purge', 'upload-expiry'))
            """));
        Assert.True(await SqlAsync<long>("select count(*) from users where username like 'g%'") <= 20);
    }
}
