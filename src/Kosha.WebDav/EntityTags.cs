using Kosha.Storage.Tree;
using Microsoft.Extensions.Primitives;

namespace Kosha.WebDav;

/// <summary>Entity tags as HTTP writes them (RFC 9110, 8.8.3). Kosha's own are strong: 32 hexadecimal digits.</summary>
public static class EntityTags
{
    public static string Format(Guid etag) => string.Create(34, etag, static (span, value) =>
    {
        span[0] = span[33] = '"';
        value.TryFormat(span[1..], out _, "N");
    });

    /// <summary>
    /// Reads If-Match or If-None-Match. Null: no header, or a malformed one, which counts as none because some sync
    /// programs send such a header with every request only to defeat caches.
    /// </summary>
    /// <param name="header">All values of the header.</param>
    /// <param name="weakMatches">Whether W/"x" equals "x": it does for If-None-Match (RFC 9110, 13.1.2).</param>
    public static TagCondition? Read(StringValues header, bool weakMatches)
    {
        if (header.Count == 0)
            return null;
        var rest = header.ToString().AsSpan().Trim();
        if (rest is "*")
            return new TagCondition(Any: true, []);
        var tags = new List<Guid>();
        var count = 0;
        while (!(rest = rest.TrimStart(" \t,")).IsEmpty)
        {
            if (!TryTake(ref rest, out var tag, out var isWeak))
                return null;
            count++;
            if (tag is { } own && (weakMatches || !isWeak))
                tags.Add(own);
        }
        return count == 0 ? null : new TagCondition(Any: false, tags);
    }

    /// <summary>Reads one tag that stands alone, as in If-Range. Null: malformed, weak, or not Kosha's.</summary>
    public static Guid? ReadStrong(ReadOnlySpan<char> text) =>
        TryTake(ref text, out var tag, out var isWeak) && !isWeak && text.IsEmpty ? tag : null;

    /// <summary>Takes one tag from the front. A well-formed tag that is not Kosha's gives a null tag.</summary>
    private static bool TryTake(ref ReadOnlySpan<char> text, out Guid? tag, out bool isWeak)
    {
        tag = null;
        isWeak = text.StartsWith("W/", StringComparison.Ordinal);
        var quoted = isWeak ? text[2..] : text;
        if (quoted.IsEmpty || quoted[0] != '"' || quoted[1..].IndexOf('"') is var end && end < 0)
            return false;
        if (Guid.TryParseExact(quoted.Slice(1, end), "N", out var own))
            tag = own;
        text = quoted[(end + 2)..];
        return text.IsEmpty || text[0] is ',' or ' ' or '\t';
    }
}
