using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>Links with a maximum of downloads: each is counted once, and never is there one too many.</summary>
public sealed class ShareDownloadTests(SharedKosha kosha) : ShareTest(kosha)
{
    private async Task<long> DownloadsAsync(ApiAnswer link) => (long)(await LinkAsync(link.Id)).Body!["downloads"]!;

    /// <summary>As a browser or a download manager follows.</summary>
    private static async Task<DavAnswer> FollowAsync(
        Visitor visitor, DavAnswer redirect, params (string Name, string Value)[] headers) =>
        await visitor.SendAsync(HttpMethod.Get, redirect.Must(307).Header("Location")!, null, headers);

    [Fact]
    public async Task Of_32_downloads_at_once_exactly_as_many_succeed_as_there_may_be()
    {
        const int Most = 5;
        var (link, visitor) = await ShareAsync(new { nodeId = File, maxDownloads = Most });
        var answers = await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => Task.Run(() =>
            visitor.GetAsync(Content(File)))));
        Assert.Equal(Most, answers.Count(answer => answer.Status == 307));
        Assert.Equal(32 - Most, answers.Count(answer => answer.Status == 404));
        Assert.Equal(Most, await DownloadsAsync(link));
        // What was counted is good for all its ranges, and no new one comes.
        foreach (var redirect in answers.Where(answer => answer.Status == 307))
        {
            Assert.Equal("content of a", (await FollowAsync(visitor, redirect)).Must(200).Text);
            Assert.Equal("of a", (await FollowAsync(visitor, redirect, ("Range", "bytes=8-"))).Must(206).Text);
            Assert.Equal("content", (await FollowAsync(visitor, redirect, ("Range", "bytes=0-6"))).Must(206).Text);
        }
        Assert.Equal(Most, await DownloadsAsync(link));
        (await visitor.GetAsync("")).Must(404);
        (await visitor.HeadAsync(Content(File))).Must(404);
        Assert.True((bool)(await LinkAsync(link.Id)).Body!["isOver"]!);
        // Its owner may allow more.
        (await ChangeLinkAsync(link.Id, new { maxDownloads = 4 })).MustBe("invalid-value", 400);
        (await ChangeLinkAsync(link.Id, new { maxDownloads = 6 })).Must(200);
        (await visitor.GetAsync(Content(File))).Must(307);
    }

    [Fact]
    public async Task Looking_is_not_counted_and_a_zip_file_is_one_download()
    {
        var (link, visitor) = await ShareAsync(new { nodeId = Folder, maxDownloads = 2 });
        var head = (await visitor.HeadAsync(Content(File))).Must(200);
        Assert.Equal("12", head.Header("Content-Length"));
        (await visitor.GetAsync("nodes")).Must(200);
        (await visitor.PageAsync(HttpMethod.Get)).Must(200);
        Assert.Equal(0, await DownloadsAsync(link));
        (await visitor.GetAsync("zip")).Must(200);
        Assert.Equal(1, await DownloadsAsync(link));
        var redirect = (await visitor.GetAsync(Content(File) + "?disposition=inline")).Must(307);
        var shown = (await FollowAsync(visitor, redirect)).Must(200);
        Assert.StartsWith("inline", shown.Header("Content-Disposition"), StringComparison.Ordinal);
        (await visitor.GetAsync("zip")).Must(404);
        Assert.Equal(2, await DownloadsAsync(link));

        // The ticket is for this file of this link, as it was.
        var ticket = redirect.Header("Location")!.Split('?')[1].Split('&')[0];
        var (_, other) = await ShareAsync(new { nodeId = Folder, maxDownloads = 2 });
        (await other.GetAsync($"{Content(File)}?{ticket}")).Must(307);
        var beside = await Api.IdAsync("/shared/sub/b.txt");
        (await visitor.GetAsync($"{Content(beside)}?{ticket}")).Must(404);
        (await visitor.GetAsync($"{Content(File)}?{ticket[..^1]}")).Must(404);
        (await RevokeAsync(link.Id)).Must(204);
        (await FollowAsync(visitor, redirect)).Must(404);
    }

    [Fact]
    public async Task Of_a_link_without_a_maximum_whole_files_are_counted_and_their_pieces_are_not()
    {
        var (link, visitor) = await ShareAsync(new { nodeId = File });
        (await visitor.GetAsync(Content(File))).Must(200);
        (await visitor.GetAsync(Content(File), ("Range", "bytes=0-3"))).Must(206);
        for (var i = 4; i < 12; i++)
            (await visitor.GetAsync(Content(File), ("Range", $"bytes={i}-{i}"))).Must(206);
        (await visitor.HeadAsync(Content(File))).Must(200);
        await Eventually.TrueAsync("they are counted", async () => await DownloadsAsync(link) == 2);
        Assert.Equal(11, (long)(await LinkAsync(link.Id)).Body!["accesses"]!);
    }

    [Fact]
    public async Task What_gives_no_bytes_is_not_counted()
    {
        var (link, visitor) = await ShareAsync(new { nodeId = File, maxDownloads = 1 });
        var (free, other) = await ShareAsync(new { nodeId = File });
        var etag = (await visitor.HeadAsync(Content(File))).Must(200).Header("ETag")!;
        foreach (var one in new[] { visitor, other })
        {
            (await one.GetAsync(Content(File), ("If-None-Match", etag))).Must(304);
            (await one.GetAsync(Content(File), ("If-Match", "\"another\""))).Must(412);
        }
        Assert.Equal(0, await DownloadsAsync(link));
        (await visitor.GetAsync(Content(File), ("If-Match", etag))).Must(307);
        (await other.GetAsync(Content(File))).Must(200);
        await Eventually.TrueAsync("it is counted", async () => await DownloadsAsync(free) > 0);
        Assert.Equal((1, 1), (await DownloadsAsync(link), await DownloadsAsync(free)));
    }

    [Fact]
    public async Task What_takes_the_place_of_a_content_is_another_download()
    {
        var (link, visitor) = await ShareAsync(new { nodeId = File, maxDownloads = 2 });
        var redirect = (await visitor.GetAsync(Content(File))).Must(307);
        (await FollowAsync(visitor, redirect)).Must(200);
        (await Drive.PutAsync("shared/a.txt", "something else")).Must(204);
        var second = await FollowAsync(visitor, redirect);
        Assert.Equal("something else", (await FollowAsync(visitor, second)).Must(200).Text);
        Assert.Equal(2, await DownloadsAsync(link));
        (await FollowAsync(visitor, redirect)).Must(404);
    }

    [Fact]
    public async Task Visitors_at_one_address_get_two_zip_files_at_once()
    {
        (await Drive.PutAsync("shared/large.bin", TestContent.Bytes(9, 48_000_000))).Must(201);
        var (_, visitor) = await ShareAsync(new { nodeId = Folder });
        var (link, _) = await ShareAsync(new { nodeId = Folder });
        using (await visitor.StreamAsync("zip"))
        {
            visitor.Token = link.Url.Split('/')[^1];
            using var second = await visitor.StreamAsync("zip");
            Assert.Equal(200, (int)second.StatusCode);
            (await visitor.GetAsync("zip")).Must(429);
        }
        await Eventually.TrueAsync("there is room again", async () =>
        {
            using var answer = await visitor.StreamAsync("zip");
            return answer.IsSuccessStatusCode;
        });
    }
}

