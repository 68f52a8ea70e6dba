using System.Globalization;
using Kosha.Storage.Accounts;
using Kosha.Storage.Blobs;
using Kosha.Storage.Tree;
using Npgsql;

namespace Kosha.Storage.Uploads;

/// <summary>An upload, and by which requests its bytes come.</summary>
/// <param name="Upload">As it is now.</param>
/// <param name="Wanted">The parts for which requests are given, 0 for all of it; none if it needs no bytes.</param>
/// <param name="Puts">By their numbers. Null for an upload that takes no bytes from clients directly.</param>
public sealed record UploadTicket(
    Upload Upload, IReadOnlyList<int> Wanted, IReadOnlyDictionary<int, SignedPut>? Puts)
{
    /// <summary>The parts that are there whole; null if nobody has looked.</summary>
    public IReadOnlyList<int>? PartsThere { get; init; }
}

/// <summary>
/// Uploads whose bytes do not pass through the request that makes the file: reserve, put under a staging key, verify,
/// name. Where clients reach the store, no daemon sees a byte; elsewhere a daemon receives them by a URL of its own.
/// </summary>
/// <remarks>
/// Faults of every method: CredentialRevoked, Unavailable; of those that change something, NotAllowed. Another user's
/// upload is NotFound, as is one that never was, and one that began at another root than the caller's.
/// </remarks>
public sealed partial class DirectUploads(
    Database database, NodeTree tree, Vault vault, IBlobStore store, SpoolFolder spools, UploadLimits limits)
    : IDisposable
{
    /// <summary>How long a request that was signed may begin.</summary>
    public static readonly TimeSpan UrlLifetime = TimeSpan.FromSeconds(60);

    /// <summary>URLs that are signed at once.</summary>
    public const int MaxSignedParts = 100;

    private const long MaxBytes = S3BlobStore.MaxParts * S3StoreOptions.MaxPartBytes;

    private readonly UploadTable table = new(database);

    /// <summary>
    /// Reserves. One transaction judges credential, name, conditions, locks and plan, and takes the quota away; only
    /// then there is a URL. What is empty, and what this same user has already, becomes a file at once.
    /// </summary>
    /// <exception cref="StorageException">ParentMissing, WrongKind, RootIsFixed, ConditionFailed, Locked,
    /// QuotaExceeded, FileTooLarge, LimitReached, InvalidValue, DigestMismatch (of an empty file).</exception>
    public async Task<UploadTicket> BeginAsync(Caller caller, NewUpload wish, CancellationToken ct)
    {
        caller.RequireWrite();
        Check(wish);
        var isDirect = await store.DirectPutsAsync(ct) != DirectPuts.None;
        var upload = await NameOrReserveAsync(caller, wish, isDirect, ct);
        if (upload.State == UploadState.Completed)
            return new(upload, [], Puts: null);
        try
        {
            if (isDirect && upload.PartBytes is not null)
                upload = await BeginPartsAsync(caller, upload, ct);
            return await SignAsync(upload, FirstParts(upload), ct);
        }
        catch
        {
            // Nobody will ever hear of it.
            await CancelUnheardAsync(caller, upload);
            throw;
        }
    }

    private async Task CancelUnheardAsync(Caller caller, Upload upload)
    {
        try
        {
            await table.CancelAsync(caller, upload.Id, CancellationToken.None);
        }
        catch (StorageException)
        {
            // Then it expires.
        }
    }

    /// <summary>Fault: Unavailable, where an upload in parts was begun in another store than this one.</summary>
    private MultipartUploads Parts => store.Multipart
        ?? throw new StorageException(StorageFault.Unavailable, "This store knows no parts.");

    private void Check(NewUpload wish)
    {
        var empty = new BlobId(System.Security.Cryptography.SHA256.HashData([]));
        if (wish.Size == 0 && wish.Sha256 != empty)
            throw new StorageException(StorageFault.DigestMismatch, $"Nothing has the SHA-256 {empty}.");
        if (wish.Size > MaxBytes)
            throw new StorageException(StorageFault.InvalidValue, $"A file has at most {MaxBytes} bytes.");
        if (wish.PartBytes is { } bytes)
            RequireParts(wish.Size, bytes);
        else if (wish.Size > S3StoreOptions.MaxPartBytes)
            throw new StorageException(StorageFault.InvalidValue,
                $"More than {S3StoreOptions.MaxPartBytes} bytes come in parts only: give the size of a part.");
    }

    private void RequireParts(long size, long partBytes)
    {
        if (partBytes < limits.MinPartBytes || partBytes > S3StoreOptions.MaxPartBytes)
            throw new StorageException(StorageFault.InvalidValue,
                $"A part has {limits.MinPartBytes} to {S3StoreOptions.MaxPartBytes} bytes.");
        if ((size + partBytes - 1) / partBytes > S3BlobStore.MaxParts)
            throw new StorageException(StorageFault.InvalidValue,
                $"At most {S3BlobStore.MaxParts} parts make a file; give a larger size of a part.");
    }

    private async Task<Upload> NameOrReserveAsync(Caller caller, NewUpload wish, bool isDirect, CancellationToken ct)
    {
        try
        {
            return await NameOrReserveAsync(caller, wish, isDirect, namesOwn: true, ct);
        }
        catch (BlobGoneException)
        {
            return await NameOrReserveAsync(caller, wish, isDirect, namesOwn: false, ct);
        }
    }

    /// <summary>
    /// Names what needs no bytes: nothing, or a content that a file of the same user has. A hash that others know gives
    /// neither access nor a shortcut. All else is reserved.
    /// </summary>
    private async Task<Upload> NameOrReserveAsync(
        Caller caller, NewUpload wish, bool isDirect, bool namesOwn, CancellationToken ct)
    {
        BlobClaim? own = null;
        Room? room = null;
        var ask = vault.AskOwn(wish.Sha256, wish.Size, found => own = found);
        ask = UsageTable.AskRoom(found => room = found, ask);
        return await tree.WriteAsync(caller, [wish.Path], wish.Conditions, async (transaction, places, _) =>
        {
            NodeTree.RequireWritable(places[0], wish.Conditions);
            RequireAllowed(wish, room!);
            return wish.Size == 0 || (namesOwn && own is not null)
                ? await NameAsync(transaction, caller, places[0], wish, own, ct)
                : await ReserveAsync(transaction, caller, places[0], wish, room!, isDirect, ct);
        }, ct, ask);
    }

    private async Task<Upload> NameAsync(
        NpgsqlTransaction transaction, Caller caller, Place place, NewUpload wish, BlobClaim? own, CancellationToken ct)
    {
        Upload? upload = null;
        var write = new FileWrite { ContentType = wish.ContentType, ModifiedAt = wish.ModifiedAt };
        await tree.PutFileAsync(transaction, caller, place, write, own, wish.Size, ct,
            UploadTable.AddNamed(caller, wish, named => upload = named));
        return upload!;
    }

    private async Task<Upload> ReserveAsync(
        NpgsqlTransaction transaction, Caller caller, Place place, NewUpload wish, Room room, bool isDirect,
        CancellationToken ct)
    {
        if (!isDirect && wish.Size > spools.MaxBytes)
            throw new StorageException(StorageFault.InvalidValue,
                $"At most {spools.MaxBytes} bytes can be uploaded here at once (Spool:MaxBytes).");
        if (place.Node is null && room.FreeNodes < 1 && !tree.FreesTrash)
            throw UsageTable.Exceeded(bytes: 0);
        await CountAsync(transaction, caller, ct);
        // All of it, also over a file: until then both lie in the store. It also keeps this user's other
        // reservations away, so that the count holds.
        await tree.ReserveAsync(transaction, caller.UserId, wish.Size, ct);
        var most = room.MaxOpenUploads ?? limits.MaxOpenPerUser;
        if (await UploadTable.PendingAsync(transaction, caller, ct) >= most)
            throw new StorageException(StorageFault.LimitReached,
                $"{most} uploads are under way or just over. Complete or cancel some; what was "
                + "cancelled counts for a few minutes.");
        return await UploadTable.AddAsync(transaction, caller, wish, isDirect, ct);
    }

    private async Task CountAsync(NpgsqlTransaction transaction, Caller caller, CancellationToken ct)
    {
        var most = limits.MaxPerMinute;
        var subject = string.Create(CultureInfo.InvariantCulture, $"uploads of user {caller.UserId}");
        if (most > 0 && await SignInFailures.CountAttemptAsync(
            transaction, subject, most, TimeSpan.FromMinutes(1), ct) is { } wait)
            throw new StorageException(StorageFault.LimitReached,
                $"A user begins at most {most} uploads in a minute. Try again in a moment.") { RetryAfter = wait };
    }

    private static void RequireAllowed(NewUpload wish, Room room)
    {
        if (wish.Size > room.MaxFileBytes)
            throw Vault.TooLarge(StorageFault.FileTooLarge);
    }

    // Requests --------------------------------------------------------------------------------------------------------

    /// <summary>
    /// New URLs for an open upload, which lives on from here. No numbers: all of it, or the first parts that are not
    /// there. Faults: NotFound, UploadOver, InvalidValue.
    /// </summary>
    public async Task<UploadTicket> SignAsync(
        Caller caller, long id, IReadOnlyCollection<int>? numbers, CancellationToken ct)
    {
        caller.RequireWrite();
        if (numbers is { Count: 0 })
            numbers = null;
        if (numbers?.Count > MaxSignedParts)
            throw new StorageException(StorageFault.InvalidValue, $"At most {MaxSignedParts} parts at once.");
        var upload = await GetAsync(caller, id, ct);
        foreach (var number in numbers ?? [])
            upload.SizeOfPart(number);
        if (upload is { IsDirect: true, PartBytes: not null, MultipartId: null, State: UploadState.Open })
            upload = await BeginPartsAsync(caller, upload, ct);
        var there = numbers is null && upload.PartBytes is not null ? await PartsAsync(upload, ct) : null;
        // Last: from now on the URLs hold.
        upload = await table.ProlongAsync(caller, id, ct) ?? throw Over();
        return await SignAsync(upload, [.. numbers?.Distinct() ?? FirstParts(upload, there)], ct) with
        {
            PartsThere = there,
        };
    }

    private async Task<Upload> BeginPartsAsync(Caller caller, Upload upload, CancellationToken ct)
    {
        var (key, multipart) = (upload.Key.ToString(), Parts);
        var id = await multipart.BeginAsync(key, ct);
        if (await table.SetMultipartAsync(upload.Id, id, ct) is { } begun)
            return begun;
        // Another request was first, or it has ended.
        await multipart.AbortAsync(key, id, ct);
        return await GetAsync(caller, upload.Id, ct) is { State: UploadState.Open, MultipartId: not null } other
            ? other : throw Over();
    }

    private async Task<UploadTicket> SignAsync(Upload upload, IReadOnlyList<int> wanted, CancellationToken ct)
    {
        if (!upload.IsDirect)
            return new(upload, wanted, Puts: null);
        var key = upload.Key.ToString();
        var signed = new Dictionary<int, SignedPut>();
        foreach (var number in wanted)
            signed[number] = upload.PartBytes is null
                ? await store.SignPutAsync(key, new(upload.Sha256), upload.Size, UrlLifetime, ct)
                : await Parts.SignAsync(
                    key, upload.MultipartId!, number, upload.SizeOfPart(number), UrlLifetime, ct);
        return new(upload, wanted, signed);
    }

    private static int[] FirstParts(Upload upload, IReadOnlyList<int>? there = null) => upload.PartBytes is null
        ? [0] : [.. Enumerable.Range(1, upload.PartCount).Except(there ?? []).Take(MaxSignedParts)];

    // Looking ---------------------------------------------------------------------------------------------------------

    /// <summary>One of the uploads that the caller can complete. Fault: NotFound.</summary>
    public async Task<Upload> GetAsync(Caller caller, long id, CancellationToken ct) =>
        await table.FindAsync(caller, id, ct) ?? throw await MissingAsync(caller, ct);

    /// <summary>
    /// One of the uploads that the caller sees: also those that the user's app passwords for folders began, unless the
    /// caller is such a one itself. Fault: NotFound.
    /// </summary>
    public async Task<Upload> SeeAsync(Caller caller, long id, CancellationToken ct) =>
        await table.SeeAsync(caller, id, ct) ?? throw await MissingAsync(caller, ct);

    /// <summary>The uploads that the caller sees and that can still become files.</summary>
    public async Task<IReadOnlyList<Upload>> OpenAsync(Caller caller, CancellationToken ct)
    {
        var found = await table.OpenAsync(caller, ct);
        if (found.Count == 0)
            await table.RequireCredentialAsync(caller, ct);
        return found;
    }

    /// <summary>The parts of an upload that are there whole, by number; none for one that comes at once.</summary>
    public async Task<IReadOnlyList<int>> PartsAsync(Upload upload, CancellationToken ct)
    {
        if (upload.PartBytes is null)
            return [];
        if (!upload.IsDirect)
            return [.. upload.Received.Order()];
        if (upload.MultipartId is not { } id)
            return [];
        var key = upload.Key.ToString();
        if (await Parts.ListAsync(key, id, ct) is { } listed)
            return [.. listed.Where(part => IsWhole(upload, part)).Select(part => part.Number)];
        // A completion that was refused later has made one object of them.
        return await store.FindStagedAsync(key, ct) is null ? [] : [.. Enumerable.Range(1, upload.PartCount)];
    }

    private static bool IsWhole(Upload upload, StagedPart part) =>
        part.Number >= 1 && part.Number <= upload.PartCount && part.Size == upload.SizeOfPart(part.Number);

    /// <summary>
    /// Ends an upload. Its reservation is given back when its URLs are over and its bytes are gone. Once more does no
    /// harm. Faults: NotFound, UploadOver (it has become a file, or is being verified).
    /// </summary>
    public async Task CancelAsync(Caller caller, long id, CancellationToken ct)
    {
        caller.RequireWrite();
        if (await table.CancelAsync(caller, id, ct) is not null)
            return;
        if ((await SeeAsync(caller, id, ct)).State is UploadState.Completed or UploadState.Verifying)
            throw new StorageException(StorageFault.UploadOver, "The upload is becoming a file, or has become one.");
    }

    private static StorageException Over() =>
        new(StorageFault.UploadOver, "The upload was completed or cancelled, or its time is over.");

    private async Task<StorageException> MissingAsync(Caller caller, CancellationToken ct)
    {
        await table.RequireCredentialAsync(caller, ct);
        return new(StorageFault.NotFound, "There is no such upload.");
    }

    public void Dispose() => reading.Dispose();
}
