using System.Globalization;
using Dapper;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;
using Kosha.Storage.Webhooks;
using Npgsql;

namespace Kosha.Storage.Tree;

/// <summary>What is to become of nodes in the trash.</summary>
/// <param name="ParentId">The folder that they come to; null: each to where it stood, or to the top if that folder is
/// gone or in the trash itself.</param>
/// <param name="MayRename">What has a taken name gets another one; else nothing is restored at all.</param>
public sealed record RestoreWish(long? ParentId, bool MayRename);

/// <summary>The way back out of the trash.</summary>
public sealed partial class NodeTree
{
    /// <summary>Names that a restore tries for a node.</summary>
    private const int MaxRestoredNames = 1000;

    /// <summary>Names that it looks up at once, after the first.</summary>
    private const int NamesPerLook = 50;

    private const string SqlRestoreFolders = $"""
        with recursive wished as (
            select distinct coalesce(@ParentId::bigint, n.original_parent_id) as id
            from users u
            cross join unnest(@ids) i (id)
            cross join lateral (
                select f.original_parent_id from file_nodes f
                where f.id = i.id and f.user_id = u.id and f.trashed_at is not null limit 1) n
            where {Caller.Holds}
        ), up as (
            select w.id as folder_id, n.parent_id, n.name, 0 as height
            from wished w
            cross join lateral (
                select f.parent_id, f.name from file_nodes f
                where f.id = w.id and f.user_id = @UserId and f.is_folder and f.trashed_at is null limit 1) n
            union all
            select up.folder_id, n.parent_id, n.name, up.height + 1
            from up
            cross join lateral (
                select f.parent_id, f.name from file_nodes f
                where f.id = up.parent_id and f.trashed_at is null limit 1) n
        )
        select folder_id, coalesce(array_agg(name order by height desc) filter (where parent_id is not null), '{"{}"}')
            as names
        from up group by folder_id having bool_or(parent_id is null)
        """;

    private sealed record RestoreFolder
    {
        public long FolderId { get; init; }

        public string[] Names { get; init; } = [];
    }

    /// <summary>
    /// Puts tops of the trash back with whatever hangs below, all or none: what is in the trash is charged already.
    /// Faults: NotFound (one of them is not in the trash), ParentMissing (the folder is not there), AlreadyExists,
    /// InvalidName (too deep), InvalidValue (too many at once).
    /// </summary>
    /// <returns>What they are now.</returns>
    public Task<IReadOnlyList<FileNode>> RestoreAsync(
        Caller caller, IReadOnlyCollection<long> nodeIds, RestoreWish wish, WriteConditions conditions,
        CancellationToken ct)
    {
        caller.RequireWrite();
        caller.RequireAllFiles();
        var ids = RequireSome(nodeIds);
        return ResolvedAsync(async () =>
        {
            var rows = await database.ReadAsync(async connection => (await connection.QueryAsync<RestoreFolder>(new(
                SqlRestoreFolders, caller.With(new { ids, wish.ParentId }), cancellationToken: ct))).AsList(), ct);
            long[] below = [.. rows.Where(row => row.Names.Length > 0).Select(row => row.FolderId)];
            var heights = below.Length > 0 ? await HeightsAsync(caller, ids, wish.ParentId, below, ct) : [];
            NodePath[] paths = [NodePath.Root, .. rows.Select(row => NodePath.Root.Append(row.Names))];
            return await WriteAsync(caller, paths, conditions, (transaction, places, hold) =>
            {
                RequireAlone(hold);
                var folders = new Dictionary<long, Place>();
                foreach (var (place, row) in places.Skip(1).Zip(rows))
                    folders[row.FolderId] = place.Node?.Id == row.FolderId ? place : throw new MovedAwayException();
                return RestoreAsync(
                    transaction, caller, ids, wish, new(places[0], folders, heights), conditions, ct);
            }, ct);
        });
    }

    private const string SqlHeights = $"""
        with recursive down as (
            select n.id as top_id, n.trashed_at, n.id, n.is_folder, 0 as height
            from users u
            cross join unnest(@ids) i (id)
            cross join lateral (
                select f.id, f.trashed_at, f.is_folder from file_nodes f
                where f.id = i.id and f.user_id = u.id and f.trashed_at is not null
                  and coalesce(@parentId::bigint, f.original_parent_id) = any(@below) limit 1) n
            where {Caller.Holds}
            union all
            select d.top_id, d.trashed_at, n.id, n.is_folder, d.height + 1
            from down d
            cross join lateral (select c.id, c.is_folder from file_nodes c where c.parent_id = d.id offset 0) n
            where d.is_folder and d.height < @MaxDepth)
        select top_id, trashed_at, max(height) as levels from down group by top_id, trashed_at
        """;

