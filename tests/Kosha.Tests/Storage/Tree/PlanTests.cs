using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;
using Npgsql;
using Xunit;

namespace Kosha.Tests.Storage.Tree;

/// <summary>A plan that was made while the tables were small must serve when they are large.</summary>
public sealed class PlanTests(StorageFixture storage) : IClassFixture<StorageFixture>
{
    private const string SqlTableReads = """
        select sum(seq_scan)::bigint from pg_stat_user_tables where relname in ('file_nodes', 'blobs', 'blob_objects')
        """;

    /// <summary>Reads of whole tables so far, by this one connection and all before it.</summary>
    private static Task<long> TableReadsAsync(Database database) => database.ReadAsync(async connection =>
    {
        // The figures of a session go out when it is idle.
        await using (var flush = new NpgsqlCommand("select pg_stat_force_next_flush()", connection))
            await flush.ExecuteNonQueryAsync();
        await using var read = new NpgsqlCommand(SqlTableReads, connection);
        return (long)(await read.ExecuteScalarAsync())!;
    }, CancellationToken.None);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task No_request_reads_a_whole_table_even_if_it_was_planned_for_a_tiny_one(bool isLimited)
    {
        var user = await storage.NewUserAsync();
        if (isLimited)
        {
            await user.MakeFolderAsync("folder");
            user = await storage.LimitAsync(user, "folder");
        }
        await user.PutAsync("first", "first");
        await storage.ExecuteAsync("vacuum analyze");
        await using var database = new Database(storage.Database.Source.ConnectionString + ";Maximum Pool Size=1");
        var tree = new NodeTree(database);
        var vault = new Vault(database, tree, storage.Store, storage.Spools);
        var root = (await user.GetAsync("")).Id;
        var before = await TableReadsAsync(database);
        for (var i = 0; i < 5; i++)
        {
            var path = TestUser.At($"file{i}");
            await vault.WriteAsync(user.Caller, path, TestUser.Body($"content {i}"), new(), default);
            await vault.WriteAsync(user.Caller, path, TestUser.Body($"other {i}"), new(), default);
            Assert.NotNull(await tree.FindAsync(user.Caller, path, default));
            await tree.FindWithLocksAsync(user.Caller, path, default);
            await tree.ListAsync(user.Caller, root, null, 100, ListedDetails.Digests, default);
            await tree.MoveAsync(
                user.Caller, path, TestUser.At($"moved{i}"), true, null, WriteConditions.None, default);
            await tree.CopyAsync(
                user.Caller, TestUser.At($"moved{i}"), path, true, true, null, WriteConditions.None, default);
            await tree.TrashAsync(user.Caller, path, WriteConditions.None, default);
            await CallByIdAsync(tree, user.Caller, root, i);
        }
        Assert.Equal(before, await TableReadsAsync(database));
    }

    private static async Task CallByIdAsync(NodeTree tree, Caller caller, long root, int round)
    {
        var folder = (await tree.CreateFolderAsync(caller, root, $"folder{round}", WriteConditions.None, default)).Id;
        var file = (await tree.DetailsAsync(caller, TestUser.At($"moved{round}"), default)).Node.Id;
        await tree.ChangeAsync(caller, file, new(null, IsFavorite: true, null), WriteConditions.None, default);
        Assert.NotEmpty((await tree.FavoritesAsync(caller, "", 0, 10, default)).Nodes);
        await tree.CopyAsync(caller, [file], folder, NameConflict.Fail, WriteConditions.None, default);
        await tree.CopyAsync(caller, [file], folder, NameConflict.Rename, WriteConditions.None, default);
        await tree.MoveAsync(caller, [file], folder, NameConflict.Replace, WriteConditions.None, default);
        foreach (var sort in Enum.GetValues<NodeSort>())
        {
            var order = new NodeOrder(sort, IsDescending: false, FoldersFirst: true);
            var page = await tree.ChildrenAsync(caller, folder, order, null, 1, default);
            await tree.ChildrenAsync(caller, folder, order, page.Next, 1, default);
        }
        await tree.BreadcrumbAsync(caller, folder, default);
        await tree.DetailsAsync(caller, folder, default);
        Assert.Single(await tree.SelectAsync(caller, [folder], 100, default));
        Assert.Equal(2, (await tree.MembersAsync(caller, [folder], "", 100, default)).Count);
        Assert.NotEmpty(await tree.RecentAsync(caller, 1, 10, default));
        await tree.TrashAsync(caller, [folder], WriteConditions.None, default);
    }

    [Fact]
    public async Task No_plan_is_compiled() =>
        Assert.Equal("off", await storage.SqlAsync<string>("select current_setting('jit')"));
}
