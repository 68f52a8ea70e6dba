using System.Diagnostics.CodeAnalysis;
using Dapper;
using Kosha.Storage.Accounts;
using Npgsql;

namespace Kosha.Storage.Search;

/// <summary>A search that a user keeps.</summary>
/// <param name="Id">0 for one that is still to be kept.</param>
/// <param name="Name">1 to 80 letters, unique for the user without case.</param>
/// <param name="Query">What it looks for.</param>
public sealed record SearchProfile(long Id, string Name, NodeQuery Query);

/// <summary>
/// The table <c>search_profiles</c>. Every method works on the caller's own alone. Faults: CredentialRevoked,
/// Unavailable.
/// </summary>
public sealed class SearchProfileTable(Database database)
{
    public const int MaxPerUser = 100;
    public const int MaxNameLength = 80;

    [SuppressMessage("Performance", "CA1812", Justification = "Made by Dapper.")]
    private sealed record Row
    {
        public bool Holds { get; init; }

        public long? Id { get; init; }

        public string Name { get; init; } = "";

        public string? Query { get; init; }

        public string[]? FileTypes { get; init; }

        public string[]? Extensions { get; init; }

        public long? SizeMin { get; init; }

        public long? SizeMax { get; init; }

        public DateTime? DateFrom { get; init; }

        public DateTime? DateTo { get; init; }

        public long? FolderId { get; init; }

        public bool Favorites { get; init; }

        public SearchProfile ToProfile() => new(Id!.Value, Name, new()
        {
            Text = Query,
            // A kind that a newer Kosha knew is passed over.
            Types = FileTypes?.Select(t => Enum.TryParse<FileType>(t, out var type) ? type : (FileType?)null)
                .OfType<FileType>().ToArray(),
            Extensions = Extensions,
            MinSize = SizeMin,
            MaxSize = SizeMax,
            From = DateFrom,
            To = DateTo,
            FolderId = FolderId,
            FavoritesOnly = Favorites,
        });
    }

    private const string SqlList = $"""
        select c.holds, p.*
        from (select exists (select from users u where {Caller.Holds}) as holds offset 0) c
        left join lateral (
            select * from search_profiles s
            where c.holds and s.user_id = @UserId and (@id::bigint is null or s.id = @id) offset 0) p on true
        order by lower(p.name)
        """;

    /// <summary>All, by name.</summary>
    public async Task<IReadOnlyList<SearchProfile>> ListAsync(Caller caller, CancellationToken ct) =>
        await FindAsync(caller, id: null, ct);

    /// <summary>One of them. Also fault: NotFound.</summary>
    public async Task<SearchProfile> GetAsync(Caller caller, long id, CancellationToken ct) =>
        (await FindAsync(caller, id, ct)).SingleOrDefault() ?? throw NoSuch();

    private async Task<List<SearchProfile>> FindAsync(Caller caller, long? id, CancellationToken ct)
    {
        var rows = await database.ReadAsync(async connection => (await connection.QueryAsync<Row>(
            new(SqlList, caller.With(new { id }), cancellationToken: ct))).AsList(), ct);
        return rows[0].Holds
            ? [.. rows.Where(row => row.Id is not null).Select(row => row.ToProfile())]
            : throw Caller.Revoked();
    }

    private const string SqlLockUser = $"select u.id from users u where {Caller.Holds} for no key update of u";

    /// <summary>
    /// A statement after the lock, so that of two writers at once the second sees what the first has done.
    /// </summary>
    private const string SqlOwn = """
        select (select count(*) from search_profiles s where s.user_id = @UserId) as count,
               exists (select from search_profiles s where s.user_id = @UserId and lower(s.name) = lower(@name)
                       and s.id is distinct from @id::bigint) as is_taken
        """;

    private sealed record Own(long Count, bool IsTaken);

    private const string SqlAdd = """
        insert into search_profiles (
            user_id, name, query, file_types, extensions, size_min, size_max, date_from, date_to, folder_id, favorites)
        values (@UserId, @name, @Text, @types, @extensions, @MinSize, @MaxSize, @From, @To, @FolderId, @FavoritesOnly)
        returning id
        """;

