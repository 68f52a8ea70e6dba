using System.Net;
using System.Security.Cryptography;
using Amazon.S3;

namespace Kosha.Storage.Blobs;

public sealed partial class S3BlobStore
{
    private const string CopySourceHeader = "x-amz-copy-source";

    private static readonly TimeSpan SignedProbeLifetime = TimeSpan.FromMinutes(1);

    private static readonly byte[] RightBytes = "right"u8.ToArray();
    private static readonly byte[] WrongBytes = "wrong"u8.ToArray();

    /// <summary>A store that takes none may be asked again: rights spread slowly, and clocks are put right.</summary>
    private static readonly TimeSpan RefusalLifetime = TimeSpan.FromMinutes(5);

    private readonly SemaphoreSlim trying = new(1);
    private PutTrial? trial;
    private long triedAt;

    /// <summary>What the store makes of URLs for one content.</summary>
    /// <param name="Binding">Null: it takes none, or begins no upload in parts.</param>
    /// <param name="RefusesOthers">It takes the bytes that were signed and no others.</param>
    /// <param name="Copies">A header that nobody signed makes it copy any object of the bucket instead.</param>
    /// <param name="IsGuarded">It does not, where another header is signed.</param>
    internal sealed record PutTrial(
        BodyBinding? Binding, bool RefusesOthers, bool Copies = false, bool IsGuarded = false)
    {
        public DirectPuts Puts => this switch
        {
            { Binding: null } or { Copies: true } => DirectPuts.None,
            { RefusesOthers: true } => DirectPuts.Bound,
            _ => DirectPuts.Unbound,
        };
    }

    /// <summary>Set by the first trial that came to an end; a test may know better.</summary>
    internal PutTrial? Trial
    {
        get => trial is { Puts: DirectPuts.None } && time.GetElapsedTime(triedAt) > RefusalLifetime ? null : trial;
        set => (trial, triedAt) = (value, time.GetTimestamp());
    }

    public async Task<DirectPuts> DirectPutsAsync(CancellationToken ct) =>
        publicUrls is null ? DirectPuts.None : (await FindTrialAsync(ct)).Puts;

    private async Task<PutTrial> FindTrialAsync(CancellationToken ct)
    {
        if (Trial is { } known)
            return known;
        await trying.WaitAsync(ct);
        try
        {
            return Trial ??= await TryUrlsAsync(ct);
        }
        finally
        {
            trying.Release();
        }
    }

    private async Task<PutTrial> TryUrlsAsync(CancellationToken ct)
    {
        var (key, copy) = (NewProbeKey(), NewProbeKey());
        try
        {
            return await TryUrlsAsync(key, copy, ct);
        }
        catch (Exception e) when (IsFailure(e, ct))
        {
            throw Unavailable("The blob store cannot be tried now.", e);
        }
        finally
        {
            await Task.WhenAll(DeleteAsync(key, CancellationToken.None), DeleteAsync(copy, CancellationToken.None));
        }
    }

    /// <summary>Puts the right bytes, then by a URL for the right ones wrong ones, and a copy.</summary>
    private async Task<PutTrial> TryUrlsAsync(string key, string copy, CancellationToken ct)
    {
        foreach (var binding in (BodyBinding[])[BodyBinding.Hash, BodyBinding.Checksum])
        {
            var signed = await SignProbeAsync(key, binding, isGuarded: false, ct);
            if (!await IsTakenAsync(signed, RightBytes, copySource: null, ct))
                continue;
            var refusesOthers = !await IsTakenAsync(signed, WrongBytes, copySource: null, ct);
            var copies = await CopiesAsync(key, copy, binding, isGuarded: false, ct);
            if (copies != true)
                return new(copies is null ? null : binding, refusesOthers);
            var isGuarded = await IsTakenAsync(
                    await SignProbeAsync(key, binding, isGuarded: true, ct), RightBytes, copySource: null, ct)
                && await CopiesAsync(key, copy, binding, isGuarded: true, ct) == false;
            return new(binding, refusesOthers, Copies: !isGuarded, isGuarded);
        }
        return new(Binding: null, RefusesOthers: false);
    }

