using System.Globalization;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Kosha.Storage.Blobs;
using Xunit;

namespace Kosha.Tests.Storage.Uploads;

/// <summary>The signatures that are made by hand, beside the SDK's own.</summary>
public sealed class SignedUrlTests
{
    private const string Key = "some prefix/uploads/1/2";

    private static readonly BasicAWSCredentials Credentials = new("access", "secret");

    private sealed class At(DateTimeOffset moment) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => moment;
    }

    [Theory]
    [InlineData(true, "https://s3.example.org:90", "https://s3.example.org:90/the-bucket/some%20prefix/uploads/1/2")]
    [InlineData(false, "https://s3.example.org", "https://the-bucket.s3.example.org/some%20prefix/uploads/1/2")]
    public async Task A_part_is_signed_as_the_SDK_would(bool isPathStyle, string endpoint, string address)
    {
        var options = new S3StoreOptions
        {
            Endpoint = new(endpoint), Region = "eu-test-1", Bucket = "the-bucket", ForcePathStyle = isPathStyle,
        };
        using var client = new AmazonS3Client(Credentials, new AmazonS3Config
        {
            ServiceURL = endpoint, AuthenticationRegion = options.Region, ForcePathStyle = isPathStyle,
        });
        var request = new GetPreSignedUrlRequest
        {
            BucketName = options.Bucket,
            Key = Key,
            Verb = HttpVerb.PUT,
            Expires = DateTime.UtcNow.AddSeconds(60),
            UploadId = "the~upload/id=",
            PartNumber = 7,
            ContentType = "application/octet-stream",
        };
        request.Headers.ContentLength = 1234;
        request.Metadata.Add("snowball-auto-extract", "false");
        var theirs = Parameters(new(await client.GetPreSignedURLAsync(request)));
        var moment = DateTimeOffset.ParseExact(theirs["X-Amz-Date"], "yyyyMMdd'T'HHmmss'Z'",
            CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
        var signed = await new S3SignedUrls(options, Credentials, new At(moment)).PartAsync(
            Key, "the~upload/id=", 7, 1234, isGuarded: false,
            TimeSpan.FromSeconds(int.Parse(theirs["X-Amz-Expires"], CultureInfo.InvariantCulture)),
            CancellationToken.None);
        Assert.Equal(address, signed.Url.GetLeftPart(UriPartial.Path));
        Assert.Equal(theirs, Parameters(signed.Url));
        Assert.Equal("content-type x-amz-meta-snowball-auto-extract", string.Join(' ', signed.Headers.Keys));
    }

    [Fact]
    public async Task The_bytes_are_bound_by_signed_headers()
    {
        var options = new S3StoreOptions { Region = "eu-central-1", Bucket = "the-bucket" };
        var urls = new S3SignedUrls(options, new SessionAWSCredentials("a", "s", "token/+"), TimeProvider.System);
        var sha256 = new BlobId(new byte[32]);
        var put = await urls.PutAsync(
            Key, sha256, 5, BodyBinding.Hash, isGuarded: false, TimeSpan.FromSeconds(60), default);
        Assert.Equal("the-bucket.s3.eu-central-1.amazonaws.com", put.Url.Host);
        Assert.Equal("token/+", Parameters(put.Url)["X-Amz-Security-Token"]);
        Assert.Equal(
            "content-length;content-type;host;x-amz-checksum-sha256;x-amz-content-sha256;"
                + "x-amz-meta-snowball-auto-extract;x-amz-sdk-checksum-algorithm",
            Parameters(put.Url)["X-Amz-SignedHeaders"]);
        Assert.Equal(sha256.ToString(), put.Headers["x-amz-content-sha256"]);
        var fallback = await urls.PutAsync(
            Key, sha256, 5, BodyBinding.Checksum, isGuarded: true, TimeSpan.FromSeconds(60), default);
        Assert.Equal(
            "content-type x-amz-checksum-sha256 x-amz-copy-source-if-match x-amz-meta-snowball-auto-extract "
                + "x-amz-sdk-checksum-algorithm",
            string.Join(' ', fallback.Headers.Keys));
    }

    private static SortedDictionary<string, string> Parameters(Uri url) => new(url.Query[1..].Split('&')
        .Select(pair => pair.Split('=', 2)).ToDictionary(pair => pair[0], pair => Uri.UnescapeDataString(pair[1])),
        StringComparer.Ordinal);
}
