using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Amazon.Runtime;

namespace Kosha.Storage.Blobs;

/// <summary>How a URL binds the bytes that may be put by it.</summary>
internal enum BodyBinding
{
    /// <summary>Their SHA-256 is the hash of the payload in the signature: best, and not possible by the SDK.</summary>
    Hash,

    /// <summary>Checksum headers alone, as the SDK signs them.</summary>
    Checksum,
}

/// <summary>
/// URLs by which whoever has them may put one content, and no other, under one key for a while. The SDK's own signer
/// leaves the body out of its signature; here its SHA-256 is signed in (AWS Signature Version 4, by query).
/// </summary>
/// <param name="options">Whose endpoint is the one that the URLs lead to.</param>
/// <param name="credentials">To sign with.</param>
/// <param name="time">The clock, which must agree with the store's.</param>
internal sealed class S3SignedUrls(S3StoreOptions options, AWSCredentials credentials, TimeProvider time)
{
    public const string HashHeader = "x-amz-content-sha256";

    /// <summary>What a browser asks leave for, beside <see cref="HashHeader"/>.</summary>
    public const string ChecksumHeader = "x-amz-checksum-sha256";

    /// <inheritdoc cref="ChecksumHeader"/>
    public const string AlgorithmHeader = "x-amz-sdk-checksum-algorithm";

    /// <summary>Signed, so that what a browser takes a file for does not end up on the object.</summary>
    public const string TypeHeader = "content-type";

    /// <summary>
    /// Signed, so that nobody can say true: MinIO would then take the body for an archive, and write each of its
    /// members under the key that the archive names.
    /// </summary>
    public const string ExtractHeader = "x-amz-meta-snowball-auto-extract";

    /// <summary>
    /// Signed for a store that makes a copy of the put where a client adds <c>x-amz-copy-source</c>: no source has this
    /// tag, so no copy is made. A put has no source, and is not asked for it.
    /// </summary>
    public const string CopyGuardHeader = "x-amz-copy-source-if-match";

    private const string Algorithm = "AWS4-HMAC-SHA256";
    private const string UnsignedPayload = "UNSIGNED-PAYLOAD";

    /// <param name="key">With the store's prefix.</param>
    /// <param name="sha256">Of the only body that the store takes.</param>
    /// <param name="size">Of that body, in bytes.</param>
    /// <param name="binding">What this store understands.</param>
    /// <param name="isGuarded">Against copies.</param>
    /// <param name="lifetime">Whole seconds, at most seven days.</param>
    /// <param name="ct">Ends waiting for credentials.</param>
    /// <remarks>Ceph compares the checksum only if the algorithm is named beside it.</remarks>
    public Task<SignedPut> PutAsync(
        string key, BlobId sha256, long size, BodyBinding binding, bool isGuarded, TimeSpan lifetime,
        CancellationToken ct)
    {
        var headers = Headers(isGuarded);
        headers[ChecksumHeader] = Convert.ToBase64String(sha256.Bytes);
        headers[AlgorithmHeader] = "SHA256";
        if (binding == BodyBinding.Hash)
            headers[HashHeader] = sha256.ToString();
        return SignAsync(new(key, [], headers, size), lifetime, ct);
    }

    /// <summary>The same for a part of an object that is put in parts, whose bytes nothing binds but their number.
    /// </summary>
    public Task<SignedPut> PartAsync(
        string key, string uploadId, int number, long size, bool isGuarded, TimeSpan lifetime, CancellationToken ct) =>
        SignAsync(new(key, new()
        {
            ["partNumber"] = number.ToString(CultureInfo.InvariantCulture),
            ["uploadId"] = uploadId,
        }, Headers(isGuarded), size), lifetime, ct);

    private static SortedDictionary<string, string> Headers(bool isGuarded)
    {
        var headers = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            [TypeHeader] = S3BlobStore.ContentType,
            [ExtractHeader] = "false",
        };
        if (isGuarded)
            headers.Add(CopyGuardHeader, "kosha-copies-none");
        return headers;
    }

    private sealed record Put(
        string Key, Dictionary<string, string> Parameters, SortedDictionary<string, string> Headers, long Size);

    private async Task<SignedPut> SignAsync(Put put, TimeSpan lifetime, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var secrets = await credentials.GetCredentialsAsync();
        var now = time.GetUtcNow();
        var date = Text(now, "yyyyMMdd'T'HHmmss'Z'");
        var scope = $"{Text(now, "yyyyMMdd")}/{options.Region}/s3/aws4_request";
        var address = Address(put.Key);
        var signed = new SortedDictionary<string, string>(put.Headers, StringComparer.Ordinal)
        {
            ["content-length"] = put.Size.ToString(CultureInfo.InvariantCulture),
            ["host"] = address.Authority,
        };
        var names = string.Join(';', signed.Keys);
        var query = Query(new(put.Parameters)
        {
            ["X-Amz-Algorithm"] = Algorithm,
            ["X-Amz-Credential"] = $"{secrets.AccessKey}/{scope}",
            ["X-Amz-Date"] = date,
            ["X-Amz-Expires"] = ((long)lifetime.TotalSeconds).ToString(CultureInfo.InvariantCulture),
            ["X-Amz-SignedHeaders"] = names,
            ["X-Amz-Security-Token"] = secrets.Token,
        });
        var payload = put.Headers.GetValueOrDefault(HashHeader, UnsignedPayload);
        var lines = string.Concat(signed.Select(header => $"{header.Key}:{header.Value}\n"));
        var request = $"PUT\n{address.AbsolutePath}\n{query}\n{lines}\n{names}\n{payload}";
        var toSign = $"{Algorithm}\n{date}\n{scope}\n{Hex(SHA256.HashData(Utf8(request)))}";
        var signature = Hex(HMACSHA256.HashData(SigningKey(secrets.SecretKey, scope), Utf8(toSign)));
        return new(new($"{address.AbsoluteUri}?{query}&X-Amz-Signature={signature}"), put.Headers, now + lifetime);
    }

    /// <summary>Of an object, without a query.</summary>
    public Uri Address(string key)
    {
        var path = Escaped(key);
        var store = options.Endpoint ?? new($"https://s3.{options.Region}.amazonaws.com");
        return options.ForcePathStyle
            ? new(store, $"/{options.Bucket}/{path}")
            : new($"{store.Scheme}://{options.Bucket}.{store.Authority}/{path}");
    }

    /// <summary>A key as it stands in a path.</summary>
    public static string Escaped(string key) => string.Join('/', key.Split('/').Select(Uri.EscapeDataString));

    private static string Query(Dictionary<string, string> parameters) => string.Join('&', parameters
        .Where(pair => !string.IsNullOrEmpty(pair.Value))
        .OrderBy(pair => pair.Key, StringComparer.Ordinal)
        .Select(pair => $"{pair.Key}={Uri.EscapeDataString(pair.Value)}"));

    private static byte[] SigningKey(string secret, string scope) => scope.Split('/')
        .Aggregate(Utf8("AWS4" + secret), (key, step) => HMACSHA256.HashData(key, Utf8(step)));

    private static string Text(DateTimeOffset time, string format) =>
        time.ToString(format, CultureInfo.InvariantCulture);

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);
}
