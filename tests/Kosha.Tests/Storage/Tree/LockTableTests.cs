using Kosha.Storage;
using Kosha.Storage.Tree;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Tree;

public sealed class LockTableTests(SharedPostgres postgres) : StorageTest(postgres)
{
    protected override async Task PrepareAsync()
    {
        await User.MakeFolderAsync("a");
        await User.MakeFolderAsync("a/b");
        await User.PutAsync("a/b/f", "old");
    }

    private async Task<NodeLock> LockAsync(string path, bool isExclusive = true, bool isDeep = true) =>
        (await Storage.Locks.LockAsync(User.Caller, TestUser.At(path), new(isExclusive, isDeep, null, 3600),
            WriteConditions.None, CancellationToken.None)).Lock;

    private static Task<StorageFault> FaultAsync(Func<Task> work) => TestUser.FaultAsync(work);

    [Fact]
    public async Task A_deep_lock_holds_for_everything_below()
    {
        var held = await LockAsync("a");
        Assert.Equal(StorageFault.Locked, await FaultAsync(() => User.PutAsync("a/b/f", "new")));
        Assert.Equal(StorageFault.Locked, await FaultAsync(() => User.PutAsync("a/b/g", "new")));
        Assert.Equal(StorageFault.Locked, await FaultAsync(() => User.MakeFolderAsync("a/b/c")));
        Assert.Equal(StorageFault.Locked, await FaultAsync(() => User.MoveAsync("a/b/f", "f")));
        Assert.Equal(StorageFault.Locked, await FaultAsync(() => User.TrashAsync("a")));
        Assert.Equal(StorageFault.Locked, await FaultAsync(() => LockAsync("a/b/f")));
        var write = TestUser.With(held.Token);
        await User.PutAsync("a/b/f", "new", write);
        Assert.Equal("new", await User.ReadAsync("a/b/f"));
        // Reads and copies out of it need no token.
        await User.CopyAsync("a", "copy");
        await User.PutAsync("copy/b/f", "free");
    }

    [Fact]
    public async Task A_shallow_lock_of_a_folder_guards_its_members_names()
    {
        await LockAsync("a/b", isDeep: false);
        Assert.Equal(StorageFault.Locked, await FaultAsync(() => User.PutAsync("a/b/g", "new")));
        Assert.Equal(StorageFault.Locked, await FaultAsync(() => User.TrashAsync("a/b/f")));
        await User.PutAsync("a/b/f", "content is free");
    }

    [Fact]
    public async Task Shared_locks_stand_side_by_side_and_against_exclusive_ones()
    {
        await LockAsync("a/b/f", isExclusive: false);
        var second = await LockAsync("a/b/f", isExclusive: false);
        Assert.Equal(StorageFault.Locked, await FaultAsync(() => LockAsync("a/b/f")));
        Assert.Equal(StorageFault.Locked, await FaultAsync(() => LockAsync("a")));
        await User.PutAsync("a/b/f", "x", new() { LockTokens = [second.Token] });
    }

    [Fact]
    public async Task A_lock_on_a_free_name_makes_an_empty_file()
    {
        var result = await Storage.Locks.LockAsync(User.Caller, TestUser.At("a/new"), new(true, false, null, 60),
            WriteConditions.None, CancellationToken.None);
        Assert.True(result.Created);
        Assert.Equal("", await User.ReadAsync("a/new"));
        Assert.Equal(StorageFault.ParentMissing, await FaultAsync(() => LockAsync("missing/new")));
    }

    [Fact]
    public async Task An_expired_lock_is_no_lock()
    {
        await LockAsync("a");
        await Storage.ExecuteAsync("update locks set expires_at = now() - interval '1 second'");
        await User.PutAsync("a/b/f", "new");
        await LockAsync("a");
    }

    [Fact]
    public async Task Locks_end_with_unlock_move_and_trash()
    {
        var held = await LockAsync("a/b/f");
        Assert.Equal(StorageFault.LockTokenUnknown, await FaultAsync(() => UnlockAsync("a/b/f", Guid.NewGuid())));
        await UnlockAsync("a/b/f", held.Token);
        await User.PutAsync("a/b/f", "free");

        held = await LockAsync("a/b");
        var conditions = new WriteConditions { LockTokens = [held.Token] };
        await Storage.Tree.MoveAsync(User.Caller, TestUser.At("a/b"), TestUser.At("moved"), true, null, conditions,
            CancellationToken.None);
        await User.PutAsync("moved/f", "free again");
        Assert.Equal(0, await Storage.SqlAsync<long>("select count(*) from locks"));
    }

    private Task UnlockAsync(string path, Guid token) =>
        Storage.Locks.UnlockAsync(User.Caller, TestUser.At(path), token, CancellationToken.None);

    [Fact]
    public async Task Refreshing_needs_the_token_and_gives_new_life()
    {
        var held = await LockAsync("a");
        var path = TestUser.At("a/b/f");
        var refreshed = await Storage.Locks.RefreshAsync(
            User.Caller, path, 7200, new() { LockTokens = [held.Token] }, CancellationToken.None);
        Assert.Equal((held.Token, 7200), (refreshed.Token, refreshed.TimeoutSeconds));
        Assert.True(refreshed.ExpiresAt > held.ExpiresAt);
        Assert.Equal(StorageFault.ConditionFailed, await FaultAsync(
            () => Storage.Locks.RefreshAsync(User.Caller, path, 60, WriteConditions.None, CancellationToken.None)));
    }
}
