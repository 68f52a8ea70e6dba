using Kosha.Storage.Accounts;
using Kosha.Storage.Blobs;
using Kosha.Storage.Tree;
using Kosha.Storage.Upkeep;

namespace Kosha.Storage.Uploads;

/// <summary>An upload that this process alone verifies and names.</summary>
/// <param name="Upload">As it was taken.</param>
/// <param name="Verifier">By which the row knows who has it.</param>
public sealed record TakenUpload(Upload Upload, Guid Verifier);

public sealed partial class DirectUploads
{
    /// <summary>
    /// Begins the completion: of any number of requests one takes the upload, and must call
    /// <see cref="FinishAsync"/>. Null: another one verifies it just now, or it is over; the upload says which. Fault:
    /// NotFound.
    /// </summary>
    public async Task<TakenUpload?> TakeAsync(Caller caller, long id, CancellationToken ct)
    {
        caller.RequireWrite();
        var verifier = Guid.NewGuid();
        return await table.TakeAsync(caller, id, verifier, UploadHold.Patience, ct) is { } upload
            ? new(upload, verifier)
            : null;
    }

    /// <summary>
    /// Makes a file of an upload.
    /// <list type="number">
    /// <item>Look: what would be refused in the end is refused before anybody reads its bytes.</item>
    /// <item>Verify: the bytes under the staging key, which nothing can change meanwhile, have the announced hash.
    /// </item>
    /// <item>Claim the content's row; make the bytes those of its key unless a row proves that they are there.</item>
    /// <item>Name: one transaction judges everything anew and commits node, blob, usage and upload.</item>
    /// <item>The staged bytes go.</item>
    /// </list>
    /// Whatever is refused before 4 has committed leaves the upload open, with its bytes; other bytes than announced
    /// end it.
    /// </summary>
    /// <exception cref="StorageException">BytesMissing, DigestMismatch, those of a PUT.</exception>
    public async Task FinishAsync(
        Caller caller, TakenUpload taken, IReadOnlyCollection<Guid> lockTokens, TimeProvider time,
        CancellationToken ct)
    {
        await using (var hold = new UploadHold(
            end => table.KeepAsync(taken.Upload.Id, taken.Verifier, UploadHold.Patience, end), time, ct))
        {
            try
            {
                await VerifyAndNameAsync(caller, taken, WriteOf(taken.Upload, lockTokens), hold.Lost);
            }
            catch (Exception e)
            {
                await table.GiveBackAsync(
                    taken.Upload.Id, taken.Verifier, e as StorageException ?? BrokenOff(), CancellationToken.None);
                if (e is OperationCanceledException)
                    throw BrokenOff();
                throw;
            }
        }
        await RemoveStagedAsync(taken.Upload, ct);
    }

    private async Task VerifyAndNameAsync(
        Caller caller, TakenUpload taken, FileWrite write, CancellationToken ct)
    {
        // 1. Look.
        var upload = taken.Upload;
        // Its bytes are reserved: nobody asks for more room, and what the trash would free is not looked for.
        var allowance = await tree.AllowWriteAsync(caller, upload.NodePath, write.Conditions, announced: 0, ct);
        if (allowance.Reason == StorageFault.FileTooLarge && upload.Size > allowance.MaxBytes)
            throw Vault.TooLarge(allowance.Reason);

        // 2. Verify.
        await using var verified = await VerifyAsync(upload, ct);
        Steps.Reached(Steps.UploadVerified);

        // 3 and 4. Store and name; the staged bytes are still there for a second time.
        await vault.KeepAsync(
            verified.Content, verified.StoreAsync, claim => NameAsync(caller, taken, write, claim!, ct), ct);
    }

    private static FileWrite WriteOf(Upload upload, IReadOnlyCollection<Guid> lockTokens) => new()
    {
        Conditions = new()
        {
            IfMatch = Upload.Condition(upload.IfMatch),
            IfNoneMatch = Upload.Condition(upload.IfNoneMatch),
            LockTokens = lockTokens,
        },
        ContentType = upload.ContentType,
        ModifiedAt = upload.ModifiedAt,
        ReservedBytes = upload.ReservedBytes,
    };

