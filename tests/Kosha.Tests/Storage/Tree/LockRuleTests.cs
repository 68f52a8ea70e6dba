using Kosha.Storage;
using Kosha.Storage.Tree;
using Xunit;
using static Kosha.Tests.Storage.TestUser;

namespace Kosha.Tests.Storage.Tree;

/// <summary>What RFC 4918 sections 6, 7 and 9.10 demand of locks, rule by rule.</summary>
public sealed class LockRuleTests(StorageFixture storage) : IClassFixture<StorageFixture>
{
    private static readonly CancellationToken None = CancellationToken.None;

    private async Task<TestUser> UserWithTreeAsync()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFoldersAsync("a", "a/b", "a/b/c", "other");
        await user.PutAsync("a/b/file", "old");
        return user;
    }

    private static Task<StorageException> LockedAsync(Func<Task> work) => RefusedAsync(StorageFault.Locked, work);

    [Theory]
    [InlineData("a", true, "a/b/file", true)]
    [InlineData("a/b/file", true, "a", true)]
    [InlineData("a", true, "a", false)]
    [InlineData("a", false, "a/b/file", true)]
    [InlineData("a/b/file", true, "a", false)]
    public async Task An_exclusive_lock_excludes_every_other(
        string first, bool firstExclusive, string second, bool exclusive)
    {
        var user = await UserWithTreeAsync();
        await user.LockAsync(first, firstExclusive, deep: true);
        await LockedAsync(() => user.LockAsync(second, exclusive, deep: true));
        Assert.Single(await user.LocksOnAsync("a/b/file"));
    }

    [Fact]
    public async Task Locks_that_cover_nothing_in_common_stand_side_by_side()
    {
        var user = await UserWithTreeAsync();
        await user.LockAsync("a", deep: false);
        await user.LockAsync("a/b", deep: false);
        await user.LockAsync("a/b/c", deep: true);
        await user.LockAsync("a/b/file");
        await user.LockAsync("other", exclusive: false, deep: true);
        await user.LockAsync("other", exclusive: false, deep: true);
        await LockedAsync(() => user.LockAsync("a", exclusive: false, deep: true));
    }

    [Fact]
    public async Task A_refusal_names_the_locked_resource()
    {
        var user = await UserWithTreeAsync();
        await user.LockAsync("a/b", deep: true);
        var refusal = await LockedAsync(() => user.PutAsync("a/b/file", "new"));
        Assert.Equal(At("a/b"), refusal.LockedPath);
    }

    [Fact]
    public async Task A_refusal_for_a_folder_names_the_locked_members()
    {
        var user = await UserWithTreeAsync();
        var file = await user.TokenAsync("a/b/file");
        await user.TokenAsync("a/b/c", exclusive: false);
        await user.TokenAsync("a/b/c", exclusive: false);
        foreach (var work in (Func<Task>[])
            [() => user.LockAsync("a", deep: true), () => user.TrashAsync("a"), () => user.MoveAsync("other", "a")])
        {
            var refusal = await LockedAsync(work);
            Assert.Null(refusal.LockedPath);
            Assert.Equal([At("a/b/c"), At("a/b/file")], refusal.LockedMembers);
        }
        var lesser = await LockedAsync(() => user.LockAsync("a", exclusive: false, deep: true));
        Assert.Equal([At("a/b/file")], lesser.LockedMembers);
        var rest = await LockedAsync(() => user.MoveAsync("a", "moved", conditions: With(file)));
        Assert.Equal([At("a/b/c")], rest.LockedMembers);
    }

    [Fact]
    public async Task A_refusal_names_a_hundred_members_at_most()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFoldersAsync("a", "a/b");
        for (var i = 0; i < 101; i++)
            await user.TokenAsync($"a/b/{i:D3}");
        var refusal = await LockedAsync(() => user.TrashAsync("a"));
        Assert.Equal(100, refusal.LockedMembers.Count);
        Assert.Equal([At("a/b/000"), At("a/b/001")], refusal.LockedMembers.Take(2));
    }

    [Fact]
    public async Task A_lock_of_depth_0_guards_the_list_of_members_and_the_folders_properties()
    {
        var user = await UserWithTreeAsync();
        var token = await user.TokenAsync("a/b");
        await LockedAsync(() => user.PutAsync("a/b/new", "x"));
        await LockedAsync(() => user.MakeFolderAsync("a/b/new"));
        await LockedAsync(() => user.LockAsync("a/b/new"));
        await LockedAsync(() => user.TrashAsync("a/b/file"));
        await LockedAsync(() => user.MoveAsync("a/b/file", "file"));
        await LockedAsync(() => user.MoveAsync("a/b/file", "a/b/renamed"));
        await LockedAsync(() => user.MoveAsync("other", "a/b/other"));
        await LockedAsync(() => user.CopyAsync("other", "a/b/other"));
        await LockedAsync(() => ChangeAsync(user, "a/b"));
        // Members' contents, and members of members, are free.
        await user.PutAsync("a/b/file", "new");
        await user.PutAsync("a/b/c/file", "new");
        await user.CopyAsync("a/b/file", "copy");
        await user.PutAsync("a/b/new", "x", With(token));
        await user.TrashAsync("a/b/new", With(token));
    }

    private Task ChangeAsync(TestUser user, string path, params Guid[] tokens) => storage.Tree.ChangePropertiesAsync(
        user.Caller, At(path), new([KeyValuePair.Create("{x}p", (string?)"<p/>")], null, null), With(tokens), None);

    [Fact]
    public async Task Deleting_and_moving_a_folder_needs_the_tokens_of_all_locks_below()
    {
        var user = await UserWithTreeAsync();
        var (file, folder) = (await user.TokenAsync("a/b/file"), await user.TokenAsync("a/b/c"));
        foreach (var conditions in (WriteConditions[])[With(), With(file), With(folder)])
        {
            await LockedAsync(() => user.TrashAsync("a", conditions));
            await LockedAsync(() => user.MoveAsync("a", "moved", conditions: conditions));
            await LockedAsync(() => user.MoveAsync("other", "a", conditions: conditions));
            await LockedAsync(() => user.CopyAsync("other", "a", conditions: conditions));
        }
        await user.MoveAsync("a", "moved", conditions: With(file, folder));
        Assert.Equal(0, await CountAsync(user));
        await user.PutAsync("moved/b/file", "free");
    }

    private Task<long> CountAsync(TestUser user) =>
        storage.SqlAsync<long>($"select count(*) from locks where user_id = {user.Caller.UserId}");

    [Fact]
    public async Task One_token_of_several_shared_locks_is_enough()
    {
        var user = await UserWithTreeAsync();
        var one = await user.TokenAsync("a/b/file", exclusive: false);
        var other = await user.TokenAsync("a/b/file", exclusive: false);
        var above = await user.TokenAsync("a", exclusive: false, deep: true);
        await LockedAsync(() => user.PutAsync("a/b/file", "x"));
        foreach (var token in (Guid[])[one, other, above])
            await user.PutAsync("a/b/file", "x", With(token));
        await LockedAsync(() => user.PutAsync("a/b/file", "x", With(Guid.NewGuid())));
    }

    [Fact]
    public async Task A_free_name_becomes_an_empty_locked_file()
    {
        var user = await UserWithTreeAsync();
        var made = await user.LockAsync("a/new", deep: true);
        Assert.True(made.Created);
        Assert.False(made.Lock.IsDeep);
        Assert.Equal("", await user.ReadAsync("a/new"));
        await LockedAsync(() => user.PutAsync("a/new", "x"));
        await user.PutAsync("a/new", "x", With(made.Lock.Token));
        Assert.Single(await user.LocksOnAsync("a/new"));
        await user.TrashAsync("a/new", With(made.Lock.Token));
        Assert.Equal(0, await CountAsync(user));
        await RefusedAsync(StorageFault.ParentMissing, () => user.LockAsync("x/y"));
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task A_lock_below_a_deep_lock_is_inherited_with_its_root()
    {
        var user = await UserWithTreeAsync();
        var token = await user.TokenAsync("a", deep: true);
        var inherited = Assert.Single(await user.LocksOnAsync("a/b/file"));
        Assert.Equal((token, At("a")), (inherited.Token, inherited.Root));
        await user.PutAsync("a/b/new", "x", With(token));
        Assert.Single(await user.LocksOnAsync("a/b/new"));
        // What moves in is covered, what moves out is free.
        await user.MoveAsync("other", "a/other", conditions: With(token));
        Assert.Single(await user.LocksOnAsync("a/other"));
        await user.MoveAsync("a/b/new", "new", conditions: With(token));
        Assert.Empty(await user.LocksOnAsync("new"));
    }

    [Fact]
    public async Task A_locked_target_of_a_move_keeps_its_lock_with_its_node()
    {
        var user = await UserWithTreeAsync();
        await user.PutAsync("source", "new");
        var token = await user.TokenAsync("a/b/file");
        await LockedAsync(() => user.MoveAsync("source", "a/b/file"));
        await user.MoveAsync("source", "a/b/file", conditions: With(token));
        Assert.Equal("new", await user.ReadAsync("a/b/file"));
        Assert.Single(await user.LocksOnAsync("a/b/file"));
    }

    [Fact]
    public async Task The_root_can_be_locked_whole()
    {
        var user = await UserWithTreeAsync();
        var token = await user.TokenAsync("", deep: true);
        await LockedAsync(() => user.PutAsync("a/b/file", "x"));
        await LockedAsync(() => user.MakeFolderAsync("new"));
        await user.MakeFolderAsync("new", With(token));
        await storage.Locks.UnlockAsync(user.Caller, At("a/b/file"), token, None);
        await user.PutAsync("a/b/file", "x");
    }

    // Life ------------------------------------------------------------------------------------------------------------

    [Theory]
    [InlineData(-5, 3600)]
    [InlineData(600, 3600)]
    [InlineData(7200, 7200)]
    [InlineData(int.MaxValue, 86400)]
    public async Task A_lifetime_lies_between_an_hour_and_a_day(int wished, int given)
    {
        var user = await UserWithTreeAsync();
        var held = (await user.LockAsync("a", seconds: wished)).Lock;
        Assert.Equal(given, held.TimeoutSeconds);
        var left = await storage.SqlAsync<double>(
            $"select extract(epoch from expires_at - now())::float8 from locks where token = '{held.Token}'");
        Assert.InRange(left, given - 30, given);
        held = await storage.Locks.RefreshAsync(user.Caller, At("a"), wished, With(held.Token), None);
        Assert.Equal(given, held.TimeoutSeconds);
    }

    [Fact]
    public async Task A_lock_lives_on_while_its_holder_writes()
    {
        var user = await UserWithTreeAsync();
        var token = await user.TokenAsync("a/b/file");
        var left = $"select extract(epoch from expires_at - now())::float8 from locks where token = '{token}'";
        await storage.ExecuteAsync(
            $"update locks set expires_at = now() + interval '1 minute' where token = '{token}'");
        await user.PutAsync("a/b/file", "more", With(token));
        Assert.InRange(await storage.SqlAsync<double>(left), 3000, 86400);
    }

    private Task ExpireAsync(TestUser user) => storage.ExecuteAsync(
        $"update locks set expires_at = clock_timestamp() - interval '1 ms' where user_id = {user.Caller.UserId}");

    [Fact]
    public async Task A_lock_ends_when_the_clock_of_the_database_says_so()
    {
        var user = await UserWithTreeAsync();
        var token = await user.TokenAsync("a", deep: true);
        await ExpireAsync(user);
        Assert.Empty(await user.LocksOnAsync("a"));
        await RefusedAsync(StorageFault.ConditionFailed,
            () => storage.Locks.RefreshAsync(user.Caller, At("a"), 600, With(token), None));
        await RefusedAsync(
            StorageFault.LockTokenUnknown, () => storage.Locks.UnlockAsync(user.Caller, At("a"), token, None));
        await user.PutAsync("a/b/file", "free");
        await user.MoveAsync("a", "moved");
        await user.LockAsync("moved", deep: true);
        Assert.Equal(1, await CountAsync(user));
    }

    [Fact]
    public async Task Refreshing_and_unlocking_need_a_token_that_covers_the_path()
    {
        var user = await UserWithTreeAsync();
        var (token, other) = (await user.TokenAsync("a", deep: true), await user.TokenAsync("other"));
        foreach (var wrong in (Guid[])[other, Guid.NewGuid()])
        {
            await RefusedAsync(StorageFault.ConditionFailed,
                () => storage.Locks.RefreshAsync(user.Caller, At("a"), 600, With(wrong), None));
            await RefusedAsync(StorageFault.LockTokenUnknown,
                () => storage.Locks.UnlockAsync(user.Caller, At("a/b"), wrong, None));
        }
        var refreshed = await storage.Locks.RefreshAsync(user.Caller, At("a/b/file"), 600, With(token), None);
        Assert.Equal(token, refreshed.Token);
        await RefusedAsync(
            StorageFault.NotFound, () => storage.Locks.UnlockAsync(user.Caller, At("none"), token, None));
        await storage.Locks.UnlockAsync(user.Caller, At("a/b/file"), token, None);
        Assert.Empty(await user.LocksOnAsync("a"));
    }

    [Fact]
    public async Task Locks_have_limits()
    {
        var user = await UserWithTreeAsync();
        await storage.ExecuteAsync($"""
            insert into locks (token, node_id, user_id, is_exclusive, is_deep, timeout_seconds, expires_at)
            select gen_random_uuid(), {(await user.GetAsync("other")).Id}, {user.Caller.UserId}, false, false, 60,
                   now() + interval '1 hour'
            from generate_series(1, {LockTable.MaxLocksPerUser})
            """);
        await RefusedAsync(StorageFault.LimitReached, () => user.LockAsync("a"));
        await RefusedAsync(StorageFault.LimitReached, () => user.LockAsync("a/new"));
        Assert.Null(await user.FindAsync("a/new"));
        await ExpireAsync(user);
        await user.LockAsync("a");
        var owner = new string('x', LockTable.MaxOwnerLength + 1);
        await RefusedAsync(StorageFault.InvalidValue, () => storage.Locks.LockAsync(
            user.Caller, At("other"), new(true, false, owner, 60), WriteConditions.None, None));
    }

    [Fact]
    public async Task A_listing_shows_the_members_own_locks()
    {
        var user = await UserWithTreeAsync();
        var (file, folder) = (await user.TokenAsync("a/b/file"), await user.TokenAsync("a/b/c"));
        await user.TokenAsync("other");
        var parent = await user.GetAsync("a/b");
        var held = await storage.Locks.ListInFolderAsync(user.Caller, parent.Id, At("a/b"), None);
        Assert.Equal(
            new Dictionary<Guid, NodePath> { [file] = At("a/b/file"), [folder] = At("a/b/c") },
            held.ToDictionary(one => one.Token, one => one.Root));
    }
}
