using Dapper;

namespace Kosha.Storage.Tree;

public sealed partial class NodeTree
{
    private const string SqlAddMissingRoots = """
        insert into file_nodes (user_id, name, name_folded, is_folder)
        select u.id, '', '', true from users u
        where not exists (
            select from file_nodes n where n.user_id = u.id and n.parent_id is null and n.trashed_at is null)
        returning format('user %s has a root again', user_id)
        """;

    /// <summary>For a repair. What was done, a line each.</summary>
    internal Task<List<string>> AddMissingRootsAsync(CancellationToken ct) => RepairAsync(SqlAddMissingRoots, ct);

    private const string SqlCorrectVersionSizes = """
        update versions v set size = b.size from blobs b
        where b.id = v.blob_id and v.size <> b.size and b.state in ('live', 'condemned')
        returning format('version %s of node %s has the size of its content again: %s bytes', v.id, v.node_id, v.size)
        """;

    private const string SqlCorrectSizes = """
        update file_nodes n set size = b.size from blobs b
        where b.id = n.blob_id and n.size <> b.size and b.state in ('live', 'condemned')
        returning format('node %s (%s) has the size of its content again: %s bytes', n.id, n.name, n.size)
        """;

    /// <summary>
    /// For a repair: a file, or a version of one, has the size of its content, which its bytes have proven. Usage is to
    /// be corrected next.
    /// </summary>
    internal async Task<List<string>> CorrectSizesAsync(CancellationToken ct) =>
        [.. await RepairAsync(SqlCorrectSizes, ct), .. await RepairAsync(SqlCorrectVersionSizes, ct)];

    private Task<List<string>> RepairAsync(string sql, CancellationToken ct) =>
        database.WriteAsync(async transaction => (await transaction.Connection!.QueryAsync<string>(
            new(sql, transaction: transaction, commandTimeout: 0, cancellationToken: ct))).AsList(), ct);
}
