using System.Collections.Concurrent;
using System.Net.Sockets;

namespace Kosha.Tests.Infrastructure;

/// <summary>
/// A public door of an S3 server, for GET: notes the head of each request, and refuses one that carries an
/// Authorization header beside its signed URL, as AWS does.
/// </summary>
public sealed class StrictS3 : IDisposable
{
    private readonly ConcurrentQueue<string> heads = new();
    private readonly Uri server;
    private readonly TcpDoor door;

    public StrictS3(Uri server)
    {
        this.server = server;
        door = new(ServeAsync);
    }

    public Uri Url => door.Url;

    /// <summary>Request line and headers of every request so far.</summary>
    public IReadOnlyList<string> Heads => [.. heads];

    public void Forget() => heads.Clear();

    private async Task ServeAsync(Socket client, CancellationToken ct)
    {
        var (head, _) = await TcpDoor.ReadHeadAsync(client, ct);
        if (head.Length == 0)
            return;
        heads.Enqueue(head);
        if (head.Contains("\r\nAuthorization:", StringComparison.OrdinalIgnoreCase))
        {
            await TcpDoor.SendAsync(
                client, "HTTP/1.1 400 Only one auth mechanism allowed\r\nConnection: close\r\n\r\n", ct);
            return;
        }
        using var target = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await target.ConnectAsync(server.Host, server.Port, ct);
        await TcpDoor.SendAsync(target, TcpDoor.AsLast(head), ct);
        await TcpDoor.CopyAsync(target, client, ct);
        client.Shutdown(SocketShutdown.Send);
    }

    public void Dispose() => door.Dispose();
}
