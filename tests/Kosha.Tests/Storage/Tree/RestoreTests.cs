using Kosha.Storage;
using Kosha.Storage.Tree;
using Kosha.Tests.Infrastructure;
using Xunit;
using static Kosha.Tests.Storage.TestUser;

namespace Kosha.Tests.Storage.Tree;

/// <summary>What is in the trash, as its user sees it, and the way back.</summary>
public sealed class RestoreTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private static readonly CancellationToken None = CancellationToken.None;

    private Task<IReadOnlyList<TrashedNode>> ListAsync(TrashPosition? after = null, int limit = 100) =>
        Storage.Tree.ListTrashAsync(User.Caller, after, limit, None);

    private async Task<string[]> TrashedAsync() => [.. (await ListAsync()).Select(node => node.Name)];

    /// <summary>Their ids.</summary>
    private async Task<long[]> TrashAsync(params string[] paths)
    {
        var ids = new List<long>();
        foreach (var path in paths)
        {
            ids.Add((await User.GetAsync(path)).Id);
            await User.TrashAsync(path);
        }
        return [.. ids];
    }

    private async Task<string[]> RestoreAsync(
        long[] ids, string? to = null, bool mayRename = true, WriteConditions? conditions = null)
    {
        var wish = new RestoreWish(to is null ? null : (await User.GetAsync(to)).Id, mayRename);
        var restored = await Storage.Tree.RestoreAsync(
            User.Caller, ids, wish, conditions ?? WriteConditions.None, None);
        return [.. restored.Select(node => node.Name).Order(StringComparer.Ordinal)];
    }

    public override async ValueTask DisposeAsync()
    {
        await Storage.AssertCleanAsync();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task The_trash_lists_tops_with_their_place_and_their_end_the_last_first()
    {
        await User.SetPlanAsync("trash_days = 30");
        await User.MakeFoldersAsync("a", "a/b", "c");
        await User.PutAsync("a/b/file", "12345");
        await User.PutAsync("a/b/other", "1");
        await User.PutAsync("top", "123");
        await TrashAsync("a/b/file", "top", "c");
        await TrashAsync("a/b");
        var list = await ListAsync();
        Assert.Equal(["b", "c", "top", "file"], list.Select(node => node.Name));
        // The place of the file is in the trash itself.
        Assert.Equal(["a", "", "", null], list.Select(node => node.OriginalFolder));
        Assert.Equal([0, 0, 3, 5], list.Select(node => node.Size));
        Assert.All(list, node => Assert.Equal(node.TrashedAt.AddDays(30), node.KeptUntil));
        var first = await ListAsync(limit: 3);
        var last = await ListAsync(new(first[2].TrashedAt, first[2].Id), limit: 3);
        Assert.Equal(["file"], last.Select(node => node.Name));
        await User.SetPlanAsync("trash_days = null");
        Assert.Null((await ListAsync())[0].KeptUntil);
    }

    [Fact]
    public async Task A_page_of_what_went_at_one_moment_leaves_nothing_out()
    {
        for (var i = 0; i < 7; i++)
            await User.PutAsync($"file{i}", "x");
        await TrashAsync([.. Enumerable.Range(0, 7).Select(i => $"file{i}")]);
        await Storage.ExecuteAsync("update file_nodes set trashed_at = now() where trashed_at is not null");
        var found = new List<string>();
        TrashPosition? after = null;
        while (await ListAsync(after, 2) is { Count: > 0 } page)
        {
            found.AddRange(page.Select(node => node.Name));
            after = new(page[^1].TrashedAt, page[^1].Id);
        }
        Assert.Equal(7, found.Distinct().Count());
        Assert.Equal(7, found.Count);
    }

    [Fact]
    public async Task A_large_trash_is_measured_in_part()
    {
        await User.MakeFoldersAsync("a", "a/b");
        await User.PutAsync("a/b/one", "1");
        await User.PutAsync("a/b/two", "22");
        await User.PutAsync("kept", "333");
        var tree = Storage.Tree;
        Assert.Equal(new TrashSize(0, 0, IsMore: false), await tree.TrashSizeAsync(User.Caller, 1, None));
        var ids = await TrashAsync("a");
        Assert.Equal(new TrashSize(2, 3, IsMore: false), await tree.TrashSizeAsync(User.Caller, 4, None));
        var part = await tree.TrashSizeAsync(User.Caller, 2, None);
        Assert.Equal((1, true), (part.Files, part.IsMore));
        await tree.MarkTrashAsync(User.Caller, ids, None);
        Assert.Equal(new TrashSize(0, 0, IsMore: false), await tree.TrashSizeAsync(User.Caller, 4, None));
        await User.ChangeStampAsync();
        await RefusedAsync(StorageFault.CredentialRevoked, () => tree.TrashSizeAsync(User.Caller, 4, None));
    }

    [Fact]
    public async Task Things_go_back_to_where_they_stood_wherever_that_is_now()
    {
        await User.MakeFoldersAsync("a", "a/b", "a/b/in");
        await User.PutAsync("a/b/in/file", "content");
        await User.PutAsync("a/b/in/file", "");
        var ids = await TrashAsync("a/b/in");
        await User.MoveAsync("a", "moved");
        Assert.Equal(["in"], await RestoreAsync(ids));
        Assert.Equal("", await User.ReadAsync("moved/b/in/file"));
        Assert.Empty(await TrashedAsync());
        await RefusedAsync(StorageFault.NotFound, () => RestoreAsync(ids));
    }

    [Fact]
    public async Task What_has_no_place_any_more_goes_to_the_top()
    {
        await User.MakeFoldersAsync("a", "a/b");
        await User.PutAsync("a/file", "1");
        await User.PutAsync("a/b/deep", "2");
        var ids = await TrashAsync("a/file", "a/b/deep");
        var gone = await TrashAsync("a");
        Assert.Equal(["deep", "file"], await RestoreAsync(ids));
        Assert.Equal(["deep", "file"], await User.NamesAsync());
        await Storage.Tree.MarkTrashAsync(User.Caller, gone, None);
        await RefusedAsync(StorageFault.NotFound, () => RestoreAsync(gone));
    }

    [Fact]
    public async Task A_folder_that_is_wished_for_must_be_there_and_must_hold_what_comes()
    {
        await User.MakeFoldersAsync("a", "a/b", "target");
        await User.PutAsync("file", "1");
        var ids = await TrashAsync("file");
        Assert.Equal(["file"], await RestoreAsync(ids, "target"));
        Assert.Equal("1", await User.ReadAsync("target/file"));
        var below = (await User.GetAsync("a/b")).Id;
        var file = (await User.GetAsync("target/file")).Id;
        var trashed = await TrashAsync("a");
        foreach (var parent in (long[])[below, file, trashed[0], long.MaxValue])
            await RefusedAsync(StorageFault.ParentMissing, () => Storage.Tree.RestoreAsync(
                User.Caller, trashed, new(parent, MayRename: true), WriteConditions.None, None));
    }

    [Fact]
    public async Task Names_that_are_taken_get_a_mark_before_the_extension()
    {
        var ids = new List<long>();
        for (var i = 0; i < 4; i++)
        {
            await User.PutAsync("note.txt", $"{i}");
            ids.AddRange(await TrashAsync("note.txt"));
        }
        await User.PutAsync("note.txt", "new");
        await User.PutAsync("note (restored 2).txt", "taken");
        await RefusedAsync(StorageFault.AlreadyExists, () => RestoreAsync([.. ids], mayRename: false));
        Assert.Equal(4, (await TrashedAsync()).Length);
        Assert.Equal(
            ["note (restored 3).txt", "note (restored 4).txt", "note (restored 5).txt", "note (restored).txt"],
            await RestoreAsync([.. ids]));
        Assert.Equal("new", await User.ReadAsync("note.txt"));

        await User.MakeFoldersAsync("v1.0");
        var folder = await TrashAsync("v1.0");
        await User.MakeFoldersAsync("v1.0");
        Assert.Equal(["v1.0 (restored)"], await RestoreAsync(folder));
        var name = new string('ж', 125) + ".jpeg";
        await User.PutAsync(name, "1");
        var large = await TrashAsync(name);
        await User.PutAsync(name, "2");
        var restored = Assert.Single(await RestoreAsync(large));
        Assert.EndsWith("ж (restored).jpeg", restored, StringComparison.Ordinal);
        Assert.InRange(System.Text.Encoding.UTF8.GetByteCount(restored), 240, 255);
    }

    [Fact]
    public async Task A_batch_is_restored_as_a_whole_or_not_at_all()
    {
        await User.PutAsync("a", "1");
        await User.PutAsync("b", "2");
        var ids = await TrashAsync("a", "b");
        var other = await Storage.NewUserAsync();
        await RefusedAsync(StorageFault.NotFound, () => Storage.Tree.RestoreAsync(
            other.Caller, ids, new(null, true), WriteConditions.None, None));
        await RefusedAsync(StorageFault.NotFound, () => RestoreAsync([.. ids, long.MaxValue]));
        await RefusedAsync(StorageFault.InvalidValue, () => RestoreAsync([]));
        await RefusedAsync(StorageFault.InvalidValue, () => RestoreAsync([.. Enumerable.Range(0, 501)]));
        Assert.Equal(["b", "a"], await TrashedAsync());
        Assert.Equal(["a", "b"], await RestoreAsync([.. ids, .. ids]));
        Assert.Empty(await Storage.Tree.ListTrashAsync(other.Caller, null, 10, None));
        await other.ChangeStampAsync();
        await RefusedAsync(StorageFault.CredentialRevoked, () =>
            Storage.Tree.ListTrashAsync(other.Caller, null, 10, None));
    }

    [Fact]
    public async Task An_app_password_for_a_folder_does_not_reach_the_trash_and_one_that_reads_changes_nothing()
    {
        await User.MakeFoldersAsync("a");
        await User.PutAsync("a/file", "1");
        var ids = await TrashAsync("a/file");
        var tree = Storage.Tree;
        var limited = (await Storage.LimitAsync(User, "a")).Caller;
        await RefusedAsync(StorageFault.NotAllowed, () => tree.ListTrashAsync(limited, null, 10, None));
        await RefusedAsync(StorageFault.NotAllowed, () => tree.TrashSizeAsync(limited, 10, None));
        var reader = (await Storage.LimitAsync(User, "", isReadOnly: true)).Caller;
        Assert.Single(await tree.ListTrashAsync(reader, null, 10, None));
        foreach (var caller in (Kosha.Storage.Accounts.Caller[])[limited, reader])
        {
            await RefusedAsync(StorageFault.NotAllowed, () => tree.RestoreAsync(
                caller, ids, new(null, true), WriteConditions.None, None));
            await RefusedAsync(StorageFault.NotAllowed, () => tree.MarkTrashAsync(caller, ids, None));
            await RefusedAsync(StorageFault.NotAllowed, () => tree.MarkAllTrashAsync(caller, None));
        }
        Assert.Equal(["file"], await RestoreAsync(ids));
    }

    [Fact]
    public async Task A_lock_on_the_folder_is_judged_and_the_quota_is_not()
    {
        await User.MakeFoldersAsync("a", "a/b");
        await User.PutAsync("a/b/file", "content");
        var ids = await TrashAsync("a/b/file");
        var token = (await User.LockAsync("a", deep: true)).Lock.Token;
        await RefusedAsync(StorageFault.Locked, () => RestoreAsync(ids));
        await User.SetPlanAsync("max_bytes = 1, max_nodes = 1");
        Assert.Equal(["file"], await RestoreAsync(ids, conditions: With(token)));
        Assert.Equal((7, 3), await User.UsageAsync());
    }

    [Fact]
    public async Task Nothing_comes_to_stand_too_deep()
    {
        var path = "";
        for (var i = 0; i < NodePath.MaxDepth - 1; i++)
            await User.MakeFolderAsync(path += (path.Length > 0 ? "/" : "") + "d");
        await User.MakeFoldersAsync("a", "a/b");
        var ids = await TrashAsync("a");
        await RefusedAsync(StorageFault.InvalidName, () => RestoreAsync(ids, path));
        Assert.Equal(["a"], await RestoreAsync(ids, path[..^2]));
    }

    [Fact]
    public async Task Restores_and_writes_at_once_leave_a_tree()
    {
        await User.MakeFolderAsync("a");
        for (var i = 0; i < 10; i++)
            await User.PutAsync($"a/file{i}", "x");
        var ids = await TrashAsync([.. Enumerable.Range(0, 10).Select(i => $"a/file{i}")]);
        await Task.WhenAll([
            .. ids.Select(id => (Task)RestoreAsync([id])),
            .. Enumerable.Range(0, 10).Select(i => (Task)User.PutAsync($"file{i}", "y")),
            User.MoveAsync("a", "b"),
        ]);
        Assert.Equal(10, (await User.NamesAsync("b")).Length);
        Assert.Equal((20, 21), await User.UsageAsync());
    }
}
