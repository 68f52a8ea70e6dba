using System.Net.Sockets;

namespace Kosha.Tests.Infrastructure;

/// <summary>A port of 127.0.0.1 that leads to a server and counts every byte that clients send to it.</summary>
public sealed class CountingDoor : IDisposable
{
    private readonly Uri server;
    private readonly TcpDoor door;
    private long received;

    public CountingDoor(Uri server)
    {
        this.server = server;
        door = new(ServeAsync);
    }

    /// <summary>Ends in '/'.</summary>
    public Uri Url => new(door.Url, "/");

    /// <summary>Bytes from clients, heads and bodies.</summary>
    public long Received => Interlocked.Read(ref received);

    private async Task ServeAsync(Socket client, CancellationToken ct)
    {
        using var target = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await target.ConnectAsync(server.Host, server.Port, ct);
        await Task.WhenAny(CountAsync(client, target, ct), TcpDoor.CopyAsync(target, client, ct));
    }

    private async Task CountAsync(Socket client, Socket target, CancellationToken ct)
    {
        var buffer = new byte[65536];
        for (int count; (count = await client.ReceiveAsync(buffer, ct)) > 0;)
        {
            Interlocked.Add(ref received, count);
            for (var sent = 0; sent < count;)
                sent += await target.SendAsync(buffer.AsMemory(sent, count - sent), ct);
        }
    }

    public void Dispose() => door.Dispose();
}
