using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Kosha.Tests.Infrastructure;

/// <summary>
/// A public door of an S3 server, for GET: notes the head of each request, and refuses one that carries an
/// Authorization header beside its signed URL, as AWS does.
/// </summary>
public sealed class StrictS3 : IAsyncDisposable
{
    private const int MaxHeadBytes = 64 * 1024;

    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentQueue<string> heads = new();
    private readonly Uri server;
    private readonly Task accepting;

    public StrictS3(Uri server)
    {
        this.server = server;
        listener.Start();
        accepting = AcceptAsync();
    }

    public Uri Url => new($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");

    /// <summary>Request line and headers of every request so far.</summary>
    public IReadOnlyList<string> Heads => [.. heads];

    public void Forget() => heads.Clear();

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = ServeAsync(await listener.AcceptSocketAsync());
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It has been closed.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using (client)
        using (var target = new Socket(SocketType.Stream, ProtocolType.Tcp))
        {
            try
            {
                var head = await ReadHeadAsync(client);
                heads.Enqueue(head);
                if (head.Contains("\r\nAuthorization:", StringComparison.OrdinalIgnoreCase))
                {
                    await client.SendAsync("HTTP/1.1 400 Only one auth mechanism allowed\r\nConnection: close\r\n\r\n"u8
                        .ToArray());
                    return;
                }
                await target.ConnectAsync(server.Host, server.Port);
                // One request a connection, so that none passes unseen.
                var end = head.IndexOf("\r\n\r\n", StringComparison.Ordinal);
                await target.SendAsync(Encoding.Latin1.GetBytes($"{head[..end]}\r\nConnection: close\r\n\r\n"));
                await CopyAsync(target, client);
            }
            catch (SocketException)
            {
                // One end closes both.
            }
        }
    }

    private static async Task<string> ReadHeadAsync(Socket client)
    {
        var buffer = new byte[MaxHeadBytes];
        var used = 0;
        while (buffer.AsSpan(0, used).IndexOf("\r\n\r\n"u8) < 0)
        {
            var count = await client.ReceiveAsync(buffer.AsMemory(used));
            if (count == 0)
                throw new SocketException((int)SocketError.ConnectionReset);
            used += count;
        }
        return Encoding.Latin1.GetString(buffer, 0, used);
    }

    private static async Task CopyAsync(Socket from, Socket to)
    {
        var buffer = new byte[65536];
        for (int count; (count = await from.ReceiveAsync(buffer)) > 0;)
            await to.SendAsync(buffer.AsMemory(0, count));
        to.Shutdown(SocketShutdown.Send);
    }

    public async ValueTask DisposeAsync()
    {
        listener.Dispose();
        await accepting;
    }
}
