using Kosha.Storage;
using Kosha.Storage.Tree;
using Kosha.Storage.Uploads;
using Kosha.Tests.Infrastructure;
using Xunit;
using static Kosha.Tests.Storage.TestUser;

namespace Kosha.Tests.Storage.Tree;

/// <summary>Whoever writes over a file leaves its old content as a version, which counts.</summary>
public sealed class VersionTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private static readonly CancellationToken None = CancellationToken.None;

    protected override Task PrepareAsync() => User.SetPlanAsync("version_days = 30");

    private async Task<FileNode> RestoreAsync(string path, string content, WriteConditions? conditions = null)
    {
        var contents = await User.OldContentsAsync(path);
        var version = (await User.VersionsAsync(path))[Array.IndexOf(contents, content)];
        return await Storage.Tree.RestoreVersionAsync(
            User.Caller, version.NodeId, version.Id, conditions ?? WriteConditions.None, None);
    }

    public override async ValueTask DisposeAsync()
    {
        await Storage.AssertCleanAsync();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task The_old_content_is_kept_with_what_was_known_of_it_and_counts()
    {
        var written = new DateTime(2020, 5, 6, 7, 8, 9, DateTimeKind.Utc);
        var first = await User.PutAsync(
            "file", Body("first"), new() { ContentType = "text/x-one", ModifiedAt = written });
        await User.PutAsync("file", "the second");
        var version = Assert.Single(await User.VersionsAsync("file"));
        Assert.Equal((first.Node.Id, first.Node.Etag, 5L, "text/x-one", written),
            (version.NodeId, version.Etag, version.Size, version.ContentType, version.ModifiedAt));
        Assert.Equal(["first"], await User.OldContentsAsync("file"));
        Assert.Equal((15, 1), await User.UsageAsync());
        await User.PutAsync("file", "third");
        Assert.Equal(["the second", "first"], await User.OldContentsAsync("file"));
        Assert.Equal((20, 1), await User.UsageAsync());
    }

    [Fact]
    public async Task The_same_and_the_empty_content_leave_no_version()
    {
        await User.PutAsync("file", "");
        await User.PutAsync("file", "content");
        await User.PutAsync("file", "content");
        Assert.Empty(await User.VersionsAsync("file"));
        await User.PutAsync("file", "");
        Assert.Equal(["content"], await User.OldContentsAsync("file"));
        Assert.Equal((7, 1), await User.UsageAsync());
        Assert.Empty(await User.VersionsAsync(""));
    }

    [Fact]
    public async Task Within_one_lock_only_what_was_there_before_it_is_kept()
    {
        await User.PutAsync("file", "before");
        for (var session = 0; session < 2; session++)
        {
            var token = (await User.LockAsync("file")).Lock.Token;
            for (var save = 0; save < 3; save++)
                await User.PutAsync("file", $"save {session}.{save}", With(token));
            await Storage.Locks.UnlockAsync(User.Caller, At("file"), token, None);
        }
        Assert.Equal(["save 0.2", "before"], await User.OldContentsAsync("file"));
        await User.PutAsync("file", "without");
        Assert.Equal(["save 1.2", "save 0.2", "before"], await User.OldContentsAsync("file"));
    }

    [Fact]
    public async Task What_is_restored_within_a_lock_was_there_before_the_next_write()
    {
        await User.PutAsync("file", "first");
        await User.PutAsync("file", "second");
        var token = await User.TokenAsync("file");
        await RestoreAsync("file", "first", With(token));
        await User.PutAsync("file", "third", With(token));
        await User.PutAsync("file", "fourth", With(token));
        Assert.Equal(["first", "second"], await User.OldContentsAsync("file"));
    }

    [Fact]
    public async Task Who_shares_a_lock_keeps_what_the_others_wrote()
    {
        await User.PutAsync("file", "before");
        var one = await User.TokenAsync("file", exclusive: false);
        var other = await User.TokenAsync("file", exclusive: false);
        await User.PutAsync("file", "by the other", With(other));
        await User.PutAsync("file", "by the one", With(one));
        await User.PutAsync("file", "by the one again", With(one));
        Assert.Equal(["by the other", "before"], await User.OldContentsAsync("file"));
        await User.PutAsync("file", "by the other, the second time", With(other));
        await User.PutAsync("file", "by the one, the second time", With(one));
        Assert.Equal(["by the other, the second time", "by the one again", "by the other", "before"],
            await User.OldContentsAsync("file"));
    }

    [Fact]
    public async Task Versions_of_a_file_that_comes_under_an_older_lock_are_not_that_locks()
    {
        await User.MakeFolderAsync("folder");
        var token = await User.TokenAsync("folder", deep: true);
        await User.PutAsync("file", "one");
        await User.PutAsync("file", "two");
        await User.MoveAsync("file", "folder/file", conditions: With(token));
        await User.PutAsync("folder/file", "three", With(token));
        await User.PutAsync("folder/file", "four", With(token));
        Assert.Equal(["two", "one"], await User.OldContentsAsync("folder/file"));
    }

    [Fact]
    public async Task A_version_has_the_time_at_which_its_writer_had_its_turn()
    {
        var file = await User.PutAsync("file", "before");
        Task<WriteResult> write = null!;
        var turn = await Storage.Database.WriteAsync(async transaction =>
        {
            await using var hold = transaction.Connection!.CreateCommand();
            hold.CommandText = $"select id from file_nodes where id = {file.Node.Id} for update";
            await hold.ExecuteScalarAsync();
            write = User.PutAsync("file", "after");
            await Eventually.TrueAsync("the writer waits", async () => await Storage.SqlAsync<long>("""
                select count(*) from pg_stat_activity
                where datname = current_database() and wait_event_type = 'Lock'
                """) == 1);
            return await Storage.SqlAsync<DateTime>("select clock_timestamp()");
        }, None);
        await write;
        Assert.True(Assert.Single(await User.VersionsAsync("file")).CreatedAt >= turn);
    }

    [Fact]
    public async Task What_a_file_brings_that_is_moved_over_a_locked_one_does_not_stand_for_what_was_there()
    {
        await User.PutAsync("file", "before");
        var token = (await User.LockAsync("file")).Lock.Token;
        await User.PutAsync("beside", "draft");
        await User.PutAsync("beside", "new");
        await User.MoveAsync("beside", "file", conditions: With(token));
        Assert.Equal(["before", "draft"], await User.OldContentsAsync("file"));
    }

    [Fact]
    public async Task Copy_and_move_onto_a_file_keep_its_content_and_a_copy_has_no_versions()
    {
        await User.PutAsync("a", "a1");
        await User.PutAsync("a", "a2");
        await User.PutAsync("b", "b1");
        await User.CopyAsync("a", "b");
        Assert.Equal(["b1"], await User.OldContentsAsync("b"));
        await User.CopyAsync("a", "new");
        Assert.Empty(await User.VersionsAsync("new"));
        await User.CopyAsync("a", "b");
        Assert.Equal(["b1"], await User.OldContentsAsync("b"));
        Assert.Equal((10, 3), await User.UsageAsync());

        // A program that saves beside and renames loses nothing, on either side.
        await User.PutAsync("b", "b3");
        await User.MoveAsync("a", "b");
        Assert.Equal(["b3", "a2", "b1", "a1"], await User.OldContentsAsync("b"));
        Assert.Equal("a2", await User.ReadAsync("b"));
        Assert.Equal((12, 2), await User.UsageAsync());
    }

    [Fact]
    public async Task Versions_go_with_their_file_wherever_it_is_moved()
    {
        await User.MakeFoldersAsync("a", "b");
        await User.PutAsync("a/file", "one");
        await User.PutAsync("a/file", "two");
        await User.MoveAsync("a", "b/c");
        await User.MoveAsync("b/c/file", "renamed");
        Assert.Equal(["one"], await User.OldContentsAsync("renamed"));
    }

    [Fact]
    public async Task Where_there_is_no_room_for_both_the_write_succeeds_and_keeps_nothing()
    {
        await User.SetPlanAsync("max_bytes = 20");
        await User.PutAsync("file", "0123456789");
        await User.PutAsync("file", "9876543210");
        Assert.Equal(["0123456789"], await User.OldContentsAsync("file"));
        await User.PutAsync("file", "abcdefghij");
        Assert.Equal(["0123456789"], await User.OldContentsAsync("file"));
        Assert.Equal((20, 1), await User.UsageAsync());
        await RefusedAsync(StorageFault.QuotaExceeded, () => User.PutAsync("file", "abcdefghijk"));
        await User.PutAsync("file", "abc");
        Assert.Equal((13, 1), await User.UsageAsync());
        // Over the plan one can still move onto a file.
        await User.PutAsync("other", "1234567");
        await User.SetPlanAsync("max_bytes = 5");
        await User.MoveAsync("other", "file");
        Assert.Equal((17, 1), await User.UsageAsync());
    }

    [Fact]
    public async Task A_plan_without_version_days_keeps_none_and_a_change_counts_at_once()
    {
        await User.PutAsync("file", "one");
        await User.SetPlanAsync("version_days = 0");
        await User.PutAsync("file", "two");
        await User.SetPlanAsync("version_days = null");
        await User.PutAsync("file", "three");
        Assert.Equal(["two"], await User.OldContentsAsync("file"));
    }

    [Fact]
    public async Task Of_more_than_a_hundred_versions_the_oldest_go()
    {
        for (var i = 0; i < 103; i++)
            await User.PutAsync("file", $"content {i:000}");
        var contents = await User.OldContentsAsync("file");
        Assert.Equal((100, "content 101", "content 002"), (contents.Length, contents[0], contents[^1]));
        Assert.Equal((101 * 11, 1), await User.UsageAsync());
        await User.PutAsync("other", "other 1");
        await User.PutAsync("other", "other 2");
        await User.MoveAsync("file", "other");
        contents = await User.OldContentsAsync("other");
        Assert.Equal((100, "other 2", "other 1"), (contents.Length, contents[0], contents[1]));
    }

    [Fact]
    public async Task Restoring_swaps_the_contents_at_no_cost()
    {
        await User.SetPlanAsync("max_bytes = 8");
        var first = await User.PutAsync("file", "first");
        await User.PutAsync("file", "2nd");
        var restored = await RestoreAsync("file", "first");
        Assert.Equal("first", await User.ReadAsync("file"));
        Assert.Equal((first.Node.Id, first.Node.ModifiedAt), (restored.Id, restored.ModifiedAt));
        Assert.NotEqual(first.Node.Etag, restored.Etag);
        Assert.Equal(["2nd"], await User.OldContentsAsync("file"));
        Assert.Equal((8, 1), await User.UsageAsync());
        // Nor over the plan.
        await User.SetPlanAsync("max_bytes = 1");
        await RestoreAsync("file", "2nd");
        Assert.Equal(["first"], await User.OldContentsAsync("file"));
        await User.PutAsync("file", "");
        await RestoreAsync("file", "first");
        Assert.Empty(await User.VersionsAsync("file"));
        Assert.Equal((5, 1), await User.UsageAsync());
    }

    [Fact]
    public async Task Locks_and_conditions_are_judged_before_a_restore()
    {
        await User.PutAsync("file", "one");
        var two = await User.PutAsync("file", "two");
        var token = (await User.LockAsync("file")).Lock.Token;
        await RefusedAsync(StorageFault.Locked, () => RestoreAsync("file", "one"));
        await RefusedAsync(StorageFault.ConditionFailed, () => RestoreAsync(
            "file", "one", With(token) with { IfMatch = new(Any: false, [Guid.NewGuid()]) }));
        await RestoreAsync("file", "one", With(token) with { IfMatch = new(Any: false, [two.Node.Etag]) });
        // What somebody restores over is never lost, within a lock either.
        await RestoreAsync("file", "two", With(token));
        Assert.Equal(["one"], await User.OldContentsAsync("file"));
    }

    [Fact]
    public async Task A_version_can_be_removed_and_is_nobody_elses()
    {
        await User.PutAsync("file", "one");
        var file = await User.PutAsync("file", "two");
        var version = Assert.Single(await User.VersionsAsync("file"));
        var other = await Storage.NewUserAsync();
        await other.PutAsync("file", "mine");
        var (mine, id) = ((await other.GetAsync("file")).Id, version.Id);
        var tree = Storage.Tree;
        foreach (var node in (long[])[mine, file.Node.Id, long.MaxValue])
        {
            Assert.Null(await FoundAsync(node));
            await RefusedAsync(StorageFault.NotFound, () => tree.DeleteVersionAsync(other.Caller, node, id, None));
            await RefusedAsync(StorageFault.NotFound, () => tree.RestoreVersionAsync(
                other.Caller, node, id, WriteConditions.None, None));
        }
        await RefusedAsync(StorageFault.NotFound, () => tree.VersionsAsync(other.Caller, file.Node.Id, None));
        await tree.DeleteVersionAsync(User.Caller, file.Node.Id, id, None);
        await RefusedAsync(StorageFault.NotFound, () => tree.DeleteVersionAsync(User.Caller, file.Node.Id, id, None));
        Assert.Equal((3, 1), await User.UsageAsync());
        await User.TrashAsync("file");
        await RefusedAsync(StorageFault.NotFound, () => tree.VersionsAsync(User.Caller, file.Node.Id, None));

        async Task<FileNode?> FoundAsync(long node)
        {
            try
            {
                return await tree.FindVersionAsync(other.Caller, node, id, None);
            }
            catch (StorageException e) when (e.Fault == StorageFault.NotFound)
            {
                return null;
            }
        }
    }

    [Fact]
    public async Task An_app_password_reaches_the_versions_of_its_folder_and_may_only_read_them()
    {
        await User.MakeFolderAsync("folder");
        foreach (var path in (string[])["file", "folder/file"])
        {
            await User.PutAsync(path, "one");
            await User.PutAsync(path, "two");
        }
        var outside = Assert.Single(await User.VersionsAsync("file"));
        var inside = Assert.Single(await User.VersionsAsync("folder/file"));
        var tree = Storage.Tree;
        var limited = (await Storage.LimitAsync(User, "folder")).Caller;
        await RefusedAsync(StorageFault.NotFound, () => tree.VersionsAsync(limited, outside.NodeId, None));
        await RefusedAsync(StorageFault.NotFound, () => tree.RestoreVersionAsync(
            limited, outside.NodeId, outside.Id, WriteConditions.None, None));
        Assert.Null(await tree.FindVersionAsync(limited, outside.NodeId, outside.Id, None));
        var reader = (await Storage.LimitAsync(User, "", isReadOnly: true)).Caller;
        Assert.Single(await tree.VersionsAsync(reader, inside.NodeId, None));
        await RefusedAsync(StorageFault.NotAllowed, () => tree.RestoreVersionAsync(
            reader, inside.NodeId, inside.Id, WriteConditions.None, None));
        await RefusedAsync(StorageFault.NotAllowed, () => tree.DeleteVersionAsync(
            reader, inside.NodeId, inside.Id, None));
        await tree.RestoreVersionAsync(limited, inside.NodeId, inside.Id, WriteConditions.None, None);
        Assert.Equal("one", await User.ReadAsync("folder/file"));
    }

    [Fact]
    public async Task An_upload_over_a_file_keeps_it_and_an_old_content_is_the_users_own()
    {
        await User.PutAsync("file", "old");
        using var uploads = Storage.UploadsOn(Storage.Store);
        var hash = new Kosha.Storage.Blobs.BlobId(Convert.FromHexString(StorageFixture.HashOf("old")));
        await User.PutAsync("file", "newer");
        var again = await uploads.BeginAsync(User.Caller, new(At("again"), 3, hash), None);
        Assert.Equal(UploadState.Completed, again.Upload.State);
        var over = await uploads.BeginAsync(User.Caller, new(At("file"), 3, hash), None);
        Assert.Equal(UploadState.Completed, over.Upload.State);
        Assert.Equal(["newer", "old"], await User.OldContentsAsync("file"));
        Assert.Equal((14, 2), await User.UsageAsync());
        var other = await Storage.NewUserAsync();
        var strange = await uploads.BeginAsync(other.Caller, new(At("file"), 3, hash), None);
        Assert.Equal(UploadState.Open, strange.Upload.State);
    }

    [Fact]
    public async Task The_purge_of_a_file_takes_its_versions_and_the_sweep_leaves_them_until_then()
    {
        await User.MakeFoldersAsync("folder", "folder/in");
        foreach (var name in (string[])["file", "folder/file", "folder/in/file"])
        {
            for (var i = 0; i < 3; i++)
                await User.PutAsync(name, $"{name} {i}");
        }
        await User.TrashAsync("file");
        await User.TrashAsync("folder");
        await Storage.SweepAsync();
        await Storage.SweepAsync();
        Assert.Equal(9, await Storage.SqlAsync<long>("select count(*) from blobs where state = 'live'"));
        await User.SetPlanAsync("trash_days = 0");
        var purged = await new Kosha.Storage.Upkeep.TrashPurge(Storage.Database, Storage.Tree).RunAsync(None);
        Assert.Equal((5, 0), (purged.Nodes, purged.Failed.Count));
        Assert.Equal((0, 0), await User.UsageAsync());
        await Storage.SweepAsync();
        Assert.Equal(9, (await Storage.SweepAsync()).Deleted);
    }

    [Fact]
    public async Task Writers_of_one_file_at_the_edge_of_the_plan_never_exceed_it()
    {
        await User.SetPlanAsync("max_bytes = 350");
        await User.PutAsync("file", new string('-', 100));
        var copied = await Task.WhenAll(Enumerable.Range(0, 32).Select(async n =>
        {
            await User.PutAsync("file", new string((char)('0' + n), 100));
            var isCopied = await FitsAsync(() => User.CopyAsync("file", $"copy{n % 4}"));
            Assert.InRange((await User.UsageAsync()).Bytes, 100, 350);
            return isCopied;
        }));
        Assert.Contains(false, copied);
        Assert.Equal(300, (await User.UsageAsync()).Bytes);
    }

    private static async Task<bool> FitsAsync(Func<Task> write)
    {
        try
        {
            await write();
            return true;
        }
        catch (StorageException e) when (e.Fault == StorageFault.QuotaExceeded)
        {
            return false;
        }
    }
}
