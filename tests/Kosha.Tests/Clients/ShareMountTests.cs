using Kosha.Daemon.Auth;
using Kosha.Tests.Api;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Clients;

/// <summary>Shared folders as drives: username "share", password the link's token.</summary>
public sealed class ShareMountTests(SharedKosha kosha) : ShareTest(kosha)
{
    private DavClient Mount(Visitor visitor, string password = "") =>
        new(Drive.Server, new("share", visitor.Token + (password.Length == 0 ? "" : ":" + password)));

    [Fact]
    public async Task Rclone_syncs_a_shared_folder_and_changes_nothing()
    {
        var (_, visitor) = await ShareAsync(new { nodeId = Folder });
        using var mount = Mount(visitor);
        var rclone = await Rclone.ForAsync(mount);
        using var folder = new TestFolder();
        await rclone.RunAsync("sync", Rclone.Remote(""), folder["back"]);
        Assert.Equal("content of a", await System.IO.File.ReadAllTextAsync(Path.Combine(folder["back"], "a.txt")));
        Assert.Equal("content of b",
            await System.IO.File.ReadAllTextAsync(Path.Combine(folder["back"], "sub", "b.txt")));
        await rclone.RunAsync("check", "--checksum", Rclone.Remote(""), folder["back"]);
        foreach (var change in new Func<Task<DavAnswer>>[]
        {
            () => mount.PutAsync("new", "x"), () => mount.PutAsync("a.txt", "x"), () => mount.MkcolAsync("new"),
            () => mount.DeleteAsync("a.txt"), () => mount.MoveAsync("a.txt", "b.txt"),
        })
            (await change()).Must(403);
        (await mount.GetAsync("../outside.txt")).Must(404);
        (await mount.GetAsync("outside.txt")).Must(404);
        // Nothing of its owner.
        await Drive.LockAsync("shared/a.txt", "0");
        Assert.DoesNotContain("activelock", (await mount.PropfindAsync("", "1")).Must(207).Text,
            StringComparison.Ordinal);
        Assert.DoesNotContain("activelock", (await mount.PropfindAsync("a.txt", "0")).Must(207).Text,
            StringComparison.Ordinal);
        var found = (await mount.PropfindAsync("", "0")).Must(207).Text;
        Assert.DoesNotContain("quota-used-bytes>", found, StringComparison.Ordinal);
        using var api = new ApiClient(mount);
        (await api.SendAsync(HttpMethod.Get, "nodes")).MustBe("unauthorized", 401);
    }

    [Fact]
    public async Task A_mount_ends_with_its_link_and_begins_anew_with_another_password()
    {
        const string Password = "a long: password";
        var (link, visitor) = await ShareAsync(new { nodeId = Folder, password = Password });
        using var without = Mount(visitor);
        (await without.GetAsync("a.txt")).Must(401);
        using var mount = Mount(visitor, Password);
        (await mount.GetAsync("a.txt")).Must(200);
        (await ChangeLinkAsync(link.Id, new { password = "another password" })).Must(200);
        (await mount.GetAsync("a.txt")).Must(401);
        using var again = Mount(visitor, "another password");
        (await again.GetAsync("a.txt")).Must(200);
        (await Api.TrashAsync(Folder)).Must(204);
        (await again.GetAsync("a.txt")).Must(401);
        (await Api.PostAsync("trash/restore", new { ids = new[] { Folder } })).Must(200);
        (await again.GetAsync("a.txt")).Must(200);
        (await ChangeLinkAsync(link.Id, new { maxDownloads = 3 })).Must(200);
        (await again.GetAsync("a.txt")).Must(401);
        var (ended, other) = await ShareAsync(new { nodeId = Folder });
        using var device = Mount(other);
        (await device.GetAsync("a.txt")).Must(200);
        (await RevokeAsync(ended.Id)).Must(204);
        (await device.GetAsync("a.txt")).Must(401);
        var (_, ofFile) = await ShareAsync(new { nodeId = File });
        using var noFolder = Mount(ofFile);
        (await noFolder.GetAsync("")).Must(401);
    }

    [Fact]
    public async Task A_drive_with_an_old_password_locks_nobody_out_and_one_that_is_mounted_is_noted()
    {
        const string Password = "a long password";
        var (link, visitor) = await ShareAsync(new { nodeId = Folder, password = Password });
        using var stale = Mount(visitor, "an old password");
        await Task.WhenAll(Enumerable.Range(0, 2 * ShareDoor.WrongPasswordsByLinkAndAddress)
            .Select(async _ => (await stale.GetAsync("a.txt")).Must(401)));
        using var mount = Mount(visitor, Password);
        (await mount.GetAsync("a.txt")).Must(200);
        var noted = (await Api.SendAsync(HttpMethod.Get, "account/audit")).Must(200).Body!["entries"]!.AsArray();
        var told = Assert.Single(noted, entry => (string?)entry!["action"] == "share-use")!;
        Assert.Equal(("mounted", link.Id), ((string?)told["detail"], (long)told["credentialId"]!));
        Assert.NotNull(told["address"]);
        var refused = Assert.Single(noted, entry => (string?)entry!["action"] == "share-refused")!;
        Assert.Equal(1, (long)refused["times"]!);
        Assert.Null(told["username"] ?? refused["username"]);
    }

    [Fact]
    public async Task What_the_owner_keeps_with_a_file_is_not_shown()
    {
        const string Secret = "<n:secret xmlns:n='n'>what I think of it</n:secret>";
        (await Drive.ProppatchAsync("shared/a.txt", "<D:propertyupdate xmlns:D='DAV:'><D:set><D:prop>" + Secret
            + "<D:displayname>my name</D:displayname></D:prop></D:set></D:propertyupdate>")).Must(207);
        var (_, visitor) = await ShareAsync(new { nodeId = Folder });
        using var mount = Mount(visitor);
        const string Named = "<D:prop><n:secret xmlns:n='n'/><D:displayname/></D:prop>";
        foreach (var wish in new[] { "<D:allprop/>", "<D:propname/>", Named })
        {
            var body = $"<D:propfind xmlns:D='DAV:'>{wish}</D:propfind>";
            foreach (var (path, depth) in new[] { ("", "1"), ("a.txt", "0") })
            {
                var found = (await mount.PropfindAsync(path, depth, body)).Must(207).Text;
                Assert.Contains("a.txt", found, StringComparison.Ordinal);
                Assert.DoesNotContain("what I think", found, StringComparison.Ordinal);
                Assert.DoesNotContain("my name", found, StringComparison.Ordinal);
                Assert.Equal(wish == Named, found.Contains("secret", StringComparison.Ordinal));
            }
        }
        var own = (await Drive.PropfindAsync("shared/a.txt", "0")).Must(207).Text;
        Assert.Contains("what I think", own, StringComparison.Ordinal);
    }
}
