using Dapper;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;
using Kosha.Storage.Webhooks;
using Npgsql;

namespace Kosha.Storage.Sharing;

/// <summary>
/// The table <c>share_links</c>: for their owners here, who reach their own alone, and for visitors in the other part.
/// Of the token there is the SHA-256, by which it is found, and what only a daemon with the master key can read.
/// Every method has the fault CredentialRevoked.
/// </summary>
public sealed partial class ShareLinkTable(Database database)
{
    public const int MaxNameLength = 200;

    /// <summary>Of one user, over or not; the plan may allow fewer.</summary>
    public const int MaxPerUser = 1000;

    /// <summary>Of one user; what was revoked longer ago goes at once.</summary>
    private const int MaxRevokedPerUser = 100;

    private const string NotOver =
        "(s.expires_at is null or s.expires_at > now()) and (s.max_downloads is null or s.downloads < s.max_downloads)";

    private const string Columns = $"""
        s.id, s.node_id, path_of(s.node_id) as path, n.is_folder, s.name, s.password_hash is not null as has_password,
        s.allows_download, s.allows_upload, s.expires_at, s.max_downloads, s.downloads, s.accesses, s.created_at,
        s.last_used_at, not ({NotOver}) as is_over, s.token_protected
        """;

    private const string Own = $"""
        from users u
        cross join lateral (
            select l.* from share_links l
            where l.user_id = u.id and l.revoked_at is null and l.id < @before
              and (@nodeId::bigint is null or l.node_id = @nodeId)
            order by l.id desc limit @limit) s
        cross join lateral (select f.is_folder, f.name from file_nodes f where f.id = s.node_id limit 1) n
        where {Caller.Holds}
        """;

    private const string SqlList = $"select {Columns} {Own} order by s.id desc";

    /// <summary>The caller's links, the newest first.</summary>
    /// <param name="nodeId">Of this node alone; null: all.</param>
    /// <param name="before">Those that are older than this one.</param>
    /// <param name="limit">At most so many.</param>
    public async Task<IReadOnlyList<ShareLink>> ListAsync(
        Caller caller, long? nodeId, long before, int limit, CancellationToken ct)
    {
        var found = await database.ReadAsync(async connection => (await connection.QueryAsync<ShareLink>(
            new(SqlList, caller.With(new { nodeId, before, limit }), cancellationToken: ct))).AsList(), ct);
        if (found.Count == 0)
            await database.ReadAsync(connection => RequireAsync(connection, caller, ct), ct);
        return found;
    }

    private const string SqlGet = $"""
        select {Columns}
        from users u
        cross join lateral (
            select l.* from share_links l
            where l.id = @id and l.user_id = u.id and l.revoked_at is null limit 1) s
        cross join lateral (select f.is_folder, f.name from file_nodes f where f.id = s.node_id limit 1) n
        where {Caller.Holds}
        """;

    /// <summary>One of the caller's. Fault: NotFound.</summary>
    public Task<ShareLink> GetAsync(Caller caller, long id, CancellationToken ct) =>
        database.ReadAsync(connection => GetAsync(connection, null, caller, id, ct), ct);

    private static async Task<ShareLink> GetAsync(
        NpgsqlConnection connection, NpgsqlTransaction? transaction, Caller caller, long id, CancellationToken ct)
    {
        var found = await connection.QuerySingleOrDefaultAsync<ShareLink?>(
            new(SqlGet, caller.With(new { id }), transaction, cancellationToken: ct));
        if (found is not null)
            return found;
        await RequireAsync(connection, caller, ct);
        throw Missing();
    }

    private const string SqlHolds = $"select exists (select from users u where {Caller.Holds})";

    private static async Task<bool> RequireAsync(NpgsqlConnection connection, Caller caller, CancellationToken ct) =>
        await connection.ExecuteScalarAsync<bool>(new(SqlHolds, caller, cancellationToken: ct))
            ? true : throw Caller.Revoked();

    private static StorageException Missing() => new(StorageFault.NotFound, "There is no such share link.");

    // Making ----------------------------------------------------------------------------------------------------------

