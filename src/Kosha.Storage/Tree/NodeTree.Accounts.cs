using Dapper;
using Npgsql;

namespace Kosha.Storage.Tree;

/// <summary>
/// The end of all nodes of an account that is being deleted: they become marked tops, which a purge removes in steps
/// that never walk a tree.
/// </summary>
public sealed partial class NodeTree
{
    /// <summary>A statement of its own: what comes behind it sees what the user's last write has done.</summary>
    internal const string SqlHoldAlone = "select pg_advisory_xact_lock(@userId)";

    private const string SqlMarkMembers = """
        update file_nodes t set parent_id = null, trashed_at = now(), purging_at = now()
        where t.id = any(array(
            select n.id from file_nodes r cross join lateral (
                select c.id from file_nodes c where c.parent_id = r.id limit @limit) n
            where r.user_id = @userId and r.parent_id is null and r.trashed_at is null))
        """;

    /// <summary>
    /// Marks what stands in the root, and what is in the trash, to be removed for good. Returns how many; fewer than
    /// the limit: all.
    /// </summary>
    internal Task<int> MarkAllAsync(long userId, int limit, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            var connection = transaction.Connection!;
            var parameters = new { userId, limit };
            await connection.ExecuteAsync(
                new(SqlHoldAlone, parameters, transaction, TreePatienceSeconds, cancellationToken: ct));
            var members = await connection.ExecuteAsync(
                new(SqlMarkMembers, parameters, transaction, commandTimeout: 0, cancellationToken: ct));
            return Math.Max(members, await connection.ExecuteAsync(
                new(SqlMarkAllTrashed, parameters, transaction, commandTimeout: 0, cancellationToken: ct)));
        }, ct);

    private const string SqlRemoveRoot = """
        delete from file_nodes r
        where r.user_id = @userId and r.parent_id is null and r.trashed_at is null
          and not exists (select from file_nodes n where n.user_id = @userId and n.id <> r.id offset 0)
        """;

    /// <summary>Removes the root where nothing else is left of the user's nodes. False: something is.</summary>
    internal static async Task<bool> RemoveRootAsync(
        NpgsqlTransaction transaction, long userId, CancellationToken ct) =>
        await transaction.Connection!.ExecuteAsync(
            new(SqlRemoveRoot, new { userId }, transaction, cancellationToken: ct)) > 0;
}
