using Dapper;
using Kosha.Storage.Accounts;

namespace Kosha.Storage.Tree;

/// <summary>What a look before a write found out.</summary>
/// <param name="MaxBytes">The largest content that quota and plan would let in now; null: no limit.</param>
/// <param name="Reason">Which fault a larger content is.</param>
internal sealed record WriteAllowance(long? MaxBytes, StorageFault Reason);

/// <summary>A part of a folder's members.</summary>
/// <param name="Nodes">In the order of their names' bytes.</param>
/// <param name="Next">The name after which the next page begins; null: this was the last.</param>
public sealed record NodePage(IReadOnlyList<FileNode> Nodes, string? Next)
{
    internal static readonly NodePage Empty = new([], null);
}

public sealed partial class NodeTree
{
    /// <summary>As <see cref="Walk"/>, for the one path of a read.</summary>
    private const string WalkOne = $"""
        with recursive walk as (
            select r.id, 0 as depth
            from users u
            join file_nodes r on r.user_id = u.id and r.parent_id is null and r.trashed_at is null
            where {Caller.Holds}
            union all
            select n.id, w.depth + 1
            from walk w
            cross join lateral (
                select c.id from file_nodes c where c.parent_id = w.id and c.name = (@names)[w.depth + 1] limit 1) n
        )
        """;

    private const string SqlFind = WalkOne + $"""
        select w.depth, {Columns}, b.object_key, b.sha1, b.md5, coalesce(b.state = 'damaged', false) as is_damaged
        from (select id, depth from walk order by depth desc limit 1) w
        join file_nodes n on n.id = w.id
        left join blobs b on b.id = n.blob_id
        """;

    private sealed record FoundDepth(int Depth);

    /// <summary>
    /// The live node at a path, with what GET needs to read it; null if there is none. One statement.
    /// </summary>
    public async Task<FileNode?> FindAsync(Caller caller, NodePath path, CancellationToken ct)
    {
        var parameters = new { caller.UserId, caller.CredentialStamp, caller.AppPasswordId, names = path.Names };
        var found = await database.ReadAsync(async connection =>
            (await connection.QueryAsync<FoundDepth, FileNode, (FoundDepth At, FileNode Node)>(
                new CommandDefinition(SqlFind, parameters, cancellationToken: ct), (at, node) => (at, node)))
                .SingleOrDefault(), ct);
        if (found.Node is null)
            throw Revoked();
        return found.At.Depth == path.Depth ? found.Node : null;
    }

    private const string SqlLocksOnWay = WalkOne + """
        select w.depth, l.token, l.node_id, l.is_exclusive, l.is_deep, l.owner, l.timeout_seconds, l.expires_at
        from walk w join locks l on l.node_id = w.id
        where l.expires_at > now() and (l.is_deep or w.depth = cardinality(@names))
        """;

    /// <summary>As <see cref="FindAsync"/>, with the locks that cover the node. One round trip.</summary>
    public async Task<LockedNode> FindWithLocksAsync(Caller caller, NodePath path, CancellationToken ct)
    {
        var parameters = new { caller.UserId, caller.CredentialStamp, caller.AppPasswordId, names = path.Names };
        return await database.ReadAsync(async connection =>
        {
            await using var results = await connection.QueryMultipleAsync(
                new(SqlFind + ";" + SqlLocksOnWay, parameters, cancellationToken: ct));
            var (at, node) = results.Read<FoundDepth, FileNode, (FoundDepth, FileNode)>((at, node) => (at, node))
                .SingleOrDefault();
            if (node is null)
                throw Revoked();
            var locks = results.Read<FoundDepth, NodeLock, NodeLock>(
                (depth, held) => held with { Root = path.Take(depth.Depth) }, splitOn: "token");
            return at.Depth == path.Depth ? new LockedNode(node, [.. locks]) : new LockedNode(null, []);
        }, ct);
    }

    private const string SqlMatchCase = $"""
        with recursive walk as (
            select r.id, 0 as depth, ''::text collate "C" as name
            from users u
            join file_nodes r on r.user_id = u.id and r.parent_id is null and r.trashed_at is null
            where {Caller.Holds}
            union all
            select m.id, w.depth + 1, m.name
            from walk w
            cross join lateral (
                select c.id, c.name, c.name = (@names)[w.depth + 1] as is_exact, count(*) over () as candidates
                from (select n.id, n.name from file_nodes n
                      where n.parent_id = w.id and n.name_folded = (@folded)[w.depth + 1] limit 100) c
                order by is_exact desc limit 1) m
            where w.depth < cardinality(@names) and (m.is_exact or m.candidates = 1)
        )
        select name from walk where depth > 0 order by depth
        """;

    /// <summary>
    /// The path as its names are really written, for clients that know no case (Explorer): a name that is not there
    /// stands for the only one that differs from it in case alone. With <paramref name="keepLast"/> the last name stays
    /// as it is, so that a target can be renamed in case.
    /// </summary>
    public async Task<NodePath> MatchCaseAsync(Caller caller, NodePath path, bool keepLast, CancellationToken ct)
    {
        var sought = keepLast && !path.IsRoot ? path.Parent : path;
        if (sought.IsRoot)
            return path;
        var parameters = new
        {
            caller.UserId, caller.CredentialStamp, caller.AppPasswordId,
            names = sought.Names,
            folded = sought.Names.Select(NodePath.Fold).ToArray(),
        };
        var matched = await database.ReadAsync(async connection =>
            (await connection.QueryAsync<string>(new(SqlMatchCase, parameters, cancellationToken: ct))).AsList(), ct);
        return NodePath.FromNames([.. matched, .. path.Names.Skip(matched.Count)]);
    }

