using System.Diagnostics.CodeAnalysis;

namespace Kosha.Storage.Blobs;

/// <summary>The name of a blob: the SHA-256 of its bytes.</summary>
public readonly struct BlobId : IEquatable<BlobId>
{
    public const int ByteLength = 32;

    private readonly byte[] hash;

    public BlobId(byte[] sha256)
    {
        if (sha256.Length != ByteLength)
            throw new ArgumentException($"A SHA-256 has {ByteLength} bytes.", nameof(sha256));
        hash = sha256;
    }

    [SuppressMessage("Performance", "CA1819", Justification = "Handed to the database as it is; nobody writes to it.")]
    public byte[] Bytes => hash;

    /// <summary>
    /// The object key of this content. The second and later generations (after a key was doomed) end in '.2', '.3' ….
    /// </summary>
    public string ObjectKey(int generation)
    {
        var hex = ToString();
        var key = $"{hex[..2]}/{hex[2..4]}/{hex}";
        return generation == 1 ? key : $"{key}.{generation}";
    }

    public bool Equals(BlobId other) => hash.AsSpan().SequenceEqual(other.hash);

    public override bool Equals([NotNullWhen(true)] object? obj) => obj is BlobId other && Equals(other);

    public override int GetHashCode() => BitConverter.ToInt32(hash, 0);

    public static bool operator ==(BlobId left, BlobId right) => left.Equals(right);

    public static bool operator !=(BlobId left, BlobId right) => !left.Equals(right);

    /// <summary>64 lower-case hexadecimal digits.</summary>
    public override string ToString() => Convert.ToHexStringLower(hash);
}
