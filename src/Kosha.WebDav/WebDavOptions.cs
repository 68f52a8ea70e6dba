using Kosha.Storage.Accounts;

namespace Kosha.WebDav;

/// <summary>What an installation may choose about its drive.</summary>
public sealed record WebDavOptions
{
    /// <summary>
    /// Whether PROPFIND with Depth infinity is answered. Otherwise it is refused with
    /// <c>propfind-finite-depth</c> (RFC 4918, 9.1), because one request could walk a whole tree.
    /// </summary>
    public bool InfiniteDepth { get; init; }

    /// <summary>Entries after which an answer of Depth infinity stops with 507.</summary>
    public int MaxInfiniteEntries { get; init; } = 100_000;

    /// <summary>
    /// The address by which clients know this server, if a proxy does not pass their Host header on. A Destination
    /// with this host is then accepted beside one with the host of the request. Without it nobody is redirected.
    /// </summary>
    public Uri? PublicUrl { get; init; }

    /// <summary>
    /// Free bytes of the disk: what is available to a user whose plan has no limit. Null: nobody knows, and
    /// quota-available-bytes is then missing (RFC 4331, 3).
    /// </summary>
    public Func<long?>? FreeBytes { get; init; }

    /// <summary>
    /// Whose GET is answered with a redirect to the blob store, where clients reach that, unless an app password says
    /// otherwise for its device.
    /// </summary>
    public RedirectMode Redirect { get; init; } = RedirectMode.KnownClients;

    /// <summary>Smaller files are never redirected: they lose more by a second round trip than they win.</summary>
    public long RedirectMinBytes { get; init; } = 8L << 20;

    /// <summary>How long a link to a file's bytes is good for beginning to read them.</summary>
    public TimeSpan LinkLifetime { get; init; } = TimeSpan.FromSeconds(60);
}
