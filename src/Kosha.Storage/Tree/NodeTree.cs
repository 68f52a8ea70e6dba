using System.Collections.Concurrent;
using Dapper;
using Kosha.Storage.Accounts;
using Kosha.Storage.Webhooks;
using Npgsql;

namespace Kosha.Storage.Tree;

/// <summary>
/// The tree of names: all SQL on <c>file_nodes</c>. Reads are one statement. A write is one transaction that begins
/// with the user's advisory lock, then finds its places anew, judges conditions and locks on them, and changes rows;
/// what was true before proves nothing.
/// </summary>
/// <remarks>
/// Faults of every method: <see cref="StorageFault.CredentialRevoked"/> and <see cref="StorageFault.Unavailable"/>. Of
/// every write, too: <see cref="StorageFault.ConditionFailed"/>, <see cref="StorageFault.Locked"/>,
/// <see cref="StorageFault.NotAllowed"/> (a credential that reads only).
/// </remarks>
public sealed partial class NodeTree(Database database)
{
    /// <summary>Tree writes of one user at once; more would only wait, each with a connection in its hand.</summary>
    private const int TurnsPerUser = 8;

    /// <summary>By user's id. They stay: there are no more of them than users.</summary>
    private readonly ConcurrentDictionary<long, SemaphoreSlim> turns = [];

    /// <summary>Columns of a <see cref="FileNode"/>, for a table named n.</summary>
    private const string Columns = SmallColumns + ", n.properties";

    /// <summary>The same without the dead properties, which may be large and which no write looks at.</summary>
    internal const string SmallColumns = """
        n.id, n.user_id, n.parent_id, n.name, n.is_folder, n.size, n.etag, n.content_type, n.created_at, n.modified_at,
        n.modified_by_client, n.is_favorite, n.blob_id
        """;

    /// <summary>
    /// The one predicate for "live", upward: the caller's credential holds, and the chain of parents of the folder
    /// comes to the caller's root. It stands in the same statement as the read or write that comes by id.
    /// </summary>
    private const string IsLive = $"""
        exists (
            with recursive up as (
                select f.id, f.parent_id from file_nodes f
                where f.id = @folderId and f.user_id = @UserId and f.trashed_at is null
                union all
                select p.id, p.parent_id from up join file_nodes p on p.id = up.parent_id where p.trashed_at is null)
            select from up cross join users u where {IsTop} and {Caller.Holds})
        """;

    /// <summary>
    /// The same predicate, downward and for any number of paths at once: every row of walk is live. No row at all means
    /// that the caller's credential no longer holds, for the root is always there. The lateral step with its limit
    /// keeps the planner from hashing a whole small table, and a cached plan from staying so when the table has grown.
    /// </summary>
    private const string Walk = $"""
        with recursive walk as (
            select p.ordinality::int - 1 as place, string_to_array(p.path, '/') as names, {CallerRoot} as id, 0 as depth
            from users u
            cross join unnest(@paths) with ordinality p (path, ordinality)
            where {Caller.Holds}
            union all
            select w.place, w.names, n.id, w.depth + 1
            from walk w
            cross join lateral (
                select c.id from file_nodes c where c.parent_id = w.id and c.name = w.names[w.depth + 1] limit 1) n
        )
        """;

    private const string SqlLockShared =
        $"select {CommitWitness.Sql}, pg_advisory_xact_lock_shared(@UserId);";

    private const string SqlLockExclusive =
        $"select {CommitWitness.Sql}, pg_advisory_xact_lock(@UserId);";

    private const string SqlLockFiles = Walk + """
        select n.id from file_nodes n
        where n.id = any(array(select id from walk where depth = cardinality(names))) and not n.is_folder
        order by n.id for update;
        """;

    private const string SqlPlaces = Walk + $"""
        select w.place, w.depth, {Outbox.IsWatched} as is_watched, {SmallColumns},
               l.token, l.node_id, l.is_exclusive, l.is_deep, l.owner, l.timeout_seconds, l.expires_at
        from walk w
        cross join lateral (select f.* from file_nodes f where f.id = w.id limit 1) n
        left join lateral (select k.* from locks k where k.node_id = w.id and k.expires_at > now() offset 0) l on true
        where w.depth >= cardinality(w.names) - 1 or w.depth = 0 or l.token is not null;
        """;

