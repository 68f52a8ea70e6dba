using Kosha.Storage;
using Kosha.Storage.Blobs;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Blobs;

/// <summary>What every <see cref="IBlobStore"/> promises, run against each of them.</summary>
public abstract class BlobStoreContract : IDisposable
{
    private readonly TestFolder folder = new();
    private readonly SpoolFolder spools;

    protected BlobStoreContract()
    {
        spools = new(folder.NewFolder("spool"), 64 << 20);
        spools.Prepare();
    }

    /// <summary>Empty and ready for use.</summary>
    protected abstract IBlobStore Store { get; }

    protected TestFolder Folder => folder;

    public virtual void Dispose()
    {
        folder.Dispose();
        GC.SuppressFinalize(this);
    }

    protected Task<Spool> SpoolAsync(byte[] content) =>
        spools.ReceiveAsync(new MemoryStream(content), null, null, () => new(default, ""), CancellationToken.None);

    protected async Task<string> PutAsync(byte[] content, int generation = 1)
    {
        await using var spool = await SpoolAsync(content);
        var key = Store.Key(spool.Sha256, generation);
        await Store.PutAsync(key, spool, CancellationToken.None);
        // The spool is whole after a put: a lost race for the name puts it again.
        await Store.PutAsync(key, spool, CancellationToken.None);
        return key;
    }

    protected Task<byte[]> ReadAllAsync(string key, long size) => ReadAsync(key, BlobPart.Whole(size));

    protected async Task<byte[]> ReadAsync(string key, BlobPart part)
    {
        await using var stream = await Store.OpenAsync(key, part, CancellationToken.None);
        using var bytes = new MemoryStream();
        await stream.CopyToAsync(bytes);
        return bytes.ToArray();
    }

    protected static byte[] Content(int size)
    {
        var content = new byte[size];
        new Random(size).NextBytes(content);
        return content;
    }

    [Fact]
    public Task A_fresh_store_passes_its_check() => Store.CheckAsync(CancellationToken.None);

    [Theory]
    [InlineData(1)]
    [InlineData(100_000)]
    [InlineData(3_000_000)]
    public async Task Bytes_come_back_whole_and_in_part(int size)
    {
        var content = Content(size);
        var key = await PutAsync(content);
        Assert.Equal(size, await Store.FindSizeAsync(key, CancellationToken.None));
        Assert.Equal(content, await ReadAllAsync(key, size));
        Assert.Equal(content[(size / 2)..], await ReadAsync(key, new(size / 2, size - (size / 2), size)));
    }

    [Fact]
    public async Task Generations_are_objects_of_their_own()
    {
        var (first, second) = (await PutAsync(Content(10)), await PutAsync(Content(10), generation: 2));
        Assert.NotEqual(first, second);
        await Store.DeleteAsync(first, CancellationToken.None);
        Assert.Null(await Store.FindSizeAsync(first, CancellationToken.None));
        Assert.Equal(10, await Store.FindSizeAsync(second, CancellationToken.None));
    }

    [Fact]
    public async Task What_is_not_there_is_damaged_to_read_and_nothing_to_delete()
    {
        var key = Store.Key(new(new byte[BlobId.ByteLength]), 1);
        Assert.Null(await Store.FindSizeAsync(key, CancellationToken.None));
        Assert.Equal(StorageFault.Damaged, await TestUser.FaultAsync(() => ReadAllAsync(key, 1)));
        await Store.DeleteAsync(key, CancellationToken.None);
    }

    /// <summary>A longer one must not pass as its own beginning either.</summary>
    [Theory]
    [InlineData(0, 9, 9)]
    [InlineData(0, 11, 11)]
    [InlineData(3, 4, 9)]
    [InlineData(3, 4, 11)]
    [InlineData(11, 1, 12)]
    public async Task An_object_of_another_size_than_its_row_says_is_damaged(long offset, long length, long size)
    {
        var key = await PutAsync(Content(10));
        Assert.Equal(StorageFault.Damaged,
            await TestUser.FaultAsync(() => ReadAsync(key, new BlobPart(offset, length, size))));
    }

    [Fact]
    public async Task Every_object_is_listed_once()
    {
        string[] keys = [await PutAsync(Content(1)), await PutAsync(Content(2)), await PutAsync(Content(300_000))];
        var listed = new List<StoredObject>();
        await foreach (var stored in Store.ListAsync(CancellationToken.None))
            listed.Add(stored);
        Assert.Equal(keys.ToHashSet(), listed.Select(stored => stored.Key).ToHashSet());
        Assert.Equal(keys.Length, listed.Count);
        Assert.Equal(300_003, listed.Sum(stored => stored.Size));
    }

    [Fact]
    public async Task Many_puts_and_reads_of_one_key_at_once_see_whole_bytes()
    {
        foreach (var size in (int[])[1000, 700_000])
        {
            var content = Content(size);
            var key = await PutAsync(content);
            await Task.WhenAll(Enumerable.Range(0, 8).Select(async number =>
            {
                if (number % 2 == 0)
                    await PutAsync(content);
                Assert.Equal(content, await ReadAllAsync(key, size));
            }));
        }
    }

    [Fact]
    public async Task What_was_deleted_can_be_put_again()
    {
        var key = await PutAsync(Content(10));
        await Store.DeleteAsync(key, CancellationToken.None);
        Assert.Equal(key, await PutAsync(Content(10)));
        Assert.Equal(Content(10), await ReadAllAsync(key, 10));
    }

    [Fact]
    public async Task A_new_object_ends_what_stood_under_its_key()
    {
        await using var wrong = await SpoolAsync(Content(7));
        await using var right = await SpoolAsync(Content(300_000));
        var key = Store.Key(right.Sha256, 1);
        await Store.PutAsync(key, wrong, CancellationToken.None);
        await Store.PutAsync(key, right, CancellationToken.None);
        Assert.Equal(Content(300_000), await ReadAllAsync(key, 300_000));
    }

    [Fact]
    public async Task Only_keys_of_the_store_s_own_form_are_its_own()
    {
        var id = new BlobId(new byte[BlobId.ByteLength]);
        Assert.True(Store.IsBlobKey(Store.Key(id, 1)));
        Assert.True(Store.IsBlobKey(Store.Key(id, 27)));
        Assert.False(Store.IsBlobKey(Store.Key(id, 1) + ".bak"));
        Assert.False(Store.IsBlobKey("lost+found/" + id));
        Assert.False(Store.IsBlobKey("README"));
    }

    [Fact]
    public async Task The_identity_is_written_once_unless_replaced_and_never_listed()
    {
        Assert.Null(await Store.FindIdentityAsync(CancellationToken.None));
        var (first, second) = (new StoreIdentity(Guid.NewGuid(), 1, 0), new StoreIdentity(Guid.NewGuid(), 2, 3));
        Assert.True(await Store.PutIdentityAsync(first, replace: false, CancellationToken.None));
        Assert.False(await Store.PutIdentityAsync(second, replace: false, CancellationToken.None));
        Assert.Equal(first, await Store.FindIdentityAsync(CancellationToken.None));
        Assert.True(await Store.PutIdentityAsync(second, replace: true, CancellationToken.None));
        Assert.Equal(second, await Store.FindIdentityAsync(CancellationToken.None));
        await foreach (var stored in Store.ListAsync(CancellationToken.None))
            Assert.Fail($"{stored.Key} is listed.");
    }
}
