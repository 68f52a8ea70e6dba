using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Kosha.Tests.Infrastructure;

/// <summary>
/// A port of 127.0.0.1 that leads to a server, and can be closed: then its connections are cut at once, and new ones,
/// too.
/// </summary>
public sealed class TcpDoor : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<Socket, bool> clients = new();
    private readonly Uri server;
    private readonly Task accepting;
    private volatile bool isClosed;

    public TcpDoor(Uri server)
    {
        this.server = server;
        listener.Start();
        accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>Each new connection is cut after as many bytes from the server.</summary>
    public long CutAfterBytes { get; set; } = long.MaxValue;

    public void Open() => isClosed = false;

    public void Close()
    {
        isClosed = true;
        foreach (var client in clients.Keys)
            client.Close(timeout: 0);
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = PumpAsync(await listener.AcceptSocketAsync());
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The door is gone.
        }
    }

    private async Task PumpAsync(Socket client)
    {
        using (client)
        using (var target = new Socket(SocketType.Stream, ProtocolType.Tcp))
        {
            clients[client] = true;
            try
            {
                if (isClosed)
                    return;
                await target.ConnectAsync(server.Host, server.Port);
                await Task.WhenAny(
                    ForwardAsync(client, target, long.MaxValue), ForwardAsync(target, client, CutAfterBytes));
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // One end closes both.
            }
            finally
            {
                clients.TryRemove(client, out _);
            }
        }
    }

    private static async Task ForwardAsync(Socket from, Socket to, long bytes)
    {
        var buffer = new byte[65536];
        for (int count; bytes > 0 && (count = await from.ReceiveAsync(buffer)) > 0; bytes -= count)
            await to.SendAsync(buffer.AsMemory(0, count));
    }

    public async ValueTask DisposeAsync()
    {
        Close();
        listener.Dispose();
        await accepting;
    }
}
