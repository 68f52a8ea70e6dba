using System.Text.Json.Nodes;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary><c>/api/admin/users</c>.</summary>
public sealed class AdminUserTests(SharedKosha shared)
{
    private const string Password = "a password of theirs";

    private static string NewName() => $"u{Guid.NewGuid():N}"[..12];

    /// <summary>With the password of who calls.</summary>
    private static JsonObject Confirmed(string member, JsonNode value, string own = KoshaProcess.AdminPassword) =>
        new() { [member] = value, ["ownPassword"] = own };

    private static Task<ApiAnswer> DeleteAsync(
        ApiClient api, long id, string own = KoshaProcess.AdminPassword) =>
        api.SendAsync(HttpMethod.Delete, $"admin/users/{id}", new JsonObject { ["password"] = own });

    private static JsonObject User(string name, string password = Password) =>
        new() { ["username"] = name, ["password"] = password };

    private static Task<ApiAnswer> ChangeAsync(ApiClient api, long id, JsonObject change) =>
        api.SendAsync(HttpMethod.Patch, $"admin/users/{id}", change);

    [Fact]
    public async Task An_administrator_makes_changes_and_deletes_users()
    {
        var kosha = await shared.Instance;
        using var admin = kosha.AdminDrive();
        using var api = new ApiClient(admin);
        var name = NewName();
        var made = (await api.SendAsync(HttpMethod.Post, "admin/users", User(name))).Must(201);
        Assert.Equal($"/api/admin/users/{made.Id}", made.Headers.Location!.OriginalString);
        Assert.Equal((name, "default", false),
            (made.Text("username"), made.Text("plan"), (bool)made.Body!["isAdmin"]!));
        using var drive = kosha.Drive(new(name, Password));
        (await drive.PutAsync("file", "12345")).Must(201);
        var found = (await api.SendAsync(HttpMethod.Get, $"admin/users/{made.Id}")).Must(200);
        Assert.Equal((5, 1), ((long)found.Body!["usedBytes"]!, (long)found.Body["usedNodes"]!));

        (await ChangeAsync(api, made.Id, Confirmed("password", "quite another one"))).Must(200);
        (await drive.GetAsync("file")).Must(401);
        using var again = kosha.Drive(new(name, "quite another one"));
        (await again.GetAsync("file")).Must(200);
        var disabled = (await ChangeAsync(api, made.Id, new() { ["disabled"] = true })).Must(200);
        Assert.True((bool)disabled.Body!["disabled"]!);
        (await again.GetAsync("file")).Must(401);
        (await ChangeAsync(api, made.Id, new() { ["disabled"] = false })).Must(200);
        (await again.GetAsync("file")).Must(200);
        using (var promoted = new ApiClient(again))
        {
            (await promoted.SendAsync(HttpMethod.Get, "admin/users")).MustBe("forbidden", 403);
            (await ChangeAsync(api, made.Id, Confirmed("isAdmin", true))).Must(200);
            (await promoted.SendAsync(HttpMethod.Get, "admin/users")).Must(200);
            (await kosha.CommandAsync("user", "role", name, "user")).MustSucceed();
            (await promoted.SendAsync(HttpMethod.Get, "admin/users")).MustBe("forbidden", 403);
        }
        (await DeleteAsync(api, made.Id)).Must(204);
        (await again.GetAsync("file")).Must(401);
        (await DeleteAsync(api, made.Id)).MustBe("not-found", 404);
        (await ChangeAsync(api, made.Id, new() { ["disabled"] = false })).MustBe("not-found", 404);
    }

    [Fact]
    public async Task What_cannot_be_is_refused()
    {
        var kosha = await shared.Instance;
        using var admin = kosha.AdminDrive();
        using var api = new ApiClient(admin);
        (await api.SendAsync(HttpMethod.Post, "admin/users", User("admin"))).MustBe("already-exists", 409);
        (await api.SendAsync(HttpMethod.Post, "admin/users", User("a/b"))).MustBe("invalid-value", 400);
        (await api.SendAsync(HttpMethod.Post, "admin/users", User("a\u200Db"))).MustBe("invalid-value", 400);
        (await api.SendAsync(HttpMethod.Post, "admin/users", User(NewName(), "short"))).MustBe("invalid-value", 400);
        var made = (await api.SendAsync(HttpMethod.Post, "admin/users", User(NewName()))).Must(201);
        (await ChangeAsync(api, made.Id, new() { ["plan"] = "none such" })).MustBe("invalid-value", 400);
        (await ChangeAsync(api, made.Id, new() { ["password"] = "short" })).MustBe("invalid-value", 400);
        (await ChangeAsync(api, long.MaxValue, new())).MustBe("not-found", 404);
        (await api.SendAsync(HttpMethod.Get, "admin/users/0")).MustBe("not-found", 404);
        foreach (var query in new[] { "limit=0", "limit=1001", "limit=x", "cursor=x", "cursor=!" })
            Assert.Equal(400, (await api.SendAsync(HttpMethod.Get, $"admin/users?{query}")).Status);
    }

