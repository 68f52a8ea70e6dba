using System.Runtime.InteropServices;

namespace Kosha.Storage.Blobs;

/// <summary>What is read of an object. All of it is in bytes; the length is never 0.</summary>
/// <param name="Offset">Where it begins.</param>
/// <param name="Length">How much of it.</param>
/// <param name="Size">Of the whole object, as its row says.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct BlobPart(long Offset, long Length, long Size)
{
    public bool IsWhole => Length == Size;

    /// <summary>All of an object of so many bytes.</summary>
    public static BlobPart Whole(long size) => new(0, size, size);

    /// <summary>The object under the key has another size than its row says.</summary>
    internal StorageException OtherSize(string key, long found) => new(
        StorageFault.Damaged, $"The stored object {key} has {found} bytes instead of {Size}.");
}
