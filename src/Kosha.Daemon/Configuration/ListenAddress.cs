using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Kosha.Daemon.Configuration;

/// <summary>One address of Http:Listen.</summary>
/// <param name="IsTls">https.</param>
/// <param name="Address">Any and IPv6Any mean every interface.</param>
/// <param name="Port">0: the system chooses.</param>
public sealed record ListenAddress(bool IsTls, IPAddress Address, int Port)
{
    public bool IsLoopback => IPAddress.IsLoopback(Address);

    /// <summary>
    /// Reads "http://host:port"; null if it is not that. The host is an IP address, localhost or '*'.
    /// </summary>
    public static ListenAddress? TryParse(string text)
    {
        var (isTls, rest) = text switch
        {
            _ when text.StartsWith("http://", StringComparison.OrdinalIgnoreCase) => (false, text["http://".Length..]),
            _ when text.StartsWith("https://", StringComparison.OrdinalIgnoreCase) => (true, text["https://".Length..]),
            _ => (false, ""),
        };
        rest = rest.TrimEnd('/');
        var colon = rest.LastIndexOf(':');
        var port = isTls ? 443 : 80;
        // The last colon of "[::1]" stands inside the brackets.
        var hasPort = colon >= 0 && rest.IndexOf(']', colon) < 0;
        if (hasPort && (!int.TryParse(rest[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out port)
            || port > IPEndPoint.MaxPort))
            return null;
        return ParseHost(hasPort ? rest[..colon] : rest) is { } host ? new(isTls, host, port) : null;
    }

    private static IPAddress? ParseHost(string host) => host switch
    {
        "" => null,
        "*" or "+" => IPAddress.IPv6Any,
        _ when string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase) => IPAddress.Loopback,
        _ when host.StartsWith('[') && host.EndsWith(']') && IPAddress.TryParse(host[1..^1], out var v6) => v6,
        // "1" and "1.2" are addresses for the framework, and mistakes in a configuration.
        _ when host.Count(c => c == '.') == 3 && IPAddress.TryParse(host, out var v4)
            && v4.AddressFamily == AddressFamily.InterNetwork => v4,
        _ => null,
    };

    public override string ToString() => $"{(IsTls ? "https" : "http")}://{new IPEndPoint(Address, Port)}";
}
