using System.Globalization;
using System.Runtime.InteropServices;

namespace Kosha.WebDav;

/// <summary>A part of a file. The length is never 0.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ByteRange(long Offset, long Length)
{
    public long Last => Offset + Length - 1;
}

/// <summary>Range headers (RFC 9110, 14.2).</summary>
internal static class ByteRanges
{
    /// <summary>A header that asks for more parts than this is answered with the whole file.</summary>
    public const int MaxRanges = 32;

    /// <summary>
    /// What to send of a file of <paramref name="size"/> bytes. Null: all of it, because there is no header, or it is
    /// malformed, in another unit, or abusive. Empty: no part can be satisfied (416).
    /// </summary>
    public static IReadOnlyList<ByteRange>? Parse(string? header, long size)
    {
        if (string.IsNullOrEmpty(header))
            return null;
        var equals = header.IndexOf('=', StringComparison.Ordinal);
        if (equals < 0 || !header.AsSpan(0, equals).Trim().Equals("bytes", StringComparison.OrdinalIgnoreCase))
            return null;
        var ranges = new List<ByteRange>();
        var count = 0;
        var specs = header.AsSpan(equals + 1);
        foreach (var part in specs.Split(','))
        {
            var spec = specs[part].Trim();
            if (spec.IsEmpty)
                continue;
            if (++count > MaxRanges || !TryParse(spec, size, out var range))
                return null;
            if (range.Length > 0)
                ranges.Add(range);
        }
        return count == 0 ? null : Disjoint(ranges);
    }

    /// <summary>One part, cut to the file; length 0 if nothing of it is there. False: malformed.</summary>
    private static bool TryParse(ReadOnlySpan<char> spec, long size, out ByteRange range)
    {
        range = default;
        var dash = spec.IndexOf('-');
        if (dash < 0 || !TryNumber(spec[..dash].TrimEnd(), out var first)
            || !TryNumber(spec[(dash + 1)..].TrimStart(), out var last))
            return false;
        switch (first, last)
        {
            case (null, null):
                return false;
            case (null, { } suffix):
                range = new ByteRange(Math.Max(0, size - suffix), Math.Min(suffix, size));
                return true;
            case ({ } start, var end):
                if (end < start)
                    return false;
                if (start < size)
                    range = new ByteRange(start, Math.Min(end ?? long.MaxValue, size - 1) - start + 1);
                return true;
        }
    }

    /// <summary>Digits, perhaps none (null). More than a long can hold counts as the largest long.</summary>
    private static bool TryNumber(ReadOnlySpan<char> text, out long? number)
    {
        number = null;
        if (text.IsEmpty)
            return true;
        if (text.ContainsAnyExceptInRange('0', '9'))
            return false;
        number = long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : long.MaxValue;
        return true;
    }

    /// <summary>Parts that overlap are joined, so that nobody gets more bytes than the file has.</summary>
    private static List<ByteRange> Disjoint(List<ByteRange> ranges)
    {
        var sorted = new List<ByteRange>(ranges);
        sorted.Sort(static (a, b) => a.Offset.CompareTo(b.Offset));
        var joined = new List<ByteRange>(sorted.Count);
        foreach (var range in sorted)
        {
            if (joined.Count > 0 && range.Offset <= joined[^1].Last)
            {
                var before = joined[^1];
                joined[^1] = before with { Length = Math.Max(before.Last, range.Last) - before.Offset + 1 };
            }
            else
                joined.Add(range);
        }
        // Without an overlap the client's own order stands (RFC 9110, 15.3.7.2).
        return joined.Count == ranges.Count ? ranges : joined;
    }
}