    /// <summary>Who adds waits for others of the same user who do, so that the counts hold.</summary>
    private const string SqlRules = $"""
        select p.max_share_links, p.max_share_days, p.max_share_links_without_password
        from users u join plans p on p.id = u.plan_id where {Caller.Holds} for no key update of u
        """;

    private sealed record Rules
    {
        public int? MaxShareLinks { get; init; }

        public int? MaxShareDays { get; init; }

        public int? MaxShareLinksWithoutPassword { get; init; }
    }

    private static async Task<Rules> LockRulesAsync(
        NpgsqlTransaction transaction, Caller caller, CancellationToken ct) =>
        await transaction.Connection!.QuerySingleOrDefaultAsync<Rules?>(
            new(SqlRules, caller, transaction, cancellationToken: ct)) ?? throw Caller.Revoked();

    /// <summary>Whoever takes the node away waits, and then sees the link.</summary>
    private const string SqlLockNode =
        "select n.id from file_nodes n where n.id = @NodeId and n.user_id = @UserId for no key update";

    private const string SqlNode = """
        select n.is_folder from file_nodes n where n.id = @NodeId and n.parent_id is not null and is_live(n.id)
        """;

    private const string SqlAdd = """
        insert into share_links (user_id, node_id, token_hash, token_protected, name, password_hash, allows_download,
            allows_upload, max_downloads, expires_at)
        values (@UserId, @NodeId, @TokenHash, @TokenProtected, @Name, @PasswordHash, @AllowsDownload, @AllowsUpload,
            @MaxDownloads, @expiresAt)
        returning id
        """;

    /// <summary>Shares a live file or folder of the caller's.</summary>
    /// <exception cref="StorageException">
    /// NotFound (the node), InvalidValue, NotAllowed (the plan), LimitReached.
    /// </exception>
    public Task<ShareLink> AddAsync(Caller caller, NewShareLink wish, CancellationToken ct)
    {
        RequireName(wish.Name);
        RequireMaximum(wish.MaxDownloads);
        return database.WriteAsync(async transaction =>
        {
            var connection = transaction.Connection!;
            var rules = await LockRulesAsync(transaction, caller, ct);
            var expiresAt = await ExpiryAsync(transaction, rules, wish.Term, ct);
            var isFolder = await NodeAsync(transaction, caller, wish.NodeId, ct);
            RequireRights(isFolder, wish.AllowsDownload, wish.AllowsUpload);
            var id = await connection.ExecuteScalarAsync<long>(new(SqlAdd, new
            {
                caller.UserId, wish.NodeId, wish.TokenHash, wish.TokenProtected, wish.Name, wish.PasswordHash,
                wish.AllowsDownload, wish.AllowsUpload, wish.MaxDownloads, expiresAt,
            }, transaction, cancellationToken: ct));
            await RequireRoomAsync(transaction, rules, caller, ct);
            var made = await GetAsync(connection, transaction, caller, id, ct);
            await TellAsync(transaction, AuditActions.ShareAdd, WebhookEvents.ShareCreated, caller, made, ct);
            return made;
        }, ct);
    }

    private static async Task<bool> NodeAsync(
        NpgsqlTransaction transaction, Caller caller, long nodeId, CancellationToken ct)
    {
        var parameters = new { NodeId = nodeId, caller.UserId };
        if (await transaction.Connection!.ExecuteScalarAsync<long?>(
                new(SqlLockNode, parameters, transaction, cancellationToken: ct)) is null
            || await transaction.Connection!.ExecuteScalarAsync<bool?>(
                new(SqlNode, parameters, transaction, cancellationToken: ct)) is not { } isFolder)
            throw new StorageException(StorageFault.NotFound,
                "There is no such file or folder; the top folder as a whole is not shared.");
        return isFolder;
    }

    private const string SqlCounts = $"""
        select count(*) as all_of_them, count(*) filter (where {NotOver}) as open,
               count(*) filter (where {NotOver} and s.password_hash is null) as without_password
        from share_links s where s.user_id = @UserId and s.revoked_at is null
        """;

    private sealed record Counts(long AllOfThem, long Open, long WithoutPassword);