    /// <param name="TopId">Of something in the trash.</param>
    /// <param name="TrashedAt">When it came there.</param>
    /// <param name="Levels">Below it.</param>
    private sealed record Height(long TopId, DateTime TrashedAt, int Levels);

    /// <summary>
    /// How many levels hang below tops of the trash that come into one of these folders. It goes down all of them
    /// before the transaction, whose lock keeps every other write of the user away: as long as something stays in the
    /// trash nothing comes in below it.
    /// </summary>
    private Task<Dictionary<long, Height>> HeightsAsync(
        Caller caller, long[] ids, long? parentId, long[] below, CancellationToken ct) =>
        CostlyReadAsync(caller, async connection => (await connection.QueryAsync<Height>(new(
            SqlHeights, caller.With(new { ids, parentId, below, NodePath.MaxDepth }), null, TreePatienceSeconds,
            cancellationToken: ct))).ToDictionary(height => height.TopId), ct);

    private const string SqlTrashedNodes = $"""
        select n.original_parent_id as origin, n.trashed_at, {SmallColumns} from file_nodes n
        where n.id = any(@ids) and n.user_id = @UserId and n.trashed_at is not null and n.purging_at is null
        order by n.id for update of n
        """;

    private sealed record TrashedOrigin(long? Origin, DateTime TrashedAt);

    /// <summary>Live folders of a restore.</summary>
    /// <param name="Root">The user's.</param>
    /// <param name="ById">Those that are wished for, or that something stood in.</param>
    /// <param name="Heights">Of what is in the trash; of nothing where all comes to the top.</param>
    private sealed record RestorePlaces(
        Place Root, Dictionary<long, Place> ById, Dictionary<long, Height> Heights)
    {
        public Place Of(long? parentId, long? origin) => parentId is { } wished
            ? ById.GetValueOrDefault(wished) ?? throw new StorageException(
                StorageFault.ParentMissing, "The folder to restore to is not there.")
            : origin is { } id && ById.TryGetValue(id, out var place) ? place : Root;
    }

    /// <summary>A node on its way out of the trash.</summary>
    private sealed record Restored(FileNode Node, DateTime TrashedAt, Place Folder)
    {
        public string Name { get; set; } = Node.Name;
    }

    private static async Task<IReadOnlyList<FileNode>> RestoreAsync(
        NpgsqlTransaction transaction, Caller caller, long[] ids, RestoreWish wish, RestorePlaces places,
        WriteConditions conditions, CancellationToken ct)
    {
        var userId = places.Root.Existing.UserId;
        var command = new CommandDefinition(
            SqlTrashedNodes, new { ids, UserId = userId }, transaction, cancellationToken: ct);
        var nodes = (await transaction.Connection!.QueryAsync<TrashedOrigin, FileNode, Restored>(
            command, (at, node) => new(node, at.TrashedAt, places.Of(wish.ParentId, at.Origin)))).AsList();
        if (nodes.Count < ids.Length)
            throw NotInTrash();
        foreach (var folder in nodes.Select(node => node.Folder).Distinct())
            folder.RequireTokenForContent(conditions);
        RequireShallow(nodes, places.Heights);
        await NameAsync(transaction, nodes, wish.MayRename, ct);
        await AuditTable.AddAsync(transaction, new(AuditActions.Restore, caller),
            [.. nodes.Select(one => ((long?)one.Node.Id, (string?)$"{one.Folder.Path.Append(one.Name)}"))], ct);
        var restored = await PutBackAsync(transaction, nodes, ct);
        await TellEventsAsync(transaction, places.Root, WebhookEvents.FileRestored, ids, ct);
        return restored;
    }

