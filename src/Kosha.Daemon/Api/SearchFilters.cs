using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Kosha.Storage.Search;

namespace Kosha.Daemon.Api;

/// <summary>Words of a search that the API reads and writes. What cannot be is InvalidValue.</summary>
internal static class SearchFilters
{
    public const StringSplitOptions Trimmed = StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries;

    private const int DigestBytes = 12;

    public static string NameOf(FileType type) => JsonNamingPolicy.CamelCase.ConvertName(type.ToString());

    public static IReadOnlyList<FileType>? ReadTypes(IEnumerable<string>? names) =>
        names?.Select(name => RequestValues.Choice(name, "types", FileType.Folder)).Distinct().ToArray();

    public static string? FormatCursor(SearchPosition? position, NodeQuery query, SearchOrder order) =>
        position is null ? null : PageCursor.Write(
            ListOf(query, order), position.Rank.ToString(CultureInfo.InvariantCulture),
            position.NodeId.ToString(CultureInfo.InvariantCulture));

    /// <summary>A position in another search says nothing in this one.</summary>
    public static SearchPosition? ReadCursor(string? cursor, NodeQuery query, SearchOrder order)
    {
        if (PageCursor.Read(cursor, ListOf(query, order), count: 2) is not { } position)
            return null;
        return long.TryParse(position[0], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var rank)
            && long.TryParse(position[1], NumberStyles.None, CultureInfo.InvariantCulture, out var nodeId)
            ? new(rank, nodeId)
            : throw RequestValues.Invalid("The cursor is not one of this list.");
    }

    /// <summary>Names the search in few letters, whatever is looked for.</summary>
    private static string ListOf(NodeQuery query, SearchOrder order) => "search " + Convert.ToHexStringLower(
        SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(new { query, order })).AsSpan(0, DigestBytes));
}
