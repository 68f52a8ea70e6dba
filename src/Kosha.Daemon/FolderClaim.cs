using Kosha.Daemon.EmbeddedPostgres;
using Kosha.Storage;

namespace Kosha.Daemon;

/// <summary>
/// The right to work with the private cluster of a data folder: as the holder of the lock, who runs it, or as a visitor
/// of the holder, who will not stop it under a visitor's hands.
/// </summary>
internal sealed class FolderClaim : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>A daemon told to stop waits no longer for a command; another command has time.</summary>
    private static readonly TimeSpan DaemonsPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan CommandsPatience = TimeSpan.FromMinutes(10);

    private readonly DataFolder folder;
    private readonly Purpose purpose;
    private readonly IDisposable claim;
    private IDisposable? shutOut;

    private FolderClaim(DataFolder folder, Purpose purpose, IDisposable claim, bool isHolder)
    {
        this.folder = folder;
        this.purpose = purpose;
        this.claim = claim;
        IsHolder = isHolder;
    }

    /// <summary>False: a visitor.</summary>
    public bool IsHolder { get; }

    /// <summary>
    /// Becomes the holder, or for a command a visitor of whoever is. The holder may be starting or stopping just now,
    /// so both are tried in turn for a while.
    /// </summary>
    /// <exception cref="OperatorException">Another daemon holds the folder, or a command for too long.</exception>
    public static async Task<FolderClaim> TakeAsync(DataFolder folder, Purpose purpose, CancellationToken ct)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            if (folder.TryLock(purpose.What) is { } taken)
                return new(folder, purpose, taken, isHolder: true);
            if (!purpose.Serves && await TryVisitAsync(folder, ct) is { } visit)
                return new(folder, purpose, visit, isHolder: false);
            var (what, pid) = folder.Holder();
            if (purpose.Serves && what == purpose.What)
                throw new OperatorException($"Another daemon (process {pid}) uses the data folder {folder.Path}. Stop "
                    + "it, or give this one a folder of its own with --DataDirectory=FOLDER.");
            if (TimeProvider.System.GetElapsedTime(started) > Patience)
                throw new OperatorException($"The data folder {folder.Path} is in use by '{what}' (process {pid}). "
                    + "Try again when it has ended.");
            await Task.Delay(Pause, ct);
        }
    }

    private static async Task<IDisposable?> TryVisitAsync(DataFolder folder, CancellationToken ct)
    {
        var visit = folder.TryVisit();
        if (visit is null || await AnswersAsync(new PostgresCluster(folder).ConnectionString, ct))
            return visit;
        visit.Dispose();
        return null;
    }

    private static async Task<bool> AnswersAsync(string connectionString, CancellationToken ct)
    {
        await using var database = new Database(connectionString + ";Pooling=false;Timeout=5");
        try
        {
            await database.PingAsync(ct);
            return true;
        }
        catch (Exception e) when (e is StorageException or Npgsql.NpgsqlException)
        {
            return false;
        }
    }

    /// <summary>
    /// For the holder, before it stops the cluster: lets visitors finish, within reason, and no more in.
    /// </summary>
    public async Task SeeVisitorsOutAsync()
    {
        var limit = purpose.Serves ? DaemonsPatience : CommandsPatience;
        var started = TimeProvider.System.GetTimestamp();
        while ((shutOut ??= folder.TryShutOut()) is null && TimeProvider.System.GetElapsedTime(started) < limit)
            await Task.Delay(Pause);
    }

    public void Dispose()
    {
        // In this order: nobody may visit a folder without a holder.
        claim.Dispose();
        shutOut?.Dispose();
    }
}
