using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Search;
using Kosha.Storage.Tree;
using Kosha.Storage.Uploads;
using Xunit;
using static Kosha.Tests.Storage.TestUser;

namespace Kosha.Tests.Storage.Accounts;

/// <summary>An app password for one folder: that folder is '/', and beyond it there is nothing.</summary>
public sealed class FolderCredentialTests(StorageFixture storage) : IClassFixture<StorageFixture>
{
    private static readonly CancellationToken None = CancellationToken.None;

    /// <summary>A user with /a/b/inside and /outside, and the same user by an app password for /a/b.</summary>
    private async Task<(TestUser Owner, TestUser Device)> NewAsync()
    {
        var owner = await storage.NewUserAsync();
        await owner.MakeFoldersAsync("a", "a/b");
        await owner.PutAsync("a/b/inside", "inside");
        await owner.PutAsync("outside", "outside");
        return (owner, await storage.LimitAsync(owner, "a/b"));
    }

    private Task RestoreAsync(FileNode node) => storage.ExecuteAsync($"""
        update file_nodes set parent_id = original_parent_id, original_parent_id = null, trashed_at = null
        where id = {node.Id}
        """);

    private static IEnumerable<Func<Task>> Writes(TestUser device, Guid token, StorageFixture storage) =>
    [
        () => device.PutAsync("inside", "x"), () => device.PutAsync("new", "x"), () => device.MakeFolderAsync("new"),
        () => device.TrashAsync("inside"), () => device.MoveAsync("inside", "new"),
        () => device.CopyAsync("inside", "new"), () => device.LockAsync("inside"), () => device.LockAsync("new"),
        () => storage.Locks.RefreshAsync(device.Caller, At("inside"), 60, With(token), None),
        () => storage.Locks.UnlockAsync(device.Caller, At("inside"), token, None),
        () => storage.Tree.ChangePropertiesAsync(
            device.Caller, At("inside"), new([], DateTime.UtcNow, null), WriteConditions.None, None),
    ];

