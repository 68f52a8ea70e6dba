using System.Buffers;
using System.Text;

namespace Kosha.Daemon.Auth;

/// <summary>What an Authorization header of the scheme Basic holds (RFC 7617).</summary>
/// <param name="Name">A username or an email, in NFC; a Windows domain before it is dropped.</param>
/// <param name="Password">As it came.</param>
internal sealed record BasicCredential(string Name, string Password)
{
    private const string Scheme = "Basic ";
    private const int MaxHeaderLength = 4096;

    /// <summary>Neither the database nor normalization takes all of these.</summary>
    private static readonly SearchValues<char> NobodysLetters = SearchValues.Create(
        [.. Enumerable.Range(0, 0xA0).Select(code => (char)code).Where(char.IsControl), '\uFFFE']);

    private static readonly UTF8Encoding StrictUtf8 =
        new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads a header; null if it is not one of this scheme, or its name can be nobody's.</summary>
    public static BasicCredential? Parse(string? header)
    {
        if (header is null or { Length: > MaxHeaderLength }
            || !header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            return null;
        var bytes = new byte[header.Length];
        if (!Convert.TryFromBase64String(header[Scheme.Length..].Trim(), bytes, out var count))
            return null;
        var text = Decode(bytes.AsSpan(0, count));
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? null : Of(text[..colon], text[(colon + 1)..]);
    }

    /// <summary>The same of a name and a password that came otherwise; null if the name can be nobody's.</summary>
    public static BasicCredential? Of(string name, string password) =>
        name.Length + password.Length > MaxHeaderLength || name.AsSpan().ContainsAny(NobodysLetters)
            || !IsUnicode(name) ? null : new(WithoutDomain(name), password);

    private static bool IsUnicode(string text) => text.EnumerateRunes().All(rune => rune != Rune.ReplacementChar);

    // Clients that do not know charset="UTF-8" send what their system calls Latin.
    private static string Decode(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            return Encoding.Latin1.GetString(bytes);
        }
    }

    // Explorer sends "MACHINE\name". No username has a backslash.
    private static string WithoutDomain(string name) =>
        name[(name.LastIndexOf('\\') + 1)..].Normalize(NormalizationForm.FormC);
}
