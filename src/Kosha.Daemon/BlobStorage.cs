using Kosha.Storage;
using Kosha.Storage.Blobs;

namespace Kosha.Daemon;

/// <summary>Where bytes lie, as the settings say.</summary>
internal static class BlobStorage
{
    /// <exception cref="OperatorException">The store cannot be used.</exception>
    public static Task<IBlobStore> OpenAsync(KoshaOptions options, CancellationToken ct) =>
        ExplainedAsync(async () =>
        {
            IBlobStore store = new DiskBlobStore(options.BlobsDirectory);
            await store.CheckAsync(ct);
            return store;
        });

    /// <summary>For adopting: a store that is not there is made.</summary>
    /// <exception cref="OperatorException">The store cannot be used.</exception>
    public static Task<IBlobStore> OpenToAdoptAsync(KoshaOptions options, CancellationToken ct) =>
        ExplainedAsync(async () =>
        {
            var store = new DiskBlobStore(options.BlobsDirectory);
            store.Create();
            await store.CheckAsync(ct);
            return (IBlobStore)store;
        });

    /// <summary>
    /// For the daemon at its start: makes sure that store and database belong together, and only then clears away what
    /// a crash left. Until the store is disposed of, its disk cannot be unmounted.
    /// </summary>
    /// <exception cref="OperatorException">The store cannot be used; the message says what to do.</exception>
    public static Task<DiskBlobStore> OpenToServeAsync(
        KoshaOptions options, Database database, CancellationToken ct) =>
        ExplainedAsync(async () =>
        {
            var store = new DiskBlobStore(options.BlobsDirectory);
            var installation = new InstallationTable(database);
            if ((await installation.StateAsync(ct)).StoreClaimedAt is null)
                store.Create();
            if (await installation.ClaimStoreAsync(store, ct) is { } problem)
                throw new OperatorException($"Blobs:Directory: {problem}");
            store.Prepare();
            await store.CheckAsync(ct);
            return store;
        });

    private static async Task<T> ExplainedAsync<T>(Func<Task<T>> open)
    {
        try
        {
            return await open();
        }
        catch (StorageException e)
        {
            throw new OperatorException($"Blobs:Directory: {e.Message}", e);
        }
    }

    /// <exception cref="OperatorException">The folder cannot be used.</exception>
    public static SpoolFolder OpenSpool(KoshaOptions options)
    {
        var spools = new SpoolFolder(options.SpoolDirectory, options.SpoolMaxBytes);
        try
        {
            spools.Prepare();
            DataFolder.Probe(options.SpoolDirectory);
            return spools;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OperatorException($"Spool:Directory: {options.SpoolDirectory} cannot be written "
                + $"({e.Message}).", e);
        }
    }
}
