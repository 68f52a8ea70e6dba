using Kosha.Daemon.Auth;
using Kosha.Daemon.Web;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Kosha.Tests.Daemon;

/// <summary>How the cookie is set, and which pages may use it.</summary>
public sealed class SessionCookieTests
{
    private static readonly Uri PublicUrl = new("https://files.example.org:8443/");

    private static DefaultHttpContext At(string scheme, string host)
    {
        var context = new DefaultHttpContext();
        (context.Request.Scheme, context.Request.Host) = (scheme, new(host));
        return context;
    }

    [Theory]
    [InlineData("https", "nas.local", "__Host-kosha-session", true)]
    [InlineData("http", "nas.local", "kosha-session", false)]
    // As a proxy passes it on that ends TLS and says nothing of it.
    [InlineData("http", "files.example.org:8443", "__Host-kosha-session", true)]
    public void Where_there_is_TLS_the_cookie_is_bound_to_it(string scheme, string host, string name, bool isSecure)
    {
        var cookie = new SessionCookie(PublicUrl);
        var context = At(scheme, host);
        var hash = cookie.Give(context, isRemembered: false);
        var set = context.Response.Headers.SetCookie.ToString();
        Assert.StartsWith(name + "=", set, StringComparison.Ordinal);
        Assert.Equal(isSecure, set.Contains("; secure", StringComparison.OrdinalIgnoreCase));
        Assert.Contains("; path=/;", set, StringComparison.Ordinal);
        context.Request.Headers.Cookie = set.Split(';')[0];
        Assert.Equal(hash, cookie.FindHash(context.Request));
        context.Request.Headers.Cookie = $"{name}=short";
        Assert.Null(cookie.FindHash(context.Request));
    }

    [Theory]
    [InlineData("same-origin", "https://evil.example.org", false)]
    [InlineData("none", null, false)]
    [InlineData("cross-site", "http://nas.local", true)]
    [InlineData("same-site", null, true)]
    [InlineData(null, null, false)]
    [InlineData(null, "http://nas.local", false)]
    [InlineData(null, "https://files.example.org:8443", false)]
    [InlineData(null, "https://files.example.org", true)]
    [InlineData(null, "null", true)]
    public void A_page_of_another_origin_is_known(string? site, string? origin, bool isFromElsewhere)
    {
        var request = At("http", "nas.local").Request;
        request.Headers["Sec-Fetch-Site"] = site;
        request.Headers.Origin = origin;
        Assert.Equal(isFromElsewhere, new SessionCookie(PublicUrl).IsFromElsewhere(request));
    }

    [Theory]
    [InlineData("nas.local", false)]
    [InlineData("files.example.org:8443", true)]
    public void So_is_the_ticket_of_a_share_link(string host, bool isSecure)
    {
        var context = At("http", host);
        SharePage.GiveTicket(context, new(PublicUrl), "token", "ticket");
        Assert.All(context.Response.Headers.SetCookie, set =>
            Assert.Equal(isSecure, set!.Contains("; secure", StringComparison.OrdinalIgnoreCase)));
    }
}
