using Kosha.Daemon.EmbeddedPostgres;
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

    /// <summary>
    /// What is wrong with the store, in words, or what it can do. A folder is left to others: neither.
    /// </summary>
    public static async Task<(string? Problem, S3Report? Report)> LookAsync(KoshaOptions options, CancellationToken ct)
    {
        if (options.BlobsS3 is null)
            return (null, null);
        try
        {
            if (await WillBeCreatedAsync(options, options.BlobsS3, ct))
                return (null, new(["It is not there yet: the first start creates it, if its key may."], [], []));
            using var store = await OpenAsync(options, ct);
            return (null, await ((S3BlobStore)store).ReportAsync(ct));
        }
        catch (OperatorException e)
        {
            return (e.Message, null);
        }
    }

    private static async Task<bool> WillBeCreatedAsync(KoshaOptions options, S3StoreOptions s3, CancellationToken ct)
    {
        using var bucket = new S3BlobStore(s3, TimeProvider.System);
        try
        {
            return !await bucket.IsThereAsync(ct) && await IsFirstStartAsync(options, ct);
        }
        catch (StorageException)
        {
            // Whoever opens the store says why it cannot be used.
            return false;
        }
    }

    private static async Task<bool> IsFirstStartAsync(KoshaOptions options, CancellationToken ct)
    {
        if (options.DatabaseConnectionString is null)
            return PostgresCluster.Major(options.DataDirectory) is null;
        await using var database = new Database(options.DatabaseConnectionString, options.DatabaseTransactionPooler);
        return !await new InstallationTable(database).HasStoreAsync(ct);
    }

    /// <summary>For the start of a daemon: what its store can do, what would do harm and what it lacks.</summary>
    public static async Task LogReportAsync(
        KoshaOptions options, IBlobStore store, ILogger logger, CancellationToken ct)
    {
        if (store is not S3BlobStore bucket)
            return;
        var report = await bucket.ReportAsync(ct);
        logger.LogInformation("The blobs are in {Store}. {Capabilities}", $"{options.BlobsS3}",
            string.Join(' ', report.Capabilities));
        foreach (var sentence in report.Warnings.Concat(report.ToAdd))
            logger.LogWarning("{Sentence}", sentence);
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
