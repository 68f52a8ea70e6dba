using System.Security.Cryptography;
using System.Text;
using Kosha.Storage;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage;

public sealed class VaultTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private static Task<WriteResult> WriteAsync(TestUser who, string path, byte[] content, FileWrite? write = null) =>
        who.PutAsync(path, new MemoryStream(content), write ?? new());

    private static Task<WriteResult> WriteAsync(TestUser who, string path, string content, FileWrite? write = null) =>
        WriteAsync(who, path, Encoding.UTF8.GetBytes(content), write);

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
        var result = await WriteAsync(User, "f", content, write);
        Assert.True(result.Created);
        var file = (await User.FindAsync("f"))!;
        Assert.Equal(size, file.Size);
        Assert.Equal(size == 0 ? null : SHA1.HashData(content), file.Sha1);
        Assert.Equal(size == 0 ? null : MD5.HashData(content), file.Md5);
        await using var stream = await Storage.Vault.OpenAsync(
            file, size / 3, size - (size / 3), CancellationToken.None);
        using var read = new MemoryStream();
        await stream.CopyToAsync(read);
        Assert.Equal(content[(size / 3)..], read.ToArray());
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task Equal_bytes_are_stored_once_and_charged_to_everybody()
    {
        var other = await Storage.NewUserAsync();
        await WriteAsync(User, "a", "the same");
        await WriteAsync(User, "b", "the same");
        await WriteAsync(other, "c", "the same");
        Assert.Equal(1, await Storage.SqlAsync<long>("select count(*) from blobs"));
        Assert.Equal(1, (await Storage.ReconcileAsync()).Listed);
        Assert.Equal(16, (await User.UsageAsync()).Bytes);
        Assert.Equal(8, (await other.UsageAsync()).Bytes);
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task A_refused_write_leaves_the_old_file_as_it_was()
    {
        var old = (await WriteAsync(User, "f", "old")).Node;
        FileWrite[] wrong =
        [
            new() { Sha1 = new byte[20] }, new() { Md5 = new byte[16] }, new() { Sha256 = new byte[32] },
            new() { AnnouncedBytes = 4 }, new() { AnnouncedBytes = 2 },
        ];
        foreach (var write in wrong)
            Assert.Equal(StorageFault.DigestMismatch,
                await TestUser.FaultAsync(() => WriteAsync(User, "f", "new", write)));
        await Assert.ThrowsAsync<IOException>(() => User.PutAsync("f", new BrokenStream(700_000), new()));
        var now = (await User.FindAsync("f"))!;
        Assert.Equal((old.Etag, old.ModifiedAt, "old"), (now.Etag, now.ModifiedAt, await User.ReadAsync("f")));
        Assert.Equal(1, await Storage.SqlAsync<long>("select count(*) from blobs"));
        await Storage.AssertCleanAsync();
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
        Assert.True((await WriteAsync(User, "f", bytes, write)).Created);
        Assert.False((await WriteAsync(User, "f", bytes, write)).Created);
    }

    [Fact]
    public async Task Every_write_of_content_makes_a_new_etag()
    {
        var first = (await WriteAsync(User, "f", "same")).Node;
        var second = (await WriteAsync(User, "f", "same")).Node;
        Assert.Equal(first.Id, second.Id);
        Assert.NotEqual(first.Etag, second.Etag);
    }

    [Fact]
    public async Task A_time_of_the_client_is_kept_and_remembered_as_such()
    {
        var time = new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc);
        var set = (await WriteAsync(User, "f", "x", new() { ModifiedAt = time })).Node;
        Assert.Equal((time, true), (set.ModifiedAt, set.ModifiedByClient));
        var plain = (await WriteAsync(User, "f", "y")).Node;
        Assert.False(plain.ModifiedByClient);
        Assert.InRange(DateTime.UtcNow - plain.ModifiedAt, TimeSpan.FromSeconds(-60), TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Conditions_are_judged_by_the_write_itself()
    {
        var file = (await WriteAsync(User, "f", "old")).Node;
        var ifNew = new FileWrite { Conditions = new() { IfNoneMatch = new(Any: true, []) } };
        var ifSame = new FileWrite { Conditions = new() { IfMatch = new(Any: false, [file.Etag]) } };
        Assert.Equal(StorageFault.ConditionFailed,
            await TestUser.FaultAsync(() => WriteAsync(User, "f", "x", ifNew)));
        await WriteAsync(User, "f", "second", ifSame);
        Assert.Equal(StorageFault.ConditionFailed,
            await TestUser.FaultAsync(() => WriteAsync(User, "f", "third", ifSame)));
        Assert.Equal("second", await User.ReadAsync("f"));
    }

    [Fact]
    public async Task Limits_of_the_plan_stop_a_body_as_soon_as_it_is_too_long()
    {
        var small = await Storage.NewUserAsync(maxBytes: 1000, maxNodes: 4, maxFileBytes: 300);
        await RefusedAsync(StorageFault.FileTooLarge, small, "a", 301);
        foreach (var name in new[] { "a", "b", "c" })
            await WriteAsync(small, name, Content(300));
        await RefusedAsync(StorageFault.FileTooLarge, small, "a", 301);
        await RefusedAsync(StorageFault.QuotaExceeded, small, "d", 101);
        using var endless = new PatternStream(1L << 40, seed: 1);
        Assert.Equal(StorageFault.FileTooLarge, await TestUser.FaultAsync(() => small.PutAsync("a", endless, new())));
        Assert.InRange(endless.Position, 301, 4 << 20);

        await WriteAsync(small, "d", Content(100));
        await WriteAsync(small, "a", Content(200));
        await RefusedAsync(StorageFault.QuotaExceeded, small, "e", 0);
        Assert.Equal(StorageFault.QuotaExceeded, await TestUser.FaultAsync(() => small.MakeFolderAsync("e")));
        await Storage.AssertCleanAsync();
    }

    private async Task RefusedAsync(StorageFault fault, TestUser who, string path, int size) =>
        Assert.Equal(fault, await TestUser.FaultAsync(() => WriteAsync(who, path, Content(size))));

    [Fact]
    public async Task A_damaged_blob_fails_loudly_and_is_healed_by_the_same_bytes()
    {
        await WriteAsync(User, "a", "precious");
        await User.CopyAsync("a", "b");
        await Storage.ExecuteAsync("update blobs set state = 'damaged'");
        Assert.Equal(StorageFault.Damaged, await TestUser.FaultAsync(() => User.ReadAsync("a")));
        await WriteAsync(User, "c", "precious");
        Assert.Equal("precious", await User.ReadAsync("a"));
        Assert.Equal("precious", await User.ReadAsync("b"));
        Assert.Equal(1, await Storage.SqlAsync<long>("select count(*) from blob_objects where doomed_at is not null"));
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task A_missing_object_is_an_error_and_never_an_empty_file()
    {
        await WriteAsync(User, "a", "precious");
        foreach (var file in Directory.GetFiles(Storage.BlobFolder, "*", SearchOption.AllDirectories))
            File.Delete(file);
        Assert.Equal(StorageFault.Damaged, await TestUser.FaultAsync(() => User.ReadAsync("a")));
    }

    [Fact]
    public async Task A_condemned_blob_lives_again_when_it_is_written_again()
    {
        await WriteAsync(User, "a", "back again");
        await Storage.ExecuteAsync("update blobs set state = 'condemned', condemned_at = now()");
        await WriteAsync(User, "b", "back again");
        Assert.Equal("live", await Storage.SqlAsync<string>("select state from blobs"));
    }

    [Fact]
    public async Task Bytes_of_an_interrupted_write_are_stored_anew()
    {
        await WriteAsync(User, "a", "half stored");
        var file = Storage.FileOf("half stored");
        await Storage.ExecuteAsync("update file_nodes set blob_id = null, size = 0 where blob_id is not null");
        await Storage.ExecuteAsync("update blobs set state = 'storing'");
        File.WriteAllText(file, "garbage");
        await WriteAsync(User, "a", "half stored");
        Assert.Equal("half stored", await User.ReadAsync("a"));
    }

    [Fact]
    public async Task Many_writers_of_the_same_bytes_all_succeed()
    {
        var content = Content(300_000);
        await Task.WhenAll(Enumerable.Range(0, 16).Select(i => WriteAsync(User, $"f{i}", content)));
        Assert.Equal(1, await Storage.SqlAsync<long>("select count(*) from blobs"));
        await Storage.AssertCleanAsync();
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
