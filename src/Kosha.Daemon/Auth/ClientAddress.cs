using System.Net;
using System.Net.Sockets;

namespace Kosha.Daemon.Auth;

/// <summary>The names of a client: its address, and what its failures are counted under.</summary>
internal static class ClientAddress
{
    private const string Unknown = "unknown";

    /// <summary>The address itself, for the audit log.</summary>
    public static string Exactly(HttpContext http) =>
        http.Connection.RemoteIpAddress is { } address ? Plain(address).ToString() : Unknown;

    /// <summary>
    /// What counts: an IPv4 address, or the /64 network of an IPv6 address: one client commands all addresses in it.
    /// </summary>
    public static string Of(IPAddress? address)
    {
        if (address is null)
            return Unknown;
        address = Plain(address);
        if (address.AddressFamily == AddressFamily.InterNetwork)
            return address.ToString();
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes) + "/64";
    }

    /// <summary>The same of what <see cref="Exactly"/> gave.</summary>
    public static string Of(string exactly) => Of(IPAddress.TryParse(exactly, out var address) ? address : null);

    private static IPAddress Plain(IPAddress address) =>
        address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
}
