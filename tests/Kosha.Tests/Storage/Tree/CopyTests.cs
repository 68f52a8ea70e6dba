using Kosha.Storage;
using Kosha.Storage.Tree;
using Xunit;
using static Kosha.Tests.Storage.TestUser;

namespace Kosha.Tests.Storage.Tree;

public sealed class CopyTests(StorageFixture storage) : IClassFixture<StorageFixture>
{
    private async Task<TestUser> UserWithTreeAsync()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFoldersAsync("a", "a/b", "a/b/c", "a/empty");
        await user.PutAsync("a/one", "1");
        await user.PutAsync("a/b/two", "22");
        await user.PutAsync("a/b/c/three", "333");
        return user;
    }

    [Fact]
    public async Task Where_too_many_numbers_are_taken_the_next_copy_is_refused()
    {
        var user = await storage.NewUserAsync();
        await user.PutAsync("a", "");
        var root = (await user.GetAsync("")).Id;
        var file = (await user.GetAsync("a")).Id;
        await storage.ExecuteAsync($"""
            insert into file_nodes (user_id, parent_id, name, name_folded, is_folder)
            select {user.Caller.UserId}, {root}, format('a (%s)', i), format('a (%s)', i), true
            from generate_series(2, 10100) i;
            update usage set nodes = nodes + 10099 where user_id = {user.Caller.UserId};
            """);
        Task CopyAsync() => storage.Tree.CopyAsync(
            user.Caller, [file], root, NameConflict.Rename, WriteConditions.None, CancellationToken.None);
        await RefusedAsync(StorageFault.LimitReached, CopyAsync);
        await storage.ExecuteAsync($"update file_nodes set name = 'b' || name where parent_id = {root} and is_folder");
        await CopyAsync();
        Assert.NotNull(await user.FindAsync("a (2)"));
    }

    [Fact]
    public async Task A_deep_copy_has_everything_and_is_charged()
    {
        var user = await UserWithTreeAsync();
        var before = await storage.SqlAsync<long>("select count(*) from blobs");
        Assert.True(await user.CopyAsync("a", "copy"));
        Assert.Equal(["b", "empty", "one"], await user.NamesAsync("copy"));
        Assert.Equal("333", await user.ReadAsync("copy/b/c/three"));
        Assert.Equal("333", await user.ReadAsync("a/b/c/three"));
        Assert.Equal((12, 14), await user.UsageAsync());
        Assert.Equal(before, await storage.SqlAsync<long>("select count(*) from blobs"));
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task A_copy_lives_a_life_of_its_own()
    {
        var user = await UserWithTreeAsync();
        await user.CopyAsync("a", "copy");
        await user.PutAsync("copy/one", "changed");
        await user.TrashAsync("copy/b");
        Assert.Equal("1", await user.ReadAsync("a/one"));
        Assert.Equal("22", await user.ReadAsync("a/b/two"));
        Assert.NotEqual((await user.GetAsync("a")).Id, (await user.GetAsync("copy")).Id);
    }

    [Fact]
    public async Task A_shallow_copy_is_an_empty_folder_with_the_properties()
    {
        var user = await UserWithTreeAsync();
        await storage.Tree.ChangePropertiesAsync(
            user.Caller, At("a"), new([KeyValuePair.Create("{x}p", (string?)"<p/>")], null, null),
            WriteConditions.None, CancellationToken.None);
        await user.CopyAsync("a", "copy", deep: false);
        Assert.Empty(await user.NamesAsync("copy"));
        Assert.Equal((await user.GetAsync("a")).Properties, (await user.GetAsync("copy")).Properties);
        // Not into itself when deep, but shallow is no cycle.
        await user.CopyAsync("a", "a/inside", deep: false);
        Assert.Equal((6, 9), await user.UsageAsync());
    }

    [Fact]
    public async Task A_file_over_a_file_keeps_the_targets_node()
    {
        var user = await storage.NewUserAsync();
        var source = (await user.PutAsync("a", "source")).Node;
        var target = (await user.PutAsync("b", "the target")).Node;
        Assert.False(await user.CopyAsync("a", "b"));
        var now = await user.GetAsync("b");
        Assert.Equal((target.Id, source.Etag), (now.Id, now.Etag));
        Assert.Equal("source", await user.ReadAsync("b"));
        Assert.Equal((12, 2), await user.UsageAsync());
    }

    [Fact]
    public async Task A_folder_that_is_replaced_goes_to_the_trash_whole()
    {
        var user = await UserWithTreeAsync();
        await user.MakeFolderAsync("target");
        await user.PutAsync("target/old", "old");
        Assert.False(await user.CopyAsync("a", "target"));
        Assert.Equal(["b", "empty", "one"], await user.NamesAsync("target"));
        Assert.False(await user.CopyAsync("a/one", "target"));
        Assert.Equal("1", await user.ReadAsync("target"));
        Assert.False(await user.CopyAsync("a/b", "target"));
        Assert.Equal("22", await user.ReadAsync("target/two"));
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task A_copy_beyond_the_quota_leaves_nothing()
    {
        var user = await UserWithTreeAsync();
        await user.SetPlanAsync("max_bytes = 11");
        await RefusedAsync(StorageFault.QuotaExceeded, () => user.CopyAsync("a", "copy"));
        Assert.Null(await user.FindAsync("copy"));
        await user.SetPlanAsync("max_bytes = null, max_nodes = 13");
        await RefusedAsync(StorageFault.QuotaExceeded, () => user.CopyAsync("a", "copy"));
        await user.SetPlanAsync("max_bytes = 12, max_nodes = 14");
        await user.CopyAsync("a", "copy");
        Assert.Equal((12, 14), await user.UsageAsync());
    }

    [Fact]
    public async Task A_replaced_folder_comes_back_when_the_copy_fails()
    {
        var user = await UserWithTreeAsync();
        await user.MakeFolderAsync("target");
        await user.PutAsync("target/old", "old");
        await user.SetPlanAsync("max_bytes = 10");
        await RefusedAsync(StorageFault.QuotaExceeded, () => user.CopyAsync("a", "target"));
        Assert.Equal(["old"], await user.NamesAsync("target"));
    }

    [Fact]
    public async Task Locks_do_not_travel_with_copies()
    {
        var user = await UserWithTreeAsync();
        await user.TokenAsync("a/one");
        await user.TokenAsync("a", exclusive: false);
        await user.CopyAsync("a", "copy");
        Assert.Empty(await user.LocksOnAsync("copy"));
        Assert.Empty(await user.LocksOnAsync("copy/one"));
        await user.PutAsync("copy/one", "free");
    }
}
