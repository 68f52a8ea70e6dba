using System.ComponentModel;

namespace Kosha.Daemon.Api;

/// <summary>A content that a file had before it was written over.</summary>
public sealed record VersionAnswer
{
    public required long Id { get; init; }

    [Description("In bytes. Versions count in what the account uses.")]
    public required long Size { get; init; }

    public string? ContentType { get; init; }

    [Description("The entity tag that the file had with this content.")]
    public required string Etag { get; init; }

    [Description("When this content was written.")]
    public required DateTimeOffset Modified { get; init; }

    [Description("When the file was written over, from when on the plan's days count.")]
    public required DateTimeOffset Replaced { get; init; }
}

/// <summary>The versions of one file.</summary>
/// <param name="Versions">At most 100, the one that was written over last first.</param>
public sealed record VersionList(IReadOnlyList<VersionAnswer> Versions);

/// <summary>What is demanded of the file that gets an old content again.</summary>
public sealed record RestoreVersion
{
    [Description("'*' or entity tags in quotes, as in the header If-Match: what the file must be now.")]
    public string? IfMatch { get; init; }

    [Description("Tokens of WebDAV locks that the caller holds on the file, as LOCK gave them.")]
    public IReadOnlyList<string>? LockTokens { get; init; }
}
