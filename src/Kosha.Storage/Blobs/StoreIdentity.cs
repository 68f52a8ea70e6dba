using System.Text.Json;

namespace Kosha.Storage.Blobs;

/// <summary>
/// What binds a blob store to a database: both hold it, and where they differ the one does not belong to the other, or
/// is older.
/// </summary>
/// <param name="Installation">Made with the database.</param>
/// <param name="Epoch">Raised whenever a database and a store were brought together anew.</param>
/// <param name="Deletions">Raised before objects are deleted, in the database first.</param>
public sealed record StoreIdentity(Guid Installation, long Epoch, long Deletions)
{
    /// <summary>As it stands in the store, for people too.</summary>
    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this);

    /// <exception cref="StorageException">Unavailable: the bytes are no identity.</exception>
    public static StoreIdentity Parse(ReadOnlySpan<byte> bytes)
    {
        try
        {
            if (JsonSerializer.Deserialize<StoreIdentity>(bytes) is { } identity)
                return identity;
        }
        catch (JsonException)
        {
            // Said below.
        }
        throw new StorageException(StorageFault.Unavailable,
            "The identity in the blob store cannot be read. If the store is the right one, 'kosha blobs adopt' "
            + "writes it anew.");
    }
}
