using System.ComponentModel;
using System.Diagnostics.CodeAnalysis;
using Kosha.Storage.Tree;
using Kosha.WebDav;

namespace Kosha.Daemon.Api;

/// <summary>A folder or a file.</summary>
public record NodeAnswer
{
    [SetsRequiredMembers]
    internal NodeAnswer(FileNode node)
    {
        Id = node.Id;
        ParentId = node.ParentId;
        Name = node.Name;
        IsFolder = node.IsFolder;
        Size = node.Size;
        ContentType = node.IsFolder ? null : ContentTypes.Of(node);
        Etag = node.IsFolder ? null : EntityTags.Format(node.Etag);
        Created = node.CreatedAt;
        Modified = node.ModifiedAt;
        IsFavorite = node.IsFavorite;
    }

    public required long Id { get; init; }

    [Description("The folder that holds it; left out of the top folder.")]
    public long? ParentId { get; init; }

    [Description("Empty for the top folder.")]
    public required string Name { get; init; }

    public required bool IsFolder { get; init; }

    [Description("Bytes; 0 for a folder.")]
    public required long Size { get; init; }

    [Description("Media type of a file.")]
    public string? ContentType { get; init; }

    [Description("Of a file: an entity tag, new with every change of the content.")]
    public string? Etag { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required DateTimeOffset Modified { get; init; }

    public required bool IsFavorite { get; init; }
}

/// <summary>A folder or a file, with all that is known of it.</summary>
public sealed record NodeDetailsAnswer : NodeAnswer
{
    [SetsRequiredMembers]
    internal NodeDetailsAnswer(NodeDetails details) : base(details.Node)
    {
        // What is above the top folder is nobody's business.
        ParentId = details.Breadcrumb.Count == 1 ? null : details.Node.ParentId;
        Breadcrumb = details.Breadcrumb;
        Sha256 = Hex(details.Sha256);
        Sha1 = Hex(details.Node.Sha1);
        Md5 = Hex(details.Node.Md5);
        Locks = [.. details.Locks.Select(held => new NodeLockAnswer(held))];
    }

    [Description("The way from the top folder to it; the last is itself.")]
    public required IReadOnlyList<Crumb> Breadcrumb { get; init; }

    [Description("Of a file that is not empty; 64 hexadecimal digits.")]
    public string? Sha256 { get; init; }

    [Description("Of a file that Kosha has read itself; 40 hexadecimal digits.")]
    public string? Sha1 { get; init; }

    [Description("Of a file that Kosha has read itself; 32 hexadecimal digits.")]
    public string? Md5 { get; init; }

    [Description("Locks by which clients of the drive keep writers away from it; its own, and deep ones above.")]
    public required IReadOnlyList<NodeLockAnswer> Locks { get; init; }

    private static string? Hex(byte[]? digest) => digest is null ? null : Convert.ToHexStringLower(digest);
}

/// <summary>A write lock of WebDAV.</summary>
public sealed record NodeLockAnswer
{
    [SetsRequiredMembers]
    internal NodeLockAnswer(NodeLock held)
    {
        Token = LockTokens.Format(held.Token);
        Path = held.Root.ToString();
        IsExclusive = held.IsExclusive;
        IsDeep = held.IsDeep;
        Expires = held.ExpiresAt;
    }

    [Description("Whoever writes has to name it in lockTokens.")]
    public required string Token { get; init; }

    [Description("What was locked.")]
    public required string Path { get; init; }

    [Description("False: shared.")]
    public required bool IsExclusive { get; init; }

    [Description("It also holds for all below.")]
    public required bool IsDeep { get; init; }

    [Description("Unless it is renewed before.")]
    public required DateTimeOffset Expires { get; init; }
}

/// <summary>A part of a folder's members.</summary>
/// <param name="Nodes">In the order that was asked for.</param>
/// <param name="Next">The cursor of the next page; left out of the last.</param>
public sealed record NodeList(IReadOnlyList<NodeAnswer> Nodes, string? Next);

/// <summary>A folder or a file of a list over all folders.</summary>
public sealed record FoundNodeAnswer : NodeAnswer
{
    [SetsRequiredMembers]
    internal FoundNodeAnswer(FoundNode found) : base(found.Node)
    {
        Path = found.Path.ToString();
    }

    [Description("From the top folder, such as /Documents/Report.pdf.")]
    public required string Path { get; init; }
}

/// <summary>A part of a list over all folders.</summary>
/// <param name="Nodes">In the order of the list.</param>
/// <param name="Next">The cursor of the next page; left out of the last.</param>
public sealed record FoundList(IReadOnlyList<FoundNodeAnswer> Nodes, string? Next);

/// <summary>Where a node stands.</summary>
/// <param name="Breadcrumb">From the top folder on; the last is the node itself.</param>
public sealed record BreadcrumbAnswer(IReadOnlyList<Crumb> Breadcrumb);

/// <summary>Which way a list is sorted.</summary>
internal enum ListOrder
{
    /// <summary>The least first.</summary>
    Asc,

    /// <summary>The greatest first.</summary>
    Desc,
}

/// <summary>What a client wants to do with a content.</summary>
internal enum ContentUse
{
    /// <summary>To save it.</summary>
    Attachment,

    /// <summary>To show it.</summary>
    Inline,
}
