using System.Net.Mime;
using Kosha.Storage;
using Kosha.Storage.Tree;
using Kosha.WebDav;
using Kosha.WebDav.Links;
using Microsoft.AspNetCore.Mvc;

namespace Kosha.Daemon.Api;

/// <summary><c>/api/nodes/{id}/versions</c>: what a file held before it was written over.</summary>
internal sealed class VersionEndpoints(NodeTree tree, FileDownload download)
{
    private const string Route = ApiErrors.Path + "/nodes/{id:long}/versions";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<VersionEndpoints>();
        var group = routes.MapGroup(Route).WithTags("Versions").For(ApiAccess.Files)
            .ProducesProblem(401).ProducesProblem(404).ProducesProblem(429).ProducesProblem(503);
        group.MapGet("", self.ListAsync).WithSummary("What a file held before, the newest first")
            .Produces<VersionList>();
        group.MapMethods("{versionId:long}/content", [HttpMethods.Get, HttpMethods.Head], self.DownloadAsync)
            .WithSummary("An old content: its bytes, with ranges, or a redirect to the store")
            .Produces(200, contentType: MediaTypeNames.Application.Octet).Produces(206).Produces(304).Produces(307)
            .ProducesProblem(412).Produces(416);
        group.MapPost("{versionId:long}/restore", self.RestoreAsync)
            .WithSummary("The file gets an old content again, and its present one becomes a version")
            .Produces<NodeAnswer>().ProducesProblem(400).ProducesProblem(412).ProducesProblem(423)
            .WithRequestExample(new RestoreVersion { IfMatch = "\"0123456789abcdef0123456789abcdef\"" });
        group.MapDelete("{versionId:long}", self.DeleteAsync).WithSummary("Removes an old content for good")
            .Produces(204);
    }

    private async Task<IResult> ListAsync(long id, HttpContext http)
    {
        var versions = await tree.VersionsAsync(ApiCaller.Of(http), id, http.RequestAborted);
        return Results.Ok(new VersionList([.. versions.Select(Describe)]));
    }

    private static VersionAnswer Describe(FileVersion version) => new()
    {
        Id = version.Id,
        Size = version.Size,
        ContentType = version.ContentType,
        Etag = EntityTags.Format(version.Etag),
        Modified = version.ModifiedAt,
        Replaced = version.CreatedAt,
    };

    private async Task DownloadAsync(long id, long versionId, HttpContext http)
    {
        var caller = ApiCaller.Of(http);
        var file = await tree.FindVersionAsync(caller, id, versionId, http.RequestAborted)
            ?? throw new StorageException(StorageFault.NotFound, "There is no such version.");
        await download.AnswerAsync(http, caller, file);
    }

    private async Task<IResult> RestoreAsync(
        long id, long versionId, [FromBody] RestoreVersion? body, HttpContext http)
    {
        var conditions = new WriteConditions
        {
            IfMatch = RequestValues.Tags(body?.IfMatch, "ifMatch", weakMatches: false),
            LockTokens = RequestValues.Tokens(body?.LockTokens),
        };
        var file = await tree.RestoreVersionAsync(
            ApiCaller.Of(http), id, versionId, conditions, http.RequestAborted);
        return Results.Ok(new NodeAnswer(file));
    }

    private async Task<IResult> DeleteAsync(long id, long versionId, HttpContext http)
    {
        await tree.DeleteVersionAsync(ApiCaller.Of(http), id, versionId, http.RequestAborted);
        return Results.NoContent();
    }
}
