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
        var (head, rest) = await TcpDoor.ReadHeadAsync(client, ct);
        if (head.Length == 0)
            return;
        heads.Enqueue(head);
        if (head.Contains("\r\nAuthorization:", StringComparison.OrdinalIgnoreCase))
            await TcpDoor.AnswerAsync(client, CannedS3.Error(400, "InvalidArgument"), ct);
        else
            await TcpDoor.PassOnAsync(client, server, head, rest, TcpDoor.CopyAsync, ct);
    }

    public void Dispose() => door.Dispose();
}
