using System.Data;
using System.Net.Sockets;
using System.Reflection;
using Dapper;
using Npgsql;

namespace Kosha.Storage;

/// <summary>What a transaction saw is out of date; <see cref="Database"/> runs it again.</summary>
internal sealed class LostRaceException : Exception;

/// <summary>
/// The one door to Postgres: connections, transactions that are tried again after a lost race, migrations, and the
/// checks of section 3 of the design. Faults: every method turns a database that does not answer into
/// <see cref="StorageFault.Unavailable"/>, and a text that Postgres cannot store into
/// <see cref="StorageFault.InvalidValue"/>.
/// </summary>
public sealed class Database : IAsyncDisposable
{
    /// <summary>Advisory locks with two keys; user locks have one key, a space of its own in Postgres.</summary>
    internal const int LockClass = 0x6b6f;
    private const int MigrationLock = 1;
    private const int MaxAttempts = 20;

    /// <summary>So that two daemons fit into the 100 connections of a server as it comes.</summary>
    private const int DefaultPoolSize = 40;

    /// <summary>
    /// Every statement goes by index whatever its parameters; planning anew costs ten times the execution. And a plan
    /// made while a table was one page must not read all of it when it has a million. Where there is no index, the
    /// forbidden scan has an estimated cost at which a server would compile the plan, a tenth of a second each time.
    /// </summary>
    private const string PlannerOptions = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off";

    /// <summary>
    /// How alike a word and a part of a name have to be for a search: two letters that changed places are still found.
    /// </summary>
    private const string SearchOptions = "-c pg_trgm.word_similarity_threshold=0.35";

    private readonly NpgsqlDataSource source;

    static Database() => DefaultTypeMap.MatchNamesWithUnderscores = true;

