using System.Text.Json.Nodes;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary><c>/api/webhooks</c> and <c>/api/admin/webhooks</c> over HTTP, to a receiver.</summary>
public sealed class WebhookTests(SharedKosha kosha, SharedPostgres postgres) : ApiTest(kosha)
{
    private static object Body(DavClient drive, string url, params string[] events) =>
        new { url, events, description = "of a test", password = drive.User.Password };

    private async Task<ApiAnswer> AddAsync(string url = "https://receiver.invalid/hook") =>
        (await Api.PostAsync("webhooks", Body(Drive, url, "file.*"))).Must(201);

    private async Task<JsonNode> GetAsync(long id) =>
        (await Api.SendAsync(HttpMethod.Get, $"webhooks/{id}")).Must(200).Body!;

    private Task<ApiAnswer> ChangeAsync(long id, object body) => Api.SendAsync(
        HttpMethod.Patch, $"webhooks/{id}", System.Text.Json.JsonSerializer.SerializeToNode(body));

    [Fact]
    public async Task One_is_made_changed_rotated_and_removed_and_its_secret_is_shown_once()
    {
        var added = await AddAsync();
        Assert.Matches("^whsec_[A-Za-z0-9+/]{43}=$", added.Text("secret"));
        Assert.Equal($"/api/webhooks/{added.Id}", added.Headers.Location!.OriginalString);
        var webhook = await GetAsync(added.Id);
        Assert.Equal("https://receiver.invalid/hook", (string)webhook["url"]!);
        Assert.True((bool)webhook["enabled"]!);
        var changed = (await ChangeAsync(added.Id, new
        {
            events = new[] { "file.created", "share.*" }, enabled = false, description = "",
        })).Must(200);
        Assert.False((bool)changed.Body!["enabled"]!);
        Assert.Equal(["file.created", "share.*"], changed.Body["events"]!.AsArray().Select(name => (string)name!));
        (await Api.PostAsync($"webhooks/{added.Id}/test", new { })).MustBe("in-use", 409);
        (await ChangeAsync(added.Id, new { url = "https://other.invalid/" })).MustBe("wrong-password", 403);
        (await ChangeAsync(added.Id, new { url = "https://other.invalid/", password = Drive.User.Password })).Must(200);
        Assert.Equal("https://other.invalid/", (string)(await GetAsync(added.Id))["url"]!);
        (await Api.PostAsync($"webhooks/{added.Id}/rotate", new { password = "wrong" })).MustBe("wrong-password", 403);
        var rotated = (await Api.PostAsync(
            $"webhooks/{added.Id}/rotate", new { password = Drive.User.Password })).Must(200);
        Assert.NotEqual(added.Text("secret"), rotated.Text("secret"));
        Assert.NotNull(rotated.Text("oldSecretUntil"));
        var listed = (await Api.SendAsync(HttpMethod.Get, "webhooks")).Must(200).Body!.ToJsonString();
        Assert.Contains("other.invalid", listed, StringComparison.Ordinal);
        Assert.DoesNotContain("whsec_", listed, StringComparison.Ordinal);
        (await Api.SendAsync(HttpMethod.Delete, $"webhooks/{added.Id}")).Must(204);
        (await Api.SendAsync(HttpMethod.Get, $"webhooks/{added.Id}")).MustBe("not-found", 404);
    }

    [Fact]
    public async Task What_cannot_be_is_refused()
    {
        foreach (var url in new[]
        {
            "", "nowhere", "/hook", "ftp://example.org/", "file:///etc/passwd", "https://ada@example.org/",
            "https://example.org/#part", "http://", $"https://example.org/{new string('x', 2048)}",
            "http://127.0.0.1/", "http://localhost:8080/", "http://a.localhost./", "http://10.1.2.3/", "http://[::1]/",
            "http://[::ffff:192.168.0.1]/", "http://2130706433/", "http://0x7f.1/", "http://169.254.169.254/latest",
        })
            (await Api.PostAsync("webhooks", Body(Drive, url, "file.*"))).MustBe("invalid-value", 400);
        foreach (var events in (string[][])[[], ["file"], ["user.created"], ["*"]])
            (await Api.PostAsync("webhooks", Body(Drive, "https://receiver.invalid/", events)))
                .MustBe("invalid-value", 400);
        (await Api.PostAsync("webhooks", new
        {
            url = "https://receiver.invalid/", events = new[] { "file.*" }, password = "wrong",
        })).MustBe("wrong-password", 403);
        var id = (await AddAsync()).Id;
        (await ChangeAsync(id, new { url = "http://192.168.1.1/", password = Drive.User.Password }))
            .MustBe("invalid-value", 400);
        foreach (var query in (string[])["state=lost", "cursor=x", "limit=0"])
            (await Api.SendAsync(HttpMethod.Get, $"webhooks/{id}/deliveries?{query}")).MustBe("invalid-value", 400);
    }

