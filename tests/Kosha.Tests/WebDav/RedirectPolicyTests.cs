using Kosha.Storage.Accounts;
using Kosha.WebDav;
using Kosha.WebDav.Links;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Kosha.Tests.WebDav;

public sealed class RedirectPolicyTests
{
    private const long Large = 8L << 20;

    private static RedirectPolicy With(RedirectMode mode, Uri? publicUrl = null) =>
        new(new WebDavOptions { Redirect = mode, PublicUrl = publicUrl });

    private static HttpRequest Get(string userAgent, string url = "http://files.example.org")
    {
        var request = new DefaultHttpContext().Request;
        var address = new Uri(url);
        request.Method = "GET";
        request.Scheme = address.Scheme;
        request.Host = HostString.FromUriComponent(address);
        request.Headers.UserAgent = userAgent;
        return request;
    }

    [Theory]
    [InlineData("rclone/v1.75.0", true, true)]
    [InlineData("curl/7.88.1", false, true)]
    [InlineData("curl/8.14.1", false, true)]
    [InlineData("curl/7.58.0", false, true)]
    [InlineData("curl/7.57.0", false, false)]
    [InlineData("curl/x", false, false)]
    [InlineData("curl/", false, false)]
    [InlineData("Microsoft-WebDAV-MiniRedir/10.0.22631", false, false)]
    [InlineData("Microsoft Office Word 2014", false, false)]
    [InlineData("WebDAVFS/1.8.1 (01818000) Darwin/14.5.0 (x86_64)", false, false)]
    [InlineData("WebDAVLib/1.3", false, false)]
    [InlineData("davfs2/1.6.1 neon/0.32.4", false, false)]
    [InlineData("gvfs/1.50.3", false, false)]
    [InlineData("Duplicati WEBDAV Client v2.0", false, false)]
    [InlineData("DAVx5/4.4-ose (okhttp/4.12.0) Android/14", false, false)]
    [InlineData("Python-urllib/3.11", false, false)]
    [InlineData("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", false, true)]
    [InlineData("Cyberduck/9.1.2", false, true)]
    [InlineData("", false, true)]
    public void Clients(string userAgent, bool ifKnown, bool always)
    {
        var request = Get(userAgent);
        Assert.Equal(ifKnown, With(RedirectMode.KnownClients).Applies(request, Large));
        Assert.Equal(always, With(RedirectMode.Always).Applies(request, Large));
        Assert.False(With(RedirectMode.Off).Applies(request, Large));
        Assert.False(With(RedirectMode.Always).Applies(request, Large - 1));
    }

    [Theory]
    [InlineData("Range", "bytes=0-")]
    [InlineData("If-Range", "\"x\"")]
    [InlineData("If-Match", "*")]
    [InlineData("If-None-Match", "\"x\"")]
    [InlineData("If-Modified-Since", "malformed")]
    [InlineData("If-Unmodified-Since", "malformed")]
    [InlineData("If", "(<opaquelocktoken:x>)")]
    [InlineData("Origin", "https://app.example.org")]
    public void Only_a_plain_request_for_all_of_it(string header, string value)
    {
        var request = Get("rclone/v1.75.0");
        request.Headers[header] = value;
        Assert.False(With(RedirectMode.Always).Applies(request, Large));
    }

    [Fact]
    public void Never_a_HEAD()
    {
        var request = Get("rclone/v1.75.0");
        request.Method = "HEAD";
        Assert.False(With(RedirectMode.Always).Applies(request, Large));
    }

    [Theory]
    [InlineData("https://files.example.org", "https://s3.example.org", true)]
    [InlineData("https://files.example.org", "https://example.org", true)]
    [InlineData("https://files.example.org", "https://notfiles.example.org", true)]
    [InlineData("http://files.example.org", "https://s3.example.net", true)]
    [InlineData("https://files.example.org", "http://s3.example.net", false)]
    [InlineData("https://files.example.org", "https://files.example.org:9000", false)]
    [InlineData("https://files.example.org:8443", "https://FILES.example.org./x", false)]
    [InlineData("https://files.example.org", "https://s3.files.example.org", false)]
    [InlineData("http://127.0.0.2:8080", "http://127.0.0.1:9000", true)]
    [InlineData("http://127.0.0.1:8080", "http://127.0.0.1:9000", false)]
    [InlineData("http://[::1]:8080", "http://[::1]:9000", false)]
    public void Targets(string from, string to, bool expected) =>
        Assert.Equal(expected, With(RedirectMode.Always, new(from)).MayLeadTo(new(to), Get("", from)));

    /// <summary>A proxy that puts its own host into the request hides the one that gets passwords.</summary>
    [Fact]
    public void Without_a_public_address_nobody_is_led_anywhere() => Assert.False(
        With(RedirectMode.Always).MayLeadTo(new("http://s3.example.net"), Get("", "http://files.example.org")));

    [Theory]
    [InlineData("https://files.example.org", "https://s3.files.example.org", false)]
    [InlineData("https://files.example.org", "http://s3.example.net", false)]
    [InlineData("https://files.example.org", "https://s3.example.net", true)]
    public void Behind_a_proxy_the_public_address_counts_too(string publicUrl, string to, bool expected) =>
        Assert.Equal(expected,
            With(RedirectMode.Always, new(publicUrl)).MayLeadTo(new(to), Get("", "http://10.0.0.5:8080")));

    /// <summary>What a page reads or shows stays where the page may read it.</summary>
    [Theory]
    [InlineData("navigate", RedirectMode.KnownClients, true)]
    [InlineData("navigate", RedirectMode.Always, true)]
    [InlineData("navigate", RedirectMode.Off, false)]
    [InlineData("cors", RedirectMode.Always, false)]
    [InlineData("same-origin", RedirectMode.Always, false)]
    [InlineData("no-cors", RedirectMode.Always, false)]
    [InlineData(null, RedirectMode.Always, false)]
    public void Downloads_of_browsers(string? fetchMode, RedirectMode mode, bool expected)
    {
        var request = Get("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0");
        if (fetchMode is not null)
            request.Headers["Sec-Fetch-Mode"] = fetchMode;
        Assert.Equal(expected, With(mode).AppliesToDownload(request, 1));
        request.Headers.Range = "bytes=0-1";
        Assert.False(With(mode).AppliesToDownload(request, 1));
    }
}
