using System.Runtime.CompilerServices;
using Kosha.Storage;
using Kosha.Storage.Blobs;
using Kosha.Tests.Infrastructure;
using Xunit;
using static Kosha.Tests.Storage.StorageFixture;
using static Kosha.Tests.Storage.TestUser;

namespace Kosha.Tests.Storage;

/// <summary>Names and bytes while others sweep, damage, race and run out of space.</summary>
public sealed class VaultBlobTests(StorageFixture storage) : IClassFixture<StorageFixture>
{
    private static string Unique(int length = 20, [CallerMemberName] string test = "") => test.PadRight(length, '.');

    private Task<WriteResult> PutAsync(MeddlingStore meddling, TestUser user, string path, string content) =>
        storage.VaultOn(meddling).WriteAsync(
            user.Caller, At(path), Body(content), new FileWrite(), CancellationToken.None);

    /// <summary>What the sweep does with a blob: row first, its key doomed with it, then the object.</summary>
    private async Task SweepAsync(string content)
    {
        var key = await storage.BlobAsync<string>(content, "object_key");
        await storage.ExecuteAsync($"delete from blobs where object_key = '{key}'");
        await storage.ExecuteAsync($"update blob_objects set doomed_at = now() where key = '{key}'");
        await storage.Store.DeleteAsync(key, CancellationToken.None);
    }

