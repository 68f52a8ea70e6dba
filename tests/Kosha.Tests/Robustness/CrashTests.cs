using System.Globalization;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>kill -9 in the middle of 16 writers, again and again, with Postgres as durable as it ships.</summary>
[Collection(Alone.Name)]
public sealed class CrashTests(SharedPostgres postgres, TestS3 s3)
{
    [Theory]
    [InlineData(TestStore.Disk)]
    [InlineData(TestStore.InS3)]
    public async Task Every_acknowledged_file_is_whole_after_kill_9(string kind)
    {
        var writers = new CrashWriters(new(TestSeed.Next()));
        var store = await s3.NewStoreAsync(kind);
        await using var kosha = await KoshaProcess.StartNewAsync(store.Settings);
        var user = await kosha.NewUserAsync();
        for (var round = 1; round <= TestSize.Pick(15, 100); round++)
        {
            using (var drive = kosha.Drive(user))
            {
                await writers.WriteDuringAsync(drive, async () =>
                {
                    await writers.SomeAsync();
                    await kosha.KillAsync();
                });
            }
            await kosha.StartAsync();
            await VerifyAsync(kosha, user, writers);
        }
        Assert.True(writers.Acknowledged > 20, "Hardly anything was written.");
        await AssertNoOrphansAsync(kosha, store);
        await kosha.StopAsync();
    }

    [Fact]
    public async Task Every_acknowledged_file_is_whole_after_kill_9_of_postgres()
    {
        var writers = new CrashWriters(new(TestSeed.Next()));
        await using var kosha = await KoshaProcess.StartNewAsync();
        var user = await kosha.NewUserAsync();
        for (var round = 1; round <= TestSize.Pick(5, 20); round++)
        {
            using var drive = kosha.Drive(user);
            await writers.WriteDuringAsync(drive, async () =>
            {
                await writers.SomeAsync();
                foreach (var pid in ProcessTree.WithDescendants(kosha.PostmasterPid!.Value))
                    ProcessTree.Signal(pid, ProcessTree.SigKill);
                // Through the outage and on.
                await writers.MoreAsync(32);
            });
            await VerifyAsync(kosha, user, writers);
        }
        await AssertNoOrphansAsync(kosha, OnDisk);
        await kosha.StopAsync();
    }

    /// <summary>The numbered steps of the vault, and what lies between them.</summary>
    [Theory]
    [InlineData("vault.looked", TestStore.Disk)]
    [InlineData("vault.received", TestStore.Disk)]
    [InlineData("vault.compared", TestStore.Disk)]
    [InlineData("vault.claimed", TestStore.Disk)]
    [InlineData("vault.claimed", TestStore.InS3)]
    [InlineData("disk.renamed", TestStore.Disk)]
    [InlineData("vault.stored", TestStore.Disk)]
    [InlineData("vault.stored", TestStore.InS3)]
    [InlineData("vault.naming", TestStore.Disk)]
    [InlineData("vault.named", TestStore.Disk)]
    [InlineData("vault.named", TestStore.InS3)]
    public async Task Every_acknowledged_file_is_whole_after_an_end_at(string step, string kind)
    {
        var writers = new CrashWriters(new(TestSeed.Next()));
        var store = await s3.NewStoreAsync(kind);
        await using var kosha = await KoshaProcess.StartNewAsync(store.Settings);
        var user = await kosha.NewUserAsync();
        for (var round = 1; round <= TestSize.Pick(1, 10); round++)
        {
            await kosha.StopAsync();
            kosha.CrashAt = $"{step} {writers.Next(1, 60)}";
            await kosha.StartAsync();
            using (var drive = kosha.Drive(user))
                await writers.WriteDuringAsync(drive, () => kosha.WaitForEndAsync());
            kosha.CrashAt = null;
            await kosha.StartAsync();
            await VerifyAsync(kosha, user, writers);
        }
        await AssertNoOrphansAsync(kosha, store);
        await kosha.StopAsync();
    }

    [Theory]
    [InlineData("sweep.condemned")]
    [InlineData("sweep.row-removed")]
    [InlineData("deletions.raised")]
    [InlineData("sweep.object-deleted")]
    public async Task A_sweep_that_was_killed_is_taken_up_by_the_next_one(string step)
    {
        var connectionString = await (await postgres.Durable).NewEmptyDatabaseAsync();
        await using var kosha = await KoshaProcess.StartNewAsync(("Database:ConnectionString", connectionString));
        var user = await kosha.NewUserAsync();
        // Else nothing would be left that nothing names.
        (await kosha.CommandAsync("plan", "set", "default", "--version-days", "0")).MustSucceed();
        using (var drive = kosha.Drive(user))
        {
            for (var number = 0; number < 4; number++)
                (await drive.PutAsync("file", $"content {number}")).Must(201, 204);
        }
        if (step != "sweep.condemned")
            await SweepAsync(kosha);
        kosha.CrashAt = $"{step} {(step is "sweep.condemned" or "deletions.raised" ? 1 : 2)}";
        Assert.NotEqual(0, (await kosha.CommandAsync(Sweep)).ExitCode);
        kosha.CrashAt = null;
        (await kosha.CommandAsync("fsck")).MustSucceed();
        await kosha.StopAsync();
        await kosha.StartAsync();
        // As if the time had passed after which a dead sweep is followed.
        await Sql.ExecuteAsync(connectionString, "delete from leases");
        await SweepAsync(kosha);
        await AssertNoOrphansAsync(kosha, OnDisk);
        using (var drive = kosha.Drive(user))
            Assert.Equal("content 3", (await drive.GetAsync("file")).Must(200).Text);
        await kosha.StopAsync();
    }

    private static async Task VerifyAsync(KoshaProcess kosha, TestUser user, CrashWriters writers)
    {
        using var drive = kosha.Drive(user);
        await writers.VerifyAsync(drive);
        (await kosha.CommandAsync("fsck")).MustSucceed();
    }

    private static readonly TestStore OnDisk = new(S3: null);

    private static readonly string[] Sweep = ["blobs", "sweep", "--grace-hours", "0"];

    private static async Task SweepAsync(KoshaProcess kosha) => (await kosha.CommandAsync(Sweep)).MustSucceed();

    /// <summary>After the grace time whatever a crash left is gone: in rows, objects and temporary files.</summary>
    private static async Task AssertNoOrphansAsync(KoshaProcess kosha, TestStore store)
    {
        await SweepAsync(kosha);
        await SweepAsync(kosha);
        var fsck = (await kosha.CommandAsync("fsck")).MustSucceed().Output;
        foreach (var leftover in (string[])["contents on their way", "contents that nothing names", "contents damaged"])
            Assert.Contains($" 0  {leftover}", fsck);
        var objects = await store.CountAsync(kosha);
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $" {objects:N0}  contents stored"), fsck);
        Assert.Empty(Directory.GetFiles(Path.Combine(kosha.DataDirectory, "spool")));
    }
}
