using System.Security.Cryptography;
using Amazon.S3;
using Amazon.S3.Model;

namespace Kosha.Storage.Blobs;

public sealed partial class S3BlobStore
{
    /// <summary>What a browser asks leave for.</summary>
    private const string AskedHeaders = $"{S3SignedUrls.TypeHeader}, {S3SignedUrls.ChecksumHeader}, "
        + $"{S3SignedUrls.HashHeader}, {S3SignedUrls.AlgorithmHeader}, {S3SignedUrls.ExtractHeader}";

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
                await SentenceAsync("Uploads by signed URL", () => TrySignedUrlAsync(ct), ct),
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

    private async Task<string> TrySignedUrlAsync(CancellationToken ct)
    {
        Trial = await TryUrlsAsync(ct);
        return Trial switch
        {
            { Copies: true } => "a URL can be turned into a copy of any object; uploads go through Kosha.",
            { Puts: DirectPuts.None } => "the store refuses them. Uploads have to go through Kosha.",
            { Puts: DirectPuts.Bound } => "the store takes the signed bytes and no others.",
            _ => "the store takes other bytes than were signed. What is uploaded so has to be read back.",
        };
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
        request.Headers.Add("Access-Control-Request-Headers",
            Trial is { IsGuarded: true } ? $"{AskedHeaders}, {S3SignedUrls.CopyGuardHeader}" : AskedHeaders);
        using var answer = await connections.Client.SendAsync(request, ct);
        return answer.IsSuccessStatusCode
            && answer.Headers.TryGetValues("Access-Control-Allow-Origin", out var allowed)
            && allowed.Any(value => value == "*" || value == origin);
    }
}
