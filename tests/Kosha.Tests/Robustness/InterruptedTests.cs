using System.Security.Cryptography;
using System.Text;
using Kosha.Tests.Infrastructure;
using Kosha.Tests.Storage;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>Clients that break off, stand still or lie, and a server in trouble: old files stay as they are.</summary>
public sealed class InterruptedTests(InterruptedTests.Instance instance)
    : IClassFixture<InterruptedTests.Instance>, IAsyncLifetime
{
    private const int Megabyte = 1 << 20;

    private readonly byte[] old = Encoding.ASCII.GetBytes("the old content");
    private readonly KoshaProcess kosha = instance.Kosha;
    private readonly DavClient drive = instance.Drive;
    private string etag = "";

    /// <summary>A daemon for these tests alone, because they count its temporary files and stop its database.</summary>
    public sealed class Instance : IAsyncLifetime
    {
        public KoshaProcess Kosha { get; private set; } = null!;

        public DavClient Drive { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Kosha = await KoshaProcess.StartNewAsync();
            Drive = Kosha.AdminDrive();
        }

        public async ValueTask DisposeAsync()
        {
            Drive.Dispose();
            await using (Kosha)
            {
                (await Kosha.CommandAsync("fsck")).MustSucceed();
                await Kosha.StopAsync();
            }
        }
    }

    public async ValueTask InitializeAsync()
    {
        (await drive.PutAsync("file", old)).Must(201, 204);
        etag = (await drive.HeadAsync("file")).Etag;
    }

    private IEnumerable<string> Leftovers(params string[] folders) => folders
        .Select(folder => Path.Combine(kosha.DataDirectory, folder))
        .SelectMany(Directory.EnumerateFiles);

    public ValueTask DisposeAsync() => NothingHasChangedAsync();

    // The old content under the old tag, one file alone in the drive, and no temporary file.
    private async ValueTask NothingHasChangedAsync()
    {
        var now = (await drive.GetAsync("file")).Must(200);
        Assert.Equal((etag, "the old content"), (now.Etag, now.Text));
        Assert.Equal(["file"], (await drive.ListAsync("")).Names);
        await Eventually.TrueAsync("no temporary file is left", () => !Leftovers("spool", "blobs/tmp").Any());
    }

    [Theory]
    [InlineData("Content-Length: 4000000", true)]
    [InlineData("Content-Length: 4000000", false)]
    [InlineData("Transfer-Encoding: chunked", true)]
    [InlineData("Transfer-Encoding: chunked", false)]
    public async Task A_body_cut_half_way(string framing, bool reset)
    {
        foreach (var name in new[] { "file", "new" })
        {
            using var client = await RawConnection.OpenAsync(drive.Server);
            await client.SendHeadAsync(drive, "PUT", name, framing);
            if (framing.EndsWith("chunked", StringComparison.Ordinal))
                await client.SendAsync("3d0900\r\n");
            await client.SendAsync(new byte[2 * Megabyte]);
            await Eventually.TrueAsync("the body is being received", () => Leftovers("spool").Any());
            if (reset)
                client.Reset();
            else
                client.Dispose();
            await Eventually.TrueAsync("the spool is gone", () => !Leftovers("spool").Any());
        }
    }

    [Fact]
    public async Task What_was_announced_must_arrive()
    {
        var body = new byte[Megabyte];
        var sha1 = Convert.ToHexString(SHA1.HashData([1]));
        (await drive.PutAsync("file", body, ("OC-Checksum", $"SHA1:{sha1}"))).Must(400);
        (await drive.PutAsync("new", body, ("OC-Checksum", $"MD5:{new string('0', 32)}"))).Must(400);
        (await drive.PutAsync("new", body, ("OC-Checksum", $"SHA256:{new string('0', 64)}"))).Must(400);
        foreach (var expected in new[] { 1, 1048575, 1048577 })
        {
            using var client = await RawConnection.OpenAsync(drive.Server);
            await client.SendHeadAsync(drive, "PUT", "file", "Transfer-Encoding: chunked",
                $"X-Expected-Entity-Length: {expected}");
            await client.SendAsync("100000\r\n");
            await client.SendAsync(body);
            await client.SendAsync("\r\n0\r\n\r\n");
            Assert.Equal(400, await client.ReadStatusAsync());
        }
    }

    [Theory]
    [InlineData("3\r\nabcd\r\n0\r\n\r\n")]
    [InlineData("-1\r\nabc\r\n0\r\n\r\n")]
    [InlineData("fffffffffffffffff\r\nabc")]
    [InlineData("zz\r\n")]
    public async Task Chunks_that_lie_are_refused(string body)
    {
        using var client = await RawConnection.OpenAsync(drive.Server);
        await client.SendHeadAsync(drive, "PUT", "file", "Transfer-Encoding: chunked");
        await client.SendAsync(body);
        Assert.Equal(400, await client.ReadStatusAsync());
    }

    [Fact]
    public async Task Lengths_that_contradict_each_other_are_refused()
    {
        foreach (var framing in new[] { "Content-Length: 3\r\nContent-Length: 4", "Content-Length: -1",
            "Content-Length: 99999999999999999999", "Transfer-Encoding: gzip, identity" })
        {
            using var client = await RawConnection.OpenAsync(drive.Server);
            await client.SendHeadAsync(drive, "PUT", "file", framing);
            await client.SendAsync("abc");
            Assert.InRange(await client.ReadStatusAsync(), 400, 501);
        }
    }

    [Fact]
    public async Task Clients_that_stand_still_stop_nobody()
    {
        var still = new List<RawConnection>();
        try
        {
            for (var i = 0; i < 60; i++)
            {
                still.Add(await RawConnection.OpenAsync(drive.Server));
                await still[i].SendHeadAsync(drive, "PUT", "file", "Content-Length: 1000000");
                await still[i].SendAsync(new byte[300_000 + i]);
            }
            await Eventually.TrueAsync("all bodies are being received", () => Leftovers("spool").Count() == 60);
            for (var i = 0; i < 20; i++)
            {
                (await drive.PutAsync("beside", $"{i}")).Must(201, 204);
                Assert.Equal(2, (await drive.ListAsync("")).Names.Count());
            }
        }
        finally
        {
            still.ForEach(client => client.Reset());
        }
        (await drive.DeleteAsync("beside")).Must(204);
    }

    [Fact]
    public async Task A_database_that_stops_in_the_middle_of_a_PUT()
    {
        for (var round = 0; round < 3; round++)
        {
            using var client = await RawConnection.OpenAsync(drive.Server);
            await client.SendHeadAsync(drive, "PUT", "file", "Content-Length: 2000000");
            await client.SendAsync(new byte[1_000_000]);
            await Eventually.TrueAsync("the body is being received", () => Leftovers("spool").Any());
            var stopped = kosha.PostmasterPid!.Value;
            ProcessTree.Signal(stopped, ProcessTree.SigInt);
            await Eventually.TrueAsync("Postgres ends", () => !ProcessTree.Exists(stopped));
            await client.SendAsync(new byte[1_000_000]);
            var head = await client.ReadHeadAsync(60);
            await Eventually.TrueAsync("Kosha serves again", async () => (await drive.HeadAsync("file")).Status == 200);
            if (head.StartsWith("HTTP/1.1 204", StringComparison.Ordinal))
            {
                // Postgres was back in time.
                Assert.Equal(new byte[2_000_000], (await drive.GetAsync("file")).Must(200).Body);
                (await drive.PutAsync("file", old)).Must(204);
                etag = (await drive.HeadAsync("file")).Etag;
            }
            else
            {
                Assert.StartsWith("HTTP/1.1 503", head, StringComparison.Ordinal);
                Assert.Contains("\r\nRetry-After: ", head, StringComparison.Ordinal);
            }
            await NothingHasChangedAsync();
        }
    }

    [Fact]
    public async Task A_full_disk_is_507_and_room_heals_it()
    {
        await using var disk = await SmallDisk.MountAsync(megabytes: 12);
        await using var small = await KoshaProcess.StartNewAsync(
            ("Blobs:Directory", Path.Combine(disk.Path, "blobs")),
            ("Spool:Directory", Path.Combine(disk.Path, "spool")));
        using var client = await small.NewDriveAsync();
        (await client.PutAsync("file", old)).Must(201);
        var body = new byte[20 * Megabyte];
        Random.Shared.NextBytes(body);
        foreach (var name in new[] { "file", "new" })
        {
            (await client.PutAsync(name, body)).Must(507);
            using var chunked = await RawConnection.OpenAsync(client.Server);
            await chunked.SendHeadAsync(client, "PUT", name, "Transfer-Encoding: chunked");
            await SendChunkAsync(chunked, body);
            Assert.Equal(507, await chunked.ReadStatusAsync());
        }
        Assert.Equal("the old content", (await client.GetAsync("file")).Must(200).Text);
        Assert.Equal(["file"], (await client.ListAsync("")).Names);
        foreach (var folder in new[] { "spool", "blobs/tmp" })
            Assert.Empty(Directory.EnumerateFiles(Path.Combine(disk.Path, folder)));
        (await client.PutAsync("file", body[..(2 * Megabyte)])).Must(204);
        (await small.CommandAsync("fsck", $"--Blobs:Directory={disk.Path}/blobs")).MustSucceed();
        await small.StopAsync();
    }

    private static async Task SendChunkAsync(RawConnection connection, byte[] body)
    {
        try
        {
            await connection.SendAsync($"{body.Length:x}\r\n");
            await connection.SendAsync(body);
            await connection.SendAsync("\r\n0\r\n\r\n");
        }
        catch (System.Net.Sockets.SocketException)
        {
            // The server answered and closed before the end.
        }
    }
}
