using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using Amazon.Runtime;
using Amazon.Runtime.Internal;
using Amazon.S3;
using Amazon.S3.Model;
using Amazon.Util;

namespace Kosha.Storage.Blobs;

public sealed partial class S3BlobStore
{
    /// <summary>Of one object.</summary>
    internal const int MaxParts = 10_000;

    /// <summary>Under which a request carries the SHA-256 of its body to <see cref="SignKnownBody"/>.</summary>
    private const string KnownHash = "kosha-sha256";

    /// <summary>A broken upload is taken back within this time, or left to the bucket's own rules.</summary>
    private static readonly TimeSpan AbortPatience = TimeSpan.FromSeconds(10);

    public async Task PutAsync(string key, Spool spool, CancellationToken ct)
    {
        try
        {
            if (spool.Size <= maxSinglePutBytes)
                await client.PutObjectAsync(PutRequest(key, spool.OpenRead(), spool.Sha256), ct);
            else
                await PutPartsAsync(key, upload => PutEachPartAsync(upload, spool, ct), ct);
        }
        catch (AmazonS3Exception e) when (IsFull(e))
        {
            throw new StorageException(StorageFault.NoSpace, "The blob store is full. Nothing was changed.", e);
        }
        catch (Exception e) when (IsFailure(e, ct))
        {
            throw Unavailable("The blob store does not take the file now.", e);
        }
    }

    /// <summary>
    /// A body whose hash is known goes out with it in the signature: every store that checks signatures then refuses
    /// other bytes. The SDK would read the body once more for it, and a read that fails there spoils the hash of its
    /// next request on that thread.
    /// </summary>
    private static void SignKnownBody(object sender, RequestEventArgs e)
    {
        if (e is WebServiceRequestEventArgs { Request: IAmazonWebServiceRequest request } sent
            && request.RequestState.TryGetValue(KnownHash, out var sha256))
            sent.Headers[HeaderKeys.XAmzContentSha256Header] = (string)sha256;
    }

    private static T WithBodyHash<T>(T request, ReadOnlySpan<byte> sha256)
        where T : IAmazonWebServiceRequest
    {
        request.RequestState[KnownHash] = Convert.ToHexStringLower(sha256);
        return request;
    }

    /// <remarks>Ceph checks the checksum only if the algorithm is named beside it.</remarks>
    private PutObjectRequest PutRequest(string key, Stream body, BlobId sha256) => WithBodyHash(new PutObjectRequest
    {
        BucketName = options.Bucket,
        Key = ObjectKey(key),
        InputStream = body,
        ContentType = ContentType,
        UseChunkEncoding = false,
        ChecksumAlgorithm = ChecksumAlgorithm.SHA256,
        ChecksumSHA256 = Convert.ToBase64String(sha256.Bytes),
        ServerSideEncryptionMethod = options.ServerSideEncryption,
        ServerSideEncryptionKeyManagementServiceKeyId = options.KmsKey,
        StorageClass = options.StorageClass,
    }, sha256.Bytes);

    /// <summary>An object that is being put in parts.</summary>
    private sealed record Upload(string Key, string Id);

    /// <summary>
    /// All or nothing: the object changes when the last request says so. Whatever goes wrong before, the parts are
    /// given up.
    /// </summary>
    private async Task PutPartsAsync(
        string key, Func<Upload, Task<PartETag[]>> putEach, CancellationToken ct)
    {
        var begun = await client.InitiateMultipartUploadAsync(new InitiateMultipartUploadRequest
        {
            BucketName = options.Bucket,
            Key = ObjectKey(key),
            ContentType = ContentType,
            ServerSideEncryptionMethod = options.ServerSideEncryption,
            ServerSideEncryptionKeyManagementServiceKeyId = options.KmsKey,
            StorageClass = options.StorageClass,
        }, ct);
        var upload = new Upload(ObjectKey(key), begun.UploadId);
        try
        {
            var parts = await putEach(upload);
            await CompleteAsync(upload, parts, ct);
        }
        catch
        {
            await GiveUpAsync(upload);
            throw;
        }
    }

    private async Task CompleteAsync(Upload upload, PartETag[] parts, CancellationToken ct)
    {
        try
        {
            await client.CompleteMultipartUploadAsync(new CompleteMultipartUploadRequest
            {
                BucketName = options.Bucket,
                Key = upload.Key,
                UploadId = upload.Id,
                PartETags = [.. parts],
            }, ct);
        }
        catch (AmazonS3Exception e) when (e.ErrorCode == "NoSuchUpload")
        {
            // A request whose answer got lost was repeated. The object says whether the first one did its work.
            var found = await client.GetObjectMetadataAsync(options.Bucket, upload.Key, ct);
            if (EtagOf(parts) is not { } etag || found.ETag?.Trim('"') != etag)
                throw;
        }
    }

