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
        ContentType = node.ContentType;
        Etag = node.IsFolder ? null : EntityTags.Format(node.Etag);
        Created = node.CreatedAt;
        Modified = node.ModifiedAt;
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
}
