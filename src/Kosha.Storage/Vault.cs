using Kosha.Storage.Accounts;
using Kosha.Storage.Blobs;
using Kosha.Storage.Tree;

namespace Kosha.Storage;

/// <summary>What a PUT says about the file beside its bytes.</summary>
public sealed record FileWrite
{
    public WriteConditions Conditions { get; init; } = WriteConditions.None;

    /// <summary>
    /// Bytes that the client announced (Content-Length, or Finder's X-Expected-Entity-Length); null if it did not.
    /// </summary>
    public long? AnnouncedBytes { get; init; }

    public string? ContentType { get; init; }

    /// <summary>UTC; null means now.</summary>
    public DateTime? ModifiedAt { get; init; }

    /// <summary>The SHA-1 that the bytes must have, if the client sent one.</summary>
    public byte[]? Sha1 { get; init; }

    /// <summary>The MD5 that the bytes must have, if the client sent one.</summary>
    public byte[]? Md5 { get; init; }

    /// <summary>The SHA-256 that the bytes must have, if the client sent one.</summary>
    public byte[]? Sha256 { get; init; }

    /// <summary>
    /// It never takes the place of anything: where its name is taken, it gets a number, "a (2).txt".
    /// </summary>
    public bool IsBeside { get; init; }

    /// <summary>What an upload has reserved for it, in bytes; given back as the file is charged.</summary>
    internal long ReservedBytes { get; init; }
}

/// <summary>What a write made.</summary>
/// <param name="Node">The file as it is now.</param>
/// <param name="Created">False: a file was overwritten.</param>
public sealed record WriteResult(FileNode Node, bool Created);

/// <summary>
/// Ties names to bytes, always in the order receive, store, name: a crash leaves at worst a blob without a name, never
/// a name without bytes. When a write returns, the bytes and the row are durable.
/// </summary>
public sealed class Vault(Database database, NodeTree tree, IBlobStore store, SpoolFolder spools)
{
    private const int MaxAttempts = 5;

    private readonly BlobTable blobs = new(database);

    /// <summary>
    /// Writes a file.
    /// <list type="number">
    /// <item>Look: a hopeless upload is refused before its first byte.</item>
    /// <item>Receive the body into the spool, with its digests.</item>
    /// <item>Compare with what the client announced.</item>
    /// <item>Claim the content's row; put the bytes unless a live or condemned row proves that they are there.</item>
    /// <item>Name: one transaction judges everything anew and commits node, blob and usage.</item>
    /// </list>
    /// Until step 5 has committed, the old content and the old row are as they were.
    /// </summary>
    /// <exception cref="StorageException">ParentMissing, WrongKind, ConditionFailed, Locked, QuotaExceeded,
    /// FileTooLarge, DigestMismatch, NoSpace, CredentialRevoked, Unavailable.</exception>
    public async Task<WriteResult> WriteAsync(
        Caller caller, NodePath path, Stream body, FileWrite write, CancellationToken ct)
    {
        // 1. Look.
        var allowance = await tree.AllowWriteAsync(
            caller, path, write.Conditions, write.AnnouncedBytes, ct, write.IsBeside);
        Steps.Reached(Steps.Looked);

        // 2. Receive. What visitors announce takes no space before it comes: it may come for hours.
        if (write.AnnouncedBytes > allowance.MaxBytes)
            throw TooLarge(allowance.Reason);
        var reserved = caller.ShareLinkId is null ? write.AnnouncedBytes : null;
        await using var spool = await spools.ReceiveAsync(
            body, reserved, allowance.MaxBytes, () => TooLarge(allowance.Reason), ct);
        Steps.Reached(Steps.Received);

        // 3. Compare.
        RequireAnnounced(spool, write);
        Steps.Reached(Steps.Compared);

        // 4 and 5. Store and name.
        return await KeepAsync(
            spool.Content, key => store.PutAsync(key, spool, ct),
            claim => tree.NameAsync(caller, path, write, claim, spool.Size, ct), ct);
    }

