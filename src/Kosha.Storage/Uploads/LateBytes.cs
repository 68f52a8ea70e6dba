using Kosha.Storage.Blobs;

namespace Kosha.Storage.Uploads;

/// <summary>
/// Bytes that came under staging keys after their uploads were cleared: a PUT that began while its URL held may end
/// hours later.
/// </summary>
internal sealed class LateBytes(Database database, IBlobStore store)
{
    private const int PageSize = 1000;

    private readonly UploadTable table = new(database);

    /// <summary>Removes what is older than the grace time. Returns how many objects.</summary>
    /// <param name="grace">Since they were written.</param>
    /// <param name="onlyRemembered">Only those of uploads whose rows are still there.</param>
    /// <param name="eachPage">Called now and then.</param>
    /// <param name="ct">Ends it.</param>
    public async Task<long> RemoveAsync(
        TimeSpan grace, bool onlyRemembered, Func<Task> eachPage, CancellationToken ct)
    {
        var removed = 0L;
        await foreach (var page in store.ListStagedAsync(ct).Chunk(PageSize).WithCancellation(ct))
        {
            await eachPage();
            // Whatever else lies there is not Kosha's.
            var listed = page.Select(stored => (stored, StagingKey.Parse(stored.Key)))
                .Where(found => found.Item2 is not null).Select(found => (found.stored, found.Item2!.Value));
            foreach (var key in await table.LeftAsync([.. listed], grace, onlyRemembered, ct))
            {
                await store.DeleteAsync(key, ct);
                removed++;
            }
        }
        return removed;
    }
}
