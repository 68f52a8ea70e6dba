using System.Globalization;
using Kosha.Storage.Blobs;

namespace Kosha.Storage.Upkeep;

/// <summary>How a check is made.</summary>
public sealed record FsckOptions
{
    /// <summary>Compares sizes of objects and does not read them.</summary>
    public bool Quick { get; init; }

    /// <summary>First mends what can be proven; see <see cref="FsckRepair"/>.</summary>
    public bool Repair { get; init; }
}

/// <summary>
/// Checks invariants 2 to 7 on a running system (1 is a matter of the server's settings, without which no installation
/// opens, and of the disk). Without <see cref="FsckOptions.Repair"/> it changes nothing, and it
/// never deletes. What changes meanwhile is looked at twice before it is called broken; what cannot be read now is
/// broken, and the check goes on.
/// </summary>
public sealed class Fsck(Database database, IBlobStore store, TextWriter output)
{
    private const int PageSize = 500;

    /// <summary>Contents that are read side by side: of small ones in S3 most of the time is waiting.</summary>
    private const int ReadAtOnce = 4;

    private readonly FsckRows rows = new(database);
    private readonly BlobTable blobs = new(database);

    /// <summary>Prints a table of checks and figures. True if nothing is broken. Fault: Unavailable.</summary>
    public async Task<bool> RunAsync(FsckOptions options, CancellationToken ct)
    {
        var repair = options.Repair ? await RepairAsync(options.Quick, ct) : null;
        await output.WriteLineAsync("result  invariant  check");
        var breaks = await PrintAsync(2, "the store is this installation's", await IdentityAsync(ct));
        breaks += await PrintAsync(
            2, options.Quick ? "every blob has its object, of its size" : "every blob has its bytes",
            repair?.Unreadable ?? await BrokenBlobsAsync(options.Quick, ct));
        var (foreign, strange) = await WithoutRowAsync(ct);
        breaks += await PrintAsync(3, "every object has a row", foreign);
        foreach (var check in FsckRows.Checks)
            breaks += await PrintAsync(check.Invariant, check.Name, await rows.BrokenAsync(check, ct));
        await PrintFiguresAsync(strange, ct);
        await output.WriteLineAsync(breaks == 0 ? "Clean." : $"{breaks} problems found.");
        return breaks == 0;
    }

    private async Task<RepairResult> RepairAsync(bool quick, CancellationToken ct)
    {
        var repair = await new FsckRepair(database, store).RunAsync(quick, ct);
        await output.WriteLineAsync($"{repair.Mended.Count} things repaired.");
        await PrintAsync(repair.Mended);
        return repair;
    }

    private async Task<Findings> IdentityAsync(CancellationToken ct)
    {
        var found = new Findings();
        var installation = new InstallationTable(database);
        var state = await installation.StateAsync(ct);
        try
        {
            if (await installation.ProblemAsync(state, store, ct) is { } problem)
                found.Add(problem);
        }
        catch (Exception e) when (ObjectCheck.IsUnreadable(e))
        {
            found.Add(e.Message);
        }
        return found;
    }

    private async Task<Findings> BrokenBlobsAsync(bool quick, CancellationToken ct)
    {
        var broken = new Findings();
        var after = 0L;
        while (await blobs.StoredAsync(after, PageSize, ct) is { Count: > 0 } page)
        {
            foreach (var some in page.Chunk(ReadAtOnce))
                broken.Add((await Task.WhenAll(some.Select(blob => ProblemAsync(blob, quick, ct)))).OfType<string>());
            after = page[^1].Id;
        }
        return broken;
    }

    private async Task<string?> ProblemAsync(BlobRow blob, bool quick, CancellationToken ct) =>
        blob.State != "damaged"
        && (await ObjectCheck.LookAsync(store, blob, quick, ct)).Problem is { } problem
        && await blobs.IsStillAsync(blob, ct)
            ? $"blob {blob.Id} ({blob.ObjectKey}): {problem}" : null;

    /// <summary>
    /// Objects under keys of Kosha's form without a row, which break a promise; and all others, which are not Kosha's.
    /// </summary>
    private async Task<(Findings Foreign, Findings Strange)> WithoutRowAsync(CancellationToken ct)
    {
        var (foreign, strange) = (new Findings(), new Findings());
        try
        {
            await foreach (var page in store.ListAsync(ct).Chunk(PageSize).WithCancellation(ct))
                await SortAsync(page, foreign, strange, ct);
        }
        catch (Exception e) when (ObjectCheck.IsUnreadable(e))
        {
            foreign.Add($"the store cannot be listed whole: {e.Message}");
        }
        return (foreign, strange);
    }

    private async Task SortAsync(StoredObject[] page, Findings foreign, Findings strange, CancellationToken ct)
    {
        foreach (var key in await rows.WithoutRowAsync(Array.ConvertAll(page, stored => stored.Key), ct))
        {
            if (!store.IsBlobKey(key))
                strange.Add(key);
            // Listed before its row went, an object is gone by now.
            else if (await store.FindSizeAsync(key, ct) is not null
                && (await rows.WithoutRowAsync([key], ct)).Count > 0)
                foreign.Add($"{key}: 'kosha blobs reconcile' removes it");
        }
    }

    private async Task PrintFiguresAsync(Findings strange, CancellationToken ct)
    {
        if (strange.Count > 0)
            await output.WriteLineAsync(
                $"note    {strange.Count} objects in the store are foreign to Kosha, for example {strange.Shown[0]}");
        foreach (var (name, value) in await rows.FiguresAsync(ct))
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{value,20:N0}  {name}"));
    }

    private async Task<long> PrintAsync(int invariant, string name, Findings broken)
    {
        await output.WriteLineAsync(broken.Count == 0
            ? $"ok      {invariant}          {name}"
            : $"BROKEN  {invariant}          {name}: {broken.Count}");
        await PrintAsync(broken);
        return broken.Count;
    }

    private async Task PrintAsync(Findings found)
    {
        foreach (var line in found.Shown)
            await output.WriteLineAsync($"                   {line}");
        if (found.Count > found.Shown.Count)
            await output.WriteLineAsync($"                   and {found.Count - found.Shown.Count} more");
    }
}
