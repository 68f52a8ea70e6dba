using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Kosha.Daemon.Webhooks;

/// <summary>
/// Connections to where webhooks lead, which anybody with an account may choose: never into Kosha's own network, unless
/// the settings allow it. The address that is looked at is the one that is connected to; a name is resolved once.
/// </summary>
/// <param name="allowPrivate">Every address is good.</param>
/// <param name="resolve">Names to addresses.</param>
internal sealed class WebhookConnections(
    bool allowPrivate, Func<string, CancellationToken, Task<IPAddress[]>> resolve)
{
    public WebhookConnections(bool allowPrivate) : this(allowPrivate, Dns.GetHostAddressesAsync)
    {
    }

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);

    /// <summary>After this time a name is resolved anew, and its address looked at.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(1);

    /// <summary>What is not public (RFC 6890 and its successors), multicast and what is reserved.</summary>
    private static readonly IPNetwork[] NotPublic =
    [
        .. new[]
        {
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
            "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
            // Of 2000::/3: Teredo and other protocols, documentation, 6to4. They lead to IPv4 addresses, or nowhere.
            "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
        }.Select(network => IPNetwork.Parse(network)),
    ];

    /// <summary>
    /// All that is given out of IPv6 lies here; loopback, private, link-local, multicast, NAT64 and the forms of IPv4
    /// addresses do not.
    /// </summary>
    private static readonly IPNetwork GlobalUnicast = IPNetwork.Parse("2000::/3");

    /// <summary>Whether an address is on the internet and not in some network of somebody.</summary>
    public static bool IsPublic(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        return (address.AddressFamily == AddressFamily.InterNetwork || GlobalUnicast.Contains(address))
            && !NotPublic.Any(network => network.Contains(address));
    }

    /// <summary>Whether this address may be called.</summary>
    public bool Allows(IPAddress address) => allowPrivate || IsPublic(address);

    /// <summary>For a client that follows nobody elsewhere and carries nothing along.</summary>
    public SocketsHttpHandler NewHandler() => new()
    {
        ConnectCallback = (context, ct) => ConnectAsync(context.DnsEndPoint, ct),
        ConnectTimeout = ConnectTimeout,
        PooledConnectionLifetime = Lifetime,
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        Credentials = null,
        ActivityHeadersPropagator = null,
        MaxResponseHeadersLength = 16,
        // The rest of an answer is read by nobody.
        MaxResponseDrainSize = 0,
        SslOptions = new()
        {
            CertificateChainPolicy = new()
            {
                // Else a certificate names addresses that are asked for the rest of its chain, past all checks here.
                DisableCertificateDownloads = true,
                RevocationMode = X509RevocationMode.NoCheck,
            },
        },
    };

    private async ValueTask<Stream> ConnectAsync(DnsEndPoint to, CancellationToken ct)
    {
        var found = await resolve(to.Host, ct);
        var good = Array.FindAll(found, Allows);
        if (found.Length > 0 && good.Length == 0)
            throw new HttpRequestException($"{to.Host} has a private address, and Kosha calls none of these.");
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(good, to.Port, ct);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
