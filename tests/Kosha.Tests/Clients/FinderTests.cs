using System.Globalization;
using Kosha.Tests.Infrastructure;
using Kosha.Tests.WebDav;
using Xunit;

namespace Kosha.Tests.Clients;

/// <summary>Finder's file system, webdavfs: everything new is first empty, then locked, then sent in chunks.</summary>
public sealed class FinderTests(Drive drive) : IClassFixture<Drive>
{
    private const string Agent = "WebDAVFS/3.0.0 (03008000) Darwin/23.4.0 (arm64)";
    private const string Owner = "http://www.apple.com/webdav_fs/";

    private static readonly string Stat =
        Replay.Prop("D:getlastmodified", "D:getcontentlength", "D:creationdate", "D:resourcetype");

    private readonly DavClient client = drive.Client;

    private Replay Finder { get; } = new(drive.Client, ("User-Agent", Agent), ("Accept", "*/*"));

    private Task<DavAnswer> StatAsync(string path) => Finder.XmlAsync("PROPFIND", path, Stat, ("Depth", "0"));

    private Task<string> LockAsync(string path) =>
        Finder.LockAsync(path, Owner, ("Depth", "0"), ("Timeout", "Second-600"));

    /// <summary>Sends the head and all but the end of a chunked body.</summary>
    private async Task<RawConnection> BeginPutAsync(string path, string token, byte[] content, long announced)
    {
        var connection = await RawConnection.OpenAsync(client.Server);
        await connection.SendHeadAsync(client, "PUT", path, $"User-Agent: {Agent}", "Accept: */*",
            "Transfer-Encoding: chunked", $"X-Expected-Entity-Length: {announced}", $"If: ({token})");
        foreach (var chunk in content.Chunk(1000))
        {
            await connection.SendAsync(string.Create(CultureInfo.InvariantCulture, $"{chunk.Length:x}\r\n"));
            await connection.SendAsync([.. chunk, .. "\r\n"u8]);
        }
        return connection;
    }

    private async Task CopyInAsync(string path, byte[] content)
    {
        (await StatAsync(path)).Must(404);
        (await Finder.PutAsync(path, "")).Must(201);
        var token = await LockAsync(path);
        (await StatAsync(path)).Must(207);
        using (var connection = await BeginPutAsync(path, token, content, content.Length))
        {
            // Other requests of Finder's must not wait for this one (couling/WebDAV-Daemon#18).
            var meanwhile = (await StatAsync(path)).Must(207).Multistatus.Single;
            Assert.Equal("0", meanwhile.Value("getcontentlength"));
            Assert.Empty((await Finder.SendAsync("GET", path)).Must(200).Body);
            await connection.SendAsync("0\r\n\r\n");
            Assert.Equal(204, await connection.ReadStatusAsync());
        }
        (await StatAsync(path)).Must(207);
        (await Finder.SendAsync("UNLOCK", path, ("Lock-Token", token))).Must(204);
        Assert.Equal(content, (await Finder.SendAsync("GET", path)).Must(200).Body);
    }

    [Fact]
    public async Task A_volume_is_mounted_writable_and_knows_its_room()
    {
        var options = (await Finder.SendAsync("OPTIONS", "")).Must(200);
        Assert.Contains("2", options.Header("DAV")!.Split(", "));
        Assert.True((await StatAsync("")).Must(207).Multistatus.Single.IsFolder);
        var body = Replay.Prop("D:quota-available-bytes", "D:quota-used-bytes", "D:quota", "D:quotaused");
        var room = (await Finder.XmlAsync("PROPFIND", "", body, ("Depth", "0"))).Must(207).Multistatus.Single;
        var available = long.Parse(room.Value("quota-available-bytes")!, CultureInfo.InvariantCulture);
        var used = long.Parse(room.Value("quota-used-bytes")!, CultureInfo.InvariantCulture);
        Assert.Equal(10L << 30, available + used);
    }

    [Fact]
    public async Task A_file_is_copied_in_with_its_second_half() // AppleDouble
    {
        var folder = await drive.NewFolderAsync();
        var content = new byte[100_000];
        new Random(1).NextBytes(content);
        await CopyInAsync(folder + "/._photo.jpg", new byte[4096]);
        await CopyInAsync(folder + "/photo.jpg", content);
        await CopyInAsync(folder + "/.DS_Store", new byte[6148]);
        var names = (await Finder.XmlAsync("PROPFIND", folder + "/", Stat, ("Depth", "1"))).Must(207).Multistatus.Names;
        Assert.Equal([".DS_Store", "._photo.jpg", "photo.jpg"], names);
    }

