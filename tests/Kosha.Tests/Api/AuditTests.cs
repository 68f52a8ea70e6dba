using System.Text.Json.Nodes;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>The audit log by the API and on the command line of a real daemon.</summary>
public sealed class AuditTests(AuditNodes nodes) : IClassFixture<AuditNodes>
{
    private const string Forwarded = "X-Forwarded-For";

    private KoshaProcess Kosha => nodes.First;

    private async Task<JsonObject[]> AuditAsync(string query)
    {
        using var api = new ApiClient(Kosha.AdminDrive());
        return Entries((await api.SendAsync(HttpMethod.Get, $"admin/audit?{query}")).Must(200));
    }

    private static JsonObject[] Entries(ApiAnswer answer) =>
        [.. answer.Body!["entries"]!.AsArray().Select(entry => entry!.AsObject())];

    private async Task<string> NewAppPasswordAsync(TestUser user)
    {
        var made = (await Kosha.CommandAsync("app-password", "add", user.Name, "--name", "phone")).MustSucceed();
        return made.Output.Trim();
    }

    [Fact]
    public async Task A_deletion_by_app_password_says_which_and_from_where()
    {
        var user = await Kosha.NewUserAsync();
        using var phone = Kosha.Drive(user with { Password = await NewAppPasswordAsync(user) });
        (await phone.PutAsync("file", "x", (Forwarded, "192.0.2.60"))).Must(201);
        (await phone.DeleteAsync("file", (Forwarded, "192.0.2.61"))).Must(204);
        var trashed = Assert.Single(await AuditAsync($"user={user.Name}&action=trash"));
        Assert.Equal((user.Name, "app-password", "192.0.2.61", "/file", false),
            ((string?)trashed["username"], (string?)trashed["credential"], (string?)trashed["address"],
                (string?)trashed["subject"], (bool)trashed["refused"]!));
        var credential = (long)trashed["credentialId"]!;
        Assert.Equal(credential, await Sql.ExecuteAsync(nodes.ConnectionString,
            $"select id from app_passwords where id = {credential} and label = 'phone'"));
        var signedIn = Assert.Single(await AuditAsync($"user={user.Name}&action=sign-in"));
        Assert.Equal(("192.0.2.60", credential),
            ((string?)signedIn["address"], (long)signedIn["credentialId"]!));
        Assert.Single(await AuditAsync($"nodeId={(long)trashed["nodeId"]!}"));
    }

