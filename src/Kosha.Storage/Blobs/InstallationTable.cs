using Dapper;

namespace Kosha.Storage.Blobs;

/// <summary>Whether this database and this store belong together, and what may be done with the bytes.</summary>
/// <param name="Id">Of the installation.</param>
/// <param name="Epoch">The present one.</param>
/// <param name="ReconciledEpoch">The last epoch in which a full reconcile went through.</param>
/// <param name="StoreClaimedAt">When the store got its identity; null before.</param>
/// <param name="HasBlobs">The database knows of contents.</param>
public sealed record InstallationState(
    Guid Id, long Epoch, long ReconciledEpoch, DateTime? StoreClaimedAt, bool HasBlobs)
{
    public StoreIdentity Identity => new(Id, Epoch);

    /// <summary>
    /// Rows prove that bytes are there, and garbage may be deleted. False after a restore, until a full reconcile.
    /// </summary>
    public bool IsReconciled => ReconciledEpoch >= Epoch;
}

/// <summary>The installation's identity in the database, and its counterpart in the store.</summary>
public sealed class InstallationTable(Database database)
{
    private const string SqlState = """
        select id, epoch, reconciled_epoch, store_claimed_at, exists (select from blobs) as has_blobs from installation
        """;

    /// <summary>Fault: Unavailable.</summary>
    public Task<InstallationState> StateAsync(CancellationToken ct) => database.ReadAsync(connection =>
        connection.QuerySingleAsync<InstallationState>(new(SqlState, cancellationToken: ct)), ct);

    private const string SqlClaimed = "update installation set store_claimed_at = coalesce(store_claimed_at, now())";

    /// <summary>
    /// For the start of a daemon: gives an empty store its identity, and otherwise compares. Null if all is well, else
    /// what is wrong and what to do. Fault: Unavailable.
    /// </summary>
    public async Task<string?> ClaimStoreAsync(IBlobStore store, CancellationToken ct)
    {
        var state = await StateAsync(ct);
        if (await ProblemAsync(state, store, ct) is { } problem)
            return problem;
        if (state.StoreClaimedAt is null)
        {
            // The store first: a database that says so and a store that does not would be refused ever after.
            if (!await store.PutIdentityAsync(state.Identity, replace: false, ct)
                && await ProblemAsync(state, store, ct) is { } taken)
                return taken;
            await database.WriteAsync(transaction =>
                transaction.Connection!.ExecuteAsync(new(SqlClaimed, transaction: transaction, cancellationToken: ct)),
                ct);
        }
        return null;
    }

    /// <summary>What keeps this store from being this database's, in words, and what to do; null if nothing.</summary>
    public static async Task<string?> ProblemAsync(InstallationState state, IBlobStore store, CancellationToken ct)
    {
        var found = await store.FindIdentityAsync(ct);
        if (found == state.Identity)
            return null;
        if (found is null && state.StoreClaimedAt is null)
            return state.HasBlobs || await IsEmptyAsync(store, ct) ? null : NotEmpty;
        if (found is null)
            return "the store has lost its identity. Is its disk mounted, and is this the right folder? " + Adopt;
        return found.Installation == state.Id
            ? $"the store is in epoch {found.Epoch} and the database in epoch {state.Epoch}: one of them is a restored "
                + "copy. " + Adopt
            : "the store belongs to another installation. Name the store of this database, or the database of this "
                + "store. " + Adopt;
    }

    private const string Adopt =
        "If both really belong together now, 'kosha blobs adopt' joins them; nothing is deleted by that.";

    private const string NotEmpty =
        "the database is new and the store is not empty. Restore the database that belongs to this store, or name an "
        + "empty store. " + Adopt;

    private static async Task<bool> IsEmptyAsync(IBlobStore store, CancellationToken ct)
    {
        await foreach (var _ in store.ListAsync(ct))
            return false;
        return true;
    }

    private const string SqlRaiseEpoch = """
        update installation set epoch = greatest(epoch, @found) + 1, store_claimed_at = now() returning id, epoch
        """;

    /// <summary>
    /// Joins this database and this store whatever they were before, in a new epoch: until a full reconcile nothing is
    /// deleted, and every upload is stored whether or not a row says that its bytes are there. Fault: Unavailable.
    /// </summary>
    public async Task<StoreIdentity> AdoptAsync(IBlobStore store, CancellationToken ct)
    {
        var found = await FoundEpochAsync(store, ct);
        var identity = await database.WriteAsync(async transaction =>
        {
            var (id, epoch) = await transaction.Connection!.QuerySingleAsync<(Guid, long)>(
                new(SqlRaiseEpoch, new { found }, transaction, cancellationToken: ct));
            return new StoreIdentity(id, epoch);
        }, ct);
        await store.PutIdentityAsync(identity, replace: true, ct);
        return identity;
    }

    private static async Task<long> FoundEpochAsync(IBlobStore store, CancellationToken ct)
    {
        try
        {
            return (await store.FindIdentityAsync(ct))?.Epoch ?? 0;
        }
        catch (StorageException e) when (e.InnerException is null)
        {
            // It is there and cannot be read: it will be replaced.
            return 0;
        }
    }

    private const string SqlReconciled = """
        update installation set reconciled_epoch = @epoch where epoch = @epoch
        """;

    /// <summary>A full reconcile went through in this epoch.</summary>
    public Task SetReconciledAsync(long epoch, CancellationToken ct) => database.WriteAsync(transaction =>
        transaction.Connection!.ExecuteAsync(new(SqlReconciled, new { epoch }, transaction, cancellationToken: ct)),
        ct);

    private const string SqlScrubbedTo = "select scrubbed_to from installation";

    internal Task<long> ScrubbedToAsync(CancellationToken ct) => database.ReadAsync(connection =>
        connection.ExecuteScalarAsync<long>(new(SqlScrubbedTo, cancellationToken: ct)), ct);

    private const string SqlSetScrubbedTo = "update installation set scrubbed_to = @blobId";

    internal Task SetScrubbedToAsync(long blobId, CancellationToken ct) => database.WriteAsync(transaction =>
        transaction.Connection!.ExecuteAsync(new(SqlSetScrubbedTo, new { blobId }, transaction, cancellationToken: ct)),
        ct);
}
