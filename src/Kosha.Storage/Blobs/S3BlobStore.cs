using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using Amazon;
using Amazon.Runtime;
using Amazon.Runtime.Credentials;
using Amazon.S3;
using Amazon.S3.Model;

namespace Kosha.Storage.Blobs;

/// <summary>
/// Blobs in a bucket, as <c>blobs/&lt;sha256&gt;</c> below an optional prefix. A put has ended when S3 has acknowledged
/// it. A body goes out with its SHA-256, so that stores that check it refuse what changed on the way.
/// </summary>
/// <remarks>
/// The SDK repeats what failed for a moment, from the spool that can be read again. Its own checksums are off: with
/// them, bodies go out in a framing that several stores refuse, or keep as part of the object.
/// </remarks>
public sealed partial class S3BlobStore : IBlobStore
{
    private const string BlobFolder = "blobs/";

    /// <summary>The store's identity; not below the folder of blobs.</summary>
    private const string IdentityKey = "kosha-store.json";

    internal const string ContentType = "application/octet-stream";

    private const int MaxDisturbedReads = 20;

    /// <summary>Above it a put consists of parts; it is also the most that S3 takes as one part or one put.</summary>
    private readonly long maxSinglePutBytes;

    private readonly S3StoreOptions options;
    private readonly TimeProvider time;
    private readonly S3Connections connections;
    private readonly AmazonS3Client client;
    private readonly S3BucketRules rules;
    private readonly S3SignedUrls urls;

    public S3BlobStore(S3StoreOptions options, TimeProvider time)
    {
        this.options = options;
        this.time = time;
        maxSinglePutBytes = Math.Min(2 * options.PartBytes, S3StoreOptions.MaxPartBytes);
        connections = new(options.Timeout);
        var config = Config(options, connections);
        AWSCredentials credentials = options is { AccessKey: { } accessKey, SecretKey: { } secretKey }
            ? new BasicAWSCredentials(accessKey, secretKey)
            : new FoundCredentials(config);
        client = new(credentials, config);
        client.BeforeRequestEvent += SignKnownBody;
        rules = new(client, options);
        urls = new(options, credentials, time);
        if (options.PublicEndpoint is { } address)
        {
            var atAddress = options with { Endpoint = address };
            linker = new(credentials, Config(atAddress, connections));
            publicUrls = new(atAddress, credentials, time);
        }
        Multipart = new(client, options, publicUrls, FindTrialAsync);
    }

    private static AmazonS3Config Config(S3StoreOptions options, S3Connections connections)
    {
        var config = new AmazonS3Config
        {
            HttpClientFactory = connections,
            ForcePathStyle = options.ForcePathStyle,
            Timeout = options.Timeout,
            RetryMode = RequestRetryMode.Standard,
            MaxErrorRetry = options.MaxRetries,
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
        };
        if (options.Endpoint is null)
        {
            config.RegionEndpoint = RegionEndpoint.GetBySystemName(options.Region);
        }
        else
        {
            config.ServiceURL = options.Endpoint.AbsoluteUri;
            config.AuthenticationRegion = options.Region;
        }
        return config;
    }

    /// <summary>As the SDK finds them (profile, container, machine), when they are first needed.</summary>
    private sealed class FoundCredentials(AmazonS3Config config) : AWSCredentials
    {
        public override ImmutableCredentials GetCredentials() =>
            DefaultAWSCredentialsIdentityResolver.GetCredentials(config).GetCredentials();

        public override async Task<ImmutableCredentials> GetCredentialsAsync() => await
            (await DefaultAWSCredentialsIdentityResolver.GetCredentialsAsync(config)).GetCredentialsAsync();
    }

    public string Name => "s3";

    public string Key(BlobId id, int generation) => BlobFolder + id.ObjectName(generation);

    public bool IsBlobKey(string key) => IdIn(key) is not null;

    private static BlobId? IdIn(string key) => key.StartsWith(BlobFolder, StringComparison.Ordinal)
        ? BlobId.FindInObjectName(key[BlobFolder.Length..])?.Id : null;

    public void Dispose()
    {
        client.Dispose();
        linker?.Dispose();
        connections.Dispose();
        trying.Dispose();
    }

    private string ObjectKey(string key) => options.Prefix + key;

    public async Task<Stream> OpenAsync(string key, BlobPart part, CancellationToken ct)
    {
        try
        {
            var response = await GetRangeAsync(key, new(part.Offset, part.Offset + part.Length - 1), ct);
            if (Problem(response, key, part) is { } problem)
            {
                response.Dispose();
                throw problem;
            }
            return new S3ObjectStream(response, part.Length, part.IsWhole ? IdIn(key) : null);
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            throw new StorageException(StorageFault.Damaged, $"The stored object {key} is cut short.", e);
        }
        catch (Exception e) when (IsFailure(e, ct))
        {
            throw await IsMissingAsync(key, e, ct)
                ? new StorageException(StorageFault.Damaged, $"The stored object {key} is missing.", e)
                : Unavailable("The blob store does not give the file now.", e);
        }
    }

