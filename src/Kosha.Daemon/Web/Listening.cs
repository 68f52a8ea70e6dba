using System.Net;
using System.Net.Sockets;
using Kosha.Daemon.Configuration;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Kosha.Daemon.Web;

/// <summary>The addresses of the daemon, before and after it listens.</summary>
internal static class Listening
{
    /// <summary>Why these addresses cannot be had, one line each.</summary>
    public static IReadOnlyList<string> Problems(KoshaOptions options)
    {
        // All open together, because they may be in each other's way.
        var open = new List<Socket>();
        try
        {
            return [.. options.HttpListen.Select(address => Problem(address, open)).OfType<string>()];
        }
        finally
        {
            open.ForEach(socket => socket.Dispose());
        }
    }

    private static string? Problem(ListenAddress address, List<Socket> open)
    {
        try
        {
            var socket = SocketTransportOptions.CreateDefaultBoundListenSocket(
                new IPEndPoint(address.Address, address.Port));
            open.Add(socket);
            socket.Listen(1);
            return null;
        }
        catch (SocketException e)
        {
            return $"Http:Listen: {address} cannot be used: " + e.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse => (open.Exists(socket => HasPort(socket, address.Port))
                        ? "another address of this list takes it too. Remove one of the two, or choose another port, "
                        : "another program listens there. Stop it, or choose another port, ")
                    + $"such as --Http:Listen={address with { Port = Other(address.Port) }}.",
                SocketError.AccessDenied => "ports below 1024 need a right that this user has not. Choose a higher "
                    + $"one, such as --Http:Listen={address with { Port = Other(address.Port) }}.",
                SocketError.AddressNotAvailable => "this machine has no such address.",
                _ => e.Message,
            };
        }
    }

    private static bool HasPort(Socket socket, int port) => ((IPEndPoint)socket.LocalEndPoint!).Port == port;

    private static int Other(int port) => port is < 1024 or > 65_000 ? 8080 : port + 1;

    /// <summary>
    /// The addresses that really listen, the secure ones first, as a person on this machine would type them.
    /// </summary>
    public static IReadOnlyList<Uri> Urls(WebApplication app) =>
        [.. app.Urls.Select(url => new Uri(url.Replace("[::]", "localhost", StringComparison.Ordinal)
                .Replace("0.0.0.0", "localhost", StringComparison.Ordinal)))
            .OrderByDescending(url => url.Scheme, StringComparer.Ordinal)];
}
