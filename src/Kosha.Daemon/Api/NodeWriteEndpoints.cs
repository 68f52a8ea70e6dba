using System.Globalization;
using Kosha.Storage.Tree;

namespace Kosha.Daemon.Api;

/// <summary>Writes below <c>/api/nodes</c>. What is refused changes nothing.</summary>
internal sealed class NodeWriteEndpoints(NodeTree tree)
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<NodeWriteEndpoints>();
        var group = routes.MapGroup(NodeEndpoints.Route).WithTags("Files").For(ApiAccess.Files)
            .ProducesProblem(400).ProducesProblem(401).ProducesProblem(403).ProducesProblem(404).ProducesProblem(423)
            .ProducesProblem(429).ProducesProblem(503);
        group.MapPost("{id:long}/folders", self.CreateFolderAsync).WithSummary("Makes a folder in a folder")
            .Produces<NodeAnswer>(201).Produces<ApiProblem>(409, ApiProblem.MediaType).ProducesProblem(507)
            .WithRequestExample(new NewFolder { Name = "2026" }).WithAnswerExample(409, NodeExamples.Conflict);
        group.MapPatch("{id:long}", self.ChangeAsync).WithSummary("Renames, marks as favourite, sets the time")
            .Produces<NodeAnswer>().Produces<ApiProblem>(409, ApiProblem.MediaType).ProducesProblem(412)
            .WithRequestExample(new ChangeNode { Name = "Report.pdf", IsFavorite = true })
            .WithAnswerExample(200, NodeExamples.Node).WithAnswerExample(409, NodeExamples.Conflict);
        group.MapPost("move", self.MoveAsync).WithSummary("Moves folders and files into a folder, all or nothing")
            .Produces<NodeList>().Produces<ApiProblem>(409, ApiProblem.MediaType)
            .WithRequestExample(new PlaceNodes { Ids = [18], ParentId = 17, OnConflict = NameConflict.Rename })
            .WithAnswerExample(200, NodeExamples.Nodes).WithAnswerExample(409, NodeExamples.Conflict);
        group.MapPost("copy", self.CopyAsync).WithSummary("Copies folders and files into a folder, all or nothing")
            .Produces<NodeList>().Produces<ApiProblem>(409, ApiProblem.MediaType).ProducesProblem(507)
            .WithRequestExample(new PlaceNodes { Ids = [18], ParentId = 17 })
            .WithAnswerExample(200, NodeExamples.Nodes).WithAnswerExample(409, NodeExamples.Conflict);
        group.MapPost("trash", self.TrashAsync).WithSummary("Moves folders and files to the trash, all or nothing")
            .Produces(204).WithRequestExample(new TrashNodes { Ids = [17, 18] });
    }

    private static WriteConditions With(IReadOnlyList<string>? lockTokens) =>
        new() { LockTokens = RequestValues.Tokens(lockTokens) };

    private async Task<IResult> CreateFolderAsync(long id, NewFolder body, HttpContext http)
    {
        var made = await tree.CreateFolderAsync(
            ApiCaller.Of(http), id, body.Name, With(body.LockTokens), http.RequestAborted);
        return Results.Created(
            string.Create(CultureInfo.InvariantCulture, $"{NodeEndpoints.Route}/{made.Id}"), new NodeAnswer(made));
    }

    private async Task<IResult> ChangeAsync(long id, ChangeNode body, HttpContext http)
    {
        var changes = new NodeChanges(body.Name, body.IsFavorite, RequestValues.Time(body.Modified, "modified"));
        var conditions = With(body.LockTokens) with
        {
            IfMatch = RequestValues.Tags(body.IfMatch, "ifMatch", weakMatches: false),
        };
        return Results.Ok(new NodeAnswer(
            await tree.ChangeAsync(ApiCaller.Of(http), id, changes, conditions, http.RequestAborted)));
    }

    private async Task<IResult> MoveAsync(PlaceNodes body, HttpContext http) => Answer(await tree.MoveAsync(
        ApiCaller.Of(http), body.Ids, body.ParentId, body.OnConflict, With(body.LockTokens), http.RequestAborted));

    private async Task<IResult> CopyAsync(PlaceNodes body, HttpContext http) => Answer(await tree.CopyAsync(
        ApiCaller.Of(http), body.Ids, body.ParentId, body.OnConflict, With(body.LockTokens), http.RequestAborted));

    private async Task<IResult> TrashAsync(TrashNodes body, HttpContext http)
    {
        await tree.TrashAsync(ApiCaller.Of(http), body.Ids, With(body.LockTokens), http.RequestAborted);
        return Results.NoContent();
    }

    private static IResult Answer(IReadOnlyList<FileNode> nodes) =>
        Results.Ok(new NodeList([.. nodes.Select(node => new NodeAnswer(node))], Next: null));
}
