using System.Net.Sockets;

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
public sealed class FaultyS3 : IDisposable
{
    private const int Middle = 50_000;

    private readonly Uri server;
    private readonly TcpDoor door;
    private TaskCompletionSource healed = NewHealing();
    private S3Fault? fault;
    private int left;
    private int met;

    public FaultyS3(Uri server)
    {
        this.server = server;
        door = new(ServeAsync);
    }

    public Uri Url => door.Url;

    /// <summary>Requests that have gone wrong since the last <see cref="Break"/>.</summary>
    public int Met => Volatile.Read(ref met);

    /// <summary>Lets the next requests go wrong, as many as told.</summary>
    public void Break(S3Fault how, int times = int.MaxValue)
    {
        (fault, left, met) = (how, times, 0);
        if (how == S3Fault.Refused)
            door.Close();
    }

    /// <summary>All is well from now on; stalled connections end.</summary>
    public void Heal()
    {
        if (fault == S3Fault.Refused)
            door.OpenAgain();
        fault = null;
        Interlocked.Exchange(ref healed, NewHealing()).SetResult();
    }

    private static TaskCompletionSource NewHealing() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task ServeAsync(Socket client, CancellationToken ct)
    {
        var (head, rest) = await TcpDoor.ReadHeadAsync(client, ct);
        if (head.Length == 0)
            return;
        var now = fault is not null && Interlocked.Decrement(ref left) >= 0 ? fault : null;
        if (now is not null)
            Interlocked.Increment(ref met);
        if (await AnswersItselfAsync(now, client, head, ct))
            return;
        await TcpDoor.PassOnAsync(client, server, head, rest, (from, to, _) => ReturnAsync(from, to, now, ct), ct);
    }

    private async Task<bool> AnswersItselfAsync(S3Fault? now, Socket client, string head, CancellationToken ct)
    {
        switch (now)
        {
            case S3Fault.ResetBefore:
                // In the middle of a body that is worth it.
                if (head.StartsWith("PUT", StringComparison.Ordinal))
                    await client.ReceiveAsync(new byte[Middle], ct);
                client.Close(timeout: 0);
                return true;
            case S3Fault.Error or S3Fault.SlowDown:
                var answer = now == S3Fault.Error
                    ? CannedS3.Error(500, "InternalError") : CannedS3.Error(503, "SlowDown");
                await TcpDoor.AnswerAsync(client, answer, ct);
                return true;
            case S3Fault.Stall:
                await healed.Task;
                return true;
            default:
                return false;
        }
    }

    private async Task ReturnAsync(Socket from, Socket to, S3Fault? now, CancellationToken ct)
    {
        var buffer = new byte[65536];
        var sent = 0L;
        for (int count; (count = await from.ReceiveAsync(buffer, ct)) > 0; sent += count)
        {
            var isMiddle = sent <= Middle && sent + count > Middle;
            if (isMiddle && now is S3Fault.WrongByte)
                buffer[Middle - sent] ^= 1;
            if (isMiddle && now is S3Fault.ResetWithin or S3Fault.StallWithin)
                count = (int)(Middle - sent);
            await TcpDoor.SendAsync(to, buffer.AsMemory(0, count), ct);
            if (isMiddle && now is S3Fault.ResetWithin or S3Fault.StallWithin)
            {
                if (now == S3Fault.StallWithin)
                    await healed.Task;
                // No end, and so no whole answer.
                to.Close(timeout: 0);
                return;
            }
        }
    }

    public void Dispose()
    {
        Heal();
        door.Dispose();
    }
}
