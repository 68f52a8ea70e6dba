using System.ComponentModel;
using System.Globalization;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;
using Kosha.WebDav.Links;

namespace Kosha.Daemon.Api;

/// <summary><c>/api/nodes</c>: folders and files by their ids. Another user's id is one that there is not.</summary>
internal sealed class NodeEndpoints(NodeTree tree, FileDownload downloads)
{
    public const string Route = ApiErrors.Path + "/nodes";

    private const string AnyType = "application/octet-stream";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<NodeEndpoints>();
        var group = routes.MapGroup(Route).WithTags("Files").For(ApiAccess.Files)
            .ProducesProblem(400).ProducesProblem(401).ProducesProblem(404).ProducesProblem(429).ProducesProblem(503);
        group.MapGet("", self.FindAsync).WithSummary("The folder or file at a path")
            .Produces<NodeDetailsAnswer>().WithAnswerExample(200, NodeExamples.Details);
        group.MapGet("{id:long}", self.GetAsync).WithSummary("A folder or file, with its digests and locks")
            .Produces<NodeDetailsAnswer>().WithAnswerExample(200, NodeExamples.Details);
        group.MapGet("{id:long}/children", self.ListAsync).WithSummary("The members of a folder, page by page")
            .Produces<NodeList>().ProducesProblem(409).WithAnswerExample(200, NodeExamples.Page);
        group.MapGet("{id:long}/breadcrumb", self.BreadcrumbAsync)
            .WithSummary("The way from the top folder to a folder or file").Produces<BreadcrumbAnswer>()
            .WithAnswerExample(200, NodeExamples.Breadcrumb);
        group.MapMethods("{id:long}/content", [HttpMethods.Get, HttpMethods.Head], self.DownloadAsync)
            .WithSummary("The bytes of a file, with ranges; or the way to them").Produces(200, contentType: AnyType)
            .Produces(206, contentType: AnyType).Produces(304).Produces(307).Produces(416)
            .ProducesProblem(409).ProducesProblem(412).ProducesProblem(500);
    }

    private async Task DownloadAsync(
        long id, HttpContext http,
        [Description("attachment, to be saved, or inline, to be shown if it can do no harm; attachment if left out.")]
        string? disposition = null)
    {
        var asAttachment = RequestValues.Choice(disposition, "disposition", ContentUse.Attachment)
            == ContentUse.Attachment;
        var caller = ApiCaller.Of(http);
        var node = (await tree.DetailsAsync(caller, id, http.RequestAborted)).Node;
        if (node.IsFolder)
            throw new StorageException(StorageFault.WrongKind, "A folder has no content; /api/zip has what is in it.");
        await downloads.AnswerAsync(http, caller, node, asAttachment);
    }

    private async Task<IResult> FindAsync(
        HttpContext http, [Description("Such as /Documents/2026; left out: the top folder.")] string? path = null)
    {
        var names = NodePath.FromNames((path ?? "").Split('/', StringSplitOptions.RemoveEmptyEntries));
        return Answer(await tree.DetailsAsync(ApiCaller.Of(http), names, http.RequestAborted));
    }

    private async Task<IResult> GetAsync(long id, HttpContext http) =>
        Answer(await tree.DetailsAsync(ApiCaller.Of(http), id, http.RequestAborted));

    private static IResult Answer(NodeDetails details) => Results.Ok(new NodeDetailsAnswer(details));

    private async Task<IResult> BreadcrumbAsync(long id, HttpContext http) => Results.Ok(new BreadcrumbAnswer(
        await tree.BreadcrumbAsync(ApiCaller.Of(http), id, http.RequestAborted)));

    private async Task<IResult> ListAsync(
        long id, HttpContext http,
        [Description("name, size, modified or type; name if it is left out. What is equal goes by name.")]
        string? sort = null,
        [Description("asc or desc; asc if it is left out.")] string? order = null,
        [Description("All folders before all files; false if it is left out.")] bool? foldersFirst = null,
        [Description("Members in a page, 1 to 1,000; 100 if it is left out.")] int? limit = null,
        [Description("The next of the page before, with the same id, sort, order and foldersFirst.")]
        string? cursor = null) => Results.Ok(await PageAsync(
            tree, ApiCaller.Of(http), id, new(sort, order, foldersFirst, limit, cursor), http.RequestAborted));

    /// <summary>Which page of a folder's members, in the words of a query.</summary>
    internal sealed record PageQuery(string? Sort, string? Order, bool? FoldersFirst, int? Limit, string? Cursor);

    /// <summary>A page of a folder's members. What its owner marks is not for visitors.</summary>
    public static async Task<NodeList> PageAsync(
        NodeTree tree, Caller caller, long id, PageQuery query, CancellationToken ct)
    {
        var wished = new NodeOrder(
            RequestValues.Choice(query.Sort, "sort", NodeSort.Name),
            RequestValues.Choice(query.Order, "order", ListOrder.Asc) == ListOrder.Desc, query.FoldersFirst ?? false);
        var list = string.Create(
            CultureInfo.InvariantCulture, $"children {id} {wished.By} {wished.IsDescending} {wished.FoldersFirst}");
        var after = PageCursor.Read(query.Cursor, list, 3) is [var isFolder, var key, var name]
            ? new NodePosition(isFolder == "d", key, name) : null;
        var page = await tree.ChildrenAsync(caller, id, wished, after, PageCursor.Limit(query.Limit), ct);
        return new([.. page.Nodes.Select(node => new NodeAnswer(
                caller.ShareLinkId is null ? node : node with { IsFavorite = false }))],
            page.Next is { } next ? PageCursor.Write(list, next.IsFolder ? "d" : "f", next.Key, next.Name) : null);
    }
}
