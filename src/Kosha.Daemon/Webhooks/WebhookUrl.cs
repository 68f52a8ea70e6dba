using System.Net;
using Kosha.Storage;
using Kosha.Storage.Webhooks;

namespace Kosha.Daemon.Webhooks;

/// <summary>
/// What a webhook's URL may be. Names are judged when they are called, by the addresses that they have then; what can
/// never be called is refused at once.
/// </summary>
internal static class WebhookUrl
{
    /// <summary>As it is stored.</summary>
    /// <exception cref="StorageException">InvalidValue.</exception>
    public static string Checked(string text, WebhookConnections connections)
    {
        if (text.Length > WebhookTable.MaxUrlBytes || !Uri.TryCreate(text, UriKind.Absolute, out var url)
            || (url.Scheme != Uri.UriSchemeHttp && url.Scheme != Uri.UriSchemeHttps)
            || url.UserInfo.Length > 0 || url.Fragment.Length > 0 || url.Host.Length == 0)
            throw Invalid($"url is a URL of http or https of at most {WebhookTable.MaxUrlBytes} bytes, with no user "
                + "name and no '#'.");
        if (AddressOf(url) is { } address && !connections.Allows(address))
            throw Invalid($"{url.Host} is a private address, and Kosha calls none of these.");
        return url.AbsoluteUri;
    }

    /// <summary>Of a host that is one, in whatever form, or that is always the same one; else null.</summary>
    private static IPAddress? AddressOf(Uri url)
    {
        var host = url.IdnHost.TrimEnd('.');
        return host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
                ? IPAddress.Loopback
                : IPAddress.TryParse(host, out var address) ? address : null;
    }

    private static StorageException Invalid(string what) => new(StorageFault.InvalidValue, what);
}
