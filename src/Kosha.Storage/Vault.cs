using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;

namespace Kosha.Storage;

/// <summary>What a PUT says about the file beside its bytes.</summary>
public sealed record FileWrite
{
    public WriteConditions Conditions { get; init; } = WriteConditions.None;

    /// <summary>Bytes that the client announced (Content-Length, or Finder's X-Expected-Entity-Length); null if it did not.</summary>
    public long? AnnouncedBytes { get; init; }

    public string? ContentType { get; init; }

    /// <summary>UTC; null means now.</summary>
    public DateTime? ModifiedAt { get; init; }

    /// <summary>Digests that the bytes must have, if the client sent them.</summary>
    public byte[]? Sha1 { get; init; }
    public byte[]? Md5 { get; init; }
    public byte[]? Sha256 { get; init; }
}

/// <param name="Node">The file as it is now.</param>
/// <param name="Created">False: a file was overwritten.</param>
public sealed record WriteResult(FileNode Node, bool Created);

public sealed class Vault
{
    public Task<WriteResult> WriteAsync(Caller caller, NodePath path, Stream body, FileWrite write, CancellationToken ct) => throw new NotSupportedException();
    public Task<Stream> OpenAsync(FileNode file, long offset, long length, CancellationToken ct) => throw new NotSupportedException();
}