    private Task<GetObjectResponse> GetRangeAsync(string key, ByteRange range, CancellationToken ct) =>
        GetAsync(new() { BucketName = options.Bucket, Key = ObjectKey(key), ByteRange = range }, ct);

    /// <summary>
    /// Ceph breaks off a read while somebody puts the same bytes again, as two uploads of one content do.
    /// </summary>
    private async Task<GetObjectResponse> GetAsync(GetObjectRequest request, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await client.GetObjectAsync(request, ct);
            }
            catch (AmazonS3Exception e) when (e.ErrorCode == "ConcurrentModification" && attempt < MaxDisturbedReads)
            {
                // It will be whole in a moment.
            }
        }
    }

    /// <summary>
    /// What is wrong with an answer, before its body is looked at: a longer object must not pass as its own beginning.
    /// </summary>
    private static StorageException? Problem(GetObjectResponse response, string key, BlobPart part)
    {
        // A store that knows no ranges sends the whole object.
        var isPart = response.HttpStatusCode == HttpStatusCode.PartialContent;
        var range = isPart ? RangeOf(response) : new(0, part.Length - 1, response.ContentLength);
        if (range is not { From: { } from, To: { } to, Length: { } size and > 0 } || from != part.Offset)
            return new(StorageFault.Unavailable, $"The blob store sent another part of {key}.");
        if (size != part.Size)
            return part.OtherSize(key, size);
        return to == part.Offset + part.Length - 1
            ? null : new(StorageFault.Unavailable, $"The blob store sent another part of {key}.");
    }

    private static ContentRangeHeaderValue? RangeOf(GetObjectResponse response) =>
        ContentRangeHeaderValue.TryParse(response.ContentRange, out var range) ? range : null;

    public async Task<long?> FindSizeAsync(string key, CancellationToken ct)
    {
        try
        {
            var found = await client.GetObjectMetadataAsync(
                new GetObjectMetadataRequest { BucketName = options.Bucket, Key = ObjectKey(key) }, ct);
            return found.ContentLength;
        }
        catch (Exception e) when (IsFailure(e, ct))
        {
            if (await IsMissingAsync(key, e, ct))
                return null;
            throw Unavailable($"The object {key} cannot be looked at now.", e);
        }
    }

    public async Task DeleteAsync(string key, CancellationToken ct)
    {
        try
        {
            await client.DeleteObjectAsync(
                new DeleteObjectRequest { BucketName = options.Bucket, Key = ObjectKey(key) }, ct);
        }
        catch (AmazonS3Exception e) when (IsNotFound(e))
        {
            // Others than AWS may say so.
        }
        catch (Exception e) when (IsFailure(e, ct))
        {
            throw Unavailable($"The object {key} cannot be deleted now.", e);
        }
    }

    /// <remarks>
    /// Only what lies in the folder of blobs: the rest of a shared bucket is somebody else's. Probes that are there for
    /// a moment are no objects.
    /// </remarks>
    public IAsyncEnumerable<StoredObject> ListAsync(CancellationToken ct) => ListAsync(BlobFolder, ct);

    private async IAsyncEnumerable<StoredObject> ListAsync(
        string folder, [EnumeratorCancellation] CancellationToken ct)
    {
        var request = new ListObjectsV2Request { BucketName = options.Bucket, Prefix = ObjectKey(folder) };
        var probes = ObjectKey(folder + ProbeFolder);
        do
        {
            var page = await ListPageAsync(request, ct);
            // The SDK gives null for none.
            foreach (var found in page.S3Objects ?? [])
            {
                if (found.Key.StartsWith(probes, StringComparison.Ordinal))
                    continue;
                var writtenAt = (found.LastModified ?? DateTime.UnixEpoch).ToUniversalTime();
                yield return new(found.Key[options.Prefix.Length..], found.Size ?? 0, writtenAt);
            }
            request.ContinuationToken = page.IsTruncated == true ? page.NextContinuationToken : null;
        }
        while (request.ContinuationToken is not null);
    }

    public async Task<bool?> IsEmptyAsync(CancellationToken ct)
    {
        try
        {
            return !await ListAsync(ct).AnyAsync(ct);
        }
        catch (StorageException e) when (IsForbidden(e.InnerException))
        {
            return null;
        }
    }

    private async Task<ListObjectsV2Response> ListPageAsync(ListObjectsV2Request request, CancellationToken ct)
    {
        try
        {
            return await client.ListObjectsV2Async(request, ct);
        }
        catch (Exception e) when (IsFailure(e, ct))
        {
            throw Unusable("cannot be listed", e);
        }
    }
}
