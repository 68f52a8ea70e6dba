using Kosha.Storage;
using Kosha.Storage.Sharing;
using Kosha.Storage.Tree;
using Kosha.Storage.Uploads;
using Kosha.Tests.Infrastructure;
using Xunit;
using static Kosha.Tests.Storage.TestUser;

namespace Kosha.Tests.Storage.Tree;

/// <summary>By setting, a write that does not fit removes old trash, and no more than it needs.</summary>
public sealed class FreeTrashTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private static readonly CancellationToken None = CancellationToken.None;

    private NodeTree tree = null!;
    private Vault vault = null!;

    protected override async Task PrepareAsync()
    {
        tree = new(Storage.Database) { FreesTrash = true };
        vault = new(Storage.Database, tree, Storage.Store, Storage.Spools);
        await User.SetPlanAsync("max_bytes = 100, max_nodes = 6");
        await User.MakeFoldersAsync("folder");
        await User.PutAsync("folder/in", new string('f', 10));
        foreach (var name in (string[])["a", "b", "c"])
            await User.PutAsync(name, new string(name[0], 30));
        foreach (var name in (string[])["folder", "a", "b", "c"])
            await User.TrashAsync(name);
        // All but the last are older than a day.
        await Storage.ExecuteAsync("""
            update file_nodes set trashed_at = trashed_at - interval '25 hours'
            where trashed_at is not null and name <> 'c'
            """);
    }

    public override async ValueTask DisposeAsync()
    {
        await Storage.AssertCleanAsync();
        await base.DisposeAsync();
    }

    private Task PutAsync(string path, int size) =>
        vault.WriteAsync(User.Caller, At(path), Body(new string('x', size)), new(), None);

    private async Task<string[]> TrashedAsync() =>
        [.. (await Storage.Tree.ListTrashAsync(User.Caller, null, 10, None)).Select(node => node.Name)];

    [Fact]
    public async Task The_oldest_go_as_far_as_is_needed_and_folders_with_members_stay()
    {
        await RefusedAsync(StorageFault.QuotaExceeded, () => User.PutAsync("new", "x"));
        await PutAsync("new", 25);
        Assert.Equal(["c", "b", "folder"], await TrashedAsync());
        Assert.Equal((95, 5), await User.UsageAsync());
        await PutAsync("more", 35);
        Assert.Equal(["c", "folder"], await TrashedAsync());
        Assert.Equal((100, 5), await User.UsageAsync());
        await RefusedAsync(StorageFault.QuotaExceeded, () => PutAsync("last", 1));
        Assert.Equal(["c", "folder"], await TrashedAsync());
    }

    [Fact]
    public async Task Nothing_goes_where_all_of_it_is_not_enough()
    {
        await RefusedAsync(StorageFault.QuotaExceeded, () => PutAsync("new", 61));
        Assert.Equal(4, (await TrashedAsync()).Length);
        await PutAsync("new", 60);
        Assert.Equal(["c", "folder"], await TrashedAsync());
    }

    [Fact]
    public async Task The_look_counts_the_trash_where_the_announced_bytes_do_not_fit_without_it()
    {
        var none = WriteConditions.None;
        Assert.Equal(0, (await tree.AllowWriteAsync(User.Caller, At("new"), none, announced: 0, None)).MaxBytes);
        Assert.Equal(60, (await tree.AllowWriteAsync(User.Caller, At("new"), none, announced: 1, None)).MaxBytes);
        Assert.Equal(60, (await tree.AllowWriteAsync(User.Caller, At("new"), none, announced: null, None)).MaxBytes);
    }

    [Fact]
    public async Task Too_many_nodes_are_no_hindrance_either()
    {
        await User.SetPlanAsync("max_bytes = null, max_nodes = 5");
        await PutAsync("new", 1);
        Assert.Equal(["c", "b", "folder"], await TrashedAsync());
        Assert.Equal(5, (await User.UsageAsync()).Nodes);
    }

    [Fact]
    public async Task Versions_of_what_goes_are_freed_with_it()
    {
        await User.SetPlanAsync("version_days = 30, max_bytes = 110");
        await Storage.ExecuteAsync($"""
            insert into versions (node_id, user_id, blob_id, size, etag, modified_at)
            select id, user_id, blob_id, size, etag, modified_at from file_nodes where name = 'a';
            update usage set bytes = bytes + 30 where user_id = {User.Caller.UserId};
            """);
        await User.SetPlanAsync("max_bytes = 130");
        await PutAsync("new", 60);
        Assert.Equal(["c", "b", "folder"], await TrashedAsync());
        Assert.Equal((130, 5), await User.UsageAsync());
    }

    [Fact]
    public async Task An_upload_reserves_what_it_frees()
    {
        using var uploads = new DirectUploads(
            Storage.Database, tree, vault, Storage.Store, Storage.Spools, new UploadLimits(10));
        var hash = new Kosha.Storage.Blobs.BlobId(Convert.FromHexString(StorageFixture.HashOf("some other content")));
        var begun = await uploads.BeginAsync(User.Caller, new(At("new"), 60, hash), None);
        Assert.Equal(UploadState.Open, begun.Upload.State);
        Assert.Equal(["c", "folder"], await TrashedAsync());
        await RefusedAsync(StorageFault.QuotaExceeded, () =>
            uploads.BeginAsync(User.Caller, new(At("more"), 60, hash), None));
    }

    [Fact]
    public async Task Who_waits_for_another_to_charge_has_taken_nothing_away_yet()
    {
        Task write = null!;
        await Storage.Database.WriteAsync(async transaction =>
        {
            await using var hold = transaction.Connection!.CreateCommand();
            hold.CommandText = $"select from usage where user_id = {User.Caller.UserId} for update";
            await hold.ExecuteNonQueryAsync();
            write = PutAsync("new", 25);
            await Eventually.TrueAsync("the writer waits", async () => await Storage.SqlAsync<long>("""
                select count(*) from pg_stat_activity
                where datname = current_database() and wait_event_type = 'Lock'
                """) > 0);
            Assert.Equal(4, await Storage.SqlAsync<long>("""
                with free as (select id from file_nodes where trashed_at is not null for update skip locked)
                select count(*) from free
                """));
        }, None);
        await write;
        Assert.Equal(["c", "b", "folder"], await TrashedAsync());
    }

    [Fact]
    public async Task Of_writers_at_once_those_that_fit_succeed_and_the_sum_is_exact()
    {
        var succeeded = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async n =>
        {
            try
            {
                await vault.WriteAsync(User.Caller, At($"new{n}"), Body(new string((char)('0' + n), 30)), new(), None);
                Interlocked.Increment(ref succeeded);
            }
            catch (StorageException e) when (e.Fault == StorageFault.QuotaExceeded)
            {
                // The others took what could be freed.
            }
        }));
        Assert.Equal(2, succeeded);
        Assert.Equal((100, 5), await User.UsageAsync());
    }

    [Fact]
    public async Task Visitors_take_nothing_of_the_owners_trash_away()
    {
        await User.SetPlanAsync("max_nodes = 7");
        await User.MakeFoldersAsync("box");
        var hash = new byte[32];
        var links = new ShareLinkTable(Storage.Database);
        var box = await User.GetAsync("box");
        await links.AddAsync(User.Caller, new(box.Id, hash, [1]) { AllowsUpload = true }, None);
        var visitor = (await links.FindAsync(hash, None))!.Reader(null) with { IsReadOnly = false };
        var beside = new FileWrite { IsBeside = true };
        await RefusedAsync(StorageFault.QuotaExceeded, () =>
            vault.WriteAsync(visitor, At("new"), Body("x"), beside, None));
        await vault.WriteAsync(visitor, At("empty"), Body(""), beside, None);
        await User.SetPlanAsync($"max_nodes = {(await User.UsageAsync()).Nodes}");
        // Also where the look had found room.
        await RefusedAsync(StorageFault.QuotaExceeded, () =>
            tree.NameAsync(visitor, At("new"), beside, claim: null, size: 0, None));
        Assert.Equal(4, (await TrashedAsync()).Length);
        await PutAsync("new", 1);
    }
}
