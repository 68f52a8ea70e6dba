using System.ComponentModel;
using System.Globalization;
using Kosha.Daemon.Auth;
using Kosha.Daemon.Web;
using Kosha.Storage.Sharing;
using Microsoft.AspNetCore.Mvc;

namespace Kosha.Daemon.Api;

/// <summary>
/// <c>/api/shares</c>: one's own share links; <see cref="VisitEndpoints"/> are for those who were given one.
/// </summary>
internal sealed class ShareEndpoints(ShareLinkTable links, ShareTokens tokens, SignIn signIn, KoshaOptions options)
{
    private const string Route = ApiErrors.Path + "/shares";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<ShareEndpoints>();
        var group = routes.MapGroup("").WithTags("Share links").For(ApiAccess.Account)
            .ProducesProblem(400).ProducesProblem(401).ProducesProblem(403).ProducesProblem(429).ProducesProblem(503);
        group.MapPost(Route, self.AddAsync).WithSummary("Shares a file or a folder by a link").ProducesProblem(404)
            .Produces<ShareAnswer>(201).WithRequestExample(ShareExamples.Add)
            .WithAnswerExample(201, ShareExamples.Share);
        group.MapGet(Route, self.ListAsync).WithSummary("One's own share links, without their URLs")
            .Produces<ShareList>().WithAnswerExample(200, ShareExamples.Shares);
        group.MapGet(NodeEndpoints.Route + "/{id:long}/shares", self.ListOfNodeAsync)
            .WithSummary("The share links of a file or folder, without their URLs")
            .Produces<ShareList>().WithAnswerExample(200, ShareExamples.Shares);
        group.MapGet(Route + "/{id:long}", self.GetAsync).WithSummary("One share link, with its URL")
            .Produces<ShareAnswer>().ProducesProblem(404).WithAnswerExample(200, ShareExamples.Share);
        group.MapPatch(Route + "/{id:long}", self.ChangeAsync).WithSummary("Changes a share link; its URL stays")
            .Produces<ShareAnswer>().ProducesProblem(404).WithRequestExample(ShareExamples.Change)
            .WithAnswerExample(200, ShareExamples.Share);
        group.MapDelete(Route + "/{id:long}", self.RevokeAsync).WithSummary("Ends a share link at once").Produces(204)
            .ProducesProblem(404);
    }

    private async Task<IResult> AddAsync([FromBody] AddShare body, HttpContext http)
    {
        var (term, hash) = (TermOf(body), await HashAsync(body.Password, http.RequestAborted));
        var (_, tokenHash, hidden) = tokens.New();
        var made = await links.AddAsync(ApiCaller.Of(http), new(body.NodeId, tokenHash, hidden)
        {
            Name = NullIfEmpty(body.Name),
            PasswordHash = NullIfEmpty(hash),
            Term = term ?? ShareTerm.Usual,
            MaxDownloads = body.MaxDownloads is 0 ? null : body.MaxDownloads,
            AllowsDownload = body.AllowsDownload ?? true,
            AllowsUpload = body.AllowsUpload ?? false,
        }, http.RequestAborted);
        return Results.Created(
            string.Create(CultureInfo.InvariantCulture, $"{Route}/{made.Id}"), WithUrl(made, http.Request));
    }

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;

    /// <summary>Null: nothing was said. Fault: InvalidValue.</summary>
    private static ShareTerm? TermOf(ChangeShare body) => (body.ExpiresAt, body.ExpiresInDays, body.NeverExpires) switch
    {
        (null, null, false) => null,
        ({ } at, null, false) => new(RequestValues.Time(at, "expiresAt"), null),
        (null, >= 1 and <= 36_500, false) => new(null, body.ExpiresInDays),
        (null, null, true) => ShareTerm.Never,
        _ => throw RequestValues.Invalid(
            "One of expiresAt, expiresInDays (1 to 36,500) and neverExpires says when the link ends."),
    };

    /// <summary>Null and empty stay as they are.</summary>
    private async Task<string?> HashAsync(string? password, CancellationToken ct)
    {
        if (string.IsNullOrEmpty(password))
            return password;
        AccountEndpoints.RequireGood(password);
        return await signIn.HashAsync(password, ct);
    }

    private Task<IResult> ListAsync(
        HttpContext http,
        [Description("Links in a page, 1 to 1,000; 100 if it is left out.")] int? limit = null,
        [Description("The next of the page before.")] string? cursor = null) =>
        PageAsync(http, "shares", nodeId: null, limit, cursor);

    private Task<IResult> ListOfNodeAsync(
        long id, HttpContext http,
        [Description("Links in a page, 1 to 1,000; 100 if it is left out.")] int? limit = null,
        [Description("The next of the page before, with the same id.")] string? cursor = null) =>
        PageAsync(http, string.Create(CultureInfo.InvariantCulture, $"shares {id}"), id, limit, cursor);

    private async Task<IResult> PageAsync(HttpContext http, string list, long? nodeId, int? limit, string? cursor)
    {
        var before = PageCursor.Read(cursor, list, 1) switch
        {
            null => long.MaxValue,
            [var text] when long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var id) => id,
            _ => throw RequestValues.Invalid("The cursor is not one of this list."),
        };
        var most = PageCursor.Limit(limit);
        var found = await links.ListAsync(ApiCaller.Of(http), nodeId, before, most + 1, http.RequestAborted);
        return Results.Ok(new ShareList([.. found.Take(most).Select(Describe)], found.Count > most
            ? PageCursor.Write(list, found[most - 1].Id.ToString(CultureInfo.InvariantCulture)) : null));
    }

    private async Task<IResult> GetAsync(long id, HttpContext http) => Results.Ok(
        WithUrl(await links.GetAsync(ApiCaller.Of(http), id, http.RequestAborted), http.Request));

    private async Task<IResult> ChangeAsync(long id, [FromBody] ChangeShare body, HttpContext http)
    {
        var changes = new ShareLinkChanges
        {
            Name = body.Name,
            Term = TermOf(body),
            MaxDownloads = body.MaxDownloads,
            AllowsDownload = body.AllowsDownload,
            AllowsUpload = body.AllowsUpload,
            PasswordHash = await HashAsync(body.Password, http.RequestAborted),
        };
        return Results.Ok(WithUrl(
            await links.ChangeAsync(ApiCaller.Of(http), id, changes, http.RequestAborted), http.Request));
    }

    private async Task<IResult> RevokeAsync(long id, HttpContext http)
    {
        await links.RevokeAsync(ApiCaller.Of(http), id, http.RequestAborted);
        return Results.NoContent();
    }

    private ShareAnswer WithUrl(ShareLink link, HttpRequest request)
    {
        var origin = options.PublicUrl?.GetLeftPart(UriPartial.Authority)
            ?? $"{request.Scheme}://{request.Host.ToUriComponent()}";
        return Describe(link) with { Url = $"{origin}{SharePage.Prefix}/{tokens.Reveal(link)}" };
    }

    private static ShareAnswer Describe(ShareLink link) => new()
    {
        Id = link.Id,
        NodeId = link.NodeId,
        Path = link.Path,
        IsFolder = link.IsFolder,
        Name = link.Name,
        HasPassword = link.HasPassword,
        AllowsDownload = link.AllowsDownload,
        AllowsUpload = link.AllowsUpload,
        ExpiresAt = link.ExpiresAt,
        MaxDownloads = link.MaxDownloads,
        Downloads = link.Downloads,
        Accesses = link.Accesses,
        IsOver = link.IsOver,
        Created = link.CreatedAt,
        LastUsed = link.LastUsedAt,
    };
}
