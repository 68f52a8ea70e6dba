using System.Buffers;
using System.Security.Cryptography;
using Kosha.Storage.Blobs;

namespace Kosha.Storage.Upkeep;

/// <summary>Whether the bytes in the store are those of the blob's row.</summary>
internal static class ObjectCheck
{
    private const int BufferBytes = 1024 * 1024;

    /// <summary>
    /// Reads and hashes the whole object. Null if it is as it must be, else what is wrong, proven: missing, of another
    /// size, or of other bytes. An object that cannot be read now proves nothing: <see cref="IOException"/>, or the
    /// fault Unavailable.
    /// </summary>
    public static async Task<string?> ProblemAsync(IBlobStore store, BlobRow blob, CancellationToken ct)
    {
        var size = await FindSizeAsync(store, blob.ObjectKey, ct);
        if (size != blob.Size)
            return size is null ? "the object is missing" : $"the object has {size} bytes instead of {blob.Size}";
        try
        {
            await using var bytes = await store.OpenAsync(blob.ObjectKey, 0, blob.Size, ct);
            return (await HashAsync(bytes, ct)).AsSpan().SequenceEqual(blob.Sha256)
                ? null
                : "the object has other bytes";
        }
        catch (StorageException e) when (e.Fault == StorageFault.Damaged)
        {
            // It was there a moment ago.
            return await FindSizeAsync(store, blob.ObjectKey, ct) is null
                ? "the object is missing"
                : throw new StorageException(StorageFault.Unavailable, "The object changes.", e);
        }
    }

    /// <summary>
    /// The object's size, or null if it is proven to be missing: a store whose identity is gone too was perhaps
    /// unmounted just now, which proves nothing (Unavailable).
    /// </summary>
    public static async Task<long?> FindSizeAsync(IBlobStore store, string key, CancellationToken ct)
    {
        var size = await store.FindSizeAsync(key, ct);
        if (size is null && await store.FindIdentityAsync(ct) is null)
            throw new StorageException(StorageFault.Unavailable, "The blob store is not there any more.");
        return size;
    }

    private static async Task<byte[]> HashAsync(Stream bytes, CancellationToken ct)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            for (int count; (count = await bytes.ReadAsync(buffer, ct)) > 0;)
                hash.AppendData(buffer, 0, count);
            return hash.GetHashAndReset();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
