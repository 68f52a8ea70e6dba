using System.Data.Common;

namespace Kosha.Storage.Upkeep;

/// <summary>
/// One process's hold on a piece of work. It renews itself, so that no step is too long for it; whoever holds it asks
/// before each step that must not be done twice. A holder that died is followed after two minutes.
/// </summary>
internal sealed class Lease : IAsyncDisposable
{
    /// <summary>Whoever does not renew for so long is followed by another.</summary>
    public static readonly TimeSpan Duration = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan RenewEvery = TimeSpan.FromSeconds(20);

    private readonly LeaseTable leases;
    private readonly string name;
    private readonly Guid holder;
    private readonly TimeProvider time;
    private readonly CancellationTokenSource over = new();
    private readonly Task renewing;
    private long renewed;
    private volatile bool isLost;

    private Lease(LeaseTable leases, string name, Guid holder, TimeProvider time)
    {
        (this.leases, this.name, this.holder, this.time) = (leases, name, holder, time);
        renewed = time.GetTimestamp();
        renewing = KeepAsync();
    }

    /// <exception cref="StorageException">AlreadyExists: another process does this work now.</exception>
    public static Task<Lease> TakeAsync(Database database, string name, CancellationToken ct) =>
        TakeAsync(database, name, TimeProvider.System, ct);

    /// <inheritdoc cref="TakeAsync(Database, string, CancellationToken)"/>
    public static async Task<Lease> TakeAsync(
        Database database, string name, TimeProvider time, CancellationToken ct)
    {
        var (leases, holder) = (new LeaseTable(database), Guid.NewGuid());
        return await leases.TakeAsync(name, holder, Duration, ct)
            ? new(leases, name, holder, time) : throw Refused(name);
    }

    private static StorageException Refused(string name) => new(StorageFault.AlreadyExists,
        $"Another process does this now ({name}). Wait until it is done, at most {Duration.TotalMinutes} minutes after "
        + "it died.");

    /// <summary>Costs nothing as long as it renews itself in time.</summary>
    /// <exception cref="StorageException">AlreadyExists: another process has taken it.</exception>
    public async Task RenewAsync(CancellationToken ct)
    {
        if (!isLost && time.GetElapsedTime(Interlocked.Read(ref renewed)) >= 2 * RenewEvery)
            await AskAsync(ct);
        if (isLost)
            throw Refused(name);
    }

    private async Task AskAsync(CancellationToken ct)
    {
        var asked = time.GetTimestamp();
        if (await leases.RenewAsync(name, holder, Duration, ct))
            Interlocked.Exchange(ref renewed, asked);
        else
            isLost = true;
    }

    private async Task KeepAsync()
    {
        using var timer = new PeriodicTimer(RenewEvery, time);
        try
        {
            while (!isLost && await timer.WaitForNextTickAsync(over.Token))
            {
                try
                {
                    await AskAsync(over.Token);
                }
                catch (Exception e) when (e is StorageException or DbException)
                {
                    // The database is away; whoever goes on meanwhile asks anew.
                }
            }
        }
        catch (OperationCanceledException)
        {
            // It has been disposed of.
        }
    }

    public async ValueTask DisposeAsync()
    {
        await over.CancelAsync();
        await renewing;
        over.Dispose();
        try
        {
            await leases.GiveBackAsync(name, holder);
        }
        catch (StorageException)
        {
            // The database is away; the lease expires by itself.
        }
    }
}
