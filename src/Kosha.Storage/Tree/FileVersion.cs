using System.Diagnostics.CodeAnalysis;

namespace Kosha.Storage.Tree;

/// <summary>
/// One row of <c>versions</c>: a content that a file had before it was written over. Times are UTC.
/// </summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by Dapper.")]
public sealed record FileVersion
{
    public long Id { get; init; }

    public long NodeId { get; init; }

    /// <summary>In bytes; never 0.</summary>
    public long Size { get; init; }

    /// <summary>The one that the file had with this content.</summary>
    public Guid Etag { get; init; }

    /// <inheritdoc cref="FileNode.ContentType"/>
    public string? ContentType { get; init; }

    public DateTime ModifiedAt { get; init; }

    /// <summary>When the file was written over.</summary>
    public DateTime CreatedAt { get; init; }
}