    /// <summary>What comes to the top is never too deep.</summary>
    private static void RequireShallow(List<Restored> nodes, Dictionary<long, Height> heights)
    {
        foreach (var (node, trashedAt, folder) in nodes.Where(restored => !restored.Folder.Path.IsRoot))
        {
            // It was out of the trash since it was measured, and may have grown.
            if (!heights.TryGetValue(node.Id, out var height) || height.TrashedAt != trashedAt)
                throw new MovedAwayException();
            if (folder.Path.Depth + 1 + height.Levels > NodePath.MaxDepth)
                throw new StorageException(StorageFault.InvalidName,
                    $"Where it would be restored the tree would have more than {NodePath.MaxDepth} levels.");
        }
    }

    // Names -----------------------------------------------------------------------------------------------------------

    private const string SqlTaken = $"""
        select {SmallColumns}
        from unnest(@parentIds, @names) as w (parent_id, name)
        cross join lateral (
            select c.* from file_nodes c where c.parent_id = w.parent_id and c.name = w.name collate "C" limit 1) n
        """;

    private sealed record NamedPlace(long ParentId, string Name);

    /// <summary>Gives each node a name that is free in its folder, also beside the others.</summary>
    private static async Task NameAsync(
        NpgsqlTransaction transaction, List<Restored> nodes, bool mayRename, CancellationToken ct)
    {
        var given = new HashSet<NamedPlace>();
        var waiting = nodes;
        for (var (first, count) = (0, 1); waiting.Count > 0; (first, count) = (first + count, NamesPerLook))
        {
            var wished = waiting.ConvertAll(restored => NamesOf(restored, first, count));
            var pairs = wished.SelectMany(places => places).Distinct().ToArray();
            var parameters = new
            {
                parentIds = pairs.Select(place => place.ParentId).ToArray(),
                names = pairs.Select(place => place.Name).ToArray(),
            };
            var taken = (await transaction.Connection!.QueryAsync<FileNode>(
                new(SqlTaken, parameters, transaction, cancellationToken: ct)))
                .ToDictionary(node => new NamedPlace(node.ParentId!.Value, node.Name));
            var left = new List<Restored>();
            foreach (var (restored, places) in waiting.Zip(wished))
            {
                if (places.Find(place => !taken.ContainsKey(place) && given.Add(place)) is { } free)
                    restored.Name = free.Name;
                else
                    left.Add(restored);
            }
            if (left.Count > 0 && (!mayRename || first >= MaxRestoredNames))
                throw AlreadyExists(
                    $"{left[0].Folder.Path.Append(left[0].Node.Name)} exists already. Nothing was restored.",
                    [.. taken.Values]);
            waiting = left;
        }
    }

    /// <summary>Some of "a.txt", "a (restored).txt", "a (restored 2).txt" …</summary>
    private static List<NamedPlace> NamesOf(Restored restored, int first, int count)
    {
        var (stem, extension) = NodePath.SplitForMark(restored.Node.Name, restored.Node.IsFolder);
        return [.. Enumerable.Range(first, count).Select(n => new NamedPlace(restored.Folder.Existing.Id, n switch
        {
            0 => restored.Node.Name,
            1 => $"{stem} (restored){extension}",
            _ => string.Create(CultureInfo.InvariantCulture, $"{stem} (restored {n}){extension}"),
        }))];
    }

    /// <inheritdoc cref="SqlMove"/>
    private const string SqlPutBack = $"""
        update file_nodes n set
            parent_id = w.parent_id, name = w.name, name_folded = w.folded,
            trashed_at = null, original_parent_id = null,
            -- As after a move: the time says nothing about when this name got this content.
            modified_by_client = true
        from unnest(@ids, @parentIds, @names, @folded) as w (id, parent_id, name, folded)
        where n.id = w.id and n.id = any(@ids) returning {SmallColumns}
        """;

    private static async Task<IReadOnlyList<FileNode>> PutBackAsync(
        NpgsqlTransaction transaction, List<Restored> nodes, CancellationToken ct)
    {
        var parameters = new
        {
            ids = nodes.Select(restored => restored.Node.Id).ToArray(),
            parentIds = nodes.Select(restored => restored.Folder.Existing.Id).ToArray(),
            names = nodes.Select(restored => restored.Name).ToArray(),
            folded = nodes.Select(restored => NodePath.Fold(restored.Name)).ToArray(),
        };
        return (await transaction.Connection!.QueryAsync<FileNode>(
            new(SqlPutBack, parameters, transaction, cancellationToken: ct))).AsList();
    }
}
