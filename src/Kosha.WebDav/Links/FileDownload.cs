using System.Globalization;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;
using Kosha.WebDav.Methods;
using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Links;

/// <summary>
/// GET and HEAD of a file outside the drive, with the same headers, ranges and entity tags: by a redirect to the store
/// where it makes a link and the client may be sent there, else with the bytes.
/// </summary>
public sealed class FileDownload(Vault vault, LinkSigner signer, TimeProvider time, WebDavOptions options)
{
    private readonly ContentLinks links = new(vault, signer, time, options);

    /// <summary>Answers with a file that <see cref="NodeTree"/> gave with its object to this caller.</summary>
    /// <exception cref="StorageException">ConditionFailed, Damaged, Unavailable.</exception>
    public async Task AnswerAsync(HttpContext http, Caller caller, FileNode file)
    {
        var (headers, response) = (http.Request.Headers, http.Response);
        if (EntityTags.Read(headers.IfMatch, weakMatches: false) is { } match && !match.Matches(file))
            throw new StorageException(StorageFault.ConditionFailed, "The file has another content by now.");
        response.Headers.ETag = EntityTags.Format(file.Etag);
        response.Headers.LastModified = file.ModifiedAt.ToString("R", CultureInfo.InvariantCulture);
        response.Headers.CacheControl = "private, no-cache";
        if (EntityTags.Read(headers.IfNoneMatch, weakMatches: true) is { } none && none.Matches(file))
            response.StatusCode = StatusCodes.Status304NotModified;
        else if (await links.FindDownloadAsync(http.Request, caller.Redirect, file) is { } target)
            Redirect(response, target);
        else
            await SendAsync(http, file);
    }

    /// <summary>Nobody may keep the answer: the link soon leads nowhere.</summary>
    private static void Redirect(HttpResponse response, Uri target)
    {
        response.StatusCode = StatusCodes.Status307TemporaryRedirect;
        // As it was signed.
        response.Headers.Location = target.OriginalString;
        response.Headers.CacheControl = "no-store";
        response.ContentLength = 0;
    }

    private async Task SendAsync(HttpContext http, FileNode file)
    {
        ContentHeaders.Write(http.Response, ContentHeaders.Of(file));
        var content = new RangedContent(http, file.Size, part =>
            vault.OpenAsync(file, part.Offset, part.Length, http.RequestAborted));
        // A date says nothing where a client may have set it.
        var holds = http.Request.Headers.IfRange is not { Count: > 0 } condition
            || EntityTags.ReadStrong(condition.ToString().AsSpan().Trim()) == file.Etag;
        await content.AnswerAsync(holds ? http.Request.Headers.Range.ToString() : null);
        // A refused range is the whole answer, and nobody is to write another one.
        await http.Response.StartAsync(http.RequestAborted);
    }
}
