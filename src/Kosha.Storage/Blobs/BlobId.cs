using System.Diagnostics.CodeAnalysis;

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

    /// <summary>64 lower-case hexadecimal digits.</summary>
    public override string ToString() => Convert.ToHexStringLower(Bytes);
}