    /// <summary>
    /// A lock lives on while its holder writes (clients that were away over lunch must not lose their work), unless it
    /// lies outside what the caller reaches.
    /// </summary>
    internal const string SqlRefreshLocks = $"""
        update locks l set expires_at = greatest(l.expires_at, now() + make_interval(secs => l.timeout_seconds))
        from users u
        where l.user_id = u.id and l.token = any(@tokens) and l.expires_at > now() and {Caller.Holds}
          and (@RootId::bigint is null or exists (
            with recursive up as (
                select n.id, n.parent_id from file_nodes n where n.id = l.node_id
                union all
                select p.id, p.parent_id
                from up
                cross join lateral (select f.id, f.parent_id from file_nodes f where f.id = up.parent_id limit 1) p)
            select from up where up.id = @RootId));
        """;

    private sealed record Position(int Place, int Depth, bool IsWatched);

    private sealed record PlaceRow(Position At, FileNode Node, NodeLock? Lock);

    /// <summary>How a transaction keeps other tree writes of the same user away.</summary>
    internal enum Hold
    {
        /// <summary>Beside other writes; the files concerned are locked row by row.</summary>
        Shared,

        /// <summary>Alone: whatever changes a folder as a whole.</summary>
        Exclusive,
    }

    /// <summary>
    /// The places of a transaction need <see cref="Hold.Exclusive"/>, which shows only after finding them.
    /// </summary>
    private sealed class NeedsExclusiveException : Exception;

    /// <summary>
    /// Runs a write: takes the user's lock, finds the places of <paramref name="paths"/> and of the If header's tags,
    /// and judges the If header on the first path. The work is run again, under the exclusive lock, when it asks for
    /// that. What is asked <paramref name="also"/> is answered before.
    /// </summary>
    internal async Task<T> WriteAsync<T>(
        Caller caller, NodePath[] paths, WriteConditions conditions,
        Func<NpgsqlTransaction, Place[], Hold, Task<T>> work, CancellationToken ct, Question? also = null)
    {
        caller.RequireWrite();
        var turn = turns.GetOrAdd(caller.UserId, _ => new(TurnsPerUser));
        await turn.WaitAsync(ct);
        try
        {
            return await WriteAsync(caller, paths, conditions, Hold.Shared, also, work, ct);
        }
        catch (NeedsExclusiveException)
        {
            return await WriteAsync(caller, paths, conditions, Hold.Exclusive, also, work, ct);
        }
        finally
        {
            turn.Release();
        }
    }

    private Task<T> WriteAsync<T>(
        Caller caller, NodePath[] paths, WriteConditions conditions, Hold hold, Question? also,
        Func<NpgsqlTransaction, Place[], Hold, Task<T>> work, CancellationToken ct) =>
        database.WriteAsync(async (transaction, witness) =>
        {
            NodePath[] all = [.. paths, .. Tags(conditions)];
            var sql = (hold == Hold.Shared ? SqlLockShared : SqlLockExclusive)
                + SqlLockFiles + PlacesSql(caller, conditions) + also?.Sql;
            var parameters = PlaceParameters(caller, all, conditions);
            await using var results = await transaction.Connection!.QueryMultipleAsync(
                new(sql, also?.With(parameters) ?? parameters, transaction, cancellationToken: ct));
            witness.Id = await results.ReadSingleAsync<string>();
            var lockedFiles = (await results.ReadAsync<long>()).ToHashSet();
            var places = ReadPlaces(results, caller, all);
            if (also is not null)
                await also.ReadAsync(results);
            Array.ForEach(places[..paths.Length], RequireDepth);
            // A file that came to this name while we waited for a row lock is not locked: begin again.
            if (Array.Exists(places, p => p.Node is { IsFolder: false } file && !lockedFiles.Contains(file.Id)))
                throw new LostRaceException();
            RequireIfHeader(places, paths.Length, conditions);
            return await work(transaction, places, hold);
        }, ct);

    private static string PlacesSql(Caller caller, WriteConditions conditions) =>
        (conditions.LockTokens.Count == 0 ? "" : SqlRefreshLocks) + SqlPlaces + (caller.RootId is null ? "" : SqlAbove);

    /// <summary>Reads of one user at once that may cost a multiple of others: searches, and walks down the trash.
    /// </summary>
    private const int CostlyReadsPerUser = 2;

