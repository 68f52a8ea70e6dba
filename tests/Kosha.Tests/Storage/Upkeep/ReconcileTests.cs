using Kosha.Storage;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Upkeep;

/// <summary>Rows without objects and objects without rows, and when it is wiser to ask.</summary>
public sealed class ReconcileTests(SharedPostgres postgres) : StorageTest(postgres)
{
    protected override async Task PrepareAsync()
    {
        await User.PutAsync("file", "content");
    }

    private string PlantForeign(string content)
    {
        var path = Storage.FileOf(content);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
        return path;
    }

    [Fact]
    public async Task Where_all_is_well_nothing_happens()
    {
        var found = await Storage.ReconcileAsync();
        Assert.Equal((1, 0, 0, null), (found.Listed, found.Missing.Count, found.Foreign, found.Stopped));
        Assert.Equal("content", await User.ReadAsync("file"));
        Assert.Equal(0L, await Storage.SqlAsync<long>("select count(*) from store_listing"));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("short")]
    public async Task A_missing_or_cut_object_damages_its_blob_and_the_next_upload_heals_it(string? bytes)
    {
        if (bytes is null)
            File.Delete(Storage.FileOf("content"));
        else
            File.WriteAllText(Storage.FileOf("content"), bytes);
        Assert.Equal(1, (await Storage.ReconcileAsync(evenIfMany: true)).Missing.Count);
        await TestUser.RefusedAsync(StorageFault.Damaged, () => User.ReadAsync("file"));
        await User.PutAsync("again", "content");
        Assert.Equal("content", await User.ReadAsync("file"));
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task A_foreign_object_is_doomed_and_deleted_and_its_content_may_come()
    {
        var path = PlantForeign("foreign");
        var found = await Storage.ReconcileAsync(evenIfMany: true);
        Assert.Equal((1, 1), (found.Foreign, found.Deleted));
        Assert.False(File.Exists(path));
        await User.PutAsync("foreign", "foreign");
        Assert.Equal("foreign", await User.ReadAsync("foreign"));
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task A_foreign_object_that_somebody_claims_just_now_is_left_to_them()
    {
        PlantForeign("foreign");
        await StepPause.HoldAsync("vault.stored", Storage.KeyOf("foreign"), () => User.PutAsync("foreign", "foreign"),
            async () => Assert.Equal(0, (await Storage.ReconcileAsync(evenIfMany: true)).Deleted));
        Assert.Equal("foreign", await User.ReadAsync("foreign"));
    }

    [Fact]
    public async Task An_upload_of_what_is_being_removed_takes_the_next_key()
    {
        PlantForeign("foreign");
        var reconciled = await StepPause.HoldAsync("reconcile.doomed", Storage.KeyOf("foreign"),
            () => Storage.ReconcileAsync(evenIfMany: true), () => User.PutAsync("foreign", "foreign"));
        Assert.Equal(1, reconciled.Deleted);
        Assert.Equal("foreign", await User.ReadAsync("foreign"));
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task What_is_not_kosha_s_and_what_is_young_stays()
    {
        var strange = Path.Combine(Storage.BlobFolder, "notes.txt");
        File.WriteAllText(strange, "x");
        var young = PlantForeign("young");
        var found = await new Kosha.Storage.Upkeep.Reconcile(Storage.Database, Storage.Store)
            .RunAsync(TimeSpan.FromHours(24), evenIfMany: true, CancellationToken.None);
        Assert.Equal(0, found.Deleted);
        Assert.Equal(1, (await Storage.ReconcileAsync(evenIfMany: true)).Strange.Count);
        Assert.True(File.Exists(strange));
        Assert.False(File.Exists(young));
    }

    [Fact]
    public async Task Above_one_in_a_hundred_it_changes_nothing_and_asks()
    {
        for (var number = 0; number < 120; number++)
            await User.PutAsync($"file {number}", $"content {number}");
        File.Delete(Storage.FileOf("content 7"));
        Assert.Null((await Storage.ReconcileAsync()).Stopped);
        Assert.Equal("damaged", await Storage.BlobAsync<string>("content 7", "state"));
        File.Delete(Storage.FileOf("content 8"));
        File.Delete(Storage.FileOf("content 9"));
        Assert.NotNull((await Storage.ReconcileAsync()).Stopped);
        Assert.Equal("live", await Storage.BlobAsync<string>("content 8", "state"));
        Assert.Null((await Storage.ReconcileAsync(evenIfMany: true)).Stopped);
        Assert.Equal("damaged", await Storage.BlobAsync<string>("content 8", "state"));

        var paths = new[] { PlantForeign("a"), PlantForeign("b") };
        Assert.NotNull((await Storage.ReconcileAsync()).Stopped);
        Assert.All(paths, path => Assert.True(File.Exists(path)));
    }

    [Fact]
    public async Task In_a_new_epoch_the_first_reconcile_deletes_nothing_and_no_row_spares_an_upload_until_then()
    {
        var foreign = PlantForeign("foreign");
        await Storage.Installation.AdoptAsync(Storage.Store, CancellationToken.None);
        File.Delete(Storage.FileOf("content"));
        await User.PutAsync("again", "content");
        Assert.Equal("content", await User.ReadAsync("file"));

        var first = await Storage.ReconcileAsync(evenIfMany: true);
        Assert.Equal((true, 1, 0), (first.IsFirstOfEpoch, first.Foreign, first.Deleted));
        Assert.True(File.Exists(foreign));
        Assert.Equal(1, (await Storage.ReconcileAsync(evenIfMany: true)).Deleted);
        await Storage.AssertCleanAsync();
    }
}
