using System.Globalization;
using Dapper;
using Kosha.Storage.Accounts;

namespace Kosha.Storage.Tree;

/// <summary>By what the members of a folder are sorted; what is equal goes by name.</summary>
public enum NodeSort
{
    /// <summary>By the bytes of the names.</summary>
    Name,

    /// <summary>By bytes; folders have none.</summary>
    Size,

    /// <summary>By the time of modification.</summary>
    Modified,

    /// <summary>By the name's extension, without its case; folders have none.</summary>
    Type,
}

/// <summary>An order of a folder's members.</summary>
/// <param name="By">The sort.</param>
/// <param name="IsDescending">The other way round, names too.</param>
/// <param name="FoldersFirst">All folders stand before all files, either way.</param>
public sealed record NodeOrder(NodeSort By, bool IsDescending, bool FoldersFirst);

/// <summary>A member after which a page begins.</summary>
/// <param name="IsFolder">Of the member.</param>
/// <param name="Key">What it is sorted by, as text; empty for a sort by name.</param>
/// <param name="Name">Its name.</param>
public sealed record NodePosition(bool IsFolder, string Key, string Name);

/// <summary>A part of a folder's members.</summary>
/// <param name="Nodes">In the order that was asked for.</param>
/// <param name="Next">After which the next page begins; null: this was the last.</param>
public sealed record ChildrenPage(IReadOnlyList<FileNode> Nodes, NodePosition? Next);

public sealed partial class NodeTree
{
    private const string TypeKey =
        "case when n.is_folder then '' else coalesce(substring(n.name_folded from '^.+[.]([^.]+)$'), '') end";

    private const string SqlChildren = Up + $"""

        select d.is_folder as of_folder, n.type_key, {SmallColumns}
        from (
            select f.is_folder from file_nodes f
            where f.id = @nodeId and exists (select from up where {IsTop}) offset 0) d
        left join lateral (
            select n.*, TYPE_KEY as type_key from file_nodes n
            where d.is_folder and n.parent_id = @nodeId AFTER
            order by ORDER limit @limit) n on true
        order by ORDER
        """;

    private sealed record ChildRow
    {
        public bool OfFolder { get; init; }

        public string? TypeKey { get; init; }
    }

    /// <summary>
    /// One page of a folder's members. One statement; a sort by name alone goes by an index from page to page, the
    /// others look at all members. Faults: NotFound; WrongKind for a file; InvalidValue for a position that is none.
    /// </summary>
    /// <param name="after">Where the page before has ended; null: from the start.</param>
    /// <param name="limit">Members at most.</param>
    public async Task<ChildrenPage> ChildrenAsync(
        Caller caller, long nodeId, NodeOrder order, NodePosition? after, int limit, CancellationToken ct)
    {
        var parameters = caller.With(new { nodeId, limit = limit + 1 });
        if (after is not null)
            parameters.AddDynamicParams(new { afterName = after.Name });
        if (after is not null && order.By != NodeSort.Name)
            parameters.Add("afterKey", KeyOf(order.By, after.Key));
        var rows = await database.ReadAsync(async connection =>
            (await connection.QueryAsync<ChildRow, FileNode?, (ChildRow Row, FileNode? Node)>(
                new CommandDefinition(ChildrenSql(order, after), parameters, cancellationToken: ct),
                (row, node) => (row, node))).AsList(), ct);
        if (rows.Count == 0)
            throw await MissingAsync(caller, ct);
        if (!rows[0].Row.OfFolder)
            throw new StorageException(StorageFault.WrongKind, "A file has no members.");
        var found = rows.Where(row => row.Node is not null).Take(limit).ToList();
        return new([.. found.Select(row => row.Node!)],
            rows.Count > limit ? PositionOf(order.By, found[^1].Node!, found[^1].Row.TypeKey) : null);
    }

    private static string ChildrenSql(NodeOrder order, NodePosition? after)
    {
        var key = order.By switch
        {
            NodeSort.Size => "n.size",
            NodeSort.Modified => "n.modified_at",
            NodeSort.Type => TypeKey,
            _ => null,
        };
        var (direction, sign) = order.IsDescending ? (" desc", '<') : ("", '>');
        var beyond = key is null ? $"n.name {sign} @afterName" : $"({key}, n.name) {sign} (@afterKey, @afterName)";
        var sort = key is null ? $"n.name{direction}" : $"{key}{direction}, n.name{direction}";
        // Behind the first file there are files alone, which the index gives in their order.
        var (where, first) = (order.FoldersFirst, after) switch
        {
            (false, null) => ("", ""),
            (false, _) => ($"and {beyond}", ""),
            (true, null) => ("", "n.is_folder desc, "),
            (true, { IsFolder: true }) => ($"and (not n.is_folder or {beyond})", "n.is_folder desc, "),
            (true, _) => ($"and not n.is_folder and {beyond}", ""),
        };
        return SqlChildren.Replace("AFTER", where, StringComparison.Ordinal)
            .Replace("ORDER", first + sort, StringComparison.Ordinal)
            .Replace("TYPE_KEY", order.By == NodeSort.Type ? TypeKey : "null::text", StringComparison.Ordinal);
    }

    private static object KeyOf(NodeSort sort, string key)
    {
        if (sort == NodeSort.Type)
            return key;
        if (!long.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            || (sort == NodeSort.Modified && number > DateTime.MaxValue.Ticks))
            throw new StorageException(StorageFault.InvalidValue, "The position is none of this order.");
        return sort == NodeSort.Size ? number : new DateTime(number, DateTimeKind.Utc);
    }

    private static NodePosition PositionOf(NodeSort sort, FileNode node, string? typeKey) => new(
        node.IsFolder,
        sort switch
        {
            NodeSort.Size => node.Size.ToString(CultureInfo.InvariantCulture),
            NodeSort.Modified => node.ModifiedAt.Ticks.ToString(CultureInfo.InvariantCulture),
            NodeSort.Type => typeKey ?? "",
            _ => "",
        },
        node.Name);
}
