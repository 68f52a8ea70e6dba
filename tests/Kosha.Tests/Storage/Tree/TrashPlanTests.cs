using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;
using Kosha.Storage.Upkeep;
using Npgsql;
using Xunit;

namespace Kosha.Tests.Storage.Tree;

/// <summary>As <see cref="PlanTests"/>, of versions and of the trash.</summary>
public sealed class TrashPlanTests(StorageFixture storage) : IClassFixture<StorageFixture>
{
    private static readonly CancellationToken None = CancellationToken.None;

    private const string SqlTableReads = """
        select sum(seq_scan)::bigint from pg_stat_user_tables
        where relname in ('file_nodes', 'blobs', 'versions', 'usage', 'users')
        """;

    private static Task<long> TableReadsAsync(Database database) => database.ReadAsync(async connection =>
    {
        await using (var flush = new NpgsqlCommand("select pg_stat_force_next_flush()", connection))
            await flush.ExecuteNonQueryAsync();
        await using var read = new NpgsqlCommand(SqlTableReads, connection);
        return (long)(await read.ExecuteScalarAsync())!;
    }, None);

    [Fact]
    public async Task Versions_and_the_trash_go_by_index_whenever_they_were_planned()
    {
        var user = await storage.NewUserAsync(maxBytes: 100);
        await user.SetPlanAsync("version_days = 30, trash_days = 30");
        await user.PutAsync("first", "first");
        await storage.ExecuteAsync("vacuum analyze");
        await using var database = new Database(storage.Database.Source.ConnectionString + ";Maximum Pool Size=1");
        var tree = new NodeTree(database) { FreesTrash = true };
        var vault = new Vault(database, tree, storage.Store, storage.Spools);
        var before = await TableReadsAsync(database);
        for (var i = 0; i < 5; i++)
        {
            await WriteAsync(user.Caller, tree, vault);
            await RestoreAsync(user.Caller, tree);
        }
        await new VersionExpiry(database, tree).RunAsync(None);
        await new UsageTable(database).DetailsAsync(user.Caller, None);
        Assert.Equal(before, await TableReadsAsync(database));
    }

    private static async Task WriteAsync(Caller caller, NodeTree tree, Vault vault)
    {
        var (file, other) = (TestUser.At("file"), TestUser.At("other"));
        foreach (var content in (string[])["one", "two", "three"])
            await vault.WriteAsync(caller, file, TestUser.Body(content), new(), None);
        await tree.CopyAsync(caller, file, other, true, true, null, WriteConditions.None, None);
        await vault.WriteAsync(caller, other, TestUser.Body("other"), new(), None);
        await tree.CopyAsync(caller, file, other, true, true, null, WriteConditions.None, None);
        await tree.MoveAsync(caller, other, file, true, null, WriteConditions.None, None);
        var id = (await tree.FindAsync(caller, file, None))!.Id;
        var versions = await tree.VersionsAsync(caller, id, None);
        Assert.NotNull(await tree.FindVersionAsync(caller, id, versions[0].Id, None));
        await tree.RestoreVersionAsync(caller, id, versions[^1].Id, WriteConditions.None, None);
        foreach (var version in await tree.VersionsAsync(caller, id, None))
            await tree.DeleteVersionAsync(caller, id, version.Id, None);
        // The look asks each time what could be freed.
        await TestUser.RefusedAsync(StorageFault.QuotaExceeded, () =>
            vault.WriteAsync(caller, other, TestUser.Body(new string('x', 101)), new(), None));
    }

    private async Task RestoreAsync(Caller caller, NodeTree tree)
    {
        await tree.TrashAsync(caller, TestUser.At("file"), WriteConditions.None, None);
        var trashed = Assert.Single(await tree.ListTrashAsync(caller, null, 10, None));
        Assert.Equal(1, (await tree.TrashSizeAsync(caller, 10, None)).Files);
        await tree.RestoreAsync(caller, [trashed.Id], new(null, MayRename: true), WriteConditions.None, None);
        await tree.TrashAsync(caller, TestUser.At("file"), WriteConditions.None, None);
        await tree.MarkTrashAsync(caller, [trashed.Id], None);
        Assert.True(await new TrashPurge(storage.Database, tree).RemoveMarkedAsync(
            caller.UserId, TimeSpan.FromMinutes(1), TimeProvider.System, None));
    }
}
