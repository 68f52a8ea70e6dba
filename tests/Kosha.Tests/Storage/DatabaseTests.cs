using Dapper;
using Kosha.Storage;
using Kosha.Tests.Infrastructure;
using Npgsql;
using Xunit;

namespace Kosha.Tests.Storage;

public sealed class DatabaseTests(SharedPostgres postgres)
{
    private static readonly CancellationToken None = CancellationToken.None;

    private async Task<string> NewEmptyAsync() => await (await postgres.Durable).NewEmptyDatabaseAsync();

    private static Task<StorageFault> FaultAsync(Func<Task> work) => TestUser.FaultAsync(work);

    [Fact]
    public async Task Daemons_that_start_at_once_migrate_once()
    {
        var settings = await NewEmptyAsync();
        var databases = Enumerable.Range(0, 6).Select(_ => new Database(settings)).ToList();
        var applied = await Task.WhenAll(databases.Select(database => database.MigrateAsync(None)));
        Assert.Equal("001-foundation.sql", Assert.Single(applied, names => names.Count > 0)[0]);
        Assert.Equal(applied.Max(names => names.Count), await databases[0].ReadAsync(connection =>
            connection.ExecuteScalarAsync<int>("select count(*)::int from schema_versions"), None));
        foreach (var database in databases)
            await database.DisposeAsync();
    }

    [Fact]
    public async Task A_newer_schema_is_refused_and_left_alone()
    {
        await using var database = new Database(await NewEmptyAsync());
        await database.MigrateAsync(None);
        await database.ReadAsync(connection =>
            connection.ExecuteAsync("insert into schema_versions (version, name) values (9999, 'of tomorrow')"), None);
        var refusal = await Assert.ThrowsAsync<InvalidOperationException>(() => database.MigrateAsync(None));
        Assert.Contains("9999", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_migration_that_fails_leaves_nothing()
    {
        await using var database = new Database(await NewEmptyAsync());
        await database.ReadAsync(connection => connection.ExecuteAsync("create table locks ()"), None);
        await Assert.ThrowsAsync<PostgresException>(() => database.MigrateAsync(None));
        Assert.Equal(1, await database.ReadAsync(connection => connection.ExecuteScalarAsync<int>(
            "select count(*)::int from pg_tables where schemaname = 'public'"), None));
    }

    [Fact]
    public async Task A_role_that_may_not_make_what_Kosha_needs_is_told_so()
    {
        var settings = new NpgsqlConnectionStringBuilder(await NewEmptyAsync());
        var role = $"weak{Guid.NewGuid():N}";
        await using (var owner = new Database(settings.ConnectionString))
        {
            await owner.ReadAsync(connection => connection.ExecuteAsync(
                $"create role {role} login; grant all on schema public to {role}"), None);
        }
        await using var database = new Database(
            new NpgsqlConnectionStringBuilder(settings.ConnectionString) { Username = role }.ConnectionString);
        var refusal = await Assert.ThrowsAsync<InvalidOperationException>(() => database.MigrateAsync(None));
        Assert.Contains("create extension pg_trgm", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_good_server_has_no_problems()
    {
        await using var database = new Database(await NewEmptyAsync());
        Assert.Empty(await database.ProblemsAsync(None));
    }

    [Fact]
    public async Task All_problems_of_a_server_are_reported_together()
    {
        var server = await postgres.Durable;
        var settings = await server.NewEmptyDatabaseAsync();
        var name = new NpgsqlConnectionStringBuilder(settings).Database + "_bad";
        await Sql.ExecuteAsync(settings, $"""
            create database {name} encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0
            """);
        await Sql.ExecuteAsync(settings, $"alter database {name} set synchronous_commit = off");
        var bad = new NpgsqlConnectionStringBuilder(settings) { Database = name, ClientEncoding = "UTF8" };
        await using var database = new Database(bad.ConnectionString);
        var problems = await database.ProblemsAsync(None);
        Assert.Collection(problems,
            problem => Assert.Contains("SQL_ASCII", problem, StringComparison.Ordinal),
            problem => Assert.Contains("LC_CTYPE", problem, StringComparison.Ordinal),
            problem => Assert.Contains("synchronous_commit", problem, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_unavailable()
    {
        await using var database = new Database("Host=/nowhere;Username=kosha;Timeout=2");
        Assert.Equal(StorageFault.Unavailable, await FaultAsync(() => database.PingAsync(None)));
    }

    [Fact]
    public async Task A_connection_that_the_server_ends_is_unavailable_and_the_next_one_works()
    {
        await using var database = new Database(await NewEmptyAsync());
        Assert.Equal(StorageFault.Unavailable, await FaultAsync(() => database.ReadAsync(connection =>
            connection.ExecuteAsync("select pg_terminate_backend(pg_backend_pid())"), None)));
        await database.PingAsync(None);
    }

    [Fact]
    public async Task A_lost_race_is_run_again_and_in_the_end_unavailable()
    {
        await using var database = new Database(await NewEmptyAsync());
        var attempts = 0;
        Assert.Equal("done", await database.WriteAsync(_ =>
            ++attempts < 3 ? throw new LostRaceException() : Task.FromResult("done"), None));
        Assert.Equal(3, attempts);
        Assert.Equal(StorageFault.Unavailable, await FaultAsync(() =>
            database.WriteAsync<int>(_ => throw new LostRaceException(), None)));
    }

    [Fact]
    public async Task A_deadlock_is_run_again()
    {
        await using var database = new Database(await NewEmptyAsync());
        using var both = new Barrier(2);
        var attempts = 0;
        Task Transaction(int first, int second) => database.WriteAsync(async transaction =>
        {
            await LockAsync(transaction, first);
            if (Interlocked.Increment(ref attempts) <= 2)
                await Task.Run(both.SignalAndWait);
            await LockAsync(transaction, second);
        }, None);
        await Task.WhenAll(Transaction(1, 2), Transaction(2, 1));
        Assert.Equal(3, attempts);
    }

    private static Task LockAsync(NpgsqlTransaction transaction, int key) =>
        transaction.Connection!.ExecuteAsync("select pg_advisory_xact_lock(@key)", new { key }, transaction);

    [Theory]
    [InlineData("", 40)]
    [InlineData(";Maximum Pool Size=7", 7)]
    public async Task The_pool_has_a_size_unless_one_is_set(string setting, int expected)
    {
        await using var database = new Database("Host=/nowhere" + setting);
        var used = new NpgsqlConnectionStringBuilder(database.Source.ConnectionString);
        Assert.Equal(expected, used.MaxPoolSize);
    }

    [Fact]
    public async Task Behind_a_transaction_pooler_nothing_is_prepared_or_set()
    {
        await using var pooled = new Database(
            "Host=/nowhere;Options=-c lock_timeout=5s", behindTransactionPooler: true);
        var settings = new NpgsqlConnectionStringBuilder(pooled.Source.ConnectionString);
        Assert.Equal((0, "-c lock_timeout=5s"), (settings.MaxAutoPrepare, settings.Options));
        await using var direct = new Database("Host=/nowhere;Options=-c lock_timeout=5s");
        settings = new NpgsqlConnectionStringBuilder(direct.Source.ConnectionString);
        Assert.StartsWith("-c lock_timeout=5s -c ", settings.Options, StringComparison.Ordinal);
    }
}
