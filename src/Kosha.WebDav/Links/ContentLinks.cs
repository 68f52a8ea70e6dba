using Kosha.Storage;
using Kosha.Storage.Blobs;
using Kosha.Storage.Tree;
using Kosha.WebDav.Methods;
using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Links;

/// <summary>
/// URLs by which whoever has one reads a file for a short time, without a credential: the store's own where it makes
/// one and the client may be sent there, else the daemon's.
/// </summary>
internal sealed class ContentLinks(Vault vault, LinkSigner signer, TimeProvider time, WebDavOptions options)
{
    private readonly RedirectPolicy policy = new(options);

    /// <summary>Where to send this request for the file's bytes; null: nowhere, the drive sends them.</summary>
    public async ValueTask<Uri?> FindRedirectAsync(DavRequest request, FileNode file) =>
        policy.Applies(request.Http.Request, file.Size, request.Caller.Redirect)
            ? await FindStoreLinkAsync(request.Http.Request, file, ContentHeaders.Of(file))
            : null;

    /// <summary>The same for a download in a browser, with what is said of its bytes.</summary>
    public async ValueTask<Uri?> FindDownloadAsync(DavRequest request, FileNode file, LinkedContent shown) =>
        policy.AppliesToDownload(request.Http.Request, file.Size, request.Caller.Redirect)
            ? await FindStoreLinkAsync(request.Http.Request, file, shown)
            : null;

    /// <summary>An absolute URL, percent-encoded; null for a folder and for a file that cannot be read.</summary>
    public async ValueTask<string?> FindUrlAsync(DavRequest request, FileNode file)
    {
        if (file.IsFolder || file.IsDamaged)
            return null;
        var http = request.Http.Request;
        var shown = ContentHeaders.Of(file);
        if (!policy.IsOff(request.Caller.Redirect) && await FindStoreLinkAsync(http, file, shown) is { } link)
            return link.OriginalString;
        var token = new LinkToken(file.ObjectKey ?? "", file.Size, shown, time.GetUtcNow() + options.LinkLifetime);
        var origin = options.PublicUrl?.GetLeftPart(UriPartial.Authority)
            ?? $"{http.Scheme}://{http.Host.ToUriComponent()}";
        return $"{origin}{LinkEndpoint.Prefix}/{signer.Sign(token)}";
    }

    private async Task<Uri?> FindStoreLinkAsync(HttpRequest request, FileNode file, LinkedContent shown)
    {
        var link = await vault.FindLinkAsync(file, shown, options.LinkLifetime, request.HttpContext.RequestAborted);
        return link is not null && policy.MayLeadTo(link, request) ? link : null;
    }
}
