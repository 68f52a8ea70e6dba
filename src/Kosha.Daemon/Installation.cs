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
    private readonly FolderClaim? claim;
    private readonly Postmaster? postmaster;

    private Installation(DataFolder folder, FolderClaim? claim, Postmaster? postmaster, Database database,
        IReadOnlyList<string> migrated)
    {
        Folder = folder;
        this.claim = claim;
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
        FolderClaim? held = null;
        Postmaster? server = null;
        Database? database = null;
        try
        {
            var connectionString = options.DatabaseConnectionString;
            if (purpose.Serves || connectionString is null)
                held = await FolderClaim.TakeAsync(folder, purpose, ct);
            if (purpose.Serves && Listening.Problems(options) is { Count: > 0 } busy)
                throw new OperatorException(busy);
            if (connectionString is null)
            {
                var cluster = new PostgresCluster(folder);
                connectionString = cluster.ConnectionString;
                server = held!.IsHolder ? await Postmaster.StartAsync(cluster, logger, ct) : null;
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

    public ValueTask DisposeAsync() => CloseAsync(claim, postmaster, Database);

    private static async ValueTask CloseAsync(FolderClaim? held, Postmaster? server, Database? database)
    {
        if (database is not null)
            await database.DisposeAsync();
        if (server is not null)
        {
            await held!.SeeVisitorsOutAsync();
            await server.DisposeAsync();
        }
        held?.Dispose();
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