    /// <summary>By user's id. They stay: there are no more of them than users.</summary>
    private readonly ConcurrentDictionary<long, SemaphoreSlim> costlyReads = [];

    private async Task<T> CostlyReadAsync<T>(
        Caller caller, Func<NpgsqlConnection, Task<T>> read, CancellationToken ct)
    {
        var turn = costlyReads.GetOrAdd(caller.UserId, _ => new(CostlyReadsPerUser));
        await turn.WaitAsync(ct);
        try
        {
            return await database.ReadAsync(read, ct);
        }
        finally
        {
            turn.Release();
        }
    }

    internal static void RequireExclusive(Hold hold, FileNode? node)
    {
        if (hold == Hold.Shared && node is { IsFolder: true })
            throw new NeedsExclusiveException();
    }

    /// <summary>A name has no '/', so a path travels as one text.</summary>
    private static object PlaceParameters(Caller caller, NodePath[] paths, WriteConditions conditions) =>
        new
        {
            caller.UserId, caller.CredentialStamp, caller.AppPasswordId, caller.SessionId, caller.RootId,
            caller.ShareLinkId,
            paths = Array.ConvertAll(paths, path => string.Join('/', path.Names)),
            tokens = conditions.LockTokens.ToArray(),
        };

    private static Place[] ReadPlaces(SqlMapper.GridReader results, Caller caller, NodePath[] paths)
    {
        var rows = results.Read<Position, FileNode, NodeLock?, PlaceRow>(
            (at, node, held) => new(at, node, held), splitOn: "id,token").AsList();
        var above = caller.RootId is null ? Above.Nothing : ReadAbove(results);
        return rows.Count == 0
            ? throw Caller.Revoked()
            : Array.ConvertAll([.. paths.Index()], p => PlaceOf(p.Item, p.Index, rows, above));
    }

    private static Place PlaceOf(NodePath path, int index, List<PlaceRow> rows, Above above)
    {
        FileNode? parent = null;
        FileNode? node = null;
        List<NodeLock>? locks = above.Locks.Count == 0 ? null : [.. above.Locks];
        foreach (var row in rows)
        {
            if (row.At.Place != index)
                continue;
            if (row.At.Depth == path.Depth - 1)
                parent = row.Node;
            if (row.At.Depth == path.Depth)
                node = row.Node;
            if (row.Lock is not null)
                (locks ??= []).Add(row.Lock with { Root = path.Take(row.At.Depth) });
        }
        return new(path, parent, node, locks ?? [])
        {
            LevelsAbove = above.Levels,
            IsWatched = rows[0].At.IsWatched,
        };
    }

    private static IEnumerable<NodePath> Tags(WriteConditions conditions) =>
        conditions.StateLists.Where(l => l is { Path: not null, IsForeign: false }).Select(l => l.Path!).Distinct();

    /// <summary>The If header holds if one of its lists does (RFC 4918, 10.4.3).</summary>
    private static void RequireIfHeader(Place[] places, int untagged, WriteConditions conditions)
    {
        if (conditions.StateLists.Count == 0)
            return;
        var tagged = places.Skip(untagged).ToDictionary(place => place.Path);
        if (!conditions.StateLists.Any(list =>
            (list is { Path: { } path, IsForeign: false } ? tagged[path] : places[0]).Satisfies(list)))
            throw Place.Failed("If");
    }

    // Locks below a folder --------------------------------------------------------------------------------------------

    /// <summary>Members that one refusal names.</summary>
    private const int MaxNamedMembers = 100;

    /// <summary>
    /// Locks of the user, with every node on whose whole way down they lie. It goes up from the locks, which are few,
    /// not down the tree, and carries nothing but ids: a user may hold many locks, deep down.
    /// </summary>
    private const string LocksBelow = """
        with recursive up as (
            select l.id as lock_id, n.id, n.parent_id
            from locks l join file_nodes n on n.id = l.node_id
            where l.user_id = @UserId and l.expires_at > now()
            union all
            select up.lock_id, p.id, p.parent_id
            from up
            cross join lateral (select f.id, f.parent_id from file_nodes f where f.id = up.parent_id limit 1) p)
        """;