/// <summary>Links on a store that browsers read directly.</summary>
[Collection(WithUploads.Name)]
public sealed class ShareRedirectTests(KoshaWithUploads setup)
{
    [Fact]
    public async Task A_browser_is_sent_to_the_store_once_its_download_is_counted()
    {
        var (drive, api) = await setup.NewUserAsync();
        using var _ = drive;
        using var __ = api;
        (await drive.PutAsync("file", "of the store")).Must(201);
        var file = await api.IdAsync("/file");
        var made = (await api.PostAsync("shares", new { nodeId = file, maxDownloads = 1 })).Must(201);
        using var visitor = new Visitor(setup.Kosha.Url, made.Url.Split('/')[^1]);
        var counted = (await visitor.GetAsync($"nodes/{file}/content", ("Sec-Fetch-Mode", "navigate"))).Must(307);
        var there = (await visitor.SendAsync(
            HttpMethod.Get, counted.Header("Location")!, null, ("Sec-Fetch-Mode", "navigate"))).Must(307);
        Assert.DoesNotContain(visitor.Token, there.Header("Location"), StringComparison.Ordinal);
        using var anybody = new HttpClient();
        Assert.Equal("of the store", await anybody.GetStringAsync(new Uri(there.Header("Location")!)));
        (await visitor.GetAsync($"nodes/{file}/content", ("Sec-Fetch-Mode", "navigate"))).Must(404);
    }
}
