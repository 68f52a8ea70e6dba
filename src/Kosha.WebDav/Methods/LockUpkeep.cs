using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;
using Microsoft.Extensions.Logging;

namespace Kosha.WebDav.Methods;

/// <summary>
/// Keeps the locks alive under which a body is being received: a slow upload may last longer than the lock that
/// protects it, and its client sends nothing else meanwhile.
/// </summary>
internal sealed partial class LockUpkeep : IAsyncDisposable
{
    /// <summary>Well below the shortest life of a lock, so that a round may fail.</summary>
    internal static readonly TimeSpan Interval = TimeSpan.FromMinutes(15);

    private readonly CancellationTokenSource end = new();
    private readonly LockTable locks;
    private readonly ILogger logger;
    private readonly Task work;

    private LockUpkeep(
        LockTable locks, TimeProvider time, ILogger logger, Caller caller, IReadOnlyCollection<Guid> tokens)
    {
        (this.locks, this.logger) = (locks, logger);
        work = KeepAsync(time, caller, tokens, end.Token);
    }

    /// <summary>Begins; the first renewal comes after <see cref="Interval"/>. Null: no lock to keep.</summary>
    public static LockUpkeep? Start(
        LockTable locks, TimeProvider time, ILogger logger, Caller caller, IReadOnlyCollection<Guid> tokens) =>
        tokens.Count == 0 ? null : new(locks, time, logger, caller, tokens);

    private async Task KeepAsync(
        TimeProvider time, Caller caller, IReadOnlyCollection<Guid> tokens, CancellationToken ct)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(ct))
                await RenewAsync(caller, tokens, ct);
        }
        catch (OperationCanceledException)
        {
            // The body is there, or lost.
        }
    }

    private async Task RenewAsync(Caller caller, IReadOnlyCollection<Guid> tokens, CancellationToken ct)
    {
        try
        {
            await locks.KeepAsync(caller, tokens, ct);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // The next round may do better; the transaction that names the content has the last word.
            if (!ct.IsCancellationRequested)
                LogNotRenewed(e);
        }
    }

    /// <summary>Ends the upkeep and waits for a round that is running.</summary>
    public async ValueTask DisposeAsync()
    {
        await end.CancelAsync();
        await work;
        end.Dispose();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The locks of an upload that is running were not renewed")]
    private partial void LogNotRenewed(Exception error);
}
