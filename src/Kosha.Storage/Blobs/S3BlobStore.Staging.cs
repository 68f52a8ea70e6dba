using System.Net;
using System.Runtime.CompilerServices;
using Amazon.S3;
using Amazon.S3.Model;

namespace Kosha.Storage.Blobs;

public sealed partial class S3BlobStore
{
    /// <summary>Above it a copy is made by parts. S3 takes five times as much at once, and is long about it.</summary>
    internal long MaxSingleCopyBytes { get; init; } = 1L << 30;

    private const long CopyPartBytes = 256L << 20;

    public MultipartUploads? Multipart { get; }

    public async Task<SignedPut> SignPutAsync(
        string key, BlobId sha256, long size, TimeSpan lifetime, CancellationToken ct)
    {
        if (publicUrls is null
            || await FindTrialAsync(ct) is not { Puts: not DirectPuts.None, Binding: { } binding } trial)
            throw new StorageException(StorageFault.Unavailable, "Clients may not put bytes straight into the store.");
        try
        {
            return await publicUrls.PutAsync(
                ObjectKey(key), sha256, size, binding, trial.IsGuarded, lifetime, ct);
        }
        catch (Exception e) when (IsFailure(e, ct))
        {
            throw Unavailable("Nothing can be signed for the blob store now.", e);
        }
    }

    /// <remarks>A checksum that the store would not have compared with the bytes says nothing about them.</remarks>
    public async Task<StagedObject?> FindStagedAsync(string key, CancellationToken ct)
    {
        var isCompared = await DirectPutsAsync(ct) == DirectPuts.Bound;
        try
        {
            var found = await client.GetObjectMetadataAsync(new GetObjectMetadataRequest
            {
                BucketName = options.Bucket, Key = ObjectKey(key), ChecksumMode = ChecksumMode.ENABLED,
            }, ct);
            return new(key, found.ContentLength, isCompared ? Parse(found.ChecksumSHA256) : null, found.ETag);
        }
        catch (Exception e) when (IsFailure(e, ct))
        {
            if (await IsMissingAsync(key, e, ct))
                return null;
            throw Unavailable($"The object {key} cannot be looked at now.", e);
        }
    }

    /// <summary>Of an object in parts it is no hash of its bytes, and has the number of parts behind it.</summary>
    private static BlobId? Parse(string? checksum)
    {
        var bytes = new byte[BlobId.ByteLength];
        return checksum is not null && Convert.TryFromBase64String(checksum, bytes, out var count)
            && count == BlobId.ByteLength ? new BlobId(bytes) : null;
    }

    public async Task<Stream> OpenStagedAsync(StagedObject staged, CancellationToken ct)
    {
        try
        {
            var found = await GetAsync(new()
            {
                BucketName = options.Bucket, Key = ObjectKey(staged.Key), EtagToMatch = staged.Tag,
            }, ct);
            if (found.ContentLength == staged.Size)
                return new S3ObjectStream(found, staged.Size, sha256: null);
            found.Dispose();
            throw StagedObject.Replaced();
        }
        catch (Exception e) when (IsFailure(e, ct))
        {
            throw await FaultOfAsync(staged, "The blob store does not give the bytes now.", e, ct);
        }
    }

    private async Task<StorageException> FaultOfAsync(
        StagedObject staged, string otherwise, Exception e, CancellationToken ct)
    {
        if (e is AmazonS3Exception { StatusCode: HttpStatusCode.PreconditionFailed })
            return StagedObject.Replaced(e);
        return await IsMissingAsync(staged.Key, e, ct) ? StagedObject.Gone(e) : Unavailable(otherwise, e);
    }

    // Copies ----------------------------------------------------------------------------------------------------------

    public async Task CopyAsync(StagedObject source, string target, CancellationToken ct)
    {
        try
        {
            if (source.Size <= MaxSingleCopyBytes)
                await CopyAtOnceAsync(source, target, ct);
            else
                await PutPartsAsync(target, upload => CopyEachPartAsync(source, upload, ct), ct);
        }
        catch (AmazonS3Exception e) when (IsFull(e))
        {
            throw new StorageException(StorageFault.NoSpace, "The blob store is full. Nothing was changed.", e);
        }
        catch (Exception e) when (IsFailure(e, ct))
        {
            throw await FaultOfAsync(source, "The blob store does not take the file now.", e, ct);
        }
    }

    private Task CopyAtOnceAsync(StagedObject source, string target, CancellationToken ct) =>
        client.CopyObjectAsync(new CopyObjectRequest
        {
            SourceBucket = options.Bucket,
            SourceKey = ObjectKey(source.Key),
            ETagToMatch = source.Tag,
            DestinationBucket = options.Bucket,
            DestinationKey = ObjectKey(target),
            ContentType = ContentType,
            MetadataDirective = S3MetadataDirective.REPLACE,
            ServerSideEncryptionMethod = options.ServerSideEncryption,
            ServerSideEncryptionKeyManagementServiceKeyId = options.KmsKey,
            StorageClass = options.StorageClass,
        }, ct);

    private async Task<PartETag[]> CopyEachPartAsync(StagedObject source, Upload upload, CancellationToken ct)
    {
        var size = source.Size;
        var partBytes = Math.Max(Math.Min(CopyPartBytes, MaxSingleCopyBytes), (size + MaxParts - 1) / MaxParts);
        var parts = new PartETag[(int)((size + partBytes - 1) / partBytes)];
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.ParallelParts, CancellationToken = ct };
        await Parallel.ForAsync(0, parts.Length, parallel, async (index, token) =>
        {
            var request = new CopyPartRequest
            {
                SourceBucket = options.Bucket,
                SourceKey = ObjectKey(source.Key),
                ETagToMatch = source.Tag is { } tag ? [tag] : [],
                DestinationBucket = options.Bucket,
                DestinationKey = upload.Key,
                UploadId = upload.Id,
                PartNumber = index + 1,
                FirstByte = index * partBytes,
                LastByte = Math.Min((index + 1) * partBytes, size) - 1,
            };
            parts[index] = new(index + 1, (await client.CopyPartAsync(request, token)).ETag);
        });
        await RequireUnchangedAsync(source, ct);
        return parts;
    }

    /// <summary>Ceph copies parts whatever the condition says.</summary>
    private async Task RequireUnchangedAsync(StagedObject staged, CancellationToken ct)
    {
        var found = await client.GetObjectMetadataAsync(options.Bucket, ObjectKey(staged.Key), ct);
        if (found.ETag != staged.Tag || found.ContentLength != staged.Size)
            throw StagedObject.Replaced();
    }

    public async IAsyncEnumerable<StoredObject> ListStagedAsync([EnumeratorCancellation] CancellationToken ct)
    {
        await foreach (var found in ListAsync(StagingKey.Folder, ct))
            yield return found;
    }
}
