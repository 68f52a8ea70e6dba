using Dapper;
using Kosha.Storage.Upkeep;
using Kosha.Storage.Uploads;

namespace Kosha.Storage.Blobs;

/// <summary>Whether this database and this store belong together, and what may be done with the bytes.</summary>
/// <param name="Id">Of the installation.</param>
/// <param name="Epoch">The present one.</param>
/// <param name="ReconciledEpoch">The last epoch in which a full reconcile went through.</param>
/// <param name="StoreClaimedAt">When the store got its identity; null before.</param>
/// <param name="Deletions">How often objects were going to be deleted.</param>
/// <param name="StoredDeletions">How many of these the store is known to have seen.</param>
/// <param name="SampleKey">The key of one content that should be there; null if there is none.</param>
/// <param name="SampleSize">Its size in bytes.</param>
/// <param name="ContentStore">The kind of store that the content is in; null if there is no content.</param>
public sealed record InstallationState(
    Guid Id, long Epoch, long ReconciledEpoch, DateTime? StoreClaimedAt, long Deletions, long StoredDeletions,
    string? SampleKey, long? SampleSize, string? ContentStore)
{
    public StoreIdentity Identity => new(Id, Epoch, Deletions);

    /// <summary>
    /// Rows prove that bytes are there, and garbage may be deleted. False after a restore, until a full reconcile.
    /// </summary>
    public bool IsReconciled => ReconciledEpoch >= Epoch;
}

/// <summary>The installation's identity in the database, and its counterpart in the store.</summary>
public sealed class InstallationTable(Database database)
{
    /// <summary>All content is in stores of one kind, because no other is ever served; so any row says which.</summary>
    private const string SqlState = """
        select i.id, i.epoch, i.reconciled_epoch, i.store_claimed_at, i.deletions, i.stored_deletions,
               b.object_key as sample_key, b.size as sample_size, o.store as content_store
        from installation i
        left join lateral (select object_key, size from blobs where state = 'live' order by id limit 1) b on true
        left join lateral (select object_key from blobs order by id limit 1) f on true
        left join blob_objects o on o.key = f.object_key
        """;

    /// <summary>Fault: Unavailable.</summary>
    public Task<InstallationState> StateAsync(CancellationToken ct) => database.ReadAsync(connection =>
        connection.QuerySingleAsync<InstallationState>(new(SqlState, cancellationToken: ct)), ct);

    private const string SqlMasterKeyCheck = "select master_key_check from installation";

    /// <summary>What <see cref="ClaimMasterKeyAsync"/> has kept; null: nothing yet. Fault: Unavailable.</summary>
    public Task<string?> MasterKeyCheckAsync(CancellationToken ct) => database.ReadAsync(connection =>
        connection.ExecuteScalarAsync<string?>(new(SqlMasterKeyCheck, cancellationToken: ct)), ct);

    /// <summary>Of two daemons that begin at once the second waits, and gets what the first has kept.</summary>
    private const string SqlClaimMasterKey = """
        update installation set master_key_check = coalesce(master_key_check, @check) returning master_key_check
        """;

    /// <summary>
    /// Keeps the check value of a master key, where none is kept yet. False: another one is. Fault: Unavailable.
    /// </summary>
    /// <param name="check">32 letters that say nothing of the key itself.</param>
    /// <param name="ct">Ends it.</param>
    public async Task<bool> ClaimMasterKeyAsync(string check, CancellationToken ct) =>
        await database.WriteAsync(transaction => transaction.Connection!.ExecuteScalarAsync<string?>(
            new(SqlClaimMasterKey, new { check }, transaction, cancellationToken: ct)), ct) == check;

    /// <summary>With the key goes what only it could read.</summary>
    private const string SqlForgetMasterKey = """
        delete from two_factors;
        delete from data_protection_keys;
        update installation set master_key_check = null;
        """;

    /// <summary>
    /// For a master key that is lost for good: two-factor sign-in ends for everybody, and the next daemon to start
    /// decides anew which key it is. No daemon may run meanwhile. Fault: Unavailable.
    /// </summary>
    public Task ForgetMasterKeyAsync(CancellationToken ct) => database.WriteAsync(transaction =>
        transaction.Connection!.ExecuteAsync(
            new(SqlForgetMasterKey, transaction: transaction, cancellationToken: ct)), ct);

