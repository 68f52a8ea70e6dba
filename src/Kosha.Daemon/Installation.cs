using Kosha.Daemon.EmbeddedPostgres;
using Kosha.Daemon.Web;
using Kosha.Storage;
using Kosha.Storage.Accounts;

namespace Kosha.Daemon;

/// <summary>Why somebody opens an installation.</summary>
/// <param name="What">In words for others who find it in use: "kosha serve".</param>
/// <param name="Serves">Serves for long: needs the lock itself, and refuses where another daemon has it.</param>
internal sealed record Purpose(string What, bool Serves);

/// <summary>
/// An installation ready for work: data folder, database, schema. If the settings name no database, the private cluster
/// is started, or, where a daemon or another command runs it already, that one is used.
/// </summary>
internal sealed class Installation : IAsyncDisposable
{
    private static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LockPause = TimeSpan.FromMilliseconds(100);

    private readonly IDisposable? folderLock;
    private readonly Postmaster? postmaster;

    private Installation(DataFolder folder, IDisposable? folderLock, Postmaster? postmaster, Database database,
        IReadOnlyList<string> migrated)
    {
        Folder = folder;
        this.folderLock = folderLock;
        this.postmaster = postmaster;
        Database = database;
        Users = new(database);
        Migrated = migrated;
    }

    public DataFolder Folder { get; }

    public Database Database { get; }

    public UserTable Users { get; }

    /// <summary>The names of the schema scripts applied now.</summary>
    public IReadOnlyList<string> Migrated { get; }

    /// <exception cref="OperatorException">
    /// Something in the way that the operator can clear; everything is closed again.
    /// </exception>
    public static async Task<Installation> OpenAsync(
        KoshaOptions options, Purpose purpose, ILogger logger, CancellationToken ct)
    {
        var folder = DataFolder.Open(options.DataDirectory);
        IDisposable? held = null;
        Postmaster? server = null;
        Database? database = null;
        try
        {
            var connectionString = options.DatabaseConnectionString;
            if (purpose.Serves || connectionString is null)
                held = await LockAsync(folder, purpose, needsCluster: connectionString is null, ct);
            if (purpose.Serves && Listening.Problems(options) is { Count: > 0 } busy)
                throw new OperatorException(busy);
            if (connectionString is null)
            {
                var cluster = new PostgresCluster(folder);
                connectionString = cluster.ConnectionString;
                server = held is null ? null : await Postmaster.StartAsync(cluster, logger, ct);
            }
            database = new(connectionString, options.DatabaseTransactionPooler);
            var migrated = await CheckAndMigrateAsync(database, logger, ct);
            return new(folder, held, server, database, migrated);
        }
        catch
        {
            await CloseAsync(held, server, database);
            throw;
        }
    }

    public ValueTask DisposeAsync() => CloseAsync(folderLock, postmaster, Database);

    private static async ValueTask CloseAsync(IDisposable? held, Postmaster? server, Database? database)
    {
        if (database is not null)
            await database.DisposeAsync();
        if (server is not null)
            await server.DisposeAsync();
        held?.Dispose();
    }

    /// <summary>
    /// The lock, or null for a command that may use the cluster of whoever holds it. The holder may be starting or
    /// stopping just now, so both are tried in turn for a while.
    /// </summary>
    private static async Task<IDisposable?> LockAsync(
        DataFolder folder, Purpose purpose, bool needsCluster, CancellationToken ct)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            if (folder.TryLock(purpose.What) is { } taken)
                return taken;
            if (!purpose.Serves && needsCluster && await AnswersAsync(new PostgresCluster(folder).ConnectionString, ct))
                return null;
            var (what, pid) = folder.Holder();
            if (purpose.Serves && what == purpose.What)
                throw new OperatorException($"Another daemon (process {pid}) uses the data folder {folder.Path}. Stop "
                    + "it, or give this one a folder of its own with --DataDirectory=FOLDER.");
            if (TimeProvider.System.GetElapsedTime(started) > LockPatience)
                throw new OperatorException($"The data folder {folder.Path} is in use by '{what}' (process {pid}). "
                    + "Try again when it has ended.");
            await Task.Delay(LockPause, ct);
        }
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

    private static async Task<IReadOnlyList<string>> CheckAndMigrateAsync(
        Database database, ILogger logger, CancellationToken ct)
    {
        try
        {
            var problems = await database.ProblemsAsync(ct);
            if (problems.Count > 0)
                throw new OperatorException([.. problems.Select(problem => $"Database:ConnectionString: {problem}")]);
            var migrated = await database.MigrateAsync(ct);
            foreach (var name in migrated)
                logger.LogInformation("Applied the schema {Name}.", name);
            return migrated;
        }
        catch (InvalidOperationException e)
        {
            throw new OperatorException(e.Message, e);
        }
        catch (Exception e) when (e is StorageException or Npgsql.NpgsqlException)
        {
            throw new OperatorException($"Database:ConnectionString: the database cannot be used: {Reason(e)}", e);
        }
    }

    private static string Reason(Exception e) => e switch
    {
        StorageException { InnerException: { } inner } => Reason(inner),
        Npgsql.PostgresException p => p.MessageText,
        { InnerException: { } inner } => $"{e.Message.TrimEnd('.')}: {inner.Message}",
        _ => e.Message,
    };
}
