using Kosha.Daemon.Auth;
using Kosha.Tests.Infrastructure;
using Kosha.Tests.Robustness;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>Signing in with a code beside the password, at two daemons of one database.</summary>
public sealed class TwoFactorTests(TwoNodesTests.Nodes nodes) : IClassFixture<TwoNodesTests.Nodes>
{
    private const string Route = "api/account/two-factor";

    private static Task<ApiAnswer> SignInAsync(Browser browser, TestUser user, string code) => browser.SendAsync(
        HttpMethod.Post, "api/session", new { username = user.Name, password = user.Password, code });

    private async Task<int> SignInStatusAsync(TestUser user, string code)
    {
        using var browser = new Browser(nodes.Second.Url);
        return (await SignInAsync(browser, user, code)).Status;
    }

    private static async Task<Authenticator> BeginAsync(Browser browser, TestUser user)
    {
        var begun = (await browser.SendAsync(HttpMethod.Post, Route, new { password = user.Password })).Must(200);
        Assert.StartsWith($"otpauth://totp/Kosha:{user.Name}?secret={begun.Text("secret")}&", begun.Text("uri"),
            StringComparison.Ordinal);
        return new(begun.Text("secret")!);
    }

    /// <summary>A user for whom it is on, signed in at the first daemon.</summary>
    private async Task<(TestUser User, Browser Browser, Authenticator Authenticator, string[] Recovery)> NewAsync()
    {
        var user = await nodes.First.NewUserAsync();
        var browser = await Browser.SignedInAsync(nodes.First, user);
        var authenticator = await BeginAsync(browser, user);
        var confirmed = await browser.SendAsync(
            HttpMethod.Post, Route + "/confirm", new { code = authenticator.Code(0) });
        return (user, browser, authenticator, CodesOf(confirmed));
    }

    private static string[] CodesOf(ApiAnswer answer) =>
        [.. answer.Must(200).Body!["recoveryCodes"]!.AsArray().Select(code => (string)code!)];

    [Fact]
    public async Task It_begins_with_a_first_code_and_not_before()
    {
        var user = await nodes.First.NewUserAsync();
        using var browser = await Browser.SignedInAsync(nodes.First, user);
        using var other = await Browser.SignedInAsync(nodes.Second, user);
        (await browser.SendAsync(HttpMethod.Post, Route, new { password = "wrong" })).MustBe("wrong-password", 403);
        (await browser.SendAsync(HttpMethod.Post, Route + "/confirm", new { code = "123456" }))
            .MustBe("not-found", 404);
        await BeginAsync(browser, user);
        var authenticator = await BeginAsync(browser, user);
        (await browser.SendAsync(HttpMethod.Post, Route + "/confirm", new { code = authenticator.WrongCode() }))
            .MustBe("wrong-code", 403);
        (await other.WhoAsync()).Must(200);
        using (var third = await Browser.SignedInAsync(nodes.Second, user))
            Assert.False((bool)(await third.SendAsync(HttpMethod.Get, "api/account")).Must(200).Body!["twoFactor"]!);
        var confirmed = await browser.SendAsync(
            HttpMethod.Post, Route + "/confirm", new { code = authenticator.Code(0) });
        Assert.Equal(SecondFactor.RecoveryCodes, CodesOf(confirmed).Distinct().Count());
        Assert.True((bool)(await browser.SendAsync(HttpMethod.Get, "api/account")).Must(200).Body!["twoFactor"]!);
        (await other.WhoAsync()).MustBe("unauthorized", 401);
        (await browser.SendAsync(HttpMethod.Post, Route, new { password = user.Password }))
            .MustBe("already-exists", 409);
        (await browser.SendAsync(HttpMethod.Post, Route + "/confirm", new { code = authenticator.Code(1) }))
            .MustBe("already-exists", 409);
    }

