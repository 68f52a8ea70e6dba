using System.Runtime.CompilerServices;
using Dapper;
using Kosha.Storage.Accounts;
using Npgsql;

namespace Kosha.Storage.Tree;

/// <summary>What a look before a write found out.</summary>
/// <param name="MaxBytes">The largest content that quota and plan would let in now; null: no limit.</param>
/// <param name="Reason">Which fault a larger content is.</param>
internal sealed record WriteAllowance(long? MaxBytes, StorageFault Reason);

/// <summary>What a listing tells of each member beyond its row's small columns.</summary>
[Flags]
public enum ListedDetails
{
    None = 0,

    /// <summary>SHA-1 and MD5.</summary>
    Digests = 1,

    /// <summary>Dead properties.</summary>
    Properties = 2,

    /// <summary>Where the bytes are.</summary>
    Objects = 4,
}

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
            select {CallerRoot} as id, 0 as depth
            from users u
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
        var parameters = new
        {
            caller.UserId, caller.CredentialStamp, caller.AppPasswordId, caller.SessionId, caller.RootId,
            caller.ShareLinkId,
            names = path.Names,
        };
        var found = await database.ReadAsync(async connection =>
            (await connection.QueryAsync<FoundDepth, FileNode, (FoundDepth At, FileNode Node)>(
                new CommandDefinition(SqlFind, parameters, cancellationToken: ct), (at, node) => (at, node)))
                .SingleOrDefault(), ct);
        if (found.Node is null)
            throw Caller.Revoked();
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
        var parameters = new
        {
            caller.UserId, caller.CredentialStamp, caller.AppPasswordId, caller.SessionId, caller.RootId,
            caller.ShareLinkId,
            names = path.Names,
        };
        return await database.ReadAsync(async connection =>
        {
            await using var results = await connection.QueryMultipleAsync(
                new(SqlFind + ";" + SqlLocksOnWay, parameters, cancellationToken: ct));
            var (at, node) = results.Read<FoundDepth, FileNode, (FoundDepth, FileNode)>((at, node) => (at, node))
                .SingleOrDefault();
            if (node is null)
                throw Caller.Revoked();
            var locks = results.Read<FoundDepth, NodeLock, NodeLock>(
                (depth, held) => held with { Root = path.Take(depth.Depth) }, splitOn: "token");
            return at.Depth == path.Depth ? new LockedNode(node, [.. locks]) : new LockedNode(null, []);
        }, ct);
    }

    private const string SqlMatchCase = $"""
        with recursive walk as (
            select {CallerRoot} as id, 0 as depth, ''::text collate "C" as name
            from users u
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
            caller.UserId, caller.CredentialStamp, caller.AppPasswordId, caller.SessionId, caller.RootId,
            caller.ShareLinkId,
            names = sought.Names,
            folded = sought.Names.Select(NodePath.Fold).ToArray(),
        };
        var matched = await database.ReadAsync(async connection =>
            (await connection.QueryAsync<string>(new(SqlMatchCase, parameters, cancellationToken: ct))).AsList(), ct);
        return NodePath.FromNames([.. matched, .. path.Names.Skip(matched.Count)]);
    }

    /// <summary>Members in the first page of a listing, so that its first byte comes soon, and in the others.</summary>
    private const int FirstPageSize = 500;
    private const int PageSize = 2000;

    /// <summary>Dead properties in one page, in bytes; the page ends early beyond it.</summary>
    private const int MaxPagePropertyBytes = 4 * 1024 * 1024;

    private const string SqlList = $"""
        select n.properties is not null as has_properties, {SmallColumns}
        from file_nodes n
        {ListedMembers}
        """;

    private const string SqlListWithDigests = $"""
        select n.properties is not null as has_properties, {SmallColumns}, b.sha1, b.md5
        from file_nodes n left join blobs b on b.id = n.blob_id
        {ListedMembers}
        """;

    private const string SqlListWithObjects = $"""
        select n.properties is not null as has_properties, {SmallColumns}, b.sha1, b.md5, b.object_key,
               coalesce(b.state = 'damaged', false) as is_damaged
        from file_nodes n left join blobs b on b.id = n.blob_id
        {ListedMembers}
        """;

    /// <summary>In the order of an index, and without a subquery a row: a long list costs half as much.</summary>
    private const string ListedMembers = $"""
        where n.parent_id = @folderId and n.name > @afterName and (select {IsLive})
        order by n.name limit @limit
        """;

    private static string ListSql(ListedDetails details) =>
        details.HasFlag(ListedDetails.Objects) ? SqlListWithObjects
        : details.HasFlag(ListedDetails.Digests) ? SqlListWithDigests
        : SqlList;

    private sealed record ListedMember(bool HasProperties);

    private const string SqlIsLive = $"select {IsLive}";

    /// <summary>
    /// All members of a live folder, page by page in the order of their names' bytes. The database reads on while the
    /// caller is at a page; no connection is held meanwhile. Faults: as <see cref="ListAsync"/>.
    /// </summary>
    public async IAsyncEnumerable<IReadOnlyList<FileNode>> PagesAsync(
        Caller caller, long folderId, ListedDetails details, [EnumeratorCancellation] CancellationToken ct)
    {
        var next = ListAsync(caller, folderId, null, FirstPageSize, details, ct);
        try
        {
            while (true)
            {
                var page = await next;
                if (page.Next is not null)
                    next = ListAsync(caller, folderId, page.Next, PageSize, details, ct);
                yield return page.Nodes;
                if (page.Next is null)
                    yield break;
            }
        }
        finally
        {
            // A page that nobody wants any more, whatever becomes of it.
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>
    /// One page of a live folder's members in the order of their names' bytes, from after <paramref name="afterName"/>
    /// (null: from the start). One statement, and one more where members have dead properties that are asked for or
    /// where there is no member; the connection is given back before the page is returned.
    /// <see cref="StorageFault.NotFound"/> when the folder is live no longer: who reads on must not take the members
    /// that are missing for deleted ones.
    /// </summary>
    public async Task<NodePage> ListAsync(
        Caller caller, long folderId, string? afterName, int limit, ListedDetails details, CancellationToken ct)
    {
        var parameters = new
        {
            caller.UserId, caller.CredentialStamp, caller.AppPasswordId, caller.SessionId, caller.RootId,
            caller.ShareLinkId,
            folderId, afterName = afterName ?? "", limit,
        };
        var command = new CommandDefinition(ListSql(details), parameters, cancellationToken: ct);
        try
        {
            return await database.ReadAsync(FindPageAsync, ct) ?? throw await GoneAsync(caller, ct);
        }
        catch (LostRaceException)
        {
            // A member left between the two statements; in a snapshot none can.
            return await database.SnapshotAsync(FindPageAsync, ct) ?? throw await GoneAsync(caller, ct);
        }

        async Task<NodePage?> FindPageAsync(NpgsqlConnection connection)
        {
            var rows = (await connection.QueryAsync<ListedMember, FileNode, (ListedMember Member, FileNode Node)>(
                command, (member, node) => (member, node))).AsList();
            if (rows.Count == 0)
            {
                // Empty, or gone.
                var isLive = await connection.ExecuteScalarAsync<bool>(
                    new(SqlIsLive, parameters, cancellationToken: ct));
                return isLive ? NodePage.Empty : null;
            }
            var page = new NodePage(rows.ConvertAll(row => row.Node), rows.Count < limit ? null : rows[^1].Node.Name);
            var ids = details.HasFlag(ListedDetails.Properties)
                ? rows.Where(row => row.Member.HasProperties).Select(row => row.Node.Id).ToArray()
                : [];
            return ids.Length == 0 ? page : await WithPropertiesAsync(connection, caller, folderId, page, ids, ct);
        }
    }

    private const string SqlListProperties = $"""
        select f.is_live, c.found, c.id, c.properties
        from (select {IsLive} as is_live offset 0) f
        left join lateral (
            select n.id, n.properties, count(*) over () as found, row_number() over (order by p.place) as row,
                   sum(octet_length(n.properties::text)) over (order by p.place) as bytes
            from unnest(@ids) with ordinality p (id, place)
            cross join lateral (
                select m.id, m.properties from file_nodes m
                where f.is_live and m.id = p.id and m.parent_id = @folderId and m.properties is not null limit 1) n
            ) c on c.row = 1 or c.bytes <= @MaxPagePropertyBytes
        order by c.row
        """;

    private sealed record ListedProperties
    {
        public bool IsLive { get; init; }

        public long? Found { get; init; }

        public long Id { get; init; }

        public string? Properties { get; init; }
    }

    /// <summary>The page with its dead properties; it ends with the last member whose properties are let in.</summary>
    private static async Task<NodePage?> WithPropertiesAsync(
        NpgsqlConnection connection, Caller caller, long folderId, NodePage page, long[] ids, CancellationToken ct)
    {
        var parameters = new
        {
            caller.UserId, caller.CredentialStamp, caller.AppPasswordId, caller.SessionId, caller.RootId,
            caller.ShareLinkId,
            folderId, ids, MaxPagePropertyBytes,
        };
        var rows = (await connection.QueryAsync<ListedProperties>(
            new(SqlListProperties, parameters, cancellationToken: ct))).AsList();
        if (!rows[0].IsLive)
            return null;
        if ((rows[0].Found ?? 0) != ids.Length)
            throw new LostRaceException();
        var byId = rows.ToDictionary(row => row.Id, row => row.Properties);
        List<FileNode> nodes = [.. page.Nodes.Select(node =>
            byId.TryGetValue(node.Id, out var properties) ? node with { Properties = properties } : node)];
        if (rows[0].Found is not { } found || found == rows.Count)
            return page with { Nodes = nodes };
        var count = nodes.FindIndex(node => node.Id == rows[^1].Id) + 1;
        return new(nodes[..count], nodes[count - 1].Name);
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
                new(PlacesSql(caller, WriteConditions.None), PlaceParameters(caller, all, conditions),
                    cancellationToken: ct));
            RequireIfHeader(ReadPlaces(results, caller, all), 1, conditions);
            return true;
        }, ct);

    /// <summary>
    /// Says before the first byte whether a write of this file is hopeless. The final transaction judges all of it
    /// again. One round trip; a second one asks what the trash would free, where room is short for the announced bytes.
    /// </summary>
    internal Task<WriteAllowance> AllowWriteAsync(
        Caller caller, NodePath path, WriteConditions conditions, long? announced, CancellationToken ct,
        bool isBeside = false)
    {
        caller.RequireWrite();
        return database.ReadAsync(async connection =>
        {
            NodePath[] all = [path, .. Tags(conditions)];
            var parameters = PlaceParameters(caller, all, conditions);
            var sql = PlacesSql(caller, conditions) + UsageTable.SqlRoom;
            await using var results = await connection.QueryMultipleAsync(
                new(sql, parameters, cancellationToken: ct));
            var places = ReadPlaces(results, caller, all);
            var room = await results.ReadSingleOrDefaultAsync<Room>() ?? throw Caller.Revoked();
            if (isBeside)
                places[0] = Renamed(places[0], path.Name);
            RequireDepth(places[0]);
            RequireIfHeader(places, 1, conditions);
            RequireWritable(places[0], conditions);
            // What the overwritten file takes becomes free.
            var free = room.FreeBytes + (places[0].Node?.Size ?? 0);
            var isShort = (places[0].Node is null && room.FreeNodes < 1) || (announced ?? long.MaxValue) > free;
            var freeable = MayFree(caller) && isShort
                ? await connection.QuerySingleAsync<Freeable>(new(SqlFreeable, caller, cancellationToken: ct))
                : Freeable.Nothing;
            free += freeable.Bytes;
            if (places[0].Node is null && room.FreeNodes + freeable.Nodes < 1)
                throw UsageTable.Exceeded(bytes: 0);
            return room.MaxFileBytes is { } most && (free is null || most <= free)
                ? new WriteAllowance(most, StorageFault.FileTooLarge)
                : new WriteAllowance(free, StorageFault.QuotaExceeded);
        }, ct);
    }
}
