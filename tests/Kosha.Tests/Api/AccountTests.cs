using System.Text.Json.Nodes;
using Kosha.Daemon.Auth;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary><c>/api/account</c>: what users do with their own accounts.</summary>
public sealed class AccountTests(SharedKosha shared)
{
    private const string Changed = "quite another password";

    private static async Task<Browser> SignedInAsync(KoshaProcess kosha, TestUser user)
    {
        var browser = new Browser(kosha.Url);
        (await browser.SignInAsync(user.Name, user.Password)).Must(200);
        return browser;
    }

    private static Task<ApiAnswer> SetPasswordAsync(Browser browser, string current, string wished) =>
        browser.SendAsync(HttpMethod.Put, "api/account/password", new { current, @new = wished });

    [Fact]
    public async Task An_account_tells_about_itself_and_takes_an_email_to_sign_in_by()
    {
        var kosha = await shared.Instance;
        var user = await kosha.NewUserAsync();
        using var browser = await SignedInAsync(kosha, user);
        var account = (await browser.SendAsync(HttpMethod.Get, "api/account")).Must(200);
        Assert.Equal((user.Name, null, "default"),
            (account.Text("username"), account.Text("email"), account.Text("plan")));
        Assert.Equal((false, false), ((bool)account.Body!["isAdmin"]!, (bool)account.Body["twoFactor"]!));
        Assert.InRange((DateTimeOffset)account.Body["created"]!, DateTimeOffset.UtcNow.AddHours(-1),
            DateTimeOffset.UtcNow.AddHours(1));

        var email = $"{user.Name}@example.org";
        var changed = await browser.SendAsync(HttpMethod.Patch, "api/account", new { email });
        Assert.Equal(email, changed.Must(200).Text("email"));
        using (var again = new Browser(kosha.Url))
            (await again.SignInAsync(email.ToUpperInvariant(), user.Password)).Must(200);
        using (var other = await SignedInAsync(kosha, await kosha.NewUserAsync()))
        {
            (await other.SendAsync(HttpMethod.Patch, "api/account", new { email = email.ToUpperInvariant() }))
                .MustBe("already-exists", 409);
            (await other.SendAsync(HttpMethod.Patch, "api/account", new { email = "nobody" }))
                .MustBe("invalid-value", 400);
        }
        (await browser.SendAsync(HttpMethod.Patch, "api/account", new { })).Must(200);
        var without = (await browser.SendAsync(HttpMethod.Patch, "api/account", new { email = "" })).Must(200);
        Assert.Null(without.Text("email"));
        using (var again = new Browser(kosha.Url))
            (await again.SignInAsync(email, user.Password)).MustBe("unauthorized", 401);
    }

    [Fact]
    public async Task A_new_password_ends_everything_but_the_session_that_set_it_and_app_passwords()
    {
        var kosha = await shared.Instance;
        var user = await kosha.NewUserAsync();
        using var browser = await SignedInAsync(kosha, user);
        using var other = await SignedInAsync(kosha, user);
        using var drive = kosha.Drive(user);
        var secret = (await browser.SendAsync(HttpMethod.Post, "api/app-passwords", new { label = "phone" }))
            .Must(201).Text("secret")!;
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
    public async Task A_stolen_session_cannot_guess_the_password()
    {
        var kosha = await shared.Instance;
        var user = await kosha.NewUserAsync();
        using var browser = await SignedInAsync(kosha, user);
        for (var i = 0; i < SignIn.FailuresByNameAndAddress; i++)
            (await SetPasswordAsync(browser, $"guess {i}", Changed)).MustBe("wrong-password", 403);
        var refused = (await SetPasswordAsync(browser, user.Password, Changed)).MustBe("too-many-sign-ins", 429);
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 600);
        (await browser.SendAsync(HttpMethod.Delete, "api/account", new { password = user.Password }))
            .MustBe("too-many-sign-ins", 429);
        (await browser.WhoAsync()).Must(200);
    }

    [Fact]
    public async Task An_account_that_is_deleted_ends_at_once_and_its_name_is_free_when_all_is_gone()
    {
        var kosha = await shared.Instance;
        var user = await kosha.NewUserAsync();
        using var browser = await SignedInAsync(kosha, user);
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
    public async Task An_app_password_reaches_nothing_of_the_account()
    {
        var kosha = await shared.Instance;
        var user = await kosha.NewUserAsync();
        using var browser = await SignedInAsync(kosha, user);
        var secret = (await browser.SendAsync(HttpMethod.Post, "api/app-passwords", new { label = "phone" }))
            .Must(201).Text("secret")!;
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
