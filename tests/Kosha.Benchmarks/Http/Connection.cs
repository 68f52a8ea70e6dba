using System.Buffers.Text;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Kosha.Benchmarks.Http;

/// <summary>Produces a request's body: fills the buffer with the bytes from this offset on.</summary>
public delegate void BodySource(Span<byte> buffer, long offset);

/// <summary>Takes a piece of an answer's body, which began at this offset.</summary>
public delegate void BodySink(ReadOnlySpan<byte> bytes, long offset);

/// <summary>What is sent beside method and path.</summary>
/// <param name="Headers">Whole lines, each ended by CR LF.</param>
/// <param name="Body">The body, unless there is a source.</param>
/// <param name="Source">For bodies that are not in memory.</param>
/// <param name="SourceLength">Bytes of the source.</param>
/// <param name="Sink">Null: the answer's body is read and dropped.</param>
public readonly record struct Exchange(
    string Headers = "", ReadOnlyMemory<byte> Body = default, BodySource? Source = null, long SourceLength = 0,
    BodySink? Sink = null);

/// <summary>
/// A blocking HTTP/1.1 client with one connection and one request at a time. It is small on purpose: it shares the
/// processor with the server that it measures.
/// </summary>
public sealed class Connection(Target target) : IDisposable
{
    private const int BufferBytes = 256 * 1024;
    private const int TimeoutMilliseconds = 300_000;

    private readonly byte[] outgoing = new byte[BufferBytes];
    private NetworkStream? stream;
    private AnswerReader? reader;

    public Target Target => target;

    /// <summary>Of the last answer.</summary>
    public AnswerHead Head => reader?.Head ?? default;

    /// <summary>Bytes of the last answer's body.</summary>
    public long BodyLength => reader?.BodyLength ?? 0;

    /// <summary>Sends and reads the whole answer. A connection that the server has closed is opened again.</summary>
    /// <returns>The status.</returns>
    public int Send(string method, string path, Exchange exchange = default)
    {
        var isReused = stream is not null;
        try
        {
            return SendOnce(method, path, exchange);
        }
        catch (IOException) when (isReused)
        {
            Dispose();
            return SendOnce(method, path, exchange);
        }
    }

    private int SendOnce(string method, string path, Exchange exchange)
    {
        try
        {
            Open();
            Write(method, path, exchange);
            reader!.Read(hasBody: method != "HEAD", exchange.Sink);
            var status = Head.Status;
            if (Head.IsLast)
                Close();
            return status;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    private void Open()
    {
        if (stream is not null)
            return;
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp)
        {
            NoDelay = true,
            SendTimeout = TimeoutMilliseconds,
            ReceiveTimeout = TimeoutMilliseconds,
        };
        socket.Connect(target.Url.Host, target.Url.Port);
        stream = new NetworkStream(socket, ownsSocket: true);
        reader = new AnswerReader(stream);
    }

    private void Write(string method, string path, Exchange exchange)
    {
        var length = exchange.Source is null ? exchange.Body.Length : exchange.SourceLength;
        var hasLength = length > 0 || method is "PUT" or "PROPFIND" or "LOCK";
        var head = string.Create(CultureInfo.InvariantCulture, $"""
            {method} {path} HTTP/1.1
            Host: {target.Url.Authority}
            {(hasLength ? $"Content-Length: {length}\n" : "")}
            """).ReplaceLineEndings("\r\n") + target.HeadersOf(method, path) + exchange.Headers + "\r\n";
        var count = Encoding.ASCII.GetBytes(head, outgoing);
        if (exchange.Source is null && exchange.Body.Length <= outgoing.Length - count)
        {
            exchange.Body.Span.CopyTo(outgoing.AsSpan(count));
            stream!.Write(outgoing, 0, count + exchange.Body.Length);
            return;
        }
        stream!.Write(outgoing, 0, count);
        WriteBody(exchange, length);
    }

    private void WriteBody(Exchange exchange, long length)
    {
        if (exchange.Source is null)
        {
            stream!.Write(exchange.Body.Span);
            return;
        }
        for (long offset = 0; offset < length;)
        {
            var piece = outgoing.AsSpan(0, (int)Math.Min(outgoing.Length, length - offset));
            exchange.Source(piece, offset);
            stream!.Write(piece);
            offset += piece.Length;
        }
    }

    // The last answer stays readable.
    private void Close()
    {
        stream?.Dispose();
        stream = null;
    }

    public void Dispose() => Close();
}

/// <summary>The parts of an answer's head that workloads look at.</summary>
/// <param name="Status">The status code.</param>
/// <param name="Etag">As sent; null if it was not.</param>
/// <param name="LockToken">As sent, in angle brackets; null if it was not.</param>
/// <param name="IsLast">The server closes the connection after this answer.</param>
public readonly record struct AnswerHead(int Status, string? Etag, string? LockToken, bool IsLast);

/// <summary>Reads answers from one connection.</summary>
internal sealed class AnswerReader(NetworkStream stream)
{
    private readonly byte[] buffer = new byte[256 * 1024];
    private int start;
    private int end;
    private long contentLength;
    private bool isChunked;

