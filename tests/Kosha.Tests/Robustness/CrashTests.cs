using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>kill -9 in the middle of 16 writers, again and again, with Postgres as durable as it ships.</summary>
[Collection(Alone.Name)]
public sealed class CrashTests
{
    [Fact]
    public async Task Every_acknowledged_file_is_whole_after_kill_9()
    {
        var writers = new CrashWriters(new Random(TestSeed.Next()));
        await using var kosha = await KoshaProcess.StartNewAsync();
        var user = await kosha.NewUserAsync();
        for (var round = 1; round <= TestSize.Pick(15, 100); round++)
        {
            using (var drive = kosha.Drive(user))
                await writers.WriteDuringAsync(drive, kosha.KillAsync);
            await kosha.StartAsync();
            using (var drive = kosha.Drive(user))
                await writers.VerifyAsync(drive);
            (await kosha.CommandAsync("fsck")).MustSucceed();
        }
        Figures.Show($"{writers.Names} names, {writers.Acknowledged} acknowledged writes");
        await kosha.StopAsync();
    }

    [Fact]
    public async Task Every_acknowledged_file_is_whole_after_Postgres_is_killed()
    {
        var writers = new CrashWriters(new Random(TestSeed.Next()));
        await using var kosha = await KoshaProcess.StartNewAsync();
        using var drive = await kosha.NewDriveAsync();
        var daemon = kosha.Pid;
        for (var round = 1; round <= TestSize.Pick(5, 20); round++)
        {
            await writers.WriteDuringAsync(drive, async () =>
            {
                foreach (var pid in ProcessTree.WithDescendants(kosha.PostmasterPid!.Value))
                    ProcessTree.Signal(pid, ProcessTree.SigKill);
                await writers.MoreAsync(32);
            });
            await writers.VerifyAsync(drive);
            (await kosha.CommandAsync("fsck")).MustSucceed();
        }
        Figures.Show($"{writers.Names} names, {writers.Acknowledged} acknowledged writes");
        Assert.Equal(daemon, kosha.Pid);
        await kosha.StopAsync();
    }
}
