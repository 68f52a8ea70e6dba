using System.Text.Json.Nodes;
using Kosha.Tests.Infrastructure;
using Kosha.Tests.WebDav;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>Browsers that are signed in, at a real daemon.</summary>
public sealed class SessionTests(Drive shared, SharedKosha kosha) : IClassFixture<Drive>
{
    private readonly DavClient drive = shared.Client;

    private Browser NewBrowser() => new(drive.Server);

    private async Task<Browser> SignedInAsync(bool remember = false)
    {
        var browser = NewBrowser();
        (await browser.SignInAsync(drive.User.Name, drive.User.Password, remember)).Must(200);
        return browser;
    }

    private static async Task<JsonArray> ListAsync(Browser browser) =>
        (await browser.SendAsync(HttpMethod.Get, "api/sessions")).Must(200).Body!["sessions"]!.AsArray();

    [Fact]
    public async Task A_browser_signs_in_calls_the_API_and_signs_out()
    {
        using var browser = NewBrowser();
        var stranger = (await browser.WhoAsync()).MustBe("unauthorized", 401);
        // Else the browser would open a window of its own.
        Assert.Equal("Kosha", Assert.Single(stranger.Headers.WwwAuthenticate).Scheme);
        var signedIn = (await browser.SignInAsync(drive.User.Name, drive.User.Password)).Must(200);
        Assert.Equal((drive.User.Name, false), (signedIn.Text("username"), (bool)signedIn.Body!["isAdmin"]!));
        var cookie = Assert.Single(browser.LastSetCookies);
        Assert.Contains("; httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("; samesite=lax", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("max-age", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Equal("no-store", signedIn.Headers.CacheControl!.ToString());

        (await browser.SendAsync(HttpMethod.Get, "api/uploads")).Must(200);
        var begun = (await browser.SendAsync(HttpMethod.Post, "api/uploads", new
        {
            parent = "/", name = "by-session", size = 0, sha256 = ApiClient.HashOf([]),
        })).Must(201);
        Assert.Equal("completed", begun.State);
        (await drive.GetAsync("by-session")).Must(200);

        (await browser.SendAsync(HttpMethod.Delete, "api/session")).Must(204);
        Assert.Contains("max-age=0", Assert.Single(browser.LastSetCookies), StringComparison.OrdinalIgnoreCase);
        (await browser.WhoAsync()).MustBe("unauthorized", 401);
    }

    [Fact]
    public async Task The_drive_takes_no_cookie()
    {
        using var browser = await SignedInAsync();
        Assert.Equal(401, (await browser.SendAsync(HttpMethod.Get, "dav/")).Status);
        Assert.NotEqual(0, browser.Cookies.Count);
    }

    [Fact]
    public async Task A_session_that_was_signed_out_is_over_also_for_who_kept_the_cookie()
    {
        using var browser = await SignedInAsync();
        using var thief = NewBrowser();
        thief.Cookies.Add(browser.Cookies.GetAllCookies());
        (await thief.WhoAsync()).Must(200);
        (await browser.SendAsync(HttpMethod.Delete, "api/session")).Must(204);
        (await thief.WhoAsync()).MustBe("unauthorized", 401);
        // Another tab may just be getting a new one.
        Assert.Empty(thief.LastSetCookies);
        (await thief.SendAsync(HttpMethod.Delete, "api/session")).Must(204);
    }

    [Fact]
    public async Task Signing_out_ends_the_session_also_beside_a_password()
    {
        using var browser = await SignedInAsync();
        using var thief = NewBrowser();
        thief.Cookies.Add(browser.Cookies.GetAllCookies());
        browser.Authorization = drive.Authorization;
        (await browser.SendAsync(HttpMethod.Delete, "api/session")).Must(204);
        (await thief.WhoAsync()).MustBe("unauthorized", 401);
    }

    [Fact]
    public async Task A_password_that_another_daemon_changed_ends_nothing_and_lists_nothing()
    {
        var process = await kosha.Instance;
        var user = await process.NewUserAsync();
        using var old = process.Drive(user);
        using var api = new ApiClient(old);
        (await api.SendAsync(HttpMethod.Get, "session")).Must(200);
        (await process.CommandAsync("another password\n", ["user", "passwd", user.Name, "--password-stdin"]))
            .MustSucceed();
        (await api.SendAsync(HttpMethod.Delete, "sessions")).MustBe("unauthorized", 401);
        (await api.SendAsync(HttpMethod.Get, "sessions")).MustBe("unauthorized", 401);
    }

    [Fact]
    public async Task Signing_in_again_gives_a_new_secret_and_ends_the_old_session()
    {
        using var browser = await SignedInAsync();
        using var fixer = NewBrowser();
        fixer.Cookies.Add(browser.Cookies.GetAllCookies());
        (await browser.SignInAsync(drive.User.Name, drive.User.Password)).Must(200);
        (await fixer.WhoAsync()).MustBe("unauthorized", 401);
        (await browser.WhoAsync()).Must(200);
    }

    [Fact]
    public async Task Sessions_are_listed_and_ended_one_by_one_or_all_others()
    {
        var process = await kosha.Instance;
        var user = await process.NewUserAsync();
        using var first = new Browser(drive.Server);
        using var second = new Browser(drive.Server);
        using var third = new Browser(drive.Server);
        foreach (var browser in new[] { first, second, third })
            (await browser.SignInAsync(user.Name, user.Password, remember: browser == third)).Must(200);
        Assert.Contains("max-age", Assert.Single(third.LastSetCookies), StringComparison.OrdinalIgnoreCase);
        var listed = await ListAsync(third);
        Assert.Equal([true, false, false], listed.Select(session => (bool)session!["isCurrent"]!));
        Assert.Equal([true, false, false], listed.Select(session => (bool)session!["isRemembered"]!));
        Assert.All(listed, session => Assert.Equal("Browser/1.0", (string)session!["userAgent"]!));
        var middle = (long)listed[1]!["id"]!;
        // Nobody else's.
        using (var stranger = await SignedInAsync())
            (await stranger.SendAsync(HttpMethod.Delete, $"api/sessions/{middle}")).MustBe("not-found", 404);
        (await third.SendAsync(HttpMethod.Delete, $"api/sessions/{middle}")).Must(204);
        (await second.WhoAsync()).MustBe("unauthorized", 401);
        (await first.WhoAsync()).Must(200);
        (await third.SendAsync(HttpMethod.Delete, "api/sessions")).Must(204);
        (await first.WhoAsync()).MustBe("unauthorized", 401);
        Assert.Single(await ListAsync(third));
    }

    [Fact]
    public async Task A_new_password_ends_all_sessions()
    {
        var process = await kosha.Instance;
        var user = await process.NewUserAsync();
        using var browser = new Browser(drive.Server);
        (await browser.SignInAsync(user.Name, user.Password)).Must(200);
        (await process.CommandAsync("another password\n", ["user", "passwd", user.Name, "--password-stdin"]))
            .MustSucceed();
        (await browser.WhoAsync()).MustBe("unauthorized", 401);
        (await browser.SignInAsync(user.Name, "another password")).Must(200);
    }

    /// <summary>A browser sends the cookie for pages of other origins, too.</summary>
    [Theory]
    [InlineData("cross-site", null)]
    [InlineData("same-site", null)]
    [InlineData(null, "https://evil.example.org")]
    [InlineData(null, "null")]
    public async Task A_page_of_another_origin_changes_nothing(string? site, string? origin)
    {
        using var browser = await SignedInAsync();
        (browser.Site, browser.Origin) = (site, origin);
        (await browser.SendAsync(HttpMethod.Delete, "api/session")).MustBe("forbidden", 403);
        (await browser.SendAsync(HttpMethod.Post, "api/uploads", new { })).MustBe("forbidden", 403);
        (await browser.SignInAsync(drive.User.Name, drive.User.Password)).MustBe("forbidden", 403);
        (browser.Site, browser.Origin) = (null, drive.Server.GetLeftPart(UriPartial.Authority));
        (await browser.SendAsync(HttpMethod.Delete, "api/session")).Must(204);
    }

    [Fact]
    public async Task A_wrong_password_and_an_app_password_are_one_error()
    {
        var process = await kosha.Instance;
        var secret = (await process.CommandAsync("app-password", "add", drive.User.Name, "--name", "session"))
            .MustSucceed().Output.Trim();
        using var browser = NewBrowser();
        foreach (var (name, password) in new[] { (drive.User.Name, "wrong"), ("nobody", "wrong"), ("a\0b", "x"),
            (drive.User.Name, secret) })
        {
            var refused = (await browser.SignInAsync(name, password)).MustBe("unauthorized", 401);
            Assert.Equal("The name or the password is wrong, or the account is disabled.", refused.Text("detail"));
        }
        Assert.Equal(0, browser.Cookies.Count);
    }

    [Fact]
    public async Task An_app_password_reaches_no_session()
    {
        var process = await kosha.Instance;
        var user = await process.NewUserAsync();
        var secret = (await process.CommandAsync("app-password", "add", user.Name, "--name", "device"))
            .MustSucceed().Output.Trim();
        using var device = process.Drive(new(user.Name, secret));
        using var api = new ApiClient(device);
        (await api.ListAsync()).Must(200);
        (await api.SendAsync(HttpMethod.Get, "session")).MustBe("forbidden", 403);
        (await api.SendAsync(HttpMethod.Get, "sessions")).MustBe("forbidden", 403);
        (await api.SendAsync(HttpMethod.Delete, "sessions")).MustBe("forbidden", 403);
        (await api.SendAsync(HttpMethod.Delete, "sessions/1")).MustBe("forbidden", 403);
    }
}
