namespace Kosha.WebDav;

/// <summary>
/// Lock tokens as URIs. Given out as <c>opaquelocktoken:</c>, the form that Explorer, Office and Finder have met
/// everywhere; <c>urn:uuid:</c> (RFC 4918, 6.5) is accepted as well.
/// </summary>
public static class LockTokens
{
    private const string Scheme = "opaquelocktoken:";
    private const string UrnScheme = "urn:uuid:";

    public static string Format(Guid token) => $"{Scheme}{token:D}";

    /// <summary>Reads a token URI. Null: not one of Kosha's.</summary>
    public static Guid? Read(ReadOnlySpan<char> uri)
    {
        if (uri.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            uri = uri[Scheme.Length..];
        else if (uri.StartsWith(UrnScheme, StringComparison.OrdinalIgnoreCase))
            uri = uri[UrnScheme.Length..];
        else
            return null;
        return Guid.TryParseExact(uri, "D", out var token) ? token : null;
    }

    /// <summary>Reads a Lock-Token header. Some clients leave the angle brackets out.</summary>
    public static Guid? ReadHeader(string? header)
    {
        var value = header.AsSpan().Trim();
        if (value.Length >= 2 && value[0] == '<' && value[^1] == '>')
            value = value[1..^1];
        return Read(value);
    }
}
