using System.ComponentModel;
using System.Globalization;
using Kosha.Storage.Tree;

namespace Kosha.Daemon.Api;

/// <summary>Lists over all folders: <c>/api/favorites</c> and <c>/api/recent</c>.</summary>
internal sealed class ListEndpoints(NodeTree tree)
{
    private const int MaxRecent = 200;
    private const int MaxDays = 366;
    private const int DefaultDays = 30;

    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<ListEndpoints>();
        var group = routes.MapGroup(ApiErrors.Path).WithTags("Files").For(ApiAccess.Files)
            .ProducesProblem(400).ProducesProblem(401).ProducesProblem(429).ProducesProblem(503);
        group.MapGet("favorites", self.FavoritesAsync).WithSummary("One's favourites by name, page by page")
            .Produces<FoundList>().WithAnswerExample(200, NodeExamples.Found);
        group.MapGet("recent", self.RecentAsync).WithSummary("Files that changed or came lately, the newest first")
            .Produces<FoundList>().WithAnswerExample(200, NodeExamples.Found);
    }

    private async Task<IResult> FavoritesAsync(
        HttpContext http,
        [Description("Favourites in a page, 1 to 1,000; 100 if it is left out.")] int? limit = null,
        [Description("The next of the page before.")] string? cursor = null)
    {
        var (name, after) = PageCursor.Read(cursor, "favorites", 2) is [var text, var digits]
            ? (text, IdOf(digits)) : ("", -1);
        var page = await tree.FavoritesAsync(
            ApiCaller.Of(http), name, after, PageCursor.Limit(limit), http.RequestAborted);
        return Results.Ok(new FoundList([.. page.Nodes.Select(found => new FoundNodeAnswer(found))],
            page.HasMore ? NextOf(page.Nodes[^1].Node) : null));
    }

    private static long IdOf(string digits) =>
        long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            ? id : throw RequestValues.Invalid("The cursor is not one of this list.");

    private static string NextOf(FileNode last) =>
        PageCursor.Write("favorites", last.Name, last.Id.ToString(CultureInfo.InvariantCulture));

    private async Task<IResult> RecentAsync(
        HttpContext http,
        [Description("1 to 366; 30 if it is left out.")] int? days = null,
        [Description("Files, 1 to 200; 100 if it is left out.")] int? limit = null)
    {
        if (days is < 1 or > MaxDays)
            throw RequestValues.Invalid($"days is 1 to {MaxDays}.");
        var found = await tree.RecentAsync(
            ApiCaller.Of(http), days ?? DefaultDays, PageCursor.Limit(limit, MaxRecent), http.RequestAborted);
        return Results.Ok(new FoundList([.. found.Select(one => new FoundNodeAnswer(one))], Next: null));
    }
}
