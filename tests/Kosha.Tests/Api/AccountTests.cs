using System.Text.Json.Nodes;
using Kosha.Daemon.Api;
using Kosha.Daemon.Auth;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary><c>/api/account</c>: what users do with their own accounts.</summary>
public sealed class AccountTests(SharedKosha shared)
{
    private const string Changed = "quite another password";

    private static Task<ApiAnswer> SetPasswordAsync(Browser browser, string current, string wished) =>
        browser.SendAsync(HttpMethod.Put, "api/account/password", new { password = current, @new = wished });

    private static Task<ApiAnswer> SetEmailAsync(Browser browser, TestUser user, string email) =>
        browser.SendAsync(HttpMethod.Patch, "api/account", new { password = user.Password, email });

    private static Task<ApiAnswer> AddAppPasswordAsync(Browser browser, string password) =>
        browser.SendAsync(HttpMethod.Post, "api/app-passwords", new { label = "phone", password });

    [Fact]
    public async Task An_account_tells_about_itself_and_takes_an_email_to_sign_in_by()
    {
        var kosha = await shared.Instance;
        var user = await kosha.NewUserAsync();
        using var browser = await Browser.SignedInAsync(kosha, user);
        var account = (await browser.SendAsync(HttpMethod.Get, "api/account")).Must(200);
        Assert.Equal((user.Name, null, "default"),
            (account.Text("username"), account.Text("email"), account.Text("plan")));
        Assert.Equal((false, false), ((bool)account.Body!["isAdmin"]!, (bool)account.Body["twoFactor"]!));
        Assert.InRange((DateTimeOffset)account.Body["created"]!, DateTimeOffset.UtcNow.AddHours(-1),
            DateTimeOffset.UtcNow.AddHours(1));

        var email = $"{user.Name}@example.org";
        var changed = await SetEmailAsync(browser, user, email);
        Assert.Equal(email, changed.Must(200).Text("email"));
        using (var again = new Browser(kosha.Url))
            (await again.SignInAsync(email.ToUpperInvariant(), user.Password)).Must(200);
        (await browser.SendAsync(HttpMethod.Patch, "api/account", new { })).MustBe("malformed", 400);
        (await browser.SendAsync(HttpMethod.Patch, "api/account", new { password = "not looked at" })).Must(200);
        var without = (await SetEmailAsync(browser, user, "")).Must(200);
        Assert.Null(without.Text("email"));
        using (var again = new Browser(kosha.Url))
            (await again.SignInAsync(email, user.Password)).MustBe("unauthorized", 401);
    }

    [Fact]
    public async Task A_new_password_ends_everything_but_the_session_that_set_it_and_app_passwords()
    {
        var kosha = await shared.Instance;
        var user = await kosha.NewUserAsync();
        using var browser = await Browser.SignedInAsync(kosha, user);
        using var other = await Browser.SignedInAsync(kosha, user);
        using var drive = kosha.Drive(user);
        var secret = (await AddAppPasswordAsync(browser, user.Password)).Must(201).Text("secret")!;
        using var phone = kosha.Drive(user with { Password = secret });
        foreach (var device in new[] { drive, phone })
            (await device.PropfindAsync("", "0")).Must(207);

        (await SetPasswordAsync(browser, "not it", Changed)).MustBe("wrong-password", 403);
        (await SetPasswordAsync(browser, user.Password, "short")).MustBe("invalid-value", 400);
        (await drive.PropfindAsync("", "0")).Must(207);
        (await SetPasswordAsync(browser, user.Password, Changed)).Must(204);
        (await browser.WhoAsync()).Must(200);
        (await browser.SendAsync(HttpMethod.Get, "api/uploads")).Must(200);
        (await other.WhoAsync()).MustBe("unauthorized", 401);
        (await drive.PropfindAsync("", "0")).Must(401);
        (await phone.PropfindAsync("", "0")).Must(207);
        using var again = kosha.Drive(user with { Password = Changed });
        (await again.PropfindAsync("", "0")).Must(207);
        // And once more by the session that lives on.
        (await SetPasswordAsync(browser, Changed, user.Password)).Must(204);
        (await browser.WhoAsync()).Must(200);
    }

