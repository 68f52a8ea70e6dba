using Kosha.Storage.Blobs;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>
/// The real program while its S3 store is away, slow or wrong: it says so or it succeeds, and what it said before
/// stays true.
/// </summary>
public sealed class S3OutageTests(TestS3 s3) : IAsyncLifetime
{
    private FaultyS3 faulty = null!;
    private KoshaProcess kosha = null!;
    private DavClient drive = null!;
    private TestStore store = null!;

    public async ValueTask InitializeAsync()
    {
        var options = await s3.NewStoreAsync();
        store = new(options);
        faulty = new(options.Endpoint!);
        kosha = await KoshaProcess.StartNewAsync([
            .. store.Settings, ("Blobs:S3:Endpoint", $"http://127.0.0.1:{faulty.Port}"),
            ("Blobs:S3:TimeoutSeconds", "2"), ("Blobs:S3:MaxRetries", "1"),
            ("Blobs:S3:PartBytes", $"{S3StoreOptions.MinPartBytes}"),
        ]);
        drive = kosha.AdminDrive();
    }

    public async ValueTask DisposeAsync()
    {
        drive?.Dispose();
        if (kosha is not null)
            await kosha.DisposeAsync();
        await faulty.DisposeAsync();
    }

    private static byte[] Bytes(int seed, int size = 400_000)
    {
        var bytes = new byte[size];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>Every row has its object, every object a row, and no others are there.</summary>
    private async Task AssertCleanAsync(int contents)
    {
        (await kosha.CommandAsync("fsck")).MustSucceed();
        Assert.Equal(contents, await store.CountAsync(kosha));
    }

    [Theory]
    [InlineData(S3Fault.Refused)]
    [InlineData(S3Fault.ResetBefore)]
    [InlineData(S3Fault.Error)]
    [InlineData(S3Fault.SlowDown)]
    [InlineData(S3Fault.Stall)]
    public async Task An_outage_is_503_and_changes_nothing(S3Fault fault)
    {
        (await drive.PutAsync("file", Bytes(1))).Must(201);
        faulty.Break(fault);
        foreach (var (name, size) in ((string, int)[])[("file", 400_000), ("new", 100), ("large", 11_000_000)])
        {
            var refused = (await drive.PutAsync(name, Bytes(2, size))).Must(503);
            Assert.NotNull(refused.Header("Retry-After"));
        }
        (await drive.GetAsync("file")).Must(503);
        (await drive.PropfindAsync("file", "0")).Must(207);
        faulty.Heal();
        Assert.Equal(Bytes(1), (await drive.GetAsync("file")).Must(200).Body);
        (await drive.GetAsync("new")).Must(404);
        (await drive.PutAsync("file", Bytes(2))).Must(204);
        Assert.Equal(Bytes(2), (await drive.GetAsync("file")).Must(200).Body);
        // The old content waits for the sweep.
        await AssertCleanAsync(contents: 2);
    }

    [Theory]
    [InlineData(S3Fault.ResetBefore)]
    [InlineData(S3Fault.Error)]
    [InlineData(S3Fault.SlowDown)]
    [InlineData(S3Fault.Stall)]
    public async Task What_fails_once_is_repeated(S3Fault fault)
    {
        foreach (var (number, size) in ((int[])[400_000, 11_000_000]).Index())
        {
            faulty.Break(fault, times: 1);
            (await drive.PutAsync($"{number}", Bytes(number, size))).Must(201);
            Assert.Equal(1, faulty.Met);
            faulty.Break(fault, times: 1);
            Assert.Equal(Bytes(number, size), (await drive.GetAsync($"{number}")).Must(200).Body);
            Assert.Equal(1, faulty.Met);
        }
        faulty.Heal();
        await AssertCleanAsync(contents: 2);
    }

    [Theory]
    [InlineData(S3Fault.ResetWithin)]
    [InlineData(S3Fault.StallWithin)]
    [InlineData(S3Fault.WrongByte)]
    public async Task A_read_that_goes_wrong_never_looks_whole(S3Fault fault)
    {
        (await drive.PutAsync("file", Bytes(1))).Must(201);
        faulty.Break(fault);
        var broken = await Record.ExceptionAsync(() => drive.GetAsync("file"));
        Assert.True(broken is HttpRequestException or IOException, broken?.ToString() ?? "It came whole.");
        Assert.Equal(1, faulty.Met);
        faulty.Heal();
        Assert.Equal(Bytes(1), (await drive.GetAsync("file")).Must(200).Body);
        await AssertCleanAsync(contents: 1);
    }
}

/// <summary>kill -9 of a whole S3 server under sixteen writers.</summary>
[Collection(Alone.Name)]
public sealed class S3CrashTests
{
    [Fact]
    public async Task Every_acknowledged_file_is_whole_after_kill_9_of_the_store()
    {
        var writers = new CrashWriters(new(TestSeed.Next()));
        await using var server = await S3Server.StartNewAsync();
        var store = new TestStore(server.Options with { Bucket = "kosha-test-crash" });
        await using var kosha = await KoshaProcess.StartNewAsync(store.Settings);
        using var drive = kosha.AdminDrive();
        for (var round = 1; round <= TestSize.Pick(3, 20); round++)
        {
            await writers.WriteDuringAsync(drive, async () =>
            {
                await writers.SomeAsync();
                await server.KillAsync();
                await server.StartAgainAsync();
                await writers.MoreAsync(32);
            });
            await writers.VerifyAsync(drive);
            (await kosha.CommandAsync("fsck")).MustSucceed();
        }
        for (var sweep = 0; sweep < 2; sweep++)
            (await kosha.CommandAsync("blobs", "sweep", "--grace-hours", "0")).MustSucceed();
        (await kosha.CommandAsync("blobs", "reconcile", "--grace-hours", "0")).MustSucceed();
        (await kosha.CommandAsync("fsck")).MustSucceed();
        await kosha.StopAsync();
    }
}
