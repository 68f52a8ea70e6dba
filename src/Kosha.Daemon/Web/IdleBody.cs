using Kosha.Storage.Blobs;
using Microsoft.AspNetCore.Http.Features;

namespace Kosha.Daemon.Web;

/// <summary>
/// A request body that ends with 408 when too little of it arrives for too long, however much arrived before. Slow
/// lines are welcome; a client that stands still or trickles must not hold its request, spool and connection for ever.
/// Only the time that Kosha waits counts; the end may be as short as it likes.
/// </summary>
internal sealed class IdleBody(Stream inner, TimeSpan limit, TimeProvider time) : ReadOnlyStream
{
    /// <summary>What must arrive within the limit.</summary>
    private const int LeastBytes = 64 * 1024;

    private TimeSpan waited;
    private long received;

    // Cancels the read itself: two reads at once the connection would not bear.
    private CancellationTokenSource idle = new(Timeout.InfiniteTimeSpan, time);

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = inner.ReadAsync(buffer, idle.Token);
        return read.IsCompletedSuccessfully ? new(Count(read.Result)) : new(WaitAsync(read, cancellationToken));
    }

    private int Count(int bytes)
    {
        received += bytes;
        if (received >= LeastBytes)
            (received, waited) = (0, TimeSpan.Zero);
        return bytes;
    }

    private async Task<int> WaitAsync(ValueTask<int> read, CancellationToken ct)
    {
        var started = time.GetTimestamp();
        idle.CancelAfter(waited < limit ? limit - waited : TimeSpan.Zero);
        await using var registration =
            ct.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), idle);
        try
        {
            var bytes = await read;
            waited += time.GetElapsedTime(started);
            return Count(bytes);
        }
        catch (OperationCanceledException e) when (idle.IsCancellationRequested)
        {
            ct.ThrowIfCancellationRequested();
            throw new BadHttpRequestException($"Too little of the body arrived in {limit.TotalSeconds} seconds.",
                StatusCodes.Status408RequestTimeout, e);
        }
        catch (IOException e) when (e.InnerException is OverflowException)
        {
            // Kestrel does not call this one a bad request.
            throw new BadHttpRequestException("The length of a chunk is no length.", e);
        }
        finally
        {
            if (!idle.TryReset())
                idle = new(Timeout.InfiniteTimeSpan, time);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            idle.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>Puts <see cref="IdleBody"/> before every request that may have a body.</summary>
internal static class IdleBodyLimit
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    public static void UseIdleBodyLimit(this IApplicationBuilder app) => app.Use((context, next) =>
    {
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true })
            context.Request.Body = new IdleBody(context.Request.Body, Limit, TimeProvider.System);
        return next(context);
    });
}
