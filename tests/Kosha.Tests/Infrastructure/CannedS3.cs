using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Kosha.Storage.Blobs;

namespace Kosha.Tests.Infrastructure;

/// <summary>
/// Answers requests as it is told: replays what other S3 stores answer, and stores that are ill. It checks nothing.
/// </summary>
public sealed class CannedS3 : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource closing = new();
    private readonly Func<string, string> answer;

    /// <param name="answer">From the request's line ("PUT /bucket/key HTTP/1.1") to the raw answer.</param>
    public CannedS3(Func<string, string> answer)
    {
        this.answer = answer;
        listener.Start();
        _ = AcceptAsync();
    }

    /// <summary>The connection is cut after an answer that is shorter than it says; else it stays open.</summary>
    public bool Cuts { get; init; }

    /// <summary>How to use it as a store. Nothing is repeated.</summary>
    public S3StoreOptions Options => new()
    {
        Endpoint = new($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}"),
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

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = ServeAsync(await listener.AcceptTcpClientAsync(closing.Token));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // It has been closed.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                await using var stream = client.GetStream();
                using var reader = new StreamReader(stream, Encoding.Latin1);
                while (await reader.ReadLineAsync(closing.Token) is { } line)
                {
                    await SkipRequestAsync(reader, stream);
                    await stream.WriteAsync(Encoding.UTF8.GetBytes(answer(line)), closing.Token);
                    if (Cuts)
                        return;
                }
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                // The client is gone, or this is.
            }
        }
    }

    private async Task SkipRequestAsync(StreamReader reader, Stream stream)
    {
        var length = 0;
        while (await reader.ReadLineAsync(closing.Token) is { Length: > 0 } header)
        {
            if (header.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase))
                length = int.Parse(header["Content-Length:".Length..], CultureInfo.InvariantCulture);
            if (header.StartsWith("Expect:", StringComparison.OrdinalIgnoreCase))
                await stream.WriteAsync("HTTP/1.1 100 Continue\r\n\r\n"u8.ToArray(), closing.Token);
        }
        // To read nothing would be to wait for the next request.
        if (length > 0)
            await reader.ReadBlockAsync(new char[length], closing.Token);
    }

    public void Dispose()
    {
        closing.Cancel();
        closing.Dispose();
        listener.Dispose();
    }
}
