using System.Text.Json.Nodes;
using Kosha.Tests.Infrastructure;
using Kosha.Tests.WebDav;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary><c>/api/app-passwords</c>, and what app passwords that may do less reach over HTTP.</summary>
public sealed class AppPasswordTests(Drive shared, SharedKosha kosha) : IClassFixture<Drive>, IDisposable
{
    private readonly DavClient drive = shared.Client;
    private readonly ApiClient api = new(shared.Client);

    public void Dispose() => api.Dispose();

    private JsonObject Body(string label, object? more = null)
    {
        var body = System.Text.Json.JsonSerializer.SerializeToNode(more ?? new { })!.AsObject();
        body["label"] = label;
        body["password"] = drive.User.Password;
        return body;
    }

    private async Task<(ApiAnswer Answer, DavClient Device)> AddAsync(object? more = null)
    {
        var added = (await api.SendAsync(HttpMethod.Post, "app-passwords", Body($"{Guid.NewGuid()}", more))).Must(201);
        return (added, (await kosha.Instance).Drive(drive.User with { Password = added.Text("secret")! }));
    }

    private async Task<JsonNode> FindAsync(long id) =>
        (await api.SendAsync(HttpMethod.Get, "app-passwords")).Must(200).Body!["appPasswords"]!.AsArray()
            .Single(row => (long)row!["id"]! == id)!;

    /// <summary>By the command, which takes a path.</summary>
    private async Task<DavClient> NewDeviceAsync(params string[] more)
    {
        var process = await kosha.Instance;
        var made = await process.CommandAsync(
            ["app-password", "add", drive.User.Name, "--name", $"{Guid.NewGuid()}", .. more]);
        return process.Drive(drive.User with { Password = made.MustSucceed().Output.Trim() });
    }

    /// <summary>The id of the folder of the newest app password.</summary>
    private async Task<long> NewestFolderAsync() =>
        (long)(await api.SendAsync(HttpMethod.Get, "app-passwords")).Must(200).Body!["appPasswords"]!.AsArray()
            .Last(row => row!["folderId"] is not null)!["folderId"]!;

    [Fact]
    public async Task A_device_gets_its_own_which_is_shown_once_and_ends_when_its_user_says_so()
    {
        var (added, device) = await AddAsync(new { redirect = "off" });
        using (device)
        {
            Assert.Matches("^([2-9A-HJ-NP-Z]{5}-){3}[2-9A-HJ-NP-Z]{5}$", added.Text("secret"));
            Assert.Equal($"/api/app-passwords/{added.Id}", added.Headers.Location!.OriginalString);
            var row = await FindAsync(added.Id);
            Assert.Null(row["lastUsed"]);
            Assert.Null(row["secret"]);
            Assert.Null(row["folderId"]);
            Assert.Equal(("off", false), ((string)row["redirect"]!, (bool)row["readOnly"]!));
            (await device.PutAsync("from-the-device", "1")).Must(201, 204);
            Assert.NotNull((await FindAsync(added.Id))["lastUsed"]);
            using (var onDevice = new ApiClient(device))
            {
                (await onDevice.ListAsync()).Must(200);
                (await onDevice.SendAsync(HttpMethod.Get, "app-passwords")).MustBe("forbidden", 403);
                (await onDevice.SendAsync(HttpMethod.Post, "app-passwords", Body("x"))).MustBe("forbidden", 403);
                (await onDevice.SendAsync(HttpMethod.Delete, $"app-passwords/{added.Id}")).MustBe("forbidden", 403);
            }
            (await api.SendAsync(HttpMethod.Delete, $"app-passwords/{added.Id}")).Must(204);
            (await device.GetAsync("from-the-device")).Must(401);
            (await api.SendAsync(HttpMethod.Delete, $"app-passwords/{added.Id}")).MustBe("not-found", 404);
        }
    }

