using System.Globalization;
using Kosha.Storage.Accounts;
using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Links;

/// <summary>
/// Which GET is answered with a redirect, and where a link may lead. WebDAV clients are not prepared for redirects
/// (RFC 4918, 12): many fail, and some carry their password along.
/// </summary>
internal sealed class RedirectPolicy(WebDavOptions options)
{
    /// <summary>How a User-Agent begins, or a word in it, and whether such a client follows safely.</summary>
    /// <param name="Mark">In any case.</param>
    /// <param name="From">From which mode on it is redirected; null: it must never be.</param>
    /// <param name="SinceMinor">The least version, as major × 1000 + minor; 0: any.</param>
    private sealed record Agent(string Mark, RedirectMode? From = null, int SinceMinor = 0);

    private static readonly Agent[] Agents =
    [
        // Explorer and Office: nobody has seen them follow a GET.
        new("Microsoft-WebDAV-MiniRedir"),
        new("Microsoft Office"),
        new("Microsoft Data Access"),
        // Finder keeps the target for as long as it knows the file, long after the link has expired.
        new("WebDAVFS"),
        new("WebDAVLib"),
        // EIO, or with follow_redirect the store's ETag, which it sends back in If-Match.
        new("davfs2"),
        // Versions before 2026 never follow, and nothing in the name tells them apart.
        new("gvfs"),
        new("RaiDrive"),
        new("Duplicati"),
        new("Duplicacy"),
        new("DAVx5"),
        new("opendal"),
        new("sccache"),
        // Sends every header on, the password too.
        new("Python-urllib"),
        new("rclone/", RedirectMode.KnownClients),
        // Without -L it does not follow: it leaves an empty file and says that all went well. Before 7.58 it sent the
        // password on to other hosts (CVE-2018-1000007).
        new("curl/", RedirectMode.Always, SinceMinor: 7_058),
    ];

    private static readonly string[] ConditionHeaders =
        ["Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If"];

    /// <param name="own">What the credential of the request says; null: as the setting.</param>
    public bool IsOff(RedirectMode? own) => (own ?? options.Redirect) == RedirectMode.Off;

    /// <summary>
    /// Whether this request for a file of <paramref name="size"/> bytes may be redirected: a plain GET for all of it.
    /// A client with a condition or a range keeps validators of the drive, which the store does not know; an app in a
    /// browser (Origin) would need the store to allow it.
    /// </summary>
    public bool Applies(HttpRequest request, long size, RedirectMode? own = null) => !IsOff(own)
        && size >= options.RedirectMinBytes
        && IsPlainGet(request)
        && Follows(request.Headers.UserAgent.ToString(), own ?? options.Redirect);

    /// <summary>
    /// The same beside the drive. A browser that goes to a file, or saves it, is redirected whatever the size; a page
    /// that shows or reads one would need the store to be allowed by the page, and the page by the store.
    /// </summary>
    public bool AppliesToDownload(HttpRequest request, long size, RedirectMode? own = null) =>
        request.Headers["Sec-Fetch-Mode"].ToString() switch
        {
            "" => Applies(request, size, own),
            "navigate" => !IsOff(own) && IsPlainGet(request),
            _ => false,
        };

    private static bool IsPlainGet(HttpRequest request) => HttpMethods.IsGet(request.Method)
        && !request.Headers.ContainsKey("Origin")
        && !Array.Exists(ConditionHeaders, request.Headers.ContainsKey);

    private static bool Follows(string userAgent, RedirectMode mode)
    {
        var agent = Array.Find(Agents, agent => userAgent.Contains(agent.Mark, StringComparison.OrdinalIgnoreCase));
        return agent is null ? mode == RedirectMode.Always : mode >= agent.From && IsRecent(userAgent, agent);
    }

    private static bool IsRecent(string userAgent, Agent agent)
    {
        if (agent.SinceMinor == 0)
            return true;
        var version = userAgent[(userAgent.IndexOf(agent.Mark, StringComparison.OrdinalIgnoreCase)
            + agent.Mark.Length)..].Split(' ')[0].Split('.');
        return version.Length > 1 && TryNumber(version[0], out var major) && TryNumber(version[1], out var minor)
            && (major * 1000) + minor >= agent.SinceMinor;
    }

    private static bool TryNumber(string text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number < 1000;

    /// <summary>
    /// Whether a client of this request may be sent there. Clients carry their password on to the same host name
    /// whatever the port, and to names below it (Go's net/http), and none should leave TLS.
    /// </summary>
    public bool MayLeadTo(Uri target, HttpRequest request)
    {
        // A proxy may have put another host into the request: only the operator knows where clients believe to be.
        if (options.PublicUrl is not { } url)
            return false;
        var isSecure = request.IsHttps || url.Scheme == Uri.UriSchemeHttps;
        if (isSecure && target.Scheme != Uri.UriSchemeHttps)
            return false;
        return HostOf(request) is { } asked && !IsWithin(target.IdnHost, asked)
            && !IsWithin(target.IdnHost, url.IdnHost);
    }

    /// <summary>In ASCII, as all that it is compared with.</summary>
    private static string? HostOf(HttpRequest request) => request.Host.HasValue
        && Uri.TryCreate($"http://{request.Host.ToUriComponent()}", UriKind.Absolute, out var url) ? url.IdnHost : null;

    private static bool IsWithin(string host, string domain)
    {
        host = host.TrimEnd('.');
        domain = domain.TrimEnd('.');
        return host.Equals(domain, StringComparison.OrdinalIgnoreCase)
            || host.EndsWith("." + domain, StringComparison.OrdinalIgnoreCase);
    }
}