    private const string SqlHasSchema = "select to_regclass('installation') is not null";

    private const string SqlHasStore = "select store_claimed_at is not null from installation";

    /// <summary>
    /// Whether a daemon has ever served from this database; it need not have the schema yet. Fault: Unavailable.
    /// </summary>
    public Task<bool> HasStoreAsync(CancellationToken ct) => database.ReadAsync(async connection =>
        await connection.ExecuteScalarAsync<bool>(new(SqlHasSchema, cancellationToken: ct))
        && await connection.ExecuteScalarAsync<bool>(new(SqlHasStore, cancellationToken: ct)), ct);

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
            if (!await store.PutIdentityAsync(state.Identity, replace: false, ct))
            {
                if (await ProblemAsync(state, store, ct) is { } taken)
                    return taken;
                // Somebody else was just putting it, and perhaps did not.
                if (await store.FindIdentityAsync(ct) is null)
                    return "the store could not be given its identity just now. Start again.";
            }
            await database.WriteAsync(transaction =>
                transaction.Connection!.ExecuteAsync(new(SqlClaimed, transaction: transaction, cancellationToken: ct)),
                ct);
        }
        return null;
    }

    /// <summary>
    /// For work that would take a foreign store's bytes for missing or for garbage. Fault: Unavailable, also for a
    /// store that is not this database's.
    /// </summary>
    public async Task<InstallationState> RequireOwnAsync(IBlobStore store, CancellationToken ct)
    {
        var state = await StateAsync(ct);
        return await ProblemAsync(state, store, ct) is { } problem
            ? throw new StorageException(StorageFault.Unavailable, $"Nothing is done: {problem}")
            : state;
    }

    /// <summary>
    /// For a daemon that serves: the store is still this installation's, and no other has taken its place, as when a
    /// disk is unmounted. Fault: Unavailable.
    /// </summary>
    public async Task RequirePresentAsync(IBlobStore store, CancellationToken ct)
    {
        var state = await StateAsync(ct);
        if ((await store.FindIdentityAsync(ct))?.Installation != state.Id)
            throw new StorageException(StorageFault.Unavailable,
                "The store is not this installation's any more. Is its disk mounted?");
    }

    /// <summary>What keeps this store from being this database's, in words, and what to do; null if nothing.</summary>
    public async Task<string?> ProblemAsync(InstallationState state, IBlobStore store, CancellationToken ct)
    {
        if (OtherStoreProblem(state, store) is { } other)
            return other;
        var found = await store.FindIdentityAsync(ct);
        if (found is null)
            return state.StoreClaimedAt is null ? await UnclaimedProblemAsync(state, store, ct) : LostIdentity + Adopt;
        if (found.Installation != state.Id)
            return "the store belongs to another installation. Name the store of this database, or the database of "
                + "this store. " + Adopt;
        if (found.Epoch != state.Epoch)
            return $"the store is in epoch {found.Epoch} and the database in epoch {state.Epoch}: one of them is a "
                + "restored copy. " + Adopt;
        // Looked at anew: a sweep may have raised both between the two looks.
        if (found.Deletions > state.Deletions && found.Deletions > (await StateAsync(ct)).Deletions)
            return "the database is a restored copy, from before the last time that content was removed. " + Adopt;
        return found.Deletions < state.StoredDeletions
            ? "the store is a restored copy, from before the last time that content was removed. " + Adopt
            : null;
    }

    /// <summary>
    /// Rows name keys of one kind of store. On another one they would prove nothing, and no upload could heal them.
    /// </summary>
    private static string? OtherStoreProblem(InstallationState state, IBlobStore store) =>
        state.ContentStore is { } kind && kind != store.Name
            ? $"the content of this database is in a store of the kind '{kind}', and this is '{store.Name}'. Set "
                + $"Blobs:Store={kind} again; to change, begin a new installation and copy the files by WebDAV."
            : null;

    /// <summary>
    /// A new database takes an empty store. One from before there were identities takes the store in which its content
    /// is: a disk that is not mounted is empty, too.
    /// </summary>
    private static async Task<string?> UnclaimedProblemAsync(
        InstallationState state, IBlobStore store, CancellationToken ct)
    {
        if (state.SampleKey is null)
            return await store.IsEmptyAsync(ct) == false ? NotEmpty + Adopt : null;
        return await store.FindSizeAsync(state.SampleKey, ct) == state.SampleSize ? null : LostIdentity + Adopt;
    }

    private const string Adopt =
        "If both really belong together now, 'kosha blobs adopt' joins them; nothing is deleted by that.";

    private const string LostIdentity =
        "the store has lost its identity. Is this the right folder or bucket, and is its disk mounted? ";

    private const string NotEmpty =
        "the database is new and the store is not empty. Restore the database that belongs to this store, or name an "
        + "empty store. ";

    private const string SqlRaiseEpoch = """
        update installation set epoch = greatest(epoch, @epoch) + 1, deletions = greatest(deletions, @deletions),
               store_claimed_at = now()
        returning id, epoch, deletions
        """;

    /// <summary>
    /// Joins this database and this store whatever they were before, in a new epoch: until a full reconcile nothing is
    /// deleted, and every upload is stored whether or not a row says that its bytes are there. Faults: AlreadyExists
    /// (a sweep or reconcile runs), Unavailable (also for another kind of store).
    /// </summary>
    public async Task<StoreIdentity> AdoptAsync(IBlobStore store, CancellationToken ct)
    {
        await using var sweep = await Lease.TakeAsync(database, Sweep.LeaseName, ct);
        await using var reconcile = await Lease.TakeAsync(database, Reconcile.LeaseName, ct);
        if (OtherStoreProblem(await StateAsync(ct), store) is { } problem)
            throw new StorageException(StorageFault.Unavailable, $"Nothing is done: {problem}");
        var found = await FindReadableAsync(store, ct);
        var parameters = new { epoch = found?.Epoch ?? 0, deletions = found?.Deletions ?? 0 };
        var identity = await database.WriteAsync(async transaction =>
        {
            var (id, epoch, deletions) = await transaction.Connection!.QuerySingleAsync<(Guid, long, long)>(
                new(SqlRaiseEpoch, parameters, transaction, cancellationToken: ct));
            await UploadTable.SkipIdsAsync(transaction, ct);
            return new StoreIdentity(id, epoch, deletions);
        }, ct);
        await store.PutIdentityAsync(identity, replace: true, ct);
        return identity;
    }

    /// <summary>One that cannot be read will be replaced.</summary>
    private static async Task<StoreIdentity?> FindReadableAsync(IBlobStore store, CancellationToken ct)
    {
        try
        {
            return await store.FindIdentityAsync(ct);
        }
        catch (StorageException e) when (e.InnerException is null)
        {
            return null;
        }
    }

    private const string SqlRaiseDeletions = """
        update installation set deletions = deletions + 1 where id = @Id and epoch = @Epoch returning deletions
        """;

    /// <summary>
    /// Before objects are deleted: from here on a copy of the database or of the store from before is known for one.
    /// False if the installation is in another epoch by now. Fault: Unavailable.
    /// </summary>
    internal async Task<bool> RaiseDeletionsAsync(InstallationState state, IBlobStore store, CancellationToken ct)
    {
        var raised = await NumberAsync(SqlRaiseDeletions, new { state.Id, state.Epoch }, ct);
        for (var next = raised; next is { } deletions;)
        {
            Steps.Reached(Steps.DeletionsRaised);
            await store.PutIdentityAsync(state.Identity with { Deletions = deletions }, replace: true, ct);
            next = await NumberAsync(SqlSetStoredDeletions, new { state.Id, state.Epoch, deletions }, ct);
        }
        return raised is not null;
    }

    // Its number, if somebody else has raised it since: the store may have got that one before this one.
    private const string SqlSetStoredDeletions = """
        update installation set stored_deletions = greatest(stored_deletions, @deletions)
        where id = @Id and epoch = @Epoch
        returning nullif(deletions, @deletions)
        """;

    private Task<long?> NumberAsync(string sql, object parameters, CancellationToken ct) =>
        database.WriteAsync(transaction => transaction.Connection!.ExecuteScalarAsync<long?>(
            new(sql, parameters, transaction, cancellationToken: ct)), ct);

    private const string SqlReconciled = "update installation set reconciled_epoch = @epoch where epoch = @epoch";

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