    /// <summary>
    /// What most stores make of the parts' ETags, which are MD5 digests there; null where they are not.
    /// </summary>
    [SuppressMessage("Security", "CA5351", Justification = "It is what S3 calls an ETag.")]
    private static string? EtagOf(PartETag[] parts)
    {
        var digests = parts.Select(part => part.ETag.Trim('"')).ToList();
        if (!digests.All(digest => digest.Length == 2 * MD5.HashSizeInBytes && digest.All(char.IsAsciiHexDigit)))
            return null;
        var all = MD5.HashData(Convert.FromHexString(string.Concat(digests)));
        return string.Create(CultureInfo.InvariantCulture, $"{Convert.ToHexStringLower(all)}-{parts.Length}");
    }

    private async Task<PartETag[]> PutEachPartAsync(Upload upload, Spool spool, CancellationToken ct)
    {
        var partBytes = PartBytesOf(spool.Size);
        var parts = new PartETag[(int)((spool.Size + partBytes - 1) / partBytes)];
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.ParallelParts, CancellationToken = ct };
        await Parallel.ForAsync(0, parts.Length, parallel, async (index, token) =>
        {
            var offset = index * partBytes;
            var length = Math.Min(partBytes, spool.Size - offset);
            parts[index] = await PutPartAsync(upload, index + 1, () => spool.OpenRead(offset, length), token);
        });
        return parts;
    }

    private async Task<PartETag> PutPartAsync(Upload upload, int number, Func<Stream> open, CancellationToken ct)
    {
        await using var body = open();
        await using var hashed = open();
        var response = await client.UploadPartAsync(WithBodyHash(new UploadPartRequest
        {
            BucketName = options.Bucket,
            Key = upload.Key,
            UploadId = upload.Id,
            PartNumber = number,
            InputStream = body,
            PartSize = body.Length,
            UseChunkEncoding = false,
        }, await SHA256.HashDataAsync(hashed, ct)), ct);
        return new(number, response.ETag);
    }

    private long PartBytesOf(long size) => Math.Max(options.PartBytes, (size + MaxParts - 1) / MaxParts);

    private async Task GiveUpAsync(Upload upload)
    {
        using var limit = new CancellationTokenSource(AbortPatience);
        try
        {
            await client.AbortMultipartUploadAsync(new AbortMultipartUploadRequest
            {
                BucketName = options.Bucket,
                Key = upload.Key,
                UploadId = upload.Id,
            }, limit.Token);
        }
        catch (Exception e) when (IsFailure(e, CancellationToken.None))
        {
            // The reason why it is given up counts, not this.
        }
    }

    // The identity --------------------------------------------------------------------------------------------------

    public async Task<StoreIdentity?> FindIdentityAsync(CancellationToken ct)
    {
        byte[] bytes;
        try
        {
            using var response = await client.GetObjectAsync(options.Bucket, ObjectKey(IdentityKey), ct);
            using var copy = new MemoryStream();
            await response.ResponseStream.CopyToAsync(copy, ct);
            bytes = copy.ToArray();
        }
        catch (Exception e) when (IsFailure(e, ct))
        {
            if (await IsMissingAsync(IdentityKey, e, ct))
                return null;
            throw Unusable("does not say whose it is", e);
        }
        return StoreIdentity.Parse(bytes);
    }

    public async Task<bool> PutIdentityAsync(StoreIdentity identity, bool replace, CancellationToken ct)
    {
        // Stores that know no conditions answer by the look alone.
        if (!replace && await FindIdentityAsync(ct) is not null)
            return false;
        var request = SmallPutRequest(IdentityKey, identity.ToBytes());
        try
        {
            if (!replace)
                request.IfNoneMatch = "*";
            await client.PutObjectAsync(request, ct);
            return true;
        }
        catch (AmazonS3Exception e) when (
            !replace && e.StatusCode is HttpStatusCode.PreconditionFailed or HttpStatusCode.Conflict)
        {
            return false;
        }
        catch (AmazonS3Exception e) when (!replace && e.StatusCode == HttpStatusCode.NotImplemented)
        {
            return await PutIdentityAsync(identity, replace: true, ct);
        }
        catch (Exception e) when (IsFailure(e, ct))
        {
            throw Unusable("does not take its identity", e);
        }
    }

    private PutObjectRequest SmallPutRequest(string key, byte[] content) => PutRequest(
        key, new MemoryStream(content), new(SHA256.HashData(content)));
}
