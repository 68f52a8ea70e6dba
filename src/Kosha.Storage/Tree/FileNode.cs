using System.Diagnostics.CodeAnalysis;

namespace Kosha.Storage.Tree;

/// <summary>One row of <c>file_nodes</c>: a folder or a file. Times are UTC.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by Dapper.")]
public sealed record FileNode
{
    public long Id { get; init; }

    public long UserId { get; init; }

    /// <summary>Null for the user's root.</summary>
    public long? ParentId { get; init; }

    /// <summary>Empty for the root.</summary>
    public string Name { get; init; } = "";

    public bool IsFolder { get; init; }

    /// <summary>Logical size in bytes; 0 for a folder.</summary>
    public long Size { get; init; }

    /// <summary>
    /// Names this content of this file: new with every write of content, kept by rename, move and copy.
    /// </summary>
    public Guid Etag { get; init; }

    /// <summary>What the client said when it wrote the file; null if it said nothing useful.</summary>
    public string? ContentType { get; init; }

    public DateTime CreatedAt { get; init; }

    public DateTime ModifiedAt { get; init; }

    /// <summary>The client set <see cref="ModifiedAt"/>, so it must never be used as a validator.</summary>
    public bool ModifiedByClient { get; init; }

    public bool IsFavorite { get; init; }

    /// <summary>
    /// Dead properties: a JSON object from "{namespace}name" to the element's XML. Null if there are none.
    /// </summary>
    public string? Properties { get; init; }

    /// <summary>Null for folders and for empty files.</summary>
    public long? BlobId { get; init; }

    /// <summary>The object that holds the bytes. Loaded by Find…, and by listings that were asked for it.</summary>
    public string? ObjectKey { get; init; }

    /// <summary>
    /// Null where listings were not asked for digests, for empty files, and for bytes that Kosha has not read.
    /// </summary>
    [SuppressMessage("Performance", "CA1819", Justification = "A digest.")]
    public byte[]? Sha1 { get; init; }

    /// <inheritdoc cref="Sha1"/>
    public byte[]? Md5 { get; init; }

    /// <summary>The blob is known to be damaged; reading it fails.</summary>
    public bool IsDamaged { get; init; }
}
