using System.Globalization;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>A plan of 100,000 bytes and 20 nodes, on an external database in which the test makes that plan.</summary>
public sealed class QuotaTests(SharedPostgres postgres) : IAsyncLifetime
{
    private const int MaxBytes = 100_000;
    private KoshaProcess kosha = null!;
    private DavClient drive = null!;

    public async ValueTask InitializeAsync()
    {
        var connectionString = await (await postgres.Durable).NewEmptyDatabaseAsync();
        kosha = await KoshaProcess.StartNewAsync(("Database:ConnectionString", connectionString));
        await Sql.ExecuteAsync(connectionString, $"""
            insert into plans (name, max_bytes, max_nodes, max_file_bytes)
            values ('small', {MaxBytes}, 20, 80000), ('unlimited', null, null, null)
            """);
        drive = kosha.Drive(await kosha.NewUserAsync("small"));
    }

    public async ValueTask DisposeAsync()
    {
        drive.Dispose();
        await using (kosha)
            await kosha.StopAsync();
    }

    [Fact]
    public async Task Bytes_nodes_and_the_largest_file_are_limits()
    {
        (await drive.PutAsync("large", new byte[80_001])).Must(413, 507);
        (await drive.PutAsync("a", new byte[60_000])).Must(201);
        (await drive.PutAsync("b", new byte[60_000])).Must(507);
        (await drive.GetAsync("b")).Must(404);
        (await drive.CopyAsync("a", "b")).Must(507);
        (await drive.PutAsync("a", new byte[70_000])).Must(204);

        for (var i = 0; i < 19; i++)
            (await drive.MkcolAsync($"folder{i}")).Must(201, 507);
        (await drive.MkcolAsync("one-more")).Must(507);
        (await kosha.CommandAsync("fsck")).MustSucceed();
    }

    [Fact]
    public async Task A_hopeless_upload_is_refused_at_its_first_byte()
    {
        using var client = await RawConnection.OpenAsync(drive.Server);
        await client.SendHeadAsync(drive, "PUT", "huge", "Content-Length: 10000000", "Expect: 100-continue");
        Assert.InRange(await client.ReadStatusAsync(), 413, 507);

        // Finder sends chunks and announces the length in a header of its own.
        using var finder = await RawConnection.OpenAsync(drive.Server);
        await finder.SendHeadAsync(drive, "PUT", "huge", "Transfer-Encoding: chunked",
            "X-Expected-Entity-Length: 10000000", "Expect: 100-continue");
        Assert.InRange(await finder.ReadStatusAsync(), 413, 507);
    }

    [Fact]
    public async Task A_client_that_says_nothing_of_its_length_is_stopped_at_the_quota()
    {
        (await drive.PutAsync("kept", "old")).Must(201);
        using var client = await RawConnection.OpenAsync(drive.Server);
        await client.SendHeadAsync(drive, "PUT", "kept", "Transfer-Encoding: chunked");
        var chunk = "1000\r\n" + new string('x', 4096) + "\r\n";
        var answer = client.ReadStatusAsync();
        for (var i = 0; i < 1000 && !answer.IsCompleted; i++)
        {
            try
            {
                await client.SendAsync(chunk);
            }
            catch (System.Net.Sockets.SocketException)
            {
                break;
            }
        }
        Assert.InRange(await answer, 413, 507);
        Assert.Equal("old", (await drive.GetAsync("kept")).Must(200).Text);
    }

    [Fact]
    public async Task Of_two_uploads_at_the_edge_exactly_one_succeeds()
    {
        for (var round = 0; round < 5; round++)
        {
            using var fresh = kosha.Drive(await kosha.NewUserAsync("small"));
            var uploads = Enumerable.Range(0, 2).Select(i => fresh.PutAsync($"edge{i}", new byte[60_000]));
            var answers = await Task.WhenAll(uploads);
            Assert.Equal([201, 507], answers.Select(answer => answer.Status).Order());
        }
    }

    [Fact]
    public async Task The_drive_says_how_much_is_free()
    {
        (await drive.PutAsync("a", new byte[40_000])).Must(201);
        Assert.Equal(("60000", "40000"), await RoomAsync(drive));
    }

    [Fact]
    public async Task Without_a_limit_the_disk_is_what_is_free()
    {
        using var fresh = kosha.Drive(await kosha.NewUserAsync("unlimited"));
        var (available, used) = await RoomAsync(fresh);
        Assert.Equal("0", used);
        var disk = new DriveInfo(kosha.DataDirectory);
        Assert.InRange(long.Parse(available!, CultureInfo.InvariantCulture), 1, disk.TotalSize);
    }

    private static async Task<(string? Available, string? Used)> RoomAsync(DavClient client)
    {
        var root = (await client.PropfindAsync("", "0", """
            <D:propfind xmlns:D="DAV:"><D:prop><D:quota-available-bytes/><D:quota-used-bytes/></D:prop></D:propfind>
            """)).Must(207).Multistatus.Single;
        return (root.Value("quota-available-bytes"), root.Value("quota-used-bytes"));
    }
}