    private Task<WriteResult> NameAsync(
        Caller caller, TakenUpload taken, FileWrite write, BlobClaim claim, CancellationToken ct) =>
        tree.WriteAsync(caller, [taken.Upload.NodePath], write.Conditions, async (transaction, places, _) =>
        {
            var (id, size) = (taken.Upload.Id, taken.Upload.Size);
            NodeTree.RequireWritable(places[0], write.Conditions);
            var named = await tree.PutFileAsync(transaction, caller, places[0], write, claim, size, ct);
            if (!await UploadTable.SettleAsync(transaction, id, taken.Verifier, named.Node.Etag, ct))
                throw new StorageException(StorageFault.UploadOver, "Another request took over this upload.");
            return named;
        }, ct);

    private static StorageException BrokenOff() =>
        new(StorageFault.Unavailable, "The completion was broken off. Complete the upload again.");

    // Verifying -------------------------------------------------------------------------------------------------------

    /// <summary>Of those that read bytes; who waits for a turn keeps the upload.</summary>
    private readonly SemaphoreSlim reading = new(limits.MaxReading);

    /// <summary>Bytes that have the announced hash, and how they get under their content's key.</summary>
    private sealed record Verified(BlobContent Content, Func<string, Task> StoreAsync, IAsyncDisposable? Source)
        : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Source?.DisposeAsync() ?? ValueTask.CompletedTask;
    }

    private Task<Verified> VerifyAsync(Upload upload, CancellationToken ct) => upload switch
    {
        { IsDirect: false, PartBytes: null } => VerifyReceivedAsync(upload, ct),
        { IsDirect: false } => InTurnAsync(() => JoinReceivedAsync(upload, ct), ct),
        _ => VerifyDirectAsync(upload, ct),
    };

    private async Task<T> InTurnAsync<T>(Func<Task<T>> read, CancellationToken ct)
    {
        await reading.WaitAsync(ct);
        try
        {
            return await read();
        }
        finally
        {
            reading.Release();
        }
    }

    /// <summary>The daemon that received the bytes has compared them with the hash.</summary>
    private async Task<Verified> VerifyReceivedAsync(Upload upload, CancellationToken ct)
    {
        if (!upload.Received.Contains(0) || await store.FindStagedAsync(upload.Key.ToString(), ct) is not { } found
            || found.Size != upload.Size)
            throw BytesMissing("No bytes have come yet.");
        return Staged(new(new(upload.Sha256), upload.Size, upload.Sha1, upload.Md5), found, ct);
    }

    private Verified Staged(BlobContent content, StagedObject found, CancellationToken ct) =>
        new(content, key => store.CopyAsync(found, key, ct), Source: null);

    /// <summary>Reads the parts one after the other into one spool, which nothing can change.</summary>
    private async Task<Verified> JoinReceivedAsync(Upload upload, CancellationToken ct)
    {
        if (upload.Received.Length < upload.PartCount)
            throw BytesMissing($"{upload.PartCount - upload.Received.Length} parts have not come yet.");
        await using var parts = new JoinedParts(store, upload);
        var spool = await FromStoreAsync(() => spools.ReceiveAsync(
            parts, upload.Size, upload.Size, () => new(StorageFault.DigestMismatch, "More bytes came."), ct));
        try
        {
            RequireSame(upload, spool.Sha256, spool.Size);
            return new(spool.Content, key => store.PutAsync(key, spool, ct), spool);
        }
        catch
        {
            await spool.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Bytes that no daemon has seen. Where the store binds none to its URLs, they are compared in a copy that no URL
    /// leads to; to an object in parts none does any more.
    /// </summary>
    private async Task<Verified> VerifyDirectAsync(Upload upload, CancellationToken ct)
    {
        var key = upload.Key.ToString();
        if (upload.MultipartId is { } id)
            await CompletePartsAsync(upload, key, id, ct);
        var found = await FindStagedAsync(upload, key, ct);
        if (upload.PartBytes is null && await store.DirectPutsAsync(ct) != DirectPuts.Bound)
        {
            var copy = (upload.Key with { Part = 0 }).ToString();
            await store.CopyAsync(found, copy, ct);
            found = await FindStagedAsync(upload, copy, ct) with { Sha256 = null };
        }
        if (found.Sha256 is not { } compared)
            return Staged(await InTurnAsync(() => ReadAsync(upload, found, ct), ct), found, ct);
        RequireSame(upload, compared, found.Size);
        return Staged(new(compared, upload.Size, Sha1: null, Md5: null), found, ct);
    }

    private async Task<StagedObject> FindStagedAsync(Upload upload, string key, CancellationToken ct)
    {
        var found = await store.FindStagedAsync(key, ct) ?? throw BytesMissing("No bytes have come yet.");
        return found.Size == upload.Size
            ? found : throw Mismatch($"{found.Size} bytes came instead of {upload.Size}.");
    }

    private async Task CompletePartsAsync(Upload upload, string key, string id, CancellationToken ct)
    {
        if (await Parts.ListAsync(key, id, ct) is { } listed)
        {
            StagedPart[] parts = [.. listed.Where(part => IsWhole(upload, part)).OrderBy(part => part.Number)];
            if (parts.Length < upload.PartCount)
                throw BytesMissing($"{upload.PartCount - parts.Length} parts have not come yet.");
            await Parts.CompleteAsync(key, id, parts, ct);
        }
    }

    private Task<BlobContent> ReadAsync(Upload upload, StagedObject found, CancellationToken ct) =>
        FromStoreAsync(async () =>
        {
            await using var bytes = await store.OpenStagedAsync(found, ct);
            var (sha256, sha1, md5) = await DigestFill.HashAsync(bytes, ct);
            RequireSame(upload, new(sha256), upload.Size);
            return new BlobContent(new(sha256), upload.Size, sha1, md5);
        });

    private static async Task<T> FromStoreAsync<T>(Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (IOException e)
        {
            throw new StorageException(StorageFault.Unavailable, "The blob store does not give the bytes now.", e);
        }
    }

    private static void RequireSame(Upload upload, BlobId sha256, long size)
    {
        if (size != upload.Size || sha256 != new BlobId(upload.Sha256))
            throw Mismatch("The bytes that came do not have the announced SHA-256.");
    }

    private static StorageException Mismatch(string what) =>
        new(StorageFault.DigestMismatch, $"{what} Nothing was changed; begin a new upload.");

    private static StorageException BytesMissing(string what) => new(StorageFault.BytesMissing, what);

    /// <summary>At once, where that works; what is left the expiry removes.</summary>
    private async Task RemoveStagedAsync(Upload upload, CancellationToken ct)
    {
        try
        {
            await RemoveStagedAsync(store, upload, ct);
        }
        catch (Exception e) when (e is StorageException or OperationCanceledException)
        {
            // The file is there; this is only space.
        }
    }

    /// <summary>Removes whatever can be under the staging keys of an upload.</summary>
    internal static async Task RemoveStagedAsync(IBlobStore store, Upload upload, CancellationToken ct)
    {
        var key = upload.Key;
        if (upload.MultipartId is { } id && store.Multipart is { } multipart)
            await multipart.AbortAsync(key.ToString(), id, ct);
        await store.DeleteAsync(key.ToString(), ct);
        if (upload is { IsDirect: true, PartBytes: null })
            await store.DeleteAsync((key with { Part = 0 }).ToString(), ct);
        if (upload is { IsDirect: false, PartBytes: not null })
        {
            for (var number = 1; number <= upload.PartCount; number++)
                await store.DeleteAsync((key with { Part = number }).ToString(), ct);
        }
    }
}
