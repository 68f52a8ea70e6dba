using System.Data.Common;

namespace Kosha.Storage.Uploads;

/// <summary>Keeps an upload that is being verified, which may take as long as its bytes are many.</summary>
internal sealed class UploadHold : IAsyncDisposable
{
    /// <summary>Who stops renewing for so long is followed by another.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan RenewEvery = TimeSpan.FromSeconds(15);

    private readonly Func<CancellationToken, Task<bool>> keepAsync;

    /// <summary>Ends by itself, before another may follow, however long the database takes to answer.</summary>
    private readonly CancellationTokenSource over;

    private readonly CancellationTokenSource lost;
    private readonly CancellationTokenSource done = new();
    private readonly Task renewing;

    /// <param name="keepAsync">Renews; false: somebody else has taken the upload.</param>
    /// <param name="time">The clock.</param>
    /// <param name="ct">Ends the verification.</param>
    public UploadHold(Func<CancellationToken, Task<bool>> keepAsync, TimeProvider time, CancellationToken ct)
    {
        this.keepAsync = keepAsync;
        over = new(Patience - RenewEvery, time);
        lost = CancellationTokenSource.CreateLinkedTokenSource(ct, over.Token);
        renewing = RenewAsync(time);
    }

    /// <summary>Also cancelled when somebody else has taken the upload, or soon may.</summary>
    public CancellationToken Lost => lost.Token;

    private async Task RenewAsync(TimeProvider time)
    {
        using var timer = new PeriodicTimer(RenewEvery, time);
        try
        {
            while (await timer.WaitForNextTickAsync(done.Token))
            {
                var asked = time.GetTimestamp();
                if (await IsKeptAsync() is not { } isKept)
                    continue;
                var left = Patience - RenewEvery - time.GetElapsedTime(asked);
                if (isKept && left > TimeSpan.Zero)
                    over.CancelAfter(left);
                else
                    await over.CancelAsync();
            }
        }
        catch (OperationCanceledException)
        {
            // It has been disposed of.
        }
    }

    /// <summary>Null: the database does not say now.</summary>
    private async Task<bool?> IsKeptAsync()
    {
        try
        {
            return await keepAsync(done.Token);
        }
        catch (Exception e) when (e is StorageException or DbException)
        {
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await done.CancelAsync();
        await renewing;
        done.Dispose();
        lost.Dispose();
        over.Dispose();
    }
}
