using System.Diagnostics.CodeAnalysis;
using Kosha.Storage.Accounts;

namespace Kosha.Storage.Sharing;

/// <summary>A share link, for its owner's eyes. Times are UTC.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by Dapper.")]
public sealed record ShareLink
{
    public long Id { get; init; }

    public long NodeId { get; init; }

    /// <summary>Where the node stands now; null while it is in the trash.</summary>
    public string? Path { get; init; }

    public bool IsFolder { get; init; }

    /// <summary>What its owner calls it.</summary>
    public string? Name { get; init; }

    public bool HasPassword { get; init; }

    /// <summary>False: visitors bring files, and do not see what is there.</summary>
    public bool AllowsDownload { get; init; }

    public bool AllowsUpload { get; init; }

    /// <summary>Null: never.</summary>
    public DateTime? ExpiresAt { get; init; }

    public long? MaxDownloads { get; init; }

    public long Downloads { get; init; }

    /// <summary>Requests of visitors.</summary>
    public long Accesses { get; init; }

    public DateTime CreatedAt { get; init; }

    public DateTime? LastUsedAt { get; init; }

    /// <summary>It has expired, or there were as many downloads as it allows.</summary>
    public bool IsOver { get; init; }

    /// <summary>The token, protected as its owner gave it.</summary>
    [SuppressMessage("Performance", "CA1819", Justification = "A secret.")]
    public byte[] TokenProtected { get; init; } = [];
}

/// <summary>A share link to be made.</summary>
/// <param name="NodeId">What is shared.</param>
/// <param name="TokenHash">SHA-256 of at least 256 random bits.</param>
/// <param name="TokenProtected">The token, which nobody can read by the database alone.</param>
public sealed record NewShareLink(long NodeId, byte[] TokenHash, byte[] TokenProtected)
{
    public string? Name { get; init; }

    /// <summary>Null: no password.</summary>
    public string? PasswordHash { get; init; }

    public ShareTerm Term { get; init; } = ShareTerm.Usual;

    public long? MaxDownloads { get; init; }

    public bool AllowsDownload { get; init; } = true;

    /// <summary>Of a folder alone.</summary>
    public bool AllowsUpload { get; init; }
}

/// <summary>How long a link is open.</summary>
/// <param name="ExpiresAt">UTC; goes before the days.</param>
/// <param name="Days">From now on; with neither it is open for ever.</param>
public sealed record ShareTerm(DateTime? ExpiresAt, int? Days)
{
    /// <summary>Where nobody says otherwise; a plan that allows fewer days makes it as long as that.</summary>
    public static readonly ShareTerm Usual = new(null, 7);

    public static readonly ShareTerm Never = new(null, null);
}

/// <summary>What is to change of a share link; null stays as it is.</summary>
public sealed record ShareLinkChanges
{
    /// <summary>Empty: none.</summary>
    public string? Name { get; init; }

    /// <summary>Empty: no password.</summary>
    public string? PasswordHash { get; init; }

    public ShareTerm? Term { get; init; }

    /// <summary>0: any number.</summary>
    public long? MaxDownloads { get; init; }

    public bool? AllowsDownload { get; init; }

    public bool? AllowsUpload { get; init; }
}

/// <summary>An open share link, as who has its token finds it.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by Dapper.")]
public sealed record OpenShareLink
{
    public long Id { get; init; }

    public long UserId { get; init; }

    public long NodeId { get; init; }

    public Guid Stamp { get; init; }

    public bool IsFolder { get; init; }

    /// <summary>Null: it has no password.</summary>
    public string? PasswordHash { get; init; }

    public bool AllowsDownload { get; init; }

    public bool AllowsUpload { get; init; }

    public DateTime? ExpiresAt { get; init; }

    public long? MaxDownloads { get; init; }

    /// <summary>There were as many downloads as it allows; only those that have begun may still be read.</summary>
    public bool IsUsedUp { get; init; }

    /// <summary>A visitor who reads. Every statement on the tree asks whether the link is still open.</summary>
    /// <param name="address">The client's.</param>
    public Caller Reader(string? address) => new(UserId, Stamp, RootId: NodeId, IsReadOnly: true)
    {
        ShareLinkId = Id, Address = address,
    };
}

/// <summary>What visitors of one address did with a link since it was last told.</summary>
/// <param name="LinkId">The link.</param>
/// <param name="Address">The visitors'; empty: of several.</param>
/// <param name="Accesses">Requests.</param>
/// <param name="Downloads">Of a link without a maximum.</param>
/// <param name="Uploads">Files that they brought.</param>
public sealed record ShareUse(long LinkId, string Address, long Accesses, long Downloads, long Uploads = 0);