    /// <summary>With what was just written.</summary>
    private static async Task RequireRoomAsync(
        NpgsqlTransaction transaction, Rules rules, Caller caller, CancellationToken ct)
    {
        var counts = await transaction.Connection!.QuerySingleAsync<Counts>(
            new(SqlCounts, new { caller.UserId }, transaction, cancellationToken: ct));
        if (rules.MaxShareLinks == 0)
            throw NoShares();
        if (counts.Open > rules.MaxShareLinks || counts.AllOfThem > MaxPerUser)
            throw new StorageException(StorageFault.LimitReached,
                $"The account has {Math.Min(rules.MaxShareLinks ?? MaxPerUser, MaxPerUser)} share links, and may have "
                + "no more. Revoke some.");
        if (counts.WithoutPassword > rules.MaxShareLinksWithoutPassword)
            throw new StorageException(StorageFault.NotAllowed, rules.MaxShareLinksWithoutPassword == 0
                ? "The plan of this account asks for a password on each share link."
                : $"The plan of this account allows {rules.MaxShareLinksWithoutPassword} share links without a "
                + "password. Give this one a password.");
    }

    private static StorageException NoShares() =>
        new(StorageFault.NotAllowed, "The plan of this account allows no share links.");

    private const string SqlExpiry = """
        select case when @ExpiresAt::timestamptz is not null then @ExpiresAt
                    when @Days::int is not null then now() + make_interval(days => least(@Days, 36500)) end
                   as expires_at,
               case when @MaxShareDays::int is not null then now() + make_interval(days => @MaxShareDays) end as latest,
               now() as now
        """;

    private sealed record Expiry(DateTime? ExpiresAt, DateTime? Latest, DateTime Now);

    /// <summary>By the database's clock, within what the plan allows.</summary>
    private static async Task<DateTime?> ExpiryAsync(
        NpgsqlTransaction transaction, Rules rules, ShareTerm term, CancellationToken ct)
    {
        if (rules.MaxShareDays == 0)
            throw NoShares();
        if (ReferenceEquals(term, ShareTerm.Usual) && rules.MaxShareDays < term.Days)
            term = term with { Days = rules.MaxShareDays };
        if (term == ShareTerm.Never && rules.MaxShareDays is null)
            return null;
        var expiry = await transaction.Connection!.QuerySingleAsync<Expiry>(new(
            SqlExpiry, new { term.ExpiresAt, term.Days, rules.MaxShareDays }, transaction, cancellationToken: ct));
        if (rules.MaxShareDays is { } most && (expiry.ExpiresAt is null || expiry.ExpiresAt > expiry.Latest))
            throw new StorageException(StorageFault.NotAllowed,
                $"The plan of this account allows share links for {most} days at most.");
        return expiry.ExpiresAt > expiry.Now ? expiry.ExpiresAt
            : throw new StorageException(StorageFault.InvalidValue, "A share link expires in the future.");
    }

    private static void RequireName(string? name)
    {
        if (name is not null && (name.EnumerateRunes().Count() is 0 or > MaxNameLength || name.Any(char.IsControl)))
            throw new StorageException(StorageFault.InvalidValue,
                $"The name of a share link has 1 to {MaxNameLength} letters and no control character.");
    }

    private static void RequireMaximum(long? downloads)
    {
        if (downloads < 1)
            throw new StorageException(StorageFault.InvalidValue, "maxDownloads is 1 or more.");
    }

    private static void RequireRights(bool isFolder, bool allowsDownload, bool allowsUpload)
    {
        if (!isFolder && allowsUpload)
            throw new StorageException(StorageFault.InvalidValue, "Only a folder takes uploads.");
        if (!allowsDownload && !allowsUpload)
            throw new StorageException(StorageFault.InvalidValue, "A share link allows downloads, uploads or both.");
    }

    // Changing --------------------------------------------------------------------------------------------------------

    /// <summary>Visitors who count a download wait, and then see the change.</summary>
    private const string SqlLock =
        "select s.id from share_links s where s.id = @id and s.user_id = @UserId for no key update";

