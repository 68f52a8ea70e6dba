using System.Diagnostics.CodeAnalysis;
using Dapper;

namespace Kosha.Storage.Upkeep;

/// <summary>What an installation holds, all users together.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by Dapper.")]
public sealed record Statistics
{
    public long Users { get; init; }

    /// <summary>Those in the trash included.</summary>
    public long Files { get; init; }

    /// <summary>Those in the trash included, the users' top folders not.</summary>
    public long Folders { get; init; }

    /// <summary>Things in the trash, each with whatever is in it.</summary>
    public long Trash { get; init; }

    /// <summary>What is in them, all together.</summary>
    public long TrashBytes { get; init; }

    public long Versions { get; init; }

    public long VersionBytes { get; init; }

    /// <summary>What users are charged for files, trash and versions.</summary>
    public long LogicalBytes { get; init; }

    /// <summary>What open uploads reserve.</summary>
    public long ReservedBytes { get; init; }

    /// <summary>Contents that are stored, each once.</summary>
    public long Contents { get; init; }

    public long StoredBytes { get; init; }

    /// <summary>How many times over what is stored is used; 0 where nothing is stored.</summary>
    public double DedupRatio => StoredBytes == 0 ? 0 : Math.Round((double)LogicalBytes / StoredBytes, 3);

    private const string Sql = """
        select (select count(*) from users) as users,
               n.files, n.folders, n.trash, t.trash_bytes, v.versions, v.version_bytes, g.logical_bytes,
               g.reserved_bytes, b.contents, b.stored_bytes
        from (
            select count(*) filter (where not is_folder) as files,
                   count(*) filter (where is_folder and (parent_id is not null or trashed_at is not null)) as folders,
                   count(*) filter (where trashed_at is not null and purging_at is null) as trash
            from file_nodes) n
        cross join (
            with recursive down as (
                select id, size from file_nodes where trashed_at is not null
                union all
                select c.id, c.size from down d join file_nodes c on c.parent_id = d.id)
            select coalesce(sum(size), 0)::bigint as trash_bytes from down) t
        cross join (
            select count(*) as versions, coalesce(sum(size), 0)::bigint as version_bytes from versions) v
        cross join (
            select coalesce(sum(bytes), 0)::bigint as logical_bytes,
                   coalesce(sum(reserved_bytes), 0)::bigint as reserved_bytes from usage) g
        cross join (
            select count(*) as contents, coalesce(sum(size), 0)::bigint as stored_bytes
            from blobs where state in ('live', 'condemned')) b
        """;

    /// <summary>Counts. It reads whole tables. Fault: Unavailable.</summary>
    public static Task<Statistics> ReadAsync(Database database, CancellationToken ct) =>
        database.ScanAsync(connection => connection.QuerySingleAsync<Statistics>(
            new(Sql, commandTimeout: 0, cancellationToken: ct)), ct);
}
