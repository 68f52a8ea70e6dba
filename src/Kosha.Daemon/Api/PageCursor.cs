using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using Kosha.Storage;

namespace Kosha.Daemon.Api;

/// <summary>
/// Pages of lists. A cursor says after what the next page begins, and of which list: with any other it is refused. It
/// holds no secret and grants nothing, so that it needs no signature; what it says is judged as any value of a request.
/// </summary>
internal static class PageCursor
{
    /// <summary>Of a page for which nobody said one.</summary>
    public const int DefaultLimit = 100;

    /// <summary>Of any page.</summary>
    public const int MaxLimit = 1000;

    /// <summary>A name of 255 bytes, each of which may be written as six letters.</summary>
    private const int MaxChars = 4096;

    private static readonly UTF8Encoding StrictUtf8 =
        new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <exception cref="StorageException">InvalidValue.</exception>
    public static int Limit(int? wished, int most = MaxLimit) => wished switch
    {
        null => Math.Min(DefaultLimit, most),
        >= 1 when wished <= most => wished.Value,
        _ => throw new StorageException(StorageFault.InvalidValue, $"limit is 1 to {most}."),
    };

    /// <param name="list">Names the list, its order and its filters.</param>
    /// <param name="position">After what the next page begins.</param>
    public static string Write(string list, params string[] position) =>
        Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes<string[]>([list, .. position]));

    /// <summary>What <see cref="Write"/> was given as position; null: there is no cursor.</summary>
    /// <exception cref="StorageException">InvalidValue: it is none, or that of another list.</exception>
    public static string[]? Read(string? cursor, string list, int count)
    {
        if (string.IsNullOrEmpty(cursor))
            return null;
        return Parts(cursor) is { } parts && parts.Length == count + 1 && parts[0] == list
            && !Array.Exists(parts, part => part is null || part.Contains('\0', StringComparison.Ordinal))
            ? parts[1..]
            : throw new StorageException(StorageFault.InvalidValue, "The cursor is not one of this list.");
    }

    private static string[]? Parts(string cursor)
    {
        if (cursor.Length > MaxChars || !Base64Url.IsValid(cursor))
            return null;
        try
        {
            return JsonSerializer.Deserialize<string[]>(StrictUtf8.GetString(Base64Url.DecodeFromChars(cursor)));
        }
        catch (Exception e) when (e is JsonException or DecoderFallbackException)
        {
            return null;
        }
    }
}
