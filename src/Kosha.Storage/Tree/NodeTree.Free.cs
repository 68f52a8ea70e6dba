using Dapper;
using Kosha.Storage.Accounts;
using Kosha.Storage.Webhooks;
using Npgsql;

namespace Kosha.Storage.Tree;

/// <summary>
/// Room for a write that the plan does not allow: trash that is older than a day goes for good, the oldest first, in
/// the transaction of the write, and no more of it than the write needs.
/// </summary>
public sealed partial class NodeTree
{
    /// <summary>Whether a write does that; else it is refused. Only files and empty folders go so.</summary>
    public bool FreesTrash { get; init; }

    /// <summary>Looks at the trash while other writers take it away.</summary>
    private const int MaxFreeings = 5;

    /// <summary>What could go: of the thousand oldest things those without members.</summary>
    private const string OldTrash = """
        select t.id, t.trashed_at,
               t.size + coalesce((select sum(v.size) from versions v where v.node_id = t.id), 0) as bytes
        from (
            select n.id, n.trashed_at, n.size from file_nodes n
            where n.user_id = @UserId and n.trashed_at <= now() - interval '24 hours'
              and n.trashed_at is not null and n.purging_at is null
            order by n.trashed_at limit 1000) t
        where not exists (select from file_nodes c where c.parent_id = t.id offset 0)
        """;

    private const string SqlFreeable =
        $"select coalesce(sum(o.bytes), 0)::bigint as bytes, count(*) as nodes from ({OldTrash}) o;";

    private sealed record Freeable(long Bytes, long Nodes)
    {
        public static readonly Freeable Nothing = new(0, 0);
    }

    /// <summary>Nothing goes where all of it would not be enough.</summary>
    private const string SqlFree = $"""
        with need as (
            select coalesce(g.bytes + g.reserved_bytes + @bytes - @reserved - p.max_bytes, 0) as bytes,
                   coalesce(g.nodes + @nodes - p.max_nodes, 0) as nodes
            from usage g join users a on a.id = g.user_id join plans p on p.id = a.plan_id where g.user_id = @UserId
        ), old as materialized (
            select o.id, o.bytes,
                   coalesce(sum(o.bytes) over older, 0) as older_bytes, count(*) over older as older_nodes
            from ({OldTrash}) o
            window older as (order by o.trashed_at, o.id rows between unbounded preceding and 1 preceding)
        ), enough as materialized (
            select o.id from old o cross join need n
            where (o.older_bytes < n.bytes or o.older_nodes < n.nodes)
              and (select coalesce(sum(bytes), 0) from old) >= n.bytes and (select count(*) from old) >= n.nodes
        ), told as (
            select n.id as place, '{WebhookEvents.FileDeleted}' as type, n.id as node_id, json_build_object(
                'userId', @UserId, 'node', json_build_object(
                    'id', n.id, 'name', n.name, 'isFolder', n.is_folder, 'size', n.size)) as data
            from enough e cross join lateral (select f.* from file_nodes f where f.id = e.id limit 1) n
        ), outboxed as (
            {Outbox.SqlTell}
        ), versions_gone as (
            delete from versions v where v.node_id = any(array(select id from enough)) returning v.size
        ), links_gone as (
            delete from share_links s where s.node_id = any(array(select id from enough))
        ), gone as (
            delete from file_nodes n where n.id = any(array(select id from enough)) returning n.size
        ), freed as (
            select count(*) as nodes,
                   (coalesce(sum(size), 0) + (select coalesce(sum(size), 0) from versions_gone))::bigint as bytes
            from gone
        )
        update usage u set bytes = u.bytes - f.bytes, nodes = u.nodes - f.nodes from freed f
        where u.user_id = @UserId and exists (select from enough)
        returning true
        """;

    /// <summary>Takes bytes of the plan away for an upload. Fault: QuotaExceeded.</summary>
    internal Task ReserveAsync(NpgsqlTransaction transaction, long userId, long bytes, CancellationToken ct) =>
        ChargeAsync(transaction, userId, bytes: 0, nodes: 0, -bytes, ct);

    private async Task ChargeAsync(
        NpgsqlTransaction transaction, long userId, long bytes, long nodes, long reserved, CancellationToken ct)
    {
        if (!await UsageTable.TryChargeAsync(transaction, userId, bytes, nodes, reserved, ct))
            await FreeAndChargeAsync(transaction, userId, bytes, nodes, reserved, ct);
    }

    /// <summary>Visitors take nothing of the owner's trash away.</summary>
    private bool MayFree(Caller caller) => FreesTrash && caller.ShareLinkId is null;

    /// <summary>For a write that the plan has just not allowed. Fault: QuotaExceeded.</summary>
    private async Task FreeAndChargeAsync(
        NpgsqlTransaction transaction, long userId, long bytes, long nodes, long reserved, CancellationToken ct)
    {
        var parameters = new { UserId = userId, bytes, nodes, reserved };
        if (FreesTrash)
            await UsageTable.LockAsync(transaction, userId, ct);
        for (var freeing = 0; FreesTrash && freeing < MaxFreeings; freeing++)
        {
            // Others may have removed the same; what is left is looked at once more.
            if (await transaction.Connection!.ExecuteScalarAsync<bool?>(
                new(SqlFree, parameters, transaction, cancellationToken: ct)) is null)
                break;
            if (await UsageTable.TryChargeAsync(transaction, userId, bytes, nodes, reserved, ct))
                return;
        }
        throw UsageTable.Exceeded(bytes - reserved);
    }
}
