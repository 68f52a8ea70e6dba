using Dapper;

namespace Kosha.Storage.Webhooks;

/// <summary>What a webhook was told, for its owner; and its end.</summary>
public sealed partial class WebhookTable
{
    /// <summary>Of one webhook, waiting.</summary>
    public const int MaxPendingTests = 10;

    private const string SqlTest = """
        insert into outbox (webhook_id, type, payload)
        select h.id, @Test, json_build_object('type', @Test::text, 'timestamp', now(), 'data',
            json_build_object('webhook', json_build_object('id', h.id, 'description', h.description)))::text
        from webhooks h
        where h.id = @id and @MaxPendingTests > (
            select count(*) from (
                select o.type from outbox o where o.webhook_id = h.id and o.state = 'pending'
                order by o.id desc limit @Newest) t
            where t.type = @Test)
        returning id
        """;

    /// <summary>Waiting messages among which tests are looked for.</summary>
    private const int Newest = 200;

    /// <summary>
    /// Tells it <see cref="WebhookEvents.Test"/>. Also faults: NotFound, InUse (it is switched off), LimitReached.
    /// </summary>
    /// <returns>The message's id.</returns>
    public Task<long> TestAsync(WebhookScope scope, long id, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            var connection = transaction.Connection!;
            if ((await GetAsync(connection, SqlHold, scope, id, ct)).DisabledAt is not null)
                throw new StorageException(StorageFault.InUse, "The webhook is switched off. Switch it on first.");
            return await connection.ExecuteScalarAsync<long?>(new(
                    SqlTest, new { id, WebhookEvents.Test, MaxPendingTests, Newest }, transaction,
                    cancellationToken: ct))
                ?? throw new StorageException(StorageFault.LimitReached, $"{MaxPendingTests} tests wait already.");
        }, ct);

    private const string SqlMessages = """
        select o.id, o.message_id, o.type, o.node_id, o.state, o.attempts, o.created_at, o.next_attempt_at,
               o.ended_at, o.last_status, o.last_error
        from unnest(@states) s (state)
        cross join lateral (
            select m.* from outbox m
            where m.webhook_id = @id and m.state = s.state and m.id < coalesce(@before, 9223372036854775807)
            order by m.webhook_id, m.state, m.id desc limit @limit) o
        order by o.id desc limit @limit
        """;

    /// <summary>
    /// A page of what it was told, or is to be told, the newest first; shorter than the limit: the last one. Also
    /// fault: NotFound.
    /// </summary>
    /// <param name="scope">Whose webhook it is.</param>
    /// <param name="id">The webhook.</param>
    /// <param name="state">Null: all.</param>
    /// <param name="before">The id of the last one of the page before; null: from the start.</param>
    /// <param name="limit">Of messages.</param>
    /// <param name="ct">Ends it.</param>
    public Task<IReadOnlyList<WebhookMessage>> MessagesAsync(
        WebhookScope scope, long id, MessageState? state, long? before, int limit, CancellationToken ct) =>
        database.ReadAsync<IReadOnlyList<WebhookMessage>>(async connection =>
        {
            await GetAsync(connection, SqlGet, scope, id, ct);
            var states = Enum.GetValues<MessageState>().Where(known => state is null || known == state)
                .Select(known => known.ToString().ToLowerInvariant()).ToArray();
            return (await connection.QueryAsync<WebhookMessage>(
                new(SqlMessages, new { id, states, before, limit }, cancellationToken: ct))).AsList();
        }, ct);

    private const string SqlAgain = """
        update outbox set state = 'pending', next_attempt_at = now(), ended_at = null,
            attempts = case when state = 'pending' then attempts else 0 end
        where id = @messageId and webhook_id = @id
        """;

    /// <summary>
    /// Sends a message again, at once; one that was given up, or delivered before, as often as a new one. Also fault:
    /// NotFound (either).
    /// </summary>
    public Task SendAgainAsync(WebhookScope scope, long id, long messageId, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            await GetAsync(transaction.Connection!, SqlGet, scope, id, ct);
            if (await transaction.Connection!.ExecuteAsync(
                new(SqlAgain, new { id, messageId }, transaction, cancellationToken: ct)) == 0)
                throw new StorageException(StorageFault.NotFound, "There is no such message.");
        }, ct);

    /// <summary>More than these may not wait for one webhook.</summary>
    public const int MaxPending = 100_000;

    private const string SqlDisableFull = """
        update webhooks h set disabled_at = now(), disabled_reason = @reason
        where h.disabled_at is null and h.id = any(array(
            select w.id from (select id from webhooks where disabled_at is null order by id) w
            cross join lateral (
                select from outbox o where o.webhook_id = w.id and o.state = 'pending'
                order by o.webhook_id, o.state, o.id offset @most limit 1) o))
        """;

    /// <summary>Switches off those for which too much waits. Returns how many.</summary>
    public Task<int> DisableFullAsync(CancellationToken ct) => DisableFullAsync(MaxPending, ct);

    /// <param name="most">Instead of <see cref="MaxPending"/>.</param>
    /// <param name="ct">Ends it.</param>
    /// <inheritdoc cref="DisableFullAsync(CancellationToken)"/>
    internal Task<int> DisableFullAsync(int most, CancellationToken ct)
    {
        var reason = $"More than {most} messages waited for it.";
        return database.WriteAsync(transaction => transaction.Connection!.ExecuteAsync(
            new(SqlDisableFull, new { most, reason }, transaction, cancellationToken: ct)), ct);
    }

    private const string SqlForget = """
        delete from outbox where id = any(array(
            select o.id from (select id from webhooks where deleting_at is not null order by deleting_at) w
            cross join lateral (
                select m.id from outbox m where m.webhook_id = w.id
                order by m.webhook_id, m.state, m.id limit @limit) o
            limit @limit))
        """;

    /// <summary>Those who began to tell it something before it was removed have long ended.</summary>
    private const string SqlForgetWebhooks = """
        delete from webhooks h
        where h.deleting_at < now() - interval '1 hour'
          and not exists (select from outbox o where o.webhook_id = h.id)
        """;

    /// <summary>
    /// Removes some messages of webhooks that were removed, and rows of those of which nothing else is left. Returns
    /// how many messages; fewer than the limit: all.
    /// </summary>
    internal Task<int> ForgetRemovedAsync(int limit, CancellationToken ct) => database.WriteAsync(async transaction =>
    {
        var connection = transaction.Connection!;
        var messages = await connection.ExecuteAsync(
            new(SqlForget, new { limit }, transaction, cancellationToken: ct));
        await connection.ExecuteAsync(new(SqlForgetWebhooks, transaction: transaction, cancellationToken: ct));
        return messages;
    }, ct);
}
