using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Daemon;

/// <summary>The private Postgres of a real daemon: killed, stopped, restarted, shared with commands.</summary>
public sealed class PrivateClusterTests
{
    [Fact]
    public async Task A_killed_Postgres_comes_back_under_a_running_daemon()
    {
        await using var kosha = await KoshaProcess.StartNewAsync();
        using (var drive = kosha.AdminDrive())
        {
            (await drive.PutAsync("before", "1")).Must(201);
            var killed = kosha.PostmasterPid!.Value;
            ProcessTree.Signal(killed, ProcessTree.SigKill);
            await Eventually.TrueAsync("a new Postgres runs", () => kosha.PostmasterPid is { } pid && pid != killed);
            await Eventually.TrueAsync("Kosha is ready again", () => IsReadyAsync(kosha));
            Assert.Equal("1", (await drive.GetAsync("before")).Must(200).Text);
            (await drive.PutAsync("after", "2")).Must(201);
        }
        await kosha.StopAsync();
    }

    private static async Task<bool> IsReadyAsync(KoshaProcess kosha)
    {
        using var client = new HttpClient();
        using var response = await client.GetAsync(new Uri(kosha.Url, "readyz"));
        return response.IsSuccessStatusCode;
    }

    [Fact]
    public async Task A_start_right_after_a_kill_waits_for_the_old_Postgres()
    {
        await using var kosha = await KoshaProcess.StartNewAsync();
        ProcessTree.Signal(kosha.Pid, ProcessTree.SigKill);
        await kosha.WaitForEndAsync();
        await kosha.StartAsync();
        Assert.True(await IsReadyAsync(kosha));
        await kosha.StopAsync();
    }

    [Fact]
    public async Task A_process_id_left_behind_by_another_life_does_not_matter()
    {
        await using var kosha = await KoshaProcess.StartNewAsync();
        await kosha.StopAsync();
        // As after a crash in a container, where the same ids mean other processes in the next life.
        File.WriteAllText(Path.Combine(kosha.DataDirectory, "postgres", "postmaster.pid"),
            $"{Environment.ProcessId}\n{kosha.DataDirectory}/postgres\n");
        await kosha.StartAsync();
        await kosha.StopAsync();
    }

    [Fact]
    public async Task Commands_work_while_the_daemon_runs_and_while_it_does_not()
    {
        await using var kosha = new KoshaProcess();
        (await kosha.CommandAsync("a long password\n", ["user", "add", "jo", "--password-stdin"])).MustSucceed();
        Assert.Contains("jo", (await kosha.CommandAsync("user", "list")).MustSucceed().Output);
        await kosha.StartAsync();
        var both = await Task.WhenAll(kosha.CommandAsync("user", "list"), kosha.CommandAsync("migrate"));
        Assert.Contains("jo", both[0].MustSucceed().Output);
        Assert.Contains("up to date", both[1].MustSucceed().Output);
        using (var drive = kosha.Drive(new("jo", "a long password")))
            (await drive.PropfindAsync("", "0")).Must(207);
        await kosha.StopAsync();
        (await kosha.CommandAsync("fsck")).MustSucceed();
    }

    [Fact]
    public async Task Commands_at_once_on_a_stopped_installation_share_one_cluster()
    {
        await using var kosha = new KoshaProcess();
        var names = Enumerable.Range(0, 4).Select(i => $"user{i}").ToList();
        var all = await Task.WhenAll(names.Select(name =>
            kosha.CommandAsync("a long password\n", ["user", "add", name, "--password-stdin"])));
        Assert.All(all, result => result.MustSucceed());
        var list = (await kosha.CommandAsync("user", "list")).MustSucceed().Output;
        Assert.All(names, name => Assert.Contains(name, list));
    }

    [Fact]
    public async Task A_cluster_of_another_version_names_the_package()
    {
        await using var kosha = await KoshaProcess.StartNewAsync();
        await kosha.StopAsync();
        File.WriteAllText(Path.Combine(kosha.DataDirectory, "postgres", "PG_VERSION"), "14\n");
        var result = await kosha.StartToFailAsync();
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("apt-get install postgresql-14", result.All);
    }

    [Fact]
    public async Task A_path_too_long_for_a_socket_is_named()
    {
        using var folder = new TestFolder();
        await using var kosha = new KoshaProcess(("DataDirectory", folder[new string('x', 100)]));
        var result = await kosha.StartToFailAsync();
        Assert.Contains("107 bytes", result.All);
    }
}
