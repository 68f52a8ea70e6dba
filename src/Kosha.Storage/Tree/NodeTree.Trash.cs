using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Dapper;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;
using Kosha.Storage.Webhooks;
using Npgsql;

namespace Kosha.Storage.Tree;

/// <summary>The top of something in the trash, with whatever hangs below it. Times are UTC.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by Dapper.")]
public sealed record TrashedNode
{
    public long Id { get; init; }

    /// <summary>The one that it had.</summary>
    public string Name { get; init; } = "";

    public bool IsFolder { get; init; }

    /// <summary>Of a file, in bytes; 0 for a folder, whose members nobody adds up.</summary>
    public long Size { get; init; }

    /// <inheritdoc cref="FileNode.ContentType"/>
    public string? ContentType { get; init; }

    public DateTime TrashedAt { get; init; }

    /// <summary>When the plan's days are over; null: it stays for ever.</summary>
    public DateTime? KeptUntil { get; init; }

    /// <summary>
    /// The folder that it stood in, as a path without a slash at its begin; null: that folder is gone, or in the trash.
    /// </summary>
    public string? OriginalFolder { get; init; }
}

/// <summary>Of a node in the trash: where a page ended.</summary>
/// <param name="TrashedAt">As of the node.</param>
/// <param name="Id">As of the node.</param>
public sealed record TrashPosition(DateTime TrashedAt, long Id);

/// <summary>What the trash holds, at any depth; the versions of its files are not in it.</summary>
/// <param name="Files">How many.</param>
/// <param name="Bytes">Their sizes, together.</param>
/// <param name="IsMore">It holds more than that: not all was looked at.</param>
public sealed record TrashSize(long Files, long Bytes, bool IsMore);

/// <summary>The trash as its user sees it: what hangs below a top is not told apart from it.</summary>
public sealed partial class NodeTree
{
    private const string SqlTrashPage = $"""
        with recursive page as materialized (
            select n.id, n.name, n.is_folder, n.size, n.content_type, n.trashed_at, n.original_parent_id,
                   case when p.trash_days is not null
                       then n.trashed_at + make_interval(days => least(p.trash_days, 36500)) end as kept_until
            from users u
            join plans p on p.id = u.plan_id
            cross join lateral (
                select f.* from file_nodes f
                where f.user_id = u.id and f.trashed_at is not null and f.purging_at is null
                  and (f.trashed_at, f.id) < (coalesce(@TrashedAt::timestamptz, 'infinity'), coalesce(@Id::bigint, 0))
                order by f.trashed_at desc, f.id desc limit @limit) n
            where {Caller.Holds}
        ), up as (
            select o.id as folder_id, n.parent_id, n.name, 0 as height
            from (select distinct original_parent_id as id from page) o
            cross join lateral (
                select f.parent_id, f.name from file_nodes f
                where f.id = o.id and f.user_id = @UserId and f.trashed_at is null limit 1) n
            union all
            select up.folder_id, n.parent_id, n.name, up.height + 1
            from up
            cross join lateral (
                select f.parent_id, f.name from file_nodes f
                where f.id = up.parent_id and f.trashed_at is null limit 1) n
        ), origins as materialized (
            select folder_id, coalesce(string_agg(name, '/' order by height desc) filter (where parent_id is not null),
                '') as path
            from up group by folder_id having bool_or(parent_id is null)
        )
        select t.id, t.name, t.is_folder, t.size, t.content_type, t.trashed_at, t.kept_until,
               o.path as original_folder
        from page t left join origins o on o.folder_id = t.original_parent_id
        order by t.trashed_at desc, t.id desc
        """;

    /// <summary>
    /// A page of what the caller has in the trash, what came last first; shorter than the limit: the last one. One
    /// statement.
    /// </summary>
    /// <param name="caller">Whose.</param>
    /// <param name="after">The last one of the page before; null: from the start.</param>
    /// <param name="limit">Of nodes.</param>
    /// <param name="ct">Ends it.</param>
    public async Task<IReadOnlyList<TrashedNode>> ListTrashAsync(
        Caller caller, TrashPosition? after, int limit, CancellationToken ct)
    {
        caller.RequireAllFiles();
        var parameters = caller.With(new { after?.TrashedAt, after?.Id, limit });
        var page = await database.ReadAsync(async connection => (await connection.QueryAsync<TrashedNode>(
            new(SqlTrashPage, parameters, cancellationToken: ct))).AsList(), ct);
        if (page.Count == 0)
            await FindAsync(caller, NodePath.Root, ct);
        return page;
    }

    /// <summary>Files and folders that a measure of the trash looks at.</summary>
    public const int MaxMeasured = 100_000;