    private const string SqlLocksBelow = LocksBelow + """
        select up.id as folder_id, l.token, l.node_id, l.is_exclusive, l.is_deep
        from up join locks l on l.id = up.lock_id
        where up.id = any(@nodeIds) and l.node_id <> up.id order by l.node_id, l.id
        """;

    private sealed record FolderAbove(long FolderId);

    private const string SqlPathsBelow = """
        with recursive up as (
            select n.parent_id, array[n.name] as names from file_nodes n where n.id = any(@nodeIds)
            union all
            select p.parent_id, p.name || up.names
            from up
            cross join lateral (
                select f.parent_id, f.name from file_nodes f where f.id = up.parent_id and f.id <> @folderId limit 1) p)
        select array_to_string(names, '/') from up where parent_id = @folderId order by names
        """;

    private const string SqlDeleteLocksBelow = LocksBelow
        + "delete from locks where id in (select lock_id from up where id = any(@nodeIds))";

    private const string SqlDeleteLocks = "delete from locks where node_id = any(@nodeIds)";

    /// <summary>Locks strictly below a folder; their roots are not looked up.</summary>
    internal static async Task<List<NodeLock>> LocksBelowAsync(
        NpgsqlTransaction transaction, Place place, CancellationToken ct) =>
        place.Node is { } node ? [.. (await LocksBelowAsync(transaction, [place], ct))[node.Id]] : [];

    /// <summary>The same of all folders at these places, by the folder's id. At most one statement.</summary>
    private static async Task<ILookup<long, NodeLock>> LocksBelowAsync(
        NpgsqlTransaction transaction, IEnumerable<Place> places, CancellationToken ct)
    {
        var folders = places.Select(place => place.Node).OfType<FileNode>().Where(node => node.IsFolder).ToList();
        if (folders.Count == 0)
            return Enumerable.Empty<NodeLock>().ToLookup(held => held.NodeId);
        var parameters = new
        {
            folders[0].UserId, nodeIds = folders.Select(folder => folder.Id).Distinct().ToArray(),
        };
        var rows = await transaction.Connection!.QueryAsync<FolderAbove, NodeLock, (FolderAbove Folder, NodeLock Lock)>(
            new(SqlLocksBelow, parameters, transaction, cancellationToken: ct),
            (folder, held) => (folder, held), splitOn: "token");
        return rows.ToLookup(row => row.Folder.FolderId, row => row.Lock);
    }

    /// <summary>
    /// The refusal for locks of members, which names the first <see cref="MaxNamedMembers"/> that it comes upon.
    /// </summary>
    internal static async Task<StorageException> LockedBelowAsync(
        NpgsqlTransaction transaction, Place place, IEnumerable<NodeLock> locks, CancellationToken ct)
    {
        var nodeIds = locks.Select(held => held.NodeId).Distinct().Take(MaxNamedMembers).ToArray();
        var paths = await transaction.Connection!.QueryAsync<string>(
            new(SqlPathsBelow, new { nodeIds, folderId = place.Existing.Id }, transaction, cancellationToken: ct));
        return Place.LockedBelow(place.Path, [.. paths.Select(path => place.Path.Append(path.Split('/')))]);
    }

    /// <param name="below">Locks below the places of a batch, of which this is one.</param>
    private static async Task RequireTokensBelowAsync(
        NpgsqlTransaction transaction, Place place, ILookup<long, NodeLock> below, WriteConditions conditions,
        CancellationToken ct)
    {
        if (place.Node is not { IsFolder: true } folder)
            return;
        var missing = below[folder.Id].GroupBy(l => l.NodeId)
            .Select(locks => Place.MissingToken(locks, conditions)).OfType<NodeLock>().ToList();
        if (missing.Count > 0)
            throw await LockedBelowAsync(transaction, place, missing, ct);
    }

    /// <summary>MOVE and DELETE end the locks on what they take away (RFC 4918, 9.6 and 9.9). One statement.</summary>
    /// <param name="nodes">At least one.</param>
    private static Task DeleteLocksAsync(
        NpgsqlTransaction transaction, IReadOnlyList<FileNode> nodes, CancellationToken ct) =>
        transaction.Connection!.ExecuteAsync(new(
            nodes.Any(node => node.IsFolder) ? SqlDeleteLocksBelow : SqlDeleteLocks,
            new { nodes[0].UserId, nodeIds = nodes.Select(node => node.Id).ToArray() },
            transaction, cancellationToken: ct));
}
