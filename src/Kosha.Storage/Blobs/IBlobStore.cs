namespace Kosha.Storage.Blobs;

/// <summary>An object as the store lists it.</summary>
/// <param name="Key">As in <c>blob_objects.key</c>, if Kosha wrote it.</param>
/// <param name="Size">Bytes.</param>
/// <param name="WrittenAt">By the store's clock.</param>
public readonly record struct StoredObject(string Key, long Size, DateTimeOffset WrittenAt);

/// <summary>
/// The one storage seam: knows bytes under keys and nothing of names, users or states. Every method may be called
/// concurrently, for the same key too. A store that cannot be reached is <see cref="StorageFault.Unavailable"/>.
/// </summary>
public interface IBlobStore : IDisposable
{
    /// <summary>The store's name in <c>blob_objects.store</c>.</summary>
    string Name { get; }

    /// <summary>
    /// The key of a content. Generation 1 is the usual one; the next are for content that comes back after its key was
    /// doomed, and for healing a damaged object.
    /// </summary>
    string Key(BlobId id, int generation);

    /// <summary>Whether a key is of the form that <see cref="Key"/> makes. Nothing else is ever removed.</summary>
    bool IsBlobKey(string key);

    /// <summary>
    /// Writes, reads and removes a probe, unless that went well a short time ago; throws
    /// <see cref="StorageException"/> with words for the operator.
    /// </summary>
    Task CheckAsync(CancellationToken ct);

    /// <summary>
    /// Makes the spooled bytes durable under the key before it returns, all or nothing. What stood there is replaced:
    /// the same key always means the same bytes. The spool can be read again afterwards. Faults: NoSpace, Unavailable.
    /// </summary>
    Task PutAsync(string key, Spool spool, CancellationToken ct);

    /// <summary>
    /// A stream of exactly the bytes of a part; fewer are an <see cref="IOException"/> while reading, and other bytes
    /// than the key names, where the store compares them, an <see cref="InvalidDataException"/>. Fault: Damaged if
    /// there is no such object, or one of another size.
    /// </summary>
    Task<Stream> OpenAsync(string key, BlobPart part, CancellationToken ct);

    /// <summary>
    /// A URL by which anybody reads the object by GET, whole or in part and without a credential, until
    /// <paramref name="lifetime"/> is over; it is a secret. Null: clients do not reach the store, or it cannot make
    /// one now. Nobody looks whether there is such an object.
    /// </summary>
    Task<Uri?> FindLinkAsync(string key, LinkedContent content, TimeSpan lifetime, CancellationToken ct);

    /// <summary>What clients can do by requests that are signed here. Fault: Unavailable (it cannot be tried now).
    /// </summary>
    Task<DirectPuts> DirectPutsAsync(CancellationToken ct);

    /// <summary>
    /// A request by which anybody puts bytes of this size and hash under a staging key until
    /// <paramref name="lifetime"/> is over. Fault: Unavailable, also where there are no <see cref="DirectPuts"/>.
    /// </summary>
    Task<SignedPut> SignPutAsync(string key, BlobId sha256, long size, TimeSpan lifetime, CancellationToken ct);

    /// <summary>For bytes that clients put in parts, where there are <see cref="DirectPuts"/>; null: the store knows no
    /// such thing.</summary>
    MultipartUploads? Multipart { get; }

    /// <summary>The object under a staging key, or null if there is none.</summary>
    Task<StagedObject?> FindStagedAsync(string key, CancellationToken ct);

    /// <summary>
    /// A stream of all bytes of a staged object as it was found; fewer are an <see cref="IOException"/> while reading.
    /// Faults: BytesMissing (others have replaced them), Unavailable.
    /// </summary>
    Task<Stream> OpenStagedAsync(StagedObject staged, CancellationToken ct);

    /// <summary>
    /// Makes the bytes of a staged object as it was found those of another key too, as durably as
    /// <see cref="PutAsync"/> and without reading them where the store can. Faults: BytesMissing (others have replaced
    /// them), NoSpace, Unavailable.
    /// </summary>
    Task CopyAsync(StagedObject source, string target, CancellationToken ct);

    /// <summary>As <see cref="ListAsync"/>, what lies under staging keys.</summary>
    IAsyncEnumerable<StoredObject> ListStagedAsync(CancellationToken ct);

    /// <summary>The object's size in bytes, or null if there is certainly none. Fault: Unavailable.</summary>
    Task<long?> FindSizeAsync(string key, CancellationToken ct);

    /// <summary>Removes the object, durably. One that is not there is no error.</summary>
    Task DeleteAsync(string key, CancellationToken ct);

    /// <summary>
    /// Every object but the identity and what is staged, in no order; those written or removed meanwhile may be there
    /// or not.
    /// </summary>
    IAsyncEnumerable<StoredObject> ListAsync(CancellationToken ct);

    /// <summary>
    /// Whether nothing is stored but perhaps an identity; null if the store does not let itself be listed.
    /// </summary>
    Task<bool?> IsEmptyAsync(CancellationToken ct);

    /// <summary>Whose store this is; null if nobody has claimed it. Fault: Unavailable.</summary>
    Task<StoreIdentity?> FindIdentityAsync(CancellationToken ct);

    /// <summary>
    /// Writes the identity, durably. Without <paramref name="replace"/> one that is there already stays, and false is
    /// returned.
    /// </summary>
    Task<bool> PutIdentityAsync(StoreIdentity identity, bool replace, CancellationToken ct);
}
