using System.Collections.Concurrent;
using Kosha.Storage.Webhooks;

namespace Kosha.Daemon.Webhooks;

/// <summary>
/// Sends what is due, on every daemon: looks each second, and at once when something was sent. A receiver that stalls
/// holds no more than its few places. No transaction is open while a receiver is waited for.
/// </summary>
internal sealed partial class WebhookSender(
    Deliveries deliveries, WebhookClient client, ILogger<WebhookSender> logger) : BackgroundService
{
    /// <summary>To one webhook beside each other.</summary>
    private const int MostOfOne = 4;

    /// <summary>To all together, by this daemon.</summary>
    private const int MostOfAll = 32;

    private const int Gone = 410;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<Task, bool> running = [];
    private readonly SemaphoreSlim ended = new(0);
    private bool isAway;

    public override void Dispose()
    {
        ended.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var begun = await BeginAsync(stoppingToken);
            if (begun == 0)
                await ((Task)ended.WaitAsync(Interval, stoppingToken))
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            // One look is enough for all that have ended.
            while (ended.CurrentCount > 0)
                await ended.WaitAsync(CancellationToken.None);
        }
        // Each gives its claim back.
        await Task.WhenAll(running.Keys);
    }

    /// <summary>Begins what there is room for. Returns how much that was.</summary>
    private async Task<int> BeginAsync(CancellationToken ct)
    {
        var begun = 0;
        try
        {
            if (running.Count >= MostOfAll)
                return 0;
            var found = await deliveries.DueAsync(ct);
            isAway = false;
            foreach (var due in found)
            {
                var room = Math.Min(MostOfOne - due.UnderWay, MostOfAll - running.Count);
                if (room <= 0)
                    continue;
                foreach (var delivery in await deliveries.ClaimAsync(due.WebhookId, room, ct))
                {
                    Begin(delivery, ct);
                    begun++;
                }
            }
        }
        catch (Exception e)
        {
            // It is looked again in a moment, and told once.
            if (!isAway && !ct.IsCancellationRequested)
                LogNotLooked(logger, e.Message);
            isAway = true;
        }
        return begun;
    }

    private void Begin(Delivery delivery, CancellationToken ct)
    {
        var work = Task.Run(() => DeliverAsync(delivery, ct), CancellationToken.None);
        running[work] = true;
        _ = work.ContinueWith(_ =>
        {
            running.TryRemove(work, out bool _);
            ended.Release();
        }, TaskScheduler.Default);
    }

    private async Task DeliverAsync(Delivery delivery, CancellationToken ct)
    {
        try
        {
            var answer = await TrySendAsync(delivery, ct);
            await (answer switch
            {
                null => deliveries.GiveBackAsync(delivery),
                { Error: null, Status: { } status } => deliveries.DeliveredAsync(delivery, status),
                { Status: Gone } => deliveries.GoneAsync(
                    delivery, Gone, "The receiver answered 410: it is gone."),
                _ => deliveries.FailedAsync(delivery, answer.Status, answer.Error!),
            });
        }
        catch (Exception e)
        {
            // What the database does not hear now is sent once more when the claim is over.
            LogNotKept(logger, delivery.Id, e.Message);
        }
    }

    /// <summary>Null: the daemon stops.</summary>
    private async Task<WebhookOutcome?> TrySendAsync(Delivery delivery, CancellationToken ct)
    {
        try
        {
            return await client.SendAsync(delivery, ct);
        }
        catch (Exception) when (ct.IsCancellationRequested)
        {
            return null;
        }
    }

    [LoggerMessage(LogLevel.Warning, "Kosha cannot look for messages to webhooks now: {Reason}")]
    private static partial void LogNotLooked(ILogger logger, string reason);

    [LoggerMessage(LogLevel.Warning, "What became of message {Id} to a webhook cannot be kept: {Reason}")]
    private static partial void LogNotKept(ILogger logger, long id, string reason);
}
