using Dapper;
using Kosha.Storage.Accounts;

namespace Kosha.Storage.Tree;

/// <summary>The top of something in the trash that is being removed for good.</summary>
internal sealed record PurgedTop(long Id, long UserId);

/// <summary>What one step of a purge removed.</summary>
/// <param name="Nodes">How many.</param>
/// <param name="Bytes">Their sizes, together.</param>
/// <param name="IsOver">Nothing is left of the top.</param>
internal sealed record PurgeStep(long Nodes, long Bytes, bool IsOver);

/// <summary>
/// The end of the trash. A top is marked first, from when on it is not listed and cannot be restored; then it goes in
/// small transactions, each of which leaves a tree.
/// </summary>
public sealed partial class NodeTree
{
    private const string DueTrash = """
        n.trashed_at is not null and n.purging_at is null
        and n.trashed_at <= now() - make_interval(days => p.trash_days)
        """;

    private const string SqlUsersWithDueTrash = $"""
        select u.id from users u join plans p on p.id = u.plan_id
        where u.id > @after and p.trash_days is not null
          and exists (select from file_nodes n where n.user_id = u.id and {DueTrash} offset 0)
        order by u.id limit @limit
        """;

    /// <summary>Users with something in the trash that is older than their plan keeps it, a page by id.</summary>
    internal Task<List<long>> UsersWithDueTrashAsync(long after, int limit, CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<long>(
            new(SqlUsersWithDueTrash, new { after, limit }, commandTimeout: 0, cancellationToken: ct))).AsList(), ct);

    /// <summary>A statement of its own, so that the next one sees what a restore has done.</summary>
    private const string SqlLockForPurge = "select pg_advisory_xact_lock(@userId)";

    private const string SqlMarkDue = $"""
        update file_nodes t set purging_at = now()
        where t.id = any(array(
            select n.id from file_nodes n
            join users u on u.id = n.user_id join plans p on p.id = u.plan_id
            where n.user_id = @userId and {DueTrash} order by n.id limit @limit))
        """;

    /// <summary>Marks what is due in a user's trash. Returns how many tops; fewer than the limit: all.</summary>
    internal Task<int> MarkDueTrashAsync(long userId, int limit, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            var connection = transaction.Connection!;
            await connection.ExecuteAsync(new(SqlLockForPurge, new { userId }, transaction, cancellationToken: ct));
            return await connection.ExecuteAsync(
                new(SqlMarkDue, new { userId, limit }, transaction, cancellationToken: ct));
        }, ct);

    private const string SqlPurgedTops = """
        select id, user_id from file_nodes where purging_at is not null order by id limit @limit
        """;

    /// <summary>Marked tops, the first ones by id.</summary>
    internal Task<List<PurgedTop>> PurgedTopsAsync(int limit, CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<PurgedTop>(
            new(SqlPurgedTops, new { limit }, cancellationToken: ct))).AsList(), ct);

    private const string SqlLockForPurgeStep = "select pg_advisory_xact_lock_shared(@UserId)";

    /// <summary>
    /// Files and empty folders go; a folder with members becomes a marked top itself, so that no step ever walks a
    /// tree, however deep it is.
    /// </summary>
    private const string SqlPurgeMembers = """
        with members as (
            select m.id, m.is_folder and exists (select from file_nodes c where c.parent_id = m.id) as is_full
            from file_nodes m where m.parent_id = @Id limit @limit
        ), freed as (
            update file_nodes f set parent_id = null, trashed_at = now(), purging_at = now()
            where f.id = any(array(select id from members where is_full))
        ), gone as (
            delete from file_nodes g where g.id = any(array(select id from members where not is_full)) returning g.size
        )
        select (select count(*) from members) as members, count(*) as nodes, coalesce(sum(size), 0)::bigint as bytes
        from gone
        """;

    private const string SqlPurgeTop =
        "delete from file_nodes where id = @Id and purging_at is not null returning size";

    private sealed record PurgedMembers(long Members, long Nodes, long Bytes);

    /// <summary>
    /// Removes a part of what hangs below a marked top, and in the end the top. What it took is the user's again in the
    /// same transaction.
    /// </summary>
    internal Task<PurgeStep> PurgeAsync(PurgedTop top, int limit, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            var connection = transaction.Connection!;
            await connection.ExecuteAsync(new(SqlLockForPurgeStep, top, transaction, cancellationToken: ct));
            var gone = await connection.QuerySingleAsync<PurgedMembers>(new(
                SqlPurgeMembers, new { top.Id, limit }, transaction, cancellationToken: ct));
            var size = gone.Members > 0 ? null : await connection.ExecuteScalarAsync<long?>(
                new(SqlPurgeTop, top, transaction, cancellationToken: ct));
            var nodes = gone.Nodes + (size is null ? 0 : 1);
            var bytes = gone.Bytes + (size ?? 0);
            await UsageTable.ChargeAsync(transaction, top.UserId, -bytes, -nodes, ct);
            return new PurgeStep(nodes, bytes, IsOver: gone.Members == 0);
        }, ct);
}