    [Fact]
    public async Task Each_code_opens_once_on_any_daemon()
    {
        var (user, browser, authenticator, recovery) = await NewAsync();
        using (browser)
        using (var second = new Browser(nodes.Second.Url))
        {
            var asked = (await second.SignInAsync(user.Name, user.Password)).MustBe("two-factor-required", 401);
            Assert.Empty(second.LastSetCookies);
            Assert.DoesNotContain(user.Name, asked.Body!.ToJsonString(), StringComparison.Ordinal);
            (await second.SignInAsync(user.Name, "a wrong password")).MustBe("unauthorized", 401);
            (await SignInAsync(second, user, authenticator.WrongCode())).MustBe("unauthorized", 401);
            // The first code is used up by the confirmation.
            (await SignInAsync(second, user, authenticator.Code(0))).MustBe("unauthorized", 401);
            (await SignInAsync(second, user with { Password = "wrong" }, authenticator.Code(1)))
                .MustBe("unauthorized", 401);
            (await SignInAsync(second, user, authenticator.Code(1))).Must(200);
            (await second.WhoAsync()).Must(200);
        }
        Assert.Equal(401, await SignInStatusAsync(user, authenticator.Code(1)));
        var once = recovery[3].Replace("-", "", StringComparison.Ordinal).ToLowerInvariant();
        var both = await Task.WhenAll(SignInStatusAsync(user, once), SignInStatusAsync(user, recovery[3]));
        Assert.Equal([200, 401], both.Order());
        Assert.Equal(200, await SignInStatusAsync(user, recovery[4]));
    }

    [Fact]
    public async Task Devices_need_app_passwords_also_those_that_were_remembered()
    {
        var user = await nodes.First.NewUserAsync();
        using var browser = await Browser.SignedInAsync(nodes.First, user);
        using var drive = nodes.Second.Drive(user);
        using var onApi = new ApiClient(drive);
        (await drive.PropfindAsync("", "0")).Must(207);
        (await onApi.ListAsync()).Must(200);
        var authenticator = await BeginAsync(browser, user);
        (await browser.SendAsync(HttpMethod.Post, Route + "/confirm", new { code = authenticator.Code(0) })).Must(200);
        (await drive.PropfindAsync("", "0")).Must(401);
        (await onApi.ListAsync()).MustBe("unauthorized", 401);
        var secret = (await browser.SendAsync(
            HttpMethod.Post, "api/app-passwords", new { label = "phone", password = user.Password }))
            .Must(201).Text("secret")!;
        using var phone = nodes.Second.Drive(user with { Password = secret });
        (await phone.PropfindAsync("", "0")).Must(207);
        // An old mount that goes on asking takes nobody else's attempts away.
        for (var i = 0; i <= SignIn.FailuresByNameAndAddress; i++)
            (await drive.PropfindAsync("", "0")).Must(401);
        Assert.Equal(200, await SignInStatusAsync(user, authenticator.Code(1)));
    }

    [Fact]
    public async Task Codes_are_limited_as_passwords_are()
    {
        var (user, browser, authenticator, _) = await NewAsync();
        using (browser)
        {
            for (var i = 0; i < SignIn.FailuresByNameAndAddress; i++)
            {
                using var guesser = new Browser(nodes.First.Url);
                // The right password between two guesses forgives none.
                (await guesser.SignInAsync(user.Name, user.Password)).MustBe("two-factor-required", 401);
                (await SignInAsync(guesser, user, authenticator.WrongCode())).MustBe("unauthorized", 401);
            }
            Assert.Equal(429, await SignInStatusAsync(user, authenticator.Code(1)));
            (await browser.WhoAsync()).Must(200);
        }
    }

    [Fact]
    public async Task A_first_code_is_limited_too_and_comes_soon()
    {
        var user = await nodes.First.NewUserAsync();
        using var browser = await Browser.SignedInAsync(nodes.First, user);
        var authenticator = await BeginAsync(browser, user);
        var late = $"""
            update two_factors t set created_at = t.created_at - interval '16 minutes'
            from users u where u.id = t.user_id and u.username = '{user.Name}'
            """;
        await Sql.ExecuteAsync(nodes.ConnectionString, late);
        Task<ApiAnswer> ConfirmAsync(string code) =>
            browser.SendAsync(HttpMethod.Post, Route + "/confirm", new { code });
        (await ConfirmAsync(authenticator.Code(0))).MustBe("not-found", 404);
        authenticator = await BeginAsync(browser, user);
        for (var i = 0; i < SignIn.FailuresByNameAndAddress; i++)
            (await ConfirmAsync(authenticator.WrongCode())).MustBe("wrong-code", 403);
        (await ConfirmAsync(authenticator.Code(0))).MustBe("too-many-sign-ins", 429);
    }

