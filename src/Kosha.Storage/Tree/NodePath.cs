using System.Text;

namespace Kosha.Storage.Tree;

/// <summary>
/// A validated virtual path below a user's root: the only place where names are checked, decoded and normalised.
/// Names are NFC (Finder sends NFD), case-sensitive and case-preserving. The empty path is the root.
/// </summary>
public sealed class NodePath : IEquatable<NodePath>
{
    /// <summary>Bytes of UTF-8 in one name, as on the file systems that people sync from.</summary>
    public const int MaxNameBytes = 255;

    /// <summary>Names in one path.</summary>
    public const int MaxDepth = 256;

    private static readonly UTF8Encoding StrictUtf8 =
        new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static readonly NodePath Root = new([]);

    private readonly string[] names;

    private NodePath(string[] names) => this.names = names;

    public IReadOnlyList<string> Names => names;

    public int Depth => names.Length;

    public bool IsRoot => names.Length == 0;

    /// <summary>The last name; empty for the root.</summary>
    public string Name => IsRoot ? "" : names[^1];

    /// <summary>The path without its last name. The root has none.</summary>
    public NodePath Parent => IsRoot ? throw new InvalidOperationException("The root has no parent.") : Take(Depth - 1);

    /// <summary>The first <paramref name="count"/> names.</summary>
    public NodePath Take(int count) => count == Depth ? this : new(names[..count]);

    /// <summary>This path and one more, already valid, name: one that a row holds.</summary>
    public NodePath Append(string name) => new([.. names, name]);

    /// <inheritdoc cref="Append(string)"/>
    public NodePath Append(IEnumerable<string> below) => new([.. names, .. below]);

    /// <summary>True if <paramref name="other"/> is this path or lies below it.</summary>
    public bool Contains(NodePath other) =>
        other.Depth >= Depth && names.AsSpan().SequenceEqual(other.names.AsSpan(0, Depth));

    /// <summary>The key under which clients that know no case find a name.</summary>
    public static string Fold(string name) => name.ToUpperInvariant();

    /// <summary>Bytes for which <see cref="SplitForMark"/> leaves room.</summary>
    public const int MaxMarkBytes = 16;

    /// <summary>
    /// What stands before and behind a mark that tells a name from one that is taken: "a (2).txt". The stem is cut so
    /// that a mark of <see cref="MaxMarkBytes"/> fits.
    /// </summary>
    public static (string Stem, string Extension) SplitForMark(string name, bool isFolder)
    {
        var dot = isFolder ? -1 : name.LastIndexOf('.');
        // What is longer than this is no extension, and a name that begins with a dot has none.
        var extension = dot > 0 && name.Length - dot <= 32 ? name[dot..] : "";
        var stem = name[..^extension.Length];
        var room = MaxNameBytes - MaxMarkBytes - Encoding.UTF8.GetByteCount(extension);
        var length = 0;
        foreach (var rune in stem.EnumerateRunes())
        {
            room -= rune.Utf8SequenceLength;
            if (room < 0)
                break;
            length += rune.Utf16SequenceLength;
        }
        return (stem[..length], extension);
    }

    /// <summary>
    /// Reads the still percent-encoded path part of a URL. Each segment is decoded once, '+' is an ordinary letter,
    /// and empty segments (a doubled or trailing slash) mean nothing.
    /// </summary>
    /// <exception cref="StorageException"><see cref="StorageFault.InvalidName"/></exception>
    public static NodePath FromEncoded(ReadOnlySpan<char> encoded)
    {
        var found = new List<string>();
        foreach (var range in encoded.Split('/'))
        {
            var segment = encoded[range];
            if (!segment.IsEmpty)
                found.Add(CheckName(Decode(segment)));
        }
        return FromChecked(found);
    }

    /// <summary>Reads plain names, for callers other than URLs.</summary>
    /// <exception cref="StorageException"><see cref="StorageFault.InvalidName"/></exception>
    public static NodePath FromNames(IEnumerable<string> plain) => FromChecked([.. plain.Select(CheckName)]);

    private static NodePath FromChecked(List<string> checkedNames)
    {
        if (checkedNames.Count > MaxDepth)
            throw Invalid($"The path has {checkedNames.Count} levels; {MaxDepth} are allowed.");
        return checkedNames.Count == 0 ? Root : new([.. checkedNames]);
    }

    private static string Decode(ReadOnlySpan<char> segment)
    {
        // Three letters for one byte at the worst, and a name over the limit is refused all the same.
        if (segment.Length > MaxNameBytes * 12)
            throw Invalid($"A name is longer than {MaxNameBytes} bytes.");
        Span<byte> bytes = stackalloc byte[MaxNameBytes * 12 * 3];
        var count = 0;
        for (var i = 0; i < segment.Length; i++)
        {
            if (segment[i] == '%')
            {
                if (i + 2 >= segment.Length || !TryHex(segment[i + 1], segment[i + 2], out bytes[count]))
                    throw Invalid(
                        "The path has a '%' that is not followed by two hexadecimal digits; encode it as %25.");
                count++;
                i += 2;
            }
            else if (segment[i] < 0x80)
                bytes[count++] = (byte)segment[i];
            else
                throw Invalid("The path has letters outside ASCII that are not percent-encoded.");
        }
        try
        {
            return StrictUtf8.GetString(bytes[..count]);
        }
        catch (DecoderFallbackException)
        {
            throw Invalid("A name is not valid UTF-8.");
        }
    }

    private static bool TryHex(char high, char low, out byte value)
    {
        value = 0;
        if (!char.IsAsciiHexDigit(high) || !char.IsAsciiHexDigit(low))
            return false;
        value = (byte)((Convert.ToInt32(high.ToString(), 16) << 4) | Convert.ToInt32(low.ToString(), 16));
        return true;
    }

    private static string CheckName(string raw)
    {
        foreach (var c in raw)
        {
            if (c is '/' or '\\' || char.IsControl(c))
                throw Invalid("A name may not contain '/', '\\' or control characters.");
        }
        string name;
        try
        {
            name = raw.IsNormalized(NormalizationForm.FormC) ? raw : raw.Normalize(NormalizationForm.FormC);
        }
        catch (ArgumentException)
        {
            throw Invalid("A name is not valid Unicode.");
        }
        if (name is "" or "." or "..")
            throw Invalid("A name may not be empty, '.' or '..'.");
        if (Encoding.UTF8.GetByteCount(name) > MaxNameBytes)
            throw Invalid($"A name is longer than {MaxNameBytes} bytes.");
        return name;
    }

    private static StorageException Invalid(string message) => new(StorageFault.InvalidName, message);

    public bool Equals(NodePath? other) => other is not null && names.AsSpan().SequenceEqual(other.names);

    public override bool Equals(object? obj) => Equals(obj as NodePath);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var name in names)
            hash.Add(name, StringComparer.Ordinal);
        return hash.ToHashCode();
    }

    /// <summary>For people: '/a/b'.</summary>
    public override string ToString() => "/" + string.Join('/', names);
}
