using System.Security.Cryptography;
using System.Xml.Linq;
using Kosha.Daemon.Auth;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Kosha.Tests.Daemon;

/// <summary>Keys in the database say nothing without the master key.</summary>
public sealed class KeyCipherTests
{
    private static readonly XElement Key = new("key", new XElement("masterKey", "a secret"));

    private static byte[] NewMasterKey() => RandomNumberGenerator.GetBytes(32);

    [Fact]
    public void What_one_daemon_encrypts_another_with_the_same_master_key_reads()
    {
        var masterKey = NewMasterKey();
        var encrypted = new KeyCipher(masterKey).Encrypt(Key);
        Assert.DoesNotContain("secret", encrypted.EncryptedElement.ToString(), StringComparison.Ordinal);
        using var services = new ServiceCollection().AddSingleton(new KeyCipher(masterKey)).BuildServiceProvider();
        // As the framework makes it.
        var decryptor = (KeyDecipher)Activator.CreateInstance(encrypted.DecryptorType, services)!;
        Assert.True(XNode.DeepEquals(Key, decryptor.Decrypt(encrypted.EncryptedElement)));
        Assert.NotEqual(encrypted.EncryptedElement.Value, new KeyCipher(masterKey).Encrypt(Key).EncryptedElement.Value);
    }

    [Fact]
    public void Another_master_key_and_other_bytes_are_refused()
    {
        var cipher = new KeyCipher(NewMasterKey());
        var encrypted = cipher.Encrypt(Key).EncryptedElement;
        Assert.ThrowsAny<CryptographicException>(() => new KeyCipher(NewMasterKey()).Decrypt(encrypted));
        var bytes = Convert.FromBase64String(encrypted.Value);
        for (var i = 0; i < bytes.Length; i += 7)
        {
            var changed = bytes.ToArray();
            changed[i] ^= 1;
            Assert.ThrowsAny<CryptographicException>(
                () => cipher.Decrypt(new(encrypted.Name, Convert.ToBase64String(changed))));
        }
        Assert.ThrowsAny<CryptographicException>(() => cipher.Decrypt(new(encrypted.Name, "AAAA")));
    }
}