    /// <summary>Keeps a search. Also faults: InvalidValue, AlreadyExists, LimitReached.</summary>
    /// <returns>Its id.</returns>
    public Task<long> AddAsync(Caller caller, string name, NodeQuery query, CancellationToken ct)
    {
        var parameters = Parameters(caller, id: null, name, query);
        return database.WriteAsync(async transaction =>
        {
            if (await RequireFreeNameAsync(transaction, parameters, ct) >= MaxPerUser)
                throw new StorageException(StorageFault.LimitReached,
                    $"At most {MaxPerUser} searches are kept. Delete one first.");
            return await transaction.Connection!.ExecuteScalarAsync<long>(
                new(SqlAdd, parameters, transaction, cancellationToken: ct));
        }, ct);
    }

    private const string SqlChange = """
        update search_profiles set name = @name, query = @Text, file_types = @types, extensions = @extensions,
            size_min = @MinSize, size_max = @MaxSize, date_from = @From, date_to = @To, folder_id = @FolderId,
            favorites = @FavoritesOnly
        where id = @id and user_id = @UserId
        """;

    /// <summary>Puts another search in its place. Also faults: NotFound, InvalidValue, AlreadyExists.</summary>
    public Task ChangeAsync(Caller caller, SearchProfile profile, CancellationToken ct)
    {
        var parameters = Parameters(caller, profile.Id, profile.Name, profile.Query);
        return database.WriteAsync(async transaction =>
        {
            await RequireFreeNameAsync(transaction, parameters, ct);
            if (await transaction.Connection!.ExecuteAsync(
                new(SqlChange, parameters, transaction, cancellationToken: ct)) == 0)
                throw NoSuch();
        }, ct);
    }

    /// <summary>How many the caller has.</summary>
    private static async Task<long> RequireFreeNameAsync(
        NpgsqlTransaction transaction, DynamicParameters parameters, CancellationToken ct)
    {
        var connection = transaction.Connection!;
        if (await connection.ExecuteScalarAsync<long?>(
            new(SqlLockUser, parameters, transaction, cancellationToken: ct)) is null)
            throw Caller.Revoked();
        var own = await connection.QuerySingleAsync<Own>(
            new(SqlOwn, parameters, transaction, cancellationToken: ct));
        return own.IsTaken
            ? throw new StorageException(StorageFault.AlreadyExists, "A search of this name is kept already.")
            : own.Count;
    }

    private const string SqlDelete = $"""
        delete from search_profiles s using users u where s.user_id = u.id and s.id = @id and {Caller.Holds}
        """;

    /// <summary>Keeps it no more. Also fault: NotFound.</summary>
    public async Task DeleteAsync(Caller caller, long id, CancellationToken ct)
    {
        if (await database.WriteAsync(transaction => transaction.Connection!.ExecuteAsync(
            new(SqlDelete, caller.With(new { id }), transaction, cancellationToken: ct)), ct) == 0)
            await GetAsync(caller, id, ct);
    }

    private static DynamicParameters Parameters(Caller caller, long? id, string name, NodeQuery query)
    {
        query.Check();
        if (name.EnumerateRunes().Count() is 0 or > MaxNameLength || name.Any(char.IsControl))
            throw new StorageException(StorageFault.InvalidValue,
                $"The name of a search has 1 to {MaxNameLength} letters and no control character.");
        return caller.With(new
        {
            id, name, Text = string.IsNullOrWhiteSpace(query.Text) ? null : query.Text.Trim(),
            types = query.Types?.Select(type => type.ToString()).ToArray(), extensions = query.Extensions?.ToArray(),
            query.MinSize, query.MaxSize, query.From, query.To, query.FolderId, query.FavoritesOnly,
        });
    }

    private static StorageException NoSuch() => new(StorageFault.NotFound, "There is no such search.");
}
