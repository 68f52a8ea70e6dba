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
