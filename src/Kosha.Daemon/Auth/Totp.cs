using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;

namespace Kosha.Daemon.Auth;

/// <summary>
/// Codes of authenticators (RFC 6238): six digits, a new one every 30 seconds, by HMAC-SHA-1, which is what all of them
/// know.
/// </summary>
internal static class Totp
{
    public const int SeedBytes = 20;
    public const int Digits = 6;

    /// <summary>How many steps the clocks of authenticator and server may differ.</summary>
    private const int Tolerance = 1;

    private const int StepSeconds = 30;
    private const string Base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    public static long StepAt(DateTimeOffset time) => time.ToUnixTimeSeconds() / StepSeconds;

    /// <summary>The code of a step (RFC 4226, 5.3).</summary>
    public static string CodeOf(ReadOnlySpan<byte> seed, long step)
    {
        Span<byte> counter = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(counter, step);
        Span<byte> mac = stackalloc byte[HMACSHA1.HashSizeInBytes];
#pragma warning disable CA5350 // The standard's own; nothing hangs on collisions.
        HMACSHA1.HashData(seed, counter, mac);
#pragma warning restore CA5350
        var number = BinaryPrimitives.ReadUInt32BigEndian(mac[(mac[^1] & 0xf)..]) & 0x7fff_ffff;
        return (number % 1_000_000).ToString($"D{Digits}", CultureInfo.InvariantCulture);
    }

    /// <summary>The step of which this is the code, now or just before or after; null: of none.</summary>
    public static long? FindStep(byte[] seed, string code, DateTimeOffset now)
    {
        var digits = code.Replace(" ", "", StringComparison.Ordinal);
        if (digits.Length != Digits || !digits.All(char.IsAsciiDigit))
            return null;
        var current = StepAt(now);
        // The latest first: a code that two steps happen to share is used up for both.
        for (var step = current + Tolerance; step >= current - Tolerance; step--)
        {
            if (CryptographicOperations.FixedTimeEquals(
                System.Text.Encoding.ASCII.GetBytes(CodeOf(seed, step)), System.Text.Encoding.ASCII.GetBytes(digits)))
                return step;
        }
        return null;
    }

    /// <summary>A seed as people type it (RFC 4648, 6, without padding).</summary>
    public static string ToText(ReadOnlySpan<byte> seed)
    {
        var letters = new char[seed.Length * 8 / 5];
        for (var i = 0; i < letters.Length; i++)
        {
            var value = 0;
            for (var bit = i * 5; bit < (i * 5) + 5; bit++)
                value = (value << 1) | ((seed[bit / 8] >> (7 - (bit % 8))) & 1);
            letters[i] = Base32[value];
        }
        return new(letters);
    }

    /// <summary>What an authenticator reads from a picture.</summary>
    public static string UriOf(ReadOnlySpan<byte> seed, string username) =>
        $"otpauth://totp/Kosha:{Uri.EscapeDataString(username)}?secret={ToText(seed)}&issuer=Kosha"
        + $"&algorithm=SHA1&digits={Digits}&period={StepSeconds}";
}
