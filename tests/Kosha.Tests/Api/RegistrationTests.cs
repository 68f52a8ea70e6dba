using System.Text.Json.Nodes;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary><c>/api/register</c> and invites.</summary>
public sealed class RegistrationTests(SharedKosha shared, SharedPostgres postgres)
{
    private const string Password = "a password of mine";

    /// <summary>Within ten minutes, unless the settings say otherwise.</summary>
    private const int AttemptsByAddress = 10;

    private static async Task<ApiAnswer> RegisterAsync(
        KoshaProcess kosha, string username, string? invite = null, string password = Password, string? email = null,
        string? from = null)
    {
        using var browser = new Browser(kosha.Url) { ForwardedFor = from };
        return await browser.SendAsync(
            HttpMethod.Post, "api/register", new { username, password, invite = invite ?? "", email });
    }

    private static async Task<string> InviteAsync(KoshaProcess kosha, params string[] more) =>
        (await kosha.CommandAsync(["invite", "add", .. more])).MustSucceed().Output.Trim();

    [Fact]
    public async Task Nobody_registers_unless_the_settings_let_it()
    {
        var kosha = await shared.Instance;
        var invite = await InviteAsync(kosha);
        (await RegisterAsync(kosha, "somebody")).MustBe("forbidden", 403);
        (await RegisterAsync(kosha, "somebody", invite)).MustBe("forbidden", 403);
    }

    [Fact]
    public async Task An_invite_lets_one_person_in()
    {
        await using var kosha = await KoshaProcess.StartNewAsync(
            ("Accounts:Registration", "invite"), ("Http:TrustedProxies", "127.0.0.0/8"));
        var invite = await InviteAsync(kosha, "--note", "for Ada");
        Assert.Contains("for Ada", (await kosha.CommandAsync("invite", "list")).MustSucceed().Output,
            StringComparison.Ordinal);
        var refused = (await RegisterAsync(kosha, "admin")).MustBe("forbidden", 403);
        foreach (var wrong in new[] { "x", new string('A', 20), "22222-22222-22222-22222" })
        {
            // Whoever has no invite learns no name.
            var other = (await RegisterAsync(kosha, "admin", wrong)).MustBe("forbidden", 403);
            Assert.Equal(refused.Text("detail"), other.Text("detail"));
        }
        (await RegisterAsync(kosha, "admin", invite, from: "192.0.2.1")).MustBe("already-exists", 409);
        (await RegisterAsync(kosha, "a:b", invite, from: "192.0.2.1")).MustBe("invalid-value", 400);
        (await RegisterAsync(kosha, "ada", invite, "short", from: "192.0.2.1")).MustBe("invalid-value", 400);
        var both = await Task.WhenAll(
            RegisterAsync(kosha, "ada", invite, email: "ada@example.org", from: "192.0.2.1"),
            RegisterAsync(kosha, "bob", invite, from: "192.0.2.2"));
        Assert.Equal([201, 403], both.Select(answer => answer.Status).Order());
        var made = both.Single(answer => answer.Status == 201).Text("username")!;
        using var browser = new Browser(kosha.Url);
        (await browser.SignInAsync(made, Password)).Must(200);
        using var drive = kosha.Drive(new(made, Password));
        (await drive.PutAsync("file", "1")).Must(201);

        var revoked = await InviteAsync(kosha, "--days", "1");
        var id = (await kosha.CommandAsync("invite", "list")).MustSucceed().Output.Trim().Split('\n')[^1].Split(' ')[0];
        (await kosha.CommandAsync("invite", "revoke", id)).MustSucceed();
        (await kosha.CommandAsync("invite", "revoke", id)).MustFail();
        (await RegisterAsync(kosha, "late", revoked, from: "192.0.2.3")).MustBe("forbidden", 403);
        await kosha.StopAsync();
    }

