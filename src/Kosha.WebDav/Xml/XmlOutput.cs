using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Xml;

/// <summary>
/// Markup written by hand, as UTF-8, into one pooled buffer that goes to the client whenever it is well filled. Writing
/// never blocks; only <see cref="FlushIfFullAsync"/> and <see cref="CompleteAsync"/> wait for the client. A body that
/// fits the buffer gets a Content-Length.
/// </summary>
internal sealed class XmlOutput(HttpResponse response, string contentType = XmlOutput.Xml) : IDisposable
{
    public const string Xml = "application/xml; charset=utf-8";

    private const int FlushBytes = 32 * 1024;
    private const char Replacement = '\uFFFD';

    private static readonly SearchValues<char> Special = SearchValues.Create(
        "&<>\"\uFFFE\uFFFF\0\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\v\f\u000E\u000F\u0010\u0011\u0012\u0013"
        + "\u0014\u0015\u0016\u0017\u0018\u0019\u001A\u001B\u001C\u001D\u001E\u001F");

    private byte[] buffer = ArrayPool<byte>.Shared.Rent(4 * 1024);
    private int used;
    private bool isStarted;

    /// <summary>Where the next byte goes; good for <see cref="Truncate"/> until the next flush.</summary>
    public int Position => used;

    /// <summary>Takes back what was written after <paramref name="position"/>.</summary>
    public void Truncate(int position) => used = position;

    /// <summary>Markup, as it is.</summary>
    public void Raw(ReadOnlySpan<byte> utf8)
    {
        utf8.CopyTo(Room(utf8.Length));
        used += utf8.Length;
    }

    /// <inheritdoc cref="Raw(ReadOnlySpan{byte})"/>
    public void Raw(ReadOnlySpan<char> markup) =>
        used += Encoding.UTF8.GetBytes(markup, Room(Encoding.UTF8.GetMaxByteCount(markup.Length)));

    /// <summary>Text, escaped for an element's content or an attribute; what XML cannot hold becomes U+FFFD.</summary>
    public void Text(ReadOnlySpan<char> text)
    {
        while (text.IndexOfAny(Special) is >= 0 and var at)
        {
            Raw(text[..at]);
            Escape(text[at]);
            text = text[(at + 1)..];
        }
        Raw(text);
    }

    private void Escape(char special)
    {
        switch (special)
        {
            case '&': Raw("&amp;"u8); break;
            case '<': Raw("&lt;"u8); break;
            case '>': Raw("&gt;"u8); break;
            case '"': Raw("&quot;"u8); break;
            default: Raw([Replacement]); break;
        }
    }

    /// <summary>A name as a segment of a URL.</summary>
    public void Segment(string name)
    {
        // Three letters for each byte of UTF-8, three bytes for each letter of UTF-16.
        Span<char> escaped = stackalloc char[512];
        if (Uri.TryEscapeDataString(name, escaped, out var count))
            Raw(escaped[..count]);
        else
            Raw(Uri.EscapeDataString(name));
    }

    public void Number(long number)
    {
        Utf8Formatter.TryFormat(number, Room(20), out var count);
        used += count;
    }

    /// <summary>"Sun, 06 Nov 1994 08:49:37 GMT".</summary>
    public void HttpDate(DateTime utc)
    {
        utc.TryFormat(Room(32), out var count, "R", CultureInfo.InvariantCulture);
        used += count;
    }

    /// <summary>"1994-11-06T08:49:37Z".</summary>
    public void IsoDate(DateTime utc)
    {
        utc.TryFormat(Room(32), out var count, "s", CultureInfo.InvariantCulture);
        used += count;
        Raw("Z"u8);
    }

    public void Hex(ReadOnlySpan<byte> bytes)
    {
        Convert.TryToHexStringLower(bytes, Room(2 * bytes.Length), out var count);
        used += count;
    }

    public void Etag(Guid etag)
    {
        etag.TryFormat(Room(32), out var count, "N");
        used += count;
    }

    /// <summary>Sends what is there if it is worth a packet, and waits until the client takes more.</summary>
    public ValueTask FlushIfFullAsync(CancellationToken ct) => used < FlushBytes ? default : FlushAsync(ct);

    /// <summary>Sends the rest.</summary>
    public async ValueTask CompleteAsync(CancellationToken ct)
    {
        if (!isStarted)
            response.ContentLength = used;
        await FlushAsync(ct);
    }

    private async ValueTask FlushAsync(CancellationToken ct)
    {
        if (!isStarted)
            response.ContentType = contentType;
        isStarted = true;
        var written = await response.BodyWriter.WriteAsync(buffer.AsMemory(0, used), ct);
        used = 0;
        if (written.IsCanceled || written.IsCompleted)
            throw new ConnectionAbortedException("The client went away.");
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Span<byte> Room(int bytes)
    {
        if (buffer.Length - used < bytes)
            Grow(bytes);
        return buffer.AsSpan(used);
    }

    private void Grow(int bytes)
    {
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(Math.Min(buffer.Length * 2, 2 * FlushBytes), used + bytes));
        buffer.AsSpan(0, used).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer);
        buffer = larger;
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(buffer);
        buffer = [];
    }
}
