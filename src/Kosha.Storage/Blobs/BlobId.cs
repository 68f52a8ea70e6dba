using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Kosha.Storage.Blobs;

/// <summary>The name of a blob: the SHA-256 of its bytes.</summary>
public readonly struct BlobId : IEquatable<BlobId>
{
    public const int ByteLength = 32;

    public BlobId(byte[] sha256)
    {
        if (sha256.Length != ByteLength)
            throw new ArgumentException($"A SHA-256 has {ByteLength} bytes.", nameof(sha256));
        Bytes = sha256;
    }

    /// <summary>Handed to the database as it is; nobody writes to it.</summary>
    public byte[] Bytes { get; }

    public bool Equals(BlobId other) => Bytes.AsSpan().SequenceEqual(other.Bytes);

    public override bool Equals([NotNullWhen(true)] object? obj) => obj is BlobId other && Equals(other);

    public override int GetHashCode() => BitConverter.ToInt32(Bytes, 0);

    public static bool operator ==(BlobId left, BlobId right) => left.Equals(right);

    public static bool operator !=(BlobId left, BlobId right) => !left.Equals(right);

    /// <summary>
    /// The last part of an object's key in every store: the hash, and from the second generation on its number.
    /// </summary>
    internal string ObjectName(int generation) => generation == 1
        ? ToString() : string.Create(CultureInfo.InvariantCulture, $"{this}.{generation}");

    /// <summary>What <see cref="ObjectName"/> made; null if it did not make this.</summary>
    internal static (BlobId Id, int Generation)? FindInObjectName(string name)
    {
        var (hex, number) = name.Split('.') switch
        {
            [var only] => (only, "1"),
            [var first, var second] => (first, second),
            _ => ("", ""),
        };
        if (hex.Length != 2 * ByteLength || !hex.All(char.IsAsciiHexDigitLower)
            || !int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var generation))
            return null;
        var id = new BlobId(Convert.FromHexString(hex));
        return name == id.ObjectName(generation) ? (id, generation) : null;
    }

    /// <summary>64 lower-case hexadecimal digits.</summary>
    public override string ToString() => Convert.ToHexStringLower(Bytes);
}
