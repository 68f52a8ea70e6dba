using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Tree;

public sealed class LockTableTests(SharedPostgres postgres) : IAsyncLifetime
{
    private TestStore store = null!;
    private Caller caller = null!;

    public async ValueTask InitializeAsync()
    {
        store = await TestStore.NewAsync(postgres);
        caller = await store.NewCallerAsync();
        await store.FolderAsync(caller, "a");
        await store.FolderAsync(caller, "a/b");
        await store.WriteAsync(caller, "a/b/f", "old");
    }

    public ValueTask DisposeAsync() => store.DisposeAsync();

    private async Task<NodeLock> LockAsync(string path, bool isExclusive = true, bool isDeep = true) =>
        (await store.Locks.LockAsync(caller, TestStore.PathOf(path), new(isExclusive, isDeep, null, 3600),
            WriteConditions.None, CancellationToken.None)).Lock;

    private static Task<StorageFault> FaultAsync(Func<Task> work) => TestStore.FaultAsync(work);

    [Fact]
    public async Task A_deep_lock_holds_for_everything_below()
    {
        var held = await LockAsync("a");
        Assert.Equal(StorageFault.Locked, await FaultAsync(() => store.WriteAsync(caller, "a/b/f", "new")));
        Assert.Equal(StorageFault.Locked, await FaultAsync(() => store.WriteAsync(caller, "a/b/g", "new")));
        Assert.Equal(StorageFault.Locked, await FaultAsync(() => store.FolderAsync(caller, "a/b/c")));
        Assert.Equal(StorageFault.Locked, await FaultAsync(() => store.MoveAsync(caller, "a/b/f", "f")));
        Assert.Equal(StorageFault.Locked, await FaultAsync(() => store.TrashAsync(caller, "a")));
        Assert.Equal(StorageFault.Locked, await FaultAsync(() => LockAsync("a/b/f")));
        var write = new FileWrite { Conditions = new() { LockTokens = [held.Token] } };
        await store.WriteAsync(caller, "a/b/f", "new", write);
        Assert.Equal("new", await store.ReadAsync(caller, "a/b/f"));
        // Reads and copies out of it need no token.
        await store.CopyAsync(caller, "a", "copy");
        await store.WriteAsync(caller, "copy/b/f", "free");
    }

    [Fact]
    public async Task A_shallow_lock_of_a_folder_guards_its_members_names()
    {
        await LockAsync("a/b", isDeep: false);
        Assert.Equal(StorageFault.Locked, await FaultAsync(() => store.WriteAsync(caller, "a/b/g", "new")));
        Assert.Equal(StorageFault.Locked, await FaultAsync(() => store.TrashAsync(caller, "a/b/f")));
        await store.WriteAsync(caller, "a/b/f", "content is free");
    }

    [Fact]
    public async Task Shared_locks_stand_side_by_side_and_against_exclusive_ones()
    {
        await LockAsync("a/b/f", isExclusive: false);
        var second = await LockAsync("a/b/f", isExclusive: false);
        Assert.Equal(StorageFault.Locked, await FaultAsync(() => LockAsync("a/b/f")));
        Assert.Equal(StorageFault.Locked, await FaultAsync(() => LockAsync("a")));
        await store.WriteAsync(caller, "a/b/f", "x", new() { Conditions = new() { LockTokens = [second.Token] } });
    }

    [Fact]
    public async Task A_lock_on_a_free_name_makes_an_empty_file()
    {
        var result = await store.Locks.LockAsync(caller, TestStore.PathOf("a/new"), new(true, false, null, 60),
            WriteConditions.None, CancellationToken.None);
        Assert.True(result.Created);
        Assert.Equal("", await store.ReadAsync(caller, "a/new"));
        Assert.Equal(StorageFault.ParentMissing, await FaultAsync(() => LockAsync("missing/new")));
    }

    [Fact]
    public async Task An_expired_lock_is_no_lock()
    {
        await LockAsync("a");
        await store.ExecuteAsync("update locks set expires_at = now() - interval '1 second'");
        await store.WriteAsync(caller, "a/b/f", "new");
        await LockAsync("a");
    }

    [Fact]
    public async Task Locks_end_with_unlock_move_and_trash()
    {
        var held = await LockAsync("a/b/f");
        Assert.Equal(StorageFault.LockTokenUnknown, await FaultAsync(() => UnlockAsync("a/b/f", Guid.NewGuid())));
        await UnlockAsync("a/b/f", held.Token);
        await store.WriteAsync(caller, "a/b/f", "free");

        held = await LockAsync("a/b");
        var conditions = new WriteConditions { LockTokens = [held.Token] };
        await store.Tree.MoveAsync(caller, TestStore.PathOf("a/b"), TestStore.PathOf("moved"), true, null, conditions,
            CancellationToken.None);
        await store.WriteAsync(caller, "moved/f", "free again");
        Assert.Equal(0, await store.QueryAsync<long>("select count(*) from locks"));
    }

    private Task UnlockAsync(string path, Guid token) =>
        store.Locks.UnlockAsync(caller, TestStore.PathOf(path), token, CancellationToken.None);

    [Fact]
    public async Task Refreshing_needs_the_token_and_gives_new_life()
    {
        var held = await LockAsync("a");
        var path = TestStore.PathOf("a/b/f");
        var refreshed = await store.Locks.RefreshAsync(
            caller, path, 7200, new() { LockTokens = [held.Token] }, CancellationToken.None);
        Assert.Equal((held.Token, 7200), (refreshed.Token, refreshed.TimeoutSeconds));
        Assert.True(refreshed.ExpiresAt > held.ExpiresAt);
        Assert.Equal(StorageFault.ConditionFailed, await FaultAsync(
            () => store.Locks.RefreshAsync(caller, path, 60, WriteConditions.None, CancellationToken.None)));
    }
}
