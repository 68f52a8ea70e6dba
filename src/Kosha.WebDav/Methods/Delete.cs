using Kosha.Storage.Tree;
using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Methods;

/// <summary>
/// DELETE (RFC 4918, 9.6): into the trash, with all below. Depth is not looked at, because only infinity is allowed and
/// some clients put "Depth: 0" on everything.
/// </summary>
internal sealed class Delete(NodeTree tree)
{
    public async Task AnswerAsync(DavRequest request)
    {
        await tree.TrashAsync(request.Caller, request.Path, request.Conditions, request.Aborted);
        request.Response.StatusCode = StatusCodes.Status204NoContent;
    }
}
