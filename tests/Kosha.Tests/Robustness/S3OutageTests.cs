using Kosha.Storage;
using Kosha.Storage.Blobs;
using Kosha.Storage.Upkeep;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>A Kosha whose way to its S3 store can be broken.</summary>
public sealed class KoshaBehindFaults(TestS3 s3, SharedPostgres postgres) : IAsyncLifetime
{
    private Database database = null!;
    private S3BlobStore direct = null!;

    public FaultyS3 Faulty { get; private set; } = null!;

    public KoshaProcess Kosha { get; private set; } = null!;

    public TestStore Store { get; private set; } = null!;

    /// <summary>Contents so far: each case has its own, because what is there already is not stored again.</summary>
    public int Seed { get; set; }

    public async ValueTask InitializeAsync()
    {
        var options = await s3.NewStoreAsync();
        Store = new(options);
        Faulty = new(options.Endpoint!);
        direct = new(options, TimeProvider.System);
        var connectionString = await (await postgres.Durable).NewEmptyDatabaseAsync();
        database = new(connectionString);
        Kosha = await KoshaProcess.StartNewAsync([
            .. Store.Settings, ("Database:ConnectionString", connectionString),
            ("Blobs:S3:Endpoint", Faulty.Url.AbsoluteUri),
            ("Blobs:S3:TimeoutSeconds", "2"), ("Blobs:S3:MaxRetries", "1"),
            ("Blobs:S3:PartBytes", $"{S3StoreOptions.MinPartBytes}"),
        ]);
    }

    public async ValueTask DisposeAsync()
    {
        if (Kosha is not null)
            await Kosha.DisposeAsync();
        await database.DisposeAsync();
        direct.Dispose();
        Faulty.Dispose();
    }

    /// <summary>What 'kosha fsck' finds, past the faults and without a process for each time.</summary>
    public async Task AssertCleanAsync()
    {
        await using var output = new StringWriter();
        Assert.True(await new Fsck(database, direct, output).RunAsync(new(), CancellationToken.None), $"{output}");
    }
}

/// <summary>
/// The real program while its S3 store is away, slow or wrong: it says so or it succeeds, and what it said before
/// stays true.
/// </summary>
public sealed class S3OutageTests(KoshaBehindFaults setup) : IClassFixture<KoshaBehindFaults>, IAsyncLifetime
{
    private readonly FaultyS3 faulty = setup.Faulty;
    private readonly DavClient drive = setup.Kosha.AdminDrive();
    private readonly string folder = $"case-{Guid.NewGuid():N}";
    private int before;

    public async ValueTask InitializeAsync()
    {
        before = await setup.Store.CountAsync(setup.Kosha);
        (await drive.MkcolAsync(folder)).Must(201);
    }

    public ValueTask DisposeAsync()
    {
        faulty.Heal();
        drive.Dispose();
        return ValueTask.CompletedTask;
    }

    private string PathOf(string name) => $"{folder}/{name}";

    /// <summary>Kosha waits longer for the answer to a large body.</summary>
    private static int SizeFor(S3Fault fault) => fault == S3Fault.Stall ? 100_000 : TestContent.UsualSize;

    private byte[] NewContent(int size = TestContent.UsualSize) => TestContent.Bytes(++setup.Seed, size);

    /// <summary>Every row has its object, every object a row, and no others are there.</summary>
    private async Task AssertCleanAsync(int newContents)
    {
        await setup.AssertCleanAsync();
        Assert.Equal(before + newContents, await setup.Store.CountAsync(setup.Kosha));
    }

    [Theory]
    [InlineData(S3Fault.Refused)]
    [InlineData(S3Fault.ResetBefore)]
    [InlineData(S3Fault.Error)]
    [InlineData(S3Fault.SlowDown)]
    [InlineData(S3Fault.Stall)]
    public async Task An_outage_is_503_and_changes_nothing(S3Fault fault)
    {
        var (first, second) = (NewContent(SizeFor(fault)), NewContent(SizeFor(fault)));
        (await drive.PutAsync(PathOf("file"), first)).Must(201);
        faulty.Break(fault);
        // Side by side: each waits for the store's answer twice.
        await Task.WhenAll(new[] { ("file", second), ("new", NewContent(100)), ("large", NewContent(11_000_000)) }
            .Select(async put => Assert.NotNull(
                (await drive.PutAsync(PathOf(put.Item1), put.Item2)).Must(503).Header("Retry-After"))));
        (await drive.GetAsync(PathOf("file"))).Must(503);
        (await drive.PropfindAsync(PathOf("file"), "0")).Must(207);
        faulty.Heal();
        Assert.Equal(first, (await drive.GetAsync(PathOf("file"))).Must(200).Body);
        (await drive.GetAsync(PathOf("new"))).Must(404);
        (await drive.PutAsync(PathOf("file"), second)).Must(204);
        Assert.Equal(second, (await drive.GetAsync(PathOf("file"))).Must(200).Body);
        // The old content waits for the sweep.
        await AssertCleanAsync(newContents: 2);
    }

    [Theory]
    [InlineData(S3Fault.ResetBefore)]
    [InlineData(S3Fault.Error)]
    [InlineData(S3Fault.SlowDown)]
    [InlineData(S3Fault.Stall)]
    public async Task What_fails_once_is_repeated(S3Fault fault)
    {
        foreach (var content in new[] { NewContent(SizeFor(fault)), NewContent(11_000_000) })
        {
            var path = PathOf($"{content.Length}");
            faulty.Break(fault, times: 1);
            (await drive.PutAsync(path, content)).Must(201);
            Assert.Equal(1, faulty.Met);
            faulty.Break(fault, times: 1);
            Assert.Equal(content, (await drive.GetAsync(path)).Must(200).Body);
            Assert.Equal(1, faulty.Met);
        }
        faulty.Heal();
        await AssertCleanAsync(newContents: 2);
    }

    [Theory]
    [InlineData(S3Fault.ResetWithin)]
    [InlineData(S3Fault.StallWithin)]
    [InlineData(S3Fault.WrongByte)]
    public async Task A_read_that_goes_wrong_never_looks_whole(S3Fault fault)
    {
        var content = NewContent();
        (await drive.PutAsync(PathOf("file"), content)).Must(201);
        faulty.Break(fault);
        await drive.NeverWholeAsync(PathOf("file"));
        Assert.Equal(1, faulty.Met);
        faulty.Heal();
        Assert.Equal(content, (await drive.GetAsync(PathOf("file"))).Must(200).Body);
        await AssertCleanAsync(newContents: 1);
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
