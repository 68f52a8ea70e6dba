using Kosha.Daemon.Auth;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Blobs;
using Kosha.Storage.Tree;
using Kosha.Storage.Uploads;
using Kosha.WebDav;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Net.Http.Headers;

namespace Kosha.Daemon.Api;

/// <summary>
/// <c>/api/uploads</c>: reserve, put the bytes past Kosha, complete. What is refused is an <see cref="ApiProblem"/>.
/// </summary>
internal sealed class UploadEndpoints(
    DirectUploads uploads, UploadCompletions completions, UploadLinks links, NodeTree tree, CountedLimits limits)
{
    private const string Route = ApiErrors.Path + "/uploads";

    private const int MaxContentTypeLength = 255;

    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<UploadEndpoints>();
        var group = routes.MapGroup(Route).WithTags("Uploads").For(ApiAccess.Files)
            .ProducesProblem(401).ProducesProblem(429).ProducesProblem(503);
        group.MapPost("", self.BeginAsync).WithSummary("Reserves quota and gives a URL for the bytes")
            .Produces<UploadAnswer>(201).ProducesProblem(400).ProducesProblem(404).ProducesProblem(409)
            .ProducesProblem(412).ProducesProblem(413).ProducesProblem(422).ProducesProblem(423).ProducesProblem(507)
            .WithRequestExample(new BeginUpload
            {
                Parent = "/Films", Name = "film.mp4", Size = 5,
                Sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
            });
        group.MapGet("", (Delegate)self.ListAsync).WithSummary("One's own uploads that are open")
            .Produces<UploadList>();
        group.MapGet("{id:long}", self.GetAsync).WithSummary("One upload, and which of its parts are there")
            .Produces<UploadAnswer>().ProducesProblem(404);
        group.MapPost("{id:long}/parts", self.SignAsync).WithSummary("New URLs, for the bytes or for parts of them")
            .Produces<UploadAnswer>().ProducesProblem(400).ProducesProblem(404).ProducesProblem(410)
            .WithRequestExample(new SignParts { Numbers = [7, 8] });
        group.MapPost("{id:long}/complete", self.CompleteAsync)
            .WithSummary("Verifies the bytes and makes the file; 202: it takes longer, ask again")
            .Produces<UploadAnswer>().Produces<UploadAnswer>(202).ProducesProblem(404).ProducesProblem(409)
            .ProducesProblem(410).ProducesProblem(412).ProducesProblem(422).ProducesProblem(423).ProducesProblem(507)
            .WithRequestExample(new CompleteUpload
            {
                LockTokens = ["opaquelocktoken:9f0a5e7c-2f0e-4f3e-9f39-1d7d3f0a6a55"],
            });
        group.MapDelete("{id:long}", self.CancelAsync).WithSummary("Gives an upload up").Produces(204)
            .ProducesProblem(404).ProducesProblem(410);
    }

    private async Task<IResult> BeginAsync([FromBody] BeginUpload body, HttpContext http)
    {
        var caller = ApiCaller.Of(http);
        var parent = await ParentAsync(caller, body, http.RequestAborted);
        var ticket = await limits.BeginUploadAsync(
            caller, () => uploads.BeginAsync(caller, Read(body, parent), http.RequestAborted));
        return Results.Created($"{Route}/{ticket.Upload.Id}", Answer(ticket, http.Request));
    }

    private async Task<NodePath> ParentAsync(Caller caller, BeginUpload body, CancellationToken ct) =>
        (body.Parent, body.ParentId) switch
        {
            ({ } path, null) => NodePath.FromNames(path.Split('/', StringSplitOptions.RemoveEmptyEntries)),
            (null, { } id) => await tree.PathAsync(caller, id, ct),
            _ => throw RequestValues.Invalid("Either parent or parentId names the folder."),
        };

    private async Task<IResult> ListAsync(HttpContext http) => Results.Ok(new UploadList(
        [.. (await uploads.OpenAsync(ApiCaller.Of(http), http.RequestAborted)).Select(Describe)]));

    private async Task<IResult> GetAsync(long id, HttpContext http)
    {
        var upload = await uploads.SeeAsync(ApiCaller.Of(http), id, http.RequestAborted);
        return Results.Ok(upload is { PartBytes: not null, State: UploadState.Open }
            ? Describe(upload) with { PartsThere = await uploads.PartsAsync(upload, http.RequestAborted) }
            : Describe(upload));
    }

    private async Task<IResult> SignAsync(long id, [FromBody] SignParts? body, HttpContext http)
    {
        var ticket = await uploads.SignAsync(ApiCaller.Of(http), id, body?.Numbers, http.RequestAborted);
        return Results.Ok(Answer(ticket, http.Request) with { PartsThere = ticket.PartsThere });
    }

    private async Task<IResult> CompleteAsync(long id, [FromBody] CompleteUpload? body, HttpContext http)
    {
        var (caller, tokens) = (ApiCaller.Of(http), RequestValues.Tokens(body?.LockTokens));
        if (await uploads.TakeAsync(caller, id, http.RequestAborted) is { } taken)
            await completions.RunAsync(caller, taken, tokens, PrefersNotToWait(http.Request), http.RequestAborted);
        var upload = await uploads.GetAsync(caller, id, http.RequestAborted);
        return upload.State switch
        {
            UploadState.Completed => Results.Ok(Describe(upload)),
            UploadState.Failed => throw new StorageException(StorageFault.DigestMismatch, upload.Message ?? ""),
            UploadState.Cancelled or UploadState.Expired => throw new StorageException(
                StorageFault.UploadOver, "The upload was cancelled, or its time is over."),
            _ => Accepted(upload, http.Response),
        };
    }

    private static IResult Accepted(Upload upload, HttpResponse response)
    {
        response.Headers.RetryAfter = "1";
        return Results.Accepted($"{Route}/{upload.Id}", Describe(upload));
    }

    private async Task<IResult> CancelAsync(long id, HttpContext http)
    {
        await uploads.CancelAsync(ApiCaller.Of(http), id, http.RequestAborted);
        return Results.NoContent();
    }

    /// <summary>RFC 7240, 4.1.</summary>
    private static bool PrefersNotToWait(HttpRequest request) =>
        request.Headers["Prefer"].ToString().Contains("respond-async", StringComparison.OrdinalIgnoreCase);

    // Bodies ----------------------------------------------------------------------------------------------------------

    private static NewUpload Read(BeginUpload body, NodePath parent)
    {
        if (body.Size < 0)
            throw RequestValues.Invalid("size is not below 0.");
        if (body.Sha256.Length != 2 * BlobId.ByteLength || !body.Sha256.All(char.IsAsciiHexDigit))
            throw RequestValues.Invalid("sha256 has 64 hexadecimal digits.");
        return new(NodePath.FromNames([.. parent.Names, body.Name]), body.Size, new(Convert.FromHexString(body.Sha256)))
        {
            ContentType = ReadContentType(body.ContentType),
            ModifiedAt = RequestValues.Time(body.Modified, "modified"),
            PartBytes = body.Size == 0 ? null : body.PartBytes,
            Conditions = new()
            {
                IfMatch = RequestValues.Tags(body.IfMatch, "ifMatch", weakMatches: false),
                IfNoneMatch = RequestValues.Tags(body.IfNoneMatch, "ifNoneMatch", weakMatches: true),
                LockTokens = RequestValues.Tokens(body.LockTokens),
            },
        };
    }

    private static string? ReadContentType(string? text)
    {
        if (text is null)
            return null;
        if (text.Length > MaxContentTypeLength || text.AsSpan().ContainsAnyExceptInRange(' ', '~')
            || !MediaTypeHeaderValue.TryParse(text, out var type) || type.MatchesAllTypes || type.MatchesAllSubTypes)
            throw RequestValues.Invalid("contentType is a media type, such as image/png.");
        return text.Trim();
    }

    private static UploadAnswer Describe(Upload upload)
    {
        var end = upload.Path.LastIndexOf('/');
        return new()
        {
            Id = upload.Id,
            State = upload.State,
            FolderId = upload.FolderId,
            Parent = end < 0 ? "/" : $"/{upload.Path[..end]}",
            Name = upload.Path[(end + 1)..],
            Size = upload.Size,
            Sha256 = Convert.ToHexStringLower(upload.Sha256),
            ReservedUntil = upload.ExpiresAt,
            PartBytes = upload.PartBytes,
            PartCount = upload.PartBytes is null ? null : upload.PartCount,
            Etag = upload.Etag is { } etag ? EntityTags.Format(etag) : null,
            Problem = upload.Fault is { } fault ? ApiProblem.Of(fault, upload.Message ?? "") : null,
        };
    }

    private UploadAnswer Answer(UploadTicket ticket, HttpRequest request)
    {
        var (upload, answer) = (ticket.Upload, Describe(ticket.Upload));
        if (upload.State != UploadState.Open)
            return answer;
        var puts = ticket.Puts ?? links.Sign(upload, ticket.Wanted, request);
        if (upload.PartBytes is not null)
            return answer with { Parts = [.. puts.OrderBy(put => put.Key).Select(put => Part(upload, put))] };
        var all = puts[0];
        return answer with
        {
            Method = HttpMethods.Put, Url = all.Url.OriginalString, Headers = all.Headers, Expires = all.ExpiresAt,
        };
    }

    private static PartAnswer Part(Upload upload, KeyValuePair<int, SignedPut> put) => new()
    {
        Number = put.Key,
        Size = upload.SizeOfPart(put.Key),
        Method = HttpMethods.Put,
        Url = put.Value.Url.OriginalString,
        Headers = put.Value.Headers,
        Expires = put.Value.ExpiresAt,
    };
}