    [Fact]
    public async Task Recovery_codes_open_what_guesses_have_shut_also_without_the_master_key()
    {
        var (user, browser, authenticator, recovery) = await NewAsync();
        browser.Dispose();
        Task<object?> SetAsync(string what) => Sql.ExecuteAsync(nodes.ConnectionString,
            $"update two_factors t set {what} from users u where u.id = t.user_id and u.username = '{user.Name}'");
        // One guess more than a month of them.
        await SetAsync($"wrong_codes = {SecondFactor.MaxWrongCodes - 1}");
        Assert.Equal(401, await SignInStatusAsync(user, authenticator.WrongCode()));
        using (var second = new Browser(nodes.Second.Url))
            (await SignInAsync(second, user, authenticator.Code(1))).MustBe("limit-reached", 429);
        Assert.Equal(200, await SignInStatusAsync(user, recovery[0]));
        Assert.Equal(200, await SignInStatusAsync(user, authenticator.Code(1)));
        await SetAsync("seed = '\\x00'");
        using (var second = new Browser(nodes.Second.Url))
            (await SignInAsync(second, user, authenticator.Code(2))).MustBe("unavailable", 503);
        Assert.Equal(200, await SignInStatusAsync(user, recovery[1]));
    }

    [Fact]
    public async Task It_is_switched_off_by_password_and_code_or_by_the_operator()
    {
        var (user, browser, authenticator, recovery) = await NewAsync();
        using var signedIn = browser;
        Task<ApiAnswer> SendAsync(HttpMethod method, string path, string password, string code) =>
            browser.SendAsync(method, path, new { password, code });
        (await SendAsync(HttpMethod.Delete, Route, "wrong", recovery[0])).MustBe("wrong-password", 403);
        (await SendAsync(HttpMethod.Delete, Route, user.Password, authenticator.WrongCode()))
            .MustBe("wrong-code", 403);
        var renewed = CodesOf(await SendAsync(
            HttpMethod.Post, Route + "/recovery-codes", user.Password, authenticator.Code(1)));
        Assert.Empty(renewed.Intersect(recovery));
        Assert.Equal(401, await SignInStatusAsync(user, recovery[0]));
        using (var other = new Browser(nodes.Second.Url))
        {
            (await SignInAsync(other, user, renewed[2])).Must(200);
            (await SendAsync(HttpMethod.Delete, Route, user.Password, renewed[0])).Must(204);
            (await other.WhoAsync()).MustBe("unauthorized", 401);
        }
        (await browser.WhoAsync()).Must(200);
        (await SendAsync(HttpMethod.Delete, Route, user.Password, renewed[1])).MustBe("not-found", 404);
        using var again = await Browser.SignedInAsync(nodes.Second, user);
        var second = await BeginAsync(again, user);
        (await again.SendAsync(HttpMethod.Post, Route + "/confirm", new { code = second.Code(0) })).Must(200);
        (await again.WhoAsync()).Must(200);
        (await nodes.First.CommandAsync("user", "two-factor-off", user.Name)).MustSucceed();
        (await again.WhoAsync()).MustBe("unauthorized", 401);
        (await nodes.First.CommandAsync("user", "two-factor-off", user.Name)).MustFail();
        (await Browser.SignedInAsync(nodes.Second, user)).Dispose();
    }

