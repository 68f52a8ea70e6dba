using System.Data;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Dapper;
using Kosha.Storage.Audit;
using Npgsql;

namespace Kosha.Storage.Accounts;

/// <summary>What a plan limits. Null is unlimited, 0 is nothing.</summary>
public enum PlanLimit
{
    /// <summary>Of files, trash, versions and what uploads reserve, together.</summary>
    MaxBytes,

    /// <summary>Files and folders, those in the trash included.</summary>
    MaxNodes,

    /// <summary>Of one file.</summary>
    MaxFileBytes,

    /// <summary>How long the trash is kept.</summary>
    TrashDays,

    /// <summary>How long versions of files are kept.</summary>
    VersionDays,

    /// <summary>Uploads under way at once; null: as the daemon's setting says.</summary>
    MaxOpenUploads,

    /// <summary>Share links that are open; 0: none may be made.</summary>
    MaxShareLinks,

    /// <summary>How long a share link is open; null: also for ever.</summary>
    MaxShareDays,

    /// <summary>Of the open share links those without a password; 0: each has one.</summary>
    MaxShareLinksWithoutPassword,
}

/// <summary>One row of <c>plans</c>, and how many users have it.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by Dapper.")]
public sealed record PlanRow
{
    public long Id { get; init; }

    public string Name { get; init; } = "";

    public long? MaxBytes { get; init; }

    public long? MaxNodes { get; init; }

    public long? MaxFileBytes { get; init; }

    public int? TrashDays { get; init; }

    public int? VersionDays { get; init; }

    public int? MaxOpenUploads { get; init; }

    public int? MaxShareLinks { get; init; }

    public int? MaxShareDays { get; init; }

    public int? MaxShareLinksWithoutPassword { get; init; }

    public long Users { get; init; }

    /// <summary>All of them.</summary>
    public IReadOnlyDictionary<PlanLimit, long?> Limits => new Dictionary<PlanLimit, long?>
    {
        [PlanLimit.MaxBytes] = MaxBytes,
        [PlanLimit.MaxNodes] = MaxNodes,
        [PlanLimit.MaxFileBytes] = MaxFileBytes,
        [PlanLimit.TrashDays] = TrashDays,
        [PlanLimit.VersionDays] = VersionDays,
        [PlanLimit.MaxOpenUploads] = MaxOpenUploads,
        [PlanLimit.MaxShareLinks] = MaxShareLinks,
        [PlanLimit.MaxShareDays] = MaxShareDays,
        [PlanLimit.MaxShareLinksWithoutPassword] = MaxShareLinksWithoutPassword,
    };
}

/// <summary>
/// The table <c>plans</c>. Users refer to a plan, and every write looks at it anew: a change counts for all of them at
/// once. What exceeds a smaller plan stays; only new writes are refused.
/// </summary>
public sealed class PlanTable(Database database)
{
    /// <summary>The plan of new users, which therefore stays.</summary>
    public const string Default = "default";

    /// <summary>Letters of a name.</summary>
    public const int MaxNameLength = 80;

    /// <summary>The largest number that a limit can be; whoever wants more wants no limit.</summary>
    public static long Most(PlanLimit limit) => limit switch
    {
        PlanLimit.MaxBytes or PlanLimit.MaxFileBytes => 1L << 60,
        PlanLimit.TrashDays or PlanLimit.VersionDays or PlanLimit.MaxShareDays => 36_500,
        _ => 1_000_000_000,
    };

    /// <summary>Of a new plan, where nobody says otherwise.</summary>
    private const int UsualDays = 30;

    /// <summary>Columns of a <see cref="PlanRow"/>, for a table named p.</summary>
    internal const string Columns = """
        p.id, p.name, p.max_bytes, p.max_nodes, p.max_file_bytes, p.trash_days, p.version_days, p.max_open_uploads,
        p.max_share_links, p.max_share_days, p.max_share_links_without_password
        """;

    private const string SqlList = $"""
        select {Columns}, c.users
        from plans p cross join lateral (select count(*) as users from users u where u.plan_id = p.id) c
        order by p.name
        """;

