using System.Net;
using System.Net.Sockets;

namespace Kosha.Tests.Infrastructure;

/// <summary>What happens to the next COMMIT that goes through a <see cref="CuttingProxy"/>.</summary>
public enum Cut
{
    None,

    /// <summary>It never reaches the server.</summary>
    BeforeCommit,

    /// <summary>The server gets it, and the connection is gone at once.</summary>
    WithCommit,

    /// <summary>The server answers it, and the client never hears of that.</summary>
    AfterCommit,
}

/// <summary>A TCP door to a Postgres on a Unix socket that breaks one connection when told to.</summary>
public sealed class CuttingProxy : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly string target;
    private int next;

    public CuttingProxy(string socketFolder)
    {
        target = Path.Combine(socketFolder, ".s.PGSQL.5432");
        listener.Start();
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>Connections broken so far.</summary>
    public int Cuts { get; private set; }

    /// <summary>Breaks the connection that commits next, and only that one.</summary>
    public void CutNext(Cut cut) => next = (int)cut;

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = PumpAsync(await listener.AcceptSocketAsync());
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The proxy has been closed.
        }
    }

    private async Task PumpAsync(Socket client)
    {
        using var server = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        using (client)
        {
            try
            {
                await server.ConnectAsync(new UnixDomainSocketEndPoint(target));
                var armed = new TaskCompletionSource();
                await Task.WhenAny(ForwardAsync(client, server, armed), ReturnAsync(server, client, armed.Task));
            }
            catch (SocketException)
            {
                // Whoever closes first ends both.
            }
        }
    }

    private async Task ForwardAsync(Socket client, Socket server, TaskCompletionSource armed)
    {
        var buffer = new byte[65536];
        for (int count; (count = await client.ReceiveAsync(buffer)) > 0;)
        {
            var cut = buffer.AsSpan(0, count).IndexOf("COMMIT\0"u8) >= 0
                ? (Cut)Interlocked.Exchange(ref next, (int)Cut.None) : Cut.None;
            if (cut != Cut.None)
                Cuts++;
            if (cut == Cut.BeforeCommit)
                return;
            if (cut == Cut.AfterCommit)
                armed.SetResult();
            await server.SendAsync(buffer.AsMemory(0, count));
            if (cut == Cut.WithCommit)
                return;
        }
    }

    private static async Task ReturnAsync(Socket server, Socket client, Task armed)
    {
        var buffer = new byte[65536];
        for (int count; (count = await server.ReceiveAsync(buffer)) > 0;)
        {
            if (armed.IsCompleted)
                return;
            await client.SendAsync(buffer.AsMemory(0, count));
        }
    }

    public void Dispose() => listener.Dispose();
}
