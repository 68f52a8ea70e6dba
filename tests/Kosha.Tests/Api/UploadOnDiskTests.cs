using System.Text.Json.Nodes;
using Kosha.Tests.Infrastructure;
using Kosha.Tests.WebDav;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>Uploads where clients do not reach the store: by URLs of the daemon itself.</summary>
public sealed class UploadOnDiskTests(Drive shared, SharedKosha kosha) : IClassFixture<Drive>, IDisposable
{
    private readonly DavClient drive = shared.Client;
    private readonly ApiClient api = new(shared.Client);

    public void Dispose() => api.Dispose();

    private static byte[] Bytes(int size, int seed) => KoshaWithUploads.Bytes(size, seed);

    private async Task<string> PathOfAsync(byte[] content)
    {
        var hash = ApiClient.HashOf(content);
        return Path.Combine((await kosha.Instance).DataDirectory, "blobs", hash[..2], hash[2..4], hash);
    }

    [Fact]
    public async Task An_upload_goes_to_the_daemon_by_a_url_that_needs_no_password()
    {
        var content = Bytes(400_000, 61);
        var begun = (await api.BeginAsync("file.bin", content)).Must(201);
        Assert.StartsWith(drive.Server.AbsoluteUri + "links/uploads/", begun.Url, StringComparison.Ordinal);
        (await api.CompleteAsync(begun.Id)).MustBe("bytes-missing", 409);
        Assert.Equal(422, await api.PutAsync(begun.Body!, Bytes(400_000, 62)));
        Assert.Equal(422, await api.PutAsync(begun.Body!, content[1..]));
        Assert.Equal(422, await api.PutAsync(begun.Body!, [.. content, 1]));
        Assert.Equal(200, await api.PutAsync(begun.Body!, content));
        Assert.Equal(200, await api.PutAsync(begun.Body!, content));
        (await drive.GetAsync("file.bin")).Must(404);
        Assert.False(File.Exists(await PathOfAsync(content)));

        (await api.CompleteAsync(begun.Id)).Must(200);
        Assert.Equal(content, (await drive.GetAsync("file.bin")).Must(200).Body);
        Assert.Equal(content, await File.ReadAllBytesAsync(await PathOfAsync(content)));
        Assert.Equal(404, await api.PutAsync(begun.Body!, content));
        Assert.Equal(content, (await drive.GetAsync("file.bin")).Must(200).Body);
        var token = new Uri(begun.Url).Segments[^1];
        Assert.DoesNotContain(token[..20], (await kosha.Instance).Output, StringComparison.Ordinal);
        await AssertNothingStagedAsync(begun.Id);
    }

    private async Task AssertNothingStagedAsync(long id)
    {
        var folder = Path.Combine((await kosha.Instance).DataDirectory, "blobs", "uploads");
        Assert.DoesNotContain(Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories),
            file => Path.GetFileName(file).Split('.')[0] == $"{id}");
    }

    [Fact]
    public async Task The_digests_that_rclone_compares_are_known_at_once()
    {
        var content = Bytes(1000, 63);
        await api.UploadAsync("digests.bin", content);
        const string Body = """
            <D:propfind xmlns:D="DAV:"><D:prop><c:checksums xmlns:c="http://owncloud.org/ns"/></D:prop></D:propfind>
            """;
        var found = (await drive.PropfindAsync("digests.bin", "0", Body)).Must(207).Text;
        Assert.Contains(Convert.ToHexStringLower(System.Security.Cryptography.SHA1.HashData(content)), found,
            StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Parts_are_received_one_by_one_and_joined()
    {
        const int PartBytes = 5 << 20;
        var content = Bytes(PartBytes + 10_000, 64);
        var begun = (await api.BeginAsync("parts.bin", content, new { partBytes = PartBytes })).Must(201);
        Assert.Equal(422, await PutAsync(begun, 2, content[PartBytes..^1]));
        Assert.Equal(200, await PutAsync(begun, 2, content[PartBytes..]));
        (await api.CompleteAsync(begun.Id)).MustBe("bytes-missing", 409);
        Assert.Equal(2, Assert.Single((await api.GetAsync(begun.Id)).Must(200).Numbers("partsThere")));
        var signed = (await api.SignAsync(begun.Id)).Must(200);
        Assert.Single(signed.Body!["parts"]!.AsArray());
        Assert.Equal(200, await PutAsync(signed, 1, content[..PartBytes]));
        (await api.CompleteAsync(begun.Id)).Must(200);
        Assert.Equal(content, (await drive.GetAsync("parts.bin")).Must(200).Body);
        await AssertNothingStagedAsync(begun.Id);
    }

    private Task<int> PutAsync(ApiAnswer answer, int number, byte[] content) => api.PutAsync(
        answer.Body!["parts"]!.AsArray().Single(part => (int)part!["number"]! == number)!, content);

    [Fact]
    public async Task Other_bytes_in_a_part_end_the_upload()
    {
        const int PartBytes = 5 << 20;
        var content = Bytes(PartBytes + 10, 65);
        var begun = (await api.BeginAsync("wrong.bin", content, new { partBytes = PartBytes })).Must(201);
        Assert.Equal(200, await PutAsync(begun, 1, content[..PartBytes]));
        Assert.Equal(200, await PutAsync(begun, 2, new byte[10]));
        (await api.CompleteAsync(begun.Id)).MustBe("digest-mismatch", 422);
        (await drive.GetAsync("wrong.bin")).Must(404);
        Assert.False(File.Exists(await PathOfAsync(content)));
    }

    [Fact]
    public async Task A_content_that_is_there_already_is_not_kept_twice()
    {
        var content = Bytes(300_000, 66);
        using var other = await kosha.NewDriveAsync();
        (await other.PutAsync("theirs", content)).Must(201);
        var begun = (await api.BeginAsync("mine", content)).Must(201);
        Assert.Equal("open", begun.State);
        Assert.Equal(200, await api.PutAsync(begun.Body!, content));
        (await api.CompleteAsync(begun.Id)).Must(200);
        Assert.Equal(content, (await drive.GetAsync("mine")).Must(200).Body);
        // What is known of one's own file needs no bytes, and a copy of it is no new content.
        Assert.Equal("completed", (await api.BeginAsync("copy", content)).Must(201).State);
    }

    [Fact]
    public async Task A_token_that_is_changed_or_of_another_kind_takes_nothing()
    {
        var content = Bytes(100, 67);
        var begun = (await api.BeginAsync("file", content)).Must(201);
        var url = begun.Url;
        var at = url.Length - 30;
        foreach (var changed in (string[])[url[..^1], url[..at] + (url[at] == 'A' ? 'B' : 'A') + url[(at + 1)..]])
            Assert.Equal(404, await api.PutAsync(How(changed), content));
        (await drive.PutAsync("other", "0123456789")).Must(201);
        var reading = await drive.LinkToAsync("other");
        Assert.Equal(404, await api.PutAsync(How(url[..(url.LastIndexOf('/') + 1)] + reading.Segments[^1]), content));
        using var http = new HttpClient();
        using var answer = await http.GetAsync(new Uri(drive.Server, "links/" + new Uri(url).Segments[^1]));
        Assert.Equal(404, (int)answer.StatusCode);

        static JsonObject How(string url) => new() { ["url"] = url, ["headers"] = new JsonObject() };
    }
}