    [Fact]
    public async Task What_would_hand_the_account_over_takes_a_code_that_was_not_used()
    {
        const string Changed = "quite another password";
        var (user, browser, authenticator, recovery) = await NewAsync();
        using var signedIn = browser;
        var email = $"{user.Name}@example.org";
        Task<ApiAnswer> EmailAsync(string? code) =>
            browser.SendAsync(HttpMethod.Patch, "api/account", new { password = user.Password, code, email });
        Task<ApiAnswer> PasswordAsync(string? code) => browser.SendAsync(
            HttpMethod.Put, "api/account/password", new { password = user.Password, code, @new = Changed });
        Task<ApiAnswer> DeleteAsync(string? code, string password) =>
            browser.SendAsync(HttpMethod.Delete, "api/account", new { password, code });
        foreach (var call in new Func<string?, Task<ApiAnswer>>[]
        {
            EmailAsync, PasswordAsync, code => DeleteAsync(code, user.Password),
        })
        {
            (await call(null)).MustBe("two-factor-required", 403);
            (await call("")).MustBe("two-factor-required", 403);
            (await call(authenticator.WrongCode())).MustBe("wrong-code", 403);
            // It switched two-factor sign-in on.
            (await call(authenticator.Code(0))).MustBe("wrong-code", 403);
        }
        (await DeleteAsync(recovery[0], "a wrong password")).MustBe("wrong-password", 403);
        Assert.Equal(email, (await EmailAsync(authenticator.Code(1))).Must(200).Text("email"));
        (await PasswordAsync(authenticator.Code(1))).MustBe("wrong-code", 403);
        (await PasswordAsync(recovery[0])).Must(204);
        (await DeleteAsync(recovery[0], Changed)).MustBe("wrong-code", 403);
        (await DeleteAsync(recovery[1], Changed)).Must(204);
        (await browser.WhoAsync()).MustBe("unauthorized", 401);
    }

    /// <summary>The door of administrators is no way around what it takes of everybody.</summary>
    [Fact]
    public async Task An_administrator_shows_a_code_for_what_would_hand_an_account_over()
    {
        var (user, browser, _, recovery) = await NewAsync();
        using var signedIn = browser;
        (await nodes.First.CommandAsync("user", "role", user.Name, "admin")).MustSucceed();
        var other = await nodes.First.NewUserAsync();
        async Task<string> PathAsync(TestUser whom) => "api/admin/users/" + await Sql.ExecuteAsync(
            nodes.ConnectionString, $"select id from users where username = '{whom.Name}'");
        var (own, others) = (await PathAsync(user), await PathAsync(other));
        Task<ApiAnswer> SetAsync(string path, string? ownCode) => browser.SendAsync(
            HttpMethod.Patch, path, new { password = "a new password", ownPassword = user.Password, ownCode });
        (await SetAsync(own, null)).MustBe("two-factor-required", 403);
        (await browser.SendAsync(HttpMethod.Delete, own, new { password = user.Password }))
            .MustBe("two-factor-required", 403);
        (await SetAsync(others, null)).MustBe("two-factor-required", 403);
        (await browser.SendAsync(HttpMethod.Delete, others, new { password = user.Password }))
            .MustBe("two-factor-required", 403);
        Task<ApiAnswer> MakeAsync(string? ownCode) => browser.SendAsync(HttpMethod.Post, "api/admin/users", new
        {
            username = $"{user.Name}2", password = "a password", isAdmin = true, ownPassword = user.Password, ownCode,
        });
        (await MakeAsync(null)).MustBe("two-factor-required", 403);
        (await MakeAsync(recovery[2])).Must(201);
        (await SetAsync(others, recovery[3])).Must(200);
        (await browser.SendAsync(HttpMethod.Delete, others, new { password = user.Password, code = recovery[4] }))
            .Must(204);
        (await SetAsync(own, recovery[0])).Must(200);
        (await browser.WhoAsync()).MustBe("unauthorized", 401);
        Assert.Equal(200, await SignInStatusAsync(user with { Password = "a new password" }, recovery[1]));
    }

    [Fact]
    public async Task A_dump_of_the_database_says_neither_seeds_nor_keys()
    {
        var (user, browser, _, recovery) = await NewAsync();
        browser.Dispose();
        var keys = (string)(await Sql.ExecuteAsync(
            nodes.ConnectionString, "select string_agg(xml, '') from data_protection_keys"))!;
        Assert.Contains("encryptedByMasterKey", keys, StringComparison.Ordinal);
        Assert.DoesNotContain("<masterKey", keys, StringComparison.Ordinal);
        var isHidden = (bool)(await Sql.ExecuteAsync(nodes.ConnectionString, $"""
            select min(octet_length(t.seed)) > 50 and count(*) = {SecondFactor.RecoveryCodes}
                and bool_or(c.code_hash = '\x{Convert.ToHexString(AppPasswordSecret.HashOfNew(recovery[0]))}')
            from users u join two_factors t on t.user_id = u.id join recovery_codes c on c.user_id = u.id
            where u.username = '{user.Name}'
            """))!;
        Assert.True(isHidden);
    }
}
