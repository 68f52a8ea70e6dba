using System.Text;
using Dapper;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;
using Npgsql;

namespace Kosha.Storage.Webhooks;

/// <summary>
/// The table <c>webhooks</c>: where events go, of one user or of the whole installation. Secrets come protected, and no
/// list shows them. Faults of all: CredentialRevoked, NotAllowed (those of the installation, to who administers it no
/// more), Unavailable.
/// </summary>
public sealed partial class WebhookTable(Database database)
{
    public const int MaxPerUser = 20;

    public const int MaxOfAll = 50;

    public const int MaxUrlBytes = 2048;

    /// <summary>Letters.</summary>
    public const int MaxDescriptionLength = 120;

    /// <summary>How long the secret before a rotation signs, too.</summary>
    public static readonly TimeSpan OldSecretLifetime = TimeSpan.FromHours(24);

    private const string Columns = """
        h.id, h.url, h.description, h.events, h.created_at, h.disabled_at, h.disabled_reason,
        case when h.old_secret_until > now() then h.old_secret_until end as old_secret_until
        """;

    /// <summary>Whether the webhooks h are those that the caller, a row u of users, means.</summary>
    private const string AreMeant = """
        h.deleting_at is null and (h.user_id = @ownerId::bigint or @ownerId::bigint is null and h.user_id is null)
        """;

    private const string MayAsk = $"{Caller.Holds} and (u.is_admin or @ownerId::bigint is not null)";

    /// <summary>Of the two only one finds anything.</summary>
    private const string SqlIds = """
        select o.id from webhooks o where o.user_id = @ownerId::bigint
        union all
        select a.id from webhooks a where a.user_id is null and @ownerId::bigint is null
        """;

    private const string SqlList = $"""
        select {Columns} from users u join webhooks h on h.id = any(array({SqlIds}))
        where {MayAsk} and {AreMeant} order by h.id
        """;

    /// <summary>All of them, the oldest first.</summary>
    public Task<IReadOnlyList<Webhook>> ListAsync(WebhookScope scope, CancellationToken ct) =>
        database.ReadAsync<IReadOnlyList<Webhook>>(async connection =>
        {
            var found = (await connection.QueryAsync<Webhook>(
                new(SqlList, scope.With(new { }), cancellationToken: ct))).AsList();
            if (found.Count == 0)
                await RequireAsync(connection, scope, ct);
            return found;
        }, ct);

    private const string SqlMayAsk = $"""
        select u.is_admin or @ownerId::bigint is not null from users u where {Caller.Holds}
        """;

    private static async Task RequireAsync(NpgsqlConnection connection, WebhookScope scope, CancellationToken ct)
    {
        if (!(await connection.ExecuteScalarAsync<bool?>(
            new(SqlMayAsk, scope.With(new { }), cancellationToken: ct)) ?? throw Caller.Revoked()))
            throw new StorageException(StorageFault.NotAllowed, "This is for administrators.");
    }

    private const string SqlGet = $"""
        select {Columns} from users u join webhooks h on h.id = @id where {MayAsk} and {AreMeant}
        """;

    /// <summary>One of them. Also fault: NotFound.</summary>
    public Task<Webhook> GetAsync(WebhookScope scope, long id, CancellationToken ct) =>
        database.ReadAsync(connection => GetAsync(connection, SqlGet, scope, id, ct), ct);

    private const string SqlHold = $"{SqlGet} for no key update of h";

    private static async Task<Webhook> GetAsync(
        NpgsqlConnection connection, string sql, WebhookScope scope, long id, CancellationToken ct)
    {
        var found = await connection.QuerySingleOrDefaultAsync<Webhook?>(
            new(sql, scope.With(new { id }), cancellationToken: ct));
        if (found is not null)
            return found;
        await RequireAsync(connection, scope, ct);
        throw new StorageException(StorageFault.NotFound, "There is no such webhook.");
    }

    private const int WebhookLock = 3;

    /// <summary>Whoever adds waits for others who do, so that the count holds.</summary>
    private const string SqlLock = "select pg_advisory_xact_lock(@LockClass, @WebhookLock)";

    private const string SqlCount = $"""
        select count(*) from webhooks h where h.id = any(array({SqlIds})) and h.deleting_at is null
        """;

    private const string SqlAdd = $"""
        insert into webhooks as h (user_id, url, description, events, secret)
        values (@ownerId, @url, @description, @events, @secret) returning {Columns}
        """;

    /// <summary>Makes a webhook. Also faults: InvalidValue, LimitReached.</summary>
    public Task<Webhook> AddAsync(WebhookScope scope, NewWebhook wish, CancellationToken ct)
    {
        var parameters = scope.With(new
        {
            url = CheckedUrl(wish.Url),
            description = CheckedDescription(wish.Description),
            events = CheckedEvents(wish.Events, scope.IsOfAll),
            secret = wish.Secret,
            Database.LockClass,
            WebhookLock,
        });
        return database.WriteAsync(async transaction =>
        {
            var connection = transaction.Connection!;
            await RequireAsync(connection, scope, ct);
            await connection.ExecuteAsync(new(SqlLock, parameters, transaction, cancellationToken: ct));
            var most = scope.IsOfAll ? MaxOfAll : MaxPerUser;
            if (await connection.ExecuteScalarAsync<long>(
                new(SqlCount, parameters, transaction, cancellationToken: ct)) >= most)
                throw new StorageException(
                    StorageFault.LimitReached, $"There are at most {most} webhooks. Remove some.");
            var added = await connection.QuerySingleAsync<Webhook>(
                new(SqlAdd, parameters, transaction, cancellationToken: ct));
            await TellAsync(transaction, AuditActions.WebhookAdd, scope, added, string.Join(", ", added.Events), ct);
            return added;
        }, ct);
    }

