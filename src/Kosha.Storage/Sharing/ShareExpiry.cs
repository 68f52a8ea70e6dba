using Kosha.Storage.Upkeep;

namespace Kosha.Storage.Sharing;

/// <summary>
/// Removes share links that have been over for long: revoked, expired, or downloaded as often as they allow. Until then
/// their owners see what they were.
/// </summary>
public sealed class ShareExpiry(Database database)
{
    /// <summary>How long a link that is over is kept.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromDays(30);

    private const string LeaseName = "share-expiry";

    /// <summary>In one transaction.</summary>
    private const int LinksPerStep = 1000;

    private readonly ShareLinkTable links = new(database);

    /// <summary>How far it has come.</summary>
    public WorkProgress Progress { get; init; } = new();

    /// <summary>Returns how many went. Faults: AlreadyExists (another one runs), Unavailable.</summary>
    public async Task<long> RunAsync(CancellationToken ct)
    {
        await using var lease = await Lease.TakeAsync(database, LeaseName, ct);
        var removed = 0L;
        while (await links.RemoveOverAsync(Kept, LinksPerStep, ct) is var step and > 0)
        {
            removed += step;
            Progress.Say("removing share links", removed);
            await lease.RenewAsync(ct);
        }
        return removed;
    }
}
