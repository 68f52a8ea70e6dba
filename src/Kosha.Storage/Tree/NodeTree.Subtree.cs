using Dapper;
using Kosha.Storage.Accounts;

namespace Kosha.Storage.Tree;

public sealed partial class NodeTree
{
    private const string FoundUp = $"found as (select up.node_id, up.names[2:] as names from up where {IsTop})";

    private const string SqlSelected = UpOfMany + $"""
        , {FoundUp}
        select t.names, {SmallColumns}, b.object_key, coalesce(b.state = 'damaged', false) as is_damaged
        from found t
        cross join lateral (select f.* from file_nodes f where f.id = t.node_id limit 1) n
        left join blobs b on b.id = n.blob_id;
        """;

    private const string SqlCountBelow = UpOfMany + $"""
        , {FoundUp}, down as (
            select t.node_id as id from found t
            union all
            select n.id
            from down d
            cross join lateral (select c.id from file_nodes c where c.parent_id = d.id offset 0) n
        )
        select count(*) from (select from down limit @most + 1) counted;
        """;

    private sealed record SelectedRow
    {
        public string[] Names { get; init; } = [];
    }

    /// <summary>
    /// The live nodes of these ids, with what GET needs to read them, those left out that lie below another. One round
    /// trip. Faults: NotFound; LimitReached if more than <paramref name="most"/> nodes hang on them; InvalidValue for
    /// none, or more than <see cref="MaxBatch"/>.
    /// </summary>
    public async Task<IReadOnlyList<FileNode>> SelectAsync(
        Caller caller, IReadOnlyCollection<long> nodeIds, int most, CancellationToken ct)
    {
        RequireBatch(nodeIds);
        var ids = nodeIds.Distinct().ToArray();
        var (rows, count) = await database.ReadAsync(async connection =>
        {
            await using var results = await connection.QueryMultipleAsync(
                new(SqlSelected + SqlCountBelow, caller.With(new { ids, most }), cancellationToken: ct));
            var found = results.Read<SelectedRow, FileNode, (SelectedRow Row, FileNode Node)>(
                (row, node) => (row, node)).ToDictionary(found => found.Node.Id);
            return (found, await results.ReadSingleAsync<long>());
        }, ct);
        if (rows.Count < ids.Length)
            throw await MissingAsync(caller, ct);
        if (count > most)
            throw new StorageException(StorageFault.LimitReached, $"At most {most} files and folders go at once.");
        var paths = rows.ToDictionary(row => row.Key, row => NodePath.Root.Append(row.Value.Row.Names));
        return [.. Outermost(ids, paths).Select(id => rows[id].Node)];
    }

    /// <summary>Folders that <see cref="MembersAsync"/> reads at once.</summary>
    public const int MaxFoldersAtOnce = 100;

    /// <summary>
    /// The order is that of the nested loops, which by its lateral steps the statement cannot do without: sorting it
    /// would read all folders whole for each page.
    /// </summary>
    private const string SqlMembers = $"""
        select {SmallColumns}, b.object_key, coalesce(b.state = 'damaged', false) as is_damaged
        from users u
        cross join unnest(@folderIds) with ordinality f (id, place)
        cross join lateral (
            select exists (
                with recursive up as (
                    select s.id, s.parent_id from file_nodes s
                    where s.id = f.id and s.user_id = u.id and s.trashed_at is null
                    union all
                    select p.id, p.parent_id
                    from up
                    cross join lateral (
                        select a.id, a.parent_id from file_nodes a
                        where a.id = up.parent_id and a.trashed_at is null limit 1) p
                    where not ({IsTop}))
                select from up where {IsTop}) as is_live offset 0) l
        cross join lateral (
            select c.* from file_nodes c
            where l.is_live and c.parent_id = f.id
              and c.name > case f.place when 1 then @afterName else '' end
            order by c.name limit @limit) n
        left join lateral (select x.object_key, x.state from blobs x where x.id = n.blob_id limit 1) b on true
        where {Caller.Holds}
        limit @limit
        """;

    /// <summary>
    /// Members of several folders, one folder after the other, by name, with what GET needs to read them: those of the
    /// first folder from after a name on, then those of the next. Fewer than <paramref name="limit"/>: that was all.
    /// What is live no longer has no members. One statement. Fault: CredentialRevoked.
    /// </summary>
    /// <param name="folderIds">At most <see cref="MaxFoldersAtOnce"/>.</param>
    /// <param name="afterName">In the first folder; empty: from the start.</param>
    public async Task<IReadOnlyList<FileNode>> MembersAsync(
        Caller caller, IReadOnlyList<long> folderIds, string afterName, int limit, CancellationToken ct)
    {
        var parameters = caller.With(new { folderIds = folderIds.ToArray(), afterName, limit });
        var found = await database.ReadAsync(async connection =>
            (await connection.QueryAsync<FileNode>(new(SqlMembers, parameters, cancellationToken: ct))).AsList(), ct);
        if (found.Count == 0)
            await FindAsync(caller, NodePath.Root, ct);
        var places = folderIds.Index().ToDictionary(folder => folder.Item, folder => folder.Index);
        for (var i = 1; i < found.Count; i++)
        {
            var step = places[found[i].ParentId!.Value] - places[found[i - 1].ParentId!.Value];
            if (step < 0)
                throw new InvalidOperationException("The members did not come folder by folder.");
        }
        return found;
    }
}
