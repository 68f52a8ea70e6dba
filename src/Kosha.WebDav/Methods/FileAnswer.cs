using System.Globalization;
using Kosha.Storage;
using Kosha.Storage.Blobs;
using Kosha.Storage.Tree;
using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Methods;

/// <summary>What GET and HEAD of a file are answered with, once its conditions are judged.</summary>
internal static class FileAnswer
{
    public static void NotModified(HttpResponse response, FileNode file)
    {
        WriteValidators(response, file);
        response.StatusCode = StatusCodes.Status304NotModified;
    }

    /// <summary>Nobody may keep the answer: the link soon leads nowhere.</summary>
    public static void Redirect(HttpResponse response, Uri target)
    {
        response.StatusCode = StatusCodes.Status307TemporaryRedirect;
        // As it was signed.
        response.Headers.Location = target.OriginalString;
        response.Headers.CacheControl = "no-store";
        response.ContentLength = 0;
    }

    public static Task SendAsync(DavRequest request, FileNode file, LinkedContent shown, Vault vault)
    {
        WriteValidators(request.Response, file);
        ContentHeaders.Write(request.Response, shown);
        var content = new RangedContent(request.Http, file.Size, part =>
            vault.OpenAsync(file, part.Offset, part.Length, request.Aborted));
        return content.AnswerAsync(Preconditions.RangeApplies(request, file) ? request.Range : null);
    }

    private static void WriteValidators(HttpResponse response, FileNode file)
    {
        response.Headers.ETag = EntityTags.Format(file.Etag);
        response.Headers.LastModified = file.ModifiedAt.ToString("R", CultureInfo.InvariantCulture);
        response.Headers.CacheControl = "private, no-cache";
    }
}
