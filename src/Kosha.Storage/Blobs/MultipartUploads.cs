using System.Net;
using Amazon.S3;
using Amazon.S3.Model;

namespace Kosha.Storage.Blobs;

/// <summary>A part that the store has.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Etag">By which the store knows it.</param>
public sealed record StagedPart(int Number, long Size, string Etag);

/// <summary>
/// Objects that clients put in parts, directly. Nothing binds the bytes of a part, so whoever completes such an object
/// reads it. A store that cannot be reached is <see cref="StorageFault.Unavailable"/>.
/// </summary>
public sealed class MultipartUploads
{
    private readonly AmazonS3Client client;
    private readonly S3StoreOptions options;
    private readonly S3SignedUrls? urls;
    private readonly Func<CancellationToken, Task<S3BlobStore.PutTrial>> findTrial;

    /// <param name="client">The daemon's own way to the store.</param>
    /// <param name="options">Which store.</param>
    /// <param name="urls">Lead where clients reach it; null: they do not.</param>
    /// <param name="findTrial">What the store was found to do.</param>
    internal MultipartUploads(AmazonS3Client client, S3StoreOptions options, S3SignedUrls? urls,
        Func<CancellationToken, Task<S3BlobStore.PutTrial>> findTrial) =>
        (this.client, this.options, this.urls, this.findTrial) = (client, options, urls, findTrial);

    /// <returns>The store's name of the upload, without which no part can be put.</returns>
    public Task<string> BeginAsync(string key, CancellationToken ct) => AskAsync(async () =>
    {
        var begun = await client.InitiateMultipartUploadAsync(Beginning(key, options), ct);
        return begun.UploadId;
    }, ct);

    internal static InitiateMultipartUploadRequest Beginning(string key, S3StoreOptions options) => new()
    {
        BucketName = options.Bucket,
        Key = options.Prefix + key,
        ServerSideEncryptionMethod = options.ServerSideEncryption,
        ServerSideEncryptionKeyManagementServiceKeyId = options.KmsKey,
    };

    /// <summary>
    /// A request by which anybody puts a part of exactly this size until its time is over. Unavailable, too, where
    /// there are no <see cref="DirectPuts"/> any more: uploads that were begun can still be looked at and ended.
    /// </summary>
    public Task<SignedPut> SignAsync(
        string key, string uploadId, int number, long size, TimeSpan lifetime, CancellationToken ct) =>
        AskAsync(async () => urls is not null && await findTrial(ct) is { Puts: not DirectPuts.None } trial
            ? await urls.PartAsync(options.Prefix + key, uploadId, number, size, trial.IsGuarded, lifetime, ct)
            : throw new IOException("Clients may not put bytes straight into the store."), ct);

    /// <summary>The parts that are there, by number; null: the store knows no such upload (any more).</summary>
    public async Task<IReadOnlyList<StagedPart>?> ListAsync(string key, string uploadId, CancellationToken ct)
    {
        var request = new ListPartsRequest
        {
            BucketName = options.Bucket, Key = options.Prefix + key, UploadId = uploadId,
        };
        var found = new List<StagedPart>();
        return await AskAsync<IReadOnlyList<StagedPart>?>(async () =>
        {
            ListPartsResponse page;
            do
            {
                page = await client.ListPartsAsync(request, ct);
                // The SDK gives null for none.
                found.AddRange((page.Parts ?? []).Select(part =>
                    new StagedPart(part.PartNumber ?? 0, part.Size ?? 0, part.ETag)));
                request.PartNumberMarker = page.NextPartNumberMarker?.ToString(
                    System.Globalization.CultureInfo.InvariantCulture);
            }
            while (page.IsTruncated == true);
            return found;
        }, ct, isGone: () => null);
    }

    /// <summary>
    /// Makes one object of the parts. False: the store knows no such upload, perhaps because an earlier request went
    /// through; the object says.
    /// </summary>
    public Task<bool> CompleteAsync(
        string key, string uploadId, IReadOnlyList<StagedPart> parts, CancellationToken ct) =>
        AskAsync(async () =>
        {
            await client.CompleteMultipartUploadAsync(new CompleteMultipartUploadRequest
            {
                BucketName = options.Bucket,
                Key = options.Prefix + key,
                UploadId = uploadId,
                PartETags = [.. parts.Select(part => new PartETag(part.Number, part.Etag))],
            }, ct);
            return true;
        }, ct, isGone: () => false);

    /// <summary>Gives the parts up. An upload that is not there is no error.</summary>
    public Task AbortAsync(string key, string uploadId, CancellationToken ct) => AskAsync(async () =>
    {
        await client.AbortMultipartUploadAsync(new AbortMultipartUploadRequest
        {
            BucketName = options.Bucket, Key = options.Prefix + key, UploadId = uploadId,
        }, ct);
        return true;
    }, ct, isGone: () => true);

    private static async Task<T> AskAsync<T>(Func<Task<T>> work, CancellationToken ct, Func<T>? isGone = null)
    {
        try
        {
            return await work();
        }
        catch (AmazonS3Exception e) when (isGone is not null
            // In Ceph's words the parts of an upload that is over are a key that is not there.
            && e is { StatusCode: HttpStatusCode.NotFound, ErrorCode: "NoSuchUpload" or "NoSuchKey" })
        {
            return isGone();
        }
        catch (Exception e) when (S3BlobStore.IsFailure(e, ct))
        {
            throw new StorageException(StorageFault.Unavailable,
                "The blob store does not take the parts of an upload now.", new IOException(e.Message, e));
        }
    }
}