    [Fact]
    public async Task Whose_an_email_is_cannot_be_asked_by_trying_many()
    {
        var kosha = await shared.Instance;
        var user = await kosha.NewUserAsync();
        var email = $"{user.Name}@example.org";
        using (var owner = await Browser.SignedInAsync(kosha, user))
            (await SetEmailAsync(owner, user, email)).Must(200);
        var other = await kosha.NewUserAsync();
        using var browser = await Browser.SignedInAsync(kosha, other);
        var none = (await SetEmailAsync(browser, other, "nobody")).MustBe("invalid-value", 400);
        for (var i = 1; i < AccountEndpoints.EmailsByDay; i++)
        {
            var taken = (await SetEmailAsync(browser, other, email.ToUpperInvariant())).MustBe("invalid-value", 400);
            Assert.Equal(none.Body!.ToJsonString(), taken.Body!.ToJsonString());
        }
        // What succeeds counts as well: it tells as much.
        (await SetEmailAsync(browser, other, $"{other.Name}@example.org")).Must(200);
        foreach (var more in new[] { email, $"another-of-{other.Name}@example.org" })
        {
            var refused = (await SetEmailAsync(browser, other, more)).MustBe("limit-reached", 429);
            Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalHours, 23, 24);
        }
        Assert.Null((await SetEmailAsync(browser, other, "")).Must(200).Text("email"));
    }

    [Fact]
    public async Task A_new_email_ends_all_sessions_but_the_one_that_set_it()
    {
        var kosha = await shared.Instance;
        var user = await kosha.NewUserAsync();
        using var browser = await Browser.SignedInAsync(kosha, user);
        using var other = await Browser.SignedInAsync(kosha, user);
        var secret = (await AddAppPasswordAsync(browser, user.Password)).Must(201).Text("secret")!;
        using var phone = kosha.Drive(user with { Password = secret });
        using var drive = kosha.Drive(user);
        (await drive.PropfindAsync("", "0")).Must(207);
        (await SetEmailAsync(browser, user, $"{user.Name}@example.org")).Must(200);
        (await browser.WhoAsync()).Must(200);
        (await other.WhoAsync()).MustBe("unauthorized", 401);
        (await phone.PropfindAsync("", "0")).Must(207);
        // What a daemon remembers of the own password ends as well; the password itself is still right.
        (await drive.PropfindAsync("", "0")).Must(401);
        (await drive.PropfindAsync("", "0")).Must(207);
        // And so it does for who changes the email by that password, who notices nothing.
        using var api = new ApiClient(drive);
        var body = new JsonObject { ["password"] = user.Password, ["email"] = "" };
        (await api.SendAsync(HttpMethod.Patch, "account", body)).Must(200);
        (await api.SendAsync(HttpMethod.Get, "account")).Must(200);
        (await browser.WhoAsync()).MustBe("unauthorized", 401);
    }

    [Fact]
    public async Task A_stolen_session_cannot_guess_the_password()
    {
        var kosha = await shared.Instance;
        var user = await kosha.NewUserAsync();
        using var browser = await Browser.SignedInAsync(kosha, user);
        for (var i = 0; i < SignIn.FailuresByNameAndAddress; i++)
            (await SetPasswordAsync(browser, $"guess {i}", Changed)).MustBe("wrong-password", 403);
        var refused = (await SetPasswordAsync(browser, user.Password, Changed)).MustBe("too-many-sign-ins", 429);
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 600);
        (await browser.SendAsync(HttpMethod.Delete, "api/account", new { password = user.Password }))
            .MustBe("too-many-sign-ins", 429);
        (await AddAppPasswordAsync(browser, user.Password)).MustBe("too-many-sign-ins", 429);
        (await SetEmailAsync(browser, user, $"{user.Name}@example.org")).MustBe("too-many-sign-ins", 429);
        (await browser.WhoAsync()).Must(200);
    }

    [Fact]
    public async Task A_stolen_session_leaves_neither_a_device_nor_an_email_behind()
    {
        var kosha = await shared.Instance;
        var user = await kosha.NewUserAsync();
        using var browser = await Browser.SignedInAsync(kosha, user);
        (await AddAppPasswordAsync(browser, "not it")).MustBe("wrong-password", 403);
        (await browser.SendAsync(HttpMethod.Post, "api/app-passwords", new { label = "phone" }))
            .MustBe("malformed", 400);
        (await SetEmailAsync(browser, user with { Password = "not it" }, "thief@example.org"))
            .MustBe("wrong-password", 403);
        (await browser.SendAsync(HttpMethod.Patch, "api/account", new { email = "thief@example.org" }))
            .MustBe("malformed", 400);
        Assert.Empty((await browser.SendAsync(HttpMethod.Get, "api/app-passwords")).Must(200)
            .Body!["appPasswords"]!.AsArray());
        Assert.Null((await browser.SendAsync(HttpMethod.Get, "api/account")).Must(200).Text("email"));
    }

    [Fact]
    public async Task An_account_that_is_deleted_ends_at_once_and_its_name_is_free_when_all_is_gone()
    {
        var kosha = await shared.Instance;
        var user = await kosha.NewUserAsync();
        using var browser = await Browser.SignedInAsync(kosha, user);
        using var drive = kosha.Drive(user);
        (await drive.MkcolAsync("folder")).Must(201);
        (await drive.PutAsync("folder/file", "content")).Must(201);
        (await browser.SendAsync(HttpMethod.Delete, "api/account", new { password = "wrong password" }))
            .MustBe("wrong-password", 403);
        (await browser.SendAsync(HttpMethod.Delete, "api/account", new { })).MustBe("malformed", 400);
        (await drive.GetAsync("folder/file")).Must(200);
        (await browser.SendAsync(HttpMethod.Delete, "api/account", new { password = user.Password })).Must(204);
        (await browser.WhoAsync()).MustBe("unauthorized", 401);
        (await drive.GetAsync("folder/file")).Must(401);
        (await kosha.CommandAsync("user", "enable", user.Name)).MustFail();

        using var admin = kosha.AdminDrive();
        using var api = new ApiClient(admin);
        var same = new JsonObject { ["username"] = user.Name, ["password"] = Changed };
        // The schedule may have been first.
        await Eventually.TrueAsync("the name is free again", async () =>
        {
            await kosha.CommandAsync("job", "run", "delete-accounts");
            return (await api.SendAsync(HttpMethod.Post, "admin/users", same)).Status == 201;
        });
        using var again = kosha.Drive(user with { Password = Changed });
        Assert.Empty((await again.ListAsync("")).Names);
    }

    [Fact]
    public async Task A_new_password_holds_also_where_the_file_of_the_first_one_stays()
    {
        await using var kosha = await KoshaProcess.StartNewAsync();
        // No file, so it cannot be removed as one.
        Directory.CreateDirectory(Path.Combine(kosha.DataDirectory, "admin-password"));
        using var browser = await Browser.SignedInAsync(kosha, new("admin", KoshaProcess.AdminPassword));
        (await SetPasswordAsync(browser, KoshaProcess.AdminPassword, Changed)).Must(204);
        (await browser.WhoAsync()).Must(200);
        await Eventually.TrueAsync("the log says what to do", () =>
            kosha.Output.Contains("admin-password holds a password that is no longer true", StringComparison.Ordinal));
        var again = await kosha.CommandAsync(
            KoshaProcess.AdminPassword + "\n", ["user", "passwd", "admin", "--password-stdin"]);
        Assert.Contains("Remove it by hand", again.MustSucceed().Error, StringComparison.Ordinal);
        (await Browser.SignedInAsync(kosha, new("admin", KoshaProcess.AdminPassword))).Dispose();
        await kosha.StopAsync();
    }

    [Fact]
    public async Task An_app_password_reaches_nothing_of_the_account()
    {
        var kosha = await shared.Instance;
        var user = await kosha.NewUserAsync();
        using var browser = await Browser.SignedInAsync(kosha, user);
        var secret = (await AddAppPasswordAsync(browser, user.Password)).Must(201).Text("secret")!;
        using var device = kosha.Drive(user with { Password = secret });
        using var api = new ApiClient(device);
        foreach (var (method, path) in new[]
        {
            (HttpMethod.Get, "account"), (HttpMethod.Patch, "account"), (HttpMethod.Delete, "account"),
            (HttpMethod.Put, "account/password"), (HttpMethod.Post, "account/two-factor"),
            (HttpMethod.Post, "account/two-factor/confirm"), (HttpMethod.Delete, "account/two-factor"),
            (HttpMethod.Post, "account/two-factor/recovery-codes"), (HttpMethod.Get, "admin/users"),
            (HttpMethod.Get, "admin/invites"),
        })
            (await api.SendAsync(method, path, new JsonObject())).MustBe("forbidden", 403);
    }
}
