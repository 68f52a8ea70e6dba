using Kosha.Storage.Tree;
using Kosha.WebDav.Xml;
using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Methods;

/// <summary>LOCK (RFC 4918, 9.10): a new lock, or without a body a new term for the one that If names.</summary>
internal sealed class Lock(LockTable locks, TimeProvider time)
{
    public async Task AnswerAsync(DavRequest request)
    {
        var body = await LockBody.ReadAsync(request.Http.Request, request.Aborted);
        if (body is null)
            await WriteAsync(request, await RefreshAsync(request));
        else
            await LockAsync(request, body);
    }

    private Task<NodeLock> RefreshAsync(DavRequest request)
    {
        if (request.Conditions.LockTokens.Count == 0)
            throw DavException.BadRequest("Without a body LOCK refreshes a lock, and needs its token in an If header.");
        return locks.RefreshAsync(
            request.Caller, request.Path, request.TimeoutSeconds, request.Conditions, request.Aborted);
    }

    private async Task LockAsync(DavRequest request, LockBody body)
    {
        var isDeep = request.Depth switch
        {
            Depth.Zero => false,
            Depth.Missing or Depth.Infinity => true,
            _ => throw DavException.BadRequest("LOCK takes Depth 0 or infinity."),
        };
        var wish = new LockRequest(body.IsExclusive, isDeep, body.Owner, request.TimeoutSeconds);
        var result = await locks.LockAsync(
            request.Caller, request.Path, wish, request.Conditions, request.Aborted);
        request.Response.StatusCode = result.Created ? StatusCodes.Status201Created : StatusCodes.Status200OK;
        request.Response.Headers["Lock-Token"] = $"<{LockTokens.Format(result.Lock.Token)}>";
        await WriteAsync(request, result.Lock);
    }

    private async Task WriteAsync(DavRequest request, NodeLock given)
    {
        using var output = new XmlOutput(request.Response);
        output.Raw("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:prop xmlns:D=\"DAV:\">"u8);
        ActiveLocks.Write(output, [given], time.GetUtcNow().UtcDateTime);
        output.Raw("</D:prop>\n"u8);
        await output.CompleteAsync(request.Aborted);
    }
}
