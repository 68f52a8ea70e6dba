using System.Globalization;
using System.Net.Mime;
using Microsoft.Net.Http.Headers;

namespace Kosha.WebDav;

/// <summary>How far below a folder a request reaches. Each method says what it makes of the last two.</summary>
internal enum Depth
{
    Missing,
    Zero,
    One,
    Infinity,
    Malformed,
}

/// <summary>Digests of the body that a client announces; null where it did not.</summary>
internal sealed record BodyDigests(byte[]? Sha1, byte[]? Md5, byte[]? Sha256);

/// <summary>Readers of single header values; each header has exactly one.</summary>
internal static class DavHeaders
{
    /// <summary>What a lock lives if the client does not say; also what it means by "Infinite".</summary>
    private const int DefaultLockSeconds = 3600;
    private const int LongestLockSeconds = 86_400;
    private const int MaxContentTypeLength = 255;

    // Seconds from 1601, the first year of Windows' clock, to 9999, the last of ours.
    private const decimal FirstUnixSecond = -11_644_473_600;
    private const decimal LastUnixSecond = 253_402_214_400;

    public static Depth ReadDepth(string? header)
    {
        if (string.IsNullOrWhiteSpace(header))
            return Depth.Missing;
        return header.AsSpan().Trim() switch
        {
            "0" => Depth.Zero,
            "1" => Depth.One,
            var value when value.Equals("infinity", StringComparison.OrdinalIgnoreCase) => Depth.Infinity,
            _ => Depth.Malformed,
        };
    }

    /// <summary>T, the default, or F (RFC 4918, 10.6).</summary>
    /// <exception cref="DavException">400 for anything else.</exception>
    public static bool ReadOverwrite(string? header) => header?.Trim() switch
    {
        null or "" or "T" or "t" => true,
        "F" or "f" => false,
        _ => throw DavException.BadRequest("The Overwrite header is neither T nor F."),
    };

    /// <summary>The first wish of a Timeout header that Kosha knows, in seconds (RFC 4918, 10.7).</summary>
    public static int ReadTimeout(string? header)
    {
        foreach (var part in (header ?? "").Split(',', StringSplitOptions.TrimEntries))
        {
            if (part.Equals("Infinite", StringComparison.OrdinalIgnoreCase))
                return LongestLockSeconds;
            if (!part.StartsWith("Second-", StringComparison.OrdinalIgnoreCase))
                continue;
            var digits = part.AsSpan("Second-".Length);
            if (digits.IsEmpty || digits.ContainsAnyExceptInRange('0', '9'))
                continue;
            return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
                ? Math.Min(seconds, LongestLockSeconds)
                : LongestLockSeconds;
        }
        return DefaultLockSeconds;
    }

    /// <summary>An HTTP date, at the precision of one second. Null: none, or malformed, which counts as none.</summary>
    public static DateTime? ReadDate(string? header) =>
        header is not null && HeaderUtilities.TryParseDate(header, out var date) ? date.UtcDateTime : null;

    /// <summary>X-OC-Mtime: seconds since 1970, perhaps with decimals.</summary>
    /// <exception cref="DavException">400: not such a number.</exception>
    public static DateTime? ReadMtime(string? header)
    {
        if (string.IsNullOrWhiteSpace(header))
            return null;
        return ReadUnixTime(header)
            ?? throw DavException.BadRequest("The X-OC-Mtime header is not a time in seconds since 1970.");
    }

    /// <summary>Seconds since 1970, perhaps with decimals. Null: no number, or not in the years 1601 to 9999.</summary>
    public static DateTime? ReadUnixTime(string text)
    {
        const NumberStyles style = NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign
            | NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite;
        if (!decimal.TryParse(text, style, CultureInfo.InvariantCulture, out var seconds)
            || seconds < FirstUnixSecond || seconds > LastUnixSecond)
            return null;
        return DateTime.UnixEpoch.AddTicks((long)(seconds * TimeSpan.TicksPerSecond));
    }

    /// <summary>OC-Checksum: "SHA1:hex", perhaps several; kinds that Kosha does not compute are passed over.</summary>
    /// <exception cref="DavException">400: a digest of a known kind is not of its length in hexadecimal.</exception>
    public static BodyDigests? ReadChecksums(string? header)
    {
        if (string.IsNullOrWhiteSpace(header))
            return null;
        var digests = new BodyDigests(null, null, null);
        foreach (var part in header.Split([' ', ','], StringSplitOptions.RemoveEmptyEntries))
        {
            var colon = part.IndexOf(':', StringComparison.Ordinal);
            var kind = colon < 0 ? "" : part[..colon].ToUpperInvariant();
            var hex = part.AsSpan(colon + 1);
            digests = kind switch
            {
                "SHA1" or "SHA-1" => digests with { Sha1 = FromHex(hex, 20) },
                "MD5" => digests with { Md5 = FromHex(hex, 16) },
                "SHA256" or "SHA-256" => digests with { Sha256 = FromHex(hex, 32) },
                _ => digests,
            };
        }
        return digests;
    }

    private static byte[] FromHex(ReadOnlySpan<char> hex, int length)
    {
        var bytes = new byte[length];
        return hex.Length == 2 * length
            && Convert.FromHexString(hex, bytes, out _, out _) == System.Buffers.OperationStatus.Done
                ? bytes
                : throw DavException.BadRequest("The OC-Checksum header holds a digest that is not hexadecimal.");
    }

    /// <summary>
    /// A Content-Type worth keeping. Null for those that say nothing about the file: a stream of octets, or the form
    /// types that some tools put on every body.
    /// </summary>
    public static string? ReadContentType(string? header)
    {
        if (header is null || header.Length > MaxContentTypeLength || !Ascii(header)
            || !MediaTypeHeaderValue.TryParse(header, out var type) || type.MatchesAllTypes || type.MatchesAllSubTypes)
            return null;
        return type.MediaType.Value?.ToLowerInvariant()
            is MediaTypeNames.Application.Octet or "binary/octet-stream" or "application/x-unknown"
            or MediaTypeNames.Application.FormUrlEncoded or MediaTypeNames.Multipart.FormData
            ? null
            : header.Trim();
    }

    private static bool Ascii(string text) => !text.AsSpan().ContainsAnyExceptInRange(' ', '~');

    /// <summary>Bytes that the client announces: Content-Length, or what Finder sends with a chunked body.</summary>
    public static long? ReadAnnouncedBytes(long? contentLength, string? expectedEntityLength)
    {
        if (contentLength is not null)
            return contentLength;
        const NumberStyles style = NumberStyles.None;
        return long.TryParse(expectedEntityLength, style, CultureInfo.InvariantCulture, out var n) ? n : null;
    }
}