    [Fact]
    public async Task Failures_and_what_a_limit_refuses_are_told_and_an_unknown_name_is_not()
    {
        var user = await Kosha.NewUserAsync();
        const string Typed = "secret typed as name";
        using var browser = new Browser(Kosha.Url) { ForwardedFor = "192.0.2.70" };
        for (var i = 0; i < AuditNodes.WebFailures; i++)
            (await browser.SignInAsync(user.Name, "wrong")).Must(401);
        for (var i = 0; i < 3; i++)
            (await browser.SignInAsync(user.Name, user.Password)).Must(429);
        (await browser.SignInAsync(Typed, "wrong")).Must(401);
        var refused = await AuditAsync($"user={user.Name}&outcome=refused");
        Assert.Equal(AuditNodes.WebFailures,
            refused.Where(entry => (string?)entry["action"] == "sign-in").Sum(entry => (long)entry["times"]!));
        var limit = Assert.Single(refused, entry => (string?)entry["action"] == "limit");
        Assert.Equal("sign-in", (string?)limit["subject"]);
        // Told once, or whoever goes on would cost a write each time.
        Assert.Equal(1, (long)limit["times"]!);
        var all = await AuditAsync("address=192.0.2.70&outcome=refused");
        Assert.Contains(all, entry => entry["userId"] is null);
        Assert.DoesNotContain(all, entry => entry.ToJsonString().Contains(Typed, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Administrators_read_all_and_users_their_own()
    {
        var (user, other) = (await Kosha.NewUserAsync(), await Kosha.NewUserAsync());
        using var browser = await Browser.SignedInAsync(Kosha, user);
        using var others = await Browser.SignedInAsync(nodes.Second, other);
        (await browser.SendAsync(HttpMethod.Get, "api/admin/audit")).MustBe("forbidden", 403);
        (await browser.SendAsync(HttpMethod.Get, "api/admin/audit/export")).MustBe("forbidden", 403);
        var own = Entries((await browser.SendAsync(HttpMethod.Get, "api/account/audit")).Must(200));
        Assert.Equal(["sign-in", "user-add"], own.Select(entry => (string?)entry["action"]));
        Assert.Equal((user.Name, "session"), ((string?)own[0]["username"], (string?)own[0]["credential"]));
        (await browser.SendAsync(HttpMethod.Get, "api/account/audit?cursor=nonsense")).MustBe("invalid-value", 400);
    }

    [Fact]
    public async Task A_user_sees_what_an_administrator_did_and_not_from_where()
    {
        var user = await Kosha.NewUserAsync();
        using var admin = new ApiClient(Kosha.AdminDrive());
        var id = await Sql.ExecuteAsync(
            nodes.ConnectionString, $"select id from users where username = '{user.Name}'");
        (await admin.SendAsync(HttpMethod.Patch, $"admin/users/{id}", new JsonObject { ["disabled"] = false }))
            .Must(200);
        using var browser = await Browser.SignedInAsync(Kosha, user);
        var own = Entries((await browser.SendAsync(HttpMethod.Get, "api/account/audit")).Must(200));
        var changed = Assert.Single(own, entry => (string?)entry["action"] == "user-change");
        Assert.Equal(("admin", "enabled"), ((string?)changed["username"], (string?)changed["detail"]));
        Assert.Null(changed["address"]);
        Assert.NotNull(Assert.Single(await AuditAsync($"userId={id}&action=user-change"))["address"]);
    }

    [Fact]
    public async Task Pages_follow_each_other_and_filters_that_cannot_be_are_refused()
    {
        var user = await Kosha.NewUserAsync();
        using var drive = Kosha.Drive(user);
        for (var i = 0; i < 5; i++)
        {
            (await drive.PutAsync($"{i}", "x")).Must(201);
            (await drive.DeleteAsync($"{i}")).Must(204);
        }
        using var api = new ApiClient(Kosha.AdminDrive());
        var (query, seen) = ($"admin/audit?user={user.Name}&action=trash&limit=2", new List<string?>());
        for (string? next = ""; next is not null;)
        {
            var page = (await api.SendAsync(HttpMethod.Get, $"{query}&cursor={next}")).Must(200);
            seen.AddRange(Entries(page).Select(entry => (string?)entry["subject"]));
            next = page.Text("next");
        }
        Assert.Equal(["/4", "/3", "/2", "/1", "/0"], seen);
        foreach (var wrong in new[]
        {
            "outcome=perhaps", "limit=1001", "cursor=x", "user=a&userId=1", "from=1500-01-01",
        })
            (await api.SendAsync(HttpMethod.Get, $"admin/audit?{wrong}")).MustBe("invalid-value", 400);
        (await api.SendAsync(HttpMethod.Get, "admin/audit?user=nobody-of-this-name")).MustBe("not-found", 404);
    }

    [Fact]
    public async Task The_log_leaves_as_lines_of_JSON_and_as_CSV_without_formulas()
    {
        var user = await Kosha.NewUserAsync();
        using var drive = Kosha.Drive(user);
        (await drive.MkcolAsync("a,\"b\"")).Must(201);
        (await drive.DeleteAsync("a,\"b\"")).Must(204);
        (await Kosha.CommandAsync("app-password", "add", user.Name, "--name", "=1+1")).MustSucceed();
        using var http = new HttpClient();
        http.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", Kosha.AdminDrive().Authorization);
        var export = new Uri(Kosha.Url, $"api/admin/audit/export?user={user.Name}");
        var lines = (await http.GetStringAsync(export)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["app-password-add", "trash", "sign-in", "user-add"],
            lines.Select(line => (string?)JsonNode.Parse(line)!["action"]));
        using var answer = await http.GetAsync(new Uri($"{export}&format=csv"));
        Assert.Equal("text/csv", answer.Content.Headers.ContentType!.MediaType);
        var csv = await answer.Content.ReadAsStringAsync();
        Assert.Equal(5, csv.Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.StartsWith("id,at,action,outcome,", csv, StringComparison.Ordinal);
        Assert.Contains(",\"'=1+1\",", csv, StringComparison.Ordinal);
        Assert.Contains(",\"/a,\"\"b\"\"\",", csv, StringComparison.Ordinal);
        var command = (await Kosha.CommandAsync(
            "audit", "export", "--user", user.Name, "--format", "csv")).MustSucceed();
        Assert.Equal(csv.ReplaceLineEndings(), command.Output.ReplaceLineEndings());
    }

    [Fact]
    public async Task Commands_are_told_and_a_command_lists_them()
    {
        var user = await Kosha.NewUserAsync();
        (await Kosha.CommandAsync("user", "disable", user.Name)).MustSucceed();
        var list = (await Kosha.CommandAsync(
            "audit", "list", "--user", user.Name, "--action", "user-change", "--outcome", "done")).MustSucceed();
        var line = Assert.Single(
            list.Output.Split('\n'), line => line.Contains("user-change", StringComparison.Ordinal));
        Assert.Contains("command", line, StringComparison.Ordinal);
        Assert.EndsWith($"{user.Name} disabled", line.TrimEnd(), StringComparison.Ordinal);
        Assert.NotEqual(0, (await Kosha.CommandAsync("audit", "list", "--outcome", "perhaps")).ExitCode);
    }

    [Fact]
    public async Task The_job_removes_what_is_older_than_the_setting()
    {
        await Sql.ExecuteAsync(nodes.ConnectionString, """
            insert into audit (at, action, subject) values
                (now() - interval '366 days', 'trash', 'too old'), (now() - interval '364 days', 'trash', 'old')
            """);
        var run = (await Kosha.CommandAsync("job", "run", "audit-retention")).MustSucceed();
        Assert.Equal("1 entries of the audit log removed.", run.Output.Trim());
        Assert.Equal("old", await Sql.ExecuteAsync(
            nodes.ConnectionString, "select subject from audit where at < now() - interval '1 day'"));
    }

    /// <summary>Whatever is done with known secrets, none of them is in any column.</summary>
    [Fact]
    public async Task No_secret_is_in_the_log()
    {
        var user = await Kosha.NewUserAsync();
        var appPassword = await NewAppPasswordAsync(user);
        var invite = (await Kosha.CommandAsync("invite", "add", "--note", "for bo")).MustSucceed().Output.Trim();
        using var browser = new Browser(Kosha.Url) { ForwardedFor = "192.0.2.80" };
        (await browser.SignInAsync(user.Name, user.Password)).Must(200);
        (await browser.SignInAsync("typed-in-the-wrong-field", "also-a-secret")).Must(401);
        var session = Assert.Single(browser.Cookies.GetAllCookies()).Value;
        var begun = (await browser.SendAsync(
            HttpMethod.Post, "api/account/two-factor", new { password = user.Password })).Must(200);
        var authenticator = new Authenticator(begun.Text("secret")!);
        var recovery = (await browser.SendAsync(HttpMethod.Post, "api/account/two-factor/confirm",
            new { code = authenticator.Code(0) })).Must(200).Body!["recoveryCodes"]!.AsArray();
        const string Changed = "a changed password of mine";
        (await browser.SendAsync(HttpMethod.Put, "api/account/password",
            new { password = user.Password, @new = Changed, code = (string)recovery[0]! })).Must(204);
        using var phone = Kosha.Drive(user with { Password = appPassword });
        (await phone.PutAsync("file", "content-that-nobody-logs")).Must(201);
        (await phone.DeleteAsync("file")).Must(204);
        (await browser.SendAsync(HttpMethod.Post, "api/register",
            new { username = $"r{Guid.NewGuid():N}"[..12], password = "a registered password", invite })).Must(201);

        var table = (string)(await Sql.ExecuteAsync(
            nodes.ConnectionString, "select string_agg(a::text, E'\\n') from audit a"))!;
        Assert.Contains(user.Name, table, StringComparison.Ordinal);
        string[] secrets =
        [
            user.Password, appPassword, invite, session, begun.Text("secret")!, Changed, "a registered password",
            "typed-in-the-wrong-field", "also-a-secret", "content-that-nobody-logs", KoshaProcess.AdminPassword,
            .. recovery.Select(code => (string)code!),
        ];
        Assert.DoesNotContain(secrets, secret => table.Contains(secret, StringComparison.OrdinalIgnoreCase)
            || table.Contains(secret.Replace("-", "", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase));
    }
}
