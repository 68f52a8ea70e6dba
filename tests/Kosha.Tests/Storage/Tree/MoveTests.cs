using System.Globalization;
using Kosha.Storage;
using Kosha.Storage.Tree;
using Xunit;
using static Kosha.Tests.Storage.TestUser;

namespace Kosha.Tests.Storage.Tree;

public sealed class MoveTests(StorageFixture storage) : IClassFixture<StorageFixture>
{
    [Fact]
    public async Task A_folder_moves_with_all_below_it()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFoldersAsync("a", "a/b", "c");
        await user.PutAsync("a/b/file", "content");
        var moved = await user.GetAsync("a/b");
        Assert.True(await user.MoveAsync("a/b", "c/d"));
        Assert.Equal("content", await user.ReadAsync("c/d/file"));
        Assert.Null(await user.FindAsync("a/b"));
        Assert.Equal(moved.Id, (await user.GetAsync("c/d")).Id);
        Assert.Equal((7, 4), await user.UsageAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_rename_in_case_alone_works(bool isFolder)
    {
        var user = await storage.NewUserAsync();
        if (isFolder)
            await user.MakeFolderAsync("Name");
        else
            await user.PutAsync("Name", "x");
        Assert.True(await user.MoveAsync("Name", "NAME"));
        Assert.Equal(["NAME"], await user.NamesAsync());
        Assert.Equal(NodePath.Fold("name"), await storage.SqlAsync<string>(
            $"select name_folded from file_nodes where user_id = {user.Caller.UserId} and name = 'NAME'"));
    }

    [Fact]
    public async Task A_file_over_a_file_keeps_the_targets_node_and_takes_the_sources_content()
    {
        var user = await storage.NewUserAsync();
        var target = (await user.PutAsync("file", "old content")).Node;
        var source = (await user.PutAsync("temporary", "new")).Node;
        await storage.ExecuteAsync($"update file_nodes set is_favorite = true where id = {target.Id}");
        Assert.False(await user.MoveAsync("temporary", "file"));
        var now = await user.GetAsync("file");
        Assert.Equal((target.Id, source.Etag, 3), (now.Id, now.Etag, now.Size));
        Assert.Equal("new", await user.ReadAsync("file"));
        Assert.True(await storage.SqlAsync<bool>($"select is_favorite from file_nodes where id = {target.Id}"));
        Assert.Null(await user.FindAsync("temporary"));
        Assert.Equal((3, 1), await user.UsageAsync());
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task Anything_else_in_the_way_goes_to_the_trash()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFoldersAsync("a", "b");
        await user.PutAsync("a/x", "of a");
        await user.PutAsync("b/y", "of b");
        await user.PutAsync("file", "z");
        Assert.False(await user.MoveAsync("a", "b"));
        Assert.Equal(["x"], await user.NamesAsync("b"));
        Assert.False(await user.MoveAsync("file", "b"));
        Assert.Equal("z", await user.ReadAsync("b"));
        await user.MakeFolderAsync("c");
        Assert.False(await user.MoveAsync("c", "b"));
        Assert.Empty(await user.NamesAsync("b"));
        Assert.Equal(3, await storage.SqlAsync<long>(
            $"select count(*) from file_nodes where user_id = {user.Caller.UserId} and trashed_at is not null"));
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task Without_overwrite_the_target_must_be_free()
    {
        var user = await storage.NewUserAsync();
        await user.PutAsync("a", "a");
        await user.PutAsync("b", "b");
        await RefusedAsync(StorageFault.ConditionFailed, () => user.MoveAsync("a", "b", overwrite: false));
        await RefusedAsync(StorageFault.ConditionFailed, () => user.CopyAsync("a", "b", overwrite: false));
        Assert.Equal("b", await user.ReadAsync("b"));
        Assert.True(await user.MoveAsync("a", "c", overwrite: false));
    }

    [Fact]
    public async Task Cycles_are_refused()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFoldersAsync("a", "a/b", "a/b/c");
        foreach (var (source, target) in (IEnumerable<(string, string)>)
            [("a", "a"), ("a", "a/x"), ("a", "a/b/c/d"), ("a/b", "a"), ("a", "a/b")])
        {
            await RefusedAsync(StorageFault.Cycle, () => user.MoveAsync(source, target));
            await RefusedAsync(StorageFault.Cycle, () => user.CopyAsync(source, target));
        }
        Assert.Equal((0, 3), await user.UsageAsync());
    }

    [Fact]
    public async Task The_root_is_fixed()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFolderAsync("a");
        await RefusedAsync(StorageFault.RootIsFixed, () => user.MoveAsync("", "a/b"));
        await RefusedAsync(StorageFault.RootIsFixed, () => user.MoveAsync("a", ""));
        await RefusedAsync(StorageFault.RootIsFixed, () => user.CopyAsync("a", ""));
        Assert.Equal(["a"], await user.NamesAsync());
    }

