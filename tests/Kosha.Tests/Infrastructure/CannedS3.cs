using System.Net.Sockets;
using System.Text;
using Kosha.Storage.Blobs;

namespace Kosha.Tests.Infrastructure;

/// <summary>
/// Answers requests as it is told: replays what other S3 stores answer, and stores that are ill. It checks nothing.
/// </summary>
public sealed class CannedS3 : IDisposable
{
    private readonly Func<string, string> answer;
    private readonly TcpDoor door;

    /// <param name="answer">From the request's line ("PUT /bucket/key HTTP/1.1") to the raw answer.</param>
    public CannedS3(Func<string, string> answer)
    {
        this.answer = answer;
        door = new(ServeAsync);
    }

    /// <summary>The connection is cut after an answer that is shorter than it says; else it stays open.</summary>
    public bool Cuts { get; init; }

    /// <summary>How to use it as a store. Nothing is repeated.</summary>
    public S3StoreOptions Options => new()
    {
        Endpoint = door.Url,
        Bucket = "bucket",
        Region = "us-east-1",
        AccessKey = "access",
        SecretKey = "secret",
        ForcePathStyle = true,
        MaxRetries = 0,
        Timeout = TimeSpan.FromSeconds(20),
    };

    /// <summary>An error as S3 stores send it.</summary>
    public static string Error(int status, string code, string message = "As replayed.") => Answer(
        status, $"<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>");

    public static string Answer(int status, string body, params IReadOnlyList<string> headers) =>
        $"HTTP/1.1 {status} As replayed\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n"
        + string.Concat(headers.Select(header => header + "\r\n")) + "\r\n" + body;

    private async Task ServeAsync(Socket client, CancellationToken ct)
    {
        while (await TcpDoor.ReadRequestAsync(client, ct) is ({ Length: > 0 } head, _))
        {
            await TcpDoor.SendAsync(client, answer(head[..head.IndexOf("\r\n", StringComparison.Ordinal)]), ct);
            if (Cuts)
                return;
        }
    }

    public void Dispose() => door.Dispose();
}
