using System.Text.Json.Nodes;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>Plans by the API of a real daemon, and what a user's storage is made of.</summary>
public sealed class PlanTests(SharedKosha kosha) : AdminApiTest(kosha)
{
    private static JsonObject Body(string? name, params (string Limit, long? Value)[] limits)
    {
        var given = limits.Select(limit => KeyValuePair.Create(limit.Limit, (JsonNode?)limit.Value));
        var body = new JsonObject { ["limits"] = new JsonObject(given) };
        if (name is not null)
            body["name"] = name;
        return body;
    }

    [Fact]
    public async Task An_administrator_makes_changes_and_removes_plans()
    {
        var name = $"plan of {Drive.User.Name}";
        var made = (await Admin.SendAsync(HttpMethod.Post, "admin/plans", Body(name, ("maxBytes", 1000)))).Must(201);
        (await Admin.SendAsync(HttpMethod.Post, "admin/plans", Body(name))).MustBe("already-exists", 409);
        var at = $"admin/plans/{made.Id}";
        Assert.Equal($"/api/{at}", made.Headers.Location!.OriginalString);
        var changed = (await Admin.SendAsync(
            HttpMethod.Patch, at, Body(null, ("maxBytes", null), ("maxNodes", 5), ("versionDays", 0)))).Must(200);
        var limits = changed.Body!["limits"]!.AsObject();
        Assert.Equal(9, limits.Count);
        Assert.Equal((null, 5L, 30L, 0L),
            ((long?)limits["maxBytes"], (long)limits["maxNodes"]!, (long)limits["trashDays"]!,
                (long)limits["versionDays"]!));
        var list = (await Admin.SendAsync(HttpMethod.Get, "admin/plans")).Must(200).Body!["plans"]!.AsArray();
        Assert.Single(list, plan => (string)plan!["name"]! == name && (long)plan["users"]! == 0);
        Assert.Single(list, plan => (string)plan!["name"]! == "default" && (long)plan["users"]! > 0);

        var usual = list.Single(plan => (string)plan!["name"]! == "default")!["id"];
        (await Admin.SendAsync(HttpMethod.Delete, $"admin/plans/{usual}")).MustBe("in-use", 409);
        (await Admin.SendAsync(HttpMethod.Delete, at)).Must(204);
        (await Admin.SendAsync(HttpMethod.Delete, at)).MustBe("not-found", 404);
        (await Admin.SendAsync(HttpMethod.Patch, at, Body(null))).MustBe("not-found", 404);
    }

    [Fact]
    public async Task What_is_no_limit_is_refused()
    {
        foreach (var body in (JsonObject[])[
            Body("x", ("maxBytes", -1)), Body("x", ("trashDays", 1L << 40)), Body(" x"), Body(""),
        ])
            (await Admin.SendAsync(HttpMethod.Post, "admin/plans", body)).MustBe("invalid-value", 400);
        foreach (var body in (JsonObject[])[Body("x", ("maxFolders", 1)), Body(null)])
            (await Admin.SendAsync(HttpMethod.Post, "admin/plans", body)).MustBe("malformed", 400);
    }

    [Theory]
    [InlineData("maxBytes", 1L << 60)]
    [InlineData("maxFileBytes", 1L << 60)]
    [InlineData("maxNodes", 1_000_000_000L)]
    [InlineData("maxOpenUploads", 1_000_000_000L)]
    [InlineData("trashDays", 36_500L)]
    [InlineData("versionDays", 36_500L)]
    public async Task Every_limit_has_a_largest_number(string limit, long most)
    {
        var name = $"{limit} of {Drive.User.Name}";
        (await Admin.SendAsync(HttpMethod.Post, "admin/plans", Body(name, (limit, most + 1))))
            .MustBe("invalid-value", 400);
        (await Admin.SendAsync(HttpMethod.Post, "admin/plans", Body(name, (limit, long.MaxValue))))
            .MustBe("invalid-value", 400);
        var made = (await Admin.SendAsync(HttpMethod.Post, "admin/plans", Body(name, (limit, most)))).Must(201);
        Assert.Equal(most, (long)made.Body!["limits"]![limit]!);
        (await Admin.SendAsync(HttpMethod.Patch, $"admin/plans/{made.Id}", Body(null, (limit, most + 1))))
            .MustBe("invalid-value", 400);
        (await Admin.SendAsync(HttpMethod.Delete, $"admin/plans/{made.Id}")).Must(204);
    }

    [Fact]
    public async Task Plans_are_for_administrators()
    {
        (await Api.SendAsync(HttpMethod.Get, "admin/plans")).MustBe("forbidden", 403);
        (await Api.SendAsync(HttpMethod.Post, "admin/plans", Body("mine"))).MustBe("forbidden", 403);
        (await Api.SendAsync(HttpMethod.Patch, "admin/plans/1", Body(null))).MustBe("forbidden", 403);
        (await Api.SendAsync(HttpMethod.Delete, "admin/plans/1")).MustBe("forbidden", 403);
    }

    [Fact]
    public async Task A_user_sees_what_the_storage_is_made_of()
    {
        (await Drive.PutAsync("file", "12345")).Must(201);
        (await Drive.PutAsync("file", "123")).Must(204);
        (await Drive.PutAsync("gone", "1")).Must(201);
        (await Drive.DeleteAsync("gone")).Must(204);
        var begun = (await Api.BeginAsync("upload", [1, 2, 3, 4, 5, 6, 7])).Must(201);
        var usage = (await Api.SendAsync(HttpMethod.Get, "usage")).Must(200);
        Assert.Equal((16L, 5L, 7L, 2L), ((long)usage.Body!["usedBytes"]!, (long)usage.Body["versionBytes"]!,
            (long)usage.Body["reservedBytes"]!, (long)usage.Body["nodes"]!));
        Assert.Equal("default", usage.Text("plan"));
        Assert.Equal(10737418240L, (long)usage.Body["limits"]!["maxBytes"]!);
        (await Api.CancelAsync(begun.Id)).Must(204);
    }
}
