using System.Buffers.Text;
using System.Security.Cryptography;

namespace Kosha.Daemon.Auth;

/// <summary>The cookie that holds the secret of a session, and from which pages it is taken.</summary>
/// <param name="publicUrl">How users reach Kosha, perhaps by a proxy that ends TLS; null: unknown.</param>
internal sealed class SessionCookie(Uri? publicUrl)
{
    /// <summary>Bound to this host and to https by its prefix; without https no browser takes that.</summary>
    public const string SecureName = "__Host-kosha-session";

    public const string PlainName = "kosha-session";

    private const int SecretBytes = 32;

    /// <summary>As long as browsers keep any cookie; the server decides when a session ends.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(400);

    /// <summary>The hash of the secret that came with a request; null: there is none.</summary>
    public byte[]? FindHash(HttpRequest request) =>
        request.Cookies[NameFor(request)] is { } secret && Base64Url.IsValid(secret, out var length)
            && length == SecretBytes ? SHA256.HashData(Base64Url.DecodeFromChars(secret)) : null;

    /// <summary>Gives the browser a new secret. Returns the hash under which it is stored.</summary>
    public byte[] Give(HttpContext context, bool isRemembered)
    {
        var secret = RandomNumberGenerator.GetBytes(SecretBytes);
        Set(context, Base64Url.EncodeToString(secret), isRemembered ? Lifetime : null);
        return SHA256.HashData(secret);
    }

    public void Take(HttpContext context) => Set(context, "", TimeSpan.Zero);

    private void Set(HttpContext context, string value, TimeSpan? maxAge) =>
        context.Response.Cookies.Append(NameFor(context.Request), value, new()
        {
            HttpOnly = true,
            Secure = IsSecure(context.Request),
            SameSite = SameSiteMode.Lax,
            Path = "/",
            MaxAge = maxAge,
        });

    private string NameFor(HttpRequest request) => IsSecure(request) ? SecureName : PlainName;

    /// <summary>Also behind a proxy of which Kosha was not told, if the user came by PublicUrl.</summary>
    public bool IsSecure(HttpRequest request) => request.IsHttps
        || (publicUrl?.Scheme == Uri.UriSchemeHttps && IsHost(request, publicUrl.Authority));

    private static bool IsHost(HttpRequest request, string authority) =>
        string.Equals(request.Host.Value, authority, StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// Whether a page of another origin sent a request, with which the browser sends the cookie, too: as the browser
    /// says (Fetch Metadata), or by the page's origin where it does not. A program that is no browser says neither, and
    /// sends no cookie unasked.
    /// </summary>
    public bool IsFromElsewhere(HttpRequest request)
    {
        var site = request.Headers["Sec-Fetch-Site"].ToString();
        if (site.Length > 0)
            return site is not ("same-origin" or "none");
        var origin = request.Headers.Origin.ToString();
        return origin.Length > 0 && !IsSame(origin, $"{request.Scheme}://{request.Host}")
            && !(publicUrl is not null && IsSame(origin, publicUrl.GetLeftPart(UriPartial.Authority)));
    }

    private static bool IsSame(string origin, string other) =>
        string.Equals(origin, other, StringComparison.OrdinalIgnoreCase);
}
