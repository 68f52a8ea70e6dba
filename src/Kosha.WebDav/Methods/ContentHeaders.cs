using System.Net.Mime;
using Kosha.Storage.Blobs;
using Kosha.Storage.Tree;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Kosha.WebDav.Methods;

/// <summary>Headers of every answer with a user's bytes: nothing stored may run in Kosha's origin.</summary>
internal static class ContentHeaders
{
    private const string Sandbox = "sandbox; default-src 'none'";

    /// <summary>How a file's bytes are shown, whoever sends them.</summary>
    public static LinkedContent Of(FileNode node)
    {
        var type = ContentTypes.Of(node);
        return new(type, IsInert(type) ? null : Disposition("attachment", node.Name));
    }

    /// <summary>The same where the name of the file does not stand in the URL.</summary>
    public static LinkedContent Of(FileNode node, bool asAttachment)
    {
        var type = ContentTypes.Of(node);
        return new(type, Disposition(asAttachment || !IsInert(type) ? "attachment" : "inline", node.Name));
    }

    public static void Write(HttpResponse response, LinkedContent content)
    {
        response.ContentType = content.ContentType;
        response.Headers.AcceptRanges = "bytes";
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.ContentSecurityPolicy = Sandbox;
        if (content.Disposition is { } disposition)
            response.Headers.ContentDisposition = disposition;
    }

    /// <summary>Types that a browser shows without running anything.</summary>
    internal static bool IsInert(string contentType)
    {
        var end = contentType.IndexOf(';', StringComparison.Ordinal);
        var type = (end < 0 ? contentType : contentType[..end]).Trim().ToLowerInvariant();
        return type is MediaTypeNames.Text.Plain or MediaTypeNames.Application.Pdf
            || type.StartsWith("audio/", StringComparison.Ordinal)
            || type.StartsWith("video/", StringComparison.Ordinal)
            || (type.StartsWith("image/", StringComparison.Ordinal) && !type.Contains("svg", StringComparison.Ordinal));
    }

    /// <summary>RFC 6266: a plain name for old readers, the true one as filename*.</summary>
    private static string Disposition(string kind, string name)
    {
        var header = new ContentDispositionHeaderValue(kind);
        header.SetHttpFileName(name);
        return header.ToString();
    }
}
