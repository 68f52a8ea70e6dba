using Dapper;
using Kosha.Storage.Accounts;

namespace Kosha.Storage.Tree;

/// <summary>A node of the way down from the caller's top folder.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Name">Its name; empty for the top folder.</param>
public sealed record Crumb(long Id, string Name);

/// <summary>A live node, what is known of its content, and where it stands.</summary>
/// <param name="Node">The node, with what GET needs to read it.</param>
/// <param name="Breadcrumb">From the caller's top folder on; the last is the node itself.</param>
/// <param name="Locks">Those that cover it.</param>
/// <param name="Sha256">Of its content; null for a folder and for an empty file.</param>
public sealed record NodeDetails(
    FileNode Node, IReadOnlyList<Crumb> Breadcrumb, IReadOnlyList<NodeLock> Locks, byte[]? Sha256)
{
    /// <summary>From the caller's top folder.</summary>
    public NodePath Path => NodePath.Root.Append(Breadcrumb.Skip(1).Select(crumb => crumb.Name));
}

public sealed partial class NodeTree
{
    private const string UpSteps = $"""
            union all
            select p.id, p.parent_id, p.name, up.height + 1
            from up
            cross join lateral (
                select f.id, f.parent_id, f.name from file_nodes f
                where f.id = up.parent_id and f.trashed_at is null limit 1) p
            where not ({IsTop})
        )
        """;

    /// <summary>
    /// The way from a node that comes by its id up to the caller's top folder. It is a live node's if one of the rows
    /// is the top, which is to be asked for in the same statement; without the credential there is no row.
    /// </summary>
    internal const string Up = $"""
        with recursive up as (
            select n.id, n.parent_id, n.name, 0 as height
            from users u
            cross join lateral (
                select f.id, f.parent_id, f.name from file_nodes f
                where f.id = @nodeId and f.user_id = u.id and f.trashed_at is null limit 1) n
            where {Caller.Holds}

        """ + UpSteps;

    /// <summary>The same from the node at a path.</summary>
    private const string UpFromPath = WalkOne + """
        , up as (
            select n.id, n.parent_id, n.name, 0 as height
            from walk w
            cross join lateral (
                select f.id, f.parent_id, f.name from file_nodes f where f.id = w.id limit 1) n
            where w.depth = cardinality(@names)

        """ + UpSteps;

    private const string Details = $"""

        select {SmallColumns}, b.object_key, b.sha1, b.md5, coalesce(b.state = 'damaged', false) as is_damaged,
               w.ids, w.names, b.sha256,
               l.height, l.token, l.node_id, l.is_exclusive, l.is_deep, l.owner, l.timeout_seconds, l.expires_at
        from (
            select array_agg(up.id order by up.height desc) as ids, array_agg(up.name order by up.height desc) as names
            from up having bool_or({IsTop})) w
        cross join lateral (select f.* from file_nodes f where f.id = w.ids[cardinality(w.ids)] limit 1) n
        left join blobs b on b.id = n.blob_id
        left join lateral (
            select up.height, k.*
            from up
            cross join lateral (
                select h.* from locks h where h.node_id = up.id and h.expires_at > now() offset 0) k
            where k.is_deep or up.height = 0) l on true
        """;

    private const string SqlDetails = Up + Details;

    private const string SqlDetailsAt = UpFromPath + Details;

    private sealed record WayRow
    {
        public long[] Ids { get; init; } = [];

        public string[] Names { get; init; } = [];

        public byte[]? Sha256 { get; init; }

        public IReadOnlyList<Crumb> Breadcrumb => [.. Ids.Zip(Names, (id, name) => new Crumb(id, name))];
    }

    private sealed record LockHeight(int Height);

    private sealed record DetailsRow(FileNode Node, WayRow Way, LockHeight? Height, NodeLock? Lock);

    /// <summary>A live node by its id. One statement. Fault: NotFound, also for another user's.</summary>
    public Task<NodeDetails> DetailsAsync(Caller caller, long nodeId, CancellationToken ct) =>
        DetailsAsync(caller, SqlDetails, new { nodeId }, ct);

    /// <summary>The live node at a path. One statement. Fault: NotFound.</summary>
    public Task<NodeDetails> DetailsAsync(Caller caller, NodePath path, CancellationToken ct) =>
        DetailsAsync(caller, SqlDetailsAt, new { names = path.Names }, ct);

    private async Task<NodeDetails> DetailsAsync(Caller caller, string sql, object which, CancellationToken ct)
    {
        var rows = await database.ReadAsync(async connection =>
            (await connection.QueryAsync<FileNode, WayRow, LockHeight?, NodeLock?, DetailsRow>(
                new(sql, caller.With(which), cancellationToken: ct),
                (node, way, height, held) => new(node, way, height, held), splitOn: "ids,height,token")).AsList(), ct);
        if (rows.Count == 0)
            throw await MissingAsync(caller, ct);
        var (node, way) = (rows[0].Node, rows[0].Way);
        var details = new NodeDetails(node, way.Breadcrumb, [], way.Sha256);
        return details with
        {
            Locks = [.. rows.Where(row => row.Lock is not null).Select(row =>
                row.Lock! with { Root = details.Path.Take(details.Path.Depth - row.Height!.Height) })],
        };
    }

    private const string SqlBreadcrumb = Up + $"""

        select array_agg(up.id order by up.height desc) as ids, array_agg(up.name order by up.height desc) as names
        from up having bool_or({IsTop})
        """;

    /// <summary>
    /// The way from the caller's top folder to a node, which is the last. One statement. Fault: NotFound.
    /// </summary>
    public async Task<IReadOnlyList<Crumb>> BreadcrumbAsync(Caller caller, long nodeId, CancellationToken ct)
    {
        var way = await database.ReadAsync(connection => connection.QuerySingleOrDefaultAsync<WayRow>(
            new(SqlBreadcrumb, caller.With(new { nodeId }), cancellationToken: ct)), ct);
        return way?.Breadcrumb ?? throw await MissingAsync(caller, ct);
    }

    /// <summary>Why there is no live node of an id or path.</summary>
    private async Task<StorageException> MissingAsync(Caller caller, CancellationToken ct)
    {
        await FindAsync(caller, NodePath.Root, ct);
        return new(StorageFault.NotFound, "There is no such file or folder.");
    }
}
