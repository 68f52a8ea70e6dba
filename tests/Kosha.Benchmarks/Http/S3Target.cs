using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Kosha.Benchmarks.Http;

/// <summary>
/// A folder in a bucket of an S3 server, asked by signed requests (AWS Signature Version 4) and nothing else. Bodies
/// are not signed: that is the least that a client can do. Paths hold no letter that would have to be encoded.
/// </summary>
/// <param name="Url">Ends in '/'; begins with the bucket.</param>
/// <param name="AccessKey">Of the key that may do all of it.</param>
/// <param name="SecretKey">Of the same.</param>
/// <param name="Region">As it is signed.</param>
public sealed record S3Target(Uri Url, string AccessKey, string SecretKey, string Region)
    : Target(Url, AccessKey, SecretKey)
{
    private const string SignedHeaders = "host;x-amz-content-sha256;x-amz-date";
    private const string Unsigned = "UNSIGNED-PAYLOAD";

    public override bool IsWebDav => false;

    public override string HeadersOf(string method, string path)
    {
        var now = DateTime.UtcNow;
        var date = now.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        var scope = $"{date[..8]}/{Region}/s3/aws4_request";
        var request = $"{method}\n{path}\n\nhost:{Url.Authority}\nx-amz-content-sha256:{Unsigned}\n"
            + $"x-amz-date:{date}\n\n{SignedHeaders}\n{Unsigned}";
        var toSign = $"AWS4-HMAC-SHA256\n{date}\n{scope}\n{Hex(SHA256.HashData(Utf8(request)))}";
        var key = scope.Split('/').Aggregate(Utf8("AWS4" + SecretKey), (key, step) =>
            HMACSHA256.HashData(key, Utf8(step)));
        return $"x-amz-content-sha256: {Unsigned}\r\nx-amz-date: {date}\r\n"
            + $"Authorization: AWS4-HMAC-SHA256 Credential={AccessKey}/{scope},SignedHeaders={SignedHeaders},"
            + $"Signature={Hex(HMACSHA256.HashData(key, Utf8(toSign)))}\r\n";
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);
}
