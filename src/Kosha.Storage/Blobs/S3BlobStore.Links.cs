using Amazon.S3;
using Amazon.S3.Model;

namespace Kosha.Storage.Blobs;

public sealed partial class S3BlobStore
{
    /// <summary>The host is part of what is signed, so links need a client that knows the public one.</summary>
    private readonly AmazonS3Client? linker;

    /// <summary>As <see cref="urls"/>, at the public address.</summary>
    private readonly S3SignedUrls? publicUrls;

    public async Task<Uri?> FindLinkAsync(
        string key, LinkedContent content, TimeSpan lifetime, CancellationToken ct)
    {
        if (linker is null)
            return null;
        var request = new GetPreSignedUrlRequest
        {
            BucketName = options.Bucket,
            Key = ObjectKey(key),
            Verb = HttpVerb.GET,
            // The SDK signs for https unless it is told otherwise, whatever the address says.
            Protocol = options.PublicEndpoint!.Scheme == Uri.UriSchemeHttp ? Protocol.HTTP : Protocol.HTTPS,
            Expires = (time.GetUtcNow() + lifetime).UtcDateTime,
        };
        request.ResponseHeaderOverrides.ContentType = content.ContentType;
        request.ResponseHeaderOverrides.ContentDisposition = content.Disposition;
        request.ResponseHeaderOverrides.CacheControl = "no-store";
        try
        {
            return new(await linker.GetPreSignedURLAsync(request).WaitAsync(ct));
        }
        catch (Exception e) when (IsFailure(e, ct))
        {
            // Without credentials nothing can be signed; whoever reads the bytes themselves hears why.
            return null;
        }
    }
}