    [Fact]
    public async Task What_cannot_be_is_refused_and_nobody_elses_is_there()
    {
        var (added, device) = await AddAsync();
        device.Dispose();
        var label = (string)(await FindAsync(added.Id))["label"]!;
        (await api.SendAsync(HttpMethod.Post, "app-passwords", Body(label))).MustBe("already-exists", 409);
        foreach (var body in new[]
        {
            Body(""), Body(new string('x', 81)), Body("x", new { redirect = "perhaps" }),
            Body("x", new { folderId = -1 }),
        })
            (await api.SendAsync(HttpMethod.Post, "app-passwords", body)).MustBe("invalid-value", 400);
        (await api.SendAsync(HttpMethod.Post, "app-passwords", new JsonObject())).MustBe("malformed", 400);
        using var other = await kosha.NewDriveAsync();
        using var stranger = new ApiClient(other);
        (await stranger.SendAsync(HttpMethod.Delete, $"app-passwords/{added.Id}")).MustBe("not-found", 404);
        Assert.Empty((await stranger.SendAsync(HttpMethod.Get, "app-passwords")).Must(200)
            .Body!["appPasswords"]!.AsArray());
    }

    [Fact]
    public async Task One_that_reads_is_refused_every_change_before_its_body()
    {
        var folder = await shared.NewFolderAsync();
        (await drive.PutAsync(folder + "/file", "content")).Must(201);
        var (_, device) = await AddAsync(new { readOnly = true });
        using var reading = device;
        Assert.Equal("content", (await device.GetAsync(folder + "/file")).Must(200).Text);
        (await device.HeadAsync(folder + "/file")).Must(200);
        Assert.Equal(["file"], (await device.ListAsync(folder)).Names);
        (await device.SendAsync("OPTIONS", folder)).Must(200);
        foreach (var method in new[]
        {
            "PUT", "DELETE", "MKCOL", "COPY", "MOVE", "PROPPATCH", "LOCK", "UNLOCK",
        })
            (await device.SendAsync(method, folder + "/file", ("Destination", device.UrlOf(folder + "/x")))).Must(403);
        using (var client = await RawConnection.OpenAsync(device.Server))
        {
            await client.SendHeadAsync(device, "PUT", folder + "/new", "Content-Length: 10", "Expect: 100-continue");
            Assert.Equal(403, await client.ReadStatusAsync());
        }
        using var onDevice = new ApiClient(device);
        (await onDevice.ListAsync()).Must(200);
        (await onDevice.BeginAsync("new", [1])).MustBe("forbidden", 403);
        (await onDevice.CancelAsync(1)).MustBe("forbidden", 403);
        Assert.Equal(["file"], (await drive.ListAsync(folder)).Names);
    }

    [Fact]
    public async Task One_for_a_folder_sees_it_as_the_top_and_nothing_else()
    {
        var folder = await shared.NewFolderAsync();
        (await drive.MkcolAsync(folder + "/own")).Must(201);
        (await drive.PutAsync(folder + "/own/inside", "inside")).Must(201);
        (await drive.PutAsync(folder + "/outside", "outside")).Must(201);
        using var device = await NewDeviceAsync("--folder", $"/{folder}/own");
        var listed = await device.ListAsync("");
        Assert.Equal("/dav/", listed.Items[0].Href);
        Assert.Equal(["inside"], listed.Names);
        Assert.NotNull((await device.PropfindAsync("", "0", """
            <D:propfind xmlns:D="DAV:"><D:prop><D:quota-available-bytes/></D:prop></D:propfind>
            """)).Must(207).Multistatus.Single.Value("quota-available-bytes"));
        foreach (var path in new[]
        {
            folder, folder + "/outside", "../outside", "%2e%2e/outside", "..%2foutside", "inside/../../outside",
        })
            (await device.GetAsync(path)).Must(400, 404);
        foreach (var target in new[] { "../outside", "%2e%2e/stolen", $"{folder}/stolen" })
        {
            (await device.CopyAsync("inside", target)).Must(400, 403, 409);
            (await device.MoveAsync("inside", target)).Must(400, 403, 409);
        }
        (await device.DeleteAsync("")).Must(403);
        (await device.MoveAsync("", "moved")).Must(403);
        (await device.PutAsync("new", "new", ("If", $"</dav/{folder}/outside> ([{"\"x\""}])"))).Must(412);
        (await device.MoveAsync("inside", "Inside")).Must(201);
        var explorer = ("User-Agent", "Microsoft-WebDAV-MiniRedir/10.0");
        (await device.GetAsync("INSIDE", explorer)).Must(200);
        (await device.GetAsync("OUTSIDE", explorer)).Must(404);
        Assert.Equal(["outside", "own"], (await drive.ListAsync(folder)).Names);
    }

