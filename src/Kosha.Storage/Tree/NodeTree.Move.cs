using Dapper;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;
using Kosha.Storage.Webhooks;
using Npgsql;

namespace Kosha.Storage.Tree;

public sealed partial class NodeTree
{
    /// <summary>
    /// The ids stand there twice, so that a plan made while the table was small goes by them, not through all of it.
    /// </summary>
    private const string SqlMove = """
        update file_nodes n set
            parent_id = w.folder_id, name = w.name, name_folded = w.folded,
            -- From here on the time says nothing about when this name got this content.
            modified_at = coalesce(@modifiedAt, n.modified_at), modified_by_client = true
        from unnest(@ids, @folderIds, @names, @folded) as w (id, folder_id, name, folded)
        where n.id = w.id and n.id = any(@ids)
        """;

    private const string SqlTakeOver = """
        update file_nodes t set
            blob_id = s.blob_id, size = s.size, etag = s.etag, content_type = s.content_type, properties = s.properties,
            modified_at = coalesce(@modifiedAt, s.modified_at), modified_by_client = true
        from file_nodes s where t.id = @targetId and s.id = @sourceId;
        """;

    /// <summary>Who was given the file finds it at its new place.</summary>
    private const string SqlTakeLinks = "update share_links set node_id = @targetId where node_id = @sourceId;";

    private const string SqlDelete = "delete from file_nodes where id = @sourceId;";

    /// <summary>
    /// Moves or renames a node: one row, whatever hangs below. A file over a file keeps the target's node (its links,
    /// favourites and versions, the old content among them) and takes the source's content and versions; any other node
    /// in the way goes to the trash. Faults: NotFound, ParentMissing, Cycle, RootIsFixed; ConditionFailed also if the
    /// target is there and <paramref name="overwrite"/> is false.
    /// </summary>
    /// <param name="modifiedAt">A new modification time (UTC), or null to keep it.</param>
    /// <returns>True if nothing stood at the target before.</returns>
    public Task<bool> MoveAsync(
        Caller caller, NodePath source, NodePath target, bool overwrite, DateTime? modifiedAt,
        WriteConditions conditions, CancellationToken ct) =>
        WriteAsync(caller, [source, target], conditions, async (transaction, places, hold) =>
        {
            var (from, to) = (places[0], places[1]);
            RequireExclusive(hold, from.Node);
            RequireExclusive(hold, to.Node);
            await MoveAsync(transaction, [new(from, to)], overwrite, modifiedAt, conditions, ct);
            await TellReplacedAsync(transaction, caller, [new(from, to)], ct);
            return to.Node is null;
        }, ct);

    /// <summary>A file that came over a file is told as little as a PUT over it: its old content is a version.
    /// </summary>
    private static async Task TellReplacedAsync(
        NpgsqlTransaction transaction, Caller caller, IReadOnlyList<Relocation> placed, CancellationToken ct)
    {
        Place[] gone = [.. placed.Where(one => one.To.Node is not null && !one.IsFileOverFile).Select(one => one.To)];
        if (gone.Length == 0)
            return;
        await TellAsync(transaction, new(AuditActions.Replace, caller), gone, ct);
        await TellTrashedAsync(transaction, gone, ct);
    }

    /// <summary>What is to come where.</summary>
    private sealed record Relocation(Place From, Place To)
    {
        /// <summary>Then the target's node stays.</summary>
        public bool IsFileOverFile => From.Node is { IsFolder: false } && To.Node is { IsFolder: false };
    }

    /// <summary>
    /// The same within a transaction that holds what it needs, of any number of nodes that do not lie one in another.
    /// It takes a fixed number of statements, and those of <see cref="ReplaceFileAsync"/> for each file over a file.
    /// </summary>
    /// <returns>By the id of what was moved, the node that stands at its target now.</returns>
    private async Task<Dictionary<long, long>> MoveAsync(
        NpgsqlTransaction transaction, IReadOnlyList<Relocation> moves, bool overwrite, DateTime? modifiedAt,
        WriteConditions conditions, CancellationToken ct)
    {
        var below = await LocksBelowAsync(transaction, moves.Select(move => move.From).Concat(
            moves.Select(move => move.To)), ct);
        foreach (var (from, to) in moves)
        {
            await RequireRemovableAsync(transaction, from, below, conditions, ct);
            RequireNotRoot(to);
            if (from.Path.Contains(to.Path) || to.Path.Contains(from.Path))
                throw Cycle(from.Path, to.Path);
            await RequireReplaceableAsync(transaction, to, overwrite, below, conditions, ct);
        }
        await RequireReachableAsync(transaction, moves, ct);
        await MoveToAsync(transaction, [.. moves.Where(move => !move.IsFileOverFile)], modifiedAt, ct);
        // While it is there: what takes a file's place is no node of its own any more.
        await TellMergedAsync(transaction, moves, ct);
        // Each asks whether the plan has room for the old content beside what those before it have left there.
        foreach (var (from, to) in moves.Where(move => move.IsFileOverFile))
            await ReplaceFileAsync(transaction, from.Existing, to, isMove: true, modifiedAt, conditions, ct);
        await TellMovedAsync(transaction, moves, ct);
        return moves.ToDictionary(move => move.From.Existing.Id, move =>
            (move.IsFileOverFile ? move.To : move.From).Existing.Id);
    }