    [Fact]
    public async Task Source_and_target_folder_must_be_there()
    {
        var user = await storage.NewUserAsync();
        await user.PutAsync("a", "a");
        await RefusedAsync(StorageFault.NotFound, () => user.MoveAsync("x", "y"));
        await RefusedAsync(StorageFault.NotFound, () => user.CopyAsync("x", "y"));
        await RefusedAsync(StorageFault.ParentMissing, () => user.MoveAsync("a", "x/y"));
        await RefusedAsync(StorageFault.ParentMissing, () => user.CopyAsync("a", "x/y"));
    }

    [Fact]
    public async Task A_move_keeps_the_times_unless_it_sets_one()
    {
        var user = await storage.NewUserAsync();
        var before = (await user.PutAsync("a", "a")).Node;
        await user.MoveAsync("a", "b");
        var moved = await user.GetAsync("b");
        Assert.Equal(
            (before.ModifiedAt, before.CreatedAt, before.Etag), (moved.ModifiedAt, moved.CreatedAt, moved.Etag));
        // A date that came along says nothing about when this name got its content.
        Assert.True(moved.ModifiedByClient);
        var time = new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc);
        await user.MoveAsync("b", "c", at: time);
        Assert.Equal(time, (await user.GetAsync("c")).ModifiedAt);
        Assert.True((await user.GetAsync("c")).ModifiedByClient);
        await user.PutAsync("d", "d");
        await user.MoveAsync("c", "d");
        Assert.Equal(time, (await user.GetAsync("d")).ModifiedAt);
    }

    // Rows ------------------------------------------------------------------------------------------------------------

    /// <summary>The version of every row of the user: xmin changes with the row and with nothing else.</summary>
    private async Task<Dictionary<long, string>> RowsAsync(TestUser user)
    {
        var rows = await storage.SqlAsync<string>($"""
            select string_agg(id || ':' || xmin || '.' || cmin, ',') from file_nodes
            where user_id = {user.Caller.UserId}
            """);
        return rows.Split(',').Select(row => row.Split(':')).ToDictionary(
            row => long.Parse(row[0], CultureInfo.InvariantCulture), row => row[1]);
    }

    private async Task<TestUser> UserWithManyFilesAsync()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFoldersAsync("big", "big/sub", "other");
        await storage.ExecuteAsync($"""
            insert into file_nodes (user_id, parent_id, name, name_folded, is_folder)
            select {user.Caller.UserId}, {(await user.GetAsync("big/sub")).Id}, n::text, n::text, false
            from generate_series(1, 2000) n
            """);
        await storage.ExecuteAsync($"update usage set nodes = nodes + 2000 where user_id = {user.Caller.UserId}");
        return user;
    }

    [Fact]
    public async Task A_move_and_a_delete_of_2000_files_change_one_row_each()
    {
        var user = await UserWithManyFilesAsync();
        var folder = await user.GetAsync("big");
        var before = await RowsAsync(user);
        await user.MoveAsync("big", "other/big");
        var moved = await RowsAsync(user);
        Assert.Equal([folder.Id], moved.Except(before).Select(row => row.Key));
        await user.TrashAsync("other/big");
        var trashed = await RowsAsync(user);
        Assert.Equal([folder.Id], trashed.Except(moved).Select(row => row.Key));
        Assert.Equal(before.Keys.Order(), trashed.Keys.Order());
    }

    [Fact]
    public async Task A_copy_of_2000_files_is_one_statement()
    {
        var user = await UserWithManyFilesAsync();
        var before = await RowsAsync(user);
        await user.CopyAsync("big", "other/big");
        var added = (await RowsAsync(user)).Except(before).ToList();
        Assert.Equal(2002, added.Count);
        Assert.Single(added.Select(row => row.Value).Distinct());
        Assert.Equal((0, 4005), await user.UsageAsync());
        await storage.AssertCleanAsync();
    }
}