    /// <summary>
    /// Stores and names a verified content. Where the sweep takes its row between the two, both are done again, so
    /// <paramref name="putAsync"/> must still have the bytes then. Fault: Unavailable, and those of both.
    /// </summary>
    /// <param name="content">What was verified.</param>
    /// <param name="putAsync">Makes its bytes durable under a key; not called if a row proves that they are.</param>
    /// <param name="nameAsync">The transaction that names it; null: there are no bytes to name.</param>
    /// <param name="ct">Ends it.</param>
    internal async Task<T> KeepAsync<T>(
        BlobContent content, Func<string, Task> putAsync, Func<BlobClaim?, Task<T>> nameAsync, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var claim = content.Size == 0 ? null : await StoreAsync(content, putAsync, ct);
                var named = await nameAsync(claim);
                Steps.Reached(Steps.Named, claim?.Key);
                return named;
            }
            catch (BlobGoneException e)
            {
                if (attempt == MaxAttempts)
                    throw new StorageException(StorageFault.Unavailable,
                        "The content could not be kept. Try again.", e);
            }
        }
    }

    private async Task<BlobClaim> StoreAsync(BlobContent content, Func<string, Task> putAsync, CancellationToken ct)
    {
        var claim = await blobs.ClaimAsync(content, store, ct);
        Steps.Reached(Steps.Claimed, claim.Key);
        if (claim.MustStore)
            await putAsync(claim.Key);
        Steps.Reached(Steps.Stored, claim.Key);
        return claim;
    }

    /// <inheritdoc cref="BlobTable.AskOwn"/>
    internal Question AskOwn(BlobId sha256, long size, Action<BlobClaim?> answer) =>
        BlobTable.AskOwn(sha256, size, store, answer);

    internal static StorageException TooLarge(StorageFault reason) => reason == StorageFault.FileTooLarge
        ? new(reason, "The file is larger than the plan of this account allows for one file.")
        : new(reason, "The storage of this account does not suffice for this file. Delete files and empty the trash.");

    private static void RequireAnnounced(Spool spool, FileWrite write)
    {
        if (write.AnnouncedBytes is { } bytes && bytes != spool.Size)
            throw new StorageException(StorageFault.DigestMismatch,
                $"{bytes} bytes were announced and {spool.Size} arrived. Nothing was changed.");
        if (Differs(write.Sha1, spool.Sha1) || Differs(write.Md5, spool.Md5)
            || Differs(write.Sha256, spool.Sha256.Bytes))
            throw new StorageException(StorageFault.DigestMismatch,
                "The bytes that arrived do not have the announced checksum. Nothing was changed.");
    }

    private static bool Differs(byte[]? announced, byte[] received) =>
        announced is not null && !announced.AsSpan().SequenceEqual(received);

    /// <summary>
    /// A stream of exactly <paramref name="length"/> bytes of a file that <see cref="NodeTree.FindAsync"/> gave; an
    /// <see cref="IOException"/> while reading means that the store failed. Faults: Damaged, Unavailable.
    /// </summary>
    public Task<Stream> OpenAsync(FileNode file, long offset, long length, CancellationToken ct)
    {
        if (length == 0)
            return Task.FromResult(Stream.Null);
        if (file.IsDamaged || file.ObjectKey is null)
            throw new StorageException(StorageFault.Damaged,
                $"The stored bytes of '{file.Name}' are damaged. Upload the same file again to heal every copy of it.");
        return store.OpenAsync(file.ObjectKey, new(offset, length, file.Size), ct);
    }

    /// <summary>
    /// A URL of the store itself for a file that <see cref="NodeTree"/> gave with its object; null: the store makes
    /// none, or the file has no bytes that could be read.
    /// </summary>
    public Task<Uri?> FindLinkAsync(FileNode file, LinkedContent content, TimeSpan lifetime, CancellationToken ct) =>
        file.IsDamaged || file.ObjectKey is null
            ? Task.FromResult<Uri?>(null)
            : store.FindLinkAsync(file.ObjectKey, content, lifetime, ct);

    /// <summary>
    /// Whether the object that a link names still holds a content. Faults: Damaged, Unavailable.
    /// </summary>
    public async Task<bool> HasAsync(string objectKey, CancellationToken ct) =>
        await blobs.FindStateAsync(objectKey, ct) switch
        {
            "live" or "condemned" => true,
            "damaged" => throw new StorageException(StorageFault.Damaged, $"The object {objectKey} is damaged."),
            _ => false,
        };

    /// <summary>
    /// As <see cref="OpenAsync(FileNode, long, long, CancellationToken)"/>, of an object that a link names.
    /// </summary>
    public Task<Stream> OpenAsync(string objectKey, BlobPart part, CancellationToken ct) =>
        store.OpenAsync(objectKey, part, ct);
}
