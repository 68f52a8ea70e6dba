using Dapper;

namespace Kosha.Storage.Webhooks;

/// <summary>
/// The table <c>outbox</c> for who delivers: claims, and what became of each attempt. A message waits until those of
/// the same webhook and node before it are delivered or dead. A claim of a daemon that died is over after its time;
/// only what the holder of the claim says counts.
/// </summary>
public sealed class Deliveries(Database database)
{
    /// <summary>Much longer than an attempt may take.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);

    /// <summary>How long to wait after each attempt that failed; after the last of them the message is dead.</summary>
    public static IReadOnlyList<TimeSpan> Pauses { get; } =
    [
        TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(10),
        TimeSpan.FromMinutes(30), TimeSpan.FromHours(2), TimeSpan.FromHours(5), TimeSpan.FromHours(10),
        TimeSpan.FromHours(14), TimeSpan.FromHours(20), TimeSpan.FromHours(24),
    ];

    public const int MaxErrorLength = 200;

    /// <summary>
    /// From one webhook to the next along the index, so that a long queue of one costs nothing. The order is that of
    /// the index on what is pending.
    /// </summary>
    internal const string SqlDue = """
        with recursive waiting (webhook_id) as (
            (select o.webhook_id from outbox o where o.state = 'pending'
             order by o.webhook_id, o.next_attempt_at limit 1)
            union all
            select n.webhook_id from waiting w cross join lateral (
                select o.webhook_id from outbox o where o.state = 'pending' and o.webhook_id > w.webhook_id
                order by o.webhook_id, o.next_attempt_at limit 1) n
        )
        select w.webhook_id, c.under_way
        from waiting w
        cross join lateral (
            select h.id from webhooks h where h.id = w.webhook_id and h.disabled_at is null limit 1) h
        cross join lateral (
            select o.id from outbox o
            where o.state = 'pending' and o.webhook_id = w.webhook_id and o.next_attempt_at <= now()
            order by o.next_attempt_at limit 1) d
        cross join lateral (
            select count(*)::int as under_way from outbox o
            where o.webhook_id = w.webhook_id and o.claimed_until > now()) c
        order by c.under_way, w.webhook_id
        """;

    /// <summary>Webhooks of which something may be due, those first of which least is under way.</summary>
    public Task<List<DueWebhook>> DueAsync(CancellationToken ct) => database.ReadAsync(async connection =>
        (await connection.QueryAsync<DueWebhook>(new(SqlDue, cancellationToken: ct))).AsList(), ct);

    /// <summary>
    /// The first message of each node, from one node to the next along the index and no further than needed, and those
    /// of no node. What another daemon has taken since is looked at again when its row is locked.
    /// </summary>
    internal const string SqlClaim = """
        with recursive heads (node_id, id, next_attempt_at, claimed_until) as (
            (select o.node_id, o.id, o.next_attempt_at, o.claimed_until from outbox o
             where o.state = 'pending' and o.webhook_id = @webhookId and o.node_id is not null
             order by o.webhook_id, o.node_id, o.id limit 1)
            union all
            select n.node_id, n.id, n.next_attempt_at, n.claimed_until from heads h cross join lateral (
                select o.node_id, o.id, o.next_attempt_at, o.claimed_until from outbox o
                where o.state = 'pending' and o.webhook_id = @webhookId and o.node_id > h.node_id
                order by o.webhook_id, o.node_id, o.id limit 1) n
        ),
        ordered as (
            select h.id from heads h
            where h.next_attempt_at <= now() and coalesce(h.claimed_until, now()) <= now() limit @most),
        unordered as (
            select o.id from outbox o
            where o.state = 'pending' and o.webhook_id = @webhookId and o.node_id is null
              and o.next_attempt_at <= now() and coalesce(o.claimed_until, now()) <= now()
            order by o.webhook_id, o.node_id, o.id limit @most),
        taken as (
            select o.id from outbox o
            where o.id = any (array(
                select c.id from (select id from ordered union all select id from unordered) c
                order by c.id limit @most))
              and o.state = 'pending' and o.next_attempt_at <= now() and coalesce(o.claimed_until, now()) <= now()
            for update skip locked)
        update outbox o set claimed_until = now() + @Lease
        from taken t cross join webhooks w
        where o.id = t.id and w.id = @webhookId and w.disabled_at is null
        returning o.id, o.webhook_id, o.message_id, o.payload, o.attempts, o.claimed_until, w.url, w.secret,
            case when w.old_secret_until > now() then w.old_secret end as old_secret
        """;