    [Fact]
    public async Task A_stolen_session_of_an_administrator_takes_no_account_over()
    {
        var kosha = await shared.Instance;
        using var admin = kosha.AdminDrive();
        using var api = new ApiClient(admin);
        var name = NewName();
        var made = (await api.SendAsync(HttpMethod.Post, "admin/users", User(name))).Must(201);
        foreach (var change in new[]
        {
            new JsonObject { ["password"] = "a new password" }, new JsonObject { ["isAdmin"] = true },
        })
            (await ChangeAsync(api, made.Id, change)).MustBe("invalid-value", 400);
        (await ChangeAsync(api, made.Id, Confirmed("password", "a new password", "not it")))
            .MustBe("wrong-password", 403);
        (await ChangeAsync(api, made.Id, Confirmed("isAdmin", true, "not it"))).MustBe("wrong-password", 403);
        (await api.SendAsync(HttpMethod.Delete, $"admin/users/{made.Id}", new JsonObject())).MustBe("malformed", 400);
        (await DeleteAsync(api, made.Id, "not it")).MustBe("wrong-password", 403);
        var another = User(NewName());
        another["isAdmin"] = true;
        (await api.SendAsync(HttpMethod.Post, "admin/users", another)).MustBe("invalid-value", 400);
        another = (JsonObject)another.DeepClone();
        another["ownPassword"] = "not it";
        (await api.SendAsync(HttpMethod.Post, "admin/users", another)).MustBe("wrong-password", 403);

        using var drive = kosha.Drive(new(name, Password));
        using var user = new ApiClient(drive);
        (await user.SendAsync(HttpMethod.Get, "account")).Must(200);
        (await user.SendAsync(HttpMethod.Get, "admin/users")).MustBe("forbidden", 403);
        // A right one ends what was counted, and other tests need this account.
        (await ChangeAsync(api, made.Id, Confirmed("isAdmin", true))).Must(200);
        (await user.SendAsync(HttpMethod.Get, "admin/users")).Must(200);
        (await DeleteAsync(api, made.Id)).Must(204);
    }

    [Fact]
    public async Task Users_are_listed_page_by_page()
    {
        var kosha = await shared.Instance;
        using var admin = kosha.AdminDrive();
        using var api = new ApiClient(admin);
        for (var i = 0; i < 3; i++)
            (await api.SendAsync(HttpMethod.Post, "admin/users", User(NewName()))).Must(201);
        var (seen, cursor) = (new List<long>(), "");
        do
        {
            var page = (await api.SendAsync(HttpMethod.Get, $"admin/users?limit=2{cursor}")).Must(200);
            Assert.InRange(page.Body!["users"]!.AsArray().Count, 0, 2);
            seen.AddRange(page.Body["users"]!.AsArray().Select(user => (long)user!["id"]!));
            cursor = page.Text("next") is { } next ? $"&cursor={next}" : null;
        }
        while (cursor is not null);
        Assert.Equal(seen.Distinct().Order(), seen);
        Assert.InRange(seen.Count, 4, int.MaxValue);
    }

    [Fact]
    public async Task The_command_asks_before_it_deletes()
    {
        var kosha = await shared.Instance;
        var user = await kosha.NewUserAsync();
        using var drive = kosha.Drive(user);
        (await kosha.CommandAsync("no\n", ["user", "delete", user.Name])).MustFail();
        (await drive.PropfindAsync("", "0")).Must(207);
        (await kosha.CommandAsync(user.Name + "\n", ["user", "delete", user.Name])).MustSucceed();
        (await drive.PropfindAsync("", "0")).Must(401);
        (await kosha.CommandAsync("user", "delete", user.Name, "--yes")).MustFail();
    }
}
