namespace Kosha.Storage;

/// <summary>Why storage refused. Each door (WebDAV, API, command line) translates these once, in one place.</summary>
public enum StorageFault
{
    /// <summary>No live node has this path or id.</summary>
    NotFound,

    /// <summary>The folder that should hold the node does not exist, or is a file.</summary>
    ParentMissing,

    /// <summary>A node of this name is there already, and the caller did not ask to replace it.</summary>
    AlreadyExists,

    /// <summary>The operation needs a file and found a folder, or the other way round.</summary>
    WrongKind,

    /// <summary>The path or name cannot be stored: see the message.</summary>
    InvalidName,

    /// <summary>Another value of the request cannot be stored: see the message.</summary>
    InvalidValue,

    /// <summary>A condition of the request (If-Match, If, Overwrite …) does not hold.</summary>
    ConditionFailed,

    /// <summary>A lock stands in the way, and its token was not submitted.</summary>
    Locked,

    /// <summary>The lock token names no lock that covers this node.</summary>
    LockTokenUnknown,

    /// <summary>The plan's bytes or nodes do not suffice.</summary>
    QuotaExceeded,

    /// <summary>Larger than the largest file of the plan.</summary>
    FileTooLarge,

    /// <summary>The bytes received do not have the digest or length that the client announced.</summary>
    DigestMismatch,

    /// <summary>Not all bytes of an upload are there yet.</summary>
    BytesMissing,

    /// <summary>The upload was completed, cancelled or has expired.</summary>
    UploadOver,

    /// <summary>The target is the source itself, or lies below it.</summary>
    Cycle,

    /// <summary>A user's root cannot be replaced, moved or deleted.</summary>
    RootIsFixed,

    /// <summary>This kind of credential does not reach what was asked for.</summary>
    NotAllowed,

    /// <summary>A share link that opens with its password alone.</summary>
    PasswordNeeded,

    /// <summary>The credential that began this request no longer holds.</summary>
    CredentialRevoked,

    /// <summary>
    /// A limit of the installation (locks of a user, sizes of properties …) is reached: see the message.
    /// </summary>
    LimitReached,

    /// <summary>It cannot go while something refers to it.</summary>
    InUse,

    /// <summary>No space is left on the server's disk.</summary>
    NoSpace,

    /// <summary>The stored bytes of this content are missing or wrong; writing the content again heals it.</summary>
    Damaged,

    /// <summary>The database or the store does not answer now. The only fault worth a retry.</summary>
    Unavailable,
}

/// <summary>Every refusal of storage that is not a bug. The message is for people and holds no secret.</summary>
public sealed class StorageException(StorageFault fault, string message, Exception? inner = null)
    : Exception(message, inner)
{
    public StorageFault Fault { get; } = fault;

    /// <summary>
    /// For <see cref="StorageFault.Locked"/>: the node whose lock stands in the way, if its path is known.
    /// </summary>
    public Tree.NodePath? LockedPath { get; init; }

    /// <summary>
    /// For <see cref="StorageFault.Locked"/>: members of the folder in question whose own locks stand in the way, each
    /// once. Empty if a lock covers the folder itself.
    /// </summary>
    public IReadOnlyList<Tree.NodePath> LockedMembers { get; init; } = [];

    /// <summary>
    /// For <see cref="StorageFault.LimitReached"/>: after which time another attempt has sense; null: it is not known.
    /// </summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>For <see cref="StorageFault.AlreadyExists"/>: what has the names that were to be taken.</summary>
    public IReadOnlyList<Tree.FileNode> Existing { get; init; } = [];
}
