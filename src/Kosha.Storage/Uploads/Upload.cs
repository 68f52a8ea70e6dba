using System.Diagnostics.CodeAnalysis;
using Kosha.Storage.Blobs;
using Kosha.Storage.Tree;

namespace Kosha.Storage.Uploads;

/// <summary>Where an upload stands.</summary>
public enum UploadState
{
    /// <summary>Bytes may come, and it may be completed.</summary>
    Open,

    /// <summary>Somebody compares its bytes with its hash.</summary>
    Verifying,

    /// <summary>It has become a file.</summary>
    Completed,

    /// <summary>Other bytes came than were announced.</summary>
    Failed,

    Cancelled,

    Expired,
}

/// <summary>What a client announces. Its hash grants nothing: the bytes must come, and are verified.</summary>
/// <param name="Path">The file that it is to become.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Sha256">Of these bytes.</param>
public sealed record NewUpload(NodePath Path, long Size, BlobId Sha256)
{
    /// <summary>Judged at once, and again when it becomes a file, but for lock tokens and the If header.</summary>
    public WriteConditions Conditions { get; init; } = WriteConditions.None;

    public string? ContentType { get; init; }

    /// <summary>UTC; null means the moment of completion.</summary>
    public DateTime? ModifiedAt { get; init; }

    /// <summary>In parts of this size, the last one perhaps smaller; null: at once.</summary>
    public long? PartBytes { get; init; }
}

/// <summary>One row of <c>uploads</c>: quota reserved, bytes on their way, not yet a file. Times are UTC.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by Dapper.")]
[SuppressMessage("Performance", "CA1819", Justification = "Digests, and what a column holds.")]
public sealed record Upload
{
    public long Id { get; init; }

    public long UserId { get; init; }

    /// <summary>The folder of the app password that began it, which alone can complete it; null: there is none.
    /// </summary>
    public long? FolderId { get; init; }

    /// <summary>Names from the root of who began it on, with '/' between them.</summary>
    public string Path { get; init; } = "";

    public long Size { get; init; }

    public byte[] Sha256 { get; init; } = [];

    public string? ContentType { get; init; }

    public DateTime? ModifiedAt { get; init; }

    internal string? IfMatch { get; init; }

    internal string? IfNoneMatch { get; init; }

    /// <summary>The bytes go to the store itself, and else through a daemon.</summary>
    public bool IsDirect { get; init; }

    /// <summary>Null: the bytes are put at once.</summary>
    public long? PartBytes { get; init; }

    internal string? MultipartId { get; init; }

    /// <summary>What a daemon has received: parts by their number, or 0 for all of it.</summary>
    internal int[] Received { get; init; } = [];

    internal byte[]? Sha1 { get; init; }

    internal byte[]? Md5 { get; init; }

    public UploadState State { get; init; }

    /// <summary>Why the last completion was refused; null: it was not.</summary>
    public StorageFault? Fault { get; init; }

    /// <summary>Goes with <see cref="Fault"/>.</summary>
    public string? Message { get; init; }

    /// <summary>Of the file that it has become.</summary>
    public Guid? Etag { get; init; }

    public long ReservedBytes { get; init; }

    public DateTime ExpiresAt { get; init; }

    /// <summary>How many parts it has; 1 if it is put at once.</summary>
    public int PartCount => PartBytes is { } bytes ? (int)((Size + bytes - 1) / bytes) : 1;

    /// <summary>Bytes of a part, counted from 1.</summary>
    /// <exception cref="StorageException">InvalidValue: there is no such part.</exception>
    public long SizeOfPart(int number)
    {
        if (PartBytes is not { } bytes || number < 1 || number > PartCount)
            throw new StorageException(StorageFault.InvalidValue, $"This upload has no part {number}.");
        return Math.Min(bytes, Size - ((number - 1) * bytes));
    }

    internal StagingKey Key => new(UserId, Id);

    internal NodePath NodePath => NodePath.FromNames(Path.Split('/'));

    internal static string? Text(TagCondition? condition) => condition switch
    {
        null => null,
        { Any: true } => "*",
        _ => string.Join(',', condition.Tags.Select(tag => tag.ToString("N"))),
    };

    internal static TagCondition? Condition(string? text) => text switch
    {
        null => null,
        "*" => new(Any: true, []),
        _ => new(Any: false, [.. text.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(Guid.Parse)]),
    };
}
