using System.ComponentModel;

namespace Kosha.Daemon.Api;

/// <summary>A file or folder in the trash, with whatever is in it.</summary>
public sealed record TrashedAnswer
{
    public required long Id { get; init; }

    [Description("The name that it had.")]
    public required string Name { get; init; }

    public required bool IsFolder { get; init; }

    [Description("Of a file, in bytes.")]
    public long? Size { get; init; }

    public string? ContentType { get; init; }

    public required DateTimeOffset Trashed { get; init; }

    [Description("When it is removed for good; left out where the plan keeps the trash for ever.")]
    public DateTimeOffset? KeptUntil { get; init; }

    [Description("The folder that it stood in, such as '/a/b'; left out if that is gone, or in the trash itself.")]
    public string? OriginalFolder { get; init; }
}

/// <summary>A page of the trash.</summary>
/// <param name="Items">What came last first.</param>
/// <param name="Next">The cursor of the next page; left out on the last one.</param>
public sealed record TrashList(IReadOnlyList<TrashedAnswer> Items, string? Next);

/// <summary>How much is in the trash, with whatever is in its folders.</summary>
public sealed record TrashSizeAnswer
{
    public required long Files { get; init; }

    [Description("Their sizes, together. Versions of these files are in the versionBytes of GET /api/usage.")]
    public required long Bytes { get; init; }

    [Description("True: the trash holds so much that not all was counted, and there is more.")]
    public required bool IsMore { get; init; }
}

/// <summary>What becomes of something in the trash whose name is taken where it comes to.</summary>
public enum RestoreConflict
{
    /// <summary>It gets another name: "a (restored).txt".</summary>
    Rename,

    /// <summary>Nothing is restored at all.</summary>
    Fail,
}

/// <summary>What is to come out of the trash, all or nothing.</summary>
public sealed record RestoreTrash
{
    [Description("Of things in the trash, at most 500.")]
    public required IReadOnlyList<long> Ids { get; init; }

    [Description("The folder to restore to. Without it each comes to where it stood, or to the top if that folder is "
        + "gone or in the trash.")]
    public long? ParentId { get; init; }

    [Description("rename: what has a taken name becomes 'name (restored)'; fail: 409, and nothing is restored.")]
    public RestoreConflict OnConflict { get; init; }

    [Description("Tokens of WebDAV locks that the caller holds on the folders, as LOCK gave them.")]
    public IReadOnlyList<string>? LockTokens { get; init; }
}

/// <summary>What came out of the trash.</summary>
/// <param name="Items">In no order.</param>
public sealed record RestoredList(IReadOnlyList<NodeAnswer> Items);

/// <summary>What is to go for good, all or nothing.</summary>
public sealed record DeleteTrash
{
    [Description("Of things in the trash, at most 500.")]
    public required IReadOnlyList<long> Ids { get; init; }
}
