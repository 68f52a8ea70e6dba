using Kosha.Storage.Accounts;

namespace Kosha.Storage.Tree;

/// <summary>What LOCK gave.</summary>
/// <param name="Lock">The lock.</param>
/// <param name="Created">No node stood there, so an empty file was made (RFC 4918, 7.3).</param>
public sealed record LockResult(NodeLock Lock, bool Created);

public sealed class LockTable(Database database)
{
    public const int MaxOwnerLength = 4096;
    public Task<LockResult> LockAsync(Caller caller, NodePath path, LockRequest request, WriteConditions conditions, CancellationToken ct) => throw new NotSupportedException();
    public Task<NodeLock> RefreshAsync(Caller caller, NodePath path, int timeoutSeconds, WriteConditions conditions, CancellationToken ct) => throw new NotSupportedException();
    public Task UnlockAsync(Caller caller, NodePath path, Guid token, CancellationToken ct) => throw new NotSupportedException();
    public Task<IReadOnlyList<NodeLock>> ListInFolderAsync(Caller caller, long folderId, NodePath folder, CancellationToken ct) => throw new NotSupportedException();
    public Database Database => database;
}
