using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;

namespace Kosha.Daemon.Auth;

/// <summary>What is counted beside sign-ins.</summary>
internal enum LimitKind
{
    /// <summary>Registrations, good or not.</summary>
    Registration,

    /// <summary>Wrong tokens and wrong passwords of share links.</summary>
    ShareToken,
}

/// <summary>
/// Limits by the settings, counted in Postgres, so that they hold across daemons. What a limit refuses stands in the
/// audit log.
/// </summary>
internal sealed class CountedLimits(SignInFailures counts, AuditTrail audit, KoshaOptions options)
{
    /// <summary>How long to wait, where an address has reached its limit; else null. It counts nothing.</summary>
    /// <param name="kind">Of what.</param>
    /// <param name="address">See <see cref="ClientAddress.Of(string)"/>.</param>
    /// <param name="ct">Ends it.</param>
    public async Task<TimeSpan?> WaitAsync(LimitKind kind, string address, CancellationToken ct) =>
        await ToldAsync(kind, await counts.WaitAsync([SubjectOf(kind, address)], [LimitOf(kind)], ct), address);

    /// <summary>Counts a failure.</summary>
    public Task CountAsync(LimitKind kind, string address, CancellationToken ct) =>
        counts.CountAsync([SubjectOf(kind, address)], ct);

    /// <summary>Counts an attempt, good or not, in the moment in which it looks. As <see cref="WaitAsync"/>.</summary>
    public async Task<TimeSpan?> CountAttemptAsync(LimitKind kind, string address, CancellationToken ct) =>
        await ToldAsync(kind, await counts.CountAttemptAsync(
            SubjectOf(kind, address), LimitOf(kind), SignInFailures.Window, ct), address);

    /// <summary>Begins an upload, which counts in its own transaction, and has a refusal by that in the log.</summary>
    public async Task<T> BeginUploadAsync<T>(Caller caller, Func<Task<T>> beginAsync)
    {
        try
        {
            return await beginAsync();
        }
        catch (StorageException e) when (e is { Fault: StorageFault.LimitReached, RetryAfter: not null })
        {
            await audit.TellAsync(Refusal("uploads") with { Caller = caller });
            throw;
        }
    }

    private async Task<TimeSpan?> ToldAsync(LimitKind kind, TimeSpan? wait, string address)
    {
        if (wait is not null)
            await audit.TellAsync(Refusal(NameOf(kind)) with { Address = address });
        return wait;
    }

    private static AuditEntry Refusal(string limit) =>
        new(AuditActions.Limit) { Subject = limit, IsRefused = true };

    private static string SubjectOf(LimitKind kind, string of) => $"{NameOf(kind)} {of}";

    private static string NameOf(LimitKind kind) => kind switch
    {
        LimitKind.Registration => "register",
        _ => "share",
    };

    private int LimitOf(LimitKind kind) => kind switch
    {
        LimitKind.Registration => options.Limits.Registrations,
        _ => options.Limits.ShareFailures,
    };
}
