using Dapper;
using Kosha.Storage.Accounts;
using Kosha.Storage.Blobs;
using Kosha.Storage.Tree;
using Npgsql;

namespace Kosha.Storage.Uploads;

/// <summary>
/// The table <c>uploads</c>. What comes from a user asks whether the credential holds, and sees that user's own alone:
/// another's is as good as none. Times are the database's.
/// </summary>
internal sealed partial class UploadTable(Database database)
{
    /// <summary>How long a reservation lasts after the last URL was asked for.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    private const string Columns = """
        p.id, p.user_id, p.folder_id, p.path, p.size, p.sha256, p.content_type, p.modified_at, p.if_match,
        p.if_none_match,
        p.is_direct, p.part_bytes, p.multipart_id, p.received, p.sha1, p.md5, p.etag, p.reserved_bytes, p.expires_at,
        p.fault, p.message,
        -- Who verified it is gone, or nobody has looked yet whether its time is over.
        case when p.state in ('open', 'verifying') and p.expires_at <= now()
                  and coalesce(p.verifier_until <= now(), true) then 'expired'
             when p.state = 'verifying' and p.verifier_until <= now() then 'open'
             else p.state end as state
        """;

    /// <summary>What a caller goes on with of its user's uploads: those that begin at the same root.</summary>
    private const string IsOwn = $"p.folder_id is not distinct from @RootId and {Caller.Holds}";

    /// <summary>What it sees and may cancel: without a folder all, for all of them count.</summary>
    private const string IsSeen = $"(@RootId::bigint is null or p.folder_id = @RootId) and {Caller.Holds}";

    // A user's own ----------------------------------------------------------------------------------------------------

    private const string SqlFind = $"""
        select {Columns} from uploads p join users u on u.id = p.user_id where p.id = @id and {IsOwn}
        """;

    /// <summary>An upload of the caller's, whatever its state; null: there is none.</summary>
    public Task<Upload?> FindAsync(Caller caller, long id, CancellationToken ct) =>
        AskAsync(SqlFind, caller, new { id }, ct);

    private const string SqlSee = $"""
        select {Columns} from uploads p join users u on u.id = p.user_id where p.id = @id and {IsSeen}
        """;

    /// <summary>The same of all that the caller sees.</summary>
    public Task<Upload?> SeeAsync(Caller caller, long id, CancellationToken ct) =>
        AskAsync(SqlSee, caller, new { id }, ct);

    private const string SqlOpen = $"""
        select {Columns} from uploads p join users u on u.id = p.user_id
        where p.user_id = @UserId and p.state in ('open', 'verifying') and p.expires_at > now() and {IsSeen}
        order by p.id
        """;

    /// <summary>The uploads that the caller sees and that can still become files; their number is limited.</summary>
    public Task<List<Upload>> OpenAsync(Caller caller, CancellationToken ct) =>
        database.ReadAsync(async connection =>
            (await connection.QueryAsync<Upload>(new(SqlOpen, caller, cancellationToken: ct))).AsList(), ct);

    private const string SqlHolds = $"select exists (select from users u where {Caller.Holds})";

    /// <exception cref="StorageException">CredentialRevoked.</exception>
    public async Task RequireCredentialAsync(Caller caller, CancellationToken ct)
    {
        var holds = await database.ReadAsync(connection =>
            connection.ExecuteScalarAsync<bool>(new(SqlHolds, caller, cancellationToken: ct)), ct);
        if (!holds)
            throw Caller.Revoked();
    }

    // Reserving -------------------------------------------------------------------------------------------------------

    private const string SqlPending = """
        select count(*) from uploads where user_id = @UserId and cleared_at is null and state <> 'completed'
        """;

    /// <summary>Uploads that hold a reservation or may still get bytes.</summary>
    public static Task<long> PendingAsync(NpgsqlTransaction transaction, Caller caller, CancellationToken ct) =>
        transaction.Connection!.ExecuteScalarAsync<long>(new(SqlPending, caller, transaction, cancellationToken: ct));

    private const string SqlAdd = $"""
        insert into uploads as p (
            user_id, folder_id, path, size, sha256, content_type, modified_at, if_match, if_none_match, is_direct,
            part_bytes, state, reserved_bytes, urls_expire_at, expires_at)
        values (
            @UserId, @RootId, @path, @size, @sha256, @ContentType, @ModifiedAt, @ifMatch, @ifNoneMatch, @isDirect,
            @PartBytes, 'open', @size, now() + @urlLifetime, now() + @Lifetime)
        returning {Columns}
        """;

    /// <summary>Part of the transaction that has taken its size from the usage.</summary>
    public static Task<Upload> AddAsync(
        NpgsqlTransaction transaction, Caller caller, NewUpload wish, bool isDirect, CancellationToken ct) =>
        transaction.Connection!.QuerySingleAsync<Upload>(
            new(SqlAdd, caller.With(new
            {
                path = PathOf(wish), size = wish.Size, sha256 = wish.Sha256.Bytes, wish.ContentType, wish.ModifiedAt,
                ifMatch = Upload.Text(wish.Conditions.IfMatch),
                ifNoneMatch = Upload.Text(wish.Conditions.IfNoneMatch), isDirect, wish.PartBytes,
                urlLifetime = DirectUploads.UrlLifetime, Lifetime,
            }), transaction, cancellationToken: ct));

    private const string SqlAddNamed = $"""
        insert into uploads as p (
            user_id, folder_id, path, size, sha256, content_type, modified_at, if_match, if_none_match, is_direct,
            part_bytes, state, etag, reserved_bytes, urls_expire_at, expires_at, ended_at, cleared_at)
        select @UserId, @RootId, @path, @size, @sha256, @ContentType, @ModifiedAt, @ifMatch, @ifNoneMatch, false,
               @PartBytes, 'completed', n.etag, 0, now() + @urlLifetime, now() + @Lifetime, now(), now()
        from file_nodes n where n.parent_id = @folderId and n.name = @Name
        returning {Columns};
        """;

    /// <summary>Goes with <see cref="NodeTree.PutFileAsync"/>: an upload that has become its file already.</summary>
    public static Question AddNamed(Caller caller, NewUpload wish, Action<Upload> answer) =>
        new(SqlAddNamed, new
        {
            caller.RootId, path = PathOf(wish), sha256 = wish.Sha256.Bytes,
            ifMatch = Upload.Text(wish.Conditions.IfMatch),
            ifNoneMatch = Upload.Text(wish.Conditions.IfNoneMatch), wish.PartBytes,
            urlLifetime = DirectUploads.UrlLifetime, Lifetime,
        }, async results => answer(await results.ReadSingleAsync<Upload>()));

    private static string PathOf(NewUpload wish) => string.Join('/', wish.Path.Names);

    private const string SqlSetMultipart = $"""
        update uploads p set multipart_id = @multipartId, urls_expire_at = now() + @urlLifetime
        where p.id = @Id and p.state = 'open' and p.multipart_id is null returning {Columns}
        """;

    /// <summary>The store's name of an upload in parts, before their URLs are given out. Null: it has one already, or
    /// is open no more.</summary>
    public Task<Upload?> SetMultipartAsync(long id, string multipartId, CancellationToken ct) => ChangeAsync(
        SqlSetMultipart, new { Id = id, multipartId, urlLifetime = DirectUploads.UrlLifetime }, ct);

    private const string SqlProlong = $"""
        update uploads p set urls_expire_at = greatest(p.urls_expire_at, now() + @urlLifetime),
            expires_at = now() + @Lifetime
        from users u
        where p.id = @id and p.user_id = u.id and p.state = 'open' and p.expires_at > now() and {IsOwn}
        returning {Columns}
        """;

    /// <summary>Before new URLs are given out. Null: there is no such upload of the caller's, or it is not open.
    /// </summary>
    public Task<Upload?> ProlongAsync(Caller caller, long id, CancellationToken ct) => ChangeAsync(
        SqlProlong, caller.With(new { id, urlLifetime = DirectUploads.UrlLifetime, Lifetime }), ct);

    // Receiving -------------------------------------------------------------------------------------------------------

    private const string SqlReceivable = $"""
        select {Columns} from uploads p
        where p.id = @id and p.state = 'open' and not p.is_direct and p.expires_at > now()
        """;

    /// <summary>For whoever has a URL of a daemon: the upload that it leads to; null: it takes no bytes.</summary>
    public Task<Upload?> FindReceivableAsync(long id, CancellationToken ct) => database.ReadAsync(connection =>
        connection.QuerySingleOrDefaultAsync<Upload?>(new(SqlReceivable, new { id }, cancellationToken: ct)), ct);

    private const string SqlReceived = $"""
        update uploads p set sha1 = @Sha1, md5 = @Md5, received =
            case when @part = any(p.received) then p.received else p.received || @part end
        where p.id = @id and p.state = 'open' returning {Columns}
        """;

    /// <summary>What came is durable under its staging key. Null: the upload is open no more.</summary>
    /// <param name="id">The upload.</param>
    /// <param name="part">Its number; 0: all of it.</param>
    /// <param name="whole">What is known of all of it; null for a part.</param>
    /// <param name="ct">Ends it.</param>
    public Task<Upload?> SetReceivedAsync(long id, int part, BlobContent? whole, CancellationToken ct) =>
        ChangeAsync(SqlReceived, new { id, part, whole?.Sha1, whole?.Md5 }, ct);

    private const string SqlIsOver = "select not exists (select from uploads where id = @id and ended_at is null)";

    /// <summary>Whether nobody will look at its bytes any more: it has ended, which is for ever, or is forgotten.
    /// </summary>
    public Task<bool> IsOverAsync(long id, CancellationToken ct) => database.ReadAsync(connection =>
        connection.ExecuteScalarAsync<bool>(new(SqlIsOver, new { id }, cancellationToken: ct)), ct);

    // Completing ------------------------------------------------------------------------------------------------------

    private const string SqlTake = $"""
        update uploads p set state = 'verifying', verifier = @verifier, verifier_until = now() + @patience,
            fault = null, message = null
        from users u
        where p.id = @id and p.user_id = u.id and p.expires_at > now() and {IsOwn}
          and (p.state = 'open' or (p.state = 'verifying' and p.verifier_until <= now()))
        returning {Columns}
        """;

    /// <summary>Takes an upload to verify and name it. Null: it is not there to be taken.</summary>
    public Task<Upload?> TakeAsync(
        Caller caller, long id, Guid verifier, TimeSpan patience, CancellationToken ct) =>
        ChangeAsync(SqlTake, caller.With(new { id, verifier, patience }), ct);

    private const string SqlKeep = """
        update uploads set verifier_until = now() + @patience where id = @id and verifier = @verifier
        """;

    /// <summary>Goes on verifying. False: somebody else has taken it.</summary>
    public async Task<bool> KeepAsync(long id, Guid verifier, TimeSpan patience, CancellationToken ct) =>
        await database.WriteAsync(transaction => transaction.Connection!.ExecuteAsync(
            new(SqlKeep, new { id, verifier, patience }, transaction, cancellationToken: ct)), ct) > 0;

    private const string SqlSettle = """
        update uploads set state = 'completed', etag = @etag, reserved_bytes = 0, multipart_id = null,
            verifier = null, verifier_until = null, ended_at = now()
        where id = @id and verifier = @verifier
        """;

    /// <summary>
    /// Part of the naming transaction, after the usage: no writer waits for this row. False: somebody else has taken
    /// it, and the transaction must not commit.
    /// </summary>
    public static async Task<bool> SettleAsync(
        NpgsqlTransaction transaction, long id, Guid verifier, Guid etag, CancellationToken ct) =>
        await transaction.Connection!.ExecuteAsync(
            new(SqlSettle, new { id, verifier, etag }, transaction, cancellationToken: ct)) > 0;

    private const string SqlGiveBack = """
        update uploads set state = case when @isFailed then 'failed' else 'open' end,
            fault = @fault, message = @Message, verifier = null, verifier_until = null,
            ended_at = case when @isFailed then now() end
        where id = @id and verifier = @verifier
        """;

    /// <summary>It was not named: it is open again, or with other bytes than announced it has failed.</summary>
    public Task GiveBackAsync(long id, Guid verifier, StorageException reason, CancellationToken ct) =>
        database.WriteAsync(transaction => transaction.Connection!.ExecuteAsync(new(SqlGiveBack, new
        {
            id, verifier, isFailed = reason.Fault == StorageFault.DigestMismatch,
            fault = reason.Fault.ToString(), reason.Message,
        }, transaction, cancellationToken: ct)), ct);

    private const string SqlCancel = $"""
        update uploads p set state = 'cancelled', ended_at = now(), verifier = null, verifier_until = null
        from users u
        where p.id = @id and p.user_id = u.id and {IsSeen}
          and (p.state = 'open' or (p.state = 'verifying' and p.verifier_until <= now()))
        returning {Columns}
        """;

    /// <summary>Null: there is no such upload of the caller's, or it is not open.</summary>
    public Task<Upload?> CancelAsync(Caller caller, long id, CancellationToken ct) =>
        ChangeAsync(SqlCancel, caller.With(new { id }), ct);

    private Task<Upload?> ChangeAsync(string sql, object parameters, CancellationToken ct) =>
        database.WriteAsync(transaction => transaction.Connection!.QuerySingleOrDefaultAsync<Upload?>(
            new(sql, parameters, transaction, cancellationToken: ct)), ct);

    private Task<Upload?> AskAsync(string sql, Caller caller, object more, CancellationToken ct) =>
        database.ReadAsync(connection => connection.QuerySingleOrDefaultAsync<Upload?>(
            new(sql, caller.With(more), cancellationToken: ct)), ct);
}