    private const string SqlTrashSize = $"""
        with recursive down as (
            select n.id, n.is_folder, n.size
            from users u
            cross join lateral (
                select f.id, f.is_folder, f.size from file_nodes f
                where f.user_id = u.id and f.trashed_at is not null and f.purging_at is null offset 0) n
            where {Caller.Holds}
            union all
            select n.id, n.is_folder, n.size
            from down d
            cross join lateral (
                select c.id, c.is_folder, c.size from file_nodes c where c.parent_id = d.id offset 0) n
            where d.is_folder
        )
        select count(*) filter (where not is_folder) as files, coalesce(sum(size), 0)::bigint as bytes,
               count(*) > @most as is_more
        from (select is_folder, size from down limit @most + 1) counted
        """;

    /// <summary>
    /// What the caller has in the trash, by one statement that goes down it until it has seen more than
    /// <paramref name="most"/> files and folders.
    /// </summary>
    public async Task<TrashSize> TrashSizeAsync(Caller caller, int most, CancellationToken ct)
    {
        caller.RequireAllFiles();
        var size = await CostlyReadAsync(caller, connection => connection.QuerySingleAsync<TrashSize>(
            new(SqlTrashSize, caller.With(new { most }), cancellationToken: ct)), ct);
        if (size.Files == 0)
            await FindAsync(caller, NodePath.Root, ct);
        return size;
    }

    // Removing --------------------------------------------------------------------------------------------------------

    private const string SqlMarkTrashed = """
        update file_nodes set purging_at = now()
        where id = any(@ids) and user_id = @UserId and trashed_at is not null and purging_at is null
        returning id, name
        """;

    private sealed record MarkedTop(long Id, string Name);

    /// <summary>
    /// Gives tops of the trash up, all or none: they are listed no more, and cannot be restored. What is marked so
    /// <see cref="Upkeep.TrashPurge"/> removes. Faults: NotFound, InvalidValue (too many at once).
    /// </summary>
    public Task MarkTrashAsync(Caller caller, IReadOnlyCollection<long> nodeIds, CancellationToken ct)
    {
        var ids = RequireSome(nodeIds);
        return MarkAsync(caller, async (transaction, root) =>
        {
            var marked = (await transaction.Connection!.QueryAsync<MarkedTop>(
                new(SqlMarkTrashed, new { ids, caller.UserId }, transaction, cancellationToken: ct))).AsList();
            if (marked.Count < ids.Length)
                throw NotInTrash();
            await AuditTable.AddAsync(transaction, new(AuditActions.Purge, caller),
                [.. marked.Select(top => ((long?)top.Id, (string?)top.Name))], ct);
            await TellEventsAsync(transaction, root, WebhookEvents.FileDeleted, ids, ct);
            return marked.Count;
        }, ct);
    }

    private const string SqlMarkAllTrashed = """
        update file_nodes t set purging_at = now()
        where t.id = any(array(
            select n.id from file_nodes n
            where n.user_id = @userId and n.trashed_at is not null and n.purging_at is null limit @limit))
        returning t.id
        """;

    /// <summary>Tops that are marked in one transaction.</summary>
    private const int MarkedAtOnce = 5000;

    /// <summary>The same of all that the caller has in the trash.</summary>
    public async Task MarkAllTrashAsync(Caller caller, CancellationToken ct)
    {
        var parameters = new { userId = caller.UserId, limit = MarkedAtOnce };
        while (await MarkAsync(caller, async (transaction, root) =>
        {
            var marked = (await transaction.Connection!.QueryAsync<long>(
                new(SqlMarkAllTrashed, parameters, transaction, cancellationToken: ct))).AsList();
            if (marked.Count > 0)
                await AuditTable.AddAsync(transaction, new(AuditActions.TrashEmpty, caller)
                {
                    Detail = string.Create(CultureInfo.InvariantCulture, $"{marked.Count} files and folders"),
                }, ct);
            await TellEventsAsync(transaction, root, WebhookEvents.FileDeleted, marked, ct);
            return marked.Count;
        }, ct) == MarkedAtOnce)
        {
        }
    }

    private static void RequireAlone(Hold hold)
    {
        if (hold == Hold.Shared)
            throw new NeedsExclusiveException();
    }

    private static long[] RequireSome(IReadOnlyCollection<long> nodeIds)
    {
        RequireBatch(nodeIds);
        return [.. nodeIds.Distinct()];
    }

    private static StorageException NotInTrash() =>
        new(StorageFault.NotFound, "Something of this is not in the trash. Nothing was changed.");

    private Task<int> MarkAsync(Caller caller, Func<NpgsqlTransaction, Place, Task<int>> mark, CancellationToken ct)
    {
        caller.RequireAllFiles();
        return WriteAsync(caller, [NodePath.Root], WriteConditions.None, (transaction, places, hold) =>
        {
            RequireAlone(hold);
            return mark(transaction, places[0]);
        }, ct);
    }
}
