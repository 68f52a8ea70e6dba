using System.Net;
using System.Net.Sockets;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;

namespace Kosha.Storage.Blobs;

public sealed partial class S3BlobStore
{
    private const string ProbeFolder = "kosha-probe/";

    private static readonly byte[] ProbeBytes = "probe"u8.ToArray();

    /// <summary>Probes are requests that cost money, and whoever watches a daemon asks every few seconds.</summary>
    private static readonly TimeSpan ProbeLifetime = TimeSpan.FromMinutes(10);

    /// <summary>As stores call it: AWS has no such answer.</summary>
    private static readonly string[] FullCodes =
        ["QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientCapacity", "StorageFull"];

    private long? probedAt;

    /// <summary>
    /// Makes the bucket, with the rules that it should have: for a first start and for adopting. One that is there
    /// already stays as it is.
    /// </summary>
    /// <exception cref="StorageException"><see cref="StorageFault.Unavailable"/></exception>
    public async Task CreateAsync(CancellationToken ct)
    {
        try
        {
            if (await IsBucketThereAsync(ct))
                return;
            await client.PutBucketAsync(new PutBucketRequest { BucketName = options.Bucket }, ct);
            await rules.AddAsync(ct);
        }
        catch (AmazonS3Exception e) when (e.ErrorCode is "BucketAlreadyOwnedByYou" or "BucketAlreadyExists")
        {
            // Whether it can be used, the check says.
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.Forbidden)
        {
            // A key that may use a bucket need not be one that may make it.
        }
        catch (Exception e) when (IsFailure(e, ct))
        {
            throw Unusable("cannot be made", e);
        }
    }

    /// <summary>
    /// Whether there is such a bucket; one that this key may not look at is there. Fault: Unavailable.
    /// </summary>
    public async Task<bool> IsThereAsync(CancellationToken ct)
    {
        try
        {
            return await IsBucketThereAsync(ct);
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.Forbidden)
        {
            return true;
        }
        catch (Exception e) when (IsFailure(e, ct))
        {
            throw Unusable("cannot be looked at", e);
        }
    }

    private async Task<bool> IsBucketThereAsync(CancellationToken ct)
    {
        try
        {
            await client.HeadBucketAsync(new HeadBucketRequest { BucketName = options.Bucket }, ct);
            return true;
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            return false;
        }
    }

    public async Task CheckAsync(CancellationToken ct)
    {
        if (probedAt is { } then && time.GetElapsedTime(then) < ProbeLifetime)
            return;
        await ProbeAllAsync(ct);
        probedAt = time.GetTimestamp();
    }

    private async Task ProbeAllAsync(CancellationToken ct)
    {
        var key = NewProbeKey();
        var probe = SmallPutRequest(key, ProbeBytes);
        await ProbeAsync("cannot be written", () => client.PutObjectAsync(probe, ct), ct);
        try
        {
            await ProbeAsync("cannot be read", () => ReadProbeAsync(key, ct), ct);
        }
        finally
        {
            await ProbeAsync("can be written and takes no deletion",
                () => client.DeleteObjectAsync(options.Bucket, ObjectKey(key), CancellationToken.None), ct);
        }
    }

    private async Task ProbeAsync(string what, Func<Task> work, CancellationToken ct)
    {
        try
        {
            await work();
        }
        catch (Exception e) when (e is StorageException || IsFailure(e, ct))
        {
            throw Unusable(what, e);
        }
    }

    private async Task ReadProbeAsync(string key, CancellationToken ct)
    {
        await using var part = await OpenAsync(key, new(1, 3, ProbeBytes.Length), ct);
        using var reader = new StreamReader(part);
        if (await reader.ReadToEndAsync(ct) != "rob")
            throw new IOException("A probe did not come back as it was written.");
    }

    // Faults ----------------------------------------------------------------------------------------------------------

    /// <summary>A missing bucket is no missing object.</summary>
    private static bool IsNotFound(Exception e) =>
        e is AmazonS3Exception { StatusCode: HttpStatusCode.NotFound, ErrorCode: not "NoSuchBucket" };

