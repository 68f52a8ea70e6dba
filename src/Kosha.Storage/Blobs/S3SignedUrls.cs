using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Amazon.Runtime;

namespace Kosha.Storage.Blobs;

/// <summary>
/// URLs by which whoever has them may put one content, and no other, under one key for a while. The SDK's own signer
/// leaves the body out of its signature; here its SHA-256 is signed in (AWS Signature Version 4, by query).
/// </summary>
internal sealed class S3SignedUrls(S3StoreOptions options, AWSCredentials credentials, TimeProvider time)
{
    /// <summary>Must go out with the request, with the body's SHA-256 in lower hexadecimal digits.</summary>
    public const string HashHeader = "x-amz-content-sha256";

    private const string Algorithm = "AWS4-HMAC-SHA256";
    private const string SignedHeaders = $"host;{HashHeader}";

    /// <param name="key">With the store's prefix.</param>
    /// <param name="sha256">Of the only body that the store takes.</param>
    /// <param name="lifetime">Whole seconds, at most seven days.</param>
    /// <param name="ct">Ends waiting for credentials.</param>
    public async Task<Uri> PutAsync(string key, BlobId sha256, TimeSpan lifetime, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var secrets = await credentials.GetCredentialsAsync();
        var now = time.GetUtcNow();
        var date = Text(now, "yyyyMMdd'T'HHmmss'Z'");
        var scope = $"{Text(now, "yyyyMMdd")}/{options.Region}/s3/aws4_request";
        var address = Address(key);
        var query = Query(new()
        {
            ["X-Amz-Algorithm"] = Algorithm,
            ["X-Amz-Credential"] = $"{secrets.AccessKey}/{scope}",
            ["X-Amz-Date"] = date,
            ["X-Amz-Expires"] = ((long)lifetime.TotalSeconds).ToString(CultureInfo.InvariantCulture),
            ["X-Amz-SignedHeaders"] = SignedHeaders,
            ["X-Amz-Security-Token"] = secrets.Token,
        });
        var request = $"PUT\n{address.AbsolutePath}\n{query}\nhost:{address.Authority}\n{HashHeader}:{sha256}\n\n"
            + $"{SignedHeaders}\n{sha256}";
        var toSign = $"{Algorithm}\n{date}\n{scope}\n{Hex(SHA256.HashData(Utf8(request)))}";
        var signature = Hex(HMACSHA256.HashData(SigningKey(secrets.SecretKey, scope), Utf8(toSign)));
        return new($"{address.AbsoluteUri}?{query}&X-Amz-Signature={signature}");
    }

    /// <summary>Of an object, without a query.</summary>
    public Uri Address(string key)
    {
        var path = string.Join('/', key.Split('/').Select(Uri.EscapeDataString));
        var store = options.Endpoint ?? new($"https://s3.{options.Region}.amazonaws.com");
        return options.ForcePathStyle
            ? new(store, $"/{options.Bucket}/{path}")
            : new($"{store.Scheme}://{options.Bucket}.{store.Authority}/{path}");
    }

    private static string Query(Dictionary<string, string> parameters) => string.Join('&',
        from pair in parameters
        where !string.IsNullOrEmpty(pair.Value)
        orderby pair.Key
        select $"{pair.Key}={Uri.EscapeDataString(pair.Value)}");

    private static byte[] SigningKey(string secret, string scope) => scope.Split('/')
        .Aggregate(Utf8("AWS4" + secret), (key, step) => HMACSHA256.HashData(key, Utf8(step)));

    private static string Text(DateTimeOffset time, string format) =>
        time.ToString(format, CultureInfo.InvariantCulture);

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);
}