    private Task<SignedPut> SignProbeAsync(string key, BodyBinding binding, bool isGuarded, CancellationToken ct) =>
        urls.PutAsync(ObjectKey(key), new(SHA256.HashData(RightBytes)), RightBytes.Length, binding, isGuarded,
            SignedProbeLifetime, ct);

    /// <summary>
    /// Whether a client that adds a header makes a copy of a PUT or of the PUT of a part, and so reads what others have
    /// stored: AWS refuses such a header unless it was signed, MinIO and Ceph did not always. Null: parts could not be
    /// tried, because this key may not begin, list or abort any.
    /// </summary>
    private async Task<bool?> CopiesAsync(
        string key, string copy, BodyBinding binding, bool isGuarded, CancellationToken ct)
    {
        var source = $"/{options.Bucket}/{S3SignedUrls.Escaped(ObjectKey(key))}";
        // Not onto the source itself, which is refused for another reason.
        if (await IsTakenAsync(await SignProbeAsync(copy, binding, isGuarded, ct), RightBytes, source, ct))
            return true;
        if (await FindProbeUploadAsync(copy, ct) is not { } upload)
            return null;
        try
        {
            var part = await urls.PartAsync(
                upload.Key, upload.Id, number: 1, RightBytes.Length, isGuarded, SignedProbeLifetime, ct);
            var isCopied = await IsTakenAsync(part, RightBytes, source, ct);
            return await MayEndAsync(upload, ct) ? isCopied : null;
        }
        catch
        {
            await GiveUpAsync(upload);
            throw;
        }
    }

    /// <summary>Whether this key may do what an upload in parts needs beside its beginning. It is over then.</summary>
    private async Task<bool> MayEndAsync(Upload upload, CancellationToken ct)
    {
        try
        {
            await client.ListPartsAsync(options.Bucket, upload.Key, upload.Id, ct);
            await client.AbortMultipartUploadAsync(options.Bucket, upload.Key, upload.Id, ct);
            return true;
        }
        catch (AmazonS3Exception e) when (IsRefusal(e.StatusCode))
        {
            await GiveUpAsync(upload);
            return false;
        }
    }

    private async Task<Upload?> FindProbeUploadAsync(string key, CancellationToken ct)
    {
        try
        {
            var begun = await client.InitiateMultipartUploadAsync(MultipartUploads.Beginning(key, options), ct);
            return new(ObjectKey(key), begun.UploadId);
        }
        catch (AmazonS3Exception e) when (IsRefusal(e.StatusCode))
        {
            return null;
        }
    }

    private async Task<bool> IsTakenAsync(SignedPut put, byte[] content, string? copySource, CancellationToken ct)
    {
        using var body = new ByteArrayContent(content);
        using var request = new HttpRequestMessage(HttpMethod.Put, put.Url) { Content = body };
        foreach (var (name, value) in put.Headers)
        {
            // Some are the body's own.
            if (!request.Headers.TryAddWithoutValidation(name, value))
                body.Headers.TryAddWithoutValidation(name, value);
        }
        if (copySource is not null)
            request.Headers.Add(CopySourceHeader, copySource);
        using var answer = await connections.Client.SendAsync(request, ct);
        return answer.IsSuccessStatusCode || (IsRefusal(answer.StatusCode)
            ? false
            : throw new IOException($"the store answers {(int)answer.StatusCode}."));
    }

    /// <summary>Any other answer says nothing of the next one.</summary>
    private static bool IsRefusal(HttpStatusCode status) => (int)status is >= 400 and < 500 or 501
        && status is not (HttpStatusCode.RequestTimeout or HttpStatusCode.Conflict or HttpStatusCode.TooManyRequests);
}
