using Kosha.Storage.Blobs;

namespace Kosha.Storage.Uploads;

public sealed partial class DirectUploads
{
    /// <summary>
    /// Receives what a client puts by a URL of a daemon: all of an upload (part 0), or a part of it. When it returns,
    /// the bytes are durable under their staging key, and no file.
    /// </summary>
    /// <exception cref="StorageException">NotFound (it takes no bytes any more), DigestMismatch, NoSpace.</exception>
    public async Task ReceiveAsync(long id, int part, Stream body, long? announcedBytes, CancellationToken ct)
    {
        var upload = await table.FindReceivableAsync(id, ct) ?? throw Closed();
        var isWhole = upload.PartBytes is null;
        if (isWhole != (part == 0))
            throw Closed();
        var size = isWhole ? upload.Size : upload.SizeOfPart(part);
        if (announcedBytes is { } announced && announced != size)
            throw OtherSize(size);
        await using var spool = await spools.ReceiveAsync(body, size, size, () => OtherSize(size), ct);
        if (spool.Size != size)
            throw OtherSize(size);
        if (isWhole && spool.Sha256 != new BlobId(upload.Sha256))
            throw new StorageException(StorageFault.DigestMismatch, "These bytes do not have the announced SHA-256.");
        var key = (upload.Key with { Part = isWhole ? null : part }).ToString();
        await store.PutAsync(key, spool, ct);
        if (await table.SetReceivedAsync(id, part, isWhole ? spool.Content : null, ct) is not null)
            return;
        // One that ended meanwhile, and was cleared perhaps, must not keep these bytes. Any other may still need them.
        if (await table.IsOverAsync(id, ct))
            await store.DeleteAsync(key, ct);
        throw Closed();
    }

    private static StorageException OtherSize(long size) =>
        new(StorageFault.DigestMismatch, $"{size} bytes were announced. Nothing was changed.");

    private static StorageException Closed() => new(StorageFault.NotFound, "There is no upload that waits for this.");
}
