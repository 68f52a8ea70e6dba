using System.Buffers.Text;
using System.Security.Cryptography;
using Kosha.Daemon.Api;
using Kosha.Storage.Accounts;

namespace Kosha.Daemon.Auth;

/// <summary>
/// Middleware before the API: the cookie of a browser that is signed in. Whoever sends an Authorization header is not
/// looked at here, and no other path looks at cookies. A call that changes something must not come from a page of
/// another origin, because a browser sends the cookie with that, too.
/// </summary>
internal sealed class SessionAuthentication(RequestDelegate next, SessionTable sessions)
{
    private const int SecretBytes = 32;

    /// <summary>Bound to this host and to https by its prefix; without https no browser takes that.</summary>
    public const string SecureCookie = "__Host-kosha-session";

    public const string PlainCookie = "kosha-session";

    /// <summary>As long as browsers keep any cookie; the server decides when a session ends.</summary>
    private static readonly TimeSpan CookieLifetime = TimeSpan.FromDays(400);

    public async Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        if (!ApiErrors.Covers(request.Path) || request.Headers.Authorization.Count > 0
            || HttpMethods.IsOptions(request.Method))
        {
            await next(context);
            return;
        }
        if (!IsSafe(request.Method) && IsCrossOrigin(request))
        {
            await ApiProblem.Of(StatusCodes.Status403Forbidden, "A page of another origin may not do this.")
                .WriteAsync(context);
            return;
        }
        if (HashOf(request.Cookies[CookieName(request)]) is { } hash)
        {
            if (await sessions.FindAsync(hash, context.RequestAborted) is { } caller)
                context.Features.Set(caller);
            else
                SetCookie(context, value: "", isRemembered: false);
        }
        await next(context);
    }

    private static bool IsSafe(string method) => HttpMethods.IsGet(method) || HttpMethods.IsHead(method);

    /// <summary>
    /// As the browser says (Fetch Metadata); one that does not know that says the page's origin. A program that is no
    /// browser says neither, and sends no cookie unasked.
    /// </summary>
    private static bool IsCrossOrigin(HttpRequest request)
    {
        var site = request.Headers["Sec-Fetch-Site"].ToString();
        if (site.Length > 0)
            return site is not ("same-origin" or "none");
        var origin = request.Headers.Origin.ToString();
        return origin.Length > 0 && !string.Equals(
            origin, $"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase);
    }

    private static string CookieName(HttpRequest request) => request.IsHttps ? SecureCookie : PlainCookie;

    /// <summary>Gives the browser a new secret. Returns the hash under which it is stored.</summary>
    public static byte[] GiveSecret(HttpContext context, bool isRemembered)
    {
        var secret = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes));
        SetCookie(context, secret, isRemembered);
        return HashOf(secret)!;
    }

    public static void TakeSecret(HttpContext context) => SetCookie(context, value: "", isRemembered: false);

    private static void SetCookie(HttpContext context, string value, bool isRemembered) =>
        context.Response.Cookies.Append(CookieName(context.Request), value, new()
        {
            HttpOnly = true,
            Secure = context.Request.IsHttps,
            SameSite = SameSiteMode.Lax,
            Path = "/",
            MaxAge = value.Length == 0 ? TimeSpan.Zero : isRemembered ? CookieLifetime : null,
        });

    private static byte[]? HashOf(string? secret) =>
        secret is not null && Base64Url.IsValid(secret, out var length) && length == SecretBytes
            ? SHA256.HashData(Base64Url.DecodeFromChars(secret)) : null;
}
