using System.Security.Cryptography;
using Kosha.Daemon;
using Kosha.Daemon.Api;
using Kosha.Daemon.Configuration;
using Kosha.Tests.Infrastructure;
using Kosha.Tests.Storage;
using Kosha.WebDav.Links;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>How long a URL of the daemon itself holds, by a clock that the test moves.</summary>
public sealed class UploadLinksTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private static readonly byte[] Content = "content"u8.ToArray();

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = DateTimeOffset.UnixEpoch;

        public override DateTimeOffset GetUtcNow() => Now;
    }

    [Fact]
    public async Task A_url_holds_for_a_minute()
    {
        var clock = new Clock();
        using var uploads = Storage.UploadsOn(Storage.Store);
        var links = new UploadLinks(
            uploads, new LinkSigner(new byte[32]), clock, new KoshaOptions(new GivenSettings()));
        var begun = (await uploads.BeginAsync(User.Caller,
            new(Kosha.Tests.Storage.TestUser.At("file"), Content.Length, new(SHA256.HashData(Content))),
            CancellationToken.None)).Upload;
        var request = new DefaultHttpContext().Request;
        (request.Scheme, request.Host) = ("http", new("files.example.org"));
        var url = links.Sign(begun, [0], request)[0].Url;
        Assert.StartsWith("http://files.example.org/links/uploads/", url.AbsoluteUri, StringComparison.Ordinal);

        clock.Now += TimeSpan.FromSeconds(59);
        Assert.Equal(200, await PutAsync(links, url));
        clock.Now += TimeSpan.FromSeconds(2);
        Assert.Equal(404, await PutAsync(links, url));
    }

    private static async Task<int> PutAsync(UploadLinks links, Uri url)
    {
        var http = new DefaultHttpContext();
        http.Request.RouteValues["token"] = url.Segments[^1];
        http.Request.Body = new MemoryStream(Content);
        http.Response.Body = new MemoryStream();
        await links.ReceiveAsync(http);
        return http.Response.StatusCode;
    }
}
