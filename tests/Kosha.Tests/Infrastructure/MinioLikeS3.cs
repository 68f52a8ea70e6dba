using System.Net.Sockets;

namespace Kosha.Tests.Infrastructure;

/// <summary>
/// A port that leads to an S3 server and makes it answer as MinIO does where that differs in a bucket's rules: CORS is
/// the server's own affair and open to every page, and there is no rule for unfinished uploads.
/// </summary>
public sealed class MinioLikeS3 : IDisposable
{
    private readonly Uri server;
    private readonly TcpDoor door;

    public MinioLikeS3(Uri server)
    {
        this.server = server;
        door = new(ServeAsync);
    }

    public Uri Url => door.Url;

    private async Task ServeAsync(Socket client, CancellationToken ct)
    {
        var (head, body) = await TcpDoor.ReadRequestAsync(client, ct);
        if (head.Length == 0)
            return;
        if (head.StartsWith("OPTIONS", StringComparison.Ordinal))
            await TcpDoor.AnswerAsync(client, CannedS3.Answer(200, "", "Access-Control-Allow-Origin: *"), ct);
        else if (head.Contains("?cors", StringComparison.Ordinal)
            || body.AsSpan().IndexOf("AbortIncompleteMultipartUpload"u8) >= 0)
            await TcpDoor.AnswerAsync(client, CannedS3.Error(501, "NotImplemented"), ct);
        else
            await TcpDoor.PassOnAsync(client, server, head, body, TcpDoor.CopyAsync, ct);
    }

    public void Dispose() => door.Dispose();
}
