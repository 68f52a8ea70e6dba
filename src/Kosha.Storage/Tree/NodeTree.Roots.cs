using Dapper;
using Npgsql;

namespace Kosha.Storage.Tree;

/// <summary>What lies above the folder that is the caller's '/'.</summary>
/// <param name="Levels">Of folders; 0 for the user's root.</param>
/// <param name="Locks">Deep ones, which hold below, too. Their tokens are nobody's, as the caller must not use them.
/// </param>
internal sealed record Above(int Levels, IReadOnlyList<NodeLock> Locks)
{
    public static readonly Above Nothing = new(0, []);
}

/// <summary>Where a caller's paths begin: at the user's root, or at the folder of an app password.</summary>
public sealed partial class NodeTree
{
    /// <summary>
    /// The id of the caller's root, for walks down. That a folder is live, and its user's, the credential says.
    /// </summary>
    internal const string CallerRoot = """
        coalesce(@RootId::bigint, (
            select r.id from file_nodes r
            where r.user_id = @UserId and r.parent_id is null and r.trashed_at is null))
        """;

    /// <summary>
    /// Whether a row of up, a walk upward with id and parent_id, is the top of what the caller reaches. A way that does
    /// not end there is that of no live node, or of one that is not the caller's to reach.
    /// </summary>
    internal const string IsTop =
        "case when @RootId::bigint is null then up.parent_id is null else up.id = @RootId end";

    private const string SqlAbove = """
        with recursive up as (
            select n.id, n.parent_id, 0 as levels from file_nodes n where n.id = @RootId
            union all
            select p.id, p.parent_id, up.levels + 1
            from up
            cross join lateral (select f.id, f.parent_id from file_nodes f where f.id = up.parent_id limit 1) p)
        select up.levels, case when l.id is not null then gen_random_uuid() end as token,
               l.node_id, l.is_exclusive, l.is_deep, l.timeout_seconds, l.expires_at
        from up
        left join lateral (
            select k.* from locks k
            where k.node_id = up.id and up.levels > 0 and k.is_deep and k.expires_at > now() offset 0) l on true;
        """;

    private sealed record LevelAbove(int Levels);

    /// <summary>Reads what <see cref="SqlAbove"/> gave, which only callers with a root of their own ask.</summary>
    private static Above ReadAbove(SqlMapper.GridReader results)
    {
        var rows = results.Read<LevelAbove, NodeLock?, (int Levels, NodeLock? Lock)>(
            (at, held) => (at.Levels, held), splitOn: "token").AsList();
        return rows.Count == 0
            ? Above.Nothing
            : new(rows.Max(row => row.Levels), [.. rows.Select(row => row.Lock).OfType<NodeLock>()]);
    }

    private static void RequireDepth(Place place)
    {
        if (place.Depth > NodePath.MaxDepth)
            throw TooDeep(place);
    }

    // Folders of app passwords ----------------------------------------------------------------------------------------

    private const string SqlFindFolder = """
        with recursive walk as (
            select r.id, 0 as depth from file_nodes r
            where r.user_id = @userId and r.parent_id is null and r.trashed_at is null
            union all
            select n.id, w.depth + 1
            from walk w
            cross join lateral (
                select c.id from file_nodes c
                where c.parent_id = w.id and c.name = (@names)[w.depth + 1] and c.is_folder limit 1) n
        )
        select id from walk where depth = cardinality(@names)
        """;

    /// <summary>The live folder of a user at a path; null: there is none.</summary>
    internal static Task<long?> FindFolderAsync(
        NpgsqlTransaction transaction, long userId, NodePath path, CancellationToken ct) =>
        transaction.Connection!.ExecuteScalarAsync<long?>(
            new(SqlFindFolder, new { userId, names = path.Names }, transaction, cancellationToken: ct));

    private const string SqlIsFolder = """
        select exists (
            select from file_nodes n where n.id = @folderId and n.user_id = @userId and n.is_folder and is_live(n.id))
        """;

    /// <summary>Whether this is a live folder of the user's.</summary>
    internal static Task<bool> IsFolderAsync(
        NpgsqlTransaction transaction, long userId, long folderId, CancellationToken ct) =>
        transaction.Connection!.ExecuteScalarAsync<bool>(
            new(SqlIsFolder, new { userId, folderId }, transaction, cancellationToken: ct));

    /// <summary>
    /// The path, for people, of the live folder of a row a of <c>app_passwords</c>; null: it has none, or it is in the
    /// trash.
    /// </summary>
    internal const string FolderOfAppPassword = """
        (with recursive up as (
            select f.parent_id, f.trashed_at, array[f.name] as names from file_nodes f where f.id = a.folder_id
            union all
            select p.parent_id, p.trashed_at, p.name || up.names
            from up
            cross join lateral (
                select f.parent_id, f.trashed_at, f.name from file_nodes f where f.id = up.parent_id limit 1) p)
        select coalesce(nullif(array_to_string(up.names, '/'), ''), '/') from up
        where up.parent_id is null and up.trashed_at is null)
        """;
}
