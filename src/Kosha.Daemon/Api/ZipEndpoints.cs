using System.ComponentModel;
using System.Globalization;
using Kosha.Daemon.Auth;
using Kosha.Daemon.Zip;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;
using Microsoft.Net.Http.Headers;

namespace Kosha.Daemon.Api;

/// <summary><c>/api/zip</c>: a selection of folders and files as one file, made while it is sent.</summary>
internal sealed class ZipEndpoints(NodeTree tree, Vault vault)
{
    public const string MediaType = "application/zip";

    /// <summary>Folders and files in one zip file.</summary>
    private const int MaxNodes = 100_000;

    /// <summary>Zip files that one user gets at once, or the visitors of one share link.</summary>
    private const int MaxPerUser = 3;

    /// <summary>Zip files that visitors at one address get at once, by whatever links.</summary>
    private const int MaxPerAddress = 2;

    /// <summary>Zip files that all visitors get at once: users find a place beside them.</summary>
    private const int MaxForVisitors = 4;

    /// <summary>Zip files that one daemon makes at once: each keeps a processor busy.</summary>
    private const int MaxAtOnce = 8;

    private readonly Slots slots = new();

    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<ZipEndpoints>();
        routes.MapGet(ApiErrors.Path + "/zip", self.AnswerAsync).WithTags("Files").For(ApiAccess.Files)
            .WithSummary("Folders and files as a zip file").Produces(200, contentType: MediaType)
            .ProducesProblem(400).ProducesProblem(401).ProducesProblem(404).ProducesProblem(429).ProducesProblem(500)
            .ProducesProblem(503);
    }

    private async Task AnswerAsync(
        [Description("Ids with ',' between them, 1 to 500. What lies below another of them goes with it.")] string ids,
        HttpContext http) => await PackAsync(http, ApiCaller.Of(http), Read(ids), () => Task.CompletedTask);

    /// <summary>Answers with a zip file of what the caller reaches.</summary>
    /// <param name="beginAsync">Once it is clear that there is one, before its first byte.</param>
    public async Task PackAsync(HttpContext http, Caller caller, long[] ids, Func<Task> beginAsync)
    {
        using var slot = slots.Enter(SlotsOf(caller));
        var selected = await tree.SelectAsync(caller, ids, MaxNodes, http.RequestAborted);
        RequireWhole(selected);
        await beginAsync();
        await SendAsync(http, caller, selected);
    }

    private static Slot[] SlotsOf(Caller caller)
    {
        const string Busy = "Too many zip files are being made just now. Try again in a moment.";
        var all = new Slot("all", MaxAtOnce, Busy);
        if (caller.ShareLinkId is not { } link)
            return [Own($"user {caller.UserId}", MaxPerUser), all];
        return
        [
            Own($"link {link}", MaxPerUser), Own($"address {ClientAddress.Of(caller.Address ?? "")}", MaxPerAddress),
            new("visitors", MaxForVisitors, Busy), all,
        ];
    }

    private static Slot Own(string of, int most) => new(of, most, $"{most} zip files at once are enough.");

    /// <summary>Fault: InvalidValue.</summary>
    public static long[] Read(string ids)
    {
        var texts = ids.Split(',', NodeTree.MaxBatch + 1, StringSplitOptions.TrimEntries);
        return Array.ConvertAll(texts, text =>
            long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                ? id : throw RequestValues.Invalid($"ids are 1 to {NodeTree.MaxBatch} numbers."));
    }

    /// <summary>What is known to be damaged is said while it can be said.</summary>
    private static void RequireWhole(IReadOnlyList<FileNode> selected)
    {
        if (selected.FirstOrDefault(node => node.IsDamaged) is { } damaged)
            throw new StorageException(StorageFault.Damaged, $"The stored bytes of '{damaged.Name}' are damaged.");
    }

    private async Task SendAsync(HttpContext http, Caller caller, IReadOnlyList<FileNode> selected)
    {
        var response = http.Response;
        response.ContentType = MediaType;
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.ContentSecurityPolicy = "sandbox; default-src 'none'";
        response.Headers.ContentDisposition = Attachment(selected);
        // From here on there is no other answer than the whole file.
        await response.StartAsync(http.RequestAborted);
        try
        {
            await using var output = new ZipOutput(response.BodyWriter);
            var content = new ZipContent(tree, vault, caller, new ZipWriter(output), http.RequestAborted);
            await content.WriteAsync(selected);
        }
        catch
        {
            // A shorter file that looks whole is worse than none.
            http.Abort();
            throw;
        }
    }

    private static string Attachment(IReadOnlyList<FileNode> selected)
    {
        var header = new ContentDispositionHeaderValue("attachment");
        header.SetHttpFileName((selected is [{ ParentId: not null } one] ? one.Name : "Kosha") + ".zip");
        return header.ToString();
    }
}
