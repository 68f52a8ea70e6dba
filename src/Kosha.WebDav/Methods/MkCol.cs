using Kosha.Storage.Tree;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Kosha.WebDav.Methods;

/// <summary>MKCOL (RFC 4918, 9.3).</summary>
internal sealed class MkCol(NodeTree tree)
{
    public async Task AnswerAsync(DavRequest request)
    {
        if (await HasBodyAsync(request))
            throw new DavException(415, "MKCOL takes no body.");
        await tree.CreateFolderAsync(request.Caller, request.Path, request.Conditions, request.Aborted);
        request.Response.StatusCode = StatusCodes.Status201Created;
    }

    /// <summary>A chunked body may still be empty; only reading tells.</summary>
    private static async Task<bool> HasBodyAsync(DavRequest request)
    {
        var http = request.Http;
        if (http.Request.ContentLength is { } length)
            return length > 0;
        var canHaveBody = http.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody ?? false;
        return canHaveBody && await http.Request.Body.ReadAsync(new byte[1], request.Aborted) > 0;
    }
}
