using Kosha.Storage.Upkeep;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Upkeep;

/// <summary>A row a day, whatever is counted how often.</summary>
public sealed class DailyTotalsTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private static readonly CancellationToken None = CancellationToken.None;

    private DailyTotals Totals => new(Storage.Database);

    [Fact]
    public async Task A_day_has_its_last_figures()
    {
        var today = DateOnly.FromDateTime(await Storage.SqlAsync<DateTime>("select now() at time zone 'UTC'"));
        await Totals.TakeAsync(None);
        await User.MakeFoldersAsync("folder", "folder/below");
        await User.PutAsync("folder/below/file", "12345");
        await User.PutAsync("file", "12345");
        await User.TrashAsync("folder");
        await Totals.TakeAsync(None);
        await Storage.ExecuteAsync("""
            insert into daily_totals
            select day - n, taken_at, n, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 from daily_totals, unnest(array[1, 40, 1900]) n
            """);
        await Totals.TakeAsync(None);
        var days = await Totals.ListAsync(today.AddDays(-2000), today, None);
        Assert.Equal([40L, 1L, 1L], days.Select(day => day.Totals.Users));
        var last = days[^1].Totals;
        Assert.Equal(today, DateOnly.FromDateTime(days[^1].Day));
        Assert.Equal((2, 2, 1, 5), (last.Files, last.Folders, last.Trash, last.TrashBytes));
        Assert.Equal((10, 1, 5), (last.LogicalBytes, last.Contents, last.StoredBytes));
        Assert.Equal([1L], (await Totals.ListAsync(today.AddDays(-39), today.AddDays(-1), None))
            .Select(day => day.Totals.Users));
    }
}
