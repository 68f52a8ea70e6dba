using Kosha.Storage;
using Kosha.Storage.Blobs;

namespace Kosha.Daemon;

/// <summary>Where bytes lie, as the settings say.</summary>
internal static class BlobStorage
{
    /// <exception cref="OperatorException">The store cannot be used.</exception>
    public static Task<IBlobStore> OpenAsync(KoshaOptions options, CancellationToken ct) =>
        OpenAsync(options, (store, _) => store.CheckAsync(ct), ct);

    /// <summary>For adopting: a store that is not there is made.</summary>
    /// <exception cref="OperatorException">The store cannot be used.</exception>
    public static Task<IBlobStore> OpenToAdoptAsync(KoshaOptions options, CancellationToken ct) =>
        OpenAsync(options, async (store, create) =>
        {
            await create();
            await store.CheckAsync(ct);
        }, ct);

    /// <summary>
    /// For the daemon at its start: makes sure that store and database belong together, and only then clears away what
    /// a crash left. Until the store is disposed of, its disk cannot be unmounted.
    /// </summary>
    /// <exception cref="OperatorException">The store cannot be used; the message says what to do.</exception>
    public static Task<IBlobStore> OpenToServeAsync(KoshaOptions options, Database database, CancellationToken ct) =>
        OpenAsync(options, async (store, create) =>
        {
            var installation = new InstallationTable(database);
            if ((await installation.StateAsync(ct)).StoreClaimedAt is null)
                await create();
            if (await installation.ClaimStoreAsync(store, ct) is { } problem)
                throw new OperatorException($"{Key(options)}: {problem}");
            (store as DiskBlobStore)?.Prepare();
            await store.CheckAsync(ct);
        }, ct);

    /// <summary>What is wrong with the store, in words; null if nothing is. A folder is left to others.</summary>
    public static async Task<string?> ProblemAsync(KoshaOptions options, CancellationToken ct)
    {
        if (options.BlobsS3 is null)
            return null;
        try
        {
            using var store = await OpenAsync(options, ct);
            return null;
        }
        catch (OperatorException e)
        {
            return e.Message;
        }
    }

    /// <param name="options">Which store.</param>
    /// <param name="prepare">Gets the store, and what makes its folder or bucket.</param>
    /// <param name="ct">Ends it.</param>
    private static async Task<IBlobStore> OpenAsync(
        KoshaOptions options, Func<IBlobStore, Func<Task>, Task> prepare, CancellationToken ct)
    {
        var (store, create) = New(options, ct);
        try
        {
            await prepare(store, create);
            return store;
        }
        catch (StorageException e)
        {
            store.Dispose();
            throw new OperatorException($"{Key(options)}: {e.Message}", e);
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    private static (IBlobStore Store, Func<Task> Create) New(KoshaOptions options, CancellationToken ct)
    {
        if (options.BlobsS3 is { } s3)
        {
            var bucket = new S3BlobStore(s3, TimeProvider.System);
            return (bucket, () => bucket.CreateAsync(ct));
        }
        var folder = new DiskBlobStore(options.BlobsDirectory);
        return (folder, () =>
        {
            folder.Create();
            return Task.CompletedTask;
        });
    }

    /// <summary>The settings that name the store.</summary>
    private static string Key(KoshaOptions options) => options.BlobsS3 is null ? "Blobs:Directory" : "Blobs:S3";

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
