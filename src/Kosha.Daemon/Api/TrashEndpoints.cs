using System.ComponentModel;
using System.Globalization;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;
using Kosha.Storage.Upkeep;
using Microsoft.AspNetCore.Mvc;

namespace Kosha.Daemon.Api;

/// <summary><c>/api/trash</c>: what was deleted, the way back, and the end.</summary>
internal sealed class TrashEndpoints(NodeTree tree, Database database, TimeProvider time)
{
    private const string Route = ApiErrors.Path + "/trash";

    /// <summary>Of a list.</summary>
    private const string Name = "trash";

    /// <summary>How long a call removes things itself; the purge removes the rest.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<TrashEndpoints>();
        var group = routes.MapGroup(Route).WithTags("Trash").For(ApiAccess.Files)
            .ProducesProblem(401).ProducesProblem(429).ProducesProblem(503);
        group.MapGet("", self.ListAsync).WithSummary("What is in the trash, what came last first")
            .Produces<TrashList>().ProducesProblem(400);
        group.MapGet("size", (Delegate)self.SizeAsync)
            .WithSummary("How much is in the trash; at most 100,000 files and folders are counted")
            .Produces<TrashSizeAnswer>();
        group.MapPost("restore", self.RestoreAsync)
            .WithSummary("Puts things back to where they stood, or into a folder")
            .Produces<RestoredList>().ProducesProblem(400).ProducesProblem(404).ProducesProblem(409)
            .ProducesProblem(423).WithRequestExample(new RestoreTrash { Ids = [17, 18], ParentId = 3 });
        group.MapPost("delete", self.DeleteAsync)
            .WithSummary("Removes things for good; 202: they are gone, and their bytes come free soon")
            .Produces(202).Produces(204).ProducesProblem(400).ProducesProblem(404)
            .WithRequestExample(new DeleteTrash { Ids = [17, 18] });
        group.MapDelete("", (Delegate)self.EmptyAsync)
            .WithSummary("Removes all for good; 202: it is gone, and its bytes come free soon")
            .Produces(202).Produces(204);
    }

    private async Task<IResult> ListAsync(
        HttpContext http, [Description("Things in a page, 1 to 1,000; 100 if it is left out.")] int? limit = null,
        [Description("The next of the page before.")] string? cursor = null)
    {
        var most = PageCursor.Limit(limit);
        var page = await tree.ListTrashAsync(ApiCaller.Of(http), ReadPosition(cursor), most, http.RequestAborted);
        return Results.Ok(new TrashList(
            [.. page.Select(Describe)], page.Count < most ? null : WritePosition(page[^1])));
    }

    private static string WritePosition(TrashedNode last) => PageCursor.Write(
        Name, last.TrashedAt.Ticks.ToString(CultureInfo.InvariantCulture),
        last.Id.ToString(CultureInfo.InvariantCulture));

    private static TrashPosition? ReadPosition(string? cursor)
    {
        if (PageCursor.Read(cursor, Name, 2) is not [var at, var id])
            return null;
        return long.TryParse(at, NumberStyles.None, CultureInfo.InvariantCulture, out var ticks)
            && long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var nodeId)
            && ticks > DateTime.UnixEpoch.Ticks && ticks < DateTime.MaxValue.Ticks
            ? new(new(ticks, DateTimeKind.Utc), nodeId)
            : throw new StorageException(StorageFault.InvalidValue, "The cursor is not one of this list.");
    }

    private static TrashedAnswer Describe(TrashedNode node) => new()
    {
        Id = node.Id,
        Name = node.Name,
        IsFolder = node.IsFolder,
        Size = node.IsFolder ? null : node.Size,
        ContentType = node.ContentType,
        Trashed = node.TrashedAt,
        KeptUntil = node.KeptUntil,
        OriginalFolder = node.OriginalFolder is { } folder ? "/" + folder : null,
    };

    private async Task<IResult> SizeAsync(HttpContext http)
    {
        var size = await tree.TrashSizeAsync(ApiCaller.Of(http), NodeTree.MaxMeasured, http.RequestAborted);
        return Results.Ok(new TrashSizeAnswer { Files = size.Files, Bytes = size.Bytes, IsMore = size.IsMore });
    }

    private async Task<IResult> RestoreAsync([FromBody] RestoreTrash body, HttpContext http)
    {
        var conditions = new WriteConditions { LockTokens = RequestValues.Tokens(body.LockTokens) };
        var wish = new RestoreWish(body.ParentId, MayRename: body.OnConflict == RestoreConflict.Rename);
        var restored = await tree.RestoreAsync(
            ApiCaller.Of(http), body.Ids, wish, conditions, http.RequestAborted);
        return Results.Ok(new RestoredList([.. restored.Select(node => new NodeAnswer(node))]));
    }

    private async Task<IResult> DeleteAsync([FromBody] DeleteTrash body, HttpContext http)
    {
        var caller = ApiCaller.Of(http);
        await tree.MarkTrashAsync(caller, body.Ids, http.RequestAborted);
        return await RemoveAsync(caller, http.RequestAborted);
    }

    private async Task<IResult> EmptyAsync(HttpContext http)
    {
        var caller = ApiCaller.Of(http);
        await tree.MarkAllTrashAsync(caller, http.RequestAborted);
        return await RemoveAsync(caller, http.RequestAborted);
    }

    private async Task<IResult> RemoveAsync(Caller caller, CancellationToken ct) =>
        await new TrashPurge(database, tree).RemoveMarkedAsync(caller.UserId, Patience, time, ct)
            ? Results.NoContent()
            : Results.Accepted();
}
