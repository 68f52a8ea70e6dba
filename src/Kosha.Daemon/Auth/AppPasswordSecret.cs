using System.Security.Cryptography;

namespace Kosha.Daemon.Auth;

/// <summary>
/// App passwords: 20 characters of a 32-letter alphabet without look-alikes (100 bits), shown in groups of five. At
/// that size one SHA-256 is enough to store them.
/// </summary>
internal static class AppPasswordSecret
{
    public const string Alphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    public const int Length = 20;
    private const int Group = 5;

    /// <summary>A new random secret, such as "7KQ2M-…".</summary>
    public static string New()
    {
        var letters = RandomNumberGenerator.GetItems<char>(Alphabet, Length);
        return string.Join('-', letters.Chunk(Group).Select(group => new string(group)));
    }

    /// <summary>
    /// The hash under which a secret is stored: with or without dashes and spaces, in any case. Null if
    /// <paramref name="text"/> cannot be an app password.
    /// </summary>
    public static byte[]? Hash(string text)
    {
        Span<byte> letters = stackalloc byte[Length];
        var count = 0;
        foreach (var c in text)
        {
            if (c is '-' or ' ')
                continue;
            var letter = char.ToUpperInvariant(c);
            if (count == Length || !Alphabet.Contains(letter, StringComparison.Ordinal))
                return null;
            letters[count++] = (byte)letter;
        }
        return count == Length ? SHA256.HashData(letters) : null;
    }

    /// <inheritdoc cref="Hash"/>
    public static byte[] HashOfNew(string secret) =>
        Hash(secret) ?? throw new ArgumentException("This is no app password.", nameof(secret));
}
