using System.ComponentModel;
using Kosha.Storage.Search;

namespace Kosha.Daemon.Api;

/// <summary>What is looked for, in the query of the URL.</summary>
internal sealed record SearchRequest
{
    [Description("Words that the name has, or something like them; case, accents and order do not matter.")]
    public string? Q { get; init; }

    [Description("Kinds of files with ',' between them, such as image,video: any of them.")]
    public string? Types { get; init; }

    [Description("Ends of names with ',' between them, such as pdf,docx: any of them.")]
    public string? Extensions { get; init; }

    [Description("Bytes.")]
    public long? MinSize { get; init; }

    [Description("Bytes.")]
    public long? MaxSize { get; init; }

    [Description("Modified then or later.")]
    public DateTimeOffset? From { get; init; }

    [Description("Modified before.")]
    public DateTimeOffset? To { get; init; }

    [Description("Somewhere below this folder.")]
    public long? FolderId { get; init; }

    [Description("Favourites alone.")]
    public bool? Favorites { get; init; }

    /// <summary>Fault: InvalidValue.</summary>
    public NodeQuery Read() => new()
    {
        Text = Q,
        Types = SearchFilters.ReadTypes(Types?.Split(',', SearchFilters.Trimmed)),
        Extensions = Extensions?.Split(',', SearchFilters.Trimmed),
        MinSize = MinSize,
        MaxSize = MaxSize,
        From = From?.UtcDateTime,
        To = To?.UtcDateTime,
        FolderId = FolderId,
        FavoritesOnly = Favorites ?? false,
    };
}

/// <summary>How the hits are to come.</summary>
internal sealed record SearchPageRequest
{
    [Description("relevance (by words; without words, modified), modified or size; the most first.")]
    public string? Order { get; init; }

    [Description("Hits in an answer: 1 to 200, 100 if it is left out.")]
    public int? Limit { get; init; }

    [Description("next of the answer before, with all else as it was there.")]
    public string? Cursor { get; init; }
}

/// <summary>A search that is to be kept.</summary>
public record SearchProfileBody
{
    [Description("1 to 80 letters; every search of a user has another name.")]
    public required string Name { get; init; }

    [Description("As q of a search.")]
    public string? Q { get; init; }

    [Description("Kinds of files: any of them.")]
    public IReadOnlyList<string>? Types { get; init; }

    [Description("Ends of names, without the dot: any of them.")]
    public IReadOnlyList<string>? Extensions { get; init; }

    [Description("Bytes.")]
    public long? MinSize { get; init; }

    [Description("Bytes.")]
    public long? MaxSize { get; init; }

    [Description("Modified then or later.")]
    public DateTimeOffset? From { get; init; }

    [Description("Modified before.")]
    public DateTimeOffset? To { get; init; }

    [Description("Somewhere below this folder.")]
    public long? FolderId { get; init; }

    [Description("Favourites alone.")]
    public bool Favorites { get; init; }

    /// <summary>Fault: InvalidValue.</summary>
    internal NodeQuery Read() => new()
    {
        Text = Q,
        Types = SearchFilters.ReadTypes(RequestValues.Whole(Types, "types")),
        Extensions = RequestValues.Whole(Extensions, "extensions"),
        MinSize = MinSize,
        MaxSize = MaxSize,
        From = From?.UtcDateTime,
        To = To?.UtcDateTime,
        FolderId = FolderId,
        FavoritesOnly = Favorites,
    };
}

/// <summary>A search that is kept.</summary>
public sealed record SearchProfileAnswer : SearchProfileBody
{
    public required long Id { get; init; }

    internal static SearchProfileAnswer Of(SearchProfile profile) => new()
    {
        Id = profile.Id,
        Name = profile.Name,
        Q = profile.Query.Text,
        Types = profile.Query.Types?.Select(SearchFilters.NameOf).ToArray(),
        Extensions = profile.Query.Extensions,
        MinSize = profile.Query.MinSize,
        MaxSize = profile.Query.MaxSize,
        From = profile.Query.From,
        To = profile.Query.To,
        FolderId = profile.Query.FolderId,
        Favorites = profile.Query.FavoritesOnly,
    };
}

/// <summary>Searches that one keeps.</summary>
/// <param name="Profiles">By name.</param>
public sealed record SearchProfileList(IReadOnlyList<SearchProfileAnswer> Profiles);
