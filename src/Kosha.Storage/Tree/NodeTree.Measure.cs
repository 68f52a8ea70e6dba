using Dapper;
using Kosha.Storage.Accounts;

namespace Kosha.Storage.Tree;

/// <summary>What a folder holds, at any depth.</summary>
/// <param name="Files">How many.</param>
/// <param name="Bytes">Their sizes, together.</param>
public sealed record FolderSize(long Files, long Bytes);

public sealed partial class NodeTree
{
    private const string SqlSizeBelow = $"""
        with recursive below as (
            select @folderId::bigint as id, true as is_folder, 0::bigint as size where {IsLive}
            union all
            select m.id, m.is_folder, m.size
            from below b cross join lateral (
                select c.id, c.is_folder, c.size from file_nodes c where c.parent_id = b.id offset 0) m
            where b.is_folder)
        select count(*) filter (where not is_folder) as files, coalesce(sum(size), 0)::bigint as bytes
        from below having count(*) > 0
        """;

    /// <summary>
    /// What a live folder holds, by one statement that goes down all of it. Fault: NotFound.
    /// </summary>
    public async Task<FolderSize> SizeBelowAsync(Caller caller, long folderId, CancellationToken ct) =>
        await database.ReadAsync(connection => connection.QuerySingleOrDefaultAsync<FolderSize?>(new(
            SqlSizeBelow, caller.With(new { folderId }), null, TreePatienceSeconds, cancellationToken: ct)), ct)
        ?? throw await GoneAsync(caller, ct);
}
