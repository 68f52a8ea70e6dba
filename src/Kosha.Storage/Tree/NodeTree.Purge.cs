using Dapper;
using Kosha.Storage.Accounts;
using Kosha.Storage.Webhooks;
using Npgsql;

namespace Kosha.Storage.Tree;

/// <summary>The top of something in the trash that is being removed for good.</summary>
internal sealed record PurgedTop(long Id, long UserId);

/// <summary>What one step of a purge removed.</summary>
/// <param name="Nodes">How many.</param>
/// <param name="Bytes">Their sizes, together, and those of their versions.</param>
/// <param name="IsOver">Nothing is left of the top.</param>
internal sealed record PurgeStep(long Nodes, long Bytes, bool IsOver);

/// <summary>Tops without members that a purge removed.</summary>
internal sealed record PurgedLeaves
{
    public long[] Ids { get; init; } = [];

    /// <summary>Their sizes, together, and those of their versions.</summary>
    public long Bytes { get; init; }
}

/// <summary>
/// The end of the trash. A top is marked first, from when on it is not listed and cannot be restored; then it goes in
/// small transactions, each of which leaves a tree. None waits for a user who is busy: it gives null, and the next
/// purge tries again.
/// </summary>
public sealed partial class NodeTree
{
    /// <summary>More days than a hundred years have are as good as for ever, and a date further back is none.</summary>
    private const string DueTrash = """
        n.trashed_at is not null and n.purging_at is null
        and n.trashed_at <= now() - make_interval(days => least(p.trash_days, 36500))
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

    /// <summary>
    /// Beside writes of files, and never while a folder or the trash changes as a whole. A statement of its own, so
    /// that the next one sees what a restore has done.
    /// </summary>
    private const string SqlTryBeside = "select pg_try_advisory_xact_lock_shared(@userId)";

    private static Task<bool> TryAsync(
        NpgsqlTransaction transaction, string sql, long userId, CancellationToken ct) =>
        transaction.Connection!.ExecuteScalarAsync<bool>(new(sql, new { userId }, transaction, cancellationToken: ct));

    private const string SqlMarkDue = $"""
        update file_nodes t set purging_at = now()
        where t.id = any(array(
            select n.id from file_nodes n
            join users u on u.id = n.user_id join plans p on p.id = u.plan_id
            where n.user_id = @userId and {DueTrash} limit @limit))
        returning t.id
        """;

    /// <summary>Marks what is due in a user's trash. Returns how many tops; fewer than the limit: all.</summary>
    internal Task<int?> MarkDueTrashAsync(long userId, int limit, CancellationToken ct) =>
        database.WriteAsync<int?>(async transaction =>
        {
            if (!await TryAsync(transaction, SqlTryBeside, userId, ct))
                return null;
            var marked = (await transaction.Connection!.QueryAsync<long>(new(
                SqlMarkDue, new { userId, limit }, transaction, commandTimeout: 0, cancellationToken: ct))).AsList();
            if (marked.Count > 0)
                await TellEventsAsync(
                    transaction, userId, marked.ConvertAll(id => new NodeEvent(WebhookEvents.FileDeleted, id)), ct);
            return marked.Count;
        }, ct);

    private const string SqlPurgedTops = """
        select id, user_id from file_nodes where purging_at is not null and id > @after order by id limit @limit
        """;

    /// <summary>Marked tops, a page by id.</summary>
    internal Task<List<PurgedTop>> PurgedTopsAsync(long after, int limit, CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<PurgedTop>(
            new(SqlPurgedTops, new { after, limit }, cancellationToken: ct))).AsList(), ct);

    private const string SqlPurgedTopsOf = """
        select id, user_id from file_nodes where purging_at is not null and user_id = @userId order by id limit @limit
        """;

    /// <summary>Some of a user's marked tops.</summary>
    internal Task<List<PurgedTop>> PurgedTopsOfAsync(long userId, int limit, CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<PurgedTop>(
            new(SqlPurgedTopsOf, new { userId, limit }, cancellationToken: ct))).AsList(), ct);

    private const string SqlPurgeLeaves = """
        with leaves as materialized (
            select n.id from file_nodes n
            where n.id = any(@ids) and n.purging_at is not null
              and not exists (select from file_nodes c where c.parent_id = n.id offset 0)
        ), old as (
            delete from versions v where v.node_id = any(array(select id from leaves)) returning v.size
        ), links as (
            delete from share_links s where s.node_id = any(array(select id from leaves))
        ), gone as (
            delete from file_nodes g where g.id = any(array(select id from leaves)) returning g.id, g.size
        )
        select coalesce(array_agg(id), '{}') as ids,
               (coalesce(sum(size), 0) + (select coalesce(sum(size), 0) from old))::bigint as bytes
        from gone
        """;

    /// <summary>Removes those of a user's marked tops that have no members: files, for the most part.</summary>
    internal Task<PurgedLeaves?> PurgeLeavesAsync(long userId, long[] ids, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            if (!await TryAsync(transaction, SqlTryBeside, userId, ct))
                return null;
            var gone = await transaction.Connection!.QuerySingleAsync<PurgedLeaves>(
                new(SqlPurgeLeaves, new { ids }, transaction, commandTimeout: 0, cancellationToken: ct));
            await UsageTable.ChargeAsync(transaction, userId, -gone.Bytes, -gone.Ids.Length, ct);
            return gone;
        }, ct);

    /// <summary>
    /// Files and empty folders go; a folder with members becomes a marked top itself, so that no step ever walks a
    /// tree, however deep it is.
    /// </summary>
    private const string SqlPurgeMembers = """
        with members as (
            select m.id, m.is_folder and exists (select from file_nodes c where c.parent_id = m.id offset 0) as is_full
            from file_nodes m where m.parent_id = @Id limit @limit
        ), freed as (
            update file_nodes f set parent_id = null, trashed_at = now(), purging_at = now()
            where f.id = any(array(select id from members where is_full))
        ), old as (
            delete from versions v where v.node_id = any(array(select id from members where not is_full))
            returning v.size
        ), links as (
            delete from share_links s where s.node_id = any(array(select id from members where not is_full))
        ), gone as (
            delete from file_nodes g where g.id = any(array(select id from members where not is_full)) returning g.size
        )
        select (select count(*) from members) as members, count(*) as nodes,
               (coalesce(sum(size), 0) + (select coalesce(sum(size), 0) from old))::bigint as bytes
        from gone
        """;

    private const string SqlPurgeTop = """
        with top as materialized (
            select n.id from file_nodes n where n.id = @Id and n.purging_at is not null
        ), old as (
            delete from versions v where v.node_id = any(array(select id from top)) returning v.size
        ), links as (
            delete from share_links s where s.node_id = any(array(select id from top))
        ), gone as (
            delete from file_nodes g where g.id = any(array(select id from top)) returning g.size
        )
        select (size + (select coalesce(sum(size), 0) from old))::bigint from gone
        """;

    private sealed record PurgedMembers(long Members, long Nodes, long Bytes);

    /// <summary>
    /// Removes a part of what hangs below a marked top, and in the end the top. What it took is the user's again in the
    /// same transaction.
    /// </summary>
    internal Task<PurgeStep?> PurgeAsync(PurgedTop top, int limit, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            if (!await TryAsync(transaction, SqlTryBeside, top.UserId, ct))
                return null;
            var connection = transaction.Connection!;
            var gone = await connection.QuerySingleAsync<PurgedMembers>(new(
                SqlPurgeMembers, new { top.Id, limit }, transaction, commandTimeout: 0, cancellationToken: ct));
            // Nothing can come below a marked top.
            var isOver = gone.Members < limit;
            var size = isOver
                ? await connection.ExecuteScalarAsync<long?>(new(SqlPurgeTop, top, transaction, cancellationToken: ct))
                : null;
            var nodes = gone.Nodes + (size is null ? 0 : 1);
            var bytes = gone.Bytes + (size ?? 0);
            await UsageTable.ChargeAsync(transaction, top.UserId, -bytes, -nodes, ct);
            return new PurgeStep(nodes, bytes, isOver);
        }, ct);
}
