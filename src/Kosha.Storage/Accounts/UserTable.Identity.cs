using System.Globalization;
using System.Text;
using Dapper;
using Kosha.Storage.Audit;
using Npgsql;

namespace Kosha.Storage.Accounts;

/// <summary>A message of the identity provider that is proved to be its own.</summary>
/// <param name="Id">A second one with it is the same message.</param>
/// <param name="ExternalId">The user, as the provider names it.</param>
/// <param name="Address">Where it came from.</param>
public sealed record IdentityMessage(string Id, string ExternalId, string Address)
{
    public const int MaxIdBytes = 200;
}

/// <summary>Accounts that an identity provider makes and ends: each message is carried out once.</summary>
public sealed partial class UserTable
{
    /// <summary>Numbers that are tried behind a name that is taken.</summary>
    private const int MostNumbers = 10_000;

    /// <summary>Two at once: the second waits until the first has ended, and is nothing then.</summary>
    private const string SqlReceive = "insert into identity_messages (id) values (@Id) on conflict do nothing";

    private const string SqlExternal = "select id, username from users where external_id = @ExternalId";

    private const string SqlFreeName = """
        select t.name
        from generate_series(1, @MostNumbers) n
        cross join lateral (select case when n = 1 then @name else left(@name, @room) || '-' || n end as name) t
        where not exists (select from users u where lower(u.username) = lower(t.name))
        order by n limit 1
        """;

    private sealed record ExternalUser(long Id, string Username);

    /// <summary>
    /// Makes an account that no password opens until somebody sets one. A user of this name with the provider is there
    /// already: nothing.
    /// </summary>
    /// <param name="message">What says so.</param>
    /// <param name="username">Null: one is made of <paramref name="nameHint"/>.</param>
    /// <param name="nameHint">What a name may be made of, such as the part of an email before '@'.</param>
    /// <param name="email">Null: none.</param>
    /// <param name="ct">Ends it.</param>
    /// <exception cref="StorageException">InvalidValue, AlreadyExists (a name or email of somebody else).</exception>
    public Task AddExternalAsync(
        IdentityMessage message, string? username, string nameHint, string? email, CancellationToken ct)
    {
        var user = Checked(new(username ?? NameOf(nameHint), PasswordHash: "")
        {
            Email = email, ExternalId = message.ExternalId,
        });
        return ReceiveAsync(message, async transaction =>
        {
            if (await FindExternalAsync(transaction, message, ct) is not null)
                return;
            var named = username is null
                ? user with { Username = await FreeNameAsync(transaction, user.Username, ct) }
                : user;
            var id = await AddAsync(transaction, named, ct);
            await TellAsync(transaction, AuditActions.IdentityUserCreated, message, new(id, named.Username), ct);
        }, ct);
    }

    /// <summary>Begins the deletion of an account; of nobody that is known: nothing.</summary>
    /// <exception cref="StorageException">NotAllowed (the last administrator).</exception>
    public Task DeleteExternalAsync(IdentityMessage message, CancellationToken ct) =>
        ReceiveAsync(message, async transaction =>
        {
            if (await FindExternalAsync(transaction, message, ct) is not { } user)
                return;
            try
            {
                await BeginDeletionAsync(transaction, user.Id, told: null, ct);
            }
            catch (StorageException e) when (e.Fault == StorageFault.NotFound)
            {
                // It is being deleted already.
                return;
            }
            await TellAsync(transaction, AuditActions.IdentityUserDeleted, message, user, ct);
        }, ct);

    private Task ReceiveAsync(IdentityMessage message, Func<NpgsqlTransaction, Task> act, CancellationToken ct) =>
        database.WriteAsync(async transaction =>
        {
            if (await transaction.Connection!.ExecuteAsync(
                new(SqlReceive, message, transaction, cancellationToken: ct)) > 0)
                await act(transaction);
        }, ct);

    private static Task<ExternalUser?> FindExternalAsync(
        NpgsqlTransaction transaction, IdentityMessage message, CancellationToken ct) =>
        transaction.Connection!.QuerySingleOrDefaultAsync<ExternalUser?>(
            new(SqlExternal, message, transaction, cancellationToken: ct));

    private static Task TellAsync(
        NpgsqlTransaction transaction, string action, IdentityMessage message, ExternalUser user,
        CancellationToken ct) =>
        AuditTable.AddAsync(transaction, new(action)
        {
            UserId = user.Id, Subject = user.Username, Detail = message.ExternalId, Address = message.Address,
        }, ct);

    private static async Task<string> FreeNameAsync(NpgsqlTransaction transaction, string name, CancellationToken ct)
    {
        var room = MaxUsernameLength - MostNumbers.ToString(CultureInfo.InvariantCulture).Length - 1;
        return await transaction.Connection!.ExecuteScalarAsync<string?>(
            new(SqlFreeName, new { name, room, MostNumbers }, transaction, cancellationToken: ct)) ?? name;
    }

    /// <summary>A username that can be, of whatever letters there are.</summary>
    private static string NameOf(string hint)
    {
        var name = new StringBuilder();
        foreach (var rune in Normalize(hint).EnumerateRunes().Where(IsVisible).Take(MaxUsernameLength))
            name.Append(rune.Value is '@' or ':' or '/' or '\\' ? "-" : rune.ToString());
        return name.ToString().Trim() is { Length: > 0 } made ? made : "user";
    }

    private static bool IsVisible(Rune rune) => !Rune.IsControl(rune) && rune != Rune.ReplacementChar
        && Rune.GetUnicodeCategory(rune) != UnicodeCategory.Format;
}