    [Fact]
    public async Task Locks_inside_are_everybodys_and_locks_outside_hold_and_are_not_shown()
    {
        var folder = await shared.NewFolderAsync();
        (await drive.MkcolAsync(folder + "/own")).Must(201);
        (await drive.PutAsync(folder + "/own/file", "1")).Must(201);
        using var device = await NewDeviceAsync("--folder", folder + "/own");
        var own = await device.LockAsync("");
        (await drive.PutAsync(folder + "/own/file", "2")).Must(423);
        (await drive.PutAsync(folder + "/own/file", "2", ("If", $"(<{own}>)"))).Must(204);
        (await device.UnlockAsync("", own)).Must(204);
        var above = await drive.LockAsync(folder);
        var refused = (await device.PutAsync("file", "3", ("If", $"(<{above}>)"))).Must(412, 423);
        Assert.DoesNotContain(folder, refused.Text, StringComparison.Ordinal);
        (await device.PutAsync("file", "3")).Must(423);
        Assert.DoesNotContain(above, (await device.PropfindAsync("", "1")).Must(207).Text, StringComparison.Ordinal);
        (await device.UnlockAsync("", above)).Must(409);
        (await drive.UnlockAsync(folder, above)).Must(204);
        (await device.PutAsync("file", "3")).Must(204);
    }

    [Fact]
    public async Task One_for_a_folder_follows_it_and_ends_while_it_is_in_the_trash()
    {
        var folder = await shared.NewFolderAsync();
        (await drive.PutAsync(folder + "/file", "1")).Must(201);
        (await NewDeviceAsync("--folder", folder)).Dispose();
        var (added, device) = await AddAsync(new { folderId = await NewestFolderAsync() });
        using var limited = device;
        using var onDevice = new ApiClient(device);
        Assert.Equal("/" + folder, (string)(await FindAsync(added.Id))["folder"]!);
        (await device.GetAsync("file")).Must(200);
        (await onDevice.UploadAsync("uploaded", [1, 2, 3])).Must(200);
        var begun = (await onDevice.BeginAsync("open", [4, 5])).Must(201);
        Assert.Equal("/", begun.Text("parent"));
        // It counts for the account, so the owner sees it, and from which folder its path begins.
        var seen = (await api.GetAsync(begun.Id)).Must(200);
        Assert.Equal(await api.IdAsync("/" + folder), (long)seen.Body!["folderId"]!);
        (await drive.MoveAsync(folder, folder + "-moved")).Must(201);
        Assert.Equal($"/{folder}-moved", (string)(await FindAsync(added.Id))["folder"]!);
        Assert.Equal([1, 2, 3], (await device.GetAsync("uploaded")).Must(200).Body);
        (await drive.DeleteAsync(folder + "-moved")).Must(204);
        (await device.GetAsync("uploaded")).Must(401);
        (await device.PropfindAsync("", "1")).Must(401);
        (await onDevice.ListAsync()).MustBe("unauthorized", 401);
        (await onDevice.GetAsync(begun.Id)).MustBe("unauthorized", 401);
        Assert.Null((await FindAsync(added.Id))["folder"]);
    }
}
