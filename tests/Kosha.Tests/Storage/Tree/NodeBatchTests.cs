using Kosha.Storage;
using Kosha.Storage.Tree;
using Xunit;
using static Kosha.Tests.Storage.TestUser;

namespace Kosha.Tests.Storage.Tree;

/// <summary>What goes at once ends as if one had gone after the other, or stays as it was.</summary>
public sealed class NodeBatchTests(StorageFixture storage) : IClassFixture<StorageFixture>
{
    private static readonly CancellationToken None = CancellationToken.None;

    private static async Task<long[]> IdsAsync(TestUser user, params string[] paths)
    {
        var ids = new List<long>();
        foreach (var path in paths)
            ids.Add((await user.GetAsync(path)).Id);
        return [.. ids];
    }

    private async Task<long[]> MoveAsync(
        TestUser user, long[] ids, string to, NameConflict onConflict = NameConflict.Fail,
        WriteConditions? conditions = null)
    {
        var moved = await storage.Tree.MoveAsync(
            user.Caller, ids, (await user.GetAsync(to)).Id, onConflict, conditions ?? WriteConditions.None, None);
        return [.. moved.Select(node => node.Id)];
    }

    private Task TrashAsync(TestUser user, long[] ids, WriteConditions? conditions = null) =>
        storage.Tree.TrashAsync(user.Caller, ids, conditions ?? WriteConditions.None, None);

    private Task<long> LocksAsync(TestUser user) =>
        storage.SqlAsync<long>($"select count(*) from locks where user_id = {user.Caller.UserId}");

    [Fact]
    public async Task A_lock_below_one_of_the_folders_refuses_all_and_is_named()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFoldersAsync("a", "b", "c", "to");
        await user.PutAsync("b/file", "x");
        await user.PutAsync("c/file", "x");
        var (inB, inC) = (await user.TokenAsync("b/file"), await user.TokenAsync("c/file"));
        var ids = await IdsAsync(user, "a", "b", "c");
        foreach (var (conditions, member) in ((WriteConditions, string)[])[
            (With(), "b/file"), (With(inC), "b/file"), (With(inB), "c/file")])
        {
            var trashed = await RefusedAsync(StorageFault.Locked, () => TrashAsync(user, ids, conditions));
            Assert.Equal([At(member)], trashed.LockedMembers);
            var moved = await RefusedAsync(
                StorageFault.Locked, () => MoveAsync(user, ids, "to", conditions: conditions));
            Assert.Equal([At(member)], moved.LockedMembers);
        }
        Assert.Equal(["a", "b", "c", "to"], await user.NamesAsync());
        Assert.Equal(ids, await MoveAsync(user, ids, "to", conditions: With(inB, inC)));
        Assert.Equal(["a", "b", "c"], await user.NamesAsync("to"));
        Assert.Equal(0, await LocksAsync(user));
    }

    [Fact]
    public async Task Locks_end_on_and_below_what_goes_and_nowhere_else()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFoldersAsync("a", "kept");
        foreach (var file in (string[])["a/in", "b", "c", "kept/in"])
            await user.PutAsync(file, "x");
        var tokens = new List<Guid>();
        foreach (var locked in (string[])["a", "a/in", "b", "c", "kept/in"])
            tokens.Add(await user.TokenAsync(locked));
        await TrashAsync(user, await IdsAsync(user, "c"), With([.. tokens]));
        Assert.Equal(4, await LocksAsync(user));
        await TrashAsync(user, await IdsAsync(user, "b", "a"), With([.. tokens]));
        Assert.Equal(1, await LocksAsync(user));
        Assert.Single(await user.LocksOnAsync("kept/in"));
        Assert.Equal(["kept"], await user.NamesAsync());
    }

    [Theory]
    [InlineData("other/x", "to/x/y")]
    [InlineData("to/x/y", "other/x")]
    public async Task What_lies_in_a_folder_that_another_replaces_comes_out_of_it(string first, string second)
    {
        var user = await storage.NewUserAsync();
        await user.MakeFoldersAsync("other", "other/x", "to", "to/x", "to/x/y");
        await user.PutAsync("other/x/new", "new");
        await user.PutAsync("to/x/old", "old");
        await user.PutAsync("to/x/y/file", "file");
        var ids = await IdsAsync(user, first, second);
        Assert.Equal(ids, await MoveAsync(user, ids, "to", NameConflict.Replace));
        Assert.Equal(["x", "y"], await user.NamesAsync("to"));
        Assert.Equal(["new"], await user.NamesAsync("to/x"));
        Assert.Equal("file", await user.ReadAsync("to/y/file"));
        var trashed = Assert.Single(await storage.Tree.ListTrashAsync(user.Caller, null, 10, None));
        Assert.Equal("x", trashed.Name);
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task Files_take_the_place_of_files_and_everything_else_goes_to_the_trash()
    {
        var user = await storage.NewUserAsync();
        await user.SetPlanAsync("version_days = 30");
        await user.MakeFoldersAsync("from", "from/b", "to", "to/c");
        foreach (var file in (string[])["from/a", "from/c", "from/d", "to/a", "to/b"])
            await user.PutAsync(file, file);
        var ids = await IdsAsync(user, "from/a", "from/b", "from/c", "from/d");
        var there = (await user.GetAsync("to/a")).Id;
        long[] expected = [there, .. ids[1..]];
        Assert.Equal(expected, await MoveAsync(user, ids, "to", NameConflict.Replace));
        Assert.Equal("from/a", await user.ReadAsync("to/a"));
        Assert.Equal("from/c", await user.ReadAsync("to/c"));
        Assert.Equal("from/d", await user.ReadAsync("to/d"));
        Assert.Equal(["to/a"], await user.OldContentsAsync("to/a"));
        Assert.Equal(["b", "c"], (await storage.Tree.ListTrashAsync(user.Caller, null, 10, None))
            .Select(node => node.Name).Order(StringComparer.Ordinal));
        Assert.Empty(await user.NamesAsync("from"));
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task Where_all_stand_already_nothing_changes()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFoldersAsync("to", "to/a");
        await user.PutAsync("to/b", "x");
        var ids = await IdsAsync(user, "to/a", "to/b");
        Assert.Equal(ids, await MoveAsync(user, ids, "to"));
        Assert.Equal(["a", "b"], await user.NamesAsync("to"));
    }
}