    private const string SqlChange = """
        update share_links s set
            name = case when @Name::text is null then name else nullif(@Name, '') end,
            password_hash = case when @PasswordHash::text is null then password_hash else nullif(@PasswordHash, '') end,
            max_downloads =
                case when @MaxDownloads::bigint is null then max_downloads else nullif(@MaxDownloads, 0) end,
            allows_download = @allowsDownload, allows_upload = @allowsUpload,
            expires_at = case when @isNewTerm then @expiresAt else expires_at end,
            stamp = case when @isNewStamp then gen_random_uuid() else stamp end
        where s.id = @id
        """;

    /// <summary>
    /// Changes one of the caller's. Visitors who are inside by a password, and mounted drives, begin anew where a
    /// password, a maximum or a right changed. Faults: NotFound, InvalidValue, NotAllowed (the plan), LimitReached.
    /// </summary>
    public Task<ShareLink> ChangeAsync(Caller caller, long id, ShareLinkChanges changes, CancellationToken ct)
    {
        RequireName(changes.Name is { Length: 0 } ? null : changes.Name);
        RequireMaximum(changes.MaxDownloads is 0 ? null : changes.MaxDownloads);
        return database.WriteAsync(async transaction =>
        {
            var connection = transaction.Connection!;
            var rules = await LockRulesAsync(transaction, caller, ct);
            await connection.ExecuteAsync(
                new(SqlLock, new { id, caller.UserId }, transaction, cancellationToken: ct));
            var old = await GetAsync(connection, transaction, caller, id, ct);
            if (changes.MaxDownloads > 0 && changes.MaxDownloads < old.Downloads)
                throw new StorageException(StorageFault.InvalidValue,
                    $"There were {old.Downloads} downloads already, and maxDownloads is no less.");
            var allowsDownload = changes.AllowsDownload ?? old.AllowsDownload;
            var allowsUpload = changes.AllowsUpload ?? old.AllowsUpload;
            RequireRights(old.IsFolder, allowsDownload, allowsUpload);
            var expiresAt = changes.Term is { } term ? await ExpiryAsync(transaction, rules, term, ct) : null;
            await connection.ExecuteAsync(new(SqlChange, new
            {
                id, changes.Name, changes.PasswordHash, changes.MaxDownloads, allowsDownload, allowsUpload,
                expiresAt, isNewTerm = changes.Term is not null,
                isNewStamp = changes.PasswordHash is not null || changes.MaxDownloads is not null
                    || allowsDownload != old.AllowsDownload || allowsUpload != old.AllowsUpload,
            }, transaction, cancellationToken: ct));
            // A smaller plan ends nothing, and lets nothing grow.
            if (changes is not { Term: null, MaxDownloads: null, PasswordHash: null or { Length: > 0 } })
                await RequireRoomAsync(transaction, rules, caller, ct);
            var changed = await GetAsync(connection, transaction, caller, id, ct);
            await TellAsync(transaction, AuditActions.ShareChange, WebhookEvents.ShareChanged, caller, changed, ct);
            return changed;
        }, ct);
    }

    private const string SqlRevoke = """
        update share_links set revoked_at = now(), stamp = gen_random_uuid() where id = @id and revoked_at is null
        """;

    private const string SqlForgetRevoked = """
        delete from share_links where id = any(array(
            select s.id from share_links s where s.user_id = @UserId and s.revoked_at is not null
            order by s.revoked_at desc, s.id desc offset @MaxRevokedPerUser))
        """;

    /// <summary>Ends one of the caller's, on every daemon with the next statement. Fault: NotFound.</summary>
    public Task RevokeAsync(Caller caller, long id, CancellationToken ct) => database.WriteAsync(async transaction =>
    {
        var connection = transaction.Connection!;
        await LockRulesAsync(transaction, caller, ct);
        var old = await GetAsync(connection, transaction, caller, id, ct);
        await connection.ExecuteAsync(new(SqlRevoke, new { id }, transaction, cancellationToken: ct));
        await connection.ExecuteAsync(new(
            SqlForgetRevoked, new { caller.UserId, MaxRevokedPerUser }, transaction, cancellationToken: ct));
        await TellAsync(transaction, AuditActions.ShareRevoke, WebhookEvents.ShareRevoked, caller, old, ct);
    }, ct);
}
