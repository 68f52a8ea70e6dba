namespace Kosha.Storage.Blobs;

/// <summary>
/// A request by which anybody puts bytes until its time is over; its URL is a secret and belongs in no log.
/// </summary>
/// <param name="Url">Absolute.</param>
/// <param name="Headers">
/// To be sent just so, in lower case. Content-Length is signed, too, and sent by every client.
/// </param>
/// <param name="ExpiresAt">Until then a request may begin.</param>
public sealed record SignedPut(Uri Url, IReadOnlyDictionary<string, string> Headers, DateTimeOffset ExpiresAt);

/// <summary>Whether clients put bytes straight into the store.</summary>
public enum DirectPuts
{
    /// <summary>They do not reach it, or whoever has a URL could do more than put bytes.</summary>
    None,

    /// <summary>By a URL any bytes can come, so whoever looks at them looks at a copy.</summary>
    Unbound,

    /// <summary>By a URL nothing but the announced bytes can come.</summary>
    Bound,
}

/// <summary>An object that waits under a staging key, as it was found.</summary>
/// <param name="Key">The staging key.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Sha256">
/// That the store itself has compared with the bytes; null: somebody must read them.
/// </param>
/// <param name="Tag">By which the store tells these bytes from others that replace them; null: nothing can.</param>
public sealed record StagedObject(string Key, long Size, BlobId? Sha256, string? Tag)
{
    internal static StorageException Replaced(Exception? inner = null) => new(StorageFault.BytesMissing,
        "The bytes were replaced while they were being verified. Complete the upload again.", inner);

    internal static StorageException Gone(Exception? inner = null) => new(StorageFault.BytesMissing,
        "The bytes are not there any more. Put them again.", inner);
}

/// <summary>What is known of bytes that are to be stored.</summary>
/// <param name="Sha256">Verified.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Sha1">Null unless Kosha has read the bytes itself.</param>
/// <param name="Md5">As <paramref name="Sha1"/>.</param>
internal sealed record BlobContent(BlobId Sha256, long Size, byte[]? Sha1, byte[]? Md5);
