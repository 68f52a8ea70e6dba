using Kosha.Storage;
using Kosha.Storage.Tree;
using Kosha.Tests.Infrastructure;
using Npgsql;
using Xunit;

namespace Kosha.Tests.Storage;

/// <summary>
/// A connection that breaks around COMMIT: what was committed is a success, what was not is written again, and
/// nothing is written twice.
/// </summary>
public sealed class LostCommitTests(StorageFixture storage) : IClassFixture<StorageFixture>, IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;

    private CuttingProxy proxy = null!;
    private Database database = null!;
    private Vault vault = null!;
    private TestUser user = null!;

    public async ValueTask InitializeAsync()
    {
        var settings = new NpgsqlConnectionStringBuilder(storage.Database.Source.ConnectionString);
        proxy = new(settings.Host!);
        (settings.Host, settings.Port) = ("127.0.0.1", proxy.Port);
        database = new(settings.ConnectionString);
        vault = new(database, new NodeTree(database), storage.Store, storage.Spools);
        user = await storage.NewUserAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        proxy.Dispose();
    }

    private Task<WriteResult> PutAsync(string name, string content) =>
        vault.WriteAsync(user.Caller, TestUser.At(name), TestUser.Body(content), new FileWrite(), None);

    [Theory]
    [InlineData(Cut.BeforeCommit)]
    [InlineData(Cut.WithCommit)]
    [InlineData(Cut.AfterCommit)]
    public async Task A_cut_around_COMMIT_is_a_success_and_nothing_happens_twice(Cut cut)
    {
        await PutAsync("warm", "up");
        for (var i = 0; i < 10; i++)
        {
            proxy.CutNext(cut);
            var result = await PutAsync($"file{i}", $"content {i}");
            Assert.True(result.Created);
            Assert.Equal(result.Node.Etag, (await user.GetAsync($"file{i}")).Etag);
            Assert.Equal($"content {i}", await user.ReadAsync($"file{i}"));
        }
        Assert.Equal(10, proxy.Cuts);
        Assert.Equal((2 + 10 * 9, 11), await user.UsageAsync());
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task A_commit_that_goes_on_after_the_cut_is_waited_for()
    {
        await storage.ExecuteAsync("""
            create function wait_for_tests() returns trigger language plpgsql as
                $$ begin perform pg_advisory_xact_lock(-77); return null; end $$;
            create constraint trigger slow after insert on file_nodes deferrable initially deferred
                for each row when (new.name = 'slow') execute function wait_for_tests();
            """);
        await PutAsync("warm", "up");
        await using var holder = await storage.Database.Source.OpenConnectionAsync(None);
        await using var holding = await holder.BeginTransactionAsync(None);
        await using (var command = new NpgsqlCommand("select pg_advisory_xact_lock(-77)", holder))
            await command.ExecuteNonQueryAsync(None);
        proxy.CutNext(Cut.WithCommit);
        var put = PutAsync("slow", "content");
        await Eventually.TrueAsync("the commit waits", async () => await storage.SqlAsync<long>("""
            select count(*) from pg_locks where not granted and locktype = 'advisory'
            """) == 1);
        Assert.False(put.IsCompleted);
        await holding.CommitAsync(None);
        Assert.True((await put).Created);
        Assert.Equal("content", await user.ReadAsync("slow"));
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task Without_a_witness_a_lost_COMMIT_is_unavailable()
    {
        proxy.CutNext(Cut.AfterCommit);
        Assert.Equal(StorageFault.Unavailable, await TestUser.FaultAsync(() => database.WriteAsync(async transaction =>
        {
            await using var command = new NpgsqlCommand("create table lost ()", transaction.Connection, transaction);
            await command.ExecuteNonQueryAsync(None);
        }, None)));
        Assert.Equal(1L, await storage.SqlAsync<long>("select count(*) from pg_tables where tablename = 'lost'"));
    }

    [Theory]
    [InlineData("0 0", "Unknown")]
    [InlineData("9999999999 0", "Aborted")]
    [InlineData("nonsense", "Unknown")]
    [InlineData(null, "Unknown")]
    public async Task A_server_with_another_life_proves_no_success(string? witness, string expected)
    {
        var xid = await storage.SqlAsync<string>("select pg_current_xact_id()::text");
        var asked = new CommitWitness { Id = witness == "0 0" ? $"{xid} 0" : witness };
        Assert.Equal(expected, (await asked.AskAsync(storage.Database.Source)).ToString());
    }
}
