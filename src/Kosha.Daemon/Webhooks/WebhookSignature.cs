using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Kosha.Daemon.Webhooks;

/// <summary>
/// Signatures as Standard Webhooks and Svix define them, for what Kosha sends and what it receives: HMAC-SHA256 of
/// <c>id.timestamp.body</c> under the bytes of a secret <c>whsec_…</c>.
/// </summary>
internal static class WebhookSignature
{
    public const string SecretPrefix = "whsec_";
    private const string Version = "v1,";

    /// <summary>Of a secret that is given; the specification says 24 to 64.</summary>
    private const int MinKeyBytes = 16;

    /// <summary>More than any sender has keys.</summary>
    private const int MaxSignatures = 20;

    /// <summary>The bytes of a secret; null: it is none.</summary>
    public static byte[]? KeyOf(string secret)
    {
        if (!secret.StartsWith(SecretPrefix, StringComparison.Ordinal))
            return null;
        var key = new byte[secret.Length];
        return Convert.TryFromBase64String(secret[SecretPrefix.Length..], key, out var length) && length >= MinKeyBytes
            ? key[..length]
            : null;
    }

    /// <summary>The value of the header: one signature for each key.</summary>
    public static string Sign(IEnumerable<byte[]> keys, string id, long timestamp, ReadOnlySpan<byte> body)
    {
        var signatures = new List<string>();
        foreach (var key in keys)
            signatures.Add(Version + Convert.ToBase64String(Mac(key, id, timestamp, body)));
        return string.Join(' ', signatures);
    }

    /// <summary>Whether one of the signatures in the header is this key's. Takes as long whichever it is.</summary>
    public static bool IsSigned(byte[] key, string id, long timestamp, ReadOnlySpan<byte> body, string header)
    {
        var expected = Mac(key, id, timestamp, body);
        var isSigned = false;
        foreach (var part in header.Split(' ', StringSplitOptions.RemoveEmptyEntries).Take(MaxSignatures))
        {
            var given = new byte[part.Length];
            if (part.StartsWith(Version, StringComparison.Ordinal)
                && Convert.TryFromBase64String(part[Version.Length..], given, out var length))
                isSigned |= CryptographicOperations.FixedTimeEquals(given.AsSpan(0, length), expected);
        }
        return isSigned;
    }

    private static byte[] Mac(byte[] key, string id, long timestamp, ReadOnlySpan<byte> body)
    {
        using var mac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);
        mac.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}.{timestamp}.")));
        mac.AppendData(body);
        return mac.GetHashAndReset();
    }
}
