using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;

namespace Kosha.Daemon.Webhooks;

/// <summary>Secrets of webhooks as the database has them: only a daemon with the master key can read them.</summary>
internal sealed class WebhookSecrets(IDataProtectionProvider protection)
{
    private const int KeyBytes = 32;

    private readonly IDataProtector protector = protection.CreateProtector("webhook secrets");

    /// <summary>A random one, as its owner gets to see it.</summary>
    public static string New() =>
        WebhookSignature.SecretPrefix + Convert.ToBase64String(RandomNumberGenerator.GetBytes(KeyBytes));

    public string Protect(string secret) => protector.Protect(secret);

    /// <summary>The key that signs.</summary>
    /// <exception cref="CryptographicException">The master key is another one than of then.</exception>
    public byte[] KeyOf(string isProtected) => WebhookSignature.KeyOf(protector.Unprotect(isProtected))
        ?? throw new CryptographicException("This is no secret of a webhook.");
}