    private static async Task MoveToAsync(
        NpgsqlTransaction transaction, IReadOnlyList<Relocation> moves, DateTime? modifiedAt, CancellationToken ct)
    {
        if (moves.Count == 0)
            return;
        await TrashNodesAsync(transaction, [.. moves.Select(move => move.To.Node).OfType<FileNode>()], ct);
        await DeleteLocksAsync(transaction, [.. moves.Select(move => move.From.Existing)], ct);
        var parameters = new
        {
            ids = moves.Select(move => move.From.Existing.Id).ToArray(),
            folderIds = moves.Select(move => move.To.Folder.Id).ToArray(),
            names = moves.Select(move => move.To.Path.Name).ToArray(),
            folded = moves.Select(move => NodePath.Fold(move.To.Path.Name)).ToArray(),
            modifiedAt,
        };
        await transaction.Connection!.ExecuteAsync(new(SqlMove, parameters, transaction, cancellationToken: ct));
    }

    /// <summary>
    /// A file takes the place of a file: the target's node gets the content, and a moved source goes. One round trip.
    /// </summary>
    private async Task ReplaceFileAsync(
        NpgsqlTransaction transaction, FileNode source, Place to, bool isMove, DateTime? modifiedAt,
        WriteConditions conditions, CancellationToken ct)
    {
        var target = to.Existing;
        // What the source brings does not count as kept under the writer's lock.
        var sql = SqlTakeOver + (IsKept(target, source.BlobId) ? SqlKeepVersion : "")
            + (isMove ? SqlTakeVersions + SqlTakeLinks + SqlDelete : "") + UsageTable.SqlCharge;
        var parameters = new
        {
            source.UserId, sourceId = source.Id, targetId = target.Id, nodeId = target.Id, modifiedAt,
            bytes = isMove ? -target.Size : source.Size - target.Size, nodes = isMove ? -1L : 0L, reserved = 0L,
            oldBlobId = target.BlobId, oldSize = target.Size, oldEtag = target.Etag, oldType = target.ContentType,
            oldModifiedAt = target.ModifiedAt,
            tokens = to.CoveringTokens(conditions), isSwap = false, MaxVersions,
        };
        if (await transaction.Connection!.ExecuteScalarAsync<bool?>(
            new(sql, parameters, transaction, cancellationToken: ct)) is null)
            await FreeAndChargeAsync(
                transaction, source.UserId, parameters.bytes, parameters.nodes, parameters.reserved, ct);
    }

    private static async Task RequireReplaceableAsync(
        NpgsqlTransaction transaction, Place to, bool overwrite, ILookup<long, NodeLock> below,
        WriteConditions conditions, CancellationToken ct)
    {
        _ = to.Folder;
        if (to.Node is not null && !overwrite)
            throw Place.Failed("Overwrite");
        to.RequireTokensForName(conditions);
        await RequireTokensBelowAsync(transaction, to, below, conditions, ct);
    }

    private static void RequireNotRoot(Place to)
    {
        if (to.Path.IsRoot)
            _ = to.Folder;
    }

    /// <summary>
    /// For a statement that goes down a tree of some million rows; whoever waits for the user's lock meanwhile is told
    /// to try again.
    /// </summary>
    private const int TreePatienceSeconds = 600;

    private const string SqlTooDeep = """
        with recursive down as (
            select t.id as top_id, t.id, t.depth, true as is_folder from unnest(@ids, @depths) as t (id, depth)
            union all
            select d.top_id, n.id, d.depth + 1, n.is_folder
            from down d
            cross join lateral (select c.id, c.is_folder from file_nodes c where c.parent_id = d.id offset 0) n
            where d.is_folder and d.depth <= @MaxDepth)
        select top_id from down where depth > @MaxDepth limit 1
        """;

    /// <summary>What moves further down must not end below the deepest path that a URL may have.</summary>
    private static async Task RequireReachableAsync(
        NpgsqlTransaction transaction, IReadOnlyList<Relocation> moves, CancellationToken ct)
    {
        var targets = moves
            .Where(move => move.From.Node is { IsFolder: true } && move.To.Path.Depth > move.From.Path.Depth)
            .ToDictionary(move => move.From.Existing.Id, move => move.To);
        if (targets.Count == 0)
            return;
        var parameters = new
        {
            ids = targets.Keys.ToArray(), depths = targets.Values.Select(to => to.Depth).ToArray(), NodePath.MaxDepth,
        };
        if (await transaction.Connection!.ExecuteScalarAsync<long?>(
            new(SqlTooDeep, parameters, transaction, TreePatienceSeconds, cancellationToken: ct)) is { } tooDeep)
            throw TooDeep(targets[tooDeep]);
    }

    private static StorageException TooDeep(Place to) => new(
        StorageFault.InvalidName, $"Below {to.Path} the tree would have more than {NodePath.MaxDepth} levels.");

