using System.ComponentModel;
using Kosha.Storage.Tree;

namespace Kosha.Daemon.Api;

/// <summary>A folder that is to be made.</summary>
public sealed record NewFolder
{
    [Description("At most 255 bytes of UTF-8, without '/', '\\' and control characters.")]
    public required string Name { get; init; }

    [Description("Tokens of locks on the place.")]
    public IReadOnlyList<string>? LockTokens { get; init; }
}

/// <summary>What is to change; what is left out stays as it is.</summary>
public sealed record ChangeNode
{
    [Description("The new name in the same folder.")]
    public string? Name { get; init; }

    public bool? IsFavorite { get; init; }

    [Description("When it was last changed.")]
    public DateTimeOffset? Modified { get; init; }

    [Description("'*', or entity tags: only of a file that is like this.")]
    public string? IfMatch { get; init; }

    [Description("Tokens of locks on it.")]
    public IReadOnlyList<string>? LockTokens { get; init; }
}

/// <summary>What is to come into a folder, all or nothing.</summary>
public sealed record PlaceNodes
{
    [Description("1 to 500. What lies below another of them goes with it.")]
    public required IReadOnlyList<long> Ids { get; init; }

    [Description("The folder that is to hold them.")]
    public required long ParentId { get; init; }

    [Description("Where a name is taken; fail if it is left out.")]
    public NameConflict OnConflict { get; init; }

    [Description("Tokens of locks on any of the places.")]
    public IReadOnlyList<string>? LockTokens { get; init; }
}

/// <summary>What is to go to the trash, all or nothing.</summary>
public sealed record TrashNodes
{
    [Description("1 to 500. What lies below another of them goes with it.")]
    public required IReadOnlyList<long> Ids { get; init; }

    [Description("Tokens of locks on them or below them.")]
    public IReadOnlyList<string>? LockTokens { get; init; }
}