    [Fact]
    public async Task Deliveries_are_listed_page_by_page()
    {
        var id = (await AddAsync()).Id;
        for (var n = 0; n < 3; n++)
            (await Drive.PutAsync($"file{n}", "x")).Must(201);
        var first = (await Api.SendAsync(HttpMethod.Get, $"webhooks/{id}/deliveries?limit=2")).Must(200);
        var second = (await Api.SendAsync(
            HttpMethod.Get, $"webhooks/{id}/deliveries?limit=2&cursor={first.Text("next")}")).Must(200);
        Assert.Null(second.Text("next"));
        var all = new[] { first, second }.SelectMany(page => page.Body!["deliveries"]!.AsArray()).ToList();
        Assert.Equal(3, all.Count);
        Assert.All(all, message => Assert.Equal("file.created", (string)message!["type"]!));
        Assert.All(all, message => Assert.Equal("pending", (string)message!["state"]!));
        Assert.Equal(
            await Api.IdAsync("/file2"), (long)all[0]!["nodeId"]!);
        Assert.Empty((await Api.SendAsync(HttpMethod.Get, $"webhooks/{id}/deliveries?state=dead")).Must(200)
            .Body!["deliveries"]!.AsArray());
    }

    [Fact]
    public async Task What_happens_reaches_a_receiver_that_verifies_it_and_no_secret_stays()
    {
        var database = await (await postgres.Durable).NewEmptyDatabaseAsync();
        await using var receiver = await WebhookReceiver.StartAsync();
        await using var process = await KoshaProcess.StartNewAsync(
            ("Webhooks:AllowPrivateAddresses", "true"), ("Database:ConnectionString", database));
        using var adminDrive = process.AdminDrive();
        using var admin = new ApiClient(adminDrive);
        using var drive = await process.NewDriveAsync();
        using var api = new ApiClient(drive);
        var own = (await api.PostAsync("webhooks", Body(drive, $"{receiver.Url}own", "file.created"))).Must(201);
        var all = (await admin.PostAsync(
            "admin/webhooks", Body(adminDrive, $"{receiver.Url}all", "file.*", "user.*"))).Must(201);
        Assert.Empty((await admin.SendAsync(HttpMethod.Get, "webhooks")).Must(200).Body!["webhooks"]!.AsArray());
        (await api.SendAsync(HttpMethod.Get, "admin/webhooks")).MustBe("forbidden", 403);
        (await drive.PutAsync("file", "content")).Must(201);
        (await adminDrive.PutAsync("of-admin", "content")).Must(201);
        await Eventually.TrueAsync("three messages have come", () => receiver.Count == 3);
        Assert.Single(receiver.Received, message => message.IsSignedBy(own.Text("secret")!)
            && (string)JsonNode.Parse(message.Body)!["data"]!["node"]!["path"]! == "/file");
        Assert.Equal(2, receiver.Received.Count(message => message.IsSignedBy(all.Text("secret")!)));
        var password = drive.User.Password;
        var rotated = (await api.PostAsync($"webhooks/{own.Id}/rotate", new { password })).Must(200);
        (await api.PostAsync($"webhooks/{own.Id}/test", new { })).Must(202);
        await Eventually.TrueAsync("the test has come", () => receiver.Count == 4);
        var (test, newest) = (receiver.Received[^1], (JsonNode)null!);
        Assert.True(test.IsSignedBy(own.Text("secret")!) && test.IsSignedBy(rotated.Text("secret")!));
        Assert.Equal("webhook.test", (string)JsonNode.Parse(test.Body)!["type"]!);
        await Eventually.TrueAsync("it is known as delivered", async () =>
        {
            newest = (await api.SendAsync(HttpMethod.Get, $"webhooks/{own.Id}/deliveries")).Must(200)
                .Body!["deliveries"]![0]!;
            return (string)newest["state"]! == "delivered";
        });
        Assert.Equal((test.Id, 200), ((string)newest["messageId"]!, (int)newest["lastStatus"]!));
        (await api.PostAsync($"webhooks/{own.Id}/deliveries/{newest["id"]}/retry", new { })).Must(204);
        await Eventually.TrueAsync("it has come once more", () => receiver.Count == 5);
        Assert.Equal(test.Id, receiver.Received[^1].Id);
        await AssertNoSecretAsync(process, database, own, all, rotated);
    }

    private static async Task AssertNoSecretAsync(KoshaProcess process, string database, params ApiAnswer[] made)
    {
        var stored = (string)(await Sql.ExecuteAsync(database, """
            select string_agg(t::text, ' ') from (
                select w::text from webhooks w union all select o::text from outbox o
                union all select a::text from audit a) t
            """))!;
        Assert.Contains("webhook-add", stored, StringComparison.Ordinal);
        foreach (var secret in made.Select(answer => answer.Text("secret")!["whsec_".Length..]))
        {
            Assert.DoesNotContain(secret, stored, StringComparison.Ordinal);
            Assert.DoesNotContain(secret, process.Output, StringComparison.Ordinal);
        }
    }
}
