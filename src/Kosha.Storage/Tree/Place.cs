namespace Kosha.Storage.Tree;

/// <summary>
/// What stands at a path at one moment of a transaction: the node, the folder that holds or would hold it, and the
/// locks on the whole way down. Conditions and locks are judged here and nowhere else.
/// </summary>
internal sealed record Place(NodePath Path, FileNode? Parent, FileNode? Node, IReadOnlyList<NodeLock> Locks)
{
    /// <summary>Folders from the user's root down to the caller's.</summary>
    public int LevelsAbove { get; init; }

    /// <summary>Some webhook listens to the user's events.</summary>
    public bool IsWatched { get; init; }

    /// <summary>Below the user's root, whatever the caller's is.</summary>
    public int Depth => LevelsAbove + Path.Depth;

    /// <summary>The node, or <see cref="StorageFault.NotFound"/>.</summary>
    public FileNode Existing =>
        Node ?? throw new StorageException(StorageFault.NotFound, $"There is nothing at {Path}.");

    /// <summary>The folder that holds the name, or <see cref="StorageFault.ParentMissing"/>.</summary>
    public FileNode Folder
    {
        get
        {
            if (Path.IsRoot)
                throw RootIsFixed();
            return Parent is { IsFolder: true }
                ? Parent
                : throw new StorageException(StorageFault.ParentMissing,
                    $"There is no folder {Path.Parent}; create it first.");
        }
    }

    public static StorageException RootIsFixed() =>
        new(StorageFault.RootIsFixed, "The top folder cannot be replaced, moved or deleted.");

    /// <summary>
    /// Locks that hold for the node itself: its own, and deep ones above. They also hold for a free name.
    /// </summary>
    private IEnumerable<NodeLock> Covering => Locks.Where(l => l.IsDeep || l.NodeId == Node?.Id);

    /// <summary>Locks that forbid to add or remove a member of the parent (RFC 4918, 7.4).</summary>
    private IEnumerable<NodeLock> OnMembership =>
        Locks.Where(l => l.NodeId != Node?.Id && (l.IsDeep || l.NodeId == Parent?.Id));

    /// <summary>The first lock that a new lock of this scope would conflict with (RFC 4918, 7.1).</summary>
    public NodeLock? ConflictWith(bool isExclusive) => Covering.FirstOrDefault(l => isExclusive || l.IsExclusive);

    /// <summary>The covering lock of this token, if there is one.</summary>
    public NodeLock? CoveringLock(Guid token) => Covering.FirstOrDefault(l => l.Token == token);

    public IReadOnlyList<NodeLock> CoveringLocks => [.. Covering];

    /// <summary>Of the covering locks those that the writer holds: their tokens were submitted.</summary>
    public Guid[] CoveringTokens(WriteConditions conditions) => conditions.LockTokens.Count == 0
        ? []
        : [.. Covering.Select(held => held.Token).Where(token => conditions.LockTokens.Contains(token))];

    /// <summary>Demands a token for changing the node's content or properties.</summary>
    public void RequireTokenForContent(WriteConditions conditions) => RequireToken(Covering, conditions);

    /// <summary>Demands tokens for adding, replacing or removing the name.</summary>
    public void RequireTokensForName(WriteConditions conditions)
    {
        RequireToken(OnMembership, conditions);
        RequireToken(Covering, conditions);
    }

    private static void RequireToken(IEnumerable<NodeLock> locks, WriteConditions conditions)
    {
        if (MissingToken(locks, conditions) is { } missing)
            throw Locked(missing);
    }

    /// <summary>
    /// Locks that hold for one resource are one exclusive lock, or shared ones of which each lets its holder write: one
    /// submitted token is enough. Null: it was submitted, or there is no lock.
    /// </summary>
    public static NodeLock? MissingToken(IEnumerable<NodeLock> locks, WriteConditions conditions)
    {
        NodeLock? missing = null;
        foreach (var held in locks)
        {
            if (conditions.LockTokens.Contains(held.Token))
                return null;
            missing ??= held;
        }
        return missing;
    }

    public static StorageException Locked(NodeLock held) =>
        new(StorageFault.Locked, $"{held.Root} is locked, and the request does not carry the lock's token.")
        {
            LockedPath = held.Root,
        };

    /// <summary>Locks of members are in the way of what concerns their folder as a whole.</summary>
    public static StorageException LockedBelow(NodePath folder, IReadOnlyList<NodePath> members) =>
        new(StorageFault.Locked, $"Something in {folder} is locked, and the request does not carry its lock's token.")
        {
            LockedMembers = members,
        };

    /// <summary>Judges the conditions of HTTP (RFC 9110, 13.2.2) on this place.</summary>
    public void RequireHttpConditions(WriteConditions conditions)
    {
        if (conditions.IfMatch is { } match && !match.Matches(Node))
            throw Failed("If-Match");
        if (conditions is { IfMatch: null, IfUnmodifiedSince: { } since }
            && (Node is null || Seconds(Node.ModifiedAt) > since))
            throw Failed("If-Unmodified-Since");
        if (conditions.IfNoneMatch is { } none && none.Matches(Node))
            throw Failed("If-None-Match");
    }

    /// <summary>True if every term of an If list holds here.</summary>
    public bool Satisfies(StateList list)
    {
        foreach (var term in list.Terms)
        {
            var holds = !list.IsForeign && (term switch
            {
                { Token: { } token } => Covering.Concat(Node is null ? OnMembership : []).Any(l => l.Token == token),
                { Etag: { } etag } => Node is { IsFolder: false } && Node.Etag == etag,
                _ => false,
            });
            if (holds == term.Not)
                return false;
        }
        return true;
    }

    private static DateTime Seconds(DateTime time) =>
        new(time.Ticks - (time.Ticks % TimeSpan.TicksPerSecond), time.Kind);

    public static StorageException Failed(string header) =>
        new(StorageFault.ConditionFailed, $"The condition of the request's {header} header does not hold.");
}
