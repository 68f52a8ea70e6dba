using Kosha.Storage.Tree;
using Kosha.WebDav.Xml;
using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Methods;

/// <summary>A folder as a plain page of links, for people who open the drive in a browser; streamed.</summary>
internal sealed class FolderIndex(NodeTree tree)
{
    private const string Html = "text/html; charset=utf-8";

    // No script, no form, no frame; names are escaped besides.
    private const string Policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    public async Task AnswerAsync(DavRequest request, FileNode folder)
    {
        var response = request.Response;
        response.ContentType = Html;
        response.Headers.ContentSecurityPolicy = Policy;
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.CacheControl = "private, no-cache";
        if (HttpMethods.IsHead(request.Http.Request.Method))
            return;
        using var output = new XmlOutput(response, Html);
        Begin(output, request.Path);
        var href = DavUrl.Href(request.Path, isFolder: true);
        await foreach (var page in tree.PagesAsync(request.Caller, folder.Id, ListedDetails.None, request.Aborted))
        {
            foreach (var node in page)
            {
                Row(output, href, node);
                await output.FlushIfFullAsync(request.Aborted);
            }
        }
        output.Raw("</table></body></html>\n"u8);
        await output.CompleteAsync(request.Aborted);
    }

    private static void Begin(XmlOutput output, NodePath path)
    {
        output.Raw("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>"u8);
        output.Text(path.ToString());
        output.Raw("</title></head><body><h1>"u8);
        output.Text(path.ToString());
        output.Raw("</h1><table>\n"u8);
        if (path.IsRoot)
            return;
        output.Raw("<tr><td><a href=\""u8);
        output.Raw(DavUrl.Href(path.Parent, isFolder: true));
        output.Raw("\">..</a></td></tr>\n"u8);
    }

    private static void Row(XmlOutput output, string folderHref, FileNode node)
    {
        var slash = node.IsFolder ? "/"u8 : ""u8;
        output.Raw("<tr><td><a href=\""u8);
        output.Raw(folderHref);
        output.Segment(node.Name);
        output.Raw(slash);
        output.Raw("\">"u8);
        output.Text(node.Name);
        output.Raw(slash);
        output.Raw("</a></td><td align=\"right\">"u8);
        if (!node.IsFolder)
            output.Number(node.Size);
        output.Raw("</td><td>"u8);
        output.IsoDate(node.ModifiedAt);
        output.Raw("</td></tr>\n"u8);
    }
}
