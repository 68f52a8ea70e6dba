using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Kosha.Tests.Robustness.Fuzz;

/// <summary>What came back.</summary>
/// <param name="Status">0: the server closed the connection without an answer.</param>
/// <param name="IsFromHandler">The body is the XML of a WebDAV method.</param>
/// <param name="LockToken">Null unless a lock was given.</param>
public readonly record struct FuzzAnswer(int Status, bool IsFromHandler, string? LockToken);

/// <summary>
/// A keep-alive connection that sends bytes as they are and reads answers in large pieces, so that many requests cost
/// little. It opens again whenever the server has closed it.
/// </summary>
public sealed class FuzzConnection(Uri server) : IDisposable
{
    private const int TimeoutSeconds = 60;

    private readonly byte[] buffer = new byte[64 * 1024];
    private Socket? socket;
    private int start;
    private int end;

    /// <summary>Sends a request and reads its whole answer.</summary>
    /// <param name="request">Head and body.</param>
    /// <param name="isHead">The answer has no body whatever its headers say.</param>
    /// <param name="isLast">The client's side is closed behind the request, as by a client that breaks off.</param>
    public async Task<FuzzAnswer> SendAsync(ReadOnlyMemory<byte> request, bool isHead, bool isLast)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(TimeoutSeconds));
        for (var isReused = socket is not null; ; isReused = false)
        {
            try
            {
                await WriteAsync(request, isLast, limit.Token);
                var answer = await ReadAnswerAsync(isHead, limit.Token);
                if (answer.Status != 0 || !isReused)
                {
                    if (isLast)
                        Dispose();
                    return answer;
                }
            }
            catch (SocketException) when (isReused)
            {
                // The server had closed an idle connection.
            }
            catch (SocketException)
            {
                Dispose();
                return default;
            }
            Dispose();
        }
    }

    private async Task WriteAsync(ReadOnlyMemory<byte> request, bool isLast, CancellationToken ct)
    {
        if (socket is null)
        {
            socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            start = end = 0;
            await socket.ConnectAsync(server.Host, server.Port, ct);
        }
        for (var sent = 0; sent < request.Length;)
            sent += await socket.SendAsync(request[sent..], ct);
        if (isLast)
            socket.Shutdown(SocketShutdown.Send);
    }

    private async Task<FuzzAnswer> ReadAnswerAsync(bool isHead, CancellationToken ct)
    {
        string? head;
        int status;
        do
        {
            head = await ReadHeadAsync(ct);
            if (head is null)
            {
                Dispose();
                return default;
            }
            status = int.Parse(head.AsSpan(9, 3), CultureInfo.InvariantCulture);
        }
        while (status is >= 100 and < 200);
        if (!isHead && status is not (204 or 304) && !await SkipBodyAsync(head, ct))
            return default;
        if (Header(head, "Connection") == "close")
            Dispose();
        var isXml = Header(head, "Content-Type")?.StartsWith("application/xml", StringComparison.Ordinal) == true;
        return new(status, isXml, Header(head, "Lock-Token")?.Trim('<', '>'));
    }

    private async Task<bool> SkipBodyAsync(string head, CancellationToken ct)
    {
        if (head.Contains("\r\nTransfer-Encoding: chunked", StringComparison.OrdinalIgnoreCase))
            return await SkipChunksAsync(ct);
        return Header(head, "Content-Length") is not { } length
            || await SkipAsync(long.Parse(length, CultureInfo.InvariantCulture), ct);
    }

    private static string? Header(string head, string name)
    {
        var at = head.IndexOf($"\r\n{name}: ", StringComparison.OrdinalIgnoreCase);
        if (at < 0)
            return null;
        at += name.Length + 4;
        return head[at..head.IndexOf('\r', at)];
    }

    private async Task<bool> SkipChunksAsync(CancellationToken ct)
    {
        while (await ReadLineAsync(ct) is { } line)
        {
            var length = long.Parse(line, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if (!await SkipAsync(length + 2, ct))
                return false;
            if (length == 0)
                return true;
        }
        return false;
    }

    private Task<string?> ReadHeadAsync(CancellationToken ct) => ReadToAsync("\r\n\r\n"u8.ToArray(), ct);

    private Task<string?> ReadLineAsync(CancellationToken ct) => ReadToAsync("\r\n"u8.ToArray(), ct);

    // The text up to the mark; null if the server closes before.
    private async Task<string?> ReadToAsync(byte[] mark, CancellationToken ct)
    {
        while (true)
        {
            var at = buffer.AsSpan(start, end - start).IndexOf(mark);
            if (at >= 0)
            {
                var text = Encoding.Latin1.GetString(buffer, start, at);
                start += at + mark.Length;
                return mark.Length == 4 ? text + "\r\n" : text;
            }
            if (!await FillAsync(ct))
                return null;
        }
    }

    private async Task<bool> SkipAsync(long bytes, CancellationToken ct)
    {
        while (bytes > 0)
        {
            if (start == end && !await FillAsync(ct))
                return false;
            var count = (int)Math.Min(bytes, end - start);
            start += count;
            bytes -= count;
        }
        return true;
    }

    private async Task<bool> FillAsync(CancellationToken ct)
    {
        buffer.AsSpan(start, end - start).CopyTo(buffer);
        (start, end) = (0, end - start);
        var count = await socket!.ReceiveAsync(buffer.AsMemory(end), ct);
        end += count;
        return count > 0;
    }

    public void Dispose()
    {
        socket?.Dispose();
        socket = null;
    }
}
