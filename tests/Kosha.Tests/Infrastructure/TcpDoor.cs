using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Kosha.Tests.Infrastructure;

/// <summary>
/// A port of 127.0.0.1, for servers that replay, spoil or only watch what goes through them. Each connection is served
/// by itself and ends with its handler; a peer that goes away ends that one alone.
/// </summary>
public sealed class TcpDoor : IDisposable
{
    private const int MaxHeadBytes = 64 * 1024;

    private readonly CancellationTokenSource closing = new();
    private readonly Func<Socket, CancellationToken, Task> serve;
    private TcpListener listener = new(IPAddress.Loopback, 0);

    /// <param name="serve">Serves a connection, until the token says that the door is gone.</param>
    public TcpDoor(Func<Socket, CancellationToken, Task> serve)
    {
        this.serve = serve;
        Open();
        Port = ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public int Port { get; }

    public Uri Url => new($"http://127.0.0.1:{Port}");

    /// <summary>Connections are refused from now on; those that are open stay.</summary>
    public void Close() => listener.Stop();

    /// <summary>After <see cref="Close"/>.</summary>
    public void OpenAgain()
    {
        listener = new(IPAddress.Loopback, Port);
        Open();
    }

    private void Open()
    {
        listener.Start();
        _ = AcceptAsync(listener);
    }

    private async Task AcceptAsync(TcpListener open)
    {
        try
        {
            while (true)
                _ = ServeAsync(await open.AcceptSocketAsync(closing.Token));
        }
        catch (Exception e) when (IsOver(e))
        {
            // Nobody listens any more.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using (client)
        {
            try
            {
                await serve(client, closing.Token);
            }
            catch (Exception e) when (IsOver(e))
            {
                // One end is gone, or the door is.
            }
        }
    }

    private static bool IsOver(Exception e) =>
        e is SocketException or ObjectDisposedException or OperationCanceledException;

    /// <summary>The head of an HTTP request with its empty line, and what came with it; empty: there is none.</summary>
    public static async Task<(string Head, byte[] Body)> ReadHeadAsync(Socket client, CancellationToken ct)
    {
        var buffer = new byte[MaxHeadBytes];
        for (var length = 0; length < buffer.Length;)
        {
            var count = await client.ReceiveAsync(buffer.AsMemory(length), ct);
            if (count == 0)
                break;
            length += count;
            var end = buffer.AsSpan(0, length).IndexOf("\r\n\r\n"u8) + 4;
            if (end >= 4)
                return (Encoding.Latin1.GetString(buffer, 0, end), buffer[end..length]);
        }
        return ("", []);
    }

    /// <summary>As <see cref="ReadHeadAsync"/>, with the whole body.</summary>
    public static async Task<(string Head, byte[] Body)> ReadRequestAsync(Socket client, CancellationToken ct)
    {
        var (head, received) = await ReadHeadAsync(client, ct);
        if (head.Contains("\r\nExpect:", StringComparison.OrdinalIgnoreCase))
            await SendAsync(client, "HTTP/1.1 100 Continue\r\n\r\n", ct);
        var body = new byte[head.Split("\r\n").Select(header => header.Split(": "))
            .Where(header => header[0].Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
            .Select(header => int.Parse(header[1], CultureInfo.InvariantCulture)).SingleOrDefault()];
        received.CopyTo(body, 0);
        // To read nothing would be to wait for the next request.
        for (var length = received.Length; length < body.Length;)
            length += await client.ReceiveAsync(body.AsMemory(length), ct) is > 0 and var count
                ? count : throw new SocketException((int)SocketError.ConnectionReset);
        return (head, body);
    }

    /// <summary>The only answer on this connection, and the wait until the client has it and closes, too.</summary>
    public static async Task AnswerAsync(Socket client, string answer, CancellationToken ct)
    {
        await SendAsync(client, answer, ct);
        client.Shutdown(SocketShutdown.Send);
        var buffer = new byte[65536];
        while (await client.ReceiveAsync(buffer, ct) > 0)
        {
        }
    }

    /// <summary>Passes on a request whose head has been read, and its answer back; then the connection ends.</summary>
    /// <param name="client">Who asks.</param>
    /// <param name="server">Who answers.</param>
    /// <param name="head">Of the request.</param>
    /// <param name="rest">What came with it.</param>
    /// <param name="back">Passes the answer back, from the first to the second.</param>
    /// <param name="ct">Ends it.</param>
    public static async Task PassOnAsync(Socket client, Uri server, string head, byte[] rest,
        Func<Socket, Socket, CancellationToken, Task> back, CancellationToken ct)
    {
        using var target = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await target.ConnectAsync(server.Host, server.Port, ct);
        // One request a connection, so that none passes unseen.
        await SendAsync(target,
            head.Replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n", StringComparison.Ordinal), ct);
        await SendAsync(target, rest, ct);
        var forward = CopyAsync(client, target, ct);
        var answer = back(target, client, ct);
        if (await Task.WhenAny(forward, answer) != answer)
            return;
        await answer;
        // The client has all of it and closes, too; to close before would be to reset.
        client.Shutdown(SocketShutdown.Send);
        await forward;
    }

    public static async Task SendAsync(Socket to, ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        while (bytes.Length > 0)
            bytes = bytes[await to.SendAsync(bytes, ct)..];
    }

    public static Task SendAsync(Socket to, string text, CancellationToken ct) =>
        SendAsync(to, Encoding.UTF8.GetBytes(text), ct);

    /// <summary>Passes on everything until one end closes.</summary>
    public static async Task CopyAsync(Socket from, Socket to, CancellationToken ct)
    {
        var buffer = new byte[65536];
        for (int count; (count = await from.ReceiveAsync(buffer, ct)) > 0;)
            await SendAsync(to, buffer.AsMemory(0, count), ct);
    }

    public void Dispose()
    {
        closing.Cancel();
        listener.Dispose();
        closing.Dispose();
    }
}
