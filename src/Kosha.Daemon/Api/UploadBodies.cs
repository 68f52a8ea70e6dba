using System.ComponentModel;
using Kosha.Storage.Uploads;

namespace Kosha.Daemon.Api;

/// <summary>What a client announces before it uploads.</summary>
public sealed record BeginUpload
{
    [Description("The folder that is to hold the file, such as /Documents/2026; / is the top. Or parentId.")]
    public string? Parent { get; init; }

    [Description("The id of the folder that is to hold the file. Or parent.")]
    public long? ParentId { get; init; }

    [Description("The name of the file in it. A file of this name is written over, as by PUT.")]
    public required string Name { get; init; }

    [Description("Bytes.")]
    public required long Size { get; init; }

    [Description("SHA-256 of the bytes, 64 hexadecimal digits.")]
    public required string Sha256 { get; init; }

    [Description("Media type of the file.")]
    public string? ContentType { get; init; }

    [Description("When the file was last changed; the moment of completion if it is left out.")]
    public DateTimeOffset? Modified { get; init; }

    [Description("Upload in parts of so many bytes, the last one perhaps smaller. Above 5 GiB there is no other way.")]
    public long? PartBytes { get; init; }

    [Description("'*', or entity tags: only over a file that is like this, now and at completion.")]
    public string? IfMatch { get; init; }

    [Description("'*': only if there is no such file, now and at completion.")]
    public string? IfNoneMatch { get; init; }

    [Description("Tokens of locks on the place; they are judged now, and those of the completion then.")]
    public IReadOnlyList<string>? LockTokens { get; init; }
}

/// <summary>What a client has to say when all bytes are there.</summary>
public sealed record CompleteUpload
{
    [Description("Tokens of locks on the place.")]
    public IReadOnlyList<string>? LockTokens { get; init; }
}

/// <summary>For which parts a client wants URLs.</summary>
public sealed record SignParts
{
    [Description("Numbers from 1, at most 100; left out: the first that are not there.")]
    public IReadOnlyList<int>? Numbers { get; init; }
}

/// <summary>A request by which a part is put.</summary>
public sealed record PartAnswer
{
    public required int Number { get; init; }

    [Description("Bytes that the part must have.")]
    public required long Size { get; init; }

    public required string Method { get; init; }

    [Description("A secret: whoever has it can put the part until it expires.")]
    public required string Url { get; init; }

    [Description("To be sent just so.")]
    public required IReadOnlyDictionary<string, string> Headers { get; init; }

    public required DateTimeOffset Expires { get; init; }
}

/// <summary>An upload as it is now.</summary>
public sealed record UploadAnswer
{
    public required long Id { get; init; }

    public required UploadState State { get; init; }

    [Description("Of an upload by an app password for one folder: parent counts from this one, and no other can "
        + "complete it.")]
    public long? FolderId { get; init; }

    public required string Parent { get; init; }

    public required string Name { get; init; }

    public required long Size { get; init; }

    public required string Sha256 { get; init; }

    [Description("Until then it can be completed; new URLs prolong it.")]
    public required DateTimeOffset ReservedUntil { get; init; }

    [Description("How to put the bytes.")]
    public string? Method { get; init; }

    [Description("Where to put the bytes. A secret: whoever has it can put these bytes until it expires.")]
    public string? Url { get; init; }

    [Description("To be sent just so.")]
    public IReadOnlyDictionary<string, string>? Headers { get; init; }

    [Description("Until then the request may begin.")]
    public DateTimeOffset? Expires { get; init; }

    [Description("Of an upload in parts.")]
    public long? PartBytes { get; init; }

    public int? PartCount { get; init; }

    [Description("Numbers of the parts that are there whole.")]
    public IReadOnlyList<int>? PartsThere { get; init; }

    [Description("How to put the parts that were asked for.")]
    public IReadOnlyList<PartAnswer>? Parts { get; init; }

    [Description("Entity tag of the file that it has become.")]
    public string? Etag { get; init; }

    [Description("Why the last completion was refused.")]
    public ApiProblem? Problem { get; init; }
}

/// <summary>Uploads that can still become files.</summary>
/// <param name="Uploads">The oldest first.</param>
public sealed record UploadList(IReadOnlyList<UploadAnswer> Uploads);
