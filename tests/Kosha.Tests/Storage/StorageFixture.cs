using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Blobs;
using Kosha.Storage.Tree;
using Kosha.Storage.Upkeep;
using Kosha.Storage.Uploads;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage;

/// <summary>
/// Storage as the daemon wires it, for the tests of one class: a database and folders of its own. Each test takes users
/// of its own, who share nothing but blobs.
/// </summary>
public sealed class StorageFixture(SharedPostgres postgres) : IAsyncLifetime
{
    private readonly TestFolder folder = new();
    private int users;

    public Database Database { get; private set; } = null!;

    public NodeTree Tree { get; private set; } = null!;

    public LockTable Locks { get; private set; } = null!;

    public UsageTable Usage { get; private set; } = null!;

    public DiskBlobStore Store { get; private set; } = null!;

    public InstallationTable Installation { get; private set; } = null!;

    public SpoolFolder Spools { get; private set; } = null!;

    public Vault Vault { get; private set; } = null!;

    public string BlobFolder => folder["blobs"];

    public string SpoolPath => folder["spool"];

    public async ValueTask InitializeAsync()
    {
        Database = await postgres.NewDatabaseAsync();
        Tree = new(Database);
        Locks = new(Database, Tree);
        Usage = new(Database);
        Store = new(BlobFolder);
        Installation = new(Database);
        Spools = new(SpoolPath, maxBytes: 1L << 30);
        Vault = new(Database, Tree, Store, Spools);
        Store.Create();
        Assert.Null(await Installation.ClaimStoreAsync(Store, CancellationToken.None));
        Spools.Prepare();
    }

    /// <summary>A vault on the same database with another store or spool.</summary>
    public Vault VaultOn(IBlobStore store, SpoolFolder? spools = null) => new(Database, Tree, store, spools ?? Spools);

    /// <summary>Uploads, on another store or with other limits perhaps.</summary>
    public DirectUploads UploadsOn(IBlobStore store, UploadLimits? limits = null) =>
        new(Database, Tree, VaultOn(store), store, Spools, limits ?? new(100));

    /// <summary>
    /// A user with a plan of the given limits; null: no limit. It keeps no versions; tests of these change that.
    /// </summary>
    public async Task<TestUser> NewUserAsync(long? maxBytes = null, long? maxNodes = null, long? maxFileBytes = null)
    {
        var name = $"user{Interlocked.Increment(ref users)}";
        var plan = await SqlAsync<long>($"""
            insert into plans (name, max_bytes, max_nodes, max_file_bytes, version_days)
            values ('{name}', {Literal(maxBytes)}, {Literal(maxNodes)}, {Literal(maxFileBytes)}, 0) returning id
            """);
        var id = await SqlAsync<long>(
            $"insert into users (username, password_hash, plan_id) values ('{name}', '-', {plan}) returning id");
        await Database.WriteAsync(async transaction =>
        {
            await NodeTree.CreateRootAsync(transaction, id, CancellationToken.None);
            await UsageTable.StartAsync(transaction, id, CancellationToken.None);
        }, CancellationToken.None);
        var stamp = await SqlAsync<Guid>($"select credential_stamp from users where id = {id}");
        return new(this, new Caller(id, stamp), plan);
    }

    /// <summary>The same user by an app password for one folder, or for all with "".</summary>
    public async Task<TestUser> LimitAsync(TestUser user, string folder, bool isReadOnly = false)
    {
        var (table, hash) = (new AppPasswordTable(Database), RandomNumberGenerator.GetBytes(32));
        await table.AddAsync(user.Caller, new(Convert.ToHexString(hash), hash)
        {
            IsReadOnly = isReadOnly, FolderId = folder.Length == 0 ? null : (await user.GetAsync(folder)).Id,
        }, CancellationToken.None);
        var name = await SqlAsync<string>($"select username from users where id = {user.Caller.UserId}");
        return new(this, (await table.FindAsync(name, hash, CancellationToken.None))!, planId: 0);
    }

    private static string Literal(long? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "null";

    /// <summary>The first column of the first row.</summary>
    public async Task<T> SqlAsync<T>(string sql)
    {
        await using var command = Database.Source.CreateCommand(sql);
        var value = await command.ExecuteScalarAsync();
        return value is null or DBNull ? default! : (T)value;
    }

    /// <returns>The number of rows changed.</returns>
    public async Task<int> ExecuteAsync(string sql)
    {
        await using var command = Database.Source.CreateCommand(sql);
        // Some fill a database with a million rows.
        command.CommandTimeout = 0;
        return await command.ExecuteNonQueryAsync();
    }

    /// <summary>A sweep without grace: two of them remove what nothing names.</summary>
    public Task<SweepResult> SweepAsync(IBlobStore? store = null) =>
        new Sweep(Database, store ?? Store).RunAsync(TimeSpan.Zero, CancellationToken.None);

    public Task<ReconcileResult> ReconcileAsync(bool evenIfMany = false) =>
        new Reconcile(Database, Store).RunAsync(TimeSpan.Zero, evenIfMany, CancellationToken.None);

    /// <summary>A column of the row of a content.</summary>
    public Task<T> BlobAsync<T>(string content, string column) =>
        SqlAsync<T>($"select {column} from blobs where sha256 = '\\x{HashOf(content)}'");

    public static string HashOf(string content) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(content)));

    /// <summary>The usual key of a content.</summary>
    public string KeyOf(string content) =>
        Store.Key(new(SHA256.HashData(Encoding.UTF8.GetBytes(content))), 1);

    /// <summary>The object's file; there or not.</summary>
    public string FileOf(string content) => Path.Combine(BlobFolder, KeyOf(content));

    /// <summary>What fsck prints, and whether all is well.</summary>
    public async Task<(bool Clean, string Output)> FsckAsync(bool repair = false)
    {
        await using var output = new StringWriter();
        var clean = await new Fsck(Database, Store, output).RunAsync(new() { Repair = repair }, CancellationToken.None);
        return (clean, output.ToString());
    }

    public async Task AssertCleanAsync()
    {
        var (clean, output) = await FsckAsync();
        Assert.True(clean, output);
        Assert.Equal(0, Spools.ReservedBytes);
        Assert.Empty(Directory.GetFileSystemEntries(SpoolPath));
    }

    public async ValueTask DisposeAsync()
    {
        Store.Dispose();
        await Database.DisposeAsync();
        folder.Dispose();
    }
}
