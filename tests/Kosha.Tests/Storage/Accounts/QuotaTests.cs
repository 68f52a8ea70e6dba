using Kosha.Storage;
using Kosha.Tests.Infrastructure;
using Xunit;
using static Kosha.Tests.Storage.TestUser;

namespace Kosha.Tests.Storage.Accounts;

public sealed class QuotaTests(StorageFixture storage) : IClassFixture<StorageFixture>
{
    private const int Writers = 32;

    private static async Task<int> SucceededAsync(IEnumerable<Task> writers)
    {
        var succeeded = 0;
        foreach (var writer in writers.ToList())
        {
            try
            {
                await writer;
                succeeded++;
            }
            catch (StorageException e) when (e.Fault == StorageFault.QuotaExceeded)
            {
                // The others took the space.
            }
        }
        return succeeded;
    }

    [Fact]
    public async Task Of_32_writers_at_the_edge_exactly_those_that_fit_succeed()
    {
        var user = await storage.NewUserAsync(maxBytes: 1000);
        var succeeded = await SucceededAsync(Enumerable.Range(0, Writers).Select(n =>
            user.PutAsync($"file{n}", new string((char)('0' + n), 70))));
        Assert.Equal(14, succeeded);
        Assert.Equal((980, 14), await user.UsageAsync());
        Assert.Equal(14, (await user.NamesAsync()).Length);
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task Of_32_writers_exactly_as_many_nodes_as_the_plan_allows_are_made()
    {
        var user = await storage.NewUserAsync(maxNodes: 9);
        var succeeded = await SucceededAsync(Enumerable.Range(0, Writers).Select(n =>
            n % 2 == 0 ? (Task)user.PutAsync($"file{n}", "x") : user.MakeFolderAsync($"folder{n}")));
        Assert.Equal(9, succeeded);
        Assert.Equal(9, (await user.UsageAsync()).Nodes);
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task Overwriters_of_one_file_never_exceed_the_plan_and_leave_exact_usage()
    {
        var user = await storage.NewUserAsync(maxBytes: 100);
        await SucceededAsync(Enumerable.Range(0, Writers).Select(n => user.PutAsync("file", new string('x', 90 + n))));
        Assert.InRange((await user.UsageAsync()).Bytes, 90, 100);
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task What_the_overwritten_file_takes_becomes_free()
    {
        var user = await storage.NewUserAsync(maxBytes: 10);
        await user.PutAsync("file", "0123456789");
        await user.PutAsync("file", "9876543210");
        await RefusedAsync(StorageFault.QuotaExceeded, () => user.PutAsync("file", "01234567890"));
        await RefusedAsync(StorageFault.QuotaExceeded, () => user.PutAsync("other", "x"));
        await user.PutAsync("other", "");
        Assert.Equal("9876543210", await user.ReadAsync("file"));
    }

    [Fact]
    public async Task Over_the_quota_one_can_still_shrink_move_and_delete()
    {
        var user = await storage.NewUserAsync();
        await user.PutAsync("a", "0123456789");
        await user.PutAsync("b", "0123456789");
        await user.SetPlanAsync("max_bytes = 5, max_nodes = 1");
        Assert.Equal(0, (await storage.Usage.QuotaAsync(user.Caller, CancellationToken.None)).AvailableBytes);
        await user.PutAsync("a", "01234");
        await user.MoveAsync("a", "c");
        await user.MoveAsync("c", "b");
        await user.TrashAsync("b");
        Assert.Equal((5, 1), await user.UsageAsync());
    }

    [Fact]
    public async Task A_body_over_the_quota_is_refused_where_it_passes_it()
    {
        var user = await storage.NewUserAsync(maxBytes: 1_000_000);
        var announced = new PatternStream(1_000_001, 1);
        await RefusedAsync(StorageFault.QuotaExceeded, () => user.PutAsync(
            "file", announced, new FileWrite { AnnouncedBytes = announced.Length }));
        Assert.Equal(0, announced.Position);
        var endless = new PatternStream(1L << 40, 1);
        await RefusedAsync(StorageFault.QuotaExceeded, () => user.PutAsync("file", endless, new FileWrite()));
        Assert.InRange(endless.Position, 1_000_001, 4_000_000);
        await user.PutAsync("file", new PatternStream(1_000_000, 1), new FileWrite());
        await storage.AssertCleanAsync();
    }

    [Theory]
    [InlineData(1000L, 10L)]
    [InlineData(null, 10L)]
    [InlineData(10L, 10L)]
    public async Task The_largest_file_has_a_limit_of_its_own(long? maxBytes, long? maxFileBytes)
    {
        var user = await storage.NewUserAsync(maxBytes, maxFileBytes: maxFileBytes);
        await RefusedAsync(StorageFault.FileTooLarge, () => user.PutAsync("file", "01234567890"));
        await user.PutAsync("file", "0123456789");
        await RefusedAsync(StorageFault.FileTooLarge, () => user.PutAsync("file", "01234567890"));
    }

    [Fact]
    public async Task Quota_says_what_is_used_and_free()
    {
        var (limited, unlimited) = (await storage.NewUserAsync(maxBytes: 100), await storage.NewUserAsync());
        foreach (var user in (TestUser[])[limited, unlimited])
        {
            await user.PutAsync("file", "0123456789");
            await user.TrashAsync("file");
            await user.PutAsync("file", "0123456789");
        }
        Assert.Equal(new(20, 80), await storage.Usage.QuotaAsync(limited.Caller, CancellationToken.None));
        Assert.Equal(new(20, null), await storage.Usage.QuotaAsync(unlimited.Caller, CancellationToken.None));
    }
}
