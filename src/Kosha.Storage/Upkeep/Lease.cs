using System.Data.Common;
using System.Diagnostics;

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
    private readonly CancellationTokenSource over = new();
    private readonly Task renewing;
    private long renewed = Stopwatch.GetTimestamp();
    private volatile bool isLost;

    private Lease(LeaseTable leases, string name, Guid holder)
    {
        (this.leases, this.name, this.holder) = (leases, name, holder);
        renewing = KeepAsync();
    }

    /// <exception cref="StorageException">AlreadyExists: another process does this work now.</exception>
    public static async Task<Lease> TakeAsync(Database database, string name, CancellationToken ct)
    {
        var (leases, holder) = (new LeaseTable(database), Guid.NewGuid());
        return await leases.TakeAsync(name, holder, Duration, ct) ? new(leases, name, holder) : throw Refused(name);
    }

    private static StorageException Refused(string name) => new(StorageFault.AlreadyExists,
        $"Another process does this now ({name}). Wait until it is done, at most {Duration.TotalMinutes} minutes after "
        + "it died.");

    /// <summary>Costs nothing as long as it renews itself in time.</summary>
    /// <inheritdoc cref="TakeAsync"/>
    public async Task RenewAsync(CancellationToken ct)
    {
        if (!isLost && Stopwatch.GetElapsedTime(Interlocked.Read(ref renewed)) >= 2 * RenewEvery)
            await AskAsync(ct);
        if (isLost)
            throw Refused(name);
    }

    private async Task AskAsync(CancellationToken ct)
    {
        var asked = Stopwatch.GetTimestamp();
        if (await leases.RenewAsync(name, holder, Duration, ct))
            Interlocked.Exchange(ref renewed, asked);
        else
            isLost = true;
    }

    private async Task KeepAsync()
    {
        using var timer = new PeriodicTimer(RenewEvery);
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