    public AnswerHead Head { get; private set; }

    public long BodyLength { get; private set; }

    public void Read(bool hasBody, BodySink? sink)
    {
        do
            ReadHead();
        while (Head.Status is >= 100 and < 200);
        BodyLength = 0;
        if (!hasBody || Head.Status is 204 or 304)
            return;
        if (isChunked)
            ReadChunks(sink);
        else if (contentLength >= 0)
            Take(contentLength, sink);
        else
            ReadToEnd(sink);
    }

    private void ReadHead()
    {
        var line = ReadLine();
        if (line.Length < 12 || !line.StartsWith("HTTP/1."u8))
            throw new InvalidDataException($"'{Encoding.ASCII.GetString(line)}' is no status line.");
        var status = int.Parse(line[9..12], CultureInfo.InvariantCulture);
        Head = new(status, null, null, IsLast: line[7] == (byte)'0');
        contentLength = -1;
        isChunked = false;
        for (line = ReadLine(); line.Length > 0; line = ReadLine())
            ReadHeader(line);
        if (contentLength < 0 && !isChunked && status is not (204 or 304 or < 200))
            Head = Head with { IsLast = true };
    }

    private void ReadHeader(ReadOnlySpan<byte> line)
    {
        var colon = line.IndexOf((byte)':');
        if (colon < 0)
            return;
        var name = line[..colon];
        var value = line[(colon + 1)..].Trim((byte)' ');
        if (Ascii.EqualsIgnoreCase(name, "content-length"u8))
            contentLength = long.Parse(value, CultureInfo.InvariantCulture);
        else if (Ascii.EqualsIgnoreCase(name, "transfer-encoding"u8))
            isChunked = value.IndexOf("chunked"u8) >= 0;
        else if (Ascii.EqualsIgnoreCase(name, "connection"u8) && Ascii.EqualsIgnoreCase(value, "close"u8))
            Head = Head with { IsLast = true };
        else if (Ascii.EqualsIgnoreCase(name, "etag"u8))
            Head = Head with { Etag = Encoding.Latin1.GetString(value) };
        else if (Ascii.EqualsIgnoreCase(name, "lock-token"u8))
            Head = Head with { LockToken = Encoding.Latin1.GetString(value) };
    }

    private void ReadChunks(BodySink? sink)
    {
        while (true)
        {
            var line = ReadLine();
            if (!Utf8Parser.TryParse(line, out int length, out _, 'x'))
                throw new InvalidDataException("A chunk has no length.");
            if (length == 0)
                break;
            Take(length, sink);
            ReadLine();
        }
        while (ReadLine().Length > 0)
        {
            // Trailers say nothing of interest.
        }
    }

    private void ReadToEnd(BodySink? sink)
    {
        while (start < end || Fill())
            TakePiece(end - start, sink);
    }

    private void Take(long count, BodySink? sink)
    {
        while (count > 0)
        {
            if (start == end && !Fill())
                throw new InvalidDataException("The body was cut short.");
            count -= TakePiece((int)Math.Min(count, end - start), sink);
        }
    }

    private int TakePiece(int count, BodySink? sink)
    {
        sink?.Invoke(buffer.AsSpan(start, count), BodyLength);
        BodyLength += count;
        start += count;
        return count;
    }

    private ReadOnlySpan<byte> ReadLine()
    {
        for (var scanned = 0; ;)
        {
            var length = buffer.AsSpan(start + scanned, end - start - scanned).IndexOf((byte)'\n');
            if (length >= 0)
            {
                var line = buffer.AsSpan(start, scanned + length);
                start += line.Length + 1;
                return line.EndsWith("\r"u8) ? line[..^1] : line;
            }
            scanned = end - start;
            if (!Fill())
                throw new IOException("The server has closed the connection.");
        }
    }

    private bool Fill()
    {
        if (start == end)
            start = end = 0;
        else if (end == buffer.Length)
        {
            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end) = (0, end - start);
        }
        var count = stream.Read(buffer, end, buffer.Length - end);
        end += count;
        return count > 0;
    }
}
