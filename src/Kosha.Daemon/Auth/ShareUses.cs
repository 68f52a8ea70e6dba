using Kosha.Storage.Sharing;

namespace Kosha.Daemon.Auth;

/// <summary>
/// What visitors do with links that have no maximum: counted here, and written every few seconds, so that a link that a
/// thousand people open costs few writes more than one. What cannot be written waits for the next time; a daemon that
/// dies loses the last of it. Downloads up to a maximum are counted at once, in the table.
/// </summary>
internal sealed partial class ShareUses(ShareLinkTable links, ILogger<ShareUses> logger) : BackgroundService
{
    /// <summary>Of one link, each time; what those did who did less is told together.</summary>
    public const int AddressesPerLink = 20;

    /// <summary>Links and addresses; visitors from further ones share an entry.</summary>
    private const int MaxPending = 10_000;

    /// <summary>In one transaction.</summary>
    private const int UsesPerStep = 500;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly Lock gate = new();
    private Dictionary<(long LinkId, string Client), ShareUse> pending = [];

    public void Add(ShareUse use)
    {
        var client = use.Address.Length == 0 ? "" : ClientAddress.Of(use.Address);
        lock (gate)
        {
            if (pending.Count >= MaxPending && !pending.ContainsKey((use.LinkId, client)))
                (client, use) = ("", use with { Address = "" });
            pending[(use.LinkId, client)] = pending.TryGetValue((use.LinkId, client), out var before)
                ? Sum(before, use with { Address = before.Address == use.Address ? use.Address : client })
                : use;
        }
    }

    private static ShareUse Sum(ShareUse before, ShareUse use) => use with
    {
        Accesses = before.Accesses + use.Accesses,
        Downloads = before.Downloads + use.Downloads,
        Uploads = before.Uploads + use.Uploads,
    };

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var ticks = new PeriodicTimer(Interval);
        try
        {
            while (await ticks.WaitForNextTickAsync(stoppingToken))
                await WriteAsync();
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // What came since then is written when all requests have ended.
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await WriteAsync();
    }

    /// <summary>Writes what there is.</summary>
    public async Task WriteAsync()
    {
        Dictionary<(long LinkId, string Client), ShareUse> taken;
        lock (gate)
            (taken, pending) = (pending, []);
        foreach (var some in taken.Values.GroupBy(use => use.LinkId).SelectMany(OfLink).Chunk(UsesPerStep))
        {
            try
            {
                await links.NoteAsync(some, CancellationToken.None);
            }
            catch (Exception e)
            {
                LogLate(logger, some.Length, e.Message);
                foreach (var use in some)
                    Add(use);
            }
        }
    }

    private static IEnumerable<ShareUse> OfLink(IEnumerable<ShareUse> uses) => uses
        .OrderByDescending(use => use.Downloads + use.Uploads)
        .Select((use, place) => place < AddressesPerLink ? use : use with { Address = "" })
        .GroupBy(use => use.Address)
        .Select(same => same.Aggregate(Sum));

    [LoggerMessage(LogLevel.Warning, "The uses of {Count} share links could not be counted yet: {Reason}")]
    private static partial void LogLate(ILogger logger, int count, string reason);
}
