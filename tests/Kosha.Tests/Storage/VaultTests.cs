using System.Security.Cryptography;
using System.Text;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage;

public sealed class VaultTests(SharedPostgres postgres) : IAsyncLifetime
{
    private TestStore store = null!;
    private Caller caller = null!;

    public async ValueTask InitializeAsync()
    {
        store = await TestStore.NewAsync(postgres);
        caller = await store.NewCallerAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Assert.Equal(0, store.Spools.ReservedBytes);
        Assert.Empty(Directory.GetFiles(store.Spools.Directory));
        await store.DisposeAsync();
    }

    private static byte[] Content(int size, int seed = 1)
    {
        var content = new byte[size];
        new Random(seed).NextBytes(content);
        return content;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(256 * 1024 - 1)]
    [InlineData(256 * 1024)]
    [InlineData(256 * 1024 + 1)]
    [InlineData(1024 * 1024)]
    [InlineData(5_000_000)]
    public async Task What_is_written_is_read_with_its_digests(int size)
    {
        var content = Content(size);
        var write = new FileWrite { AnnouncedBytes = size % 2 == 0 ? size : null };
        var result = await store.WriteAsync(caller, "f", content, write);
        Assert.True(result.Created);
        var file = (await store.FindAsync(caller, "f"))!;
        Assert.Equal(size, file.Size);
        Assert.Equal(size == 0 ? null : SHA1.HashData(content), file.Sha1);
        Assert.Equal(size == 0 ? null : MD5.HashData(content), file.Md5);
        await using var stream = await store.Vault.OpenAsync(file, size / 3, size - (size / 3), CancellationToken.None);
        using var read = new MemoryStream();
        await stream.CopyToAsync(read);
        Assert.Equal(content[(size / 3)..], read.ToArray());
        await store.FsckAsync();
    }

    [Fact]
    public async Task Equal_bytes_are_stored_once_and_charged_to_everybody()
    {
        var other = await store.NewCallerAsync();
        await store.WriteAsync(caller, "a", "the same");
        await store.WriteAsync(caller, "b", "the same");
        await store.WriteAsync(other, "c", "the same");
        Assert.Equal(1, await store.QueryAsync<long>("select count(*) from blobs"));
        Assert.Single(Directory.GetFiles(store.BlobFolder, "*", SearchOption.AllDirectories));
        Assert.Equal(16, (await store.Usage.QuotaAsync(caller, CancellationToken.None)).UsedBytes);
        Assert.Equal(8, (await store.Usage.QuotaAsync(other, CancellationToken.None)).UsedBytes);
        await store.FsckAsync();
    }

    [Fact]
    public async Task A_refused_write_leaves_the_old_file_as_it_was()
    {
        var old = (await store.WriteAsync(caller, "f", "old")).Node;
        FileWrite[] wrong =
        [
            new() { Sha1 = new byte[20] }, new() { Md5 = new byte[16] }, new() { Sha256 = new byte[32] },
            new() { AnnouncedBytes = 4 }, new() { AnnouncedBytes = 2 },
        ];
        foreach (var write in wrong)
            Assert.Equal(StorageFault.DigestMismatch,
                await TestStore.FaultAsync(() => store.WriteAsync(caller, "f", "new", write)));
        await Assert.ThrowsAsync<IOException>(() => store.Vault.WriteAsync(
            caller, TestStore.PathOf("f"), new BrokenStream(700_000), new FileWrite(), CancellationToken.None));
        var now = (await store.FindAsync(caller, "f"))!;
        Assert.Equal((old.Etag, old.ModifiedAt, "old"), (now.Etag, now.ModifiedAt, await store.ReadAsync(caller, "f")));
        Assert.Equal(1, await store.QueryAsync<long>("select count(*) from blobs"));
        await store.FsckAsync();
    }

    [Fact]
    public async Task Right_digests_are_accepted()
    {
        var bytes = Encoding.UTF8.GetBytes("new");
        var write = new FileWrite
        {
            Sha1 = SHA1.HashData(bytes),
            Md5 = MD5.HashData(bytes),
            Sha256 = SHA256.HashData(bytes),
            AnnouncedBytes = 3,
        };
        Assert.True((await store.WriteAsync(caller, "f", bytes, write)).Created);
        Assert.False((await store.WriteAsync(caller, "f", bytes, write)).Created);
    }

    [Fact]
    public async Task Every_write_of_content_makes_a_new_etag()
    {
        var first = (await store.WriteAsync(caller, "f", "same")).Node;
        var second = (await store.WriteAsync(caller, "f", "same")).Node;
        Assert.Equal(first.Id, second.Id);
        Assert.NotEqual(first.Etag, second.Etag);
    }