    private static bool IsForbidden(Exception? e) => e is AmazonS3Exception { StatusCode: HttpStatusCode.Forbidden };

    /// <summary>
    /// Whether a GET or HEAD failed because there is no such object; in doubt it did not. A 404 may mean the bucket,
    /// or come from a proxy, so the store must name the object. To a key that may not list, AWS says 403 to what is
    /// missing; so the object must be refused in the same words as a probe beside it that could be read and is gone.
    /// </summary>
    private async Task<bool> IsMissingAsync(string key, Exception e, CancellationToken ct)
    {
        if (!IsForbidden(e) && !IsNotFound(e))
            return false;
        try
        {
            var refusal = await FindRefusalAsync(key, ct);
            if (refusal is not { StatusCode: HttpStatusCode.Forbidden })
                return refusal is { StatusCode: HttpStatusCode.NotFound, ErrorCode: "NoSuchKey" };
            var probe = NewProbeKey(key[..(key.LastIndexOf('/') + 1)]);
            return await IsReadableAsync(probe, ct) && await FindRefusalAsync(probe, ct) is { } gone
                && (gone.StatusCode, gone.ErrorCode, gone.Message)
                    == (refusal.StatusCode, refusal.ErrorCode, refusal.Message);
        }
        catch (Exception failure) when (IsFailure(failure, ct))
        {
            return false;
        }
    }

    /// <summary>Whether a probe that is put there can be read; it is gone again, however that ends.</summary>
    private async Task<bool> IsReadableAsync(string probe, CancellationToken ct)
    {
        await client.PutObjectAsync(SmallPutRequest(probe, ProbeBytes), ct);
        try
        {
            return await FindRefusalAsync(probe, ct) is null;
        }
        finally
        {
            await client.DeleteObjectAsync(options.Bucket, ObjectKey(probe), CancellationToken.None);
        }
    }

    /// <summary>How a GET is refused, with the store's words, which a HEAD does not have; null: it is not.</summary>
    private async Task<AmazonS3Exception?> FindRefusalAsync(string key, CancellationToken ct)
    {
        try
        {
            using var found = await GetRangeAsync(key, new(0, 0), ct);
            return null;
        }
        catch (AmazonS3Exception e) when (IsForbidden(e) || IsNotFound(e))
        {
            return e;
        }
    }

    /// <param name="folder">In which to try: empty, or ends in '/'.</param>
    private static string NewProbeKey(string folder = "") => $"{folder}{ProbeFolder}{Guid.NewGuid():N}";

    private static bool IsFull(AmazonS3Exception e) =>
        e.StatusCode == HttpStatusCode.InsufficientStorage || FullCodes.Contains(e.ErrorCode);

    /// <summary>
    /// Whatever the SDK throws when the store is away, slow, or refuses; no bug, and not the caller's stop.
    /// </summary>
    internal static bool IsFailure(Exception e, CancellationToken ct) =>
        e is AmazonServiceException or AmazonClientException or HttpRequestException or IOException or SocketException
        || (e is OperationCanceledException or TimeoutException && !ct.IsCancellationRequested);

    /// <summary>For whoever reads or writes a file; the log has the reason, which the SDK's exceptions hide.</summary>
    private static StorageException Unavailable(string message, Exception e) =>
        new(StorageFault.Unavailable, message, new IOException(Reason(e), e));

    /// <summary>For the operator.</summary>
    private StorageException Unusable(string what, Exception e) =>
        new(StorageFault.Unavailable, $"{options} {what}: {Reason(e)}", e);

    private static string Reason(Exception e) => e switch
    {
        StorageException { InnerException: { } inner } => Reason(inner),
        AmazonServiceException { InnerException: { } inner, ErrorCode: null or "" } => Reason(inner),
        AmazonServiceException { ErrorCode: "NoSuchBucket" } =>
            "there is no such bucket (NoSuchBucket). At its first start Kosha makes it, if its key may.",
        AmazonServiceException s => $"{s.ErrorCode} ({(int)s.StatusCode}) {s.Message}".Trim(),
        OperationCanceledException or TimeoutException => "it does not answer in time.",
        _ => e.Message,
    };
}
