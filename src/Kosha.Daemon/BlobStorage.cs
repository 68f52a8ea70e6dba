using Kosha.Storage;
using Kosha.Storage.Blobs;

namespace Kosha.Daemon;

/// <summary>Where bytes lie, as the settings say.</summary>
internal static class BlobStorage
{
    /// <param name="options">Name the folder.</param>
    /// <param name="serves">Also clears away what a crash left: for the daemon at its start alone.</param>
    /// <param name="ct">Ends the check.</param>
    /// <exception cref="OperatorException">The store cannot be used.</exception>
    public static async Task<IBlobStore> OpenAsync(KoshaOptions options, bool serves, CancellationToken ct)
    {
        var store = new DiskBlobStore(options.BlobsDirectory);
        try
        {
            if (serves)
                store.Prepare();
            await store.CheckAsync(ct);
            return store;
        }
        catch (StorageException e)
        {
            throw new OperatorException($"Blobs:Directory: {e.Message}", e);
        }
    }

    /// <summary>Makes sure that store and database belong together.</summary>
    /// <exception cref="OperatorException">They do not; the message says what to do.</exception>
    public static async Task ClaimAsync(Database database, IBlobStore store, CancellationToken ct)
    {
        if (await new InstallationTable(database).ClaimStoreAsync(store, ct) is { } problem)
            throw new OperatorException($"Blobs:Directory: {problem}");
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
