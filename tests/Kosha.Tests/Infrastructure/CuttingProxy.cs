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
    private readonly string target;
    private readonly TcpDoor door;
    private int next;

    public CuttingProxy(string socketFolder)
    {
        target = Path.Combine(socketFolder, ".s.PGSQL.5432");
        door = new(PumpAsync);
    }

    public int Port => door.Port;

    /// <summary>Connections broken so far.</summary>
    public int Cuts { get; private set; }

    /// <summary>Breaks the connection that commits next, and only that one.</summary>
    public void CutNext(Cut cut) => next = (int)cut;

    private async Task PumpAsync(Socket client, CancellationToken ct)
    {
        using var server = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await server.ConnectAsync(new UnixDomainSocketEndPoint(target), ct);
        var armed = new TaskCompletionSource();
        // Whoever closes first ends both.
        await Task.WhenAny(ForwardAsync(client, server, armed, ct), ReturnAsync(server, client, armed.Task, ct));
    }

    private async Task ForwardAsync(Socket client, Socket server, TaskCompletionSource armed, CancellationToken ct)
    {
        var buffer = new byte[65536];
        for (int count; (count = await client.ReceiveAsync(buffer, ct)) > 0;)
        {
            var cut = buffer.AsSpan(0, count).IndexOf("COMMIT\0"u8) >= 0
                ? (Cut)Interlocked.Exchange(ref next, (int)Cut.None) : Cut.None;
            if (cut != Cut.None)
                Cuts++;
            if (cut == Cut.BeforeCommit)
                return;
            if (cut == Cut.AfterCommit)
                armed.SetResult();
            await TcpDoor.SendAsync(server, buffer.AsMemory(0, count), ct);
            if (cut == Cut.WithCommit)
                return;
        }
    }

    private static async Task ReturnAsync(Socket server, Socket client, Task armed, CancellationToken ct)
    {
        var buffer = new byte[65536];
        for (int count; (count = await server.ReceiveAsync(buffer, ct)) > 0;)
        {
            if (armed.IsCompleted)
                return;
            await TcpDoor.SendAsync(client, buffer.AsMemory(0, count), ct);
        }
    }

    public void Dispose() => door.Dispose();
}
