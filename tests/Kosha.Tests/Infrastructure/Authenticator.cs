using Kosha.Daemon.Auth;

namespace Kosha.Tests.Infrastructure;

/// <summary>What shows codes to a user who typed a secret into it.</summary>
public sealed class Authenticator(string secret)
{
    private const string Base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    private readonly byte[] seed = Decode(secret);
    private readonly long start = Totp.StepAt(DateTimeOffset.UtcNow);

    /// <summary>The code of a step, counted from when this was made; of 0 and 1 the server takes either for half a
    /// minute.</summary>
    public string Code(int step) => Totp.CodeOf(seed, start + step);

    /// <summary>Six digits that are no code now.</summary>
    public string WrongCode() => Enumerable.Range(0, 10).Select(digit => new string((char)('0' + digit), 6))
        .First(code => Enumerable.Range(-2, 6).All(step => Code(step) != code));

    private static byte[] Decode(string text)
    {
        var bits = string.Concat(text.Select(
            letter => Convert.ToString(Base32.IndexOf(letter, StringComparison.Ordinal), 2).PadLeft(5, '0')));
        return [.. bits.Chunk(8).Where(byteBits => byteBits.Length == 8)
            .Select(byteBits => Convert.ToByte(new string(byteBits), 2))];
    }
}
