using System.Text;
using Kosha.Storage.Tree;

namespace Kosha.Storage.Search;

/// <summary>In which order hits come; always the most first.</summary>
public enum SearchOrder
{
    /// <summary>How well the name answers the words; without words, as <see cref="Modified"/>.</summary>
    Relevance,

    /// <summary>The last changed first.</summary>
    Modified,

    /// <summary>The largest first.</summary>
    Size,
}

/// <summary>What somebody looks for. All that is given must hold; null asks nothing.</summary>
public sealed record NodeQuery
{
    public const int MaxTextLength = 200;
    public const int MaxExtensions = 50;

    /// <summary>
    /// Words, each of which the name has, or something like it: in any order, whatever the case and the accents, and
    /// with a typing error.
    /// </summary>
    public string? Text { get; init; }

    /// <summary>Of any of these kinds.</summary>
    public IReadOnlyList<FileType>? Types { get; init; }

    /// <summary>With any of these ends of names, without their dot.</summary>
    public IReadOnlyList<string>? Extensions { get; init; }

    /// <summary>In bytes; folders have no size.</summary>
    public long? MinSize { get; init; }

    /// <inheritdoc cref="MinSize"/>
    public long? MaxSize { get; init; }

    /// <summary>Modified at this time or later.</summary>
    public DateTime? From { get; init; }

    /// <summary>Modified before this time.</summary>
    public DateTime? To { get; init; }

    /// <summary>Somewhere below this folder.</summary>
    public long? FolderId { get; init; }

    public bool FavoritesOnly { get; init; }

    /// <summary>Fault: InvalidValue.</summary>
    internal void Check()
    {
        if (Text is not null && !IsFit(Text))
            throw Invalid($"The words that are looked for have at most {MaxTextLength} letters of valid Unicode.");
        if (Extensions?.Count > MaxExtensions
            || Extensions?.Any(e => e.Length is 0 or > 40 || e.Contains('\0', StringComparison.Ordinal)) == true)
            throw Invalid($"At most {MaxExtensions} extensions can be named, each of 1 to 40 letters.");
        if (MinSize < 0 || MaxSize < 0 || MinSize > MaxSize)
            throw Invalid("Sizes are not below 0, and the smallest is not above the largest.");
        if (From >= To)
            throw Invalid("The time from which is before the time to which.");
    }

    /// <summary>As names are compared, a single letter may stand for many.</summary>
    private static bool IsFit(string text)
    {
        try
        {
            return text.Length <= MaxTextLength && !text.Contains('\0', StringComparison.Ordinal)
                && text.Normalize(NormalizationForm.FormKD).Length <= MaxTextLength;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    private static StorageException Invalid(string message) => new(StorageFault.InvalidValue, message);
}

/// <summary>Where a page of hits ended.</summary>
/// <param name="Rank">Of the last hit, in the order that was asked for.</param>
/// <param name="NodeId">The last hit.</param>
public sealed record SearchPosition(long Rank, long NodeId);

/// <summary>A part of what was found.</summary>
/// <param name="Hits">In the order that was asked for.</param>
/// <param name="Next">After which the next page begins; null: this was the last.</param>
public sealed record SearchPage(IReadOnlyList<FoundNode> Hits, SearchPosition? Next);
