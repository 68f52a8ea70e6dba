using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Clients;

/// <summary>A Kosha on S3 whose clients reach the store through a door that takes no password.</summary>
public sealed class KoshaWithLinks(TestS3 s3) : IAsyncLifetime
{
    public const int LargeBytes = 9_000_000;

    /// <summary>Where clients believe to be.</summary>
    public const string PublicUrl = "http://kosha.test";

    public KoshaProcess Kosha { get; private set; } = null!;

    public StrictS3 Door { get; private set; } = null!;

    public DavClient Drive { get; private set; } = null!;

    public byte[] Large { get; } = TestContent.Bytes(9, LargeBytes);

    public async ValueTask InitializeAsync()
    {
        var options = await s3.NewStoreAsync();
        Door = new(options.Endpoint!);
        Kosha = await KoshaProcess.StartNewAsync([
            .. TestS3.Settings(options), ("Blobs:S3:PublicEndpoint", Door.Url.AbsoluteUri), ("PublicUrl", PublicUrl),
        ]);
        Drive = Kosha.AdminDrive();
        (await Drive.PutAsync("large.bin", Large)).Must(201);
        (await Drive.PutAsync("small.txt", "small")).Must(201);
    }

    public async ValueTask DisposeAsync()
    {
        Drive?.Dispose();
        if (Kosha is not null)
            await Kosha.DisposeAsync();
        Door?.Dispose();
    }
}

/// <summary>Redirects of the drive to the store, with real clients: the store must see no password.</summary>
public sealed class RedirectTests(KoshaWithLinks setup) : IClassFixture<KoshaWithLinks>
{
    private static readonly (string, string) AsRclone = ("User-Agent", "rclone/v1.60.1-DEV");

    private readonly DavClient drive = setup.Drive;

    private void NoPasswordCame()
    {
        Assert.NotEmpty(setup.Door.Heads);
        Assert.All(setup.Door.Heads, head => Assert.DoesNotContain("Authorization:", head, StringComparison.Ordinal));
        setup.Door.Forget();
    }

    private async Task<byte[]> CurlAsync(string options, TestUser user)
    {
        var file = setup.Kosha.Folder["by-curl"];
        (await Tool.RunAsync("curl", options, "-u", $"{user.Name}:{user.Password}", "-o", file,
            drive.UrlOf("large.bin"))).MustSucceed();
        return await File.ReadAllBytesAsync(file);
    }

    private async Task<TestUser> NewDeviceAsync(string name, string redirect)
    {
        var added = await setup.Kosha.CommandAsync(
            "app-password", "add", "admin", "--name", name, "--redirect", redirect);
        return new("admin", added.MustSucceed().Output.Trim());
    }

    [Fact]
    public async Task Curl_that_is_told_to_follow_leaves_its_password_behind()
    {
        var device = await NewDeviceAsync("curl", "always");
        setup.Door.Forget();
        Assert.Equal(setup.Large, await CurlAsync("-sSfL", device));
        NoPasswordCame();
    }

    /// <summary>It would take the redirect for an empty file, and say that all went well.</summary>
    [Fact]
    public async Task Curl_that_is_not_told_to_follow_gets_bytes() =>
        Assert.Equal(setup.Large, await CurlAsync("-sSf", drive.User));

    [Fact]
    public async Task Rclone_follows_and_leaves_its_password_behind()
    {
        setup.Door.Forget();
        var rclone = await Rclone.ForAsync(drive);
        var folder = setup.Kosha.Folder["by-rclone"];
        await rclone.RunAsync("copy", Rclone.Remote("large.bin"), folder);
        Assert.Equal(setup.Large, await File.ReadAllBytesAsync(Path.Combine(folder, "large.bin")));
        NoPasswordCame();
    }

    [Theory]
    [InlineData("Microsoft-WebDAV-MiniRedir/10.0.19045")]
    [InlineData("WebDAVFS/3.0.0 (03008000) Darwin/23.5.0 (arm64)")]
    [InlineData("davfs2/1.6.1 neon/0.32.4")]
    [InlineData("gvfs/1.50.3")]
    [InlineData("something unknown")]
    public async Task Others_get_bytes(string userAgent)
    {
        var answer = (await drive.GetAsync("large.bin", ("User-Agent", userAgent))).Must(200);
        Assert.Equal(setup.Large, answer.Body);
        Assert.Null(answer.Header("Location"));
    }

