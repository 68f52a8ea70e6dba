using System.Globalization;
using System.Text;
using Dapper;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Blobs;
using Kosha.Storage.Tree;
using Kosha.Storage.Upkeep;
using Xunit;

namespace Kosha.Tests.Infrastructure;

/// <summary>Storage without a daemon: a database and a blob folder of its own, and words for short tests.</summary>
public sealed class TestStore : IAsyncDisposable
{
    private readonly TestFolder folder = new();

    private TestStore(Database database)
    {
        Database = database;
        Tree = new(database);
        Blobs = new(folder.NewFolder("blobs"));
        Spools = new(folder.NewFolder("spool"), maxBytes: 64 << 20);
        Vault = new(database, Tree, Blobs, Spools);
        Locks = new(database, Tree);
        Usage = new(database);
    }

    public Database Database { get; }

    public NodeTree Tree { get; }

    public Vault Vault { get; }

    public LockTable Locks { get; }

    public UsageTable Usage { get; }

    public DiskBlobStore Blobs { get; }

    public SpoolFolder Spools { get; }

    public string BlobFolder => folder["blobs"];

    public static async Task<TestStore> NewAsync(SharedPostgres postgres)
    {
        var store = new TestStore(await postgres.NewDatabaseAsync());
        await store.Blobs.CheckAsync(CancellationToken.None);
        store.Spools.Prepare();
        return store;
    }

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        folder.Dispose();
    }

    private const string SqlNewUser = """
        with plan as (
            insert into plans (name, max_bytes, max_nodes, max_file_bytes)
            values ('plan of ' || @name, @maxBytes, @maxNodes, @maxFileBytes) returning id)
        insert into users (username, password_hash, plan_id) select @name, 'none', id from plan
        returning id as UserId, credential_stamp as CredentialStamp, null::bigint as AppPasswordId
        """;

    /// <summary>A user with an empty drive and a plan of the given limits.</summary>
    public Task<Caller> NewCallerAsync(long? maxBytes = null, long? maxNodes = null, long? maxFileBytes = null) =>
        Database.WriteAsync(async transaction =>
        {
            var name = Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture);
            var caller = await transaction.Connection!.QuerySingleAsync<Caller>(
                SqlNewUser, new { name, maxBytes, maxNodes, maxFileBytes }, transaction);
            await NodeTree.CreateRootAsync(transaction, caller.UserId, CancellationToken.None);
            await UsageTable.StartAsync(transaction, caller.UserId, CancellationToken.None);
            return caller;
        }, CancellationToken.None);

    public Task<int> ExecuteAsync(string sql, object? parameters = null) =>
        Database.ReadAsync(connection => connection.ExecuteAsync(sql, parameters), CancellationToken.None);

    public Task<T?> QueryAsync<T>(string sql, object? parameters = null) =>
        Database.ReadAsync(connection => connection.ExecuteScalarAsync<T>(sql, parameters), CancellationToken.None);

    public static NodePath PathOf(string path) =>
        NodePath.FromNames(path.Split('/', StringSplitOptions.RemoveEmptyEntries));

    public Task<WriteResult> WriteAsync(Caller caller, string path, string content, FileWrite? write = null) =>
        WriteAsync(caller, path, Encoding.UTF8.GetBytes(content), write);

    public Task<WriteResult> WriteAsync(Caller caller, string path, byte[] content, FileWrite? write = null) =>
        Vault.WriteAsync(caller, PathOf(path), new MemoryStream(content), write ?? new(), CancellationToken.None);

    public Task<FileNode> FolderAsync(Caller caller, string path) =>
        Tree.CreateFolderAsync(caller, PathOf(path), WriteConditions.None, CancellationToken.None);

    public Task<FileNode?> FindAsync(Caller caller, string path) =>
        Tree.FindAsync(caller, PathOf(path), CancellationToken.None);

    public Task TrashAsync(Caller caller, string path) =>
        Tree.TrashAsync(caller, PathOf(path), WriteConditions.None, CancellationToken.None);

    public Task<bool> MoveAsync(Caller caller, string source, string target, bool overwrite = true) =>
        Tree.MoveAsync(
            caller, PathOf(source), PathOf(target), overwrite, null, WriteConditions.None, CancellationToken.None);

    public Task<bool> CopyAsync(Caller caller, string source, string target, bool overwrite = true, bool deep = true) =>
        Tree.CopyAsync(
            caller, PathOf(source), PathOf(target), overwrite, deep, null, WriteConditions.None,
            CancellationToken.None);

    /// <summary>Null if there is no such file.</summary>
    public async Task<string?> ReadAsync(Caller caller, string path)
    {
        if (await FindAsync(caller, path) is not { IsFolder: false } file)
            return null;
        await using var stream = await Vault.OpenAsync(file, 0, file.Size, CancellationToken.None);
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync();
    }

    /// <summary>All paths below a folder, in the order of names, folders with a slash at the end.</summary>
    public async Task<IReadOnlyList<string>> TreeAsync(Caller caller, string path = "")
    {
        var found = new List<string>();
        var folderNode = (await FindAsync(caller, path))!;
        var page = await Tree.ListAsync(caller, folderNode.Id, null, 10_000, false, CancellationToken.None);
        foreach (var node in page.Nodes)
        {
            var below = path.Length == 0 ? node.Name : $"{path}/{node.Name}";
            found.Add(node.IsFolder ? below + "/" : below);
            if (node.IsFolder)
                found.AddRange(await TreeAsync(caller, below));
        }
        return found;
    }

    /// <summary>What fsck prints; the test fails unless it finds what it should.</summary>
    public async Task<string> FsckAsync(bool clean = true)
    {
        await using var output = new StringWriter(CultureInfo.InvariantCulture);
        var isClean = await new Fsck(Database, Blobs).RunAsync(output, CancellationToken.None);
        Assert.True(isClean == clean, output.ToString());
        return output.ToString();
    }

    /// <summary>The fault with which the work is refused.</summary>
    public static async Task<StorageFault> FaultAsync(Func<Task> work) =>
        (await Assert.ThrowsAsync<StorageException>(work)).Fault;
}
