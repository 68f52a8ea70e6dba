using System.Buffers;
using Kosha.Daemon.Api;
using Kosha.Daemon.Auth;
using Kosha.Daemon.Configuration;
using Kosha.WebDav;
using Kosha.WebDav.Links;

namespace Kosha.Daemon.Web;

/// <summary>
/// Lets the browser apps of the origins in Http:CorsOrigins use /dav and its links, and pages of PublicUrl the API
/// wherever they find it, but for sessions, which are of one origin (Fetch standard, CORS protocol). An app sends an
/// Authorization header of its own; Access-Control-Allow-Credentials is never given, so that no page can borrow a
/// password that the browser remembers.
/// </summary>
internal static class CrossOrigin
{
    private const string ApiMethods = "GET, POST, PUT, PATCH, DELETE";

    private const string RequestMethod = "Access-Control-Request-Method";

    /// <summary>Browsers keep no preflight longer than two hours.</summary>
    private const string MaxAgeSeconds = "7200";

    /// <summary>What an app may read beside the few that every page may.</summary>
    private const string AnswerHeaders =
        "Accept-Ranges, Allow, Content-Disposition, Content-Length, Content-Range, DAV, Date, ETag, Last-Modified, "
        + "Location, Lock-Token, MS-Author-Via, Retry-After, WWW-Authenticate, X-OC-Mtime";

    /// <summary>Letters of a list of header names (RFC 9110, 5.6.2); Kestrel sends no others back.</summary>
    private static readonly SearchValues<char> ListOfTokens = SearchValues.Create(
        ", !#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>To be called before authentication: a preflight carries no credential.</summary>
    public static void UseCrossOrigin(
        this IApplicationBuilder app, IReadOnlyCollection<string> origins, Uri? publicUrl)
    {
        var forDrive = origins.ToHashSet(StringComparer.OrdinalIgnoreCase);
        var forApi = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        if (publicUrl is not null && WebOrigin.TryParse(publicUrl.GetLeftPart(UriPartial.Authority)) is { } own)
            forApi.Add(own);
        app.Use((context, next) =>
        {
            var allowed = ApiErrors.Covers(context.Request.Path) ? forApi : forDrive;
            if (allowed.Count == 0 || !IsOpenTo(context.Request.Path))
                return next(context);
            string? origin = context.Request.Headers.Origin;
            var isAllowed = origin is not null && allowed.Contains(origin);
            // At the last moment, because whoever answers an error begins by clearing the headers.
            context.Response.OnStarting(() => Mark(context.Response.Headers, isAllowed ? origin : null));
            return isAllowed && IsPreflight(context.Request) ? Permit(context) : next(context);
        });
    }

    private static bool IsOpenTo(PathString path) =>
        path.StartsWithSegments(BasicAuthentication.Path, StringComparison.OrdinalIgnoreCase)
        || path.StartsWithSegments(LinkEndpoint.Prefix, StringComparison.OrdinalIgnoreCase)
        || ApiErrors.Covers(path);

    private static bool IsPreflight(HttpRequest request) =>
        HttpMethods.IsOptions(request.Method) && request.Headers.ContainsKey(RequestMethod);

    private static Task Mark(IHeaderDictionary headers, string? origin)
    {
        headers.Append("Vary", "Origin");
        if (origin is not null)
        {
            headers.AccessControlAllowOrigin = origin;
            headers.AccessControlExposeHeaders = AnswerHeaders;
        }
        return Task.CompletedTask;
    }

    private static Task Permit(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.AccessControlAllowMethods =
            ApiErrors.Covers(context.Request.Path) ? ApiMethods : WebDavEndpoints.Allow;
        // Whatever the app wants to send: WebDAV has many headers, and Kosha passes over those that it does not know.
        var wished = context.Request.Headers.AccessControlRequestHeaders.ToString();
        if (!wished.AsSpan().ContainsAnyExcept(ListOfTokens))
            headers.AccessControlAllowHeaders = wished;
        headers.AccessControlMaxAge = MaxAgeSeconds;
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }
}
