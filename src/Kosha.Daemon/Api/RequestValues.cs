using Kosha.Storage;
using Kosha.Storage.Tree;
using Kosha.WebDav;

namespace Kosha.Daemon.Api;

/// <summary>Values that bodies of several calls have. What cannot be is InvalidValue.</summary>
internal static class RequestValues
{
    /// <summary>Entity tags, or lock tokens, that one request may name.</summary>
    private const int MaxListed = 100;

    public static StorageException Invalid(string what) => new(StorageFault.InvalidValue, what);

    /// <summary>The list with no null in it, which a reader of JSON lets through.</summary>
    public static IReadOnlyList<string>? Whole(IReadOnlyList<string>? texts, string name) =>
        texts?.Any(text => text is null) == true ? throw Invalid($"{name} has a null in it.") : texts;

    /// <summary>One of the words of an enumeration, in any case.</summary>
    public static T Choice<T>(string? text, string name, T ifLeftOut)
        where T : struct, Enum
    {
        if (text is null)
            return ifLeftOut;
        if (text.All(char.IsAsciiLetter) && Enum.TryParse<T>(text, ignoreCase: true, out var choice))
            return choice;
        var words = Enum.GetNames<T>().Select(word => word.ToLowerInvariant());
        throw Invalid($"{name} is {string.Join(" or ", words)}.");
    }

    /// <summary>The years of X-OC-Mtime, too; the first and the last moment mean something else in Postgres.</summary>
    public static DateTime? Time(DateTimeOffset? time, string name) =>
        time is null or { UtcDateTime.Year: >= 1601 and < 9999 }
            ? time?.UtcDateTime
            : throw Invalid($"{name} is a time in the years 1601 to 9998.");

    public static TagCondition? Tags(string? text, string name, bool weakMatches)
    {
        if (text is null)
            return null;
        var tags = EntityTags.Read(text, weakMatches)
            ?? throw Invalid($"{name} is '*' or a list of entity tags in quotes.");
        return tags.Tags.Count <= MaxListed ? tags : throw Invalid($"{name} names at most {MaxListed} entity tags.");
    }

    public static IReadOnlyCollection<Guid> Tokens(IReadOnlyList<string>? texts) => texts?.Count > MaxListed
        ? throw Invalid($"lockTokens are at most {MaxListed}.")
        : [.. (Whole(texts, "lockTokens") ?? []).Select(text => LockTokens.ReadHeader(text)).OfType<Guid>()];
}
