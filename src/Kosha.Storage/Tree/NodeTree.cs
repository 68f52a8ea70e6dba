using Kosha.Storage.Accounts;
using Npgsql;

namespace Kosha.Storage.Tree;

/// <summary>What PROPPATCH changes on one node, all or nothing.</summary>
/// <param name="Dead">"{namespace}name" and the element's XML; null XML removes the property.</param>
/// <param name="ModifiedAt">The new modification time (UTC), if the client sets it.</param>
/// <param name="CreatedAt">The new creation time (UTC), if the client sets it.</param>
public sealed record PropertyChanges(
    IReadOnlyList<KeyValuePair<string, string?>> Dead, DateTime? ModifiedAt, DateTime? CreatedAt);

/// <summary>A node and the locks that cover it, its own and those inherited from deep locks above.</summary>
public sealed record LockedNode(FileNode? Node, IReadOnlyList<NodeLock> Locks);

public sealed class NodeTree(Database database)
{
    public Task<FileNode?> FindAsync(Caller caller, NodePath path, CancellationToken ct) => throw new NotSupportedException();
    public Task<LockedNode> FindWithLocksAsync(Caller caller, NodePath path, CancellationToken ct) => throw new NotSupportedException();
    public Task<NodePath> MatchCaseAsync(Caller caller, NodePath path, bool keepLast, CancellationToken ct) => throw new NotSupportedException();
    public Task<IReadOnlyList<FileNode>> ListAsync(Caller caller, long folderId, string? afterName, int limit, bool withDigests, CancellationToken ct) => throw new NotSupportedException();
    public Task CheckAsync(Caller caller, NodePath path, WriteConditions conditions, CancellationToken ct) => throw new NotSupportedException();
    public Task<FileNode> CreateFolderAsync(Caller caller, NodePath path, WriteConditions conditions, CancellationToken ct) => throw new NotSupportedException();
    public Task TrashAsync(Caller caller, NodePath path, WriteConditions conditions, CancellationToken ct) => throw new NotSupportedException();
    public Task<bool> MoveAsync(Caller caller, NodePath source, NodePath target, bool overwrite, DateTime? modifiedAt, WriteConditions conditions, CancellationToken ct) => throw new NotSupportedException();
    public Task<bool> CopyAsync(Caller caller, NodePath source, NodePath target, bool overwrite, bool deep, DateTime? modifiedAt, WriteConditions conditions, CancellationToken ct) => throw new NotSupportedException();
    public Task ChangePropertiesAsync(Caller caller, NodePath path, PropertyChanges changes, WriteConditions conditions, CancellationToken ct) => throw new NotSupportedException();
    internal static Task CreateRootAsync(NpgsqlTransaction transaction, long userId, CancellationToken ct) => throw new NotSupportedException();
    public Database Database => database;
}
