using Dapper;
using Kosha.Storage.Accounts;

namespace Kosha.Storage.Tree;

/// <summary>A live node of a list over all folders.</summary>
/// <param name="Node">The node.</param>
/// <param name="Path">From the caller's top folder.</param>
public sealed record FoundNode(FileNode Node, NodePath Path);

/// <summary>A part of a list over all folders.</summary>
/// <param name="Nodes">In the list's order.</param>
/// <param name="HasMore">There are others behind them.</param>
public sealed record FoundPage(IReadOnlyList<FoundNode> Nodes, bool HasMore);

public sealed partial class NodeTree
{
    /// <summary>
    /// Where a hit n stands: the names on the way from the caller's root, which itself has none, and the ids of the
    /// folders above it; no row for one that is not live. The lateral steps keep the order of the hits, and end with
    /// the last one that is wanted.
    /// </summary>
    internal const string WayOfHit = $"""
        cross join lateral (
            with recursive up as (
                select n.id, n.parent_id, array[n.name] as names, array[]::bigint[] as ids
                union all
                select p.id, p.parent_id, p.name || up.names, p.id || up.ids
                from up
                cross join lateral (
                    select f.id, f.parent_id, f.name from file_nodes f
                    where f.id = up.parent_id and f.trashed_at is null limit 1) p
                where not ({IsTop})
            )
            select up.names[2:] as names, up.ids from up where {IsTop} limit 1) w
        """;

    private sealed record HitRow
    {
        public string[] Names { get; init; } = [];
    }

    private const string SqlFavorites = $"""
        select {SmallColumns}, w.names
        from users u
        cross join lateral (
            select f.* from file_nodes f
            where f.user_id = u.id and f.is_favorite and f.trashed_at is null
              and (f.name, f.id) > (@afterName, @afterId)
            order by f.name, f.id offset 0) n
        {WayOfHit}
        where {Caller.Holds}
        limit @limit
        """;

    /// <summary>
    /// The caller's favourites by name, without those in the trash, from after a name and an id on. One statement.
    /// </summary>
    public Task<FoundPage> FavoritesAsync(
        Caller caller, string afterName, long afterId, int limit, CancellationToken ct) =>
        FoundAsync(caller, SqlFavorites, new { afterName, afterId, limit = limit + 1 }, limit, ct);

    /// <summary>The newest that are looked at; in the trash perhaps all of them.</summary>
    private const int MaxRecentLooked = 5000;

    private const string SqlRecent = $"""
        select {SmallColumns}, w.names
        from users u
        cross join lateral (
            select f.* from file_nodes f
            where f.user_id = u.id
              -- A client may have set any time.
              and greatest(f.created_at, f.modified_at)
                  between now() - make_interval(days => @days) and now() + interval '1 day'
              and not f.is_folder and f.trashed_at is null
            order by greatest(f.created_at, f.modified_at) desc limit @MaxRecentLooked) n
        {WayOfHit}
        where {Caller.Holds}
        limit @limit
        """;

    /// <summary>
    /// Files that were changed or came within so many days, the newest first, without those in the trash. One
    /// statement, which looks at 5,000 files at most.
    /// </summary>
    public async Task<IReadOnlyList<FoundNode>> RecentAsync(
        Caller caller, int days, int limit, CancellationToken ct) =>
        (await FoundAsync(caller, SqlRecent, new { days, limit, MaxRecentLooked }, limit, ct)).Nodes;

    private async Task<FoundPage> FoundAsync(
        Caller caller, string sql, object parameters, int limit, CancellationToken ct)
    {
        var found = await database.ReadAsync(async connection =>
            (await connection.QueryAsync<FileNode, HitRow, FoundNode>(
                new CommandDefinition(sql, caller.With(parameters), cancellationToken: ct),
                (node, hit) => new(node, NodePath.Root.Append(hit.Names)), splitOn: "names")).AsList(), ct);
        if (found.Count == 0)
            await FindAsync(caller, NodePath.Root, ct);
        return new([.. found.Take(limit)], found.Count > limit);
    }
}
