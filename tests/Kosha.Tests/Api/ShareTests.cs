using System.Text.Json.Nodes;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary><c>/api/shares</c>: what owners do with their links.</summary>
public sealed class ShareTests(SharedKosha kosha) : ShareTest(kosha)
{
    [Fact]
    public async Task A_link_is_made_listed_shown_changed_and_revoked()
    {
        var (made, _) = await ShareAsync(new { nodeId = Folder, name = "for Ada", password = "a long password" });
        Assert.Equal($"/api/shares/{made.Id}", made.Headers.Location!.OriginalString);
        Assert.Matches($"^{Drive.Server}share/[A-Za-z0-9_-]{{43}}$", made.Url);
        Assert.Equal(("/shared", "for Ada", true),
            (made.Text("path"), made.Text("name"), (bool)made.Body!["hasPassword"]!));
        // Seven days, if nobody says otherwise.
        var expires = (DateTimeOffset)made.Body!["expiresAt"]!;
        Assert.InRange(expires - DateTimeOffset.UtcNow, TimeSpan.FromDays(6.9), TimeSpan.FromDays(7.1));

        var (other, _) = await ShareAsync(new { nodeId = File, neverExpires = true, maxDownloads = 5 });
        Assert.Null(other.Body!["expiresAt"]);
        var list = (await Api.SendAsync(HttpMethod.Get, "shares?limit=1")).Must(200);
        Assert.Equal(other.Id, (long)list.Body!["shares"]![0]!["id"]!);
        Assert.Null(list.Body!["shares"]![0]!["url"]);
        list = (await Api.SendAsync(HttpMethod.Get, $"shares?limit=1&cursor={list.Text("next")}")).Must(200);
        Assert.Equal(made.Id, (long)list.Body!["shares"]![0]!["id"]!);
        Assert.Null(list.Text("next"));
        var ofNode = (await Api.SendAsync(HttpMethod.Get, $"nodes/{File}/shares")).Must(200).Body!["shares"]!.AsArray();
        Assert.Equal(other.Id, (long)Assert.Single(ofNode)!["id"]!);

        Assert.Equal(made.Url, (await LinkAsync(made.Id)).Url);
        var changed = (await ChangeLinkAsync(made.Id, new
        {
            name = "", password = "", maxDownloads = 3, allowsUpload = true, expiresInDays = 30,
        })).Must(200);
        Assert.Equal(made.Url, changed.Url);
        Assert.Null(changed.Text("name"));
        Assert.Equal((false, 3L, true), ((bool)changed.Body!["hasPassword"]!, (long)changed.Body!["maxDownloads"]!,
            (bool)changed.Body!["allowsUpload"]!));

        (await RevokeAsync(made.Id)).Must(204);
        (await RevokeAsync(made.Id)).MustBe("not-found", 404);
        (await Api.SendAsync(HttpMethod.Get, $"shares/{made.Id}")).MustBe("not-found", 404);
    }

    [Fact]
    public async Task What_cannot_be_is_refused_and_nobody_elses_is_there()
    {
        foreach (var wish in new object[]
        {
            new { nodeId = File, expiresInDays = 0 }, new { nodeId = File, expiresInDays = 3, neverExpires = true },
            new { nodeId = File, expiresAt = DateTimeOffset.UtcNow.AddMinutes(-1) },
            new { nodeId = File, password = "short" }, new { nodeId = File, maxDownloads = -1 },
            new { nodeId = File, allowsUpload = true }, new { nodeId = Folder, allowsDownload = false },
            new { nodeId = File, name = new string('x', 201) },
        })
            (await Api.PostAsync("shares", wish)).MustBe("invalid-value", 400);
        (await Api.PostAsync("shares", new { nodeId = await Api.IdAsync("") })).MustBe("not-found", 404);
        var (made, _) = await ShareAsync(new { nodeId = File });
        using var otherDrive = await Shared.NewDriveAsync();
        using var other = new ApiClient(otherDrive);
        (await other.PostAsync("shares", new { nodeId = File })).MustBe("not-found", 404);
        (await other.SendAsync(HttpMethod.Get, $"shares/{made.Id}")).MustBe("not-found", 404);
        (await other.SendAsync(HttpMethod.Patch, $"shares/{made.Id}", new JsonObject())).MustBe("not-found", 404);
        (await other.SendAsync(HttpMethod.Delete, $"shares/{made.Id}")).MustBe("not-found", 404);
        var ofOther = (await other.SendAsync(HttpMethod.Get, $"nodes/{File}/shares")).Must(200);
        Assert.Empty(ofOther.Body!["shares"]!.AsArray());
        await LinkAsync(made.Id);
    }

    [Fact]
    public async Task A_plan_says_how_many_links_for_how_long_and_with_what()
    {
        var process = await Shared.Instance;
        var plan = $"shares of {Drive.User.Name}";
        (await process.CommandAsync("plan", "add", plan, "--max-share-links", "2", "--max-share-days", "3",
            "--max-share-links-without-password", "1")).MustSucceed();
        (await process.CommandAsync("user", "plan", Drive.User.Name, plan)).MustSucceed();
        Assert.Equal(2, (int)(await Api.SendAsync(HttpMethod.Get, "usage")).Body!["limits"]!["maxShareLinks"]!);
        (await Api.PostAsync("shares", new { nodeId = File, expiresInDays = 4 })).MustBe("forbidden", 403);
        (await Api.PostAsync("shares", new { nodeId = File, neverExpires = true })).MustBe("forbidden", 403);
        // As long as the plan allows, if nobody says otherwise.
        var (first, _) = await ShareAsync(new { nodeId = File });
        (await Api.PostAsync("shares", new { nodeId = File })).MustBe("forbidden", 403);
        var (second, _) = await ShareAsync(new { nodeId = File, password = "a long password" });
        (await ChangeLinkAsync(second.Id, new { password = "" })).MustBe("forbidden", 403);
        (await Api.PostAsync("shares", new { nodeId = File, password = "a long password" }))
            .MustBe("limit-reached", 429);
        (await RevokeAsync(second.Id)).Must(204);
        await ShareAsync(new { nodeId = File, password = "a long password" });

        (await process.CommandAsync("plan", "set", plan, "--max-share-links", "0")).MustSucceed();
        (await ChangeLinkAsync(first.Id, new { name = "kept" })).Must(200);
        (await Api.PostAsync("shares", new { nodeId = File, password = "a long password" })).MustBe("forbidden", 403);
    }

    [Fact]
    public async Task Nobody_is_called_as_links_are_mounted()
    {
        var made = await (await Shared.Instance).CommandAsync(
            "a long password\n", ["user", "add", "Share", "--password-stdin"]);
        made.MustFail();
    }
}
