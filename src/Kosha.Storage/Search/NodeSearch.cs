using System.Collections.Concurrent;
using Dapper;
using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;

namespace Kosha.Storage.Search;

/// <summary>
/// Finds a user's live nodes by their names, in the table <c>node_names</c>. Names and words are compared by
/// <c>search_key</c>. Faults: CredentialRevoked, Unavailable.
/// </summary>
public sealed class NodeSearch(Database database)
{
    public const int MaxHits = 200;

    /// <summary>Names that have or are like the words and are put in order; what is beyond them is not found.</summary>
    private const string MaxNames = "50000";

    /// <summary>Searches of one user at once: they cost more than other reads.</summary>
    private const int TurnsPerUser = 2;

    private const int PatienceSeconds = 15;

    /// <summary>By user's id. They stay: there are no more of them than users.</summary>
    private readonly ConcurrentDictionary<long, SemaphoreSlim> turns = [];

    /// <summary>Words that are looked for one by one; what follows them is looked for as a whole.</summary>
    private const int MaxWords = 5;

    /// <summary>As it is.</summary>
    private static string IsIn(int word) => $"s.name like (q.patterns)[{word}]";

    /// <summary>
    /// As it is, or with letters that are like it. Both go by the index, together with the user, whose own names alone
    /// are read also where a word is too short for the index.
    /// </summary>
    private static string IsLike(int word) => $"({IsIn(word)} or (q.words)[{word}] <% s.name)";

    private static string All(int words, Func<int, string> has) =>
        words == 0 ? "true" : string.Join(" and ", Enumerable.Range(1, words).Select(has));

    /// <summary>Of a name that has all words as they are; the shorter the better.</summary>
    private const string ExactRank = """
        (case when s.name = q.text then 40000000 when s.name like q.start then 30000000
              when s.name like q.part then 20000000 else 10000000 end - char_length(s.name))::bigint
        """;

    /// <summary>Of a name that is like the words; below every exact one.</summary>
    private const string LikeRank =
        "(1000 * round(1000 * word_similarity(q.text, s.name)) + round(1000 * similarity(q.text, s.name)))::bigint";

    private const string ModifiedRank = "(1000000 * extract(epoch from n.modified_at))::bigint";

    private const string SizeRank = "n.size";

    private const string RankedNode = """
        cross join lateral (select f.modified_at, f.size from file_nodes f where f.id = s.node_id limit 1) n
        """;

    /// <summary>What is looked for, as names are compared, with what LIKE takes for itself escaped.</summary>
    private const string Sought = """
        select k.text, k.escaped || '%' as start, '%' || k.escaped || '%' as part,
               array(select search_key(t) from unnest(@words::text[]) with ordinality x (t, o) order by o) as words,
               array(select '%' || replace(replace(replace(search_key(t), '\', '\\'), '%', '\%'), '_', '\_') || '%'
                     from unnest(@words::text[]) with ordinality x (t, o) order by o) as patterns
        from (select search_key(@text::text) as text,
                     replace(replace(replace(search_key(@text::text), '\', '\\'), '%', '\%'), '_', '\_') as escaped) k
        offset 0
        """;

    /// <summary>
    /// The end of a name behind its last dot. A name that begins with its only dot has none.
    /// </summary>
    private const string Extension = """substring(k.name from '^.+\.([^.]+)$')""";

    /// <summary>On a node f, whose name is k's.</summary>
    private const string Filters = $"""
        (@types::boolean is null or (@folders and f.is_folder) or (not f.is_folder
            and ({Extension} = any(@typeExtensions) or f.content_type like any(@mediaTypes))))
        and (@extensions::text[] is null or (not f.is_folder
            and {Extension} = any(array(select search_key(t) from unnest(@extensions::text[]) t))))
        and (@MinSize::bigint is null or (not f.is_folder and f.size >= @MinSize))
        and (@MaxSize::bigint is null or (not f.is_folder and f.size <= @MaxSize))
        and (@From::timestamptz is null or f.modified_at >= @From)
        and (@To::timestamptz is null or f.modified_at < @To)
        and (not @FavoritesOnly or f.is_favorite)
        """;

    /// <summary>
    /// The names from the caller's root down to a hit n; no row: it is not live, or not in the folder.
    /// </summary>
    private const string WayUp = $"""
        with recursive up as (
            select n.id, n.parent_id, array[n.name] as names, @FolderId::bigint is null as is_inside
            union all
            select p.id, p.parent_id, p.name || up.names, up.is_inside or p.id = @FolderId
            from up cross join lateral (
                select f.id, f.parent_id, f.name from file_nodes f
                where f.id = up.parent_id and f.trashed_at is null limit 1) p
            where not ({NodeTree.IsTop}))
        select names[2:] as names from up where {NodeTree.IsTop} and is_inside and up.id <> n.id
        """;

    /// <summary>
    /// A page of hits. Names alone are taken by index and put in order; then one after the other, and only until the
    /// page is full, has its row read and its way up walked, which says whether it is live and where it is.
    /// </summary>
    /// <param name="condition">On names s and what is sought q.</param>
    /// <param name="rank">On them, and on the node n where <paramref name="more"/> brings it in.</param>
    /// <param name="more">More to take the rank from.</param>
    private static string Hits(string condition, string rank, string more = "") => $"""
        select k.rank, w.names, {NodeTree.SmallColumns}
        from (
            select c.* from (
                select s.node_id as id, s.name, {rank} as rank
                from ({Sought}) q
                cross join lateral (
                    select s.node_id, s.name from node_names s
                    where s.user_id = @UserId and {condition} limit {MaxNames}) s
                {more}) c
            where @afterRank::bigint is null or (c.rank, c.id) < (@afterRank, @afterId)
            order by c.rank desc, c.id desc offset 0) k
        cross join lateral (
            select f.* from file_nodes f where f.id = k.id and f.trashed_at is null and {Filters} limit 1) n
        cross join lateral ({WayUp}) w
        order by k.rank desc, k.id desc limit @limit
        """;

