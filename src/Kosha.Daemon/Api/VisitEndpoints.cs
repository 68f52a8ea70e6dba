using System.ComponentModel;
using Kosha.Daemon.Auth;
using Kosha.Daemon.Web;
using Kosha.Storage;
using Kosha.Storage.Sharing;
using Kosha.Storage.Tree;
using Kosha.WebDav.Links;

namespace Kosha.Daemon.Api;

/// <summary>
/// <c>/api/share/{token}</c>: what who has a link may do, without any other credential. Nothing outside of what is
/// shared is there, and nothing of its owner. Each statement asks whether the link is still open.
/// </summary>
internal sealed class VisitEndpoints(
    ShareDoor door, ShareTokens tokens, ShareLinkTable links, ShareUses uses, NodeTree tree, FileDownload downloads,
    ZipEndpoints zips, VisitUploads uploads, SessionCookie cookie)
{
    /// <summary>What follows is a secret and belongs in no log.</summary>
    public const string Prefix = ApiErrors.Path + "/share";

    private const string AnyType = "application/octet-stream";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<VisitEndpoints>();
        var group = routes.MapGroup(Prefix + "/{token}").WithTags("Visitors of share links").For(ApiAccess.Anyone)
            .ProducesProblem(401).ProducesProblem(403).ProducesProblem(404).ProducesProblem(429).ProducesProblem(503);
        group.AddEndpointFilter(WhileOpenAsync);
        group.MapGet("", self.GetAsync).WithSummary("What a link shares").Produces<VisitAnswer>()
            .WithAnswerExample(200, ShareExamples.Visit);
        group.MapPost("access", self.OpenAsync).WithSummary("Shows the password; a ticket, also as a cookie, opens")
            .Produces<VisitTicket>().ProducesProblem(400).WithRequestExample(ShareExamples.Open)
            .WithAnswerExample(200, ShareExamples.Ticket);
        group.MapGet("nodes", self.ListAsync).WithSummary("The members of a shared folder, page by page")
            .Produces<NodeList>().ProducesProblem(400).ProducesProblem(409).WithAnswerExample(200, NodeExamples.Page);
        group.MapMethods("nodes/{id:long}/content", [HttpMethods.Get, HttpMethods.Head], self.DownloadAsync)
            .WithSummary("The bytes of a shared file, with ranges; or the way to them")
            .Produces(200, contentType: AnyType).Produces(206, contentType: AnyType).Produces(304).Produces(307)
            .Produces(416).ProducesProblem(400).ProducesProblem(409).ProducesProblem(412).ProducesProblem(500);
        group.MapGet("zip", self.ZipAsync).WithSummary("What is shared, or some of it, as a zip file")
            .Produces(200, contentType: ZipEndpoints.MediaType).ProducesProblem(400).ProducesProblem(500);
        group.MapPut("files/{name}", self.UploadAsync)
            .WithSummary("Brings a file, the body, into the shared folder; its name may get a number")
            .Produces<VisitUpload>(201).ProducesProblem(400).ProducesProblem(413).ProducesProblem(423)
            .ProducesProblem(507).WithAnswerExample(201, ShareExamples.Brought);
    }

    /// <summary>A link that ends meanwhile is answered as one that had ended before.</summary>
    private static async ValueTask<object?> WhileOpenAsync(
        EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        context.HttpContext.Response.Headers["X-Robots-Tag"] = "noindex";
        try
        {
            return await next(context);
        }
        catch (StorageException e) when (e.Fault == StorageFault.CredentialRevoked)
        {
            throw ShareDoor.Gone();
        }
    }

    private async Task<IResult> GetAsync(string token, HttpContext http)
    {
        var visit = await door.FindAsync(http, token);
        return Results.Ok(visit.IsInside ? await DescribeAsync(visit, http) : new VisitAnswer { NeedsPassword = true });
    }

    private async Task<VisitAnswer> DescribeAsync(ShareVisit visit, HttpContext http)
    {
        var shared = await tree.DetailsAsync(visit.Reader, visit.Link.NodeId, http.RequestAborted);
        return new()
        {
            NeedsPassword = false,
            // What is above it is nobody's business, nor what its owner marks.
            Node = new(shared.Node with { ParentId = null, IsFavorite = false }),
            AllowsDownload = visit.Link.AllowsDownload,
            AllowsUpload = visit.Link.AllowsUpload,
            ExpiresAt = visit.Link.ExpiresAt,
        };
    }

    private async Task<IResult> OpenAsync(string token, OpenShare body, HttpContext http)
    {
        var visit = await door.FindAsync(http, token);
        if (!visit.IsInside)
        {
            var result = await door.VerifyAsync(visit.Link, body.Password, visit.Address, http.RequestAborted);
            if (result.Caller is null)
                return RefusalOf(http.Response, result);
        }
        var ticket = tokens.SignVisit(visit.Link);
        SharePage.GiveTicket(http, cookie, token, ticket);
        return Results.Ok(new VisitTicket(ticket, DateTimeOffset.UtcNow + ShareTokens.VisitLifetime));
    }

    private static IResult RefusalOf(HttpResponse response, SignInResult refused)
    {
        if (refused.RetryAfter is null)
            return ApiProblem.Wrong("password").ToResult();
        var (status, message) = SignInAnswers.Of(response, refused);
        return ApiProblem.Of(status, message).ToResult();
    }

    private async Task<IResult> ListAsync(
        string token, HttpContext http,
        [Description("The folder; left out: what is shared.")] long? parentId = null,
        [Description("name, size, modified or type; name if it is left out. What is equal goes by name.")]
        string? sort = null,
        [Description("asc or desc; asc if it is left out.")] string? order = null,
        [Description("All folders before all files; false if it is left out.")] bool? foldersFirst = null,
        [Description("Members in a page, 1 to 1,000; 100 if it is left out.")] int? limit = null,
        [Description("The next of the page before, with the same parentId, sort, order and foldersFirst.")]
        string? cursor = null)
    {
        var visit = (await door.EnterAsync(http, token)).RequireDownload();
        return Results.Ok(await NodeEndpoints.PageAsync(tree, visit.Reader, parentId ?? visit.Link.NodeId,
            new(sort, order, foldersFirst, limit, cursor), http.RequestAborted));
    }

    private async Task DownloadAsync(
        string token, long id, HttpContext http,
        [Description("attachment, to be saved, or inline, to be shown if it can do no harm; attachment if left out.")]
        string? disposition = null,
        [Description("Of a link with a maximum, as the redirect has it: the ranges of a download that was counted.")]
        string? ticket = null)
    {
        var asAttachment = RequestValues.Choice(disposition, "disposition", ContentUse.Attachment)
            == ContentUse.Attachment;
        var visit = (await door.EnterAsync(http, token, link => tokens.IsDownload(ticket, link, id))).RequireDownload();
        var node = (await tree.DetailsAsync(visit.Reader, id, http.RequestAborted)).Node;
        if (node.IsFolder)
            throw new StorageException(StorageFault.WrongKind, "A folder has no content; zip has what is in it.");
        if (await IsCountedAsync(http, visit, node, ticket))
            await downloads.AnswerAsync(http, visit.Reader, node, asAttachment);
        else
            RedirectWithTicket(http, tokens.SignDownload(visit.Link, id, node.Etag), disposition);
    }

    /// <summary>
    /// Whether the bytes may go out, or none will. False: a download of a link with a maximum was counted now, and its
    /// ticket is what the bytes go out for.
    /// </summary>
    private async Task<bool> IsCountedAsync(HttpContext http, ShareVisit visit, FileNode node, string? ticket)
    {
        if (HttpMethods.IsHead(http.Request.Method) || !FileDownload.GivesBytes(http, visit.Reader, node)
            || tokens.IsDownload(ticket, visit.Link, node.Id, node.Etag))
            return true;
        if (visit.Link.MaxDownloads is null)
        {
            // Of a download in pieces the first counts.
            var range = http.Request.Headers.Range.ToString();
            if (range.Length == 0 || range.StartsWith("bytes=0-", StringComparison.OrdinalIgnoreCase))
                uses.Add(new(visit.Link.Id, visit.Address, Accesses: 0, Downloads: 1));
            return true;
        }
        return await links.TakeAsync(visit.Link, node.Id, visit.Address, http.RequestAborted)
            ? false : throw ShareDoor.Gone();
    }

    private static void RedirectWithTicket(HttpContext http, string ticket, string? disposition)
    {
        var query = QueryString.Create("ticket", ticket);
        if (disposition is not null)
            query = query.Add("disposition", disposition);
        http.Response.StatusCode = StatusCodes.Status307TemporaryRedirect;
        http.Response.Headers.Location = http.Request.PathBase.Add(http.Request.Path).ToUriComponent() + query;
        http.Response.ContentLength = 0;
    }

    private async Task ZipAsync(
        string token, HttpContext http,
        [Description("Ids with ',' between them, 1 to 500; left out: all that is shared.")] string? ids = null)
    {
        var visit = (await door.EnterAsync(http, token)).RequireDownload();
        await zips.PackAsync(http, visit.Reader, ids is null ? [visit.Link.NodeId] : ZipEndpoints.Read(ids), async () =>
        {
            if (visit.Link.MaxDownloads is null)
                uses.Add(new(visit.Link.Id, visit.Address, Accesses: 0, Downloads: 1));
            else if (!await links.TakeAsync(visit.Link, visit.Link.NodeId, visit.Address, http.RequestAborted))
                throw ShareDoor.Gone();
        });
    }

    private async Task<IResult> UploadAsync(string token, string name, HttpContext http)
    {
        var visit = await door.EnterAsync(http, token);
        VisitUploads.AllowAnySize(http);
        var made = await uploads.ReceiveAsync(
            visit, name, http.Request.Body, http.Request.ContentLength, http.Request.ContentType, http.RequestAborted);
        return Results.Json(made, statusCode: StatusCodes.Status201Created);
    }
}
