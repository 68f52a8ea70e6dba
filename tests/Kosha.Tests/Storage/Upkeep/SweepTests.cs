using Kosha.Storage;
using Kosha.Storage.Blobs;
using Kosha.Storage.Upkeep;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Upkeep;

/// <summary>Garbage goes in two steps a grace time apart; what has a name never does.</summary>
public sealed class SweepTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private Task<SweepResult> SweepAsync(double graceHours) =>
        new Sweep(Storage.Database, Storage.Store).RunAsync(TimeSpan.FromHours(graceHours), CancellationToken.None);

    private async Task LeaveGarbageAsync(string content)
    {
        await User.PutAsync("file", content);
        await User.PutAsync("file", "");
    }

    private Task BackdateAsync(string table, string column) =>
        Storage.ExecuteAsync($"update {table} set {column} = {column} - interval '25 hours'");

    [Fact]
    public async Task What_nothing_names_is_condemned_then_removed_and_its_key_is_kept_a_while()
    {
        await LeaveGarbageAsync("garbage");
        Assert.Equal(new(0, 0, 0, 0, 0, false), await SweepAsync(24));
        await BackdateAsync("blobs", "touched_at");
        Assert.Equal(1, (await SweepAsync(24)).Condemned);
        Assert.Equal("condemned", await Storage.BlobAsync<string>("garbage", "state"));
        Assert.Equal(new(0, 0, 0, 0, 0, false), await SweepAsync(24));
        Assert.True(File.Exists(Storage.FileOf("garbage")));

        await BackdateAsync("blobs", "condemned_at");
        Assert.Equal(new(0, 0, 1, 1, 0, false), await SweepAsync(24));
        Assert.False(File.Exists(Storage.FileOf("garbage")));
        Assert.Equal(0L, await Storage.SqlAsync<long>("select count(*) from blobs"));
        Assert.Equal(1L, await Storage.SqlAsync<long>(
            "select count(*) from blob_objects where deleted_at is not null"));

        await BackdateAsync("blob_objects", "deleted_at");
        Assert.Equal(new(0, 0, 0, 0, 1, false), await SweepAsync(24));
        Assert.Equal(0L, await Storage.SqlAsync<long>("select count(*) from blob_objects"));
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task Whatever_has_a_name_stays()
    {
        await User.PutAsync("file", "kept");
        await User.CopyAsync("file", "copy");
        await User.TrashAsync("file");
        await User.MakeFolderAsync("folder");
        await User.PutAsync("folder/other", "also kept");
        await User.TrashAsync("folder");
        for (var round = 0; round < 3; round++)
            Assert.Equal(new(0, 0, 0, 0, 0, false), await Storage.SweepAsync());
        Assert.Equal("kept", await User.ReadAsync("copy"));
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task Every_foreign_key_to_blobs_counts_as_a_name_and_none_deletes()
    {
        var keys = await Storage.SqlAsync<string>("""
            select string_agg(conrelid::regclass || ' ' || confdeltype::text, ',' order by conrelid::regclass::text)
            from pg_constraint
            where confrelid = 'blobs'::regclass
            """);
        Assert.Equal("file_nodes a,versions a", keys);
        Assert.Contains("from versions v where v.blob_id = b.id ", BlobTable.IsNamed, StringComparison.Ordinal);
        Assert.Contains("from file_nodes n where n.blob_id = b.id ", BlobTable.IsNamed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_content_that_never_got_a_name_goes_after_the_grace_time()
    {
        await User.PutAsync("file", "content");
        await User.PutAsync("file", "");
        await Storage.ExecuteAsync("update blobs set state = 'storing'");
        Assert.Equal(0, (await SweepAsync(24)).Removed);
        await BackdateAsync("blobs", "touched_at");
        Assert.Equal(1, (await SweepAsync(24)).Removed);
        Assert.False(File.Exists(Storage.FileOf("content")));
    }

    [Fact]
    public async Task A_damaged_content_without_a_name_goes_too_and_spares_no_upload_meanwhile()
    {
        await LeaveGarbageAsync("content");
        await Storage.ExecuteAsync("update blobs set state = 'damaged'");
        await File.WriteAllTextAsync(Storage.FileOf("content"), "broken");
        Assert.Equal(1, (await Storage.SweepAsync()).Condemned);
        Assert.Equal("damaged", await Storage.BlobAsync<string>("content", "state"));
        await User.PutAsync("healed", "content");
        Assert.Equal(0, (await Storage.SweepAsync()).Removed);
        Assert.Equal("content", await User.ReadAsync("healed"));
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task A_key_reserved_for_a_healing_that_never_came_is_doomed()
    {
        await User.PutAsync("file", "content");
        await Storage.ExecuteAsync(
            $"insert into blob_objects (key, store) values ('{Storage.KeyOf("content")}.2', 'disk')");
        Assert.Equal(0, (await SweepAsync(24)).Removed);
        await BackdateAsync("blob_objects", "made_at");
        Assert.Equal(1, (await SweepAsync(24)).Removed);
        Assert.Equal("content", await User.ReadAsync("file"));
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task A_late_object_under_a_doomed_key_is_deleted_before_the_key_is_free_again()
    {
        await LeaveGarbageAsync("garbage");
        await Storage.SweepAsync();
        Assert.Equal(1, (await Storage.SweepAsync()).Deleted);
        await File.WriteAllTextAsync(Storage.FileOf("garbage"), "garbage");
        await BackdateAsync("blob_objects", "deleted_at");
        Assert.Equal(0, (await Storage.SweepAsync()).Forgotten);
        Assert.Equal(1, (await Storage.SweepAsync()).Deleted);
        Assert.False(File.Exists(Storage.FileOf("garbage")));
        await BackdateAsync("blob_objects", "deleted_at");
        Assert.Equal(1, (await Storage.SweepAsync()).Forgotten);
    }

    [Fact]
    public async Task One_sweep_runs_at_a_time_and_a_dead_one_is_followed()
    {
        await Storage.ExecuteAsync("""
            insert into leases (name, holder, expires_at)
            values ('sweep', gen_random_uuid(), now() + interval '1 minute')
            """);
        await TestUser.RefusedAsync(StorageFault.AlreadyExists, () => Storage.SweepAsync());
        await Storage.ExecuteAsync("update leases set expires_at = now()");
        await Storage.SweepAsync();
        Assert.Equal(0L, await Storage.SqlAsync<long>("select count(*) from leases"));
    }

    [Fact]
    public async Task Nothing_is_deleted_in_a_new_epoch_before_a_reconcile()
    {
        await LeaveGarbageAsync("garbage");
        await Storage.SweepAsync();
        await Storage.Installation.AdoptAsync(Storage.Store, CancellationToken.None);
        Assert.Equal(new(0, 0, 0, 0, 0, Unreconciled: true), await Storage.SweepAsync());
        Assert.True(File.Exists(Storage.FileOf("garbage")));
        Assert.Null((await Storage.ReconcileAsync()).Stopped);
        Assert.Equal(1, (await Storage.SweepAsync()).Deleted);
    }

    [Fact]
    public async Task A_store_of_somebody_else_is_not_swept()
    {
        await LeaveGarbageAsync("garbage");
        await Storage.SweepAsync();
        await Storage.Store.PutIdentityAsync(new(Guid.NewGuid(), 1, 0), replace: true, CancellationToken.None);
        await TestUser.RefusedAsync(StorageFault.Unavailable, () => Storage.SweepAsync());
        Assert.True(File.Exists(Storage.FileOf("garbage")));
    }
}
