using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using Kosha.Storage;
using Kosha.Storage.Search;

namespace Kosha.Daemon.Api;

/// <summary>Words of a search that the API reads and writes. Fault of what reads: InvalidValue.</summary>
internal static class SearchFilters
{
    public const StringSplitOptions Trimmed = StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries;

    private const int PositionBytes = 16;
    private const int DigestBytes = 8;

    public static string NameOf(FileType type) => JsonNamingPolicy.CamelCase.ConvertName(type.ToString());

    public static IReadOnlyList<FileType>? ReadTypes(IEnumerable<string>? names) => names?.Select(name =>
        Enum.TryParse<FileType>(name, ignoreCase: true, out var type) && Enum.IsDefined(type) && !char.IsDigit(name[0])
            ? type
            : throw Invalid($"Kinds of files are {string.Join(", ", Enum.GetValues<FileType>().Select(NameOf))}."))
        .Distinct().ToArray();

    public static SearchOrder ReadOrder(string? name) => name switch
    {
        null or "relevance" => SearchOrder.Relevance,
        "modified" => SearchOrder.Modified,
        "size" => SearchOrder.Size,
        _ => throw Invalid("order is relevance, modified or size."),
    };

    /// <summary>The position, and of which search it is.</summary>
    public static string? FormatCursor(SearchPosition? position, NodeQuery query, SearchOrder order)
    {
        if (position is null)
            return null;
        var bytes = new byte[PositionBytes + DigestBytes];
        BinaryPrimitives.WriteInt64BigEndian(bytes, position.Rank);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(PositionBytes / 2), position.NodeId);
        DigestOf(query, order).CopyTo(bytes.AsSpan(PositionBytes));
        return Base64Url.EncodeToString(bytes);
    }

    /// <summary>A position in another search says nothing in this one.</summary>
    public static SearchPosition? ReadCursor(string? text, NodeQuery query, SearchOrder order)
    {
        if (text is null)
            return null;
        var bytes = new byte[PositionBytes + DigestBytes];
        if (!Base64Url.IsValid(text, out var length) || length != bytes.Length
            || !Base64Url.TryDecodeFromChars(text, bytes, out _)
            || !bytes.AsSpan(PositionBytes).SequenceEqual(DigestOf(query, order)))
            throw Invalid("cursor is next of an answer to the same search.");
        return new(BinaryPrimitives.ReadInt64BigEndian(bytes),
            BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan(PositionBytes / 2)));
    }

    private static ReadOnlySpan<byte> DigestOf(NodeQuery query, SearchOrder order) =>
        SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(new { query, order })).AsSpan(0, DigestBytes);

    private static StorageException Invalid(string message) => new(StorageFault.InvalidValue, message);
}
