using System.Text;
using Kosha.Storage.Tree;
using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav;

/// <summary>
/// Between URLs and paths of the tree, both ways. URLs are taken as the client wrote them: a framework's path has been
/// decoded and collapsed already, and "a%2Fb" is not "a/b".
/// </summary>
internal static class DavUrl
{
    /// <summary>Where the drive stands on the server.</summary>
    public const string Prefix = "/dav";

    /// <summary>Reads the target of a request line, in origin form or absolute form.</summary>
    /// <exception cref="DavException">400 for a fragment, 404 for a target outside the drive.</exception>
    public static NodePath FromTarget(string rawTarget, out bool endsWithSlash)
    {
        var path = PathOf(rawTarget);
        endsWithSlash = path.EndsWith("/", StringComparison.Ordinal);
        return TryBelow(path, out var below) ? NodePath.FromEncoded(below) : throw DavException.NotFound();
    }

    /// <summary>
    /// The absolute path of a target that <see cref="FromTarget"/> has read, with the names as the client wrote them:
    /// composed or not, in its case. Some clients (gvfs) take no answer about another URL than the one they asked for.
    /// </summary>
    public static string Echo(string rawTarget, bool isFolder)
    {
        var path = PathOf(rawTarget);
        var href = new StringBuilder().Append(path[..Prefix.Length]);
        foreach (var range in path[Prefix.Length..].Split('/'))
        {
            var segment = path[Prefix.Length..][range];
            if (!segment.IsEmpty)
                href.Append('/').Append(Uri.EscapeDataString(Uri.UnescapeDataString(segment)));
        }
        return isFolder ? href.Append('/').ToString() : href.ToString();
    }

    private static ReadOnlySpan<char> PathOf(string rawTarget)
    {
        var path = rawTarget.AsSpan();
        if (!path.StartsWith("/", StringComparison.Ordinal))
            path = TrySplit(path, out _, out _, out var rest) ? rest : throw DavException.NotFound();
        if (path.Contains('#'))
            throw DavException.BadRequest("A request's URL has no fragment; encode '#' as %23.");
        return path.IndexOf('?') is >= 0 and var query ? path[..query] : path;
    }

    /// <summary>Reads a Destination header (RFC 4918, 10.3): an absolute URL, or an absolute path.</summary>
    /// <exception cref="DavException">
    /// 400: missing or malformed. 502: on another server. 403: outside the drive, or its root.
    /// </exception>
    public static NodePath FromDestination(string? header, HostString host, Uri? publicUrl)
    {
        if (string.IsNullOrWhiteSpace(header))
            throw DavException.BadRequest("The request needs a Destination header.");
        if (!TrySplit(header.AsSpan().Trim(), out var scheme, out var authority, out var path)
            || path.ContainsAny('#', '?'))
            throw DavException.BadRequest("The Destination header is neither a URL nor an absolute path.");
        if (!IsHere(scheme, authority, host, publicUrl))
            throw new DavException(502, "The Destination is on another server.");
        if (!TryBelow(path, out var below))
            throw new DavException(403, $"The Destination lies outside {Prefix}/.");
        var target = NodePath.FromEncoded(below);
        return target.IsRoot ? throw new DavException(403, "The root of the drive cannot be replaced.") : target;
    }

    /// <summary>Reads a resource tag of an If header. Null: not a resource of this drive.</summary>
    public static NodePath? FromTag(ReadOnlySpan<char> url, HostString host, Uri? publicUrl)
    {
        if (!TrySplit(url, out var scheme, out var authority, out var path)
            || !IsHere(scheme, authority, host, publicUrl)
            || !TryBelow(path, out var below))
            return null;
        return NodePath.FromEncoded(below);
    }

    /// <summary>The absolute path of a node's URL, percent-encoded; folders end with a slash.</summary>
    public static string Href(NodePath path, bool isFolder)
    {
        var href = new StringBuilder(Prefix);
        foreach (var name in path.Names)
            href.Append('/').Append(Uri.EscapeDataString(name));
        return isFolder ? href.Append('/').ToString() : href.ToString();
    }

    /// <summary>Splits an absolute URL; for an absolute path, scheme and authority are empty.</summary>
    private static bool TrySplit(
        ReadOnlySpan<char> url,
        out ReadOnlySpan<char> scheme,
        out ReadOnlySpan<char> authority,
        out ReadOnlySpan<char> path)
    {
        scheme = authority = default;
        path = url;
        if (url.StartsWith("/", StringComparison.Ordinal))
            return !url.StartsWith("//", StringComparison.Ordinal);
        var colon = url.IndexOf("://", StringComparison.Ordinal);
        if (colon <= 0)
            return false;
        scheme = url[..colon];
        var rest = url[(colon + 3)..];
        var slash = rest.IndexOf('/');
        authority = slash < 0 ? rest : rest[..slash];
        path = slash < 0 ? "/" : rest[slash..];
        if (authority.LastIndexOf('@') is >= 0 and var at)
            authority = authority[(at + 1)..];
        return !authority.IsEmpty && IsHttp(scheme);
    }

    private static bool IsHttp(ReadOnlySpan<char> scheme) =>
        scheme.Equals("http", StringComparison.OrdinalIgnoreCase)
        || scheme.Equals("https", StringComparison.OrdinalIgnoreCase);

    /// <summary>Compares hosts and ports. Schemes may differ: TLS may end at a proxy.</summary>
    private static bool IsHere(
        ReadOnlySpan<char> scheme, ReadOnlySpan<char> authority, HostString host, Uri? publicUrl)
    {
        if (authority.IsEmpty)
            return true;
        var other = new HostString(authority.ToString());
        var defaultPort = scheme.Equals("https", StringComparison.OrdinalIgnoreCase) ? 443 : 80;
        var port = other.Port ?? defaultPort;
        if (Matches(host.Host, host.Port ?? defaultPort))
            return true;
        return publicUrl is not null && Matches(publicUrl.Host, publicUrl.Port);

        bool Matches(string name, int ownPort) =>
            port == ownPort && string.Equals(other.Host, name, StringComparison.OrdinalIgnoreCase);
    }

    private static bool TryBelow(ReadOnlySpan<char> path, out ReadOnlySpan<char> below)
    {
        below = default;
        if (!path.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
            return false;
        below = path[Prefix.Length..];
        return below.IsEmpty || below[0] == '/';
    }
}
