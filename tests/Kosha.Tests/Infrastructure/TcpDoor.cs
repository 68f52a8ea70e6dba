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

    /// <summary>A head that asks for the connection to be closed after the answer: no request passes unseen.</summary>
    public static string AsLast(string head) =>
        head.Replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n", StringComparison.Ordinal);

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
