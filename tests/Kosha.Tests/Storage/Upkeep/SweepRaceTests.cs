using Kosha.Storage.Upkeep;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Upkeep;

/// <summary>
/// A sweep meets writers of the content that it takes away, at each point where they could harm each other.
/// </summary>
public sealed class SweepRaceTests(SharedPostgres postgres) : StorageTest(postgres)
{
    protected override async Task PrepareAsync()
    {
        await User.PutAsync("garbage", "content");
        await User.PutAsync("garbage", "");
    }

    /// <summary>Writes the content; the writer is held at the step until something else is done.</summary>
    private Task WriteAsync(string path, string step, Func<Task> meanwhile, string keySuffix = "") =>
        StepPause.HoldAsync(
            step, Storage.KeyOf("content") + keySuffix, () => User.PutAsync(path, "content"), meanwhile);

    private async Task AssertKeyEndsAsync(string suffix) =>
        Assert.EndsWith(suffix, await Storage.BlobAsync<string>("content", "object_key"), StringComparison.Ordinal);

    private async Task AssertKeptAsync()
    {
        Assert.Equal("content", await User.ReadAsync("file"));
        for (var round = 0; round < 3; round++)
            await Storage.SweepAsync();
        Assert.Equal("content", await User.ReadAsync("file"));
        Assert.Equal("live", await Storage.BlobAsync<string>("content", "state"));
        await Storage.AssertCleanAsync();
    }

    [Theory]
    [InlineData("vault.claimed")]
    [InlineData("vault.stored")]
    [InlineData("vault.naming")]
    public async Task Condemned_while_a_writer_is_about_to_name_it(string step)
    {
        await WriteAsync("file", step, async () => Assert.Equal(1, (await Storage.SweepAsync()).Condemned));
        await AssertKeptAsync();
    }

    [Fact]
    public async Task The_row_goes_while_a_writer_has_named_it_and_not_yet_committed()
    {
        Task<SweepResult>? sweep = null;
        await WriteAsync("file", "vault.naming", async () =>
        {
            await Storage.SweepAsync();
            sweep = Task.Run(() => Storage.SweepAsync());
            await WaitForBlockedAsync();
        });
        Assert.Equal(0, (await sweep!).Removed);
        await AssertKeptAsync();
    }

    [Theory]
    [InlineData("vault.claimed")]
    [InlineData("vault.stored")]
    public async Task The_row_and_the_object_go_between_claim_and_name(string step)
    {
        await Storage.SweepAsync();
        await WriteAsync("file", step, async () => Assert.Equal(1, (await Storage.SweepAsync()).Deleted));
        await AssertKeyEndsAsync(".2");
        await AssertKeptAsync();
    }

    [Fact]
    public async Task A_name_is_given_while_the_row_is_being_deleted()
    {
        await Storage.SweepAsync();
        await using var connection = await Storage.Database.Source.OpenConnectionAsync();
        await using var removal = await connection.BeginTransactionAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "delete from blobs; update blob_objects set doomed_at = now()";
        await command.ExecuteNonQueryAsync();
        var write = Task.Run(() => User.PutAsync("file", "content"));
        await WaitForBlockedAsync();
        await removal.CommitAsync();
        await write;
        await AssertKeyEndsAsync(".2");
        await AssertKeptAsync();
        Assert.False(File.Exists(Storage.FileOf("content")));
    }

    [Fact]
    public async Task The_object_is_deleted_late_after_the_content_came_back()
    {
        await Storage.SweepAsync();
        var swept = await StepPause.HoldAsync(
            "sweep.row-removed", Storage.KeyOf("content"), () => Storage.SweepAsync(), async () =>
            {
                await User.PutAsync("file", "content");
                Assert.True(File.Exists(Storage.FileOf("content")));
            });
        Assert.Equal(1, swept.Deleted);
        Assert.False(File.Exists(Storage.FileOf("content")));
        await AssertKeptAsync();
    }

    [Theory]
    [InlineData("vault.claimed")]
    [InlineData("vault.stored")]
    public async Task Found_damaged_after_a_writer_took_it_for_whole(string step)
    {
        await User.PutAsync("file", "content");
        await WriteAsync("again", step, async () =>
        {
            File.Delete(Storage.FileOf("content"));
            await new Scrub(Storage.Database, Storage.Store).RunAsync(1, CancellationToken.None);
            Assert.Equal("damaged", await Storage.BlobAsync<string>("content", "state"));
        });
        await AssertKeyEndsAsync(".2");
        Assert.Equal("content", await User.ReadAsync("again"));
        await AssertKeptAsync();
    }

    [Theory]
    [InlineData("vault.claimed")]
    [InlineData("vault.stored")]
    public async Task A_new_epoch_begins_after_a_writer_took_the_row_for_a_proof(string step)
    {
        await User.PutAsync("file", "content");
        await WriteAsync("again", step, async () =>
        {
            await Storage.Installation.AdoptAsync(Storage.Store, CancellationToken.None);
            File.Delete(Storage.FileOf("content"));
        });
        Assert.Equal("content", await User.ReadAsync("again"));
    }

    [Fact]
    public async Task A_key_reserved_for_healing_is_not_doomed_under_the_healer()
    {
        await User.PutAsync("file", "content");
        await Storage.ExecuteAsync("update blobs set state = 'damaged'");
        File.Delete(Storage.FileOf("content"));
        await WriteAsync("again", "vault.stored", () => Storage.SweepAsync(), keySuffix: ".2");
        await AssertKeyEndsAsync(".3");
        await AssertKeptAsync();
    }

    [Fact]
    public async Task A_key_is_healed_while_the_sweep_wants_to_doom_it()
    {
        await User.PutAsync("file", "content");
        await Storage.ExecuteAsync("update blobs set state = 'damaged'");
        File.Delete(Storage.FileOf("content"));
        var sweep = Task.CompletedTask;
        await WriteAsync("again", "vault.naming", async () =>
        {
            sweep = Task.Run(() => Storage.SweepAsync());
            await WaitForBlockedAsync();
        }, keySuffix: ".2");
        await sweep;
        await AssertKeyEndsAsync(".2");
        await AssertKeptAsync();
    }

    private Task WaitForBlockedAsync() => Eventually.TrueAsync("somebody waits for a row",
        async () => await Storage.SqlAsync<long>("""
            select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
            """) > 0, 30);

    /// <summary>
    /// Eight writers store the same few contents again and again, each giving up the one before, while sweeps without
    /// any grace run one after the other: what a writer has just named must be there.
    /// </summary>
    [Fact]
    public async Task Dedup_against_sweeps_never_misses_a_blob()
    {
        var rounds = TestSize.Pick(10_000, 100_000);
        var (done, sweeps, removed) = (0, 0, 0L);
        var writers = Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
        {
            var own = await Storage.NewUserAsync();
            for (int round; (round = Interlocked.Increment(ref done)) <= rounds;)
            {
                // New contents now and then, or their keys would be doomed too often.
                var content = $"content {round / 200} {round % 3}";
                await own.PutAsync("file", content);
                Assert.Equal(content, await own.ReadAsync("file"));
            }
        })).ToList();
        var sweeping = Task.Run(async () =>
        {
            for (; Volatile.Read(ref done) < rounds; sweeps++)
                removed += (await Storage.SweepAsync()).Deleted;
        });
        await Task.WhenAll([.. writers, sweeping]);
        Figures.Show($"{rounds} rounds, {sweeps} sweeps, {removed} objects deleted");
        Assert.True(removed > rounds / 1000, $"Only {removed} objects were deleted.");
        await Storage.AssertCleanAsync();
    }
}
