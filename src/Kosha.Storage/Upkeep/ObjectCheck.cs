using System.Buffers;
using System.Security.Cryptography;
using Kosha.Storage.Blobs;

namespace Kosha.Storage.Upkeep;

/// <summary>What a look at an object came to.</summary>
/// <param name="Problem">What is wrong; null if it is as it must be.</param>
/// <param name="IsProven">False: the object cannot be read now, which proves nothing.</param>
internal readonly record struct ObjectVerdict(string? Problem, bool IsProven);

/// <summary>Whether the bytes in the store are those of the blob's row.</summary>
internal static class ObjectCheck
{
    private const int BufferBytes = 1024 * 1024;

    /// <summary>The problem that is proven when the bytes have another hash than their row.</summary>
    public const string OtherBytes = "the object has other bytes";

    /// <summary>The store, or something in it, cannot be read now.</summary>
    public static bool IsUnreadable(Exception e) =>
        e is IOException or StorageException { Fault: StorageFault.Unavailable };

    /// <summary>
    /// Whether the object is there and of the blob's size, and unless <paramref name="quick"/> of its bytes, all of
    /// which are read.
    /// </summary>
    public static async Task<ObjectVerdict> LookAsync(
        IBlobStore store, BlobRow blob, bool quick, CancellationToken ct)
    {
        try
        {
            var size = await FindSizeAsync(store, blob.ObjectKey, ct);
            if (size is null)
                return new("the object is missing", IsProven: true);
            if (size != blob.Size)
                return new($"the object has {size} bytes instead of {blob.Size}", IsProven: true);
            return new(quick ? null : await BytesProblemAsync(store, blob, ct), IsProven: true);
        }
        catch (Exception e) when (IsUnreadable(e))
        {
            return new($"cannot be read: {e.Message}", IsProven: false);
        }
    }

    private static async Task<string?> BytesProblemAsync(IBlobStore store, BlobRow blob, CancellationToken ct)
    {
        try
        {
            await using var bytes = await store.OpenAsync(blob.ObjectKey, BlobPart.Whole(blob.Size), ct);
            return (await HashAsync(bytes, ct)).AsSpan().SequenceEqual(blob.Sha256)
                ? null
                : OtherBytes;
        }
        catch (InvalidDataException)
        {
            return OtherBytes;
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
