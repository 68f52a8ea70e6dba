using Microsoft.AspNetCore.Http.Features;

namespace Kosha.Daemon.Web;

/// <summary>
/// A request body that ends with 408 when nothing of it arrives for too long, however much arrived before. Slow lines
/// are welcome; a client that stands still must not hold its request, spool and connection for ever.
/// </summary>
internal sealed class IdleBody(Stream inner, TimeSpan limit, TimeProvider time) : Stream
{
    // Cancels the read itself: two reads at once the connection would not bear.
    private CancellationTokenSource idle = new(Timeout.InfiniteTimeSpan, time);

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = inner.ReadAsync(buffer, idle.Token);
        return read.IsCompletedSuccessfully ? read : new(WaitAsync(read, cancellationToken));
    }

    private async Task<int> WaitAsync(ValueTask<int> read, CancellationToken ct)
    {
        idle.CancelAfter(limit);
        await using var registration =
            ct.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), idle);
        try
        {
            return await read;
        }
        catch (OperationCanceledException e) when (idle.IsCancellationRequested)
        {
            ct.ThrowIfCancellationRequested();
            throw new BadHttpRequestException($"No byte of the body arrived for {limit.TotalSeconds} seconds.",
                StatusCodes.Status408RequestTimeout, e);
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

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Flush()
    {
        // Nothing is written.
    }

    public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
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
