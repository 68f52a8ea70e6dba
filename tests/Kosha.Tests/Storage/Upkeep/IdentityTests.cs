using Kosha.Storage.Blobs;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Upkeep;

/// <summary>A database serves no store but its own.</summary>
public sealed class IdentityTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private readonly StorageFixture other = new(postgres);

    protected override async Task PrepareAsync()
    {
        await other.InitializeAsync();
        // Databases of tests are copies of one.
        await other.ExecuteAsync("update installation set id = gen_random_uuid()");
        await other.Installation.AdoptAsync(other.Store, CancellationToken.None);
    }

    public override async ValueTask DisposeAsync()
    {
        await other.DisposeAsync();
        await base.DisposeAsync();
    }

    private Task<string?> ClaimAsync(IBlobStore store) =>
        Storage.Installation.ClaimStoreAsync(store, CancellationToken.None);

    private async Task AssertAdoptedAsync(IBlobStore store)
    {
        var before = (await Storage.Installation.StateAsync(CancellationToken.None)).Epoch;
        var identity = await Storage.Installation.AdoptAsync(store, CancellationToken.None);
        Assert.True(identity.Epoch > before);
        Assert.Null(await ClaimAsync(store));
        Assert.False((await Storage.Installation.StateAsync(CancellationToken.None)).IsReconciled);
    }

    [Fact]
    public async Task Its_own_store_is_claimed_once_and_recognised_ever_after()
    {
        Assert.Null(await ClaimAsync(Storage.Store));
        Assert.Equal((await Storage.Installation.StateAsync(CancellationToken.None)).Identity,
            await Storage.Store.FindIdentityAsync(CancellationToken.None));
    }

    [Fact]
    public async Task Another_installation_s_store_is_refused()
    {
        Assert.Contains("another installation", await ClaimAsync(other.Store));
        await AssertAdoptedAsync(other.Store);
        Assert.NotNull(await other.Installation.ClaimStoreAsync(other.Store, CancellationToken.None));
    }

    [Fact]
    public async Task A_store_that_lost_its_identity_is_refused()
    {
        // As it is when the disk is not mounted.
        using var empty = new DiskBlobStore(Path.Combine(Storage.BlobFolder, "elsewhere"));
        empty.Create();
        Assert.Contains("mounted", await ClaimAsync(empty));
        await AssertAdoptedAsync(empty);
    }

    [Fact]
    public async Task A_restored_database_is_refused()
    {
        await Storage.Installation.AdoptAsync(Storage.Store, CancellationToken.None);
        await Storage.ExecuteAsync("update installation set epoch = 1");
        Assert.Contains("epoch 2 and the database in epoch 1", await ClaimAsync(Storage.Store));
        await AssertAdoptedAsync(Storage.Store);
    }

    [Fact]
    public async Task A_new_database_and_a_store_in_use_are_refused()
    {
        await Storage.ExecuteAsync("update installation set store_claimed_at = null");
        var user = await other.NewUserAsync();
        await user.PutAsync("file", "content");
        File.Delete(Path.Combine(other.BlobFolder, "kosha-store.json"));
        Assert.Contains("database is new", await ClaimAsync(other.Store));
        await AssertAdoptedAsync(other.Store);
    }

    [Fact]
    public async Task A_database_in_use_from_before_identities_claims_its_store()
    {
        await User.PutAsync("file", "content");
        await Storage.ExecuteAsync("update installation set store_claimed_at = null");
        File.Delete(Path.Combine(Storage.BlobFolder, "kosha-store.json"));
        Assert.Null(await ClaimAsync(Storage.Store));
        Assert.NotNull(await Storage.Store.FindIdentityAsync(CancellationToken.None));
    }

    [Fact]
    public async Task An_identity_that_cannot_be_read_is_replaced_by_adopting_alone()
    {
        File.WriteAllText(Path.Combine(Storage.BlobFolder, "kosha-store.json"), "{");
        await TestUser.RefusedAsync(Kosha.Storage.StorageFault.Unavailable, () => ClaimAsync(Storage.Store));
        await AssertAdoptedAsync(Storage.Store);
    }

    [Fact]
    public async Task A_database_in_use_from_before_identities_refuses_an_empty_store()
    {
        await User.PutAsync("file", "content");
        await Storage.ExecuteAsync("update installation set store_claimed_at = null");
        using var unmounted = new DiskBlobStore(Path.Combine(Storage.BlobFolder, "elsewhere"));
        unmounted.Create();
        Assert.Contains("mounted", await ClaimAsync(unmounted));
        Assert.Null(await unmounted.FindIdentityAsync(CancellationToken.None));
    }

    [Fact]
    public async Task A_copy_of_the_database_from_before_a_deletion_is_refused()
    {
        await User.PutAsync("file", "content");
        await User.PutAsync("file", "");
        var before = await Storage.SqlAsync<long>("select deletions from installation");
        for (var sweep = 0; sweep < 3; sweep++)
            await Storage.SweepAsync();
        Assert.Null(await ClaimAsync(Storage.Store));
        await Storage.ExecuteAsync($"update installation set deletions = {before}");
        Assert.Contains("restored copy", await ClaimAsync(Storage.Store));
        await AssertAdoptedAsync(Storage.Store);
    }

    [Fact]
    public async Task A_copy_of_the_store_from_before_a_deletion_is_refused()
    {
        await User.PutAsync("file", "content");
        await User.PutAsync("file", "");
        var copy = Storage.BlobFolder + ".copy";
        (await Tool.RunAsync("cp", "--archive", Storage.BlobFolder, copy)).MustSucceed();
        for (var sweep = 0; sweep < 3; sweep++)
            await Storage.SweepAsync();
        await User.PutAsync("file", "newer content");
        Directory.Delete(Storage.BlobFolder, recursive: true);
        Directory.Move(copy, Storage.BlobFolder);
        Assert.Contains("store is a restored copy", await ClaimAsync(Storage.Store));
        await AssertAdoptedAsync(Storage.Store);
    }

    [Fact]
    public async Task Sweeps_that_die_before_they_tell_the_store_leave_it_this_database_s_own()
    {
        var dying = new MeddlingStore(Storage.Store) { BeforePutIdentity = () => throw new IOException("died") };
        await User.PutAsync("file", "content");
        await User.PutAsync("file", "");
        await Storage.SweepAsync();
        for (var death = 0; death < 5; death++)
        {
            await Assert.ThrowsAsync<IOException>(() => Storage.SweepAsync(dying));
            Assert.Null(await ClaimAsync(Storage.Store));
        }
        Assert.Equal(1, (await Storage.SweepAsync()).Deleted);
        await AssertSameDeletionsAsync(6);
    }

    [Fact]
    public async Task Two_that_tell_the_store_in_the_wrong_order_leave_it_the_newer_number()
    {
        var others = 1;
        var overtaken = new MeddlingStore(Storage.Store)
        {
            BeforePutIdentity = () => others-- > 0
                ? Storage.ExecuteAsync("update installation set deletions = deletions + 1") : Task.CompletedTask,
        };
        await User.PutAsync("file", "content");
        await User.PutAsync("file", "");
        await Storage.SweepAsync();
        await Storage.SweepAsync(overtaken);
        await AssertSameDeletionsAsync(2);
    }

    [Fact]
    public async Task A_deletion_while_database_and_store_are_compared_is_no_difference()
    {
        await User.PutAsync("file", "content");
        await User.PutAsync("file", "");
        await Storage.SweepAsync();
        var busy = new MeddlingStore(Storage.Store) { BeforeFindIdentity = () => Storage.SweepAsync() };
        Assert.Null(await ClaimAsync(busy));
        await AssertSameDeletionsAsync(1);
    }

    private async Task AssertSameDeletionsAsync(long expected)
    {
        var state = await Storage.Installation.StateAsync(CancellationToken.None);
        Assert.Equal((expected, expected), (state.Deletions, state.StoredDeletions));
        Assert.Equal(state.Identity, await Storage.Store.FindIdentityAsync(CancellationToken.None));
    }

    [Fact]
    public async Task A_disk_s_own_folder_at_its_mount_point_is_no_content()
    {
        await Storage.ExecuteAsync("update installation set store_claimed_at = null");
        using var fresh = new DiskBlobStore(Path.Combine(Storage.BlobFolder, "fresh"));
        fresh.Create();
        var folder = Directory.CreateDirectory(Path.Combine(Storage.BlobFolder, "fresh", "lost+found"));
        await File.WriteAllTextAsync(Path.Combine(folder.FullName, "#12"), "x");
        Assert.Null(await ClaimAsync(fresh));
    }

    [Fact]
    public async Task A_store_is_not_adopted_under_a_running_sweep()
    {
        await Storage.ExecuteAsync("""
            insert into leases (name, holder, expires_at)
            values ('sweep', gen_random_uuid(), now() + interval '1 minute')
            """);
        await TestUser.RefusedAsync(Kosha.Storage.StorageFault.AlreadyExists,
            () => Storage.Installation.AdoptAsync(Storage.Store, CancellationToken.None));
    }
}
