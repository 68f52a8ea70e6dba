using Kosha.Storage;
using Kosha.Storage.Tree;

namespace Kosha.Daemon.Api;

/// <summary>What the document shows of folders and files.</summary>
internal static class NodeExamples
{
    private static readonly FileNode File = new()
    {
        Id = 18,
        ParentId = 17,
        Name = "Report.pdf",
        Size = 81_920,
        Etag = Guid.Parse("0f9a3c55d1e84b7b9c1a52f0a7c2e6d4"),
        CreatedAt = new(2026, 11, 20, 8, 15, 0, DateTimeKind.Utc),
        ModifiedAt = new(2026, 11, 21, 16, 42, 7, DateTimeKind.Utc),
        IsFavorite = true,
    };

    public static readonly NodeAnswer Node = new(File);

    public static readonly BreadcrumbAnswer Breadcrumb =
        new([new(1, ""), new(17, "Documents"), new(18, "Report.pdf")]);

    public static readonly NodeDetailsAnswer Details = new(new(
        File, Breadcrumb.Breadcrumb, [],
        Convert.FromHexString("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")));

    public static readonly NodeList Page =
        new([Node], PageCursor.Write("children 17 Name False False", "f", "", File.Name));

    public static readonly NodeList Nodes = new([Node], Next: null);

    public static readonly FoundList Found =
        new([new(new FoundNode(File, NodePath.FromNames(["Documents", File.Name])))], Next: null);

    public static readonly ApiProblem Conflict =
        ApiProblem.Of(StorageFault.AlreadyExists, "'Report.pdf' exists already.") with
        {
            Existing = [Node],
        };
}
