using Dapper;
using Kosha.Storage.Accounts;

namespace Kosha.Storage.Upkeep;

/// <summary>One check of the rows: a statement that gives a line for each break.</summary>
internal sealed record RowCheck(int Invariant, string Name, string Sql);

/// <summary>What <see cref="Fsck"/> asks the database.</summary>
internal sealed class FsckRows(Database database)
{
    /// <summary>Each is one statement, so it sees one moment, in which usage and nodes agree.</summary>
    public static readonly RowCheck[] Checks =
    [
        new(3, "no blob lies under a doomed key", """
            select format('blob %s: %s', b.id, b.object_key) from blobs b join blob_objects o on o.key = b.object_key
            where o.doomed_at is not null
            """),
        new(4, "every user has a usage row", """
            select format('user %s (%s)', u.id, u.username) from users u
            where not exists (select from usage g where g.user_id = u.id)
            """),
        new(4, "usage is the sum over the nodes and versions, and what uploads reserve", UsageTable.SqlDifferent),
        new(5, "every user has one root", """
            select format('user %s (%s)', u.id, u.username) from users u
            where 1 <> (
                select count(*) from file_nodes n
                where n.user_id = u.id and n.parent_id is null and n.trashed_at is null)
            """),
        new(5, "every parent is a folder", """
            select format('node %s (%s) below %s', n.id, n.name, p.id)
            from file_nodes n join file_nodes p on p.id = n.parent_id where not p.is_folder
            """),
        new(5, "every node hangs below a root or in the trash", """
            with recursive down as (
                select id from file_nodes where parent_id is null
                union all
                select n.id from down d join file_nodes n on n.parent_id = d.id)
            select format('node %s (%s)', n.id, n.name) from file_nodes n
            where not exists (select from down where down.id = n.id)
            """),
        new(5, "no two siblings have one name", """
            select format('%s nodes (%s) below %s', count(*), name, parent_id) from file_nodes
            where parent_id is not null group by parent_id, name having count(*) > 1
            """),
        new(5, "every name is found by a search", """
            select format('node %s (%s)', n.id, n.name)
            from file_nodes n left join node_names s on s.node_id = n.id and s.user_id = n.user_id
            where n.name <> '' and s.node_id is null
            """),
        new(6, "every node belongs to its parent's user", """
            select format('node %s (%s) of user %s below %s of user %s', n.id, n.name, n.user_id, p.id, p.user_id)
            from file_nodes n join file_nodes p on p.id = n.parent_id where p.user_id <> n.user_id
            """),
        new(6, "every lock belongs to its node's user", """
            select format('lock %s of user %s on node %s of user %s', l.id, l.user_id, n.id, n.user_id)
            from locks l join file_nodes n on n.id = l.node_id where l.user_id <> n.user_id
            """),
        new(6, "every version belongs to a file of its user", """
            select format('version %s of user %s on node %s of user %s', v.id, v.user_id, n.id, n.user_id)
            from versions v join file_nodes n on n.id = v.node_id where v.user_id <> n.user_id or n.is_folder
            """),
        new(7, "every version has the size of its blob, which is stored", """
            select format(
                'version %s of node %s: %s bytes, blob %s %s with %s bytes',
                v.id, v.node_id, v.size, b.id, b.state, b.size)
            from versions v join blobs b on b.id = v.blob_id
            where v.size <> b.size or b.state in ('storing', 'damaged')
            """),
        new(7, "every file has the size of its blob, which is stored", """
            select format(
                'node %s (%s): %s bytes, blob %s %s with %s bytes', n.id, n.name, n.size, b.id, b.state, b.size)
            from file_nodes n join blobs b on b.id = n.blob_id
            where n.size <> b.size or b.state in ('storing', 'damaged')
            """),
    ];

    public Task<Findings> BrokenAsync(RowCheck check, CancellationToken ct) =>
        database.ScanAsync(async connection =>
        {
            var found = new Findings();
            await using var reader = await connection.ExecuteReaderAsync(
                new(check.Sql, commandTimeout: 0, cancellationToken: ct));
            while (await reader.ReadAsync(ct))
                found.Add(reader.GetString(0));
            return found;
        }, ct);

    private const string SqlWithoutRow = """
        select key from unnest(@keys) as listed (key)
        where not exists (select from blob_objects o where o.key = listed.key)
        """;

    public Task<List<string>> WithoutRowAsync(string[] keys, CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<string>(
            new(SqlWithoutRow, new { keys }, cancellationToken: ct))).AsList(), ct);

    private const string SqlFigures = """
        select (select count(*) from users) as users,
               (select count(*) from file_nodes where parent_id is not null or trashed_at is not null) as nodes,
               (select count(*) from file_nodes where trashed_at is not null) as trashed,
               (select count(*) from versions) as versions,
               (select coalesce(sum(bytes), 0)::bigint from usage) as accounted,
               count(*) filter (where state <> 'storing') as blobs,
               coalesce(sum(size) filter (where state in ('live', 'condemned')), 0)::bigint as stored,
               count(*) filter (where state = 'storing') as storing,
               count(*) filter (where condemned_at is not null) as condemned,
               count(*) filter (where state = 'damaged') as damaged,
               (select count(*) from blob_objects where doomed_at is not null and deleted_at is null) as doomed
        from blobs
        """;

    private sealed record Figures(
        long Users, long Nodes, long Trashed, long Versions, long Accounted, long Blobs, long Stored, long Storing,
        long Condemned, long Damaged, long Doomed);

    public async Task<(string Name, long Value)[]> FiguresAsync(CancellationToken ct)
    {
        var f = await database.ScanAsync(connection =>
            connection.QuerySingleAsync<Figures>(new(SqlFigures, commandTimeout: 0, cancellationToken: ct)), ct);
        return
        [
            ("users", f.Users), ("files and folders, trash included", f.Nodes),
            ("of these the tops of trash", f.Trashed), ("versions of files", f.Versions),
            ("bytes accounted to users", f.Accounted), ("bytes stored, each content once", f.Stored),
            ("contents stored", f.Blobs), ("contents on their way, or left by a crash for the sweep", f.Storing),
            ("contents that nothing names, waiting for the sweep", f.Condemned), ("contents damaged", f.Damaged),
            ("objects waiting to be deleted", f.Doomed),
        ];
    }
}