    private static StorageException Cycle(NodePath source, NodePath target) => new(StorageFault.Cycle,
        source.Equals(target)
            ? $"{source} cannot be put onto itself."
            : $"{source} and {target} lie one in the other.");

    private const string SqlCopy = """
        with recursive below as (
            select @Id::bigint as id, @folderId::bigint as new_parent_id, 0 as depth,
                   nextval('file_nodes_id_seq') as new_id
            union all
            select n.id, b.new_id, b.depth + 1, nextval('file_nodes_id_seq')
            from below b
            cross join lateral (select c.id from file_nodes c where c.parent_id = b.id offset 0) n
            where @deep
        ), copied as (
            insert into file_nodes (
                id, user_id, parent_id, name, name_folded, is_folder, blob_id, size, etag, content_type,
                modified_at, modified_by_client, properties)
            overriding system value
            select b.new_id, n.user_id, b.new_parent_id,
                   case b.depth when 0 then @Name else n.name end,
                   case b.depth when 0 then @folded else n.name_folded end,
                   n.is_folder, n.blob_id, n.size, n.etag, n.content_type,
                   case b.depth when 0 then coalesce(@modifiedAt, n.modified_at) else n.modified_at end,
                   true,
                   n.properties
            -- Here and above by an index for each: a plan made when the table was small would read all of it.
            from below b cross join lateral (select f.* from file_nodes f where f.id = b.id limit 1) n
            returning size
        )
        select (select new_id from below where depth = 0) as id, count(*) as nodes,
               coalesce(sum(size), 0)::bigint as bytes, (select max(depth) from below) as levels
        from copied
        """;

    /// <param name="Id">Of the copy's top.</param>
    /// <param name="Nodes">How many.</param>
    /// <param name="Bytes">Their sizes, together.</param>
    /// <param name="Levels">Of folders and files below the copied node.</param>
    private sealed record CopiedRows(long Id, long Nodes, long Bytes, int Levels);

    /// <summary>
    /// Copies a node, with <paramref name="deep"/> all below it: rows only, no bytes, no versions, one statement. What
    /// stands at the target is replaced as by a move. Faults: as there, and QuotaExceeded.
    /// </summary>
    /// <returns>True if nothing stood at the target before.</returns>
    public Task<bool> CopyAsync(
        Caller caller, NodePath source, NodePath target, bool overwrite, bool deep, DateTime? modifiedAt,
        WriteConditions conditions, CancellationToken ct) =>
        WriteAsync(caller, [source, target], conditions, async (transaction, places, hold) =>
        {
            var (from, to) = (places[0], places[1]);
            RequireExclusive(hold, to.Node);
            await CopyAsync(transaction, from, to, overwrite, deep, modifiedAt, conditions, ct);
            await TellReplacedAsync(transaction, caller, [new(from, to)], ct);
            return to.Node is null;
        }, ct);

    /// <summary>The same within a transaction that holds what it needs.</summary>
    /// <returns>The node that stands at the target now.</returns>
    private async Task<long> CopyAsync(
        NpgsqlTransaction transaction, Place from, Place to, bool overwrite, bool deep, DateTime? modifiedAt,
        WriteConditions conditions, CancellationToken ct)
    {
        var node = from.Existing;
        from.RequireHttpConditions(conditions);
        RequireNotRoot(to);
        if (to.Path.Contains(from.Path) || (deep && from.Path.Contains(to.Path)))
            throw Cycle(from.Path, to.Path);
        var below = await LocksBelowAsync(transaction, [to], ct);
        await RequireReplaceableAsync(transaction, to, overwrite, below, conditions, ct);
        if (node.IsFolder || to.Node is not { IsFolder: false })
        {
            var id = await CopyToAsync(transaction, node, to, deep, modifiedAt, ct);
            await TellEventsAsync(transaction, to, WebhookEvents.FileCreated, [id], ct);
            return id;
        }
        await ReplaceFileAsync(transaction, node, to, isMove: false, modifiedAt, conditions, ct);
        await TellEventsAsync(transaction, to, WebhookEvents.FileUpdated, [to.Node.Id], ct);
        return to.Node.Id;
    }

    private async Task<long> CopyToAsync(
        NpgsqlTransaction transaction, FileNode node, Place to, bool deep, DateTime? modifiedAt, CancellationToken ct)
    {
        if (to.Node is not null)
            await TrashNodesAsync(transaction, [to.Node], ct);
        var parameters = new
        {
            node.Id, folderId = to.Folder.Id, to.Path.Name, folded = NodePath.Fold(to.Path.Name), deep, modifiedAt,
        };
        var copied = await transaction.Connection!.QuerySingleAsync<CopiedRows>(
            new(SqlCopy, parameters, transaction, TreePatienceSeconds, cancellationToken: ct));
        if (to.Depth + copied.Levels > NodePath.MaxDepth)
            throw TooDeep(to);
        await ChargeAsync(transaction, node.UserId, copied.Bytes, copied.Nodes, reserved: 0, ct);
        return copied.Id;
    }
}
