using System.Diagnostics;

namespace Kosha.Storage.Upkeep;

/// <summary>
/// One process's hold on a piece of work. Whoever holds it renews before each step that must not be done twice; a
/// holder that died is followed after ten minutes.
/// </summary>
internal sealed class Lease : IAsyncDisposable
{
    private static readonly TimeSpan Duration = TimeSpan.FromMinutes(10);

    private readonly LeaseTable leases;
    private readonly string name;
    private static readonly TimeSpan RenewEvery = TimeSpan.FromMinutes(1);

    private readonly Guid holder = Guid.NewGuid();
    private long? renewed;

    private Lease(LeaseTable leases, string name)
    {
        this.leases = leases;
        this.name = name;
    }

    /// <exception cref="StorageException">AlreadyExists: another process does this work now.</exception>
    public static async Task<Lease> TakeAsync(Database database, string name, CancellationToken ct)
    {
        var lease = new Lease(new(database), name);
        await lease.RenewAsync(ct);
        return lease;
    }

    /// <summary>Costs nothing within a minute of the last time.</summary>
    /// <inheritdoc cref="TakeAsync"/>
    public async Task RenewAsync(CancellationToken ct)
    {
        if (renewed is { } last && Stopwatch.GetElapsedTime(last) < RenewEvery)
            return;
        if (!await leases.TakeAsync(name, holder, Duration, ct))
            throw new StorageException(StorageFault.AlreadyExists,
                $"Another process does this now ({name}). Wait until it is done, at most "
                + $"{Duration.TotalMinutes} minutes after it died.");
        renewed = Stopwatch.GetTimestamp();
    }

    public async ValueTask DisposeAsync()
    {
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