    /// <summary>All plans, by name.</summary>
    public Task<IReadOnlyList<PlanRow>> ListAsync(CancellationToken ct) =>
        database.ReadAsync<IReadOnlyList<PlanRow>>(async connection =>
            (await connection.QueryAsync<PlanRow>(new(SqlList, cancellationToken: ct))).AsList(), ct);

    /// <summary>The plan of this name. Fault: NotFound.</summary>
    public async Task<PlanRow> GetAsync(string name, CancellationToken ct) =>
        (await ListAsync(ct)).FirstOrDefault(plan => plan.Name == name)
        ?? throw new StorageException(StorageFault.NotFound, $"There is no plan '{name}'.");

    private const string SqlAdd = $"""
        insert into plans as p (
            name, max_bytes, max_nodes, max_file_bytes, trash_days, version_days, max_open_uploads,
            max_share_links, max_share_days, max_share_links_without_password)
        values (@name, @MaxBytes, @MaxNodes, @MaxFileBytes, @TrashDays, @VersionDays, @MaxOpenUploads,
            @MaxShareLinks, @MaxShareDays, @MaxShareLinksWithoutPassword)
        on conflict (name) do nothing returning {Columns}
        """;

    /// <summary>
    /// Makes a plan. What is not said is unlimited, but trash and versions are kept for 30 days. Faults: AlreadyExists,
    /// InvalidValue.
    /// </summary>
    public Task<PlanRow> AddAsync(
        string name, IReadOnlyDictionary<PlanLimit, long?> limits, CancellationToken ct) =>
        AddAsync(name, limits, told: null, ct);

    /// <param name="name">Of the plan.</param>
    /// <param name="limits">What it limits.</param>
    /// <param name="told">What the audit log is told of it; null: nothing.</param>
    /// <param name="ct">Ends it.</param>
    /// <inheritdoc cref="AddAsync(string, IReadOnlyDictionary{PlanLimit, long?}, CancellationToken)"/>
    public Task<PlanRow> AddAsync(
        string name, IReadOnlyDictionary<PlanLimit, long?> limits, AuditEntry? told, CancellationToken ct)
    {
        CheckName(name);
        var all = new Dictionary<PlanLimit, long?>(limits);
        all.TryAdd(PlanLimit.TrashDays, UsualDays);
        all.TryAdd(PlanLimit.VersionDays, UsualDays);
        var parameters = Parameters(all);
        parameters.Add("name", name);
        return database.WriteAsync(async transaction =>
        {
            var made = await transaction.Connection!.QuerySingleOrDefaultAsync<PlanRow>(
                new(SqlAdd, parameters, transaction, cancellationToken: ct))
                ?? throw new StorageException(StorageFault.AlreadyExists, $"There is a plan '{name}' already.");
            await AuditTable.AddAsync(transaction, told, userId: null, name, ct);
            return made;
        }, ct);
    }

    private const string SqlSet = $"""
        update plans p set
            max_bytes = case when 'MaxBytes' = any(@changed) then @MaxBytes else max_bytes end,
            max_nodes = case when 'MaxNodes' = any(@changed) then @MaxNodes else max_nodes end,
            max_file_bytes = case when 'MaxFileBytes' = any(@changed) then @MaxFileBytes else max_file_bytes end,
            trash_days = case when 'TrashDays' = any(@changed) then @TrashDays else trash_days end,
            version_days = case when 'VersionDays' = any(@changed) then @VersionDays else version_days end,
            max_open_uploads =
                case when 'MaxOpenUploads' = any(@changed) then @MaxOpenUploads else max_open_uploads end,
            max_share_links = case when 'MaxShareLinks' = any(@changed) then @MaxShareLinks else max_share_links end,
            max_share_days = case when 'MaxShareDays' = any(@changed) then @MaxShareDays else max_share_days end,
            max_share_links_without_password = case when 'MaxShareLinksWithoutPassword' = any(@changed)
                then @MaxShareLinksWithoutPassword else max_share_links_without_password end
        where p.id = @id
        returning {Columns}, (select count(*) from users u where u.plan_id = p.id) as users
        """;

    /// <summary>Changes some limits; those that are not named stay. Faults: NotFound, InvalidValue.</summary>
    public Task<PlanRow> SetAsync(
        long id, IReadOnlyDictionary<PlanLimit, long?> changes, CancellationToken ct) =>
        SetAsync(id, changes, told: null, ct);

