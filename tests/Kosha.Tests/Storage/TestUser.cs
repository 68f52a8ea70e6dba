using System.Text;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;
using Xunit;

namespace Kosha.Tests.Storage;

/// <summary>A user and what users do, in few words. Paths are written 'a/b'; '' is the root.</summary>
public sealed class TestUser(StorageFixture storage, Caller caller, long planId)
{
    private static readonly CancellationToken None = CancellationToken.None;

    public Caller Caller => caller;

    public static NodePath At(string path) =>
        NodePath.FromNames(path.Split('/', StringSplitOptions.RemoveEmptyEntries));

    public static MemoryStream Body(string content) => new(Encoding.UTF8.GetBytes(content));

    public Task<WriteResult> PutAsync(string path, string content, WriteConditions? conditions = null) =>
        PutAsync(path, Body(content), new FileWrite { Conditions = conditions ?? WriteConditions.None });

    public Task<WriteResult> PutAsync(string path, Stream body, FileWrite write) =>
        storage.Vault.WriteAsync(caller, At(path), body, write, None);

    public Task<FileNode?> FindAsync(string path) => storage.Tree.FindAsync(caller, At(path), None);

    public async Task<FileNode> GetAsync(string path) =>
        await FindAsync(path) ?? throw new InvalidOperationException($"There is nothing at {path}.");

    /// <summary>The content as text; null if there is no such file.</summary>
    public async Task<string?> ReadAsync(string path)
    {
        return await FindAsync(path) is { } file ? await TextAsync(file) : null;
    }

    private async Task<string> TextAsync(FileNode file)
    {
        await using var stream = await storage.Vault.OpenAsync(file, 0, file.Size, None);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return await reader.ReadToEndAsync();
    }

    public Task<FileNode> MakeFolderAsync(string path, WriteConditions? conditions = null) =>
        storage.Tree.CreateFolderAsync(caller, At(path), conditions ?? WriteConditions.None, None);

    public async Task MakeFoldersAsync(params string[] paths)
    {
        foreach (var path in paths)
            await MakeFolderAsync(path);
    }

    public Task TrashAsync(string path, WriteConditions? conditions = null) =>
        storage.Tree.TrashAsync(caller, At(path), conditions ?? WriteConditions.None, None);

    public Task<bool> MoveAsync(
        string source, string target, bool overwrite = true, WriteConditions? conditions = null, DateTime? at = null) =>
        storage.Tree.MoveAsync(
            caller, At(source), At(target), overwrite, at, conditions ?? WriteConditions.None, None);

    public Task<bool> CopyAsync(
        string source, string target, bool overwrite = true, bool deep = true, WriteConditions? conditions = null) =>
        storage.Tree.CopyAsync(
            caller, At(source), At(target), overwrite, deep, null, conditions ?? WriteConditions.None, None);

    /// <summary>The names in a folder, in order.</summary>
    public async Task<string[]> NamesAsync(string folder = "")
    {
        var id = (await GetAsync(folder)).Id;
        var page = await storage.Tree.ListAsync(caller, id, null, 10_000, ListedDetails.Properties, None);
        return [.. page.Nodes.Select(node => node.Name)];
    }

    public Task<LockResult> LockAsync(
        string path, bool exclusive = true, bool deep = false, WriteConditions? conditions = null, int seconds = 600) =>
        storage.Locks.LockAsync(
            caller, At(path), new(exclusive, deep, Owner: null, seconds), conditions ?? WriteConditions.None, None);

    public async Task<Guid> TokenAsync(string path, bool exclusive = true, bool deep = false) =>
        (await LockAsync(path, exclusive, deep)).Lock.Token;

    public async Task<IReadOnlyList<NodeLock>> LocksOnAsync(string path) =>
        (await storage.Tree.FindWithLocksAsync(caller, At(path), None)).Locks;

    /// <summary>What a file held before, the newest first.</summary>
    public async Task<IReadOnlyList<FileVersion>> VersionsAsync(string path) =>
        await storage.Tree.VersionsAsync(caller, (await GetAsync(path)).Id, None);

    /// <summary>Contents of a file's versions, the newest first.</summary>
    public async Task<string[]> OldContentsAsync(string path)
    {
        var contents = new List<string>();
        foreach (var version in await VersionsAsync(path))
        {
            var file = await storage.Tree.FindVersionAsync(caller, version.NodeId, version.Id, None);
            contents.Add(await TextAsync(file!));
        }
        return [.. contents];
    }

    /// <summary>Conditions that submit lock tokens and demand nothing.</summary>
    public static WriteConditions With(params Guid[] tokens) => new() { LockTokens = tokens };

    /// <summary>Bytes and nodes as accounted.</summary>
    public async Task<(long Bytes, long Nodes)> UsageAsync() => (
        await storage.SqlAsync<long>($"select bytes from usage where user_id = {caller.UserId}"),
        await storage.SqlAsync<long>($"select nodes from usage where user_id = {caller.UserId}"));

    public Task SetPlanAsync(string assignments) =>
        storage.ExecuteAsync($"update plans set {assignments} where id = {planId}");

    /// <summary>The user's row and all below stay; the credential stops being good.</summary>
    public Task ChangeStampAsync() => storage.ExecuteAsync(
        $"update users set credential_stamp = gen_random_uuid() where id = {caller.UserId}");

    /// <summary>The fault with which the work is refused.</summary>
    public static async Task<StorageFault> FaultAsync(Func<Task> work) =>
        (await Assert.ThrowsAsync<StorageException>(work)).Fault;

    public static async Task<StorageException> RefusedAsync(StorageFault fault, Func<Task> work)
    {
        var refusal = await Assert.ThrowsAsync<StorageException>(work);
        Assert.Equal(fault, refusal.Fault);
        return refusal;
    }
}
