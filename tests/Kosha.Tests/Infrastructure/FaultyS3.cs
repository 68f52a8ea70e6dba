using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Kosha.Tests.Infrastructure;

/// <summary>What goes wrong between Kosha and its S3 store.</summary>
public enum S3Fault
{
    /// <summary>Nobody listens.</summary>
    Refused,

    /// <summary>The connection is reset before there is an answer, in the middle of the body if it has one.</summary>
    ResetBefore,

    /// <summary>The connection is reset in the middle of the answer's body.</summary>
    ResetWithin,

    /// <summary>500 InternalError.</summary>
    Error,

    /// <summary>503 SlowDown.</summary>
    SlowDown,

    /// <summary>No answer.</summary>
    Stall,

    /// <summary>The answer stops in the middle of its body, and the connection stays.</summary>
    StallWithin,

    /// <summary>One byte of the answer's body is another.</summary>
    WrongByte,
}

/// <summary>
/// A port of 127.0.0.1 that leads to an S3 server, where requests go wrong when told to. One request a connection.
/// </summary>
public sealed class FaultyS3 : IAsyncDisposable
{
    private const int Middle = 50_000;

    private readonly CancellationTokenSource closing = new();
    private readonly Uri server;
    private TcpListener listener = new(IPAddress.Loopback, 0);
    private TaskCompletionSource healed = NewHealing();
    private S3Fault? fault;
    private int left;
    private int met;

    public FaultyS3(Uri server)
    {
        this.server = server;
        listener.Start();
        Port = ((IPEndPoint)listener.LocalEndpoint).Port;
        _ = AcceptAsync(listener);
    }

    public int Port { get; }

    /// <summary>Requests that have gone wrong since the last <see cref="Break"/>.</summary>
    public int Met => Volatile.Read(ref met);

    /// <summary>Lets the next requests go wrong, as many as told.</summary>
    public void Break(S3Fault how, int times = int.MaxValue)
    {
        (fault, left, met) = (how, times, 0);
        if (how == S3Fault.Refused)
            listener.Stop();
    }

    /// <summary>All is well from now on; stalled connections end.</summary>
    public void Heal()
    {
        if (fault == S3Fault.Refused)
        {
            listener = new(IPAddress.Loopback, Port);
            listener.Start();
            _ = AcceptAsync(listener);
        }
        fault = null;
        Interlocked.Exchange(ref healed, NewHealing()).SetResult();
    }

    private static TaskCompletionSource NewHealing() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task AcceptAsync(TcpListener door)
    {
        try
        {
            while (true)
                _ = ServeAsync(await door.AcceptSocketAsync(closing.Token));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // Nobody listens any more.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using (client)
        using (var target = new Socket(SocketType.Stream, ProtocolType.Tcp))
        {
            try
            {
                var (head, rest) = await ReadHeadAsync(client);
                if (head.Length == 0)
                    return;
                var now = fault is not null && Interlocked.Decrement(ref left) >= 0 ? fault : null;
                if (now is not null)
                    Interlocked.Increment(ref met);
                if (await AnswersItselfAsync(now, client, head))
                    return;
                await target.ConnectAsync(server.Host, server.Port);
                await SendAsync(target, Encoding.Latin1.GetBytes(
                    head.Replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n", StringComparison.Ordinal)));
                await SendAsync(target, rest);
                var forward = ForwardAsync(client, target);
                var back = ReturnAsync(target, client, now);
                if (await Task.WhenAny(forward, back) == back && await back)
                {
                    // The client has all of it and closes, too; to close before would be to reset.
                    client.Shutdown(SocketShutdown.Send);
                    await forward;
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
            {
                // One end closes both.
            }
        }
    }

    /// <summary>The head of a request, and what came with it.</summary>
    private async Task<(string Head, byte[] Body)> ReadHeadAsync(Socket client)
    {
        var buffer = new byte[65536];
        for (var length = 0; length < buffer.Length;)
        {
            var count = await client.ReceiveAsync(buffer.AsMemory(length), closing.Token);
            if (count == 0)
                return ("", []);
            length += count;
            var end = buffer.AsSpan(0, length).IndexOf("\r\n\r\n"u8) + 4;
            if (end >= 4)
                return (Encoding.Latin1.GetString(buffer, 0, end), buffer[end..length]);
        }
        return ("", []);
    }

    private async Task<bool> AnswersItselfAsync(S3Fault? now, Socket client, string head)
    {
        switch (now)
        {
            case S3Fault.ResetBefore:
                // In the middle of a body that is worth it.
                if (head.StartsWith("PUT", StringComparison.Ordinal))
                    await client.ReceiveAsync(new byte[Middle], closing.Token);
                client.Close(timeout: 0);
                return true;
            case S3Fault.Error or S3Fault.SlowDown:
                var answer = now == S3Fault.Error
                    ? CannedS3.Error(500, "InternalError") : CannedS3.Error(503, "SlowDown");
                await SendAsync(client, Encoding.Latin1.GetBytes(answer));
                client.Shutdown(SocketShutdown.Send);
                await DrainAsync(client);
                return true;
            case S3Fault.Stall:
                await healed.Task;
                return true;
            default:
                return false;
        }
    }

    private async Task DrainAsync(Socket client)
    {
        var buffer = new byte[65536];
        while (await client.ReceiveAsync(buffer, closing.Token) > 0)
        {
        }
    }

    private async Task ForwardAsync(Socket from, Socket to)
    {
        var buffer = new byte[65536];
        for (int count; (count = await from.ReceiveAsync(buffer, closing.Token)) > 0;)
            await SendAsync(to, buffer.AsMemory(0, count));
    }

    /// <summary>False if it was broken off.</summary>
    private async Task<bool> ReturnAsync(Socket from, Socket to, S3Fault? now)
    {
        var buffer = new byte[65536];
        var sent = 0L;
        for (int count; (count = await from.ReceiveAsync(buffer, closing.Token)) > 0; sent += count)
        {
            var isMiddle = sent <= Middle && sent + count > Middle;
            if (isMiddle && now is S3Fault.WrongByte)
                buffer[Middle - sent] ^= 1;
            if (isMiddle && now is S3Fault.ResetWithin or S3Fault.StallWithin)
                count = (int)(Middle - sent);
            await SendAsync(to, buffer.AsMemory(0, count));
            if (isMiddle && now is S3Fault.StallWithin)
            {
                await healed.Task;
                return false;
            }
            if (isMiddle && now is S3Fault.ResetWithin)
            {
                to.Close(timeout: 0);
                return false;
            }
        }
        return true;
    }

    private async Task SendAsync(Socket to, ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
            bytes = bytes[await to.SendAsync(bytes, closing.Token)..];
    }

    public async ValueTask DisposeAsync()
    {
        Heal();
        await closing.CancelAsync();
        listener.Dispose();
        closing.Dispose();
    }
}