    [Fact]
    public async Task Where_it_is_open_everybody_registers_but_not_by_the_dozen()
    {
        await using var kosha = await KoshaProcess.StartNewAsync(
            ("Accounts:Registration", "open"), ("Http:TrustedProxies", "127.0.0.0/8"));
        (await RegisterAsync(kosha, "first", email: "first@example.org")).Must(201);
        (await RegisterAsync(kosha, "other", email: "FIRST@example.org")).MustBe("already-exists", 409);
        (await RegisterAsync(kosha, "first", "22222-22222-22222-22222")).MustBe("forbidden", 403);
        // With a name that is taken nothing is said of an email.
        var details = new List<string?>();
        foreach (var email in new[] { "first@example.org", "nobody@example.org", "admin@example.org" })
        {
            var answer = await RegisterAsync(kosha, "admin", email: email, from: "192.0.2.7");
            details.Add(answer.MustBe("already-exists", 409).Text("detail"));
        }
        Assert.Single(details.Distinct());
        for (var i = 3; i < AttemptsByAddress; i++)
            (await RegisterAsync(kosha, "first")).MustBe("already-exists", 409);
        var refused = (await RegisterAsync(kosha, "second")).MustBe("limit-reached", 429);
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 600);
        (await RegisterAsync(kosha, "second", from: "192.0.2.9")).Must(201);
        var atOnce = await Task.WhenAll(
            Enumerable.Range(0, 25).Select(_ => RegisterAsync(kosha, "first", from: "192.0.2.10")));
        Assert.Equal(AttemptsByAddress, atOnce.Count(answer => answer.Status == 409));
        Assert.All(atOnce, answer => Assert.True(answer.Status is 409 or 429));
        // Signing in is another thing.
        using var browser = new Browser(kosha.Url);
        (await browser.SignInAsync("second", Password)).Must(200);
        await kosha.StopAsync();
    }

    [Fact]
    public async Task Where_it_is_open_a_server_takes_so_many_a_day_from_wherever_they_come()
    {
        var database = await (await postgres.Durable).NewEmptyDatabaseAsync();
        await using var kosha = await KoshaProcess.StartNewAsync(
            ("Accounts:Registration", "open"), ("Accounts:RegistrationsPerDay", "4"),
            ("Http:TrustedProxies", "127.0.0.0/8"), ("Database:ConnectionString", database));
        // The first administrator is one of the four.
        var atOnce = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(i => RegisterAsync(kosha, $"user{i}", from: $"192.0.2.{i}")));
        Assert.Equal(3, atOnce.Count(answer => answer.Status == 201));
        foreach (var refused in atOnce.Where(answer => answer.Status != 201))
        {
            refused.MustBe("limit-reached", 429);
            Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalHours, 23, 24);
        }
        // It tells nobody which names there are, and keeps nobody out who is invited.
        (await RegisterAsync(kosha, "admin", from: "192.0.2.20")).MustBe("limit-reached", 429);
        (await RegisterAsync(kosha, "invited", await InviteAsync(kosha), from: "192.0.2.21")).Must(201);
        (await RegisterAsync(kosha, "late", from: "192.0.2.22")).MustBe("limit-reached", 429);
        await Sql.ExecuteAsync(database, "update users set created_at = created_at - interval '1 day'");
        (await RegisterAsync(kosha, "late", from: "192.0.2.22")).Must(201);
        await kosha.StopAsync();
    }

    [Fact]
    public async Task Administrators_make_list_and_revoke_invites_and_nobody_else_does()
    {
        var kosha = await shared.Instance;
        using var admin = kosha.AdminDrive();
        using var api = new ApiClient(admin);
        var note = $"{Guid.NewGuid()}";
        var made = (await api.SendAsync(
            HttpMethod.Post, "admin/invites", new JsonObject { ["note"] = note, ["days"] = 3 })).Must(201);
        Assert.Matches("^([2-9A-HJ-NP-Z]{5}-){3}[2-9A-HJ-NP-Z]{5}$", made.Text("secret"));
        var listed = (await api.SendAsync(HttpMethod.Get, "admin/invites")).Must(200).Body!["invites"]!.AsArray()
            .Single(row => (long)row!["id"]! == made.Id)!;
        Assert.Equal((note, "default"), ((string)listed["note"]!, (string)listed["plan"]!));
        Assert.InRange((DateTimeOffset)listed["expires"]! - (DateTimeOffset)listed["created"]!,
            TimeSpan.FromDays(3) - TimeSpan.FromSeconds(1), TimeSpan.FromDays(3) + TimeSpan.FromSeconds(1));
        foreach (var body in new[]
        {
            new JsonObject { ["days"] = 0 }, new JsonObject { ["days"] = int.MaxValue },
            new JsonObject { ["plan"] = "none such" }, new JsonObject { ["plan"] = "none\0such" },
            new JsonObject { ["note"] = new string('x', 201) },
        })
            (await api.SendAsync(HttpMethod.Post, "admin/invites", body)).MustBe("invalid-value", 400);
        using (var other = await shared.NewDriveAsync())
        using (var user = new ApiClient(other))
        {
            (await user.SendAsync(HttpMethod.Get, "admin/invites")).MustBe("forbidden", 403);
            (await user.SendAsync(HttpMethod.Post, "admin/invites", new JsonObject())).MustBe("forbidden", 403);
            (await user.SendAsync(HttpMethod.Delete, $"admin/invites/{made.Id}")).MustBe("forbidden", 403);
        }
        (await api.SendAsync(HttpMethod.Delete, $"admin/invites/{made.Id}")).Must(204);
        (await api.SendAsync(HttpMethod.Delete, $"admin/invites/{made.Id}")).MustBe("not-found", 404);
    }
}
