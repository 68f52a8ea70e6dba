using System.ComponentModel;

namespace Kosha.Daemon.Api;

/// <summary>A share link of one's own.</summary>
public sealed record ShareAnswer
{
    public required long Id { get; init; }

    public required long NodeId { get; init; }

    [Description("Where the node stands now; left out while it is in the trash, and the link with it.")]
    public string? Path { get; init; }

    public required bool IsFolder { get; init; }

    [Description("What its owner calls it.")]
    public string? Name { get; init; }

    [Description("To be handed on. Left out of lists.")]
    public string? Url { get; init; }

    public required bool HasPassword { get; init; }

    [Description("False: visitors bring files, and do not see what is there.")]
    public required bool AllowsDownload { get; init; }

    [Description("Visitors may bring files.")]
    public required bool AllowsUpload { get; init; }

    [Description("Left out: never.")]
    public DateTimeOffset? ExpiresAt { get; init; }

    [Description("Left out: any number.")]
    public long? MaxDownloads { get; init; }

    public required long Downloads { get; init; }

    [Description("Requests of visitors; of a mounted drive one a minute, however much it reads.")]
    public required long Accesses { get; init; }

    [Description("It has expired, or there were as many downloads as it allows.")]
    public required bool IsOver { get; init; }

    public required DateTimeOffset Created { get; init; }

    [Description("To some seconds.")]
    public DateTimeOffset? LastUsed { get; init; }
}

/// <summary>A part of one's own share links.</summary>
/// <param name="Shares">The newest first.</param>
/// <param name="Next">The cursor of the next page; left out of the last.</param>
public sealed record ShareList(IReadOnlyList<ShareAnswer> Shares, string? Next);

/// <summary>What is to change of a share link; what is left out stays.</summary>
public record ChangeShare
{
    [Description("What its owner calls it, up to 200 letters. Empty: nothing.")]
    public string? Name { get; init; }

    [Description("When it ends. Of expiresAt, expiresInDays and neverExpires at most one; 7 days for a new link.")]
    public DateTimeOffset? ExpiresAt { get; init; }

    [Description("From now on, 1 to 36,500.")]
    public int? ExpiresInDays { get; init; }

    [Description("Where the plan allows that.")]
    public bool NeverExpires { get; init; }

    [Description("8 to 256 characters. Empty: none.")]
    public string? Password { get; init; }

    [Description("0: any number.")]
    public long? MaxDownloads { get; init; }

    [Description("False: visitors bring files, and do not see what is there; true for a new link.")]
    public bool? AllowsDownload { get; init; }

    [Description("Visitors may bring files into the folder; false for a new link.")]
    public bool? AllowsUpload { get; init; }
}

/// <summary>A share link to be made.</summary>
public sealed record AddShare : ChangeShare
{
    [Description("The file or folder.")]
    public required long NodeId { get; init; }
}

/// <summary>What a share link is to who has it.</summary>
public sealed record VisitAnswer
{
    [Description("Until it is shown there is nothing else to see.")]
    public required bool NeedsPassword { get; init; }

    [Description("What is shared.")]
    public NodeAnswer? Node { get; init; }

    public bool? AllowsDownload { get; init; }

    public bool? AllowsUpload { get; init; }

    [Description("Left out: never.")]
    public DateTimeOffset? ExpiresAt { get; init; }
}

/// <summary>The password of a share link.</summary>
public sealed record OpenShare
{
    public required string Password { get; init; }
}

/// <summary>What opens a share link that has a password.</summary>
/// <param name="Ticket">To be sent as X-Share-Ticket; browsers have it as a cookie.</param>
/// <param name="Expires">Or earlier, when the link changes.</param>
public sealed record VisitTicket(string Ticket, DateTimeOffset Expires);

/// <summary>A file that a visitor brought.</summary>
/// <param name="Name">As it is called now; as the visitor called it where the link does not show what is there.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Id">Left out where the link does not show what is there.</param>
public sealed record VisitUpload(string Name, long Size, long? Id = null);
