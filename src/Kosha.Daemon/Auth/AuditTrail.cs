using System.Collections.Concurrent;
using Kosha.Storage;
using Kosha.Storage.Audit;

namespace Kosha.Daemon.Auth;

/// <summary>
/// Tells the audit log what has no transaction of its own. Where that fails the log of the daemon says so; it is no
/// error of the request. It is told also when the client has gone. That somebody is over a limit is told once a minute,
/// or who goes on and on would cost a write each time, all on one row.
/// </summary>
internal sealed partial class AuditTrail(AuditTable table, TimeProvider time, ILogger<AuditTrail> logger)
{
    private const int MaxLimits = 10_000;
    private static readonly TimeSpan LimitInterval = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<(string? Subject, long? UserId, string Client), long> limits = new();

    public Task TellAsync(AuditEntry entry) => entry.Action == AuditActions.Limit && !IsDue(entry)
        ? Task.CompletedTask
        : TryAsync(entry, table.AddAsync);

    private bool IsDue(AuditEntry entry)
    {
        var client = (entry.Address ?? entry.Caller?.Address) is { } address ? ClientAddress.Of(address) : "";
        var key = (entry.Subject, entry.UserId ?? entry.Caller?.UserId, client);
        var now = time.GetTimestamp();
        if (limits.TryGetValue(key, out var told))
            return time.GetElapsedTime(told, now) >= LimitInterval && limits.TryUpdate(key, now, told);
        // Whoever was told of is told of once more.
        if (limits.Count >= MaxLimits)
            limits.Clear();
        return limits.TryAdd(key, now);
    }

    /// <inheritdoc cref="AuditTable.AddOnceAsync"/>
    public Task TellOnceAsync(AuditEntry entry) => TryAsync(entry, table.AddOnceAsync);

    private async Task TryAsync(AuditEntry entry, Func<AuditEntry, CancellationToken, Task> tell)
    {
        try
        {
            await tell(entry, CancellationToken.None);
        }
        catch (StorageException e)
        {
            LogUntold(logger, entry.Action, e.Message);
        }
    }

    [LoggerMessage(LogLevel.Warning, "The audit log was not told of '{Action}': {Reason}")]
    private static partial void LogUntold(ILogger logger, string action, string reason);
}
