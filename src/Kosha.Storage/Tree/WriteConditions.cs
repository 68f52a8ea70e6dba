namespace Kosha.Storage.Tree;

/// <summary>An If-Match or If-None-Match header: '*', or a list of entity tags (RFC 9110, 13.1).</summary>
/// <param name="Any">'*'.</param>
/// <param name="Tags">Tags that are Kosha's own; foreign ones match nothing and are left out.</param>
public sealed record TagCondition(bool Any, IReadOnlyList<Guid> Tags)
{
    public bool Matches(FileNode? node) =>
        node is not null && (Any || (!node.IsFolder && Tags.Contains(node.Etag)));
}

/// <summary>
/// One term of a WebDAV If header list: a state token or an entity tag, perhaps negated (RFC 4918, 10.4).
/// </summary>
/// <param name="Not">The term must not hold.</param>
/// <param name="Token">A lock token; null if the term is an entity tag or a token that is not Kosha's.</param>
/// <param name="Etag">An entity tag; null if the term is a token or a tag that is not Kosha's.</param>
public readonly record struct StateTerm(bool Not, Guid? Token, Guid? Etag);

/// <summary>One list of a WebDAV If header: all its terms must hold (RFC 4918, 10.4.3).</summary>
/// <param name="Path">The tagged resource; null means the resource of the request itself. </param>
/// <param name="IsForeign">
/// The tag names a resource of another server or outside the user's tree: no term but a negated one holds.
/// </param>
/// <param name="Terms">At least one.</param>
public sealed record StateList(NodePath? Path, bool IsForeign, IReadOnlyList<StateTerm> Terms);

/// <summary>
/// What the client demanded of the state that it writes over. It travels down to the write, because only the
/// transaction that writes can decide: a check made before a 10 GB body has arrived is stale.
/// </summary>
public sealed record WriteConditions
{
    public static readonly WriteConditions None = new();

    public TagCondition? IfMatch { get; init; }

    public TagCondition? IfNoneMatch { get; init; }

    /// <summary>Compared at a precision of one second, as HTTP dates are.</summary>
    public DateTime? IfUnmodifiedSince { get; init; }

    /// <summary>The lists of the If header. Empty: no If header. At least one list must hold.</summary>
    public IReadOnlyList<StateList> StateLists { get; init; } = [];

    /// <summary>Every lock token that the client submitted, wherever (If, or Lock-Token as Office does).</summary>
    public IReadOnlyCollection<Guid> LockTokens { get; init; } = [];
}
