using Kosha.Storage;
using Kosha.WebDav.Methods;
using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Links;

/// <summary>
/// <c>/links/{token}</c>: GET and HEAD of the bytes that a token names, with ranges, and nothing else. The token alone
/// decides; cookies and Authorization are not looked at. 404: no token of ours, its time is over, or the content is
/// gone, and a client that wants to know which asks the drive. What is damaged is an error as on the drive (500): a
/// client that heard 404 might take away its own copy.
/// </summary>
public sealed class LinkEndpoint
{
    /// <summary>Where links stand on the server. What follows is a secret and belongs in no log.</summary>
    public const string Prefix = "/links";

    private readonly Vault vault;
    private readonly LinkSigner signer;
    private readonly TimeProvider time;

    internal LinkEndpoint(Vault vault, LinkSigner signer, TimeProvider time) =>
        (this.vault, this.signer, this.time) = (vault, signer, time);

    internal async Task AnswerAsync(HttpContext http)
    {
        var token = signer.Verify((string)http.Request.RouteValues["token"]!, time.GetUtcNow());
        if (token is null || !await IsThereAsync(token, http.RequestAborted))
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }
        ContentHeaders.Write(http.Response, token.Content);
        http.Response.Headers.CacheControl = "no-store";
        // There is no validator, so an If-Range matches nothing.
        var range = http.Request.Headers.IfRange.Count == 0 ? http.Request.Headers.Range.ToString() : null;
        await new RangedContent(http, token.Size, part =>
            vault.OpenAsync(token.ObjectKey, new(part.Offset, part.Length, token.Size), http.RequestAborted))
            .AnswerAsync(range);
    }

    private async ValueTask<bool> IsThereAsync(LinkToken token, CancellationToken ct) =>
        token.Size == 0 || await vault.HasAsync(token.ObjectKey, ct);
}
