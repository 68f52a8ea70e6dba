using System.Globalization;
using Kosha.Storage;
using Kosha.Storage.Tree;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Kosha.WebDav.Methods;

/// <summary>
/// PUT (RFC 9110, 9.3.4). Everything that could refuse the upload is left to the vault, which asks before it reads the
/// first byte and again in the transaction that names the content.
/// </summary>
internal sealed class Put(Vault vault, LockTable locks, TimeProvider time, ILogger logger)
{
    public async Task AnswerAsync(DavRequest request)
    {
        Check(request);
        // The plan's quota is the limit, not a constant of the web server.
        if (request.Http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = null;
        var write = new FileWrite
        {
            Conditions = request.Conditions,
            AnnouncedBytes = request.AnnouncedBytes,
            ContentType = request.ContentType,
            ModifiedAt = request.ModifiedAt,
            Sha1 = request.Digests?.Sha1,
            Md5 = request.Digests?.Md5,
            Sha256 = request.Digests?.Sha256,
        };
        var body = request.Http.Request.Body;
        await using var upkeep = LockUpkeep.Start(
            locks, time, logger, request.Caller, request.Conditions.LockTokens);
        Answer(request, await vault.WriteAsync(request.Caller, request.Path, body, write, request.Aborted));
    }

    private static void Check(DavRequest request)
    {
        var headers = request.Http.Request.Headers;
        if (headers.ContentRange.Count > 0)
            throw DavException.BadRequest("PUT writes whole files; Content-Range is not possible (RFC 9110, 14.5).");
        if (headers.ContentEncoding is { Count: > 0 } encoding && !IsIdentity(encoding.ToString()))
            throw new DavException(415, "Send the file without Content-Encoding.");
        if (request.EndsWithSlash)
            throw new DavException(405, "A URL that ends with a slash names a folder; MKCOL makes one.");
    }

    private static bool IsIdentity(string encoding) => encoding.Equals("identity", StringComparison.OrdinalIgnoreCase);

    private static void Answer(DavRequest request, WriteResult result)
    {
        var response = request.Response;
        Accepted.Created(request, result.Created);
        // davfs2 asks with one more HEAD for what is missing here.
        response.Headers.ETag = EntityTags.Format(result.Node.Etag);
        response.Headers.LastModified = result.Node.ModifiedAt.ToString("R", CultureInfo.InvariantCulture);
        Accepted.Mtime(request);
    }
}
