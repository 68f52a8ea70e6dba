using System.Security.Cryptography;
using Kosha.Storage;
using Kosha.Storage.Blobs;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Blobs;

public sealed class SpoolTests : IDisposable
{
    private const int Limit = 3_000_000;

    private readonly TestFolder folder = new();
    private readonly SpoolFolder spools;

    public SpoolTests()
    {
        spools = new(folder.NewFolder("spool"), Limit);
        spools.Prepare();
    }

    public void Dispose() => folder.Dispose();

    private Task<Spool> ReceiveAsync(Stream body, long? announced = null, long? max = null) => spools.ReceiveAsync(
        body, announced, max, () => new(StorageFault.FileTooLarge, "too large"), CancellationToken.None);

    private static Task<StorageFault> FaultAsync(Func<Task> work) => TestUser.FaultAsync(work);

    private void AssertNothingLeft()
    {
        Assert.Equal(0, spools.ReservedBytes);
        Assert.Empty(Directory.GetFiles(spools.Directory));
    }

    [Theory]
    [InlineData(0, null)]
    [InlineData(0, 0)]
    [InlineData(15, 15)]
    [InlineData(16, 16)]
    [InlineData(20_000, 3)]
    [InlineData(Spool.MaxMemoryBytes - 1, null)]
    [InlineData(Spool.MaxMemoryBytes, Spool.MaxMemoryBytes)]
    [InlineData(Spool.MaxMemoryBytes, null)]
    [InlineData(2_097_152, 2_097_152)]
    [InlineData(2_500_001, null)]
    public async Task A_body_comes_back_as_it_was_with_its_digests(int size, int? announced)
    {
        await using (var spool = await ReceiveAsync(new PatternStream(size, 1), announced))
        {
            Assert.Equal(size, spool.Size);
            for (var time = 0; time < 2; time++)
            {
                using var bytes = new MemoryStream();
                await using (var source = spool.OpenRead())
                    await source.CopyToAsync(bytes);
                var all = bytes.ToArray();
                Assert.Equal(size, all.Length);
                Assert.Equal(await SHA256.HashDataAsync(new PatternStream(size, 1)), SHA256.HashData(all));
                Assert.Equal(SHA256.HashData(all), spool.Sha256.Bytes);
                Assert.Equal(SHA1.HashData(all), spool.Sha1);
                Assert.Equal(MD5.HashData(all), spool.Md5);
            }
        }
        AssertNothingLeft();
    }

    [Theory]
    [InlineData(100_000)]
    [InlineData(1_000_000)]
    public async Task One_byte_more_than_allowed_ends_the_reading(int max)
    {
        await using (await ReceiveAsync(new PatternStream(max, 1), max: max))
            AssertOpen(max);
        var endless = new PatternStream(1L << 40, 1);
        Assert.Equal(StorageFault.FileTooLarge, await FaultAsync(() => ReceiveAsync(endless, max: max)));
        Assert.InRange(endless.Position, max + 1, max + 3_000_000);
        AssertNothingLeft();
    }

    private void AssertOpen(int max) => Assert.Equal(max > Spool.MaxMemoryBytes ? max : 0, spools.ReservedBytes);

    [Fact]
    public async Task What_is_announced_too_large_is_not_read_at_all()
    {
        var body = new PatternStream(1000, 1);
        Assert.Equal(StorageFault.FileTooLarge, await FaultAsync(() => ReceiveAsync(body, announced: 1001, max: 1000)));
        Assert.Equal(0, body.Position);
    }

    [Fact]
    public async Task All_spools_together_have_a_limit()
    {
        await using var first = await ReceiveAsync(new PatternStream(2_000_000, 1));
        Assert.Equal(StorageFault.Unavailable, await FaultAsync(() => ReceiveAsync(new PatternStream(2_000_000, 1))));
        await using var second = await ReceiveAsync(new PatternStream(1_000_000, 1));
        Assert.Equal(Limit, spools.ReservedBytes);
        await using var small = await ReceiveAsync(new PatternStream(1000, 1));
        await first.DisposeAsync();
        await first.DisposeAsync();
        Assert.Equal(1_000_000, spools.ReservedBytes);
    }

    /// <summary>Else clients who announce much and send little fill the disk beside the limit.</summary>
    [Fact]
    public async Task Space_that_is_taken_for_an_announcement_counts()
    {
        var held = 0L;
        var body = new PatternStream(2_000_000, 1)
        {
            BeforeRead = position =>
            {
                held = position > 1_000_000 ? spools.ReservedBytes : held;
                return Task.CompletedTask;
            },
        };
        await using (await ReceiveAsync(body, announced: 2_900_000))
            Assert.Equal(2_900_000, held);
        Assert.Equal(StorageFault.Unavailable,
            await FaultAsync(() => ReceiveAsync(new PatternStream(2_000_000, 1), announced: Limit + 1L)));
        Assert.Equal(StorageFault.Unavailable,
            await FaultAsync(() => ReceiveAsync(new PatternStream(2_000_000, 1), announced: long.MaxValue)));
        AssertNothingLeft();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(300_000)]
    [InlineData(1_500_000)]
    public async Task A_broken_body_leaves_nothing(int breaksAt)
    {
        var body = new PatternStream(2_000_000, 1)
        {
            BeforeRead = position => position < breaksAt ? Task.CompletedTask : throw new EndOfStreamException("gone"),
        };
        await Assert.ThrowsAsync<EndOfStreamException>(() => ReceiveAsync(body, announced: 2_000_000));
        AssertNothingLeft();
    }

    [Fact]
    public async Task Preparing_removes_what_a_crash_left_and_nothing_in_use()
    {
        await using var inUse = await ReceiveAsync(new PatternStream(1_000_000, 1));
        await File.WriteAllTextAsync(Path.Combine(spools.Directory, "left.spool"), "left");
        new SpoolFolder(spools.Directory, Limit).Prepare();
        Assert.Single(Directory.GetFiles(spools.Directory));
        await using var source = inUse.OpenRead();
        Assert.Equal(inUse.Sha256.Bytes, await SHA256.HashDataAsync(source));
    }
}