    /// <summary>Names that are only like the words are looked for where the others do not fill the page.</summary>
    private static string RelevantHits(int words) => $"""
        with exact as materialized ({Hits(All(words, IsIn), ExactRank)})
        select * from exact
        union all
        select * from ({Hits(
            $"{IsRoomLeft} and {All(words, IsLike)} and not ({All(words, IsIn)})", LikeRank)}) l
        order by rank desc, id desc limit @limit
        """;

    private const string IsRoomLeft = "(select count(*) from exact) < @limit";

    private static string SqlFind(int words, SearchOrder order) => $"""
        select c.holds, n.rank, n.names, {NodeTree.SmallColumns}
        from (select exists (select from users u where {Caller.Holds}) as holds offset 0) c
        left join lateral ({(order switch
        {
            SearchOrder.Size => Hits(All(words, IsLike), SizeRank, RankedNode),
            SearchOrder.Relevance when words > 0 => RelevantHits(words),
            _ => Hits(All(words, IsLike), ModifiedRank, RankedNode),
        })}) n on c.holds
        order by n.rank desc, n.id desc
        """;

    private sealed record HitPlace
    {
        public bool Holds { get; init; }

        public long Rank { get; init; }

        public string[]? Names { get; init; }
    }

    /// <summary>
    /// A page of what is live and answers the query. One statement. Also fault: InvalidValue.
    /// </summary>
    /// <param name="caller">Who looks, and in whose files.</param>
    /// <param name="query">What for.</param>
    /// <param name="order">Nodes of one rank come by id.</param>
    /// <param name="after">Where the page before ended; null: from the start.</param>
    /// <param name="limit">At most <see cref="MaxHits"/>.</param>
    /// <param name="ct">Ends it.</param>
    public async Task<SearchPage> FindAsync(
        Caller caller, NodeQuery query, SearchOrder order, SearchPosition? after, int limit, CancellationToken ct)
    {
        limit = Math.Clamp(limit, 1, MaxHits);
        // One more, which says whether there is a next page.
        var command = Command(caller, query, order, after, limit + 1, ct);
        var rows = await ReadAsync(caller, command, ct);
        if (!rows[0].At.Holds)
            throw Caller.Revoked();
        SearchHit[] hits = [.. rows.Take(limit).Where(row => row.Node is not null)
            .Select(row => new SearchHit(row.Node!, NodePath.FromNames(row.At.Names!)))];
        return new(hits, rows.Count <= limit ? null : new(rows[limit - 1].At.Rank, hits[^1].Node.Id));
    }

    private async Task<List<(HitPlace At, FileNode? Node)>> ReadAsync(
        Caller caller, CommandDefinition command, CancellationToken ct)
    {
        var turn = turns.GetOrAdd(caller.UserId, _ => new(TurnsPerUser));
        await turn.WaitAsync(ct);
        try
        {
            return await database.ReadAsync(async connection =>
                (await connection.QueryAsync<HitPlace, FileNode?, (HitPlace At, FileNode? Node)>(
                    command, (at, node) => (at, node))).AsList(), ct);
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>The statement of a search. Fault: InvalidValue.</summary>
    internal static CommandDefinition Command(
        Caller caller, NodeQuery query, SearchOrder order, SearchPosition? after, int limit, CancellationToken ct)
    {
        query.Check();
        var words = Words(query.Text);
        return new(
            SqlFind(words.Length, order),
            caller.With(Parameters(query, words, after, limit)), null, PatienceSeconds, cancellationToken: ct);
    }

    private static string[] Words(string? text)
    {
        var all = (text ?? "").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        return all.Length <= MaxWords ? all : [.. all[..(MaxWords - 1)], string.Join(' ', all[(MaxWords - 1)..])];
    }

    private static object Parameters(NodeQuery query, string[] words, SearchPosition? after, int limit)
    {
        var types = query.Types is { Count: > 0 } given ? given : null;
        return new
        {
            text = string.Join(' ', words), words,
            types = types is null ? null : (bool?)true,
            folders = types?.Contains(FileType.Folder) == true,
            typeExtensions = FileTypes.ExtensionsOf(types ?? []), mediaTypes = FileTypes.MediaTypesOf(types ?? []),
            extensions = query.Extensions is { Count: > 0 } extensions
                ? extensions.Select(e => e.TrimStart('.')).ToArray() : null,
            query.MinSize, query.MaxSize, query.From, query.To, query.FolderId, query.FavoritesOnly,
            afterRank = after?.Rank, afterId = after?.NodeId ?? 0, limit,
        };
    }

    private const string SqlAddMissingNames = """
        insert into node_names as s (node_id, user_id, name)
        select n.id, n.user_id, search_key(n.name)
        from file_nodes n left join node_names s on s.node_id = n.id and s.user_id = n.user_id
        where n.name <> '' and s.node_id is null
        on conflict (node_id) do update set user_id = excluded.user_id, name = excluded.name
        returning format('node %s (%s) is found by a search again', s.node_id, s.name)
        """;

    /// <summary>For a repair. What was done, a line each.</summary>
    internal Task<List<string>> AddMissingNamesAsync(CancellationToken ct) =>
        database.WriteAsync(async transaction => (await transaction.Connection!.QueryAsync<string>(
            new(SqlAddMissingNames, transaction: transaction, commandTimeout: 0, cancellationToken: ct))).AsList(), ct);
}
