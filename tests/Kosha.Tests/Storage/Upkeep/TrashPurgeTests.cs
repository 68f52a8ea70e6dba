using Kosha.Storage;
using Kosha.Storage.Upkeep;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Upkeep;

/// <summary>What was in the trash for its days goes for good, in steps that each leave a tree.</summary>
public sealed class TrashPurgeTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private static readonly CancellationToken None = CancellationToken.None;

    private Task<PurgeResult> PurgeAsync() => new TrashPurge(Storage.Database, Storage.Tree).RunAsync(None);

    private async Task<(long Tops, long Nodes, long Bytes)> FiguresAsync()
    {
        var purged = await PurgeAsync();
        Assert.Equal(0, purged.Failed.Count);
        return (purged.Tops, purged.Nodes, purged.Bytes);
    }

    private Task KeepAsync(string days) => User.SetPlanAsync($"trash_days = {days}");

    private Task BackdateAsync(int hours) => Storage.ExecuteAsync(
        $"update file_nodes set trashed_at = trashed_at - interval '{hours} hours' where trashed_at is not null");

    private Task<long> TopsAsync() =>
        Storage.SqlAsync<long>("select count(*) from file_nodes where parent_id is null");

    [Fact]
    public async Task What_was_in_the_trash_for_its_days_goes_and_its_bytes_are_free_again()
    {
        await KeepAsync("2");
        await User.MakeFoldersAsync("old", "old/a", "old/a/b", "old/empty", "kept");
        await User.PutAsync("old/a/b/file", "12345");
        await User.PutAsync("old/file", "1234567");
        await User.PutAsync("kept/file", "123");
        await User.TrashAsync("old");
        await BackdateAsync(47);
        Assert.Equal((0, 0, 0), await FiguresAsync());
        Assert.Equal((15, 8), await User.UsageAsync());
        await BackdateAsync(1);
        Assert.Equal((1, 6, 12), await FiguresAsync());
        Assert.Equal((3, 2), await User.UsageAsync());
        Assert.Equal(1, await TopsAsync());
        Assert.Equal("123", await User.ReadAsync("kept/file"));
        await Storage.AssertCleanAsync();
        await Storage.SweepAsync();
        Assert.Equal(2, (await Storage.SweepAsync()).Deleted);
        Assert.False(File.Exists(Storage.FileOf("12345")));
        Assert.Equal("123", await User.ReadAsync("kept/file"));
    }

    [Fact]
    public async Task A_plan_without_days_keeps_the_trash_for_ever_and_zero_days_not_at_all()
    {
        await KeepAsync("null");
        await User.PutAsync("file", "content");
        await User.TrashAsync("file");
        await BackdateAsync(24 * 10_000);
        Assert.Equal((0, 0, 0), await FiguresAsync());
        await KeepAsync("0");
        Assert.Equal((1, 1, 7), await FiguresAsync());
        Assert.Equal((0, 0), await User.UsageAsync());
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task Each_step_leaves_a_tree_and_the_next_purge_goes_on_where_one_died()
    {
        await KeepAsync("0");
        await User.MakeFoldersAsync("top", "top/a", "top/a/b", "top/c", "live");
        for (var i = 0; i < 5; i++)
            await User.PutAsync($"top/a/b/file{i}", $"content {i}");
        await User.TrashAsync("top");
        var userId = User.Caller.UserId;
        Assert.Equal(1, await Storage.Tree.MarkDueTrashAsync(userId, 10, None));
        Assert.Equal(0, await Storage.Tree.MarkDueTrashAsync(userId, 10, None));
        var removed = 0L;
        for (var i = 0; i < 4; i++)
        {
            var top = (await Storage.Tree.PurgedTopsAsync(0, 1, None)).Single();
            removed += (await Storage.Tree.PurgeAsync(top, limit: 2, None))!.Nodes;
            await Storage.AssertCleanAsync();
        }
        Assert.InRange(removed, 3, 8);
        var rest = await PurgeAsync();
        Assert.Equal(0, rest.Tops);
        Assert.Equal(9, removed + rest.Nodes);
        Assert.Equal((0, 1), await User.UsageAsync());
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task Other_users_trash_and_what_is_written_meanwhile_stay()
    {
        await KeepAsync("0");
        var other = await Storage.NewUserAsync();
        await other.SetPlanAsync("trash_days = 1");
        await other.PutAsync("file", "other");
        await other.TrashAsync("file");
        for (var i = 0; i < 50; i++)
            await User.PutAsync($"old{i}", $"old {i}");
        for (var i = 0; i < 50; i++)
            await User.TrashAsync($"old{i}");
        var writes = Task.Run(async () =>
        {
            for (var i = 0; i < 50; i++)
                await User.PutAsync($"new{i}", $"old {i}");
        });
        var purged = await PurgeAsync();
        await writes;
        Assert.Equal(50, purged.Nodes);
        Assert.Equal(50, (await User.NamesAsync()).Length);
        Assert.Equal((5, 1), await other.UsageAsync());
        await Storage.SweepAsync();
        await Storage.SweepAsync();
        Assert.Equal("old 7", await User.ReadAsync("new7"));
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task Two_purges_at_once_are_one()
    {
        await KeepAsync("0");
        await User.PutAsync("file", "content");
        await User.TrashAsync("file");
        await using var lease = await Lease.TakeAsync(Storage.Database, "purge", None);
        await TestUser.RefusedAsync(StorageFault.AlreadyExists, PurgeAsync);
    }

    [Fact]
    public async Task What_cannot_be_removed_keeps_nothing_else()
    {
        await KeepAsync("9999999");
        await User.PutAsync("file", "content");
        await User.TrashAsync("file");
        Assert.Equal((0, 0, 0), await FiguresAsync());
        await KeepAsync("0");
        var other = await Storage.NewUserAsync();
        await other.SetPlanAsync("trash_days = 0");
        await other.MakeFoldersAsync("a", "a/b");
        await other.PutAsync("a/b/file", "other");
        await other.TrashAsync("a");
        await Storage.ExecuteAsync($"update usage set bytes = 1 where user_id = {User.Caller.UserId}");
        var purged = await PurgeAsync();
        Assert.Equal((2, 3, 1), (purged.Tops, purged.Nodes, purged.Failed.Count));
        Assert.Equal((0, 0), await other.UsageAsync());
        await Storage.FsckAsync(repair: true);
        Assert.Equal((0, 1, 7), await FiguresAsync());
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task A_user_who_changes_a_large_folder_is_not_waited_for()
    {
        await KeepAsync("0");
        await User.PutAsync("file", "content");
        await User.TrashAsync("file");
        await Storage.Database.WriteAsync(async transaction =>
        {
            await using var alone = transaction.Connection!.CreateCommand();
            alone.CommandText = $"select pg_advisory_xact_lock({User.Caller.UserId})";
            await alone.ExecuteNonQueryAsync();
            Assert.Equal((0, 0, 0), await FiguresAsync());
        }, None);
        Assert.Equal((1, 1, 7), await FiguresAsync());
    }
}