    private const string SqlChange = $"""
        update webhooks h set url = coalesce(@url, h.url), description = coalesce(@description, h.description),
            events = coalesce(@events, h.events),
            disabled_at = case @isEnabled::boolean
                when true then null when false then coalesce(h.disabled_at, now()) else h.disabled_at end,
            disabled_reason = case when @isEnabled::boolean then null else h.disabled_reason end
        where h.id = @id returning {Columns}
        """;

    /// <summary>Changes some of it. Also faults: NotFound, InvalidValue.</summary>
    public Task<Webhook> ChangeAsync(WebhookScope scope, long id, WebhookChange change, CancellationToken ct)
    {
        var parameters = new
        {
            id,
            url = change.Url is null ? null : CheckedUrl(change.Url),
            description = change.Description is null ? null : CheckedDescription(change.Description),
            events = change.Events is null ? null : CheckedEvents(change.Events, scope.IsOfAll),
            isEnabled = change.IsEnabled,
        };
        var what = string.Join(", ", new[]
        {
            change.Url is null ? null : "url",
            change.Description is null ? null : "description",
            change.Events is null ? null : $"events {string.Join(' ', change.Events)}",
            change.IsEnabled switch { null => null, true => "on", _ => "off" },
        }.OfType<string>());
        return WriteAsync(AuditActions.WebhookChange, scope, id, SqlChange, parameters, what, ct);
    }

    private const string SqlRotate = $"""
        update webhooks h set old_secret = h.secret, old_secret_until = now() + @OldSecretLifetime, secret = @secret
        where h.id = @id returning {Columns}
        """;

    /// <summary>
    /// A new secret signs from here on, and the one before beside it for <see cref="OldSecretLifetime"/>. Also fault:
    /// NotFound.
    /// </summary>
    public Task<Webhook> RotateAsync(WebhookScope scope, long id, string secret, CancellationToken ct) => WriteAsync(
        AuditActions.WebhookChange, scope, id, SqlRotate, new { id, secret, OldSecretLifetime }, "secret", ct);

    private const string SqlRemove = $"""
        update webhooks h set deleting_at = now(), disabled_at = coalesce(h.disabled_at, now()),
            disabled_reason = 'It was removed.', secret = '', old_secret = null
        where h.id = @id returning {Columns}
        """;

    /// <summary>
    /// It is told nothing more and is listed no more; what waited for it goes in small steps, later. Also fault:
    /// NotFound.
    /// </summary>
    public Task RemoveAsync(WebhookScope scope, long id, CancellationToken ct) =>
        WriteAsync(AuditActions.WebhookRemove, scope, id, SqlRemove, new { id }, detail: null, ct);

    private Task<Webhook> WriteAsync(
        string action, WebhookScope scope, long id, string sql, object parameters, string? detail,
        CancellationToken ct) => database.WriteAsync(async transaction =>
        {
            var connection = transaction.Connection!;
            var before = await GetAsync(connection, SqlHold, scope, id, ct);
            var after = await connection.QuerySingleAsync<Webhook>(
                new(sql, parameters, transaction, cancellationToken: ct));
            await TellAsync(transaction, action, scope, before, detail, ct);
            return after;
        }, ct);

    /// <summary>Only the host of a URL: what follows may be a secret of the receiver.</summary>
    private static Task TellAsync(
        NpgsqlTransaction transaction, string action, WebhookScope scope, Webhook webhook, string? detail,
        CancellationToken ct) =>
        AuditTable.AddAsync(transaction, new(action, scope.Caller)
        {
            Subject = Uri.TryCreate(webhook.Url, UriKind.Absolute, out var url) ? url.Host : null,
            Detail = scope.IsOfAll ? $"Of the installation. {detail}".TrimEnd() : detail,
        }, ct);

    private static string CheckedUrl(string url) => Encoding.UTF8.GetByteCount(url) is > 0 and <= MaxUrlBytes
        ? url
        : throw new StorageException(StorageFault.InvalidValue, $"A URL has at most {MaxUrlBytes} bytes.");

    private static string CheckedDescription(string text) =>
        text.EnumerateRunes().Count() <= MaxDescriptionLength && !text.Any(char.IsControl)
            ? text
            : throw new StorageException(StorageFault.InvalidValue,
                $"A description has at most {MaxDescriptionLength} letters and no control character.");

    private static string[] CheckedEvents(IReadOnlyList<string> events, bool isOfAll)
    {
        var wanted = events.Distinct(StringComparer.Ordinal).ToArray();
        var known = WebhookEvents.For(isOfAll);
        return wanted.Length > 0 && Array.TrueForAll(wanted, known.Contains)
            ? wanted
            : throw new StorageException(
                StorageFault.InvalidValue, $"events are one or more of {string.Join(", ", known)}.");
    }
}
