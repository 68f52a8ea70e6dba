using System.Globalization;
using Kosha.Storage;
using Kosha.Storage.Tree;
using Kosha.WebDav.Links;
using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Methods;

/// <summary>
/// GET and HEAD (RFC 9110, 9.3): one query, conditions, then bytes with ranges, or a redirect to the store for clients
/// that can take it. A folder is answered with an index for people. Reads never wait on locks.
/// </summary>
internal sealed class Get(NodeTree tree, Vault vault, ContentLinks links)
{
    public async Task AnswerAsync(DavRequest request)
    {
        if (request.Conditions.StateLists.Count > 0)
            await tree.CheckAsync(request.Caller, request.Path, request.Conditions, request.Aborted);
        var node = await tree.FindAsync(request.Caller, request.Path, request.Aborted) ?? throw DavException.NotFound();
        var status = Preconditions.ForRead(request, node);
        if (status == StatusCodes.Status412PreconditionFailed)
            throw new DavException(status, "The file is not in the state that the request names.");
        if (node.IsFolder)
            await new FolderIndex(tree).AnswerAsync(request, node);
        else if (status == StatusCodes.Status304NotModified)
            AnswerNotModified(request.Response, node);
        else if (await links.FindRedirectAsync(request, node) is { } target)
            Redirect(request.Response, target);
        else
            await AnswerFileAsync(request, node);
    }

    private static void AnswerNotModified(HttpResponse response, FileNode node)
    {
        WriteValidators(response, node);
        response.StatusCode = StatusCodes.Status304NotModified;
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

    private async Task AnswerFileAsync(DavRequest request, FileNode node)
    {
        WriteValidators(request.Response, node);
        ContentHeaders.Write(request.Response, ContentHeaders.Of(node));
        var content = new RangedContent(request.Http, node.Size, part =>
            vault.OpenAsync(node, part.Offset, part.Length, request.Aborted));
        await content.AnswerAsync(Preconditions.RangeApplies(request, node) ? request.Range : null);
    }

    private static void WriteValidators(HttpResponse response, FileNode node)
    {
        response.Headers.ETag = EntityTags.Format(node.Etag);
        response.Headers.LastModified = node.ModifiedAt.ToString("R", CultureInfo.InvariantCulture);
        response.Headers.CacheControl = "private, no-cache";
    }
}
