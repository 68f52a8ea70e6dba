using System.Buffers.Text;
using System.Security.Cryptography;

namespace Kosha.WebDav.Links;

/// <summary>
/// Signs the daemon's own links (HMAC-SHA256) with a key derived from the installation's master key, so that daemons
/// with one master key know each other's.
/// </summary>
public sealed class LinkSigner
{
    /// <summary>What is longer is no token of ours and not worth a look.</summary>
    private const int MaxTokenChars = 8 * 1024;

    private readonly byte[] key;

    public LinkSigner(ReadOnlySpan<byte> masterKey)
    {
        key = new byte[HMACSHA256.HashSizeInBytes];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, masterKey, key, salt: [], info: "kosha links 1"u8);
    }

    /// <summary>The token as it stands in a URL; good for its bearer, so it is a secret.</summary>
    internal string Sign(LinkToken token) => SignContent(token.ToBytes());

    /// <summary>
    /// The same for other links of the daemon. The content's first byte says which form it has, 1 being that of
    /// <see cref="LinkEndpoint"/>'s, and it must hold an end.
    /// </summary>
    public string SignContent(byte[] content) =>
        Base64Url.EncodeToString([.. content, .. HMACSHA256.HashData(key, content)]);

    /// <summary>What a token gives; null if it is not one of ours, or its time is over.</summary>
    internal LinkToken? Verify(string text, DateTimeOffset now) => OpenContent(text) is { } content
        && LinkToken.FromBytes(content) is { } token && now < token.ExpiresAt ? token : null;

    /// <summary>What <see cref="SignContent"/> signed; null: it did not. The reader judges form and end.</summary>
    public byte[]? OpenContent(string text)
    {
        if (text.Length > MaxTokenChars || !Base64Url.IsValid(text))
            return null;
        var signed = Base64Url.DecodeFromChars(text);
        // One token has one text: the bits that the last letter has too many are zero.
        if (signed.Length <= HMACSHA256.HashSizeInBytes || Base64Url.EncodeToString(signed) != text)
            return null;
        var bytes = signed[..^HMACSHA256.HashSizeInBytes];
        var isOurs = CryptographicOperations.FixedTimeEquals(
            HMACSHA256.HashData(key, bytes), signed.AsSpan(bytes.Length));
        return isOurs ? bytes : null;
    }
}