    [Fact]
    public async Task What_does_not_fit_is_refused_before_its_first_byte() // opencloud-eu/opencloud#1492
    {
        var path = await drive.NewFolderAsync() + "/huge.mov";
        (await Finder.PutAsync(path, "")).Must(201);
        var token = await LockAsync(path);
        using (var connection = await BeginPutAsync(path, token, [], announced: 11L << 30))
            Assert.Equal(507, await connection.ReadStatusAsync());
        // Finder then takes back what it had begun.
        (await Finder.SendAsync("UNLOCK", path, ("Lock-Token", token))).Must(204);
        (await Finder.SendAsync("DELETE", path)).Must(204);
    }

    [Fact]
    public async Task A_body_of_another_length_than_expected_changes_nothing()
    {
        var path = await drive.NewFolderAsync() + "/cut.mov";
        (await Finder.PutAsync(path, "")).Must(201);
        var token = await LockAsync(path);
        using var connection = await BeginPutAsync(path, token, new byte[500], announced: 1000);
        await connection.SendAsync("0\r\n\r\n");
        Assert.Equal(400, await connection.ReadStatusAsync());
        Assert.Empty((await Finder.SendAsync("GET", path)).Must(200).Body);
    }

    [Fact]
    public async Task Probes_for_names_that_nobody_has_made_are_plainly_answered()
    {
        var folder = await drive.NewFolderAsync();
        foreach (var name in new[]
        {
            "._.", ".DS_Store", ".hidden", ".metadata_never_index", ".ql_disablethumbnails", ".Spotlight-V100",
            "Backups.backupdb", "._photo.jpg", "Contents",
        })
        {
            (await StatAsync($"{folder}/{name}")).Must(404);
            (await Finder.SendAsync("GET", $"{folder}/{name}")).Must(404);
        }
        Assert.Empty((await client.ListAsync(folder)).Names);
    }

    [Fact]
    public async Task Names_are_taken_apart_by_Finder_and_whole_for_all_others()
    {
        var folder = await drive.NewFolderAsync();
        // "Äpfel und Öl.txt": A, combining diaeresis …
        var apart = folder + "/A%CC%88pfel%20und%20O%CC%88l.txt";
        await CopyInAsync(apart, "content"u8.ToArray());
        Assert.Equal(["Äpfel und Öl.txt"], (await client.ListAsync(folder)).Names);
        // Who asks for a URL is answered about that URL, not about another way to write it.
        Assert.Equal("/dav/" + apart, (await StatAsync(apart)).Must(207).Multistatus.Single.Href);
        (await client.GetAsync(folder + "/%C3%84pfel%20und%20%C3%96l.txt")).Must(200);
        (await Finder.SendAsync("MOVE", apart, ("Destination", client.UrlOf(folder + "/u%CC%88ber.txt")),
            ("Overwrite", "F"))).Must(201);
        Assert.Equal(["über.txt"], (await client.ListAsync(folder)).Names);
    }

    [Fact]
    public async Task A_download_goes_on_where_it_stopped_unless_the_file_has_changed()
    {
        var path = await drive.NewFolderAsync() + "/film.mov";
        (await client.PutAsync(path, "0123456789")).Must(201);
        var date = (await Finder.SendAsync("GET", path, ("Range", "bytes=0-3"))).Must(206).Header("Last-Modified")!;
        Assert.Equal(date, (await StatAsync(path)).Multistatus.Single.Value("getlastmodified"));
        var rest = (await Finder.SendAsync("GET", path, ("Range", "bytes=4-"), ("If-Range", date))).Must(206);
        Assert.Equal("456789", rest.Text);

        // Within the same second the date cannot tell, so it counts no more.
        (await client.PutAsync(path, "abcdefghij")).Must(204);
        var whole = (await Finder.SendAsync("GET", path, ("Range", "bytes=4-"), ("If-Range", date))).Must(200);
        Assert.Equal("abcdefghij", whole.Text);
    }

    [Fact]
    public async Task A_document_is_saved_by_exchange()
    {
        var folder = await drive.NewFolderAsync();
        await CopyInAsync(folder + "/letter.txt", "old"u8.ToArray());
        (await Finder.SendAsync("MKCOL", folder + "/letter.txt.sb-1/")).Must(201);
        await CopyInAsync(folder + "/letter.txt.sb-1/letter.txt", "new"u8.ToArray());
        (await Finder.SendAsync("MOVE", folder + "/letter.txt.sb-1/letter.txt",
            ("Destination", client.UrlOf(folder + "/letter.txt")), ("Overwrite", "T"))).Must(204);
        (await Finder.SendAsync("DELETE", folder + "/letter.txt.sb-1/")).Must(204);
        Assert.Equal("new", (await client.GetAsync(folder + "/letter.txt")).Text);
    }
}
