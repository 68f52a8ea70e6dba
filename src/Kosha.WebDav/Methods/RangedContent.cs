using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Methods;

/// <summary>
/// The bytes of one content as the answer to a GET or HEAD: all of them, a range, or several. The headers that tell of
/// the content stand in the answer already.
/// </summary>
/// <param name="http">The request.</param>
/// <param name="size">Of the whole content.</param>
/// <param name="open">Opens a part of it, never an empty one.</param>
internal sealed class RangedContent(HttpContext http, long size, Func<ByteRange, Task<Stream>> open)
{
    private readonly HttpResponse response = http.Response;

    /// <param name="range">The Range header, if it counts.</param>
    public async Task AnswerAsync(string? range)
    {
        var isGet = HttpMethods.IsGet(http.Request.Method);
        switch (isGet ? ByteRanges.Parse(range, size) : null)
        {
            case null:
                response.ContentLength = size;
                if (isGet && size > 0)
                    await SendAsync(new ByteRange(0, size));
                break;
            case []:
                AnswerUnsatisfiable();
                break;
            case [var one]:
                response.StatusCode = StatusCodes.Status206PartialContent;
                response.Headers.ContentRange = ContentRange(one);
                response.ContentLength = one.Length;
                await SendAsync(one);
                break;
            case var several:
                await SendPartsAsync(several);
                break;
        }
    }

    private void AnswerUnsatisfiable()
    {
        response.StatusCode = StatusCodes.Status416RangeNotSatisfiable;
        response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes */{size}");
        response.Headers.ContentType = default;
        response.Headers.ContentDisposition = default;
        response.ContentLength = 0;
    }

    private async Task SendAsync(ByteRange range)
    {
        await using var source = await open(range);
        await ContentBody.CopyAsync(source, range.Length, response, http.RequestAborted);
    }

    /// <summary>Several ranges as multipart/byteranges (RFC 9110, 14.6), with a Content-Length.</summary>
    private async Task SendPartsAsync(IReadOnlyList<ByteRange> ranges)
    {
        var boundary = Guid.NewGuid().ToString("N");
        var type = response.ContentType;
        var start = $"\r\n--{boundary}\r\nContent-Type: {type}\r\nContent-Range: ";
        var heads = ranges.Select(range =>
            Encoding.ASCII.GetBytes($"{start}{ContentRange(range)}\r\n\r\n")).ToList();
        var end = Encoding.ASCII.GetBytes($"\r\n--{boundary}--\r\n");
        // What cannot be opened must be known before the first byte goes out.
        var source = await open(ranges[0]);
        response.StatusCode = StatusCodes.Status206PartialContent;
        response.ContentType = $"multipart/byteranges; boundary={boundary}";
        response.ContentLength = ranges.Sum(range => range.Length) + heads.Sum(head => head.Length) + end.Length;
        for (var i = 0; i < ranges.Count; i++)
        {
            if (i > 0)
                source = await open(ranges[i]);
            await using (source)
            {
                await response.BodyWriter.WriteAsync(heads[i], http.RequestAborted);
                await ContentBody.CopyAsync(source, ranges[i].Length, response, http.RequestAborted);
            }
        }
        await response.BodyWriter.WriteAsync(end, http.RequestAborted);
    }

    private string ContentRange(ByteRange range) =>
        string.Create(CultureInfo.InvariantCulture, $"bytes {range.Offset}-{range.Last}/{size}");
}
