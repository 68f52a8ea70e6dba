using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Kosha.Daemon.Web;

/// <summary>The certificate of the https addresses: a file of the operator's, or one that Kosha signs itself.</summary>
internal static class TlsCertificate
{
    private const string FileName = "self-signed.pem";
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    /// <summary>Apple's systems accept no longer one.</summary>
    private const int ValidDays = 820;
    private const int RenewDays = 30;

    /// <summary>Reads PEM (the key in the same file or in one of its own) or PFX without a password.</summary>
    public static X509Certificate2 Load(string file, string? keyFile)
    {
        if (file.EndsWith(".pfx", StringComparison.OrdinalIgnoreCase)
            || file.EndsWith(".p12", StringComparison.OrdinalIgnoreCase))
            return X509CertificateLoader.LoadPkcs12FromFile(file, password: null);
        return X509Certificate2.CreateFromPemFile(file, keyFile);
    }

    /// <summary>
    /// The certificates above the server's own in a PEM file, which clients need to find their way to a root.
    /// </summary>
    public static X509Certificate2Collection LoadChain(string file)
    {
        var all = new X509Certificate2Collection();
        if (!file.EndsWith(".pfx", StringComparison.OrdinalIgnoreCase)
            && !file.EndsWith(".p12", StringComparison.OrdinalIgnoreCase))
            all.ImportFromPemFile(file);
        return all;
    }

    /// <summary>
    /// The certificate that Kosha has signed itself, kept in the data folder (0600). It is made once, and anew when it
    /// is about to expire.
    /// </summary>
    public static X509Certificate2 SelfSigned(DataFolder folder, TimeProvider time)
    {
        var file = folder[FileName];
        if (File.Exists(file))
        {
            var kept = X509Certificate2.CreateFromPemFile(file);
            if (kept.NotAfter.ToUniversalTime() > time.GetUtcNow().AddDays(RenewDays))
                return kept;
            kept.Dispose();
        }
        using var key = RSA.Create(2048);
        using var made = Make(key, time.GetUtcNow());
        folder.WritePrivate(FileName, made.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem() + "\n");
        return X509Certificate2.CreateFromPemFile(file);
    }

    private static X509Certificate2 Make(RSA key, DateTimeOffset now)
    {
        var host = Dns.GetHostName();
        var request = new CertificateRequest($"CN={host}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(host);
        if (host != "localhost")
            names.AddDnsName("localhost");
        foreach (var address in Addresses())
            names.AddIpAddress(address);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(
            X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyEncipherment, critical: true));
        request.CertificateExtensions.Add(
            new X509EnhancedKeyUsageExtension([new(ServerAuthentication)], critical: false));
        return request.CreateSelfSigned(now.AddDays(-1), now.AddDays(ValidDays));
    }

    // By which address people will call this machine is not known, so it names all that it has.
    private static IEnumerable<IPAddress> Addresses() =>
        System.Net.NetworkInformation.NetworkInterface.GetAllNetworkInterfaces()
            .SelectMany(card => card.GetIPProperties().UnicastAddresses)
            .Select(unicast => unicast.Address)
            .Where(address => !address.IsIPv6LinkLocal)
            .Append(IPAddress.Loopback).Append(IPAddress.IPv6Loopback).Distinct();
}