    /// <param name="connectionString">Npgsql's own form.</param>
    /// <param name="behindTransactionPooler">A transaction pooler stands between: nothing is prepared.</param>
    public Database(string connectionString, bool behindTransactionPooler = false)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString) { ApplicationName = "kosha" };
        if (!settings.ShouldSerialize("Maximum Pool Size"))
            settings.MaxPoolSize = DefaultPoolSize;
        if (!behindTransactionPooler)
        {
            settings.MaxAutoPrepare = 128;
            settings.AutoPrepareMinUsages = 2;
            settings.Options = $"{settings.Options} {PlannerOptions} {SearchOptions}".TrimStart();
        }
        // Kosha sets nothing that outlives a transaction, so there is nothing to reset.
        settings.NoResetOnClose = true;
        source = new NpgsqlDataSourceBuilder(settings.ConnectionString).Build();
    }

    /// <summary>For libraries that keep tables of their own (Quartz). Nothing of Kosha's goes by it.</summary>
    public NpgsqlDataSource Source => source;

    public ValueTask DisposeAsync() => source.DisposeAsync();

    /// <summary>
    /// Runs reads on one connection, outside a transaction: each statement sees its own moment. A pooled connection
    /// that turns out to be broken (the server was restarted) is replaced once, so <paramref name="work"/> may run
    /// twice.
    /// </summary>
    public async Task<T> ReadAsync<T>(Func<NpgsqlConnection, Task<T>> work, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await using var connection = await source.OpenConnectionAsync(ct);
                return await work(connection);
            }
            catch (Exception e) when (attempt == 1 && IsBroken(e))
            {
                source.Clear();
            }
            catch (Exception e) when (IsUnavailable(e))
            {
                throw Unavailable(e);
            }
            catch (PostgresException e) when (IsNoText(e))
            {
                throw NoText(e);
            }
        }
    }

    /// <summary>As <see cref="ReadAsync"/>, for several statements that all see the same moment.</summary>
    public Task<T> SnapshotAsync<T>(Func<NpgsqlConnection, Task<T>> work, CancellationToken ct) =>
        ReadAsync(async connection =>
        {
            await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, ct);
            return await work(connection);
        }, ct);

    /// <summary>
    /// As <see cref="ReadAsync"/>, for a statement that looks at whole tables: it may read them from end to end.
    /// </summary>
    public Task<T> ScanAsync<T>(Func<NpgsqlConnection, Task<T>> work, CancellationToken ct) =>
        ReadAsync(async connection =>
        {
            await using var transaction = await connection.BeginTransactionAsync(ct);
            await connection.ExecuteAsync(
                new("set local enable_seqscan = on", transaction: transaction, cancellationToken: ct));
            return await work(connection);
        }, ct);

    /// <summary>
    /// Runs one transaction (READ COMMITTED) and commits it. After a deadlock, a serialization failure or a lost race
    /// for a unique name it runs again from the start, so <paramref name="work"/> must be free of other effects.
    /// <see cref="StorageFault.Unavailable"/> may also mean that the answer to COMMIT was lost.
    /// </summary>
    public Task<T> WriteAsync<T>(Func<NpgsqlTransaction, Task<T>> work, CancellationToken ct) =>
        WriteAsync((transaction, _) => work(transaction), ct);

    /// <inheritdoc cref="WriteAsync{T}(Func{NpgsqlTransaction, Task{T}}, CancellationToken)"/>
    public Task WriteAsync(Func<NpgsqlTransaction, Task> work, CancellationToken ct) =>
        WriteAsync(async transaction =>
        {
            await work(transaction);
            return true;
        }, ct);

    /// <summary>
    /// The same for work that asks for its transaction's <see cref="CommitWitness"/> on its way: when the answer to
    /// COMMIT is lost, the server says what became of it, and what was not committed runs again.
    /// </summary>
    internal async Task<T> WriteAsync<T>(
        Func<NpgsqlTransaction, CommitWitness, Task<T>> work, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await WriteOnceAsync(work, ct);
            }
            catch (Exception e) when (IsLostRace(e))
            {
                // The loser of a race sees the winner's rows in its next attempt.
                if (attempt == MaxAttempts)
                    throw Unavailable(e);
            }
            catch (Exception e) when (attempt == 1 && IsBroken(e))
            {
                source.Clear();
            }
            catch (Exception e) when (IsUnavailable(e))
            {
                throw Unavailable(e);
            }
            catch (PostgresException e) when (IsNoText(e))
            {
                throw NoText(e);
            }
        }
    }

    private async Task<T> WriteOnceAsync<T>(
        Func<NpgsqlTransaction, CommitWitness, Task<T>> work, CancellationToken ct)
    {
        await using var connection = await source.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        var witness = new CommitWitness();
        var result = await work(transaction, witness);
        try
        {
            await transaction.CommitAsync(CancellationToken.None);
        }
        catch (Exception e) when (IsUnavailable(e))
        {
            // The lost answer may have been "done".
            switch (await witness.AskAsync(source))
            {
                case CommitOutcome.Unknown:
                    throw Unavailable(e);
                case CommitOutcome.Aborted:
                    throw new LostRaceException();
            }
        }
        return result;
    }

    private static bool IsLostRace(Exception e) => e
        is LostRaceException
        or PostgresException
        {
            SqlState: PostgresErrorCodes.DeadlockDetected
                or PostgresErrorCodes.SerializationFailure
                or PostgresErrorCodes.UniqueViolation,
        };

    /// <summary>The connection is gone, and the server may be there all the same.</summary>
    private static bool IsBroken(Exception e) => e is NpgsqlException { InnerException: IOException }
        or PostgresException { SqlState: PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown };

    internal static bool IsUnavailable(Exception e) => e switch
    {
        PostgresException p => p.IsTransient || p.SqlState is "57P01" or "57P02" or "57014",
        NpgsqlException { InnerException: IOException or SocketException or TimeoutException } => true,
        NpgsqlException n => n.IsTransient,
        SocketException or ObjectDisposedException { ObjectName: not null } => true,
        _ => false,
    };

    /// <summary>Of all letters Postgres cannot store U+0000 alone.</summary>
    private static bool IsNoText(PostgresException e) => e.SqlState == PostgresErrorCodes.CharacterNotInRepertoire;

    private static StorageException NoText(Exception e) =>
        new(StorageFault.InvalidValue, "A text has a character that cannot be stored.", e);

    private static StorageException Unavailable(Exception e) =>
        new(StorageFault.Unavailable, "The database does not answer now. Try again in a moment.", e);

    // Migrations ------------------------------------------------------------------------------------------------------

    private const string SqlSchemaTable = """
        select pg_advisory_xact_lock(@LockClass, @MigrationLock);
        create table if not exists schema_versions (
            version    int primary key,
            name       text not null,
            applied_at timestamptz not null default now());
        """;

    private const string SqlSchemaVersion = "select coalesce(max(version), 0) from schema_versions";

    private const string SqlRecordVersion = "insert into schema_versions (version, name) values (@version, @name)";

    /// <summary>
    /// Brings the schema up to this program's version, all or nothing, under an advisory lock, so that any number of
    /// daemons may start at once. A schema newer than the program is refused.
    /// </summary>
    /// <returns>The names of the scripts applied now.</returns>
    /// <exception cref="InvalidOperationException">
    /// The schema is newer than this program, or the server does not let Kosha have what it needs.
    /// </exception>
    public async Task<IReadOnlyList<string>> MigrateAsync(CancellationToken ct)
    {
        try
        {
            return await MigrateOnceAsync(ct);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InsufficientPrivilege
            or PostgresErrorCodes.UndefinedFile or PostgresErrorCodes.FeatureNotSupported)
        {
            throw new InvalidOperationException(
                $"The database cannot be made ready: {e.MessageText}. Kosha's role must own the database or have "
                + "CREATE on it, and the server must have the extensions pg_trgm and btree_gin (of Debian's own "
                + "package; elsewhere often of postgresql-contrib). An administrator may also make them: "
                + "create extension pg_trgm; create extension btree_gin;", e);
        }
    }

    private Task<IReadOnlyList<string>> MigrateOnceAsync(CancellationToken ct) =>
        WriteAsync<IReadOnlyList<string>>(async transaction =>
        {
            var connection = transaction.Connection!;
            await connection.ExecuteAsync(
                new(SqlSchemaTable, new { LockClass, MigrationLock }, transaction, cancellationToken: ct));
            var present = await connection.ExecuteScalarAsync<int>(
                new(SqlSchemaVersion, transaction: transaction, cancellationToken: ct));
            var scripts = Scripts();
            if (present > scripts.Count)
                throw new InvalidOperationException(
                    $"The database has schema version {present}, made by a newer Kosha; this program knows "
                    + $"{scripts.Count}. Start the newer program, or restore a backup of the older schema.");
            var applied = scripts.Skip(present).ToList();
            foreach (var (version, name, sql) in applied)
            {
                await connection.ExecuteAsync(
                    new(sql, transaction: transaction, commandTimeout: 0, cancellationToken: ct));
                await connection.ExecuteAsync(
                    new(SqlRecordVersion, new { version, name }, transaction, cancellationToken: ct));
            }
            return [.. applied.Select(script => script.Name)];
        }, ct);

    private static List<(int Version, string Name, string Sql)> Scripts()
    {
        var assembly = Assembly.GetExecutingAssembly();
        var names = assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith("Schema/", StringComparison.Ordinal)).Order(StringComparer.Ordinal);
        return [.. names.Select((name, index) =>
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            return (index + 1, name["Schema/".Length..], reader.ReadToEnd());
        })];
    }

    // Checks ----------------------------------------------------------------------------------------------------------

    private const string SqlServerSettings = """
        select current_setting('server_version_num')::int   as version,
               pg_encoding_to_char(d.encoding)              as encoding,
               d.datctype                                   as ctype,
               current_setting('fsync')                     as fsync,
               current_setting('full_page_writes')          as full_page_writes,
               current_setting('synchronous_commit')        as synchronous_commit
        from pg_database d where d.datname = current_database()
        """;

    private sealed record ServerSettings(
        int Version, string Encoding, string Ctype, string Fsync, string FullPageWrites, string SynchronousCommit);

    /// <summary>What is wrong with this server for Kosha, in words; empty if nothing is.</summary>
    public Task<IReadOnlyList<string>> ProblemsAsync(CancellationToken ct) =>
        ReadAsync<IReadOnlyList<string>>(async connection =>
        {
            var s = await connection.QuerySingleAsync<ServerSettings>(SqlServerSettings);
            var problems = new List<string>();
            if (s.Version < 150000)
                problems.Add($"Postgres {s.Version / 10000} is too old; Kosha needs 15 or newer.");
            if (s.Encoding != "UTF8")
                problems.Add($"The database's encoding is {s.Encoding}; create it with ENCODING 'UTF8'.");
            if (s.Ctype is "C" or "POSIX")
                problems.Add($"The database's LC_CTYPE is {s.Ctype}, which knows no letter but ASCII; "
                    + "create it with LC_CTYPE 'C.UTF-8' and TEMPLATE template0.");
            if (s.Fsync != "on" || s.FullPageWrites != "on")
                problems.Add("fsync or full_page_writes is off: the server can lose what it has acknowledged. "
                    + "Switch them on.");
            if (s.SynchronousCommit == "off")
                problems.Add("synchronous_commit is off: the server can lose what it has acknowledged. Switch it on.");
            return problems;
        }, ct);

    /// <summary>Answers if the database does; else <see cref="StorageFault.Unavailable"/>.</summary>
    public Task PingAsync(CancellationToken ct) =>
        ReadAsync(connection =>
            connection.ExecuteScalarAsync<int>(new CommandDefinition("select 1", cancellationToken: ct)), ct);
}
