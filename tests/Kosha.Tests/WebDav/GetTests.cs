using System.Security.Cryptography;
using System.Text;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.WebDav;

public sealed class GetTests(Drive drive, SharedKosha kosha) : IClassFixture<Drive>
{
    private readonly DavClient client = drive.Client;

    private async Task<string> PutAsync(string name = "file.txt", string content = "0123456789")
    {
        var path = $"{await drive.NewFolderAsync()}/{name}";
        (await client.PutAsync(path, content)).Must(201);
        return path;
    }

    [Fact]
    public async Task A_file_comes_with_its_validators_and_nothing_that_could_run()
    {
        var answer = (await client.GetAsync(await PutAsync("page.html", "<script>"))).Must(200);
        Assert.Equal("<script>", answer.Text);
        Assert.Equal("text/html", answer.Header("Content-Type"));
        Assert.Equal("bytes", answer.Header("Accept-Ranges"));
        Assert.Equal("nosniff", answer.Header("X-Content-Type-Options"));
        Assert.Equal("sandbox; default-src 'none'", answer.Header("Content-Security-Policy"));
        Assert.StartsWith("attachment", answer.Header("Content-Disposition"), StringComparison.Ordinal);
        Assert.NotNull(answer.Header("Last-Modified"));
        Assert.Matches("^\"[0-9a-f]{32}\"$", answer.Etag);
    }

    [Fact]
    public async Task HEAD_says_the_same_without_a_body()
    {
        var path = await PutAsync();
        var get = (await client.GetAsync(path)).Must(200);
        var head = (await client.HeadAsync(path)).Must(200);
        Assert.Empty(head.Body);
        foreach (var name in new[] { "Content-Length", "Content-Type", "ETag", "Last-Modified", "Accept-Ranges" })
            Assert.Equal(get.Header(name), head.Header(name));
        (await client.HeadAsync(path + "-not-there")).Must(404);
    }

    [Fact]
    public async Task What_is_not_there_is_404() // Zotero verifies a server by it.
    {
        (await client.GetAsync("zotero/lastsync.txt")).Must(404);
        (await client.GetAsync(await PutAsync() + "/below-a-file")).Must(404);
    }

    [Fact]
    public async Task Conditions_save_the_body()
    {
        var path = await PutAsync();
        var etag = (await client.HeadAsync(path)).Etag;
        var unchanged = (await client.GetAsync(path, ("If-None-Match", etag))).Must(304);
        Assert.Empty(unchanged.Body);
        Assert.Equal(etag, unchanged.Etag);
        (await client.GetAsync(path, ("If-Match", "\"other\""))).Must(412);
        (await client.GetAsync(path, ("If-None-Match", "JoplinIgnore-123"))).Must(200);
        (await client.GetAsync(path, ("If", $"([{etag}])"))).Must(200);
        (await client.GetAsync(path, ("If", $"(Not [{etag}])"))).Must(412);
    }

    [Fact]
    public async Task One_range()
    {
        var answer = (await client.GetAsync(await PutAsync(), ("Range", "bytes=2-4"))).Must(206);
        Assert.Equal("234", answer.Text);
        Assert.Equal("bytes 2-4/10", answer.Header("Content-Range"));
        Assert.Equal("3", answer.Header("Content-Length"));
    }

    [Fact]
    public async Task Several_ranges_come_as_parts_of_the_announced_length()
    {
        var answer = (await client.GetAsync(await PutAsync(), ("Range", "bytes=0-0,-2"))).Must(206);
        var boundary = answer.Header("Content-Type")!.Split("boundary=")[1];
        var expected = string.Join("\r\n",
            "", "--" + boundary, "Content-Type: text/plain", "Content-Range: bytes 0-0/10", "", "0",
            "--" + boundary, "Content-Type: text/plain", "Content-Range: bytes 8-9/10", "", "89",
            "--" + boundary + "--", "");
        Assert.Equal(expected, answer.Text);
    }

