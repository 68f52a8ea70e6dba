using System.Collections.Concurrent;
using Kosha.Storage.Sharing;

namespace Kosha.Daemon.Auth;

/// <summary>
/// What visitors do with links that have no maximum: counted here, and written every few seconds, so that a link that a
/// thousand people open costs no more writes than one. A daemon that dies loses the last of it. Downloads up to a
/// maximum are counted at once, in the table.
/// </summary>
internal sealed partial class ShareUses(ShareLinkTable links, ILogger<ShareUses> logger) : BackgroundService
{
    /// <summary>Links and addresses; visitors from further ones share an entry.</summary>
    private const int MaxPending = 10_000;

    /// <summary>In one transaction.</summary>
    private const int UsesPerStep = 500;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<(long LinkId, string Address), ShareUse> pending = new();

    public void Add(ShareUse use) => pending.AddOrUpdate(
        (use.LinkId, pending.Count < MaxPending ? use.Address : ""), key => use with { Address = key.Address },
        (_, before) => before with
        {
            Accesses = before.Accesses + use.Accesses,
            Downloads = before.Downloads + use.Downloads,
            Uploads = before.Uploads + use.Uploads,
        });

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

    private async Task WriteAsync()
    {
        var taken = new List<ShareUse>();
        foreach (var key in pending.Keys)
        {
            if (pending.TryRemove(key, out var use))
                taken.Add(use);
        }
        foreach (var some in taken.Chunk(UsesPerStep))
        {
            try
            {
                await links.NoteAsync(some, CancellationToken.None);
            }
            catch (Exception e)
            {
                LogLost(logger, some.Length, e.Message);
            }
        }
    }

    [LoggerMessage(LogLevel.Warning, "The uses of {Count} share links could not be counted: {Reason}")]
    private static partial void LogLost(ILogger logger, int count, string reason);
}
