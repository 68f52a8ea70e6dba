using Dapper;
using Kosha.Storage.Webhooks;
using Npgsql;

namespace Kosha.Storage.Tree;

/// <summary>What webhooks are told of the tree: what became of a node, never of what hangs below it.</summary>
public sealed partial class NodeTree
{
    /// <summary>Of one node.</summary>
    /// <param name="Type">One of <see cref="WebhookEvents"/>.</param>
    /// <param name="NodeId">The row must be there.</param>
    /// <param name="From">Where it stood before; null: that says nothing.</param>
    private sealed record NodeEvent(string Type, long NodeId, Place? From = null);

    /// <summary>
    /// Paths are those of the user, whatever the caller's root is; of what is in the trash, where it stood, also if
    /// what it stood in was trashed later (never earlier, so that the way up has an end). Where nobody listens it reads
    /// nothing else. A path that no payload has room for is left out.
    /// </summary>
    private const string SqlTellNodes = $"""
        with recursive up as (
            select i.place, false as is_from, n.parent_id, n.names
            from unnest(@ids) with ordinality i (id, place)
            cross join lateral (
                select coalesce(f.parent_id, f.original_parent_id) as parent_id, array[f.name] as names
                from file_nodes f where f.id = i.id limit 1) n
            where {Outbox.IsWatched}
            union all
            select i.place, true, i.folder_id, array[i.name]
            from unnest(@fromIds, @fromNames) with ordinality i (folder_id, name, place)
            where i.folder_id is not null and {Outbox.IsWatched}
            union all
            select up.place, up.is_from, p.parent_id, p.name || up.names
            from up
            cross join lateral (
                select coalesce(f.parent_id, f.original_parent_id) as parent_id, f.name
                from file_nodes f where f.id = up.parent_id limit 1) p
        ), paths as materialized (
            select w.place, w.is_from, case when octet_length(w.path) <= {MaxToldPath} then w.path end as path
            from (select place, is_from, array_to_string(names, '/') as path from up where parent_id is null) w
        ), told as (
            select i.place, i.type, i.id as node_id, json_strip_nulls(json_build_object(
                'userId', @UserId,
                'node', json_build_object(
                    'id', n.id, 'parentId', coalesce(n.parent_id, n.original_parent_id), 'name', n.name,
                    'path', p.path, 'isFolder', n.is_folder, 'size', n.size, 'contentType', n.content_type,
                    'etag', case when not n.is_folder then '"' || replace(n.etag::text, '-', '') || '"' end,
                    'created', n.created_at, 'modified', n.modified_at),
                'from', case when i.folder_id is not null then json_build_object(
                    'parentId', i.folder_id, 'name', i.name, 'path', o.path) end)) as data
            from unnest(@ids, @types, @fromIds, @fromNames) with ordinality i (id, type, folder_id, name, place)
            cross join lateral (select f.* from file_nodes f where f.id = i.id limit 1) n
            left join paths p on p.place = i.place and not p.is_from
            left join paths o on o.place = i.place and o.is_from
            where {Outbox.IsWatched}
        )
        {Outbox.SqlTell}
        """;

    /// <summary>In bytes: two of them have room in a payload, also where JSON writes each letter as two.</summary>
    private const string MaxToldPath = "12000";

    /// <summary>Tells of nodes whose rows the transaction holds, in order. One statement.</summary>
    private static Task TellEventsAsync(
        NpgsqlTransaction transaction, long userId, IReadOnlyCollection<NodeEvent> events, CancellationToken ct) =>
        transaction.Connection!.ExecuteAsync(new(SqlTellNodes, new
        {
            UserId = userId,
            ids = events.Select(told => told.NodeId).ToArray(),
            types = events.Select(told => told.Type).ToArray(),
            fromIds = events.Select(told => told.From?.Folder.Id).ToArray(),
            fromNames = events.Select(told => told.From?.Path.Name).ToArray(),
        }, transaction, cancellationToken: ct));

    /// <summary>The same of nodes at places, where somebody listens.</summary>
    private static Task TellEventsAsync(
        NpgsqlTransaction transaction, Place[] places, Func<Place, NodeEvent> tell, CancellationToken ct) =>
        places is [{ IsWatched: true } first, ..]
            ? TellEventsAsync(transaction, first.Existing.UserId, Array.ConvertAll(places, place => tell(place)), ct)
            : Task.CompletedTask;

    /// <summary>The same of nodes that stand at their places now.</summary>
    private static Task TellEventsAsync(
        NpgsqlTransaction transaction, Place place, string type, IReadOnlyCollection<long> ids, CancellationToken ct) =>
        place.IsWatched && ids.Count > 0
            ? TellEventsAsync(transaction, UserOf(place), [.. ids.Select(id => new NodeEvent(type, id))], ct)
            : Task.CompletedTask;

    private static long UserOf(Place place) => (place.Node ?? place.Folder).UserId;

    private static Task TellTrashedAsync(NpgsqlTransaction transaction, Place[] places, CancellationToken ct) =>
        TellEventsAsync(transaction, places, place => new(WebhookEvents.FileTrashed, place.Existing.Id), ct);

    /// <summary>Of files that take the place of files, before they do.</summary>
    private static Task TellMergedAsync(
        NpgsqlTransaction transaction, IReadOnlyList<Relocation> moves, CancellationToken ct) =>
        TellEventsAsync(
            transaction, [.. moves.Where(move => move.IsFileOverFile).Select(move => move.From)],
            from => new(WebhookEvents.FileDeleted, from.Existing.Id), ct);

    /// <summary>Of nodes at their targets.</summary>
    private static Task TellMovedAsync(
        NpgsqlTransaction transaction, IReadOnlyList<Relocation> moves, CancellationToken ct) =>
        moves is [{ From.IsWatched: true } first, ..]
            ? TellEventsAsync(transaction, first.From.Existing.UserId, [.. moves.Select(move => move.IsFileOverFile
                ? new NodeEvent(WebhookEvents.FileUpdated, move.To.Existing.Id)
                : new NodeEvent(WebhookEvents.FileMoved, move.From.Existing.Id, move.From))], ct)
            : Task.CompletedTask;
}
