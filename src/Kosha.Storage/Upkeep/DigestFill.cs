using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Kosha.Storage.Blobs;

namespace Kosha.Storage.Upkeep;

/// <summary>What a run did.</summary>
/// <param name="Filled">Blobs that have all digests now.</param>
/// <param name="Bytes">Read for that.</param>
/// <param name="Damaged">Found missing or wrong, and marked.</param>
/// <param name="Unreadable">Could not be read now; the next run tries again.</param>
public sealed record DigestFillResult(long Filled, long Bytes, Findings Damaged, Findings Unreadable);

/// <summary>
/// Reads blobs that came to the store past Kosha and fills in their SHA-1 and MD5, which rclone compares. A client's
/// claim is never stored.
/// </summary>
[SuppressMessage("Security", "CA5350", Justification = "SHA-1 and MD5 are the checksums that rclone compares.")]
[SuppressMessage("Security", "CA5351", Justification = "As above.")]
public sealed class DigestFill(Database database, IBlobStore store)
{
    private const string LeaseName = "digests";
    private const int PageSize = 200;
    private const int BufferBytes = 1024 * 1024;

    private readonly BlobTable blobs = new(database);
    private readonly InstallationTable installation = new(database);

    /// <summary>How far it has come.</summary>
    public WorkProgress Progress { get; init; } = new();

    /// <summary>Faults: AlreadyExists (another run), Unavailable.</summary>
    public async Task<DigestFillResult> RunAsync(CancellationToken ct)
    {
        await using var lease = await Lease.TakeAsync(database, LeaseName, ct);
        await installation.RequireOwnAsync(store, ct);
        var (filled, bytes, after) = (0L, 0L, 0L);
        var (damaged, unreadable) = (new Findings(), new Findings());
        while (await blobs.WithoutDigestsAsync(after, PageSize, ct) is { Count: > 0 } page)
        {
            foreach (var blob in page)
            {
                await lease.RenewAsync(ct);
                var (problem, isProven) = await FillAsync(blob, ct);
                if (problem is null)
                    (filled, bytes) = (filled + 1, bytes + blob.Size);
                else if (!isProven)
                    unreadable.Add($"{blob.ObjectKey}: {problem}");
                else if (await blobs.SetDamagedAsync(blob, ct))
                    damaged.Add($"{blob.ObjectKey}: {problem}");
                Progress.Say("reading contents", filled);
            }
            after = page[^1].Id;
        }
        return new(filled, bytes, damaged, unreadable);
    }

    private async Task<ObjectVerdict> FillAsync(BlobRow blob, CancellationToken ct)
    {
        var size = await ObjectCheck.LookAsync(store, blob, quick: true, ct);
        if (size.Problem is not null)
            return size;
        try
        {
            await using var bytes = await store.OpenAsync(blob.ObjectKey, BlobPart.Whole(blob.Size), ct);
            var (sha256, sha1, md5) = await HashAsync(bytes, ct);
            if (!sha256.AsSpan().SequenceEqual(blob.Sha256))
                return new(ObjectCheck.OtherBytes, IsProven: true);
            await blobs.SetDigestsAsync(blob, sha1, md5, ct);
            return new(null, IsProven: true);
        }
        catch (InvalidDataException)
        {
            return new(ObjectCheck.OtherBytes, IsProven: true);
        }
        catch (Exception e) when (ObjectCheck.IsUnreadable(e) || e is StorageException { Fault: StorageFault.Damaged })
        {
            return new($"cannot be read: {e.Message}", IsProven: false);
        }
    }

    internal static async Task<(byte[] Sha256, byte[] Sha1, byte[] Md5)> HashAsync(Stream bytes, CancellationToken ct)
    {
        using var sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var sha1 = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        using var md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            for (int count; (count = await bytes.ReadAsync(buffer, ct)) > 0;)
            {
                sha256.AppendData(buffer, 0, count);
                sha1.AppendData(buffer, 0, count);
                md5.AppendData(buffer, 0, count);
            }
            return (sha256.GetHashAndReset(), sha1.GetHashAndReset(), md5.GetHashAndReset());
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
