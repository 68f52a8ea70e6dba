using System.Security.Cryptography;
using System.Xml.Linq;
using Kosha.Storage.Accounts;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Microsoft.AspNetCore.DataProtection.XmlEncryption;

namespace Kosha.Daemon.Auth;

/// <summary>
/// The keys of ASP.NET Core's Data Protection, in Postgres, so that any daemon reads what another has protected.
/// Without the master key they say nothing.
/// </summary>
internal sealed class DataProtectionKeys(DataProtectionKeyTable table) : IXmlRepository
{
    // Both are called seldom, and the framework knows no other way.
    public IReadOnlyCollection<XElement> GetAllElements() =>
        [.. table.AllAsync(CancellationToken.None).GetAwaiter().GetResult().Select(XElement.Parse)];

    public void StoreElement(XElement element, string friendlyName) => table.AddAsync(
        friendlyName, element.ToString(SaveOptions.DisableFormatting), CancellationToken.None).GetAwaiter().GetResult();

    /// <summary>Data Protection as all of Kosha uses it.</summary>
    public static void Add(IServiceCollection services, ReadOnlySpan<byte> masterKey)
    {
        services.AddSingleton(new KeyCipher(masterKey));
        services.AddSingleton<DataProtectionKeyTable>();
        services.AddSingleton<DataProtectionKeys>();
        services.AddDataProtection().SetApplicationName("kosha");
        services.AddOptions<KeyManagementOptions>().Configure<DataProtectionKeys, KeyCipher>((keys, stored, cipher) =>
        {
            keys.XmlRepository = stored;
            keys.XmlEncryptor = cipher;
        });
    }
}

/// <summary>Encrypts those keys with AES-256-GCM, under a key that is derived from the master key.</summary>
internal sealed class KeyCipher : IXmlEncryptor
{
    private const string Name = "encryptedByMasterKey";

    private static readonly int NonceBytes = AesGcm.NonceByteSizes.MaxSize;
    private static readonly int TagBytes = AesGcm.TagByteSizes.MaxSize;

    private readonly byte[] key = new byte[32];

    public KeyCipher(ReadOnlySpan<byte> masterKey) => HKDF.DeriveKey(
        HashAlgorithmName.SHA256, masterKey, key, salt: [], info: "kosha data protection keys 1"u8);

    public EncryptedXmlInfo Encrypt(XElement plaintextElement)
    {
        var plain = System.Text.Encoding.UTF8.GetBytes(plaintextElement.ToString(SaveOptions.DisableFormatting));
        var bytes = new byte[NonceBytes + TagBytes + plain.Length];
        RandomNumberGenerator.Fill(bytes.AsSpan(0, NonceBytes));
        using var aes = new AesGcm(key, TagBytes);
        aes.Encrypt(bytes.AsSpan(0, NonceBytes), plain, bytes.AsSpan(NonceBytes + TagBytes),
            bytes.AsSpan(NonceBytes, TagBytes));
        return new(new(Name, Convert.ToBase64String(bytes)), typeof(KeyDecipher));
    }

    /// <exception cref="CryptographicException">Another master key, or other bytes.</exception>
    public XElement Decrypt(XElement encrypted)
    {
        var bytes = Convert.FromBase64String(encrypted.Value);
        if (bytes.Length < NonceBytes + TagBytes)
            throw new CryptographicException("This is no encrypted key.");
        var plain = new byte[bytes.Length - NonceBytes - TagBytes];
        using var aes = new AesGcm(key, TagBytes);
        aes.Decrypt(bytes.AsSpan(0, NonceBytes), bytes.AsSpan(NonceBytes + TagBytes),
            bytes.AsSpan(NonceBytes, TagBytes), plain);
        return XElement.Parse(System.Text.Encoding.UTF8.GetString(plain));
    }
}

/// <summary>The name of this type stands in the stored keys; the framework makes it when it reads one.</summary>
internal sealed class KeyDecipher(IServiceProvider services) : IXmlDecryptor
{
    public XElement Decrypt(XElement encryptedElement) =>
        services.GetRequiredService<KeyCipher>().Decrypt(encryptedElement);
}
