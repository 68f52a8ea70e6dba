using System.Net.Sockets;
using System.Text;
using Kosha.Storage.Blobs;

namespace Kosha.Tests.Infrastructure;

/// <summary>A request as it comes to a <see cref="PartlyCannedS3"/>.</summary>
/// <param name="Head">Request line and headers.</param>
/// <param name="Body">As text.</param>
public sealed record SeenRequest(string Head, string Body)
{
    /// <summary>By a URL that carries its signature.</summary>
    public bool IsBySignedUrl => Head.Contains("X-Amz-Signature=", StringComparison.Ordinal);

    public bool IsCopy => Head.Contains("\r\nx-amz-copy-source:", StringComparison.OrdinalIgnoreCase);

    public bool IsPart => Head.Contains("partNumber=", StringComparison.Ordinal);
}

/// <summary>A port that leads to an S3 server, and answers some requests as it is told instead.</summary>
public sealed class PartlyCannedS3 : IDisposable
{
    private readonly Uri server;
    private readonly Func<SeenRequest, string?> answer;
    private readonly TcpDoor door;

    /// <param name="server">Answers the others.</param>
    /// <param name="answer">From a request to the raw answer; null: the server's.</param>
    public PartlyCannedS3(Uri server, Func<SeenRequest, string?> answer)
    {
        this.server = server;
        this.answer = answer;
        door = new(ServeAsync);
    }

    /// <summary>The same store by way of this port, for clients too.</summary>
    public S3StoreOptions Options(S3StoreOptions store) =>
        store with { Endpoint = door.Url, PublicEndpoint = door.Url, MaxRetries = 0 };

    private async Task ServeAsync(Socket client, CancellationToken ct)
    {
        var (head, body) = await TcpDoor.ReadRequestAsync(client, ct);
        if (head.Length == 0)
            return;
        if (answer(new(head, Encoding.Latin1.GetString(body))) is { } canned)
            // Said, so that the client does not send its next request after this one.
            await TcpDoor.AnswerAsync(
                client, canned.Replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n", StringComparison.Ordinal), ct);
        else
            await TcpDoor.PassOnAsync(client, server, head, body, TcpDoor.CopyAsync, ct);
    }

    public void Dispose() => door.Dispose();
}