    [Fact]
    public async Task A_time_of_the_client_is_kept_and_remembered_as_such()
    {
        var time = new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc);
        var set = (await store.WriteAsync(caller, "f", "x", new() { ModifiedAt = time })).Node;
        Assert.Equal((time, true), (set.ModifiedAt, set.ModifiedByClient));
        var plain = (await store.WriteAsync(caller, "f", "y")).Node;
        Assert.False(plain.ModifiedByClient);
        Assert.InRange(DateTime.UtcNow - plain.ModifiedAt, TimeSpan.FromSeconds(-60), TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Conditions_are_judged_by_the_write_itself()
    {
        var file = (await store.WriteAsync(caller, "f", "old")).Node;
        var ifNew = new FileWrite { Conditions = new() { IfNoneMatch = new(Any: true, []) } };
        var ifSame = new FileWrite { Conditions = new() { IfMatch = new(Any: false, [file.Etag]) } };
        Assert.Equal(StorageFault.ConditionFailed,
            await TestStore.FaultAsync(() => store.WriteAsync(caller, "f", "x", ifNew)));
        await store.WriteAsync(caller, "f", "second", ifSame);
        Assert.Equal(StorageFault.ConditionFailed,
            await TestStore.FaultAsync(() => store.WriteAsync(caller, "f", "third", ifSame)));
        Assert.Equal("second", await store.ReadAsync(caller, "f"));
    }

    [Fact]
    public async Task Limits_of_the_plan_stop_a_body_as_soon_as_it_is_too_long()
    {
        var small = await store.NewCallerAsync(maxBytes: 1000, maxNodes: 4, maxFileBytes: 300);
        await RefusedAsync(StorageFault.FileTooLarge, small, "a", 301);
        foreach (var name in new[] { "a", "b", "c" })
            await store.WriteAsync(small, name, Content(300));
        await RefusedAsync(StorageFault.FileTooLarge, small, "a", 301);
        await RefusedAsync(StorageFault.QuotaExceeded, small, "d", 101);
        using var endless = new PatternStream(1L << 40, seed: 1);
        Assert.Equal(StorageFault.FileTooLarge, await TestStore.FaultAsync(() => store.Vault.WriteAsync(
            small, TestStore.PathOf("a"), endless, new FileWrite(), CancellationToken.None)));
        Assert.InRange(endless.Position, 301, 4 << 20);

        await store.WriteAsync(small, "d", Content(100));
        await store.WriteAsync(small, "a", Content(200));
        await RefusedAsync(StorageFault.QuotaExceeded, small, "e", 0);
        Assert.Equal(StorageFault.QuotaExceeded, await TestStore.FaultAsync(() => store.FolderAsync(small, "e")));
        await store.FsckAsync();
    }

    private async Task RefusedAsync(StorageFault fault, Caller who, string path, int size) =>
        Assert.Equal(fault, await TestStore.FaultAsync(() => store.WriteAsync(who, path, Content(size))));

    [Fact]
    public async Task A_damaged_blob_fails_loudly_and_is_healed_by_the_same_bytes()
    {
        await store.WriteAsync(caller, "a", "precious");
        await store.CopyAsync(caller, "a", "b");
        await store.ExecuteAsync("update blobs set state = 'damaged'");
        Assert.Equal(StorageFault.Damaged, await TestStore.FaultAsync(() => store.ReadAsync(caller, "a")));
        await store.WriteAsync(caller, "c", "precious");
        Assert.Equal("precious", await store.ReadAsync(caller, "a"));
        Assert.Equal("precious", await store.ReadAsync(caller, "b"));
        Assert.Equal(1, await store.QueryAsync<long>("select count(*) from blob_objects where doomed_at is not null"));
        await store.FsckAsync();
    }

    [Fact]
    public async Task A_missing_object_is_an_error_and_never_an_empty_file()
    {
        await store.WriteAsync(caller, "a", "precious");
        foreach (var file in Directory.GetFiles(store.BlobFolder, "*", SearchOption.AllDirectories))
            File.Delete(file);
        Assert.Equal(StorageFault.Damaged, await TestStore.FaultAsync(() => store.ReadAsync(caller, "a")));
    }

    [Fact]
    public async Task A_condemned_blob_lives_again_when_it_is_written_again()
    {
        await store.WriteAsync(caller, "a", "back again");
        await store.ExecuteAsync("update blobs set state = 'condemned', condemned_at = now()");
        await store.WriteAsync(caller, "b", "back again");
        Assert.Equal("live", await store.QueryAsync<string>("select state from blobs"));
    }

    [Fact]
    public async Task Bytes_of_an_interrupted_write_are_stored_anew()
    {
        await store.WriteAsync(caller, "a", "half stored");
        var file = Directory.GetFiles(store.BlobFolder, "*", SearchOption.AllDirectories).Single();
        await store.ExecuteAsync("update file_nodes set blob_id = null, size = 0 where blob_id is not null");
        await store.ExecuteAsync("update blobs set state = 'storing'");
        File.WriteAllText(file, "garbage");
        await store.WriteAsync(caller, "a", "half stored");
        Assert.Equal("half stored", await store.ReadAsync(caller, "a"));
    }

    [Fact]
    public async Task Many_writers_of_the_same_bytes_all_succeed()
    {
        var content = Content(300_000);
        await Task.WhenAll(Enumerable.Range(0, 16).Select(i => store.WriteAsync(caller, $"f{i}", content)));
        Assert.Equal(1, await store.QueryAsync<long>("select count(*) from blobs"));
        await store.FsckAsync();
    }

    /// <summary>Gives some bytes and then fails, as the body of a client that goes away.</summary>
    private sealed class BrokenStream(int length) : MemoryStream(new byte[length])
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            Position < Length
                ? base.ReadAsync(buffer, cancellationToken)
                : throw new IOException("The client is gone.");
    }
}
