using Dapper;
using Kosha.Storage.Audit;
using Kosha.Storage.Tree;
using Kosha.Storage.Uploads;
using Kosha.Storage.Webhooks;
using Npgsql;

namespace Kosha.Storage.Accounts;

/// <summary>The end of accounts.</summary>
public sealed partial class UserTable
{
    private const string SqlBeginDeletion = """
        update users set deleting_at = now(), disabled_at = coalesce(disabled_at, now()),
            credential_stamp = gen_random_uuid()
        where id = @id;
        update webhooks set disabled_at = coalesce(disabled_at, now()), deleting_at = coalesce(deleting_at, now()),
            disabled_reason = 'The account is being deleted.', secret = '', old_secret = null
        where user_id = @id;
        """;

    /// <summary>
    /// Disables an account for ever; <see cref="AccountDeletion"/> removes what it has, and its name last.
    /// </summary>
    /// <exception cref="StorageException">NotFound, NotAllowed (the last administrator).</exception>
    public Task BeginDeletionAsync(long id, CancellationToken ct) => BeginDeletionAsync(id, told: null, ct);

    /// <param name="id">The user.</param>
    /// <param name="told">What the audit log is told of it; null: nothing.</param>
    /// <param name="ct">Ends it.</param>
    /// <inheritdoc cref="BeginDeletionAsync(long, CancellationToken)"/>
    public Task BeginDeletionAsync(long id, AuditEntry? told, CancellationToken ct) =>
        database.WriteAsync(transaction => BeginDeletionAsync(transaction, id, told, ct), ct);

    private static async Task BeginDeletionAsync(
        NpgsqlTransaction transaction, long id, AuditEntry? told, CancellationToken ct)
    {
        var username = await LockAsync(transaction, id, isLast: true, ct);
        await transaction.Connection!.ExecuteAsync(
            new(SqlBeginDeletion, new { id }, transaction, cancellationToken: ct));
        await AuditTable.AddAsync(transaction, told, id, username, ct);
        await TellAsync(transaction, WebhookEvents.UserDeleted, id, ct);
    }

    private const string SqlDeleting = """
        select id from users where deleting_at is not null and id > @after order by id limit @limit
        """;

    /// <summary>Accounts that are being deleted, a page by id.</summary>
    internal Task<List<long>> DeletingAsync(long after, int limit, CancellationToken ct) =>
        database.ReadAsync(async connection => (await connection.QueryAsync<long>(
            new(SqlDeleting, new { after, limit }, cancellationToken: ct))).AsList(), ct);

    /// <summary>What else names the user goes with these, or with the user by its foreign key.</summary>
    private const string SqlRemove = """
        delete from sessions where user_id = @userId;
        delete from app_passwords where user_id = @userId;
        delete from two_factors where user_id = @userId;
        delete from share_links where user_id = @userId;
        delete from outbox where webhook_id = any(array(select id from webhooks where user_id = @userId));
        delete from webhooks where user_id = @userId;
        delete from usage where user_id = @userId;
        delete from users where id = @userId and deleting_at is not null;
        """;

    /// <summary>Removes the row, where nothing is left that it needs. False: something is.</summary>
    internal Task<bool> RemoveAsync(long userId, CancellationToken ct) => database.WriteAsync(async transaction =>
    {
        if (await UploadTable.AnyLeftAsync(transaction, userId, ct)
            || !await NodeTree.RemoveRootAsync(transaction, userId, ct))
            return false;
        await UploadTable.ForgetAllAsync(transaction, userId, ct);
        await transaction.Connection!.ExecuteAsync(
            new(SqlRemove, new { userId }, transaction, cancellationToken: ct));
        return true;
    }, ct);
}