    [Fact]
    public async Task A_range_behind_the_end_is_416_and_a_malformed_one_is_none()
    {
        var path = await PutAsync();
        var answer = (await client.GetAsync(path, ("Range", "bytes=10-"))).Must(416);
        Assert.Equal("bytes */10", answer.Header("Content-Range"));
        (await client.GetAsync(path, ("Range", "bytes=5-4"))).Must(200);
        (await client.GetAsync(path, ("Range", "bytes=0-1"), ("If-Range", "\"other\""))).Must(200);
    }

    [Fact]
    public async Task A_date_in_If_Range_counts_only_if_the_server_set_it()
    {
        var path = await PutAsync();
        var date = (await client.HeadAsync(path)).Header("Last-Modified")!;
        (await client.GetAsync(path, ("Range", "bytes=0-1"), ("If-Range", date))).Must(206);
        (await client.PutAsync(path, "other", ("X-OC-Mtime", "1600000000"))).Must(204);
        date = (await client.HeadAsync(path)).Header("Last-Modified")!;
        (await client.GetAsync(path, ("Range", "bytes=0-1"), ("If-Range", date))).Must(200);
    }

    [Fact]
    public async Task An_empty_file_is_empty()
    {
        var path = await PutAsync(content: "");
        Assert.Equal("0", (await client.GetAsync(path)).Must(200).Header("Content-Length"));
        (await client.GetAsync(path, ("Range", "bytes=0-"))).Must(416);
    }

    [Fact]
    public async Task A_folder_is_a_page_of_escaped_links()
    {
        var path = await PutAsync("%3Cb%3E%26%22'.txt");
        var answer = (await client.GetAsync(path[..path.IndexOf('/', StringComparison.Ordinal)])).Must(200);
        Assert.StartsWith("default-src 'none'", answer.Header("Content-Security-Policy"), StringComparison.Ordinal);
        Assert.Contains("%3Cb%3E%26%22%27.txt\">&lt;b&gt;&amp;&quot;'.txt</a>", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_broken_store_breaks_the_connection_and_never_lands_in_the_file()
    {
        // More than sockets hold, so that the daemon is still reading when the store breaks.
        var content = RandomNumberGenerator.GetBytes(32 << 20);
        var path = await drive.NewFolderAsync() + "/file";
        (await client.PutAsync(path, content)).Must(201);
        var name = Convert.ToHexStringLower(SHA256.HashData(content));
        var data = (await kosha.Instance).DataDirectory;
        var blob = Directory.EnumerateFiles(data, name, SearchOption.AllDirectories).Single();
        using var answer = await client.SendForStreamAsync("GET", path, content: null);
        using (var file = File.Open(blob, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            file.SetLength(content.Length / 2);
        var received = new MemoryStream();
        await Assert.ThrowsAnyAsync<Exception>(() => answer.Content.CopyToAsync(received));
        Assert.True(content.AsSpan().StartsWith(received.ToArray()));
        (await client.GetAsync(path)).Must(500);
        // Others that count every blob must not meet a broken one.
        await File.WriteAllBytesAsync(blob, content);
        Assert.Equal(content, (await client.GetAsync(path)).Must(200).Body);
    }

    [Fact]
    public async Task Encoded_slashes_and_dots_reach_nothing_else()
    {
        var path = await PutAsync();
        var folder = path[..path.IndexOf('/', StringComparison.Ordinal)];
        (await client.GetAsync($"{folder}%2Ffile.txt")).Must(400);
        (await client.GetAsync($"{folder}/../{path}")).Must(400);
        (await client.GetAsync($"{folder}/%2e%2e/{path}")).Must(400, 404);
        (await client.GetAsync(folder + "//file.txt")).Must(200);
        (await client.GetAsync(folder + "/file.txt%00")).Must(400);
    }

    [Fact]
    public async Task A_target_in_absolute_form_is_understood()
    {
        var path = await PutAsync();
        using var connection = await RawConnection.OpenAsync(client.Server);
        await connection.SendAsync(
            $"GET {client.UrlOf(path)} HTTP/1.1\r\nHost: {client.Server.Authority}\r\n"
            + $"Authorization: {client.Authorization}\r\nConnection: close\r\n\r\n");
        var answer = Encoding.ASCII.GetString(await connection.ReadToEndAsync());
        Assert.EndsWith("\r\n\r\n0123456789", answer, StringComparison.Ordinal);
    }
}