    [Fact]
    public async Task Its_paths_begin_at_the_folder_and_no_name_leads_out_of_it()
    {
        var (owner, device) = await NewAsync();
        Assert.Equal(["inside"], await device.NamesAsync());
        Assert.Null(await device.FindAsync("outside"));
        Assert.Null(await device.FindAsync("a"));
        await device.PutAsync("new", "new");
        await device.MakeFolderAsync("folder");
        await device.MoveAsync("new", "folder/moved");
        await device.CopyAsync("folder", "copy");
        await device.TrashAsync("inside");
        Assert.Equal(["copy", "folder"], await owner.NamesAsync("a/b"));
        Assert.Equal("new", await owner.ReadAsync("a/b/copy/moved"));
        Assert.Equal("outside", await owner.ReadAsync("outside"));
        foreach (var change in new Func<Task>[]
        {
            () => device.TrashAsync(""), () => device.MoveAsync("", "copy/x"), () => device.MoveAsync("copy", ""),
        })
            await RefusedAsync(StorageFault.RootIsFixed, change);
        var found = await storage.Tree.MatchCaseAsync(device.Caller, At("FOLDER/MOVED"), keepLast: false, None);
        Assert.Equal(At("folder/moved"), found);
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task The_id_of_what_lies_outside_is_nothing()
    {
        var (owner, device) = await NewAsync();
        foreach (var path in new[] { "", "a" })
        {
            var id = (await owner.GetAsync(path)).Id;
            await RefusedAsync(StorageFault.NotFound,
                () => storage.Tree.ListAsync(device.Caller, id, null, 10, ListedDetails.None, None));
        }
        var own = (await owner.GetAsync("a/b")).Id;
        var page = await storage.Tree.ListAsync(device.Caller, own, null, 10, ListedDetails.Properties, None);
        Assert.Equal("inside", Assert.Single(page.Nodes).Name);
    }

    [Fact]
    public async Task By_id_too_its_top_is_the_folder_and_what_lies_outside_is_nothing()
    {
        var (owner, device) = await NewAsync();
        await device.MakeFolderAsync("own");
        var (top, own) = (await owner.GetAsync("a/b"), await device.GetAsync("own"));
        var details = await storage.Tree.DetailsAsync(device.Caller, own.Id, None);
        Assert.Equal(At("own"), details.Path);
        Assert.Equal([top.Id, own.Id], details.Breadcrumb.Select(crumb => crumb.Id));
        Assert.Equal(top.Id, (await storage.Tree.DetailsAsync(device.Caller, NodePath.Root, None)).Node.Id);
        Assert.Equal([top.Id], (await storage.Tree.BreadcrumbAsync(device.Caller, top.Id, None)).Select(c => c.Id));
        var inside = (await device.GetAsync("inside")).Id;
        await storage.Tree.CopyAsync(
            device.Caller, [inside], own.Id, NameConflict.Fail, WriteConditions.None, None);
        Assert.Equal("inside", await owner.ReadAsync("a/b/own/inside"));
        foreach (var path in new[] { "", "a", "outside" })
        {
            var id = (await owner.GetAsync(path)).Id;
            foreach (var work in new Func<Task>[]
            {
                () => storage.Tree.DetailsAsync(device.Caller, id, None),
                () => storage.Tree.BreadcrumbAsync(device.Caller, id, None),
                () => storage.Tree.ChildrenAsync(
                    device.Caller, id, new(NodeSort.Name, IsDescending: false, FoldersFirst: false), null, 10, None),
                () => storage.Tree.CreateFolderAsync(device.Caller, id, "new", WriteConditions.None, None),
                () => storage.Tree.TrashAsync(device.Caller, [id], WriteConditions.None, None),
                () => storage.Tree.MoveAsync(
                    device.Caller, [own.Id], id, NameConflict.Fail, WriteConditions.None, None),
                () => storage.Tree.CopyAsync(
                    device.Caller, [id], own.Id, NameConflict.Fail, WriteConditions.None, None),
            })
                await RefusedAsync(StorageFault.NotFound, work);
        }
        await RefusedAsync(StorageFault.RootIsFixed,
            () => storage.Tree.TrashAsync(device.Caller, [top.Id], WriteConditions.None, None));
    }

    [Fact]
    public async Task The_trash_is_not_for_it_and_versions_are_those_of_its_files()
    {
        var (owner, device) = await NewAsync();
        await owner.SetPlanAsync("version_days = 30");
        await owner.PutAsync("outside", "changed");
        await device.PutAsync("inside", "changed");
        var (inside, outside) = (await owner.GetAsync("a/b/inside"), await owner.GetAsync("outside"));
        Assert.Single(await storage.Tree.VersionsAsync(device.Caller, inside.Id, None));
        await RefusedAsync(
            StorageFault.NotFound, () => storage.Tree.VersionsAsync(device.Caller, outside.Id, None));
        await device.TrashAsync("inside");
        foreach (var work in new Func<Task>[]
        {
            () => storage.Tree.ListTrashAsync(device.Caller, null, 10, None),
            () => storage.Tree.MarkTrashAsync(device.Caller, [inside.Id], None),
            () => storage.Tree.MarkAllTrashAsync(device.Caller, None),
            () => storage.Tree.RestoreAsync(
                device.Caller, [inside.Id], new(ParentId: null, MayRename: true), WriteConditions.None, None),
        })
            await RefusedAsync(StorageFault.NotAllowed, work);
        Assert.Equal(inside.Id, Assert.Single(await storage.Tree.ListTrashAsync(owner.Caller, null, 10, None)).Id);
    }

    [Fact]
    public async Task A_search_finds_what_is_in_its_folder_and_says_where_it_is_from_there()
    {
        var (owner, device) = await NewAsync();
        await owner.MakeFolderAsync("a/b/below");
        await owner.PutAsync("a/b/below/inside too", "x");
        await owner.PutAsync("inside of nothing", "x");
        async Task<string[]> FindAsync(TestUser user, string? text, long? folderId = null)
        {
            var query = new NodeQuery { Text = text, FolderId = folderId };
            var page = await storage.Tree.SearchAsync(user.Caller, query, SearchOrder.Modified, null, 100, None);
            return [.. page.Hits.Select(hit => hit.Path.ToString()).Order(StringComparer.Ordinal)];
        }
        Assert.Equal(["/below/inside too", "/inside"], await FindAsync(device, "inside"));
        Assert.Equal(["/below", "/below/inside too", "/inside"], await FindAsync(device, null));
        Assert.Empty(await FindAsync(device, "nothing"));
        Assert.Empty(await FindAsync(device, "inside", (await owner.GetAsync("")).Id));
        Assert.Equal(
            ["/below/inside too"], await FindAsync(device, "inside", (await owner.GetAsync("a/b/below")).Id));
        // Names that are like it, too.
        Assert.Equal(
            ["/a/b/below/inside too", "/a/b/inside", "/inside of nothing", "/outside"],
            await FindAsync(owner, "inside"));
    }

    [Fact]
    public async Task It_follows_its_folder_ends_while_that_is_in_the_trash_and_holds_again_when_it_is_back()
    {
        var (owner, device) = await NewAsync();
        var token = await device.TokenAsync("inside");
        await owner.MoveAsync("a/b", "elsewhere", conditions: With(token));
        token = await device.TokenAsync("inside");
        Assert.Equal("inside", await device.ReadAsync("inside"));
        await owner.MoveAsync("elsewhere", "a/again", conditions: With(token));
        foreach (var path in new[] { "a/again", "a" })
        {
            var trashed = await owner.GetAsync(path);
            await owner.TrashAsync(path);
            var reads = new Func<Task>[]
            {
                () => device.FindAsync(""), () => device.FindAsync("inside"), () => device.LocksOnAsync("inside"),
                () => storage.Usage.QuotaAsync(device.Caller, None),
                () => storage.Tree.ListAsync(device.Caller, trashed.Id, null, 10, ListedDetails.None, None),
                () => storage.UploadsOn(storage.Store).OpenAsync(device.Caller, None),
            };
            foreach (var work in reads.Concat(Writes(device, token, storage)))
                await RefusedAsync(StorageFault.CredentialRevoked, work);
            await RestoreAsync(trashed);
            Assert.Equal("inside", await device.ReadAsync("inside"));
        }
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task It_ends_for_good_with_its_folder()
    {
        var (owner, device) = await NewAsync();
        await owner.SetPlanAsync("trash_days = 0");
        await owner.TrashAsync("a");
        await new Kosha.Storage.Upkeep.TrashPurge(storage.Database, storage.Tree).RunAsync(None);
        Assert.Equal(0, await storage.SqlAsync<long>(
            $"select count(*) from app_passwords where id = {device.Caller.AppPasswordId}"));
        await RefusedAsync(StorageFault.CredentialRevoked, () => device.FindAsync(""));
    }

    [Fact]
    public async Task A_deep_lock_above_holds_and_its_token_is_not_for_it()
    {
        var (owner, device) = await NewAsync();
        var above = await owner.TokenAsync("a", deep: true);
        Assert.Empty(await device.LocksOnAsync("inside"));
        foreach (var conditions in new[] { WriteConditions.None, With(above), With(Guid.Empty) })
        {
            var refused = await RefusedAsync(
                StorageFault.Locked, () => device.PutAsync("inside", "x", conditions));
            Assert.Equal(NodePath.Root, refused.LockedPath);
        }
        await RefusedAsync(StorageFault.Locked, () => device.LockAsync(""));
        await owner.PutAsync("a/b/inside", "new", With(above));
        const string Expiry = "select max(expires_at) from locks";
        await storage.ExecuteAsync("update locks set expires_at = now() + interval '10 minutes'");
        var before = await storage.SqlAsync<DateTime>(Expiry);
        await storage.Locks.KeepAsync(device.Caller, [above], None);
        Assert.Equal(before, await storage.SqlAsync<DateTime>(Expiry));
        await storage.Locks.KeepAsync(owner.Caller, [above], None);
        Assert.NotEqual(before, await storage.SqlAsync<DateTime>(Expiry));
    }

    [Fact]
    public async Task A_flat_lock_above_and_one_beside_concern_it_not_and_its_own_lives_on()
    {
        var (owner, device) = await NewAsync();
        await owner.LockAsync("a");
        await owner.LockAsync("outside");
        var own = await device.TokenAsync("", deep: true);
        await RefusedAsync(StorageFault.Locked, () => owner.PutAsync("a/b/inside", "x"));
        await storage.ExecuteAsync(
            $"update locks set expires_at = now() + interval '1 minute' where token = '{own}'");
        await device.PutAsync("inside", "new", With(own));
        Assert.True(await storage.SqlAsync<bool>(
            $"select expires_at > now() + interval '50 minutes' from locks where token = '{own}'"));
    }

    [Fact]
    public async Task Its_tree_is_no_deeper_than_its_users_may_be()
    {
        var owner = await storage.NewUserAsync();
        var path = string.Join('/', Enumerable.Repeat("d", NodePath.MaxDepth - 2));
        for (var depth = 1; depth <= NodePath.MaxDepth - 2; depth++)
            await owner.MakeFolderAsync(path[..((2 * depth) - 1)]);
        var device = await storage.LimitAsync(owner, path);
        await device.MakeFolderAsync("x");
        await device.PutAsync("x/y", "y");
        await RefusedAsync(StorageFault.InvalidName, () => device.PutAsync("x/y/z", "z"));
        await device.MakeFolderAsync("v");
        await RefusedAsync(StorageFault.InvalidName, () => device.MoveAsync("x", "v/x"));
        await RefusedAsync(StorageFault.InvalidName, () => device.CopyAsync("x", "v/x"));
        Assert.Equal("y", await owner.ReadAsync(path + "/x/y"));
    }

    [Fact]
    public async Task The_owner_sees_and_cancels_its_uploads_and_no_other_folder_does()
    {
        var (owner, device) = await NewAsync();
        var other = await storage.LimitAsync(owner, "a");
        using var uploads = storage.UploadsOn(storage.Store);
        var wish = new NewUpload(At("up"), 7, new(System.Security.Cryptography.SHA256.HashData("content"u8)));
        var begun = (await uploads.BeginAsync(device.Caller, wish, None)).Upload;
        Assert.Equal(begun.Id, (await uploads.SeeAsync(owner.Caller, begun.Id, None)).Id);
        Assert.Empty(await uploads.OpenAsync(other.Caller, None));
        await RefusedAsync(StorageFault.NotFound, () => uploads.SeeAsync(other.Caller, begun.Id, None));
        await RefusedAsync(StorageFault.NotFound, () => uploads.CancelAsync(other.Caller, begun.Id, None));
        await uploads.CancelAsync(owner.Caller, begun.Id, None);
        Assert.Equal(UploadState.Cancelled, (await uploads.SeeAsync(device.Caller, begun.Id, None)).State);
        Assert.Empty(await uploads.OpenAsync(owner.Caller, None));
    }

    [Fact]
    public async Task Its_uploads_are_its_own_and_end_in_its_folder_wherever_that_went()
    {
        var (owner, device) = await NewAsync();
        using var uploads = storage.UploadsOn(storage.Store);
        // What the owner has elsewhere is no shortcut.
        var wish = new NewUpload(At("up"), 7, new(System.Security.Cryptography.SHA256.HashData("outside"u8)));
        var begun = (await uploads.BeginAsync(device.Caller, wish, None)).Upload;
        Assert.Equal(UploadState.Open, begun.State);
        await uploads.ReceiveAsync(begun.Id, 0, Body("outside"), 7, None);
        Assert.Equal(begun.Id, Assert.Single(await uploads.OpenAsync(device.Caller, None)).Id);
        Assert.Equal(device.Caller.RootId, Assert.Single(await uploads.OpenAsync(owner.Caller, None)).FolderId);
        await RefusedAsync(StorageFault.NotFound, () => uploads.GetAsync(owner.Caller, begun.Id, None));
        Assert.Null(await uploads.TakeAsync(owner.Caller, begun.Id, None));
        await owner.MoveAsync("a/b", "moved");
        var taken = (await uploads.TakeAsync(device.Caller, begun.Id, None))!;
        await uploads.FinishAsync(device.Caller, taken, [], TimeProvider.System, None);
        Assert.Equal("outside", await owner.ReadAsync("moved/up"));
        Assert.Null(await owner.FindAsync("up"));
        var known = (await uploads.BeginAsync(owner.Caller, wish with { Path = At("known") }, None)).Upload;
        Assert.Equal(UploadState.Completed, known.State);
        await storage.AssertCleanAsync();
    }

    [Theory]
    [InlineData("")]
    [InlineData("a/b")]
    public async Task One_that_reads_changes_nothing(string folder)
    {
        var (owner, _) = await NewAsync();
        var device = await storage.LimitAsync(owner, folder, isReadOnly: true);
        await owner.PutAsync("inside", "inside");
        var token = await owner.TokenAsync(folder + "/inside");
        Assert.Equal("inside", await device.ReadAsync("inside"));
        Assert.Contains("inside", await device.NamesAsync());
        Assert.NotEqual(0, (await storage.Usage.QuotaAsync(device.Caller, None)).UsedBytes);
        using var uploads = storage.UploadsOn(storage.Store);
        var wish = new NewUpload(At("up"), 1, new(new byte[32]));
        var changes = new Func<Task>[]
        {
            () => uploads.BeginAsync(device.Caller, wish, None), () => uploads.SignAsync(device.Caller, 1, null, None),
            () => uploads.TakeAsync(device.Caller, 1, None), () => uploads.CancelAsync(device.Caller, 1, None),
        };
        foreach (var work in changes.Concat(Writes(device, token, storage)))
            await RefusedAsync(StorageFault.NotAllowed, work);
        // Nobody reads the body of what is refused.
        var body = new Infrastructure.PatternStream(1000, 1)
        {
            BeforeRead = _ => throw new InvalidOperationException("It was read."),
        };
        await RefusedAsync(StorageFault.NotAllowed, () => device.PutAsync("new", body, new FileWrite()));
        Assert.Empty(await uploads.OpenAsync(device.Caller, None));
    }

    [Fact]
    public async Task Only_a_live_folder_of_ones_own_can_be_its_folder()
    {
        var (owner, _) = await NewAsync();
        var (stranger, table) = (await storage.NewUserAsync(), new AppPasswordTable(storage.Database));
        await owner.MakeFolderAsync("gone");
        var gone = (await owner.GetAsync("gone")).Id;
        await owner.TrashAsync("gone");
        long[] refused = [gone, (await owner.GetAsync("outside")).Id, (await stranger.GetAsync("")).Id, -1];
        foreach (var id in refused)
            await RefusedAsync(StorageFault.InvalidValue, () => table.AddAsync(
                owner.Caller, new("x", new byte[32]) { FolderId = id }, None));
        await RefusedAsync(StorageFault.InvalidValue, () => table.AddAsync(
            owner.Caller, new("x", new byte[32]) { Folder = At("outside") }, None));
        Assert.Single(await table.ListAsync(owner.Caller, None));
    }

    [Fact]
    public async Task A_user_has_a_limited_number_of_app_passwords()
    {
        var (user, table) = (await storage.NewUserAsync(), new AppPasswordTable(storage.Database));
        await storage.ExecuteAsync($"""
            insert into app_passwords (user_id, label, secret_hash)
            select {user.Caller.UserId}, 'n' || n, sha256(('{user.Caller.CredentialStamp}' || n)::bytea)
            from generate_series(1, {AppPasswordTable.MaxPerUser - 1}) n
            """);
        await storage.LimitAsync(user, "");
        await RefusedAsync(StorageFault.LimitReached, () => storage.LimitAsync(user, ""));
        var rows = await table.ListAsync(user.Caller, None);
        Assert.Equal(AppPasswordTable.MaxPerUser, rows.Count);
        await table.RevokeAsync(user.Caller, rows[0].Id, None);
        await storage.LimitAsync(user, "");
    }
}