    /// <param name="id">Of the plan.</param>
    /// <param name="changes">The limits that change.</param>
    /// <param name="told">What the audit log is told of it; null: nothing.</param>
    /// <param name="ct">Ends it.</param>
    /// <inheritdoc cref="SetAsync(long, IReadOnlyDictionary{PlanLimit, long?}, CancellationToken)"/>
    public Task<PlanRow> SetAsync(
        long id, IReadOnlyDictionary<PlanLimit, long?> changes, AuditEntry? told, CancellationToken ct)
    {
        var parameters = Parameters(changes);
        parameters.AddDynamicParams(new { id, changed = changes.Keys.Select(limit => limit.ToString()).ToArray() });
        return database.WriteAsync(async transaction =>
        {
            var plan = await transaction.Connection!.QuerySingleOrDefaultAsync<PlanRow>(
                new(SqlSet, parameters, transaction, cancellationToken: ct)) ?? throw Missing();
            await AuditTable.AddAsync(transaction, told is null ? null : told with { Detail = Say(changes) },
                userId: null, plan.Name, ct);
            return plan;
        }, ct);
    }

    private static string Say(IReadOnlyDictionary<PlanLimit, long?> changes) => string.Join(", ", changes.Select(
        change => string.Create(CultureInfo.InvariantCulture, $"{change.Key} {change.Value}").TrimEnd()));

    private const string SqlDelete = """
        delete from plans p where p.id = @id and p.name <> @Default returning p.name;
        """;

    private const string SqlName = "select name from plans where id = @id";

    /// <summary>Removes a plan that nobody has. Faults: NotFound; InUse, also for the plan of new users.</summary>
    public Task DeleteAsync(long id, CancellationToken ct) => DeleteAsync(id, told: null, ct);

    /// <param name="id">Of the plan.</param>
    /// <param name="told">What the audit log is told of it; null: nothing.</param>
    /// <param name="ct">Ends it.</param>
    /// <inheritdoc cref="DeleteAsync(long, CancellationToken)"/>
    public async Task DeleteAsync(long id, AuditEntry? told, CancellationToken ct)
    {
        try
        {
            await database.WriteAsync(async transaction =>
            {
                var connection = transaction.Connection!;
                if (await connection.ExecuteScalarAsync<string?>(
                    new(SqlDelete, new { id, Default }, transaction, cancellationToken: ct)) is { } gone)
                {
                    await AuditTable.AddAsync(transaction, told, userId: null, gone, ct);
                    return;
                }
                var name = await connection.ExecuteScalarAsync<string?>(
                    new(SqlName, new { id }, transaction, cancellationToken: ct));
                throw name is null ? Missing() : new StorageException(
                    StorageFault.InUse, $"New users get the plan '{name}', so it stays. Change its limits instead.");
            }, ct);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ForeignKeyViolation)
        {
            throw new StorageException(StorageFault.InUse,
                "There are users with this plan, or who are invited to it. Give them another one first.", e);
        }
    }

    private static StorageException Missing() => new(StorageFault.NotFound, "There is no such plan.");

    /// <summary>All of them, of which those that are not named are null.</summary>
    private static DynamicParameters Parameters(IReadOnlyDictionary<PlanLimit, long?> limits)
    {
        var parameters = new DynamicParameters();
        foreach (var limit in Enum.GetValues<PlanLimit>())
        {
            var value = limits.GetValueOrDefault(limit);
            if (value < 0 || value > Most(limit))
                throw new StorageException(StorageFault.InvalidValue,
                    $"{limit} is a number from 0 to {Most(limit)}, or unlimited.");
            parameters.Add(limit.ToString(), value, DbType.Int64);
        }
        return parameters;
    }

    private static void CheckName(string name)
    {
        if (name.Length is 0 or > MaxNameLength || name.Trim() != name || name.Any(char.IsControl)
            || UserTable.Normalize(name) != name)
            throw new StorageException(StorageFault.InvalidValue,
                $"A plan's name has 1 to {MaxNameLength} letters, no control characters, and no space at its ends.");
    }
}
