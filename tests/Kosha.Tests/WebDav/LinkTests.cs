using System.Net;
using System.Net.Http.Headers;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.WebDav;

/// <summary>The daemon's own links, which the disk store needs.</summary>
public sealed class LinkTests(Drive drive, SharedKosha kosha) : IClassFixture<Drive>, IDisposable
{
    private readonly DavClient client = drive.Client;
    private readonly HttpClient anybody = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });

    public void Dispose() => anybody.Dispose();

    private async Task<Uri> LinkAsync(string name, string content)
    {
        var path = $"{await drive.NewFolderAsync()}/{name}";
        (await client.PutAsync(path, content)).Must(201);
        return await client.LinkToAsync(path);
    }

    [Fact]
    public async Task A_link_gives_anybody_the_bytes_and_nothing_that_could_run()
    {
        var link = await LinkAsync("p%C3%A4ge%201.html", "<script>");
        Assert.StartsWith(client.Server.AbsoluteUri + "links/", link.AbsoluteUri, StringComparison.Ordinal);
        using var answer = await anybody.GetAsync(link);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("<script>", await answer.Content.ReadAsStringAsync());
        Assert.Equal("text/html", answer.Content.Headers.ContentType!.ToString());
        Assert.Equal("p\u00E4ge 1.html", answer.Content.Headers.ContentDisposition!.FileNameStar);
        Assert.Equal("attachment", answer.Content.Headers.ContentDisposition.DispositionType);
        Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
        Assert.Equal("sandbox; default-src 'none'", Assert.Single(answer.Headers.GetValues("Content-Security-Policy")));
        Assert.Equal("no-store", answer.Headers.CacheControl!.ToString());
    }

    [Fact]
    public async Task A_link_gives_ranges_and_takes_GET_and_HEAD_alone()
    {
        var link = await LinkAsync("file.txt", "0123456789");
        using var ranged = new HttpRequestMessage(HttpMethod.Get, link);
        ranged.Headers.Range = new RangeHeaderValue(2, 4);
        using var part = await anybody.SendAsync(ranged);
        Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
        Assert.Equal("234", await part.Content.ReadAsStringAsync());
        using var head = await anybody.SendAsync(new(HttpMethod.Head, link));
        Assert.Equal(10, head.Content.Headers.ContentLength);
        using var put = await anybody.PutAsync(link, new StringContent("other"));
        Assert.Equal(HttpStatusCode.MethodNotAllowed, put.StatusCode);
        Assert.Equal("0123456789", await anybody.GetStringAsync(link));
    }

    [Fact]
    public async Task A_token_that_is_changed_is_not_found_and_stands_in_no_log()
    {
        var link = await LinkAsync("file.txt", "content");
        var token = link.Segments[^1];
        foreach (var at in new[] { 0, token.Length / 2, token.Length - 1 })
        {
            var changed = token[..at] + (token[at] == 'A' ? 'B' : 'A') + token[(at + 1)..];
            using var answer = await anybody.GetAsync(new Uri(link, changed));
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }
        Assert.DoesNotContain(token[..40], (await kosha.Instance).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_link_stays_with_its_bytes_when_the_file_is_written_over()
    {
        var path = $"{await drive.NewFolderAsync()}/file.txt";
        (await client.PutAsync(path, "first")).Must(201);
        var link = await client.LinkToAsync(path);
        (await client.PutAsync(path, "second")).Must(204);
        Assert.Equal("first", await anybody.GetStringAsync(link));
        Assert.Equal("second", await anybody.GetStringAsync(await client.LinkToAsync(path)));
    }

    [Fact]
    public async Task An_empty_file_has_a_link_and_a_folder_has_none()
    {
        Assert.Equal("", await anybody.GetStringAsync(await LinkAsync("empty", "")));
        var answer = await client.PropfindAsync(await drive.NewFolderAsync(), "0", LinkRequests.DownloadUrl);
        Assert.Equal(404, answer.Must(207).Multistatus.Single.Properties[LinkRequests.Name].Status);
    }

    [Fact]
    public async Task Nobody_gets_a_link_without_asking_for_it()
    {
        var path = await drive.NewFolderAsync();
        (await client.PutAsync($"{path}/file", "content")).Must(201);
        var listed = await client.ListAsync(path);
        Assert.All(listed.Items, item => Assert.DoesNotContain(LinkRequests.Name, item.Properties.Keys));
    }
}
