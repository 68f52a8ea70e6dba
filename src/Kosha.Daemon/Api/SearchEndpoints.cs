using Kosha.Storage.Search;
using Kosha.Storage.Tree;
using Microsoft.AspNetCore.Mvc;

namespace Kosha.Daemon.Api;

/// <summary>
/// <c>/api/search</c>: files and folders by name and what else is known of them; <c>/api/search-profiles</c>: searches
/// that one keeps. Whoever has an app password searches; what is kept belongs to the account.
/// </summary>
internal sealed class SearchEndpoints(NodeTree tree, SearchProfileTable profiles)
{
    private const string Route = ApiErrors.Path + "/search";
    private const string ProfileRoute = ApiErrors.Path + "/search-profiles";

    private static readonly SearchProfileBody Example = new()
    {
        Name = "Large pictures of last year", Types = ["image"], MinSize = 10_000_000,
        From = new(2025, 1, 1, 0, 0, 0, TimeSpan.Zero), To = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero),
    };

    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<SearchEndpoints>();
        var group = routes.MapGroup("").WithTags("Search").For(ApiAccess.Account)
            .ProducesProblem(400).ProducesProblem(401).ProducesProblem(403).ProducesProblem(429).ProducesProblem(503);
        group.MapGet(Route, self.FindAsync).WithSummary("Finds files and folders by their names").For(ApiAccess.Files)
            .Produces<FoundList>().WithAnswerExample(200, NodeExamples.Found);
        group.MapGet(ProfileRoute, (Delegate)self.ListAsync).WithSummary("Searches that one keeps")
            .Produces<SearchProfileList>();
        group.MapPost(ProfileRoute, self.AddAsync).WithSummary("Keeps a search").WithRequestExample(Example)
            .Produces<SearchProfileAnswer>(201).ProducesProblem(409);
        group.MapGet(ProfileRoute + "/{id:long}", self.GetAsync).WithSummary("One kept search")
            .Produces<SearchProfileAnswer>().ProducesProblem(404);
        group.MapPut(ProfileRoute + "/{id:long}", self.ChangeAsync).WithSummary("Keeps another search in its place")
            .WithRequestExample(Example).Produces<SearchProfileAnswer>().ProducesProblem(404).ProducesProblem(409);
        group.MapDelete(ProfileRoute + "/{id:long}", self.DeleteAsync).WithSummary("Keeps a search no more")
            .Produces(204).ProducesProblem(404);
        group.MapGet(ProfileRoute + "/{id:long}/hits", self.RunAsync).WithSummary("What a kept search finds now")
            .Produces<FoundList>().WithAnswerExample(200, NodeExamples.Found).ProducesProblem(404);
    }

    private Task<IResult> FindAsync(
        [AsParameters] SearchRequest request, [AsParameters] SearchPageRequest page, HttpContext http) =>
        AnswerAsync(request.Read(), page, http);

    private async Task<IResult> RunAsync(long id, [AsParameters] SearchPageRequest page, HttpContext http)
    {
        var profile = await profiles.GetAsync(ApiCaller.Of(http), id, http.RequestAborted);
        return await AnswerAsync(profile.Query, page, http);
    }

    private async Task<IResult> AnswerAsync(NodeQuery query, SearchPageRequest page, HttpContext http)
    {
        var order = RequestValues.Choice(page.Order, "order", SearchOrder.Relevance);
        var limit = PageCursor.Limit(page.Limit, NodeTree.MaxHits);
        var after = SearchFilters.ReadCursor(page.Cursor, query, order);
        var found = await tree.SearchAsync(ApiCaller.Of(http), query, order, after, limit, http.RequestAborted);
        return Results.Ok(new FoundList([.. found.Hits.Select(hit => new FoundNodeAnswer(hit))],
            SearchFilters.FormatCursor(found.Next, query, order)));
    }

    private async Task<IResult> ListAsync(HttpContext http)
    {
        var found = await profiles.ListAsync(ApiCaller.Of(http), http.RequestAborted);
        return Results.Ok(new SearchProfileList([.. found.Select(SearchProfileAnswer.Of)]));
    }

    private async Task<IResult> GetAsync(long id, HttpContext http) =>
        Results.Ok(SearchProfileAnswer.Of(await profiles.GetAsync(ApiCaller.Of(http), id, http.RequestAborted)));

    private async Task<IResult> AddAsync([FromBody] SearchProfileBody body, HttpContext http)
    {
        var caller = ApiCaller.Of(http);
        var id = await profiles.AddAsync(caller, body.Name, body.Read(), http.RequestAborted);
        return Results.Created($"{ProfileRoute}/{id}",
            SearchProfileAnswer.Of(await profiles.GetAsync(caller, id, http.RequestAborted)));
    }

    private async Task<IResult> ChangeAsync(long id, [FromBody] SearchProfileBody body, HttpContext http)
    {
        await profiles.ChangeAsync(ApiCaller.Of(http), new(id, body.Name, body.Read()), http.RequestAborted);
        return await GetAsync(id, http);
    }

    private async Task<IResult> DeleteAsync(long id, HttpContext http)
    {
        await profiles.DeleteAsync(ApiCaller.Of(http), id, http.RequestAborted);
        return Results.NoContent();
    }
}
