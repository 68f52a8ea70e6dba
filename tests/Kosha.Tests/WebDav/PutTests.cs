using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.WebDav;

public sealed class PutTests(Drive drive) : IClassFixture<Drive>
{
    private const string HelloSha1 = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d";
    private const string HelloMd5 = "5d41402abc4b2a76b9719d911017c592";

    private readonly DavClient client = drive.Client;

    [Fact]
    public async Task A_new_file_is_201_and_the_next_content_204_with_another_tag()
    {
        var path = await drive.NewFolderAsync() + "/file";
        var first = (await client.PutAsync(path, "hello")).Must(201);
        var second = (await client.PutAsync(path, "hello")).Must(204);
        Assert.NotEqual(first.Etag, second.Etag);
        var head = await client.HeadAsync(path);
        Assert.Equal(second.Etag, head.Etag);
        Assert.Equal(second.Header("Last-Modified"), head.Header("Last-Modified"));
    }

    [Theory]
    [InlineData("1600000000", "Sun, 13 Sep 2020 12:26:40 GMT")]
    [InlineData("1600000000.75", "Sun, 13 Sep 2020 12:26:40 GMT")]
    public async Task The_time_of_the_client_is_taken(string mtime, string expected)
    {
        var path = await drive.NewFolderAsync() + "/file";
        var answer = (await client.PutAsync(path, "hello", ("X-OC-Mtime", mtime))).Must(201);
        Assert.Equal("accepted", answer.Header("X-OC-Mtime"));
        Assert.Equal(expected, answer.Header("Last-Modified"));
        Assert.Equal(expected, (await client.HeadAsync(path)).Header("Last-Modified"));
    }

    [Theory]
    [InlineData("X-OC-Mtime", "yesterday", 400)]
    [InlineData("OC-Checksum", "SHA1:0000000000000000000000000000000000000000", 400)]
    [InlineData("OC-Checksum", "MD5:xyz", 400)]
    [InlineData("Content-Range", "bytes 0-4/10", 400)]
    [InlineData("Content-Encoding", "gzip", 415)]
    [InlineData("If-None-Match", "*", 412)]
    [InlineData("If-Match", "\"11111111111111111111111111111111\"", 412)]
    [InlineData("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT", 412)]
    [InlineData("If", "(<opaquelocktoken:11111111-1111-1111-1111-111111111111>)", 412)]
    [InlineData("If", "(nonsense", 400)]
    public async Task A_refused_write_leaves_the_old_file_as_it_was(string header, string value, int status)
    {
        var path = await drive.NewFolderAsync() + "/file";
        var before = (await client.PutAsync(path, "old")).Must(201);
        (await client.PutAsync(path, "new", (header, value))).Must(status);
        var after = (await client.GetAsync(path)).Must(200);
        Assert.Equal(("old", before.Etag), (after.Text, after.Etag));
    }

    [Theory]
    [InlineData("SHA1:" + HelloSha1)]
    [InlineData("md5:" + HelloMd5)]
    [InlineData("ADLER32:062c0215 SHA1:" + HelloSha1)]
    public async Task A_right_checksum_passes(string checksum) =>
        (await client.PutAsync(await drive.NewFolderAsync() + "/f", "hello", ("OC-Checksum", checksum))).Must(201);

    [Fact]
    public async Task A_file_cannot_be_put_onto_a_folder_or_where_none_is()
    {
        var folder = await drive.NewFolderAsync();
        (await client.PutAsync(folder, "x")).Must(405);
        (await client.PutAsync("", "x")).Must(403, 405);
        (await client.PutAsync(folder + "/new/", "x")).Must(405);
        (await client.PutAsync(folder + "/missing/file", "x")).Must(409);
        (await client.PutAsync(folder + "/file", "x")).Must(201);
        (await client.PutAsync(folder + "/file/below", "x")).Must(409);
    }

    [Fact]
    public async Task Joplin_sends_a_malformed_condition_with_everything()
    {
        var joplin = ("If-None-Match", "JoplinIgnore-1700000000");
        var folder = await drive.NewFolderAsync() + "/joplin";
        (await client.MkcolAsync(folder, joplin)).Must(201);
        (await client.PutAsync(folder + "/note.md", "1", joplin)).Must(201);
        (await client.PutAsync(folder + "/note.md", "2", joplin)).Must(204);
        (await client.DeleteAsync(folder, joplin)).Must(204);
    }

    [Fact]
    public async Task The_type_of_the_client_is_kept_if_it_says_something()
    {
        var folder = await drive.NewFolderAsync();
        (await client.PutAsync(folder + "/a.txt", "x", ("Content-Type", "text/csv"))).Must(201);
        (await client.PutAsync(folder + "/b.txt", "x", ("Content-Type", "application/octet-stream"))).Must(201);
        Assert.Equal("text/csv", (await client.HeadAsync(folder + "/a.txt")).Header("Content-Type"));
        Assert.Equal("text/plain", (await client.HeadAsync(folder + "/b.txt")).Header("Content-Type"));
    }

    [Fact]
    public async Task A_body_that_breaks_off_changes_nothing()
    {
        var path = await drive.NewFolderAsync() + "/file";
        (await client.PutAsync(path, "old")).Must(201);
        using (var connection = await RawConnection.OpenAsync(client.Server))
        {
            await connection.SendHeadAsync(client, "PUT", path, "Content-Length: 1000");
            await connection.SendAsync("half of it");
            connection.Reset();
        }
        using (var connection = await RawConnection.OpenAsync(client.Server))
        {
            await connection.SendHeadAsync(client, "PUT", path, "Transfer-Encoding: chunked");
            await connection.SendAsync("3\r\nnew\r\nnonsense");
            Assert.Equal(400, await connection.ReadStatusAsync());
        }
        Assert.Equal("old", (await client.GetAsync(path)).Text);
    }

    [Fact]
    public async Task A_hopeless_upload_is_refused_before_its_first_byte()
    {
        var folder = await drive.NewFolderAsync();
        using var connection = await RawConnection.OpenAsync(client.Server);
        await connection.SendHeadAsync(
            client, "PUT", folder + "/missing/file", "Content-Length: 1000000", "Expect: 100-continue");
        Assert.Equal(409, await connection.ReadStatusAsync());
    }

    [Fact]
    public async Task Finder_announces_what_a_chunked_body_will_have()
    {
        var folder = await drive.NewFolderAsync();
        using var connection = await RawConnection.OpenAsync(client.Server);
        await connection.SendHeadAsync(client, "PUT", folder + "/huge",
            "Transfer-Encoding: chunked", "X-Expected-Entity-Length: 99999999999999", "Expect: 100-continue");
        Assert.Equal(507, await connection.ReadStatusAsync());
    }
}
