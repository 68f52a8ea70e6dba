using Kosha.Tests.Infrastructure;
using Kosha.Tests.WebDav;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>Contents of files by their ids, from a daemon that sends them itself.</summary>
public sealed class DownloadTests(Drive shared, SharedKosha kosha) : IClassFixture<Drive>, IDisposable
{
    private const string Foreign = "\"00000000000000000000000000000000\"";

    private readonly DavClient drive = shared.Client;
    private readonly ApiClient api = new(shared.Client);

    public void Dispose() => api.Dispose();

    private async Task<(string Content, string Etag)> NewFileAsync(string name, byte[] bytes)
    {
        var path = $"{await shared.NewFolderAsync()}/{name}";
        var etag = (await drive.PutAsync(path, bytes)).Must(201).Etag;
        return ($"nodes/{await api.IdAsync(path)}/content", etag);
    }

    [Fact]
    public async Task All_of_it_or_a_part()
    {
        var bytes = TestContent.Bytes(1);
        var (content, etag) = await NewFileAsync("data.bin", bytes);
        var all = (await api.GetBytesAsync(content)).Must(200);
        Assert.Equal(bytes, all.Body);
        Assert.Equal(etag, all.Etag);
        Assert.Equal($"{bytes.Length}", all.Header("Content-Length"));
        Assert.Equal("bytes", all.Header("Accept-Ranges"));
        Assert.Equal("private, no-cache", all.Header("Cache-Control"));
        var part = (await api.GetBytesAsync(content, ("Range", "bytes=10-19"))).Must(206);
        Assert.Equal(bytes[10..20], part.Body);
        var end = (await api.GetBytesAsync(content, ("Range", "bytes=-5"), ("If-Range", etag))).Must(206);
        Assert.Equal(bytes[^5..], end.Body);
        Assert.Equal(bytes, (await api.GetBytesAsync(content, ("Range", "bytes=0-1"), ("If-Range", Foreign)))
            .Must(200).Body);
        var beyond = (await api.GetBytesAsync(content, ("Range", "bytes=9000000-"))).Must(416);
        Assert.Equal($"bytes */{bytes.Length}", beyond.Header("Content-Range"));
        using var head = await api.StreamAsync(HttpMethod.Head, content);
        Assert.Equal(200, (int)head.StatusCode);
        Assert.Equal(bytes.Length, head.Content.Headers.ContentLength);
        Assert.Empty(await head.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Conditions_come_first()
    {
        var (content, etag) = await NewFileAsync("file.txt", [1, 2, 3]);
        Assert.Equal(etag, (await api.GetBytesAsync(content, ("If-None-Match", etag))).Must(304).Etag);
        (await api.GetBytesAsync(content, ("If-None-Match", Foreign))).Must(200);
        (await api.GetBytesAsync(content, ("If-Match", etag))).Must(200);
        (await api.SendAsync(HttpMethod.Get, content, null, ("If-Match", Foreign))).MustBe("condition-failed", 412);
    }

    [Theory]
    [InlineData("a.txt", "inline", "inline", "text/plain")]
    [InlineData("a.png", "Inline", "inline", "image/png")]
    [InlineData("a.png", "attachment", "attachment", "image/png")]
    [InlineData("a.png", null, "attachment", "image/png")]
    [InlineData("a.html", "inline", "attachment", "text/html")]
    [InlineData("a.svg", "inline", "attachment", "image/svg+xml")]
    public async Task Nothing_stored_runs_here(string name, string? wished, string kind, string type)
    {
        var (content, _) = await NewFileAsync(name, [1]);
        var answer = (await api.GetBytesAsync(content + (wished is null ? "" : $"?disposition={wished}"))).Must(200);
        Assert.Equal(type, answer.Header("Content-Type"));
        Assert.Equal("nosniff", answer.Header("X-Content-Type-Options"));
        Assert.Equal("sandbox; default-src 'none'", answer.Header("Content-Security-Policy"));
        Assert.StartsWith(kind + "; filename=", answer.Header("Content-Disposition"), StringComparison.Ordinal);
        Assert.Contains($"filename*=UTF-8''{name}", answer.Header("Content-Disposition"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_has_no_content_and_whom_it_does_not_concern()
    {
        var folder = await shared.NewFolderAsync();
        (await drive.PutAsync($"{folder}/empty", [])).Must(201);
        var content = $"nodes/{await api.IdAsync($"{folder}/empty")}/content";
        Assert.Empty((await api.GetBytesAsync(content)).Must(200).Body);
        (await api.SendAsync(HttpMethod.Get, content + "?disposition=no")).MustBe("invalid-value", 400);
        (await api.SendAsync(HttpMethod.Get, $"nodes/{await api.IdAsync(folder)}/content")).MustBe("wrong-kind", 409);
        using var otherDrive = await kosha.NewDriveAsync();
        using var other = new ApiClient(otherDrive);
        (await other.SendAsync(HttpMethod.Get, content)).MustBe("not-found", 404);
        using var wrong = new ApiClient(new DavClient(drive.Server, drive.User with { Password = "wrong" }));
        (await wrong.SendAsync(HttpMethod.Get, content)).MustBe("unauthorized", 401);
        (await drive.DeleteAsync(folder)).Must(204);
        (await api.SendAsync(HttpMethod.Get, content)).MustBe("not-found", 404);
    }
}
