using Kosha.Storage;
using Kosha.Storage.Upkeep;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Upkeep;

/// <summary>Bytes are read again, a share at a time, and what is wrong is found, told and healed.</summary>
public sealed class ScrubTests(SharedPostgres postgres) : StorageTest(postgres)
{
    protected override async Task PrepareAsync()
    {
        for (var number = 0; number < 10; number++)
            await User.PutAsync($"file {number}", $"content {number}");
    }

    private Task<ScrubResult> ScrubAsync(double share = 1) =>
        new Scrub(Storage.Database, Storage.Store).RunAsync(share, CancellationToken.None);

    [Theory]
    [InlineData(null)]
    [InlineData("content")]
    [InlineData("Content 3")]
    public async Task Missing_cut_and_changed_bytes_are_found_and_healed(string? bytes)
    {
        if (bytes is null)
            File.Delete(Storage.FileOf("content 3"));
        else
            File.WriteAllText(Storage.FileOf("content 3"), bytes);
        var found = await ScrubAsync();
        Assert.Equal((10, 1), (found.Blobs, found.Damaged.Count));
        await TestUser.RefusedAsync(StorageFault.Damaged, () => User.ReadAsync("file 3"));
        await User.PutAsync("again", "content 3");
        Assert.Equal("content 3", await User.ReadAsync("file 3"));
        Assert.Equal(0, (await ScrubAsync()).Damaged.Count);
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task What_was_damaged_and_is_whole_again_is_served_again()
    {
        var away = Storage.FileOf("content 3") + ".away";
        File.Move(Storage.FileOf("content 3"), away);
        Assert.Equal(1, (await ScrubAsync()).Damaged.Count);
        File.Move(away, Storage.FileOf("content 3"));
        Assert.Equal(1, (await ScrubAsync()).Recovered);
        Assert.Equal("content 3", await User.ReadAsync("file 3"));
    }

    [Fact]
    public async Task Shares_go_round()
    {
        for (var number = 0; number < 10; number++)
            File.WriteAllText(Storage.FileOf($"content {number}"), "broken");
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
        await Storage.ExecuteAsync("delete from file_nodes where not is_folder; delete from blobs");
        Assert.Equal(0, (await ScrubAsync()).Blobs);
    }

    [Fact]
    public async Task Bytes_that_cannot_be_read_now_prove_nothing()
    {
        var store = new MeddlingStore(Storage.Store)
        {
            BeforeOpen = key => key == Storage.KeyOf("content 3")
                ? throw new IOException("bad sector") : Task.CompletedTask,
        };
        var found = await new Scrub(Storage.Database, store).RunAsync(1, CancellationToken.None);
        Assert.Equal((0, 1), (found.Damaged.Count, found.Unreadable.Count));
        Assert.Equal("live", await Storage.BlobAsync<string>("content 3", "state"));
    }

    [Theory]
    [InlineData("scrub", 1)]
    [InlineData("reconcile", 2)]
    [InlineData("repair", 1)]
    public async Task What_an_upload_restores_meanwhile_is_not_marked(string check, int look)
    {
        // After a restore a live row spares no upload, so the object may come back under a row that stays as it is.
        await Storage.Installation.AdoptAsync(Storage.Store, CancellationToken.None);
        File.Delete(Storage.FileOf("content 3"));
        var looks = 0;
        var store = new MeddlingStore(Storage.Store)
        {
            AfterFindSize = async key =>
            {
                if (key == Storage.KeyOf("content 3") && ++looks == look)
                    await User.PutAsync("again", "content 3");
            },
        };
        await (check switch
        {
            "scrub" => new Scrub(Storage.Database, store).RunAsync(1, CancellationToken.None),
            "reconcile" => new Reconcile(Storage.Database, store).RunAsync(TimeSpan.Zero, true, CancellationToken.None),
            _ => (Task)new Fsck(Storage.Database, store, TextWriter.Null).RunAsync(
                new() { Repair = true }, CancellationToken.None),
        });
        Assert.Equal("content 3", await User.ReadAsync("again"));
        Assert.Equal("content 3", await User.ReadAsync("file 3"));
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task A_store_that_is_gone_proves_nothing()
    {
        var store = new MeddlingStore(Storage.Store)
        {
            BeforeOpen = _ =>
            {
                // Unmounted in the middle of the scrub.
                Directory.Move(Storage.BlobFolder, Storage.BlobFolder + ".away");
                Directory.CreateDirectory(Storage.BlobFolder);
                return Task.CompletedTask;
            },
        };
        var found = await new Scrub(Storage.Database, store).RunAsync(1, CancellationToken.None);
        Assert.Equal((0, 10), (found.Damaged.Count, found.Unreadable.Count));
    }
}
