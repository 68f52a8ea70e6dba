using System.Net;
using System.Net.Sockets;

namespace Kosha.Daemon.Auth;

/// <summary>The name under which failures of one client are counted.</summary>
internal static class ClientAddress
{
    /// <summary>
    /// An IPv4 address, or the /64 network of an IPv6 address: one client commands all addresses in it.
    /// </summary>
    public static string Of(IPAddress? address)
    {
        if (address is null)
            return "unknown";
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        if (address.AddressFamily == AddressFamily.InterNetwork)
            return address.ToString();
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes) + "/64";
    }
}
