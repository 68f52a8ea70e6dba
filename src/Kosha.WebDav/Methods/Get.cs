using System.Globalization;
using System.Text;
using Kosha.Storage;
using Kosha.Storage.Tree;
using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Methods;

/// <summary>
/// GET and HEAD (RFC 9110, 9.3): one query, conditions, then bytes with ranges. A folder is answered with an index for
/// people. Reads never wait on locks.
/// </summary>
internal sealed class Get(NodeTree tree, Vault vault)
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
        {
            await new FolderIndex(tree).AnswerAsync(request, node);
            return;
        }
        WriteValidators(request.Response, node);
        if (status == StatusCodes.Status304NotModified)
            request.Response.StatusCode = status;
        else
            await AnswerFileAsync(request, node);
    }

    private async Task AnswerFileAsync(DavRequest request, FileNode node)
    {
        var response = request.Response;
        ContentHeaders.Write(response, node);
        var isGet = HttpMethods.IsGet(request.Http.Request.Method);
        var ranges = isGet && Preconditions.RangeApplies(request, node)
            ? ByteRanges.Parse(request.Range, node.Size)
            : null;
        switch (ranges)
        {
            case null:
                response.ContentLength = node.Size;
                if (isGet)
                    await SendAsync(request, node, new ByteRange(0, node.Size));
                break;
            case []:
                AnswerUnsatisfiable(response, node);
                break;
            case [var range]:
                response.StatusCode = StatusCodes.Status206PartialContent;
                response.Headers.ContentRange = ContentRange(range, node);
                response.ContentLength = range.Length;
                await SendAsync(request, node, range);
                break;
            default:
                await SendPartsAsync(request, node, ranges);
                break;
        }
    }

    private static void WriteValidators(HttpResponse response, FileNode node)
    {
        response.Headers.ETag = EntityTags.Format(node.Etag);
        response.Headers.LastModified = node.ModifiedAt.ToString("R", CultureInfo.InvariantCulture);
        response.Headers.CacheControl = "private, no-cache";
    }

    private static void AnswerUnsatisfiable(HttpResponse response, FileNode node)
    {
        response.StatusCode = StatusCodes.Status416RangeNotSatisfiable;
        response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes */{node.Size}");
        response.Headers.ContentType = default;
        response.Headers.ContentDisposition = default;
        response.ContentLength = 0;
    }

    private async Task SendAsync(DavRequest request, FileNode node, ByteRange range)
    {
        if (range.Length == 0)
            return;
        await using var source = await vault.OpenAsync(node, range.Offset, range.Length, request.Aborted);
        await ContentBody.CopyAsync(source, range.Length, request.Response, request.Aborted);
    }

    /// <summary>Several ranges as multipart/byteranges (RFC 9110, 14.6), with a Content-Length.</summary>
    private async Task SendPartsAsync(DavRequest request, FileNode node, IReadOnlyList<ByteRange> ranges)
    {
        var response = request.Response;
        var boundary = Guid.NewGuid().ToString("N");
        var type = response.ContentType;
        var start = $"\r\n--{boundary}\r\nContent-Type: {type}\r\nContent-Range: ";
        var heads = ranges.Select(range =>
            Encoding.ASCII.GetBytes($"{start}{ContentRange(range, node)}\r\n\r\n")).ToList();
        var end = Encoding.ASCII.GetBytes($"\r\n--{boundary}--\r\n");
        // What cannot be opened must be known before the first byte goes out.
        var source = await vault.OpenAsync(node, ranges[0].Offset, ranges[0].Length, request.Aborted);
        response.StatusCode = StatusCodes.Status206PartialContent;
        response.ContentType = $"multipart/byteranges; boundary={boundary}";
        response.ContentLength = ranges.Sum(range => range.Length) + heads.Sum(head => head.Length) + end.Length;
        for (var i = 0; i < ranges.Count; i++)
        {
            if (i > 0)
                source = await vault.OpenAsync(node, ranges[i].Offset, ranges[i].Length, request.Aborted);
            await using (source)
            {
                await response.BodyWriter.WriteAsync(heads[i], request.Aborted);
                await ContentBody.CopyAsync(source, ranges[i].Length, response, request.Aborted);
            }
        }
        await response.BodyWriter.WriteAsync(end, request.Aborted);
    }

    private static string ContentRange(ByteRange range, FileNode node) =>
        string.Create(CultureInfo.InvariantCulture, $"bytes {range.Offset}-{range.Last}/{node.Size}");
}