    [Fact]
    public async Task A_blob_swept_between_claim_and_name_is_stored_again_under_a_new_key()
    {
        var user = await storage.NewUserAsync();
        var content = Unique(300_000);
        var store = new MeddlingStore(storage.Store)
        {
            AfterPut = put => put == 1 ? SweepAsync(content) : Task.CompletedTask,
        };
        await PutAsync(store, user, "file", content);
        Assert.Equal(2, store.Puts);
        Assert.Equal(content, await user.ReadAsync("file"));
        Assert.EndsWith(".2", await storage.BlobAsync<string>(content, "object_key"), StringComparison.Ordinal);
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task A_blob_that_is_always_swept_is_refused_and_leaves_the_old_file()
    {
        var user = await storage.NewUserAsync();
        await user.PutAsync("file", "old");
        var content = Unique();
        var store = new MeddlingStore(storage.Store) { AfterPut = _ => SweepAsync(content) };
        await RefusedAsync(StorageFault.Unavailable, () => PutAsync(store, user, "file", content));
        Assert.Equal("old", await user.ReadAsync("file"));
        Assert.Equal((3, 1), await user.UsageAsync());
    }

    [Fact]
    public async Task A_blob_that_turns_damaged_between_claim_and_name_is_healed()
    {
        var user = await storage.NewUserAsync();
        var content = Unique();
        await user.PutAsync("first", content);
        var key = await storage.BlobAsync<string>(content, "object_key");
        await storage.ExecuteAsync($"update blobs set state = 'storing' where object_key = '{key}'");
        var store = new MeddlingStore(storage.Store)
        {
            AfterPut = _ => storage.ExecuteAsync($"update blobs set state = 'damaged' where object_key = '{key}'"),
        };
        await PutAsync(store, user, "second", content);
        Assert.Equal("live", await storage.BlobAsync<string>(content, "state"));
        Assert.Equal(content, await user.ReadAsync("first"));
        await storage.AssertCleanAsync();
    }

    /// <summary>As two daemons that begin at once with one database, and each with its own store.</summary>
    [Fact]
    public async Task A_row_of_another_store_proves_nothing_and_spares_no_upload()
    {
        var user = await storage.NewUserAsync();
        var content = Unique();
        await user.PutAsync("first", content);
        var key = await storage.BlobAsync<string>(content, "object_key");
        await storage.ExecuteAsync($"update blob_objects set store = 's3' where key = '{key}'");
        await RefusedAsync(StorageFault.Unavailable, () => user.PutAsync("second", content));
        Assert.Null(await user.FindAsync("second"));
        await storage.ExecuteAsync($"update blob_objects set store = 'disk' where key = '{key}'");
        await user.PutAsync("second", content);
    }

    [Fact]
    public async Task A_damaged_blob_is_healed_under_a_new_key_and_the_old_key_is_doomed()
    {
        var (user, other) = (await storage.NewUserAsync(), await storage.NewUserAsync());
        var content = Unique();
        await user.PutAsync("file", content);
        await user.CopyAsync("file", "copy");
        for (var generation = 2; generation < 4; generation++)
        {
            var key = await storage.BlobAsync<string>(content, "object_key");
            await File.WriteAllTextAsync(Path.Combine(storage.BlobFolder, key), "broken");
            await storage.ExecuteAsync($"update blobs set state = 'damaged' where object_key = '{key}'");
            await RefusedAsync(StorageFault.Damaged, () => user.ReadAsync("file"));
            await other.PutAsync("file", content);
            var healed = await storage.BlobAsync<string>(content, "object_key");
            Assert.EndsWith($".{generation}", healed, StringComparison.Ordinal);
            Assert.True(await storage.SqlAsync<bool>(
                $"select doomed_at is not null from blob_objects where key = '{key}'"));
            Assert.Equal(content, await user.ReadAsync("copy"));
        }
        await storage.AssertCleanAsync();
    }

    [Theory]
    [InlineData("condemned", 0)]
    [InlineData("storing", 1)]
    public async Task Only_a_live_or_condemned_row_spares_the_put(string state, int puts)
    {
        var user = await storage.NewUserAsync();
        var content = Unique() + state;
        await user.PutAsync("old", content);
        await user.PutAsync("old", "other");
        await storage.ExecuteAsync(
            $"update blobs set state = '{state}', condemned_at = now() where sha256 = '\\x{HashOf(content)}'");
        var store = new MeddlingStore(storage.Store);
        await PutAsync(store, user, "new", content);
        Assert.Equal(puts, store.Puts);
        Assert.Equal("live", await storage.BlobAsync<string>(content, "state"));
        Assert.Equal(default, await storage.BlobAsync<DateTime>(content, "condemned_at"));
        Assert.Equal(content, await user.ReadAsync("new"));
    }

    [Fact]
    public async Task The_bytes_are_there_before_the_name_and_the_row_before_the_bytes()
    {
        var user = await storage.NewUserAsync();
        var content = Unique();
        var seen = "";
        var store = new MeddlingStore(storage.Store)
        {
            AfterPut = async _ =>
                seen = $"{await storage.BlobAsync<string>(content, "state")} {await user.FindAsync("file")}",
        };
        await PutAsync(store, user, "file", content);
        Assert.Equal("storing ", seen);
    }

    [Fact]
    public async Task A_write_refused_by_its_naming_leaves_a_storing_row_and_no_name()
    {
        var user = await storage.NewUserAsync();
        var content = Unique();
        var store = new MeddlingStore(storage.Store) { AfterPut = _ => user.MakeFolderAsync("file") };
        await RefusedAsync(StorageFault.WrongKind, () => PutAsync(store, user, "file", content));
        Assert.Equal("storing", await storage.BlobAsync<string>(content, "state"));
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task An_empty_file_has_no_blob()
    {
        var user = await storage.NewUserAsync();
        await user.PutAsync("file", "");
        Assert.Null((await user.GetAsync("file")).BlobId);
        Assert.Equal("", await user.ReadAsync("file"));
        await user.PutAsync("file", "full");
        await user.PutAsync("file", "");
        Assert.Equal("", await user.ReadAsync("file"));
        Assert.Equal((0, 1), await user.UsageAsync());
    }

    [Fact]
    public async Task A_body_that_breaks_leaves_the_old_file_and_no_spool()
    {
        var user = await storage.NewUserAsync();
        var old = (await user.PutAsync("file", "old")).Node;
        foreach (var breaksAt in (int[])[0, 100_000, 3_000_000])
        {
            var body = new PatternStream(5_000_000, 1)
            {
                BeforeRead = position => position < breaksAt ? Task.CompletedTask : throw new IOException("gone"),
            };
            await Assert.ThrowsAsync<IOException>(() => user.PutAsync("file", body, new FileWrite()));
        }
        Assert.Equal((old.Etag, "old"), ((await user.GetAsync("file")).Etag, await user.ReadAsync("file")));
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task A_full_disk_is_said_so_and_leaves_nothing()
    {
        var user = await storage.NewUserAsync();
        await user.PutAsync("file", "old");
        await using var disk = await SmallDisk.MountAsync(megabytes: 2);
        var spools = new SpoolFolder(disk.NewFolder("spool"), maxBytes: 1L << 30);
        using var store = new DiskBlobStore(disk.NewFolder("blobs"));
        store.Create();
        var vault = storage.VaultOn(store, spools);
        foreach (var announced in (long?[])[null, 8_000_000])
        {
            await RefusedAsync(StorageFault.NoSpace, () => vault.WriteAsync(
                user.Caller, At("file"), new PatternStream(8_000_000, 1), new() { AnnouncedBytes = announced },
                CancellationToken.None));
            Assert.Empty(Directory.GetFiles(spools.Directory));
            Assert.Equal(0, spools.ReservedBytes);
        }
        // A small body goes from memory to the store's own temporary file.
        await File.WriteAllBytesAsync(Path.Combine(spools.Directory, "filler"), new byte[1_990_000]);
        await RefusedAsync(StorageFault.NoSpace, () => vault.WriteAsync(
            user.Caller, At("file"), new PatternStream(200_000, 1), new FileWrite(), CancellationToken.None));
        Assert.Empty(Directory.GetFiles(Path.Combine(disk.Path, "blobs", "tmp")));
        Assert.Equal("old", await user.ReadAsync("file"));
    }
}
