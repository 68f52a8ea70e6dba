using System.Globalization;
using System.Net;
using System.Text;
using Kosha.Daemon.Api;
using Kosha.Daemon.Auth;
using Kosha.Storage;
using Kosha.Storage.Tree;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Kosha.Daemon.Web;

/// <summary>
/// <c>/share/{token}</c>: a plain page for people who were given a link: the file, or the folder page by page, a form
/// for the password and one for files to bring. No script; it tells no other site where it was left for.
/// </summary>
internal sealed class SharePage(
    ShareDoor door, ShareTokens tokens, SessionCookie cookie, NodeTree tree, VisitUploads uploads)
{
    /// <summary>What follows is a secret and belongs in no log.</summary>
    public const string Prefix = "/share";

    private const string Html = "text/html; charset=utf-8";
    private const string PasswordField = "password";

    /// <summary>Of the password's form.</summary>
    private const int MaxFormBytes = 4096;

    /// <summary>RFC 2046, 5.1.1.</summary>
    private const int MaxBoundary = 70;

    /// <summary>Of an IOException that comes from no disk and no network.</summary>
    private const int NoSystemError = unchecked((int)0x80131620);

    private const string Policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
        + "base-uri 'none'; frame-ancestors 'none'";

    private const string PasswordForm = """
        <form method="post"><p><label>Password <input type="password" name="password" required autofocus></label>
        <button>Open</button></p></form>
        """;

    private const string UploadForm = """
        <form method="post" enctype="multipart/form-data"><p><input type="file" name="file" multiple required>
        <button>Upload</button></p></form>
        """;

    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<SharePage>();
        routes.MapMethods(Prefix + "/{token}", [HttpMethods.Get, HttpMethods.Head, HttpMethods.Post], self.AnswerAsync)
            .WithDisplayName("Share page").ExcludeFromDescription();
    }

    /// <summary>A browser shows its ticket to this link alone, on its page and in the API.</summary>
    public static void GiveTicket(HttpContext http, SessionCookie cookie, string token, string ticket)
    {
        foreach (var prefix in new[] { Prefix, VisitEndpoints.Prefix })
            http.Response.Cookies.Append(ShareDoor.TicketCookie, ticket, new()
            {
                HttpOnly = true,
                Secure = cookie.IsSecure(http.Request),
                SameSite = Microsoft.AspNetCore.Http.SameSiteMode.Lax,
                Path = $"{prefix}/{token}",
                MaxAge = ShareTokens.VisitLifetime,
            });
    }

    private async Task AnswerAsync(string token, HttpContext http, long? folder = null, string? cursor = null)
    {
        try
        {
            if (HttpMethods.IsPost(http.Request.Method))
                await PostAsync(token, http);
            else
                await ShowAsync(token, http, folder, cursor);
        }
        catch (StorageException e) when (!http.Response.HasStarted)
        {
            await RefuseAsync(http, e.Fault == StorageFault.CredentialRevoked ? ShareDoor.Gone() : e);
        }
    }

    private static Task RefuseAsync(HttpContext http, StorageException refused)
    {
        if (refused.RetryAfter is { } wait)
            http.Response.Headers.RetryAfter =
                Math.Ceiling(wait.TotalSeconds).ToString("F0", CultureInfo.InvariantCulture);
        var problem = ApiProblem.Of(refused);
        return WriteAsync(http, problem.Status, problem.Title, $"<p>{Encode(refused.Message)}</p>");
    }

    private async Task ShowAsync(string token, HttpContext http, long? folder, string? cursor)
    {
        var visit = await door.FindAsync(http, token);
        if (!visit.IsInside)
        {
            await WriteAsync(http, StatusCodes.Status200OK, "This link has a password", PasswordForm);
            return;
        }
        // Who only brings files is not told what is below either.
        var id = visit.Link.AllowsDownload ? folder ?? visit.Link.NodeId : visit.Link.NodeId;
        var shared = await tree.DetailsAsync(visit.Reader, id, http.RequestAborted);
        var page = new StringBuilder();
        // Where the files will be.
        if (visit.Link.AllowsUpload && id == visit.Link.NodeId)
            page.Append(UploadForm);
        if (!visit.Link.AllowsDownload)
            page.Append("<p>Files that you bring are for the owner of this folder alone.</p>");
        else if (shared.Node.IsFolder)
            await AppendFolderAsync(page, token, visit, shared, cursor, http.RequestAborted);
        else
            AppendFile(page, token, new(shared.Node));
        await WriteAsync(http, StatusCodes.Status200OK, shared.Node.Name, page.ToString());
    }

    private static void AppendFile(StringBuilder page, string token, NodeAnswer file) =>
        page.Append(CultureInfo.InvariantCulture, $"<p><a href=\"{ContentOf(token, file.Id)}\">Download</a>, ")
            .Append(CultureInfo.InvariantCulture, $"{file.Size:N0} bytes</p>");

    private async Task AppendFolderAsync(
        StringBuilder page, string token, ShareVisit visit, NodeDetails folder, string? cursor, CancellationToken ct)
    {
        var own = $"{Prefix}/{Uri.EscapeDataString(token)}";
        var members = await NodeEndpoints.PageAsync(
            tree, visit.Reader, folder.Node.Id, new(null, null, FoldersFirst: true, null, cursor), ct);
        page.Append(CultureInfo.InvariantCulture,
            $"<p><a href=\"/api{own}/zip?ids={folder.Node.Id}\">All of it as a zip file</a></p><table>");
        if (folder.Breadcrumb.Count > 1)
            page.Append(CultureInfo.InvariantCulture,
                $"<tr><td><a href=\"{own}?folder={folder.Breadcrumb[^2].Id}\">..</a></td></tr>");
        foreach (var node in members.Nodes)
        {
            var (target, size) = node.IsFolder
                ? (string.Create(CultureInfo.InvariantCulture, $"{own}?folder={node.Id}"), "")
                : (ContentOf(token, node.Id), node.Size.ToString("N0", CultureInfo.InvariantCulture));
            page.Append(CultureInfo.InvariantCulture,
                $"<tr><td><a href=\"{target}\">{Encode(node.Name)}{(node.IsFolder ? "/" : "")}</a></td>")
                .Append(CultureInfo.InvariantCulture, $"<td>{size}</td><td>{node.Modified:yyyy-MM-dd HH:mm}</td></tr>");
        }
        page.Append("</table>");
        if (members.Next is { } next)
            page.Append(CultureInfo.InvariantCulture,
                $"<p><a href=\"{own}?folder={folder.Node.Id}&amp;cursor={next}\">More</a></p>");
    }

    private static string ContentOf(string token, long id) => string.Create(CultureInfo.InvariantCulture,
        $"{VisitEndpoints.Prefix}/{Uri.EscapeDataString(token)}/nodes/{id}/content");

    private async Task PostAsync(string token, HttpContext http)
    {
        if (http.Request.HasFormContentType && MultipartBoundary(http.Request) is { } boundary)
            await ReceiveAsync(await door.EnterAsync(http, token), http, boundary);
        else if (!await OpenAsync(token, http))
            return;
        // So that loading the page again sends nothing again.
        http.Response.StatusCode = StatusCodes.Status303SeeOther;
        http.Response.Headers.Location = $"{Prefix}/{Uri.EscapeDataString(token)}";
    }

    private static string? MultipartBoundary(HttpRequest request) =>
        MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            ? HeaderUtilities.RemoveQuotes(type.Boundary).Value : null;

    private async Task ReceiveAsync(ShareVisit visit, HttpContext http, string boundary)
    {
        if (boundary.Length is 0 or > MaxBoundary)
            throw new BadHttpRequestException("The form cannot be read.");
        var reader = new MultipartReader(boundary, http.Request.Body);
        try
        {
            while (await reader.ReadNextSectionAsync(http.RequestAborted) is { } section)
            {
                if (section.AsFileSection() is not { FileName.Length: > 0, FileStream: { } content } file)
                    continue;
                // Some send the whole path.
                var name = file.FileName[(file.FileName.LastIndexOfAny(['/', '\\']) + 1)..];
                await uploads.ReceiveAsync(
                    visit, name, content, announced: null, section.ContentType, http.RequestAborted);
            }
        }
        catch (Exception e) when (e is InvalidDataException || IsCutOff(e, http.RequestAborted))
        {
            throw new BadHttpRequestException("The form cannot be read.", e);
        }
    }

    /// <summary>Whether all of the body came, and it ends before the form does.</summary>
    private static bool IsCutOff(Exception e, CancellationToken aborted) =>
        e is IOException { HResult: NoSystemError } and not BadHttpRequestException && !aborted.IsCancellationRequested;

    /// <summary>False: the password was refused, and that was answered.</summary>
    private async Task<bool> OpenAsync(string token, HttpContext http)
    {
        var visit = await door.FindAsync(http, token);
        using var form = new FormReader(http.Request.Body) { ValueLengthLimit = MaxFormBytes, ValueCountLimit = 1 };
        var given = await ReadAsync(form, http.RequestAborted);
        if (!visit.IsInside)
        {
            var result = await door.VerifyAsync(visit.Link, given, visit.Address, http.RequestAborted);
            if (result.Caller is null)
            {
                var (status, message) = SignInAnswers.Of(http.Response, result);
                await WriteAsync(http, result.RetryAfter is null ? StatusCodes.Status403Forbidden : status,
                    "This link has a password",
                    $"<p>{Encode(result.RetryAfter is null ? "This password is not the right one." : message)}</p>"
                    + PasswordForm);
                return false;
            }
        }
        GiveTicket(http, cookie, token, tokens.SignVisit(visit.Link));
        return true;
    }

    private static async Task<string> ReadAsync(FormReader form, CancellationToken ct)
    {
        try
        {
            return (await form.ReadFormAsync(ct)).TryGetValue(PasswordField, out var given) ? given.ToString() : "";
        }
        catch (InvalidDataException e)
        {
            throw new BadHttpRequestException("The form cannot be read.", e);
        }
    }

    private static string Encode(string text) => WebUtility.HtmlEncode(text);

    private static Task WriteAsync(HttpContext http, int status, string title, string body)
    {
        var response = http.Response;
        response.StatusCode = status;
        response.ContentType = Html;
        response.Headers.ContentSecurityPolicy = Policy;
        response.Headers.CacheControl = "no-store";
        response.Headers["Referrer-Policy"] = "no-referrer";
        response.Headers["X-Robots-Tag"] = "noindex";
        return response.WriteAsync($$"""
            <!doctype html>
            <html lang="en">
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <meta name="robots" content="noindex">
            <title>{{Encode(title)}}</title>
            <style>body{font:1rem/1.5 system-ui,sans-serif;max-width:50rem;margin:5vh auto;padding:0 1rem;
            color-scheme:light dark}td+td{padding-left:2rem;text-align:right}</style>
            <h1>{{Encode(title)}}</h1>
            {{body}}
            </html>
            """, http.RequestAborted);
    }
}
