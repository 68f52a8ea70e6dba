using Kosha.Storage.Tree;
using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Methods;

/// <summary>UNLOCK (RFC 4918, 9.11).</summary>
internal sealed class Unlock(LockTable locks)
{
    public async Task AnswerAsync(DavRequest request)
    {
        var token = request.LockToken
            ?? throw DavException.BadRequest("UNLOCK needs a Lock-Token header with a token that this server gave.");
        await locks.UnlockAsync(request.Caller, request.Path, token, request.Aborted);
        request.Response.StatusCode = StatusCodes.Status204NoContent;
    }
}
