using Kosha.Storage;
using Kosha.Storage.Audit;

namespace Kosha.Daemon.Auth;

/// <summary>
/// Tells the audit log what has no transaction of its own. Where that fails the log of the daemon says so; it is no
/// error of the request. It is told also when the client has gone.
/// </summary>
internal sealed partial class AuditTrail(AuditTable table, ILogger<AuditTrail> logger)
{
    public Task TellAsync(AuditEntry entry) => TryAsync(entry, table.AddAsync);

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
