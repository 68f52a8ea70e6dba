using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>Writers on every way in at once, at the edge of a plan: it holds, and no byte is lost.</summary>
public sealed class QuotaRaceTests(SharedPostgres postgres) : IAsyncLifetime
{
    private const int Writers = 32;
    private const int MaxBytes = 40_000;
    private const int MaxNodes = 40;
    private string connectionString = null!;
    private KoshaProcess kosha = null!;
    private DavClient drive = null!;
    private ApiClient api = null!;

    public async ValueTask InitializeAsync()
    {
        connectionString = await (await postgres.Durable).NewEmptyDatabaseAsync();
        kosha = await KoshaProcess.StartNewAsync(("Database:ConnectionString", connectionString));
        await Sql.ExecuteAsync(connectionString, $"""
            insert into plans (name, max_bytes, max_nodes, version_days) values ('edge', {MaxBytes}, {MaxNodes}, 30)
            """);
        drive = kosha.Drive(await kosha.NewUserAsync("edge"));
        api = new(drive);
    }

    public async ValueTask DisposeAsync()
    {
        api.Dispose();
        drive.Dispose();
        await using (kosha)
            await kosha.StopAsync();
    }

    private async Task<(long Bytes, long Nodes)> UsageAsync()
    {
        var usage = (await api.SendAsync(HttpMethod.Get, "usage")).Must(200).Body!;
        return ((long)usage["usedBytes"]!, (long)usage["nodes"]!);
    }

    [Fact]
    public async Task Thirty_two_writers_on_every_way_in_never_exceed_the_plan()
    {
        var seed = TestSeed.Next();
        var statuses = new ConcurrentDictionary<(string Way, int Status), int>();
        for (var i = 0; i < 4; i++)
            (await drive.PutAsync($"f{i}", new byte[1000 + i])).Must(201);
        using var over = new CancellationTokenSource();
        var watch = WatchAsync(over.Token);
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(n => Task.Run(async () =>
        {
            var random = new Random(seed + n);
            for (var i = 0; i < TestSize.Pick(15, 300); i++)
            {
                var (way, status) = await WriteAsync(random);
                Assert.True(status < 500 || status == 507, $"{way}: {status}");
                statuses.AddOrUpdate((way, status), 1, (_, before) => before + 1);
            }
        })));
        await over.CancelAsync();
        await watch;
        foreach (var way in statuses.GroupBy(pair => pair.Key.Way).OrderBy(group => group.Key))
            Figures.Show($"{way.Key,-10}" + string.Join(", ",
                way.OrderBy(pair => pair.Key.Status).Select(pair => $"{pair.Key.Status}: {pair.Value}")));
        Assert.Contains(statuses.Keys, key => key.Status == 507);
        var (bytes, nodes) = await UsageAsync();
        Assert.InRange(bytes, MaxBytes / 2, MaxBytes);
        Assert.InRange(nodes, 4, MaxNodes);
        (await kosha.CommandAsync("fsck")).MustSucceed();
    }

    private async Task WatchAsync(CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            var (bytes, nodes) = await UsageAsync();
            Assert.InRange(bytes, 0, MaxBytes);
            Assert.InRange(nodes, 0, MaxNodes);
        }
    }

    /// <summary>One of the ways in, by a name of which there are few, so that all meet.</summary>
    private async Task<(string Way, int Status)> WriteAsync(Random random)
    {
        var (name, other) = ($"f{random.Next(12)}", $"f{random.Next(12)}");
        var content = new byte[random.Next(1, 6000)];
        random.NextBytes(content);
        switch (random.Next(10))
        {
            case < 4:
                return ("PUT", (await drive.PutAsync(name, content)).Status);
            case 4:
                return ("COPY", (await drive.CopyAsync(name, other)).Status);
            case 5:
                return ("MOVE", (await drive.MoveAsync(name, other)).Status);
            case 6:
                return ("upload", await UploadAsync(name, content));
            case 7:
                return ("DELETE", (await drive.DeleteAsync(name)).Status);
            case 8:
                return ("trash", await RestoreOrRemoveAsync(random));
            default:
                return ("version", await RestoreVersionAsync(name));
        }
    }

    private async Task<int> UploadAsync(string name, byte[] content)
    {
        var begun = await api.BeginAsync(name, content);
        if (begun.Status != 201 || begun.State != "open")
            return begun.Status;
        var put = await api.PutAsync(begun.Body!, content);
        return put == 200 ? (await api.CompleteAsync(begun.Id)).Status : put;
    }

    private async Task<int> RestoreOrRemoveAsync(Random random)
    {
        var items = (await api.SendAsync(HttpMethod.Get, "trash?limit=5")).Must(200).Body!["items"]!.AsArray();
        if (items.Count == 0)
            return 200;
        var body = new JsonObject { ["ids"] = new JsonArray((JsonNode)(long)items[random.Next(items.Count)]!["id"]!) };
        var call = random.Next(3) == 0 ? "trash/delete" : "trash/restore";
        return (await api.SendAsync(HttpMethod.Post, call, body)).Status;
    }

    private async Task<int> RestoreVersionAsync(string name)
    {
        var found = await api.FindAsync(name);
        if (found.Status != 200)
            return found.Status;
        var at = $"nodes/{found.Id}/versions";
        var list = await api.SendAsync(HttpMethod.Get, at);
        if (list.Status != 200 || list.Body!["versions"]!.AsArray() is not [{ } first, ..])
            return list.Status;
        return (await api.SendAsync(HttpMethod.Post, $"{at}/{first["id"]}/restore")).Status;
    }

    [Fact]
    public async Task A_change_of_the_plan_counts_at_once()
    {
        (await drive.PutAsync("a", new byte[30_000])).Must(201);
        (await drive.PutAsync("b", new byte[20_000])).Must(507);
        (await kosha.CommandAsync("plan", "set", "edge", "--max-bytes", "50000")).MustSucceed();
        (await drive.PutAsync("b", new byte[20_000])).Must(201);
        (await kosha.CommandAsync("plan", "set", "edge", "--max-bytes", "10")).MustSucceed();
        (await drive.PutAsync("c", new byte[1])).Must(507);
        (await api.BeginAsync("c", [1])).MustBe("quota-exceeded", 507);
        (await drive.CopyAsync("b", "c")).Must(507);
        // What does not grow is never refused, and keeps no version that would not fit.
        (await drive.PutAsync("a", new byte[29_999])).Must(204);
        Assert.Equal((49_999, 2), await UsageAsync());
        (await kosha.CommandAsync("plan", "set", "edge", "--max-open-uploads", "0", "--max-bytes", "unlimited"))
            .MustSucceed();
        (await api.BeginAsync("c", [1])).MustBe("limit-reached", 429);
        (await drive.PutAsync("a", "1")).Must(204);
        Assert.Equal((50_000, 2), await UsageAsync());
    }
}
