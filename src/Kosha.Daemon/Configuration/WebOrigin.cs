namespace Kosha.Daemon.Configuration;

/// <summary>Origins of browser apps, as browsers write them in an Origin header (RFC 6454, 6.2).</summary>
internal static class WebOrigin
{
    /// <summary>
    /// Reads <c>scheme://host[:port]</c> of any scheme (apps have their own) and gives it as a browser would send it:
    /// in lower case, without the scheme's usual port. Null: not an origin; <c>*</c> and <c>null</c> are none.
    /// </summary>
    public static string? TryParse(string text)
    {
        var origin = text.TrimEnd('/').ToLowerInvariant();
        var hasScheme = origin.IndexOf("://", StringComparison.Ordinal) is > 0 and var end
            && Uri.CheckSchemeName(origin[..end]);
        if (!hasScheme || !Uri.TryCreate(origin, UriKind.Absolute, out var url) || url.Host.Length == 0
            || url.PathAndQuery is not ("/" or "") || url.UserInfo.Length > 0 || url.Fragment.Length > 0
            || origin.ContainsAny('*', '?', '#'))
            return null;
        var port = url.IsDefaultPort || url.Port < 0 ? "" : $":{url.Port}";
        // IdnHost leaves the brackets of an IPv6 address out.
        var host = url.HostNameType == UriHostNameType.IPv6 ? url.Host : url.IdnHost;
        return $"{url.Scheme}://{host}{port}";
    }
}
