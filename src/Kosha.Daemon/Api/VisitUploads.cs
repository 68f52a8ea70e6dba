using Kosha.Daemon.Auth;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Sharing;
using Kosha.Storage.Tree;
using Kosha.WebDav;
using Microsoft.AspNetCore.Http.Features;

namespace Kosha.Daemon.Api;

/// <summary>
/// Files that visitors bring: into the shared folder, of the owner's quota and within the owner's plan, and never over
/// anything that is there. Also what costs no quota has its limits.
/// </summary>
internal sealed class VisitUploads(Vault vault, ShareUses uses, SignInFailures counts)
{
    /// <summary>Files that come by one link in a minute, on all daemons.</summary>
    public const int FilesPerMinute = 600;

    /// <summary>Files that one daemon receives at once by one link.</summary>
    private const int MaxPerLink = 32;

    /// <summary>Files that one daemon receives at once of all visitors.</summary>
    private const int MaxAtOnce = 64;

    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly Slots slots = new();

    /// <summary>What the files of a link are counted under.</summary>
    public static string SubjectOf(long linkId) => $"files of share link {linkId}";

    /// <summary>The quota is the limit, and not the API's.</summary>
    public static void AllowAnySize(HttpContext http)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = null;
    }

    /// <exception cref="StorageException">NotAllowed, LimitReached, InvalidName, and those of a write.</exception>
    public async Task<VisitUpload> ReceiveAsync(
        ShareVisit visit, string name, Stream body, long? announced, string? contentType, CancellationToken ct)
    {
        var (writer, link) = (visit.Writer, visit.Link);
        using var slot = slots.Enter(
            new($"link {link.Id}", MaxPerLink, $"{MaxPerLink} files at once are enough for one link."),
            new("all", MaxAtOnce, "Too many files are being received just now. Try again in a moment."));
        await CountAsync(link, ct);
        var made = await vault.WriteAsync(writer, NodePath.FromNames([name]), body, new()
        {
            IsBeside = true, AnnouncedBytes = announced, ContentType = ContentTypes.Read(contentType),
        }, ct);
        uses.Add(new(link.Id, visit.Address, Accesses: 0, Downloads: 0, Uploads: 1));
        // Another name than the one that was asked for would say what is there.
        return link.AllowsDownload ? new(made.Node.Name, made.Node.Size, made.Node.Id) : new(name, made.Node.Size);
    }

    private async Task CountAsync(OpenShareLink link, CancellationToken ct)
    {
        if (await counts.CountAttemptAsync(SubjectOf(link.Id), FilesPerMinute, Minute, ct) is { } wait)
            throw new StorageException(StorageFault.LimitReached,
                $"A link takes at most {FilesPerMinute} files in a minute. Try again in a moment.")
            {
                RetryAfter = wait,
            };
    }
}
