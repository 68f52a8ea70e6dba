using System.Net.Sockets;
using Kosha.Daemon.Configuration;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Kosha.Daemon.Web;

/// <summary>
/// How Kestrel listens, how much memory a connection may take, and what it refuses before Kosha sees it.
/// </summary>
internal static class KestrelSetup
{
    private const int MaxConnections = 2_000;

    /// <summary>Paths may have 256 names of 255 bytes; more than this no client sends.</summary>
    private const int MaxRequestLineBytes = 64 * 1024;

    /// <summary>Destination and If headers hold paths too.</summary>
    private const int MaxHeaderBytes = 256 * 1024;

    public static void Use(WebApplicationBuilder builder, KoshaOptions options, DataFolder folder)
    {
        builder.WebHost.UseKestrel(kestrel =>
        {
            SetLimits(kestrel);
            foreach (var address in options.HttpListen)
                kestrel.Listen(address.Address, address.Port, listen => SetProtocols(listen, address, options, folder));
        });
        builder.WebHost.UseSockets(SetSockets);
        // Kestrel registers a pool of its own with each call above, and the last one counts.
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>, LargeBlocks>();
    }

    private static void SetLimits(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        var limits = kestrel.Limits;
        limits.MaxRequestBufferSize = 1024 * 1024;
        limits.MaxResponseBufferSize = 512 * 1024;
        limits.MaxRequestLineSize = MaxRequestLineBytes;
        limits.MaxRequestHeadersTotalSize = MaxHeaderBytes;
        limits.MaxConcurrentConnections = MaxConnections;
        // Quota limits uploads, and IdleBodyLimit those that stand still; an average rate would cut off slow lines.
        limits.MaxRequestBodySize = null;
        limits.MinRequestBodyDataRate = null;
        // A player may pause for a while; a client that never reads on must not hold its connection for ever.
        limits.MinResponseDataRate = new(bytesPerSecond: 1024, gracePeriod: TimeSpan.FromMinutes(2));
    }

    private static void SetProtocols(
        ListenOptions listen, ListenAddress address, KoshaOptions options, DataFolder folder)
    {
        listen.Protocols = address.IsTls ? HttpProtocols.Http1AndHttp2 : HttpProtocols.Http1;
        if (address.IsTls)
            listen.UseHttps(https => SetCertificate(https, options, folder));
    }

    private static void SetCertificate(HttpsConnectionAdapterOptions https, KoshaOptions options, DataFolder folder)
    {
        if (options.HttpCertificate is not { } file)
        {
            https.ServerCertificate = TlsCertificate.SelfSigned(folder, TimeProvider.System);
            return;
        }
        https.ServerCertificate = TlsCertificate.Load(file, options.HttpCertificateKey);
        https.ServerCertificateChain = TlsCertificate.LoadChain(file);
    }

    private static void SetSockets(SocketTransportOptions sockets)
    {
        // Saves one system call a block; an idle connection then keeps a block of its own.
        sockets.WaitForDataBeforeAllocatingBuffer = false;
        sockets.CreateBoundListenSocket = endpoint =>
        {
            var socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
            // Accepted connections inherit it: a client that vanished without a word is noticed.
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, optionValue: true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, optionValue: 120);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, optionValue: 15);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, optionValue: 8);
            return socket;
        };
    }
}
