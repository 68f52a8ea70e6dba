using Dapper;
using Kosha.Storage.Upkeep;

namespace Kosha.Storage.Webhooks;

/// <summary>Removes what was told long ago, in small steps; a run that is killed leaves the rest to the next.</summary>
public sealed class OutboxUpkeep(Database database)
{
    private const string LeaseName = "webhooks";

    private const int RowsPerStep = 2000;

    /// <summary>As long as somebody may ask whether it arrived.</summary>
    private static readonly TimeSpan DeliveredKept = TimeSpan.FromDays(7);

    /// <summary>Also what waits for a webhook that is switched off.</summary>
    private static readonly TimeSpan DeadKept = TimeSpan.FromDays(30);

    /// <summary>Far beyond the time in which a message is taken at all.</summary>
    private static readonly TimeSpan ReceivedKept = TimeSpan.FromDays(30);

    private readonly WebhookTable webhooks = new(database);

    private const string SqlDelivered = """
        delete from outbox where id = any (array(
            select id from outbox where state <> 'pending' and state = 'delivered' and ended_at < now() - @DeliveredKept
            order by ended_at limit @RowsPerStep for update skip locked))
        """;

    private const string SqlDead = """
        delete from outbox where id = any (array(
            select id from outbox where state <> 'pending' and ended_at < now() - @DeadKept
            order by ended_at limit @RowsPerStep for update skip locked))
        """;

    private const string SqlSwitchedOff = """
        delete from outbox where id = any (array(
            select o.id from (select id from webhooks where disabled_at < now() - @DeadKept order by id) w
            cross join lateral (
                select id from outbox where state = 'pending' and webhook_id = w.id
                order by webhook_id, next_attempt_at limit @RowsPerStep) o
            limit @RowsPerStep))
        """;

    private const string SqlReceived = """
        delete from identity_messages where id = any (array(
            select id from identity_messages where received_at < now() - @ReceivedKept
            order by received_at limit @RowsPerStep for update skip locked))
        """;

    /// <summary>Faults: AlreadyExists (another one runs), Unavailable.</summary>
    public async Task<OutboxCleanUp> RunAsync(CancellationToken ct)
    {
        await using var lease = await Lease.TakeAsync(database, LeaseName, ct);
        await webhooks.DisableFullAsync(ct);
        var messages = await RepeatAsync(lease, () => webhooks.ForgetRemovedAsync(RowsPerStep, ct), ct);
        foreach (var sql in new[] { SqlDelivered, SqlDead, SqlSwitchedOff })
            messages += await RepeatAsync(lease, () => RemoveAsync(sql, ct), ct);
        return new(messages, await RepeatAsync(lease, () => RemoveAsync(SqlReceived, ct), ct));
    }

    /// <summary>Steps, until one had less to do than it may.</summary>
    private static async Task<long> RepeatAsync(Lease lease, Func<Task<int>> step, CancellationToken ct)
    {
        for (var total = 0L; ;)
        {
            await lease.RenewAsync(ct);
            var removed = await step();
            total += removed;
            if (removed < RowsPerStep)
                return total;
        }
    }

    private Task<int> RemoveAsync(string sql, CancellationToken ct) => database.WriteAsync(
        transaction => transaction.Connection!.ExecuteAsync(new(
            sql, new { DeliveredKept, DeadKept, ReceivedKept, RowsPerStep }, transaction, cancellationToken: ct)), ct);
}
