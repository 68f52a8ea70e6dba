using Npgsql;

namespace Kosha.Benchmarks.Peers;

/// <summary>
/// A tree as it is after years: 1,000,000 nodes in 1,000 folders, each file with a content of its own.
/// </summary>
internal static class LargeTree
{
    private const int PatienceSeconds = 600;

    // The objects are missing, and nobody reads them.
    private const string Sql = """
        insert into blob_objects (key, store) select 'large/' || i, 'disk' from generate_series(1, 999000) i;
        insert into blobs (sha256, size, state, object_key)
        select sha256(i::text::bytea), 1, 'live', 'large/' || i from generate_series(1, 999000) i;
        with top as (
            insert into file_nodes (user_id, parent_id, name, name_folded, is_folder)
            select user_id, id, 'large', 'large', true from file_nodes where parent_id is null
            returning id, user_id)
        insert into file_nodes (user_id, parent_id, name, name_folded, is_folder)
        select user_id, id, 'folder ' || i, 'folder ' || i, true from top, generate_series(0, 998) i;
        insert into file_nodes (user_id, parent_id, name, name_folded, is_folder, blob_id, size)
        select f.user_id, f.id, 'file ' || b.id, 'file ' || b.id, false, b.id, 1
        from blobs b join file_nodes f on f.name = 'folder ' || b.id % 999 where b.object_key like 'large/%';
        update usage set bytes = bytes + 999000, nodes = nodes + 1000000;
        """;

    /// <summary>Fills the tree of the only user, in the private cluster behind a socket in this folder.</summary>
    public static async Task FillAsync(string socketFolder)
    {
        await using var source = NpgsqlDataSource.Create(
            $"Host={socketFolder};Username=kosha;Database=kosha;Command Timeout={PatienceSeconds}");
        await using var fill = source.CreateCommand(Sql);
        await fill.ExecuteNonQueryAsync();
        await using var settle = source.CreateCommand("vacuum analyze");
        await settle.ExecuteNonQueryAsync();
    }
}
