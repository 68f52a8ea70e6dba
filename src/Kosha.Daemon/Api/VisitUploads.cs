using Kosha.Daemon.Auth;
using Kosha.Storage;
using Kosha.Storage.Tree;
using Kosha.WebDav;
using Microsoft.AspNetCore.Http.Features;

namespace Kosha.Daemon.Api;

/// <summary>
/// Files that visitors bring: into the shared folder, of the owner's quota and within the owner's plan, and never over
/// anything that is there.
/// </summary>
internal sealed class VisitUploads(Vault vault, ShareUses uses)
{
    /// <summary>The quota is the limit, and not the API's.</summary>
    public static void AllowAnySize(HttpContext http)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = null;
    }

    /// <exception cref="StorageException">NotAllowed, InvalidName, and those of a write.</exception>
    public async Task<NodeAnswer> ReceiveAsync(
        ShareVisit visit, string name, Stream body, long? announced, string? contentType, CancellationToken ct)
    {
        var made = await vault.WriteAsync(visit.Writer, NodePath.FromNames([name]), body, new()
        {
            IsBeside = true, AnnouncedBytes = announced, ContentType = ContentTypes.Read(contentType),
        }, ct);
        uses.Add(new(visit.Link.Id, visit.Address, Accesses: 0, Downloads: 0, Uploads: 1));
        return new(made.Node);
    }
}
