using Dapper;
using Kosha.Storage.Accounts;
using Npgsql;

namespace Kosha.Storage.Tree;

/// <summary>What becomes of a node whose name is taken in the folder that it comes to.</summary>
public enum NameConflict
{
    /// <summary>Nothing is done at all.</summary>
    Fail,

    /// <summary>It gets a number: "a (2).txt".</summary>
    Rename,

    /// <summary>It takes the place, as COPY and MOVE of the drive do.</summary>
    Replace,
}

/// <summary>What changes on one node; null leaves a thing as it is.</summary>
/// <param name="Name">The new name in the same folder.</param>
/// <param name="IsFavorite">Whether it is one of the user's favourites.</param>
/// <param name="ModifiedAt">The new modification time (UTC).</param>
public sealed record NodeChanges(string? Name, bool? IsFavorite, DateTime? ModifiedAt);

/// <summary>
/// Writes by id: the ids become paths, and the transaction that judges these paths, as for every other write, also asks
/// whether the ids still stand there. If not, all begins anew.
/// </summary>
public sealed partial class NodeTree
{
    /// <summary>Nodes that one call moves, copies or deletes.</summary>
    public const int MaxBatch = 500;

    /// <summary>Renames and moves of others that one call outlasts.</summary>
    private const int MaxResolutions = 10;

    /// <summary>As <see cref="Up"/>, for many ids at once and with the names of the way.</summary>
    private const string UpOfMany = $"""
        with recursive up as (
            select n.id, n.id as node_id, n.parent_id, array[n.name] as names
            from users u
            cross join unnest(@ids) i (id)
            cross join lateral (
                select f.id, f.parent_id, f.name from file_nodes f
                where f.id = i.id and f.user_id = u.id and f.trashed_at is null limit 1) n
            where {Caller.Holds}
            union all
            select p.id, up.node_id, p.parent_id, p.name || up.names
            from up
            cross join lateral (
                select f.id, f.parent_id, f.name from file_nodes f
                where f.id = up.parent_id and f.trashed_at is null limit 1) p
            where not ({IsTop})
        )
        """;

    private const string SqlPaths = UpOfMany + $" select up.node_id, up.names[2:] as names from up where {IsTop}";

    private sealed record PathRow
    {
        public long NodeId { get; init; }

        public string[] Names { get; init; } = [];
    }

    /// <summary>The stand of the ids moved away between two looks.</summary>
    private sealed class MovedAwayException : Exception;

    /// <param name="Transaction">Where it is done.</param>
    /// <param name="Sources">What the ids stand for, outermost alone.</param>
    /// <param name="Targets">Where they come to, in the same order; empty if they come nowhere.</param>
    /// <param name="Hold">How other writes are kept away.</param>
    private sealed record Batch(NpgsqlTransaction Transaction, Place[] Sources, Place[] Targets, Hold Hold);

    /// <summary>Where a live node stands. One statement. Fault: NotFound.</summary>
    public async Task<NodePath> PathAsync(Caller caller, long nodeId, CancellationToken ct) =>
        (await PathsAsync(caller, [nodeId], ct))[nodeId];

    private async Task<Dictionary<long, NodePath>> PathsAsync(
        Caller caller, IReadOnlyCollection<long> nodeIds, CancellationToken ct)
    {
        var ids = nodeIds.Distinct().ToArray();
        var rows = await database.ReadAsync(connection =>
            connection.QueryAsync<PathRow>(new(SqlPaths, caller.With(new { ids }), cancellationToken: ct)), ct);
        var paths = rows.ToDictionary(row => row.NodeId, row => NodePath.Root.Append(row.Names));
        return paths.Count == ids.Length ? paths : throw await MissingAsync(caller, ct);
    }

    /// <param name="parentId">The folder of the targets; null: each source's own.</param>
    /// <param name="newName">Of the only source's target; null: as the source's.</param>
    private async Task<T> WriteByIdAsync<T>(
        Caller caller, IReadOnlyCollection<long> ids, long? parentId, string? newName, WriteConditions conditions,
        Func<Batch, Task<T>> work, CancellationToken ct)
    {
        RequireBatch(ids);
        return await ResolvedAsync(async () =>
        {
            var paths = await PathsAsync(caller, parentId is { } folder ? [.. ids, folder] : ids, ct);
            return await WriteOnceAsync(caller, ids, paths, parentId, newName, conditions, work, ct);
        });
    }

