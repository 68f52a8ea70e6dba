using Kosha.Storage;
using Kosha.Storage.Blobs;
using Xunit;

namespace Kosha.Tests.Storage.Blobs;

public sealed class DiskBlobStoreTests : BlobStoreContract
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly DiskBlobStore store;

    public DiskBlobStoreTests()
    {
        store = new(Folder["blobs"]);
        store.Create();
    }

    protected override IBlobStore Store => store;

    public override void Dispose()
    {
        store.Dispose();
        base.Dispose();
    }

    [Fact]
    public async Task An_object_lies_below_two_folders_of_its_hash_and_belongs_to_its_owner_alone()
    {
        var key = await PutAsync(Content(10));
        Assert.Matches("^([0-9a-f]{2})/([0-9a-f]{2})/\\1\\2[0-9a-f]{60}$", key);
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
            File.GetUnixFileMode(Path.Combine(Folder["blobs"], key[..2])));
    }

    [Fact]
    public async Task What_a_crash_left_is_removed_by_the_next_start_and_what_is_in_use_is_not()
    {
        var (left, used) = (Path.Combine(Folder["blobs"], "tmp", "left"), Path.Combine(Folder["blobs"], "tmp", "used"));
        await File.WriteAllTextAsync(left, "half a blob");
        await using var inUse = new FileStream(used, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite);
        using var next = new DiskBlobStore(Folder["blobs"]);
        await next.CheckAsync(None);
        Assert.True(File.Exists(left));
        next.Prepare();
        Assert.False(File.Exists(left));
        Assert.True(File.Exists(used));
    }

    [Fact]
    public async Task Checks_at_once_do_not_disturb_each_other()
    {
        await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => Task.Run(async () =>
        {
            using var other = new DiskBlobStore(Folder["blobs"]);
            await other.CheckAsync(None);
        })));
        Assert.Empty(Directory.GetFiles(Path.Combine(Folder["blobs"], "tmp")));
    }

    [Fact]
    public async Task A_folder_that_cannot_be_written_is_unavailable_in_words()
    {
        await File.WriteAllTextAsync(Folder["file"], "a file where the folder should be");
        using var unusable = new DiskBlobStore(Folder["file"]);
        var refusal = Assert.Throws<StorageException>(unusable.Create);
        Assert.Equal(StorageFault.Unavailable, refusal.Fault);
        Assert.Contains(Folder["file"], refusal.Message, StringComparison.Ordinal);
        Assert.Equal(StorageFault.Unavailable, await TestUser.FaultAsync(() => unusable.CheckAsync(None)));
    }

    [Fact]
    public async Task A_folder_that_nobody_made_takes_nothing_and_stays_as_it_is()
    {
        using var unmounted = new DiskBlobStore(Folder.NewFolder("unmounted"));
        Assert.Equal(StorageFault.Unavailable, await TestUser.FaultAsync(() => unmounted.CheckAsync(None)));
        // A large body would come by a rename.
        foreach (var size in (int[])[10, 600_000])
        {
            await using var spool = await SpoolAsync(Content(size));
            var key = Store.Key(spool.Sha256, 1);
            Assert.Equal(StorageFault.Unavailable,
                await TestUser.FaultAsync(() => unmounted.PutAsync(key, spool, None)));
        }
        Assert.Empty(Directory.GetFileSystemEntries(Folder["unmounted"]));
    }

    /// <summary>The smaller one comes from memory, the larger one from a spool on another disk.</summary>
    [Theory]
    [InlineData(200_000)]
    [InlineData(500_000)]
    public async Task Uploads_leave_a_part_of_the_disk_free(int size)
    {
        await using var disk = await SmallDisk.MountAsync(megabytes: 8);
        using var small = new DiskBlobStore(disk.NewFolder("blobs"));
        small.Create();
        Assert.Equal(StorageFault.NoSpace, await TestUser.FaultAsync(async () =>
        {
            for (var more = 0; ; more++)
            {
                await using var spool = await SpoolAsync(Content(size + more));
                await small.PutAsync(small.Key(spool.Sha256, 1), spool, None);
            }
        }));
        var drive = new DriveInfo(disk.Path);
        Assert.InRange(drive.AvailableFreeSpace, drive.TotalSize / 20, (drive.TotalSize / 20) + (2 * size));
        Assert.Empty(Directory.GetFiles(Path.Combine(disk.Path, "blobs", "tmp")));
    }

    /// <summary>A large body's file becomes the object, and its writer may still hold it open.</summary>
    [Fact]
    public async Task An_object_can_be_read_while_its_spool_is_open()
    {
        await using var spool = await SpoolAsync(Content(600_000));
        var key = Store.Key(spool.Sha256, 1);
        await Store.PutAsync(key, spool, None);
        Assert.Equal(Content(600_000), await ReadAllAsync(key, 600_000));
        Assert.Empty(Directory.GetFiles(Folder["spool"]));
    }

    [Fact]
    public async Task A_spool_on_another_file_system_is_copied()
    {
        var elsewhere = Directory.CreateDirectory($"/dev/shm/{Guid.NewGuid():N}").FullName;
        try
        {
            var spools = new SpoolFolder(elsewhere, 64 << 20);
            await using var spool = await spools.ReceiveAsync(
                new MemoryStream(Content(600_000)), null, null, () => new(default, ""), None);
            var key = Store.Key(spool.Sha256, 1);
            await Store.PutAsync(key, spool, None);
            Assert.Equal(Content(600_000), await ReadAllAsync(key, 600_000));
            Assert.Empty(Directory.GetFiles(Path.Combine(Folder["blobs"], "tmp")));
        }
        finally
        {
            Directory.Delete(elsewhere, recursive: true);
        }
    }

    /// <summary>Where a file has only one name, as it has only one on each file system.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Staged_bytes_that_can_have_no_second_name_are_copied(bool isElsewhere)
    {
        const string Key = "uploads/1/2";
        var elsewhere = Directory.CreateDirectory($"/dev/shm/{Guid.NewGuid():N}").FullName;
        try
        {
            if (isElsewhere)
                Directory.CreateSymbolicLink(Folder["blobs/uploads"], elsewhere);
            Directory.CreateDirectory(Folder["blobs/uploads/1"]);
            await File.WriteAllBytesAsync(Folder[$"blobs/{Key}"], Content(600_000));
            var found = (await store.FindStagedAsync(Key, None))!;
            var target = store.Key(new(new byte[BlobId.ByteLength]), 1);
            for (var time = 1; time <= 2; time++)
                await store.CopyAsync(found, target, None);
            await using (var staged = await store.OpenStagedAsync(found, None))
                Assert.Equal(600_000, staged.Length);
            await store.DeleteAsync(Key, None);
            Assert.Equal(Content(600_000), await ReadAllAsync(target, 600_000));
            Assert.Empty(Directory.GetFiles(Folder["blobs/tmp"]));
            await TestUser.RefusedAsync(StorageFault.BytesMissing, () => store.CopyAsync(found, target, None));
            await TestUser.RefusedAsync(StorageFault.BytesMissing, () => store.OpenStagedAsync(found, None));
        }
        finally
        {
            Directory.Delete(elsewhere, recursive: true);
        }
    }
}
