namespace Kosha.Daemon.Web;

/// <summary>
/// Counts the requests whose handlers run. Kestrel leaves those behind that outlast the grace time; they still use the
/// database.
/// </summary>
internal sealed class RunningRequests
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private int count;

    /// <summary>The outermost middleware.</summary>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        Interlocked.Increment(ref count);
        try
        {
            await next(context);
        }
        finally
        {
            Interlocked.Decrement(ref count);
        }
    }

    /// <summary>Waits until none runs, or for <paramref name="limit"/>.</summary>
    /// <returns>How many run still.</returns>
    public async Task<int> WaitForEndAsync(TimeSpan limit, TimeProvider time)
    {
        var started = time.GetTimestamp();
        while (Volatile.Read(ref count) > 0 && time.GetElapsedTime(started) < limit)
            await Task.Delay(Pause, time);
        return Volatile.Read(ref count);
    }
}