    /// <summary>Takes messages to one webhook that may be sent beside each other.</summary>
    public Task<List<Delivery>> ClaimAsync(long webhookId, int most, CancellationToken ct) =>
        database.WriteAsync(async transaction => (await transaction.Connection!.QueryAsync<Delivery>(
            new(SqlClaim, new { webhookId, most, Lease }, transaction, cancellationToken: ct))).AsList(), ct);

    private const string IsHeld = "id = @Id and state = 'pending' and claimed_until = @ClaimedUntil";

    private const string SqlDelivered = $"""
        update outbox set state = 'delivered', attempts = attempts + 1, last_status = @status, last_error = null,
            claimed_until = null, ended_at = now()
        where {IsHeld}
        """;

    /// <summary>False: the claim was over, and somebody else has sent it, or will.</summary>
    public Task<bool> DeliveredAsync(Delivery delivery, int status) =>
        ChangeAsync(SqlDelivered, new { delivery.Id, delivery.ClaimedUntil, status });

    private const string SqlFailed = $"""
        update outbox set attempts = attempts + 1, last_status = @status, last_error = @error, claimed_until = null,
            state = case when @pause::interval is null then 'dead' else 'pending' end,
            ended_at = case when @pause::interval is null then now() end,
            next_attempt_at = coalesce(now() + @pause::interval * (0.9 + 0.2 * random()), next_attempt_at)
        where {IsHeld}
        """;

    /// <summary>It is tried again after a while, or is dead if it was tried often enough.</summary>
    /// <param name="delivery">What was tried.</param>
    /// <param name="status">The answer's; null: there was none.</param>
    /// <param name="error">For people; a long one is cut.</param>
    /// <inheritdoc cref="DeliveredAsync"/>
    public Task<bool> FailedAsync(Delivery delivery, int? status, string error) => ChangeAsync(SqlFailed, new
    {
        delivery.Id,
        delivery.ClaimedUntil,
        status,
        error = Cut(error),
        pause = delivery.Attempts < Pauses.Count ? Pauses[delivery.Attempts] : (TimeSpan?)null,
    });

    private const string SqlGone = $"""
        with dead as (
            update outbox set state = 'dead', attempts = attempts + 1, last_status = @status, last_error = @error,
                claimed_until = null, ended_at = now()
            where {IsHeld} returning webhook_id)
        update webhooks w set disabled_at = now(), disabled_reason = @error
        from dead d where w.id = d.webhook_id and w.disabled_at is null
        """;

    /// <summary>The receiver wants nothing any more: the webhook is switched off.</summary>
    public Task GoneAsync(Delivery delivery, int status, string reason) =>
        ChangeAsync(SqlGone, new { delivery.Id, delivery.ClaimedUntil, status, error = Cut(reason) });

    private const string SqlGiveBack = $"update outbox set claimed_until = null where {IsHeld}";

    /// <summary>It was not tried to its end, and anybody may take it at once.</summary>
    public Task GiveBackAsync(Delivery delivery) =>
        ChangeAsync(SqlGiveBack, new { delivery.Id, delivery.ClaimedUntil });

    private Task<bool> ChangeAsync(string sql, object parameters) => database.WriteAsync(async transaction =>
        await transaction.Connection!.ExecuteAsync(new(sql, parameters, transaction)) > 0, CancellationToken.None);

    /// <summary>Text of somebody else's server, to be stored and shown.</summary>
    private static string Cut(string text)
    {
        var clean = string.Concat(text.EnumerateRunes().Take(MaxErrorLength)
            .Select(rune => System.Text.Rune.IsControl(rune) ? " " : rune.ToString()));
        return clean.Trim();
    }

    private const string SqlCounts = """
        select count(*) filter (where state = 'pending') as pending, count(*) filter (where state = 'dead') as dead
        from outbox
        """;

    /// <summary>Looks at the whole table.</summary>
    public Task<OutboxCounts> CountsAsync(CancellationToken ct) => database.ScanAsync(connection =>
        connection.QuerySingleAsync<OutboxCounts>(new(SqlCounts, cancellationToken: ct)), ct);
}
