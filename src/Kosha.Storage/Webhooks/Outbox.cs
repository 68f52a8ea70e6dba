using System.Text.Json;
using System.Text.Json.Serialization;
using Dapper;
using Npgsql;

namespace Kosha.Storage.Webhooks;

/// <summary>
/// The way of events into the table <c>outbox</c>, from where daemons send them. They are written in the transaction of
/// what they tell of: there is none of what was rolled back, and each of what was committed.
/// </summary>
public static class Outbox
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    /// <summary>Whether anybody listens to a user's events. Two looks into an index, where nobody does.</summary>
    internal const string IsWatched = """
        (exists (select from webhooks h where h.user_id = @UserId and h.disabled_at is null)
            or exists (select from webhooks h where h.user_id is null and h.disabled_at is null))
        """;

    /// <summary>
    /// The end of a statement with a table told (place, type, node_id, data): a row for each webhook of the user, or of
    /// the whole installation, that wants the event. Events of a node get ids in their order, because whoever tells
    /// holds the node's row.
    /// </summary>
    internal const string SqlTell = $"""
        {Into}
        cross join (
            select w.id, w.events from webhooks w where w.user_id = @UserId and w.disabled_at is null
            union all
            select w.id, w.events from webhooks w where w.user_id is null and w.disabled_at is null) h
        {WhoWantsIt}
        """;

    private const string Into = """
        insert into outbox (webhook_id, type, node_id, payload)
        select h.id, t.type, t.node_id, json_build_object('type', t.type, 'timestamp', now(), 'data', t.data)::text
        from told t
        """;

    private const string WhoWantsIt = """
        where t.type = any(h.events) or split_part(t.type, '.', 1) || '.*' = any(h.events)
        order by t.place, h.id
        """;

    private const string SqlAdd = $"""
        with told as (
            select 0 as place, @Type as type, @NodeId::bigint as node_id, @data::json as data
        )
        {SqlTell}
        """;

    /// <summary>
    /// Tells it in the transaction that does it; one statement, which inserts nothing where no webhook wants it.
    /// </summary>
    public static Task AddAsync(NpgsqlTransaction transaction, WebhookEvent told, CancellationToken ct) =>
        transaction.Connection!.ExecuteAsync(new(SqlAdd, new
        {
            told.Type, told.UserId, told.NodeId, data = JsonSerializer.Serialize(told.Data, Json),
        }, transaction, cancellationToken: ct));

    private const string SqlAddMany = $"""
        with told as (
            select n.place, n.type, n.user_id, n.node_id, n.data::json as data
            from unnest(@types, @userIds, @nodeIds, @data) with ordinality as n (type, user_id, node_id, data, place)
        )
        {Into}
        cross join lateral (
            select w.id, w.events from webhooks w where w.user_id = t.user_id and w.disabled_at is null
            union all
            select w.id, w.events from webhooks w where w.user_id is null and w.disabled_at is null) h
        {WhoWantsIt}
        """;

    /// <summary>The same of many events, of whichever users, by one statement.</summary>
    public static Task AddAllAsync(
        NpgsqlTransaction transaction, IReadOnlyCollection<WebhookEvent> told, CancellationToken ct) =>
        transaction.Connection!.ExecuteAsync(new(SqlAddMany, new
        {
            types = told.Select(each => each.Type).ToArray(),
            userIds = told.Select(each => each.UserId).ToArray(),
            nodeIds = told.Select(each => each.NodeId).ToArray(),
            data = told.Select(each => JsonSerializer.Serialize(each.Data, Json)).ToArray(),
        }, transaction, cancellationToken: ct));
}
