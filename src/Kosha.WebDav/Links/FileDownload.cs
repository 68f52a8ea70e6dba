using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;
using Kosha.WebDav.Methods;
using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Links;

/// <summary>
/// Downloads beside the drive: conditions first, then a redirect to the store where a browser may be sent there, else
/// the bytes, with ranges. Nothing stored runs in Kosha's origin.
/// </summary>
public sealed class FileDownload(Vault vault, LinkSigner signer, TimeProvider time, WebDavOptions options)
{
    private readonly ContentLinks links = new(vault, signer, time, options);

    /// <summary>Whether a GET is answered with bytes, and not by its conditions or that they are damaged.</summary>
    public static bool GivesBytes(HttpContext http, Caller caller, FileNode file) => !file.IsDamaged
        && Preconditions.ForRead(DavRequest.OfFile(http, caller), file) == StatusCodes.Status200OK;

    /// <summary>Answers a GET or HEAD with a file's bytes.</summary>
    /// <param name="file">With its object, as <see cref="NodeTree"/> gives it for reading; no folder.</param>
    /// <param name="asAttachment">To be saved; else it is shown, if its type can do no harm.</param>
    /// <exception cref="StorageException">ConditionFailed, Damaged, Unavailable.</exception>
    public async Task AnswerAsync(HttpContext http, Caller caller, FileNode file, bool asAttachment = true)
    {
        var request = DavRequest.OfFile(http, caller);
        var shown = ContentHeaders.Of(file, asAttachment);
        switch (Preconditions.ForRead(request, file))
        {
            case StatusCodes.Status412PreconditionFailed:
                throw new StorageException(
                    StorageFault.ConditionFailed, "The file is not in the state that the request names.");
            case StatusCodes.Status304NotModified:
                FileAnswer.NotModified(http.Response, file);
                break;
            default:
                if (await links.FindDownloadAsync(request, file, shown) is { } target)
                    FileAnswer.Redirect(http.Response, target);
                else
                    await FileAnswer.SendAsync(request, file, shown, vault);
                break;
        }
    }
}
