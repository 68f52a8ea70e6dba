using System.Diagnostics;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>Two daemons over one database and one folder of blobs: what one promises, the other keeps.</summary>
public sealed class TwoNodesTests(TwoNodesTests.Nodes nodes) : IClassFixture<TwoNodesTests.Nodes>, IAsyncLifetime
{
    private DavClient one = null!;
    private DavClient other = null!;

    public sealed class Nodes(SharedPostgres postgres) : IAsyncLifetime
    {
        private readonly TestFolder shared = new();

        public string ConnectionString { get; private set; } = "";

        public KoshaProcess First { get; private set; } = null!;

        public KoshaProcess Second { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            ConnectionString = await (await postgres.Durable).NewEmptyDatabaseAsync();
            var blobs = shared.NewFolder("shared");
            File.SetUnixFileMode(blobs, (UnixFileMode)0b111_111_111);
            (string, string)[] settings =
                [("Database:ConnectionString", ConnectionString), ("Blobs:Directory", Path.Combine(blobs, "blobs"))];
            First = await KoshaProcess.StartNewAsync(settings);
            Second = await KoshaProcess.StartNewAsync(settings);
        }

        public async ValueTask DisposeAsync()
        {
            await First.DisposeAsync();
            await Second.DisposeAsync();
            shared.Dispose();
        }
    }

    public async ValueTask InitializeAsync()
    {
        var user = await nodes.First.NewUserAsync();
        one = nodes.First.Drive(user);
        other = nodes.Second.Drive(user);
    }

    public ValueTask DisposeAsync()
    {
        one.Dispose();
        other.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Files_and_locks_of_one_daemon_hold_on_the_other()
    {
        (await one.PutAsync("file", "first")).Must(201);
        Assert.Equal("first", (await other.GetAsync("file")).Must(200).Text);
        var token = await one.LockAsync("file", "0");
        (await other.PutAsync("file", "second")).Must(423);
        (await other.PutAsync("file", "second", ("If", $"(<{token}>)"))).Must(204);
        Assert.Equal("second", (await one.GetAsync("file")).Must(200).Text);
        (await other.UnlockAsync("file", token)).Must(204);
        (await one.PutAsync("file", "third")).Must(204);

        (await one.MkcolAsync("folder")).Must(201);
        token = await other.LockAsync("folder");
        (await one.PutAsync("folder/below", "x")).Must(423);
        (await one.MkcolAsync("folder/sub")).Must(423);
        (await one.PutAsync("folder/below", "x", ("If", $"</dav/folder> (<{token}>)"))).Must(201);
    }

    [Fact]
    public async Task One_of_many_wins_whichever_daemon_is_asked()
    {
        for (var round = 0; round < 10; round++)
        {
            var puts = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() =>
                (i % 2 == 0 ? one : other).PutAsync($"once-{round}", $"{i}", ("If-None-Match", "*")))));
            Assert.Equal([201, .. Enumerable.Repeat(412, 7)], puts.Select(put => put.Status).Order());
        }
    }

    [Fact]
    public async Task A_lock_outlives_its_daemon_and_ends_on_time()
    {
        (await one.PutAsync("file", "first")).Must(201);
        var token = await one.LockAsync("file", "0");
        await nodes.First.KillAsync();
        (await other.PutAsync("file", "second")).Must(423);
        await nodes.First.StartAsync();
        using var again = nodes.First.Drive(one.User);
        (await again.PutAsync("file", "second")).Must(423);
        (await again.PutAsync("file", "second", ("If", $"(<{token}>)"))).Must(204);

        // An hour is the shortest life that Kosha gives, so the test lets most of it pass at once.
        const int Seconds = 3;
        await Sql.ExecuteAsync(nodes.ConnectionString, $"update locks set expires_at = now() + interval '{Seconds} s'");
        var clock = Stopwatch.StartNew();
        await Eventually.TrueAsync("the lock ends", async () => (await other.PutAsync("file", "third")).Status == 204);
        Assert.InRange(clock.Elapsed.TotalSeconds, Seconds - 0.5, Seconds + 10);
        (await again.PutAsync("file", "fourth", ("If", $"(<{token}>)"))).Must(412);
        Assert.Equal("", (await again.PropfindAsync("file", "0")).Multistatus.Single.Value("lockdiscovery"));
    }
}
