using Kosha.Storage;
using Kosha.Storage.Blobs;

namespace Kosha.Daemon;

/// <summary>Where bytes lie, as the settings say.</summary>
internal static class BlobStorage
{
    /// <exception cref="OperatorException">The store cannot be used.</exception>
    public static async Task<IBlobStore> OpenAsync(KoshaOptions options, CancellationToken ct)
    {
        var store = new DiskBlobStore(options.BlobsDirectory);
        return await CheckedAsync(store, ct);
    }

    /// <summary>
    /// For the daemon at its start: makes sure that store and database belong together, and only then clears away what
    /// a crash left.
    /// </summary>
    /// <exception cref="OperatorException">The store cannot be used; the message says what to do.</exception>
    public static async Task<IBlobStore> OpenToServeAsync(
        KoshaOptions options, Database database, CancellationToken ct)
    {
        var store = new DiskBlobStore(options.BlobsDirectory);
        await CheckedAsync(store, ct);
        try
        {
            if (await new InstallationTable(database).ClaimStoreAsync(store, ct) is { } problem)
                throw new OperatorException($"Blobs:Directory: {problem}");
            store.Prepare();
            return store;
        }
        catch (StorageException e)
        {
            throw new OperatorException($"Blobs:Directory: {e.Message}", e);
        }
    }

    private static async Task<IBlobStore> CheckedAsync(DiskBlobStore store, CancellationToken ct)
    {
        try
        {
            await store.CheckAsync(ct);
            return store;
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