    /// <summary>Dead properties in one page, in bytes; the page ends early beyond it.</summary>
    private const int MaxPagePropertyBytes = 4 * 1024 * 1024;

    /// <summary>
    /// One row at least, so that an empty page and a folder that is gone are told apart. Found is the page before it
    /// was cut for its bytes.
    /// </summary>
    private const string ListedMembers = $"""
        from (select {IsLive} as is_live offset 0) f
        left join lateral (
            select c.*, count(*) over () as found,
                   sum(coalesce(octet_length(c.properties::text), 0)) over (order by c.name) as property_bytes,
                   row_number() over (order by c.name) as row
            from (
                select m.* from file_nodes m where f.is_live and m.parent_id = @folderId and m.name > @afterName
                order by m.name limit @limit) c
            ) n on n.row = 1 or n.property_bytes <= @MaxPagePropertyBytes
        """;

    private const string SqlList = $"""
        select f.is_live, n.found, {Columns} {ListedMembers} order by n.row
        """;

    private const string SqlListWithDigests = $"""
        select f.is_live, n.found, {Columns}, b.sha1, b.md5 {ListedMembers} left join blobs b on b.id = n.blob_id
        order by n.row
        """;

    private sealed record ListedFolder(bool IsLive, long? Found);

    /// <summary>
    /// One page of a live folder's members in the order of their names' bytes, from after <paramref name="afterName"/>
    /// (null: from the start). One statement; the connection is given back before the page is returned.
    /// <see cref="StorageFault.NotFound"/> when the folder is live no longer: who reads on must not take the members
    /// that are missing for deleted ones.
    /// </summary>
    public async Task<NodePage> ListAsync(
        Caller caller, long folderId, string? afterName, int limit, bool withDigests, CancellationToken ct)
    {
        var sql = withDigests ? SqlListWithDigests : SqlList;
        var parameters = new
        {
            caller.UserId, caller.CredentialStamp, caller.AppPasswordId,
            folderId, afterName = afterName ?? "", limit, MaxPagePropertyBytes,
        };
        var rows = await database.ReadAsync(async connection =>
            (await connection.QueryAsync<ListedFolder, FileNode?, (ListedFolder Folder, FileNode? Node)>(
                new CommandDefinition(sql, parameters, cancellationToken: ct), (folder, node) => (folder, node)))
                .AsList(), ct);
        if (!rows[0].Folder.IsLive)
            throw await GoneAsync(caller, ct);
        if (rows[0].Node is null)
            return NodePage.Empty;
        var isLast = rows.Count < limit && rows.Count == rows[0].Folder.Found;
        return new(rows.ConvertAll(row => row.Node!), isLast ? null : rows[^1].Node!.Name);
    }

    /// <summary>Why a node that came by its id is not live.</summary>
    private async Task<StorageException> GoneAsync(Caller caller, CancellationToken ct)
    {
        await FindAsync(caller, NodePath.Root, ct);
        return new(StorageFault.NotFound, "The folder was moved to the trash meanwhile.");
    }

    /// <summary>
    /// Judges an If header on a path, for reads: <see cref="StorageFault.ConditionFailed"/> if it does not hold.
    /// </summary>
    public Task CheckAsync(Caller caller, NodePath path, WriteConditions conditions, CancellationToken ct) =>
        database.ReadAsync(async connection =>
        {
            NodePath[] all = [path, .. Tags(conditions)];
            await using var results = await connection.QueryMultipleAsync(
                new(SqlPlaces, PlaceParameters(caller, all, conditions), cancellationToken: ct));
            RequireIfHeader(ReadPlaces(results, all), 1, conditions);
            return true;
        }, ct);

    /// <summary>
    /// Says before the first byte whether a write of this file is hopeless. The final transaction judges all of it
    /// again. One round trip.
    /// </summary>
    internal Task<WriteAllowance> AllowWriteAsync(
        Caller caller, NodePath path, WriteConditions conditions, CancellationToken ct) =>
        database.ReadAsync(async connection =>
        {
            NodePath[] all = [path, .. Tags(conditions)];
            var parameters = PlaceParameters(caller, all, conditions);
            await using var results = await connection.QueryMultipleAsync(
                new(PlacesSql(conditions) + UsageTable.SqlRoom, parameters, cancellationToken: ct));
            var places = ReadPlaces(results, all);
            var room = await results.ReadSingleOrDefaultAsync<Room>() ?? throw Revoked();
            RequireIfHeader(places, 1, conditions);
            RequireWritable(places[0], conditions);
            // What the overwritten file takes becomes free.
            var free = room.FreeBytes + (places[0].Node?.Size ?? 0);
            if (places[0].Node is null && room.FreeNodes < 1)
                throw UsageTable.Exceeded(bytes: 0);
            return room.MaxFileBytes is { } most && (free is null || most <= free)
                ? new WriteAllowance(most, StorageFault.FileTooLarge)
                : new WriteAllowance(free, StorageFault.QuotaExceeded);
        }, ct);
}
