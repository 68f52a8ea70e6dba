using Dapper;
using Kosha.Storage.Accounts;
using Kosha.Storage.Search;

namespace Kosha.Storage.Tree;

/// <summary>
/// Live nodes by their names, which the table <c>node_names</c> holds. Names and words are compared by
/// <c>search_key</c>.
/// </summary>
public sealed partial class NodeTree
{
    public const int MaxHits = 200;

    /// <summary>Names that have or are like the words and are put in order; what is beyond them is not found.</summary>
    private const string MaxNames = "50000";

    private const int SearchSeconds = 15;

    /// <summary>Words that are looked for one by one; what follows them is looked for as a whole.</summary>
    private const int MaxWords = 5;

    /// <summary>Shorter words are looked for as they are alone: with another letter they are another word.</summary>
    private const int MinLikeLetters = 3;

    /// <summary>As it is.</summary>
    private static string IsIn(int word) => $"s.name like (q.patterns)[{word}]";

    /// <summary>
    /// As it is, or with letters that are like it. Both go by the index, together with the user, whose own names alone
    /// are read also where a word is too short for the index.
    /// </summary>
    private static string IsLike(int word) => $"({IsIn(word)} or {IsNear(word)})";

    private static string IsNear(int word) => $"(q.words)[{word}] <% s.name";

    private static string All(IEnumerable<string> conditions) =>
        string.Join(" and ", conditions.DefaultIfEmpty("true"));

    private static string AllIn(string[] words) => All(words.Select((_, i) => IsIn(i + 1)));

    private static bool IsLong(string word) => word.Length >= MinLikeLetters;

    private static string AllLike(string[] words) =>
        All(words.Select((word, i) => IsLong(word) ? IsLike(i + 1) : IsIn(i + 1)));

    /// <summary>What <see cref="AllLike"/> finds and <see cref="AllIn"/> does not.</summary>
    /// <param name="words">The long ones first.</param>
    private static string OnlyLike(string[] words) => words.Count(IsLong) == 1
        // How alike a name is costs ten times what all else does, and is asked of few names so.
        ? All([.. Enumerable.Range(2, words.Length - 1).Select(IsIn), $"not {IsIn(1)}", IsNear(1)])
        : $"{AllLike(words)} and not ({AllIn(words)})";

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
    /// A page of hits. Names alone are taken by index and put in order; then one after the other, and only until the
    /// page is full, has its row read and its way up walked, which says whether it is live and where it is.
    /// </summary>
    /// <param name="condition">On names s and what is sought q.</param>
    /// <param name="rank">On them, and on the node n where <paramref name="more"/> brings it in.</param>
    /// <param name="more">More to take the rank from.</param>
    private static string Hits(string condition, string rank, string more = "") => $"""
        select k.rank, w.names, {SmallColumns}
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
        {WayOfHit}
        where (@FolderId::bigint is null or @FolderId = any(w.ids)) and cardinality(w.names) > 0
        order by k.rank desc, k.id desc limit @limit
        """;

    /// <summary>Names that are only like the words are looked for where the others do not fill the page.</summary>
    private static string RelevantHits(string[] words) => $"""
        with exact as materialized ({Hits(AllIn(words), ExactRank)})
        select * from exact
        union all
        select * from ({Hits($"{IsRoomLeft} and {OnlyLike(words)}", LikeRank)}) l
        order by rank desc, id desc limit @limit
        """;

    private const string IsRoomLeft = "(select count(*) from exact) < @limit";

    private static string SqlSearch(string[] words, SearchOrder order) => $"""
        select c.holds, n.rank, n.names, {SmallColumns}
        from (select exists (select from users u where {Caller.Holds}) as holds offset 0) c
        left join lateral ({(order switch
        {
            SearchOrder.Size => Hits(AllLike(words), SizeRank, RankedNode),
            SearchOrder.Relevance when words.Any(IsLong) => RelevantHits(words),
            SearchOrder.Relevance when words.Length > 0 => Hits(AllIn(words), ExactRank),
            _ => Hits(AllLike(words), ModifiedRank, RankedNode),
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
    public async Task<SearchPage> SearchAsync(
        Caller caller, NodeQuery query, SearchOrder order, SearchPosition? after, int limit, CancellationToken ct)
    {
        limit = Math.Clamp(limit, 1, MaxHits);
        // One more, which says whether there is a next page.
        var command = SearchCommand(caller, query, order, after, limit + 1, ct);
        var rows = await CostlyReadAsync(caller, async connection =>
            (await connection.QueryAsync<HitPlace, FileNode?, (HitPlace At, FileNode? Node)>(
                command, (at, node) => (at, node))).AsList(), ct);
        if (!rows[0].At.Holds)
            throw Caller.Revoked();
        FoundNode[] hits = [.. rows.Take(limit).Where(row => row.Node is not null)
            .Select(row => new FoundNode(row.Node!, NodePath.Root.Append(row.At.Names!)))];
        return new(hits, rows.Count <= limit ? null : new(rows[limit - 1].At.Rank, hits[^1].Node.Id));
    }

    /// <summary>The statement of a search. Fault: InvalidValue.</summary>
    internal static CommandDefinition SearchCommand(
        Caller caller, NodeQuery query, SearchOrder order, SearchPosition? after, int limit, CancellationToken ct)
    {
        query.Check();
        var words = Words(query.Text);
        // The long ones first, so that there are few texts of statements, all of which stay prepared.
        string[] sought = [.. words.OrderByDescending(IsLong)];
        var parameters = SearchParameters(query, string.Join(' ', words), sought, after, limit);
        return new(
            SqlSearch(sought, order), caller.With(parameters), null, SearchSeconds, cancellationToken: ct);
    }

    /// <summary>Such as the name has them; what is behind the last that counts is one with it.</summary>
    private static string[] Words(string? text)
    {
        var all = (text ?? "").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        return all.Length <= MaxWords ? all : [.. all[..(MaxWords - 1)], string.Join(' ', all[(MaxWords - 1)..])];
    }

    private static object SearchParameters(
        NodeQuery query, string text, string[] words, SearchPosition? after, int limit)
    {
        var types = query.Types is { Count: > 0 } given ? given : null;
        return new
        {
            text, words,
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
