using Kosha.Storage;
using Kosha.Storage.Upkeep;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Upkeep;

/// <summary>Bytes are read again, a share at a time, and what is wrong is found, told and healed.</summary>
public sealed class ScrubTests(SharedPostgres postgres) : IAsyncLifetime
{
    private StorageFixture storage = null!;
    private TestUser user = null!;

    public async ValueTask InitializeAsync()
    {
        storage = new(postgres);
        await storage.InitializeAsync();
        user = await storage.NewUserAsync();
        for (var number = 0; number < 10; number++)
            await user.PutAsync($"file {number}", $"content {number}");
    }

    public ValueTask DisposeAsync() => storage.DisposeAsync();

    private Task<ScrubResult> ScrubAsync(double share = 1) =>
        new Scrub(storage.Database, storage.Store).RunAsync(share, CancellationToken.None);

    [Theory]
    [InlineData(null)]
    [InlineData("content")]
    [InlineData("Content 3")]
    public async Task Missing_cut_and_changed_bytes_are_found_and_healed(string? bytes)
    {
        if (bytes is null)
            File.Delete(storage.FileOf("content 3"));
        else
            File.WriteAllText(storage.FileOf("content 3"), bytes);
        var found = await ScrubAsync();
        Assert.Equal((10, 1), (found.Blobs, found.Damaged.Count));
        await TestUser.RefusedAsync(StorageFault.Damaged, () => user.ReadAsync("file 3"));
        await user.PutAsync("again", "content 3");
        Assert.Equal("content 3", await user.ReadAsync("file 3"));
        Assert.Equal(0, (await ScrubAsync()).Damaged.Count);
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task What_was_damaged_and_is_whole_again_is_served_again()
    {
        var away = storage.FileOf("content 3") + ".away";
        File.Move(storage.FileOf("content 3"), away);
        Assert.Equal(1, (await ScrubAsync()).Damaged.Count);
        File.Move(away, storage.FileOf("content 3"));
        Assert.Equal(1, (await ScrubAsync()).Recovered);
        Assert.Equal("content 3", await user.ReadAsync("file 3"));
    }

    [Fact]
    public async Task Shares_go_round()
    {
        for (var number = 0; number < 10; number++)
            File.WriteAllText(storage.FileOf($"content {number}"), "broken");
        var found = new List<string>();
        for (var run = 0; run < 4; run++)
        {
            var result = await ScrubAsync(share: 0.3);
            Assert.Equal(3, result.Blobs);
            found.AddRange(result.Damaged.Shown);
        }
        // Four times three of ten: all of them, and two again, which are known already.
        Assert.Equal(10, found.Distinct().Count());
        Assert.Equal(10, found.Count);
    }

    [Fact]
    public async Task An_empty_store_is_scrubbed_at_once()
    {
        await storage.ExecuteAsync("delete from file_nodes where not is_folder; delete from blobs");
        Assert.Equal(0, (await ScrubAsync()).Blobs);
    }

    [Fact]
    public async Task Bytes_that_cannot_be_read_now_prove_nothing()
    {
        var store = new MeddlingStore(storage.Store)
        {
            BeforeOpen = key => key == storage.KeyOf("content 3")
                ? throw new IOException("bad sector") : Task.CompletedTask,
        };
        var found = await new Scrub(storage.Database, store).RunAsync(1, CancellationToken.None);
        Assert.Equal((0, 1), (found.Damaged.Count, found.Unreadable.Count));
        Assert.Equal("live", await storage.BlobAsync<string>("content 3", "state"));
    }

    [Fact]
    public async Task A_store_that_is_gone_proves_nothing()
    {
        var store = new MeddlingStore(storage.Store)
        {
            BeforeOpen = _ =>
            {
                // Unmounted in the middle of the scrub.
                Directory.Move(storage.BlobFolder, storage.BlobFolder + ".away");
                Directory.CreateDirectory(storage.BlobFolder);
                return Task.CompletedTask;
            },
        };
        var found = await new Scrub(storage.Database, store).RunAsync(1, CancellationToken.None);
        Assert.Equal((0, 10), (found.Damaged.Count, found.Unreadable.Count));
    }
}
