using System.Net;
using System.Security.Cryptography;
using Amazon.S3;
using Amazon.S3.Model;

namespace Kosha.Storage.Blobs;

public sealed partial class S3BlobStore
{
    private static readonly TimeSpan SignedProbeLifetime = TimeSpan.FromMinutes(1);

    private static readonly byte[] RightBytes = "right"u8.ToArray();
    private static readonly byte[] WrongBytes = "wrong"u8.ToArray();

    /// <summary>
    /// Tries what not every store can, and looks at the bucket's rules. It leaves nothing and changes no rule. What
    /// cannot be tried is said, too: nothing here keeps Kosha from serving.
    /// </summary>
    public async Task<S3Report> ReportAsync(CancellationToken ct)
    {
        var key = NewProbeKey();
        var (warnings, toAdd) = await rules.LookAsync(ct);
        var (browsers, corsToAdd) = await TryBrowsersAsync(key, ct);
        try
        {
            string[] capabilities =
            [
                await SentenceAsync("Conditional puts", () => TryConditionAsync(key, ct), ct),
                await SentenceAsync("Checksums", () => TryChecksumAsync(key, ct), ct),
                await SentenceAsync("Uploads by signed URL", () => TrySignedUrlAsync(key, ct), ct),
                browsers,
            ];
            return new(capabilities, warnings, corsToAdd is null ? toAdd : [.. toAdd, corsToAdd]);
        }
        finally
        {
            await SentenceAsync("", async () =>
            {
                await DeleteAsync(key, CancellationToken.None);
                return "";
            }, ct);
        }
    }

    private static async Task<string> SentenceAsync(string what, Func<Task<string>> probe, CancellationToken ct)
    {
        try
        {
            return $"{what}: {await probe()}";
        }
        catch (Exception e) when (e is StorageException || IsFailure(e, ct))
        {
            return $"{what}: could not be tried: {Reason(e)}";
        }
    }

    private async Task<string> TryConditionAsync(string key, CancellationToken ct)
    {
        var request = SmallPutRequest(key, RightBytes);
        await client.PutObjectAsync(request, ct);
        var again = SmallPutRequest(key, WrongBytes);
        again.IfNoneMatch = "*";
        return await IsRefusedAsync(() => client.PutObjectAsync(again, ct), ct)
            ? "yes."
            : "no. Let no two installations begin at once in this bucket.";
    }

    private async Task<string> TryChecksumAsync(string key, CancellationToken ct)
    {
        var request = SmallPutRequest(key, RightBytes);
        request.ChecksumSHA256 = Convert.ToBase64String(SHA256.HashData(WrongBytes));
        return await IsRefusedAsync(() => client.PutObjectAsync(request, ct), ct)
            ? "the store refuses bytes that have another SHA-256 than was sent with them."
            : "the store ignores a SHA-256 that is sent with bytes. Kosha's own uploads are signed with it.";
    }

    private async Task<string> TrySignedUrlAsync(string key, CancellationToken ct)
    {
        if (!await TryPutByUrlAsync(key, RightBytes, ct))
            return "the store refuses them. Uploads have to go through Kosha.";
        return await TryPutByUrlAsync(key, WrongBytes, ct)
            ? "the store takes other bytes than were signed. What is uploaded so has to be read back."
            : "the store takes the signed bytes and no others.";
    }

    /// <summary>By a URL for the right bytes.</summary>
    private async Task<bool> TryPutByUrlAsync(string key, byte[] content, CancellationToken ct)
    {
        var sha256 = new BlobId(SHA256.HashData(RightBytes));
        var url = await urls.PutAsync(ObjectKey(key), sha256, SignedProbeLifetime, ct);
        using var request = new HttpRequestMessage(HttpMethod.Put, url) { Content = new ByteArrayContent(content) };
        request.Headers.Add(S3SignedUrls.HashHeader, sha256.ToString());
        using var answer = await connections.Client.SendAsync(request, ct);
        if (answer.StatusCode is HttpStatusCode.InternalServerError or HttpStatusCode.ServiceUnavailable)
            throw new IOException($"the store answers {(int)answer.StatusCode}.");
        return answer.IsSuccessStatusCode;
    }

    private static async Task<bool> IsRefusedAsync(Func<Task<PutObjectResponse>> put, CancellationToken ct)
    {
        try
        {
            await put();
            return false;
        }
        catch (AmazonS3Exception e) when ((int)e.StatusCode is >= 400 and < 500 or 501 && !ct.IsCancellationRequested)
        {
            return (int)e.StatusCode != 501;
        }
    }

    private async Task<(string Sentence, string? ToAdd)> TryBrowsersAsync(string key, CancellationToken ct)
    {
        const string What = "Uploads by browsers";
        if (options.BrowserOrigin is not { } origin)
            return ($"{What}: not tried, because PublicUrl is not set.", null);
        if (publicUrls is null)
            return ($"{What}: not tried, because no PublicEndpoint is set: clients do not reach the store.", null);
        string? toAdd = null;
        var sentence = await SentenceAsync(What, async () =>
        {
            // Where browsers ask: another server may stand there and answer by itself.
            var address = publicUrls.Address(ObjectKey(key));
            if (await MayAsync(address, origin, "PUT", ct) && await MayAsync(address, origin, "GET", ct))
                return $"pages of {origin} may.";
            toAdd = $"Add to the bucket's CORS rules: {rules.CorsText}";
            return $"pages of {origin} may not.";
        }, ct);
        return (sentence, toAdd);
    }

    /// <summary>As a browser asks before it sends such a request for a page (CORS).</summary>
    private async Task<bool> MayAsync(Uri address, string origin, string method, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Options, address);
        request.Headers.Add("Origin", origin);
        request.Headers.Add("Access-Control-Request-Method", method);
        request.Headers.Add("Access-Control-Request-Headers", S3SignedUrls.HashHeader);
        using var answer = await connections.Client.SendAsync(request, ct);
        return answer.IsSuccessStatusCode
            && answer.Headers.TryGetValues("Access-Control-Allow-Origin", out var allowed)
            && allowed.Any(value => value == "*" || value == origin);
    }
}