    private static void RequireBatch(IReadOnlyCollection<long> ids)
    {
        if (ids.Count is 0 or > MaxBatch)
            throw new StorageException(StorageFault.InvalidValue, $"ids are 1 to {MaxBatch}.");
    }

    /// <summary>Work that looks where ids stand, and then writes there; once more while they move away.</summary>
    private static async Task<T> ResolvedAsync<T>(Func<Task<T>> work)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await work();
            }
            catch (MovedAwayException e)
            {
                if (attempt == MaxResolutions)
                    throw new StorageException(StorageFault.Unavailable,
                        "The files are renamed or moved all the time. Try again.", e);
            }
        }
    }

    private Task<T> WriteOnceAsync<T>(
        Caller caller, IReadOnlyCollection<long> ids, Dictionary<long, NodePath> paths, long? parentId, string? newName,
        WriteConditions conditions, Func<Batch, Task<T>> work, CancellationToken ct)
    {
        var chosen = Outermost(ids, paths);
        var sources = Array.ConvertAll(chosen, id => paths[id]);
        var targets = parentId is null && newName is null
            ? []
            : Array.ConvertAll(sources, source => source.IsRoot ? throw Place.RootIsFixed() : NodePath.FromNames(
                [.. (parentId is { } folder ? paths[folder] : source.Parent).Names, newName ?? source.Name]));
        return WriteAsync(caller, [.. sources, .. targets], conditions, (transaction, places, hold) =>
        {
            var (from, to) = (places[..chosen.Length], places[chosen.Length..(chosen.Length + targets.Length)]);
            if (from.Index().Any(p => p.Item.Node?.Id != chosen[p.Index]))
                throw new MovedAwayException();
            if (parentId is { } folder)
                RequireParent(folder, to);
            return work(new(transaction, from, to, hold));
        }, ct);
    }

    /// <summary>What lies below another one of the ids goes with it.</summary>
    private static long[] Outermost(IReadOnlyCollection<long> ids, Dictionary<long, NodePath> paths)
    {
        var all = ids.Select(id => paths[id]).ToHashSet();
        return [.. ids.Distinct().Where(id => !Enumerable.Range(0, paths[id].Depth).Any(depth =>
            all.Contains(paths[id].Take(depth))))];
    }

    private static void RequireParent(long parentId, Place[] targets)
    {
        foreach (var place in targets)
        {
            if (place.Parent?.Id != parentId)
                throw new MovedAwayException();
            if (!place.Parent.IsFolder)
                throw new StorageException(StorageFault.WrongKind, $"{place.Path.Parent} is a file.");
        }
    }

    private const string SqlByIds = $"select {SmallColumns} from file_nodes n where n.id = any(@ids)";

    private static async Task<IReadOnlyList<FileNode>> NodesAsync(
        NpgsqlTransaction transaction, IReadOnlyList<long> ids, CancellationToken ct)
    {
        var nodes = (await transaction.Connection!.QueryAsync<FileNode>(
            new(SqlByIds, new { ids = ids.Distinct().ToArray() }, transaction, cancellationToken: ct)))
            .ToDictionary(node => node.Id);
        return [.. ids.Select(id => nodes[id])];
    }

    // What is done --------------------------------------------------------------------------------------------------

    /// <summary>
    /// Makes a folder in another. Faults: NotFound; WrongKind if that is a file; AlreadyExists, QuotaExceeded.
    /// </summary>
    public Task<FileNode> CreateFolderAsync(
        Caller caller, long parentId, string name, WriteConditions conditions, CancellationToken ct) =>
        ResolvedAsync(async () =>
        {
            var path = NodePath.FromNames([.. (await PathAsync(caller, parentId, ct)).Names, name]);
            return await WriteAsync(caller, [path], conditions, (transaction, places, _) =>
            {
                RequireParent(parentId, places[..1]);
                return CreateFolderAsync(transaction, caller, places[0], conditions, ct);
            }, ct);
        });

    private const string SqlChange = $"""
        update file_nodes n set
            is_favorite = coalesce(@IsFavorite, n.is_favorite),
            modified_at = coalesce(@ModifiedAt, n.modified_at),
            modified_by_client = n.modified_by_client or @ModifiedAt::timestamptz is not null
        where n.id = @id returning {SmallColumns}
        """;

    /// <summary>
    /// Renames a node, marks it, sets its time. A mark is nobody's lock's concern. Faults: NotFound, RootIsFixed,
    /// AlreadyExists.
    /// </summary>
    public Task<FileNode> ChangeAsync(
        Caller caller, long nodeId, NodeChanges changes, WriteConditions conditions, CancellationToken ct) =>
        WriteByIdAsync(caller, [nodeId], parentId: null, changes.Name, conditions, async batch =>
        {
            var source = batch.Sources[0];
            if (batch.Targets is [var target] && !target.Path.Equals(source.Path))
            {
                RequireExclusive(batch.Hold, source.Node);
                if (target.Node is not null)
                    throw AlreadyExists($"{target.Path} exists already.", target.Node);
                await MoveAsync(
                    batch.Transaction, [new(source, target)], overwrite: false, null, conditions, ct);
            }
            else
                source.RequireHttpConditions(conditions);
            if (changes.ModifiedAt is not null)
                source.RequireTokenForContent(conditions);
            var parameters = new { id = nodeId, changes.IsFavorite, changes.ModifiedAt };
            return await batch.Transaction.Connection!.QuerySingleAsync<FileNode>(
                new(SqlChange, parameters, batch.Transaction, cancellationToken: ct));
        }, ct);

    /// <summary>
    /// Puts nodes into a folder, all or none; what is there already stays as it is. Faults: NotFound, WrongKind,
    /// RootIsFixed, Cycle; AlreadyExists, with what has the names.
    /// </summary>
    /// <param name="ids">At most <see cref="MaxBatch"/>; what lies below another of them goes with it.</param>
    /// <returns>What stands in the folder now for each of them.</returns>
    public Task<IReadOnlyList<FileNode>> MoveAsync(
        Caller caller, IReadOnlyCollection<long> ids, long parentId, NameConflict onConflict,
        WriteConditions conditions, CancellationToken ct) =>
        WriteByIdAsync(caller, ids, parentId, newName: null, conditions, async batch =>
        {
            foreach (var source in batch.Sources)
                RequireExclusive(batch.Hold, source.Node);
            return await PlaceAsync(batch, parentId, onConflict, mayStay: true, async moves =>
            {
                var placed = await MoveAsync(
                    batch.Transaction, moves, onConflict == NameConflict.Replace, null, conditions, ct);
                await TellReplacedAsync(batch.Transaction, caller, moves, ct);
                return placed;
            }, ct);
        }, ct);

    /// <summary>
    /// Copies nodes into a folder, all or none, one after the other: each is made, measured and charged as COPY does
    /// it, so that at the edge of a plan it frees and keeps the same. Faults: as of a move, and QuotaExceeded.
    /// </summary>
    /// <param name="ids">At most <see cref="MaxBatch"/>; what lies below another of them goes with it.</param>
    /// <returns>What stands in the folder now for each of them.</returns>
    public Task<IReadOnlyList<FileNode>> CopyAsync(
        Caller caller, IReadOnlyCollection<long> ids, long parentId, NameConflict onConflict,
        WriteConditions conditions, CancellationToken ct) =>
        WriteByIdAsync(caller, ids, parentId, newName: null, conditions, batch =>
            PlaceAsync(batch, parentId, onConflict, mayStay: false, async copies =>
            {
                var placed = new Dictionary<long, long>();
                foreach (var (from, to) in copies)
                    placed[from.Existing.Id] = await CopyAsync(
                        batch.Transaction, from, to, onConflict == NameConflict.Replace, deep: true, null, conditions,
                        ct);
                await TellReplacedAsync(batch.Transaction, caller, copies, ct);
                return placed;
            }, ct), ct);

    /// <summary>Moves nodes to the trash, all or none. Faults: NotFound, RootIsFixed.</summary>
    /// <param name="ids">At most <see cref="MaxBatch"/>; what lies below another of them goes with it.</param>
    public Task TrashAsync(
        Caller caller, IReadOnlyCollection<long> ids, WriteConditions conditions, CancellationToken ct) =>
        WriteByIdAsync(caller, ids, parentId: null, newName: null, conditions, async batch =>
        {
            foreach (var source in batch.Sources)
                RequireExclusive(batch.Hold, source.Node);
            await TrashAsync(batch.Transaction, caller, batch.Sources, conditions, ct);
            return true;
        }, ct);
}
