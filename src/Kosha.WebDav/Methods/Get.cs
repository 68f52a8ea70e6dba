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
            FileAnswer.NotModified(request.Response, node);
        else if (await links.FindRedirectAsync(request, node) is { } target)
            FileAnswer.Redirect(request.Response, target);
        else
            await FileAnswer.SendAsync(request, node, ContentHeaders.Of(node), vault);
    }
}