    [Fact]
    public async Task A_redirect_is_temporary_and_signed_with_type_and_name()
    {
        var answer = (await drive.GetAsync("large.bin", AsRclone)).Must(307);
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.Null(answer.Header("ETag"));
        Assert.Empty(answer.Body);
        using var http = new HttpClient();
        using var found = await http.GetAsync(new Uri(answer.Header("Location")!));
        Assert.Equal(200, (int)found.StatusCode);
        Assert.Equal("application/octet-stream", found.Content.Headers.ContentType!.ToString());
        Assert.Equal("attachment", found.Content.Headers.ContentDisposition!.DispositionType);
        Assert.Equal("large.bin", found.Content.Headers.ContentDisposition.FileNameStar);
        Assert.Equal("no-store", found.Headers.CacheControl!.ToString());
        Assert.DoesNotContain("X-Amz-Signature", setup.Kosha.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Conditions_are_judged_before_and_ranges_and_heads_and_small_files_are_served()
    {
        var etag = (await drive.HeadAsync("large.bin")).Must(200).Etag;
        const string Stale = "\"00000000000000000000000000000000\"";
        (await drive.GetAsync("large.bin", AsRclone, ("If-Match", Stale))).Must(412);
        (await drive.GetAsync("large.bin", AsRclone, ("If-None-Match", etag))).Must(304);
        (await drive.GetAsync("large.bin", AsRclone, ("If-None-Match", Stale))).Must(200);
        (await drive.GetAsync("large.bin", AsRclone, ("If-Match", etag))).Must(200);
        var range = (await drive.GetAsync("large.bin", AsRclone, ("Range", "bytes=10-19"))).Must(206);
        Assert.Equal(setup.Large[10..20], range.Body);
        var head = (await drive.SendAsync("HEAD", "large.bin", AsRclone)).Must(200);
        Assert.Equal($"{KoshaWithLinks.LargeBytes}", head.Header("Content-Length"));
        Assert.Equal("small", (await drive.GetAsync("small.txt", AsRclone)).Must(200).Text);
    }

    [Fact]
    public async Task A_download_url_leads_to_the_store_for_every_file_of_a_listing()
    {
        var found = (await drive.PropfindAsync("", "1", LinkRequests.DownloadUrl)).Must(207).Multistatus;
        using var http = new HttpClient();
        foreach (var (name, content) in new[] { ("large.bin", setup.Large), ("small.txt", "small"u8.ToArray()) })
        {
            var url = found[name].Value(LinkRequests.Name)!;
            Assert.StartsWith(setup.Door.Url.AbsoluteUri, url, StringComparison.Ordinal);
            Assert.Equal(content, await http.GetByteArrayAsync(new Uri(url)));
        }
    }

    [Theory]
    [InlineData("off", "rclone/v1.60.1-DEV", 200)]
    [InlineData("known-clients", "rclone/v1.60.1-DEV", 307)]
    [InlineData("known-clients", "something unknown", 200)]
    [InlineData("always", "something unknown", 307)]
    [InlineData("always", "davfs2/1.6.1 neon/0.32.4", 200)]
    public async Task A_device_may_have_a_rule_of_its_own(string redirect, string userAgent, int status)
    {
        using var device = setup.Kosha.Drive(await NewDeviceAsync($"{redirect} {userAgent}", redirect));
        (await device.GetAsync("large.bin", ("User-Agent", userAgent))).Must(status);

        var url = (await device.PropfindAsync("large.bin", "0", LinkRequests.DownloadUrl))
            .Must(207).Multistatus.Single.Value(LinkRequests.Name)!;
        var origin = redirect == "off" ? new(KoshaWithLinks.PublicUrl) : setup.Door.Url;
        Assert.StartsWith(origin.AbsoluteUri, url, StringComparison.Ordinal);
        var listed = (await setup.Kosha.CommandAsync("app-password", "list", "admin")).MustSucceed();
        var row = listed.Output.Split('\n').Single(line =>
            line.Contains($" {redirect} {userAgent} ", StringComparison.Ordinal));
        Assert.Contains(redirect, row.Split("  ", StringSplitOptions.TrimEntries));
    }

    [Fact]
    public async Task A_redirect_rule_that_there_is_not_is_refused()
    {
        var refused = await setup.Kosha.CommandAsync(
            "app-password", "add", "admin", "--name", "x", "--redirect", "yes");
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("known-clients", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_that_clients_would_give_their_password_is_never_the_target()
    {
        // The same host name as the store's: its port makes no difference to Go.
        var host = ("Host", $"127.0.0.1:{drive.Server.Port}");
        Assert.Equal(setup.Large, (await drive.GetAsync("large.bin", AsRclone, host)).Must(200).Body);
        var found = await drive.SendAsync(
            "PROPFIND", "large.bin", DavClient.Xml(LinkRequests.DownloadUrl), ("Depth", "0"), host);
        Assert.StartsWith($"{KoshaWithLinks.PublicUrl}/links/",
            found.Must(207).Multistatus.Single.Value(LinkRequests.Name), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_browser_that_downloads_by_the_API_is_sent_to_the_store()
    {
        using var api = new ApiClient(drive);
        var content = $"nodes/{await api.IdAsync("small.txt")}/content";
        var navigates = ("Sec-Fetch-Mode", "navigate");
        foreach (var (query, kind) in new[] { ("", "attachment"), ("?disposition=inline", "inline") })
        {
            var answer = (await api.GetBytesAsync(content + query, navigates)).Must(307);
            Assert.Equal("no-store", answer.Header("Cache-Control"));
            Assert.StartsWith(setup.Door.Url.AbsoluteUri, answer.Header("Location"), StringComparison.Ordinal);
            using var http = new HttpClient();
            using var found = await http.GetAsync(new Uri(answer.Header("Location")!));
            Assert.Equal("small", await found.Content.ReadAsStringAsync());
            Assert.Equal(kind, found.Content.Headers.ContentDisposition!.DispositionType);
            Assert.Equal("small.txt", found.Content.Headers.ContentDisposition.FileNameStar);
        }
        Assert.Equal("small", (await api.GetBytesAsync(content, ("Sec-Fetch-Mode", "cors"))).Must(200).Text);
        Assert.Equal("small", (await api.GetBytesAsync(content)).Must(200).Text);
        Assert.Equal("ma", (await api.GetBytesAsync(content, navigates, ("Range", "bytes=1-2"))).Must(206).Text);
        var zip = (await api.GetBytesAsync($"zip?ids={await api.IdAsync("large.bin")}")).Must(200);
        Assert.InRange(zip.Body.Length, KoshaWithLinks.LargeBytes, KoshaWithLinks.LargeBytes + 10_000);
    }
}
