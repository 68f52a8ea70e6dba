using Kosha.Storage;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Upkeep;

/// <summary>Rows without objects and objects without rows, and when it is wiser to ask.</summary>
public sealed class ReconcileTests(SharedPostgres postgres) : IAsyncLifetime
{
    private StorageFixture storage = null!;
    private TestUser user = null!;

    public async ValueTask InitializeAsync()
    {
        storage = new(postgres);
        await storage.InitializeAsync();
        user = await storage.NewUserAsync();
        await user.PutAsync("file", "content");
    }

    public ValueTask DisposeAsync() => storage.DisposeAsync();

    private string PlantForeign(string content)
    {
        var path = storage.FileOf(content);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
        return path;
    }

    [Fact]
    public async Task Where_all_is_well_nothing_happens()
    {
        var found = await storage.ReconcileAsync();
        Assert.Equal((1, 0, 0, null), (found.Listed, found.Missing.Count, found.Foreign, found.Stopped));
        Assert.Equal("content", await user.ReadAsync("file"));
        Assert.Equal(0L, await storage.SqlAsync<long>("select count(*) from store_listing"));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("short")]
    public async Task A_missing_or_cut_object_damages_its_blob_and_the_next_upload_heals_it(string? bytes)
    {
        if (bytes is null)
            File.Delete(storage.FileOf("content"));
        else
            File.WriteAllText(storage.FileOf("content"), bytes);
        Assert.Equal(1, (await storage.ReconcileAsync(evenIfMany: true)).Missing.Count);
        await TestUser.RefusedAsync(StorageFault.Damaged, () => user.ReadAsync("file"));
        await user.PutAsync("again", "content");
        Assert.Equal("content", await user.ReadAsync("file"));
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task A_foreign_object_is_doomed_and_deleted_and_its_content_may_come()
    {
        var path = PlantForeign("foreign");
        var found = await storage.ReconcileAsync(evenIfMany: true);
        Assert.Equal((1, 1), (found.Foreign, found.Deleted));
        Assert.False(File.Exists(path));
        await user.PutAsync("foreign", "foreign");
        Assert.Equal("foreign", await user.ReadAsync("foreign"));
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task A_foreign_object_that_somebody_claims_just_now_is_left_to_them()
    {
        PlantForeign("foreign");
        using var pause = new StepPause("vault.stored", storage.KeyOf("foreign"));
        var write = Task.Run(() => user.PutAsync("foreign", "foreign"));
        await pause.Reached;
        Assert.Equal(0, (await storage.ReconcileAsync(evenIfMany: true)).Deleted);
        pause.Release();
        await write;
        Assert.Equal("foreign", await user.ReadAsync("foreign"));
    }

    [Fact]
    public async Task An_upload_of_what_is_being_removed_takes_the_next_key()
    {
        PlantForeign("foreign");
        using var pause = new StepPause("reconcile.doomed", storage.KeyOf("foreign"));
        var reconcile = Task.Run(() => storage.ReconcileAsync(evenIfMany: true));
        await pause.Reached;
        await user.PutAsync("foreign", "foreign");
        pause.Release();
        Assert.Equal(1, (await reconcile).Deleted);
        Assert.Equal("foreign", await user.ReadAsync("foreign"));
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task What_is_not_kosha_s_and_what_is_young_stays()
    {
        var strange = Path.Combine(storage.BlobFolder, "notes.txt");
        File.WriteAllText(strange, "x");
        var young = PlantForeign("young");
        var found = await new Kosha.Storage.Upkeep.Reconcile(storage.Database, storage.Store)
            .RunAsync(TimeSpan.FromHours(24), evenIfMany: true, CancellationToken.None);
        Assert.Equal(0, found.Deleted);
        Assert.Equal(1, (await storage.ReconcileAsync(evenIfMany: true)).Strange.Count);
        Assert.True(File.Exists(strange));
        Assert.False(File.Exists(young));
    }

    [Fact]
    public async Task Above_one_in_a_hundred_it_changes_nothing_and_asks()
    {
        for (var number = 0; number < 120; number++)
            await user.PutAsync($"file {number}", $"content {number}");
        File.Delete(storage.FileOf("content 7"));
        Assert.Null((await storage.ReconcileAsync()).Stopped);
        Assert.Equal("damaged", await storage.BlobAsync<string>("content 7", "state"));
        File.Delete(storage.FileOf("content 8"));
        File.Delete(storage.FileOf("content 9"));
        Assert.NotNull((await storage.ReconcileAsync()).Stopped);
        Assert.Equal("live", await storage.BlobAsync<string>("content 8", "state"));
        Assert.Null((await storage.ReconcileAsync(evenIfMany: true)).Stopped);
        Assert.Equal("damaged", await storage.BlobAsync<string>("content 8", "state"));

        var paths = new[] { PlantForeign("a"), PlantForeign("b") };
        Assert.NotNull((await storage.ReconcileAsync()).Stopped);
        Assert.All(paths, path => Assert.True(File.Exists(path)));
    }

    [Fact]
    public async Task In_a_new_epoch_the_first_reconcile_deletes_nothing_and_no_row_spares_an_upload_until_then()
    {
        var foreign = PlantForeign("foreign");
        await storage.Installation.AdoptAsync(storage.Store, CancellationToken.None);
        File.Delete(storage.FileOf("content"));
        await user.PutAsync("again", "content");
        Assert.Equal("content", await user.ReadAsync("file"));

        var first = await storage.ReconcileAsync(evenIfMany: true);
        Assert.Equal((true, 1, 0), (first.IsFirstOfEpoch, first.Foreign, first.Deleted));
        Assert.True(File.Exists(foreign));
        Assert.Equal(1, (await storage.ReconcileAsync(evenIfMany: true)).Deleted);
        await storage.AssertCleanAsync();
    }
}
