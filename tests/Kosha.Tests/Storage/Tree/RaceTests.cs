using Dapper;
using Kosha.Storage;
using Kosha.Storage.Tree;
using Kosha.Tests.Infrastructure;
using Xunit;
using static Kosha.Tests.Storage.TestUser;

namespace Kosha.Tests.Storage.Tree;

/// <summary>Writers that meet: exactly one wins what only one may have, and the tree stays a tree.</summary>
public sealed class RaceTests(StorageFixture storage) : IClassFixture<StorageFixture>
{
    private static readonly WriteConditions OnlyNew = new() { IfNoneMatch = new(Any: true, []) };

    /// <summary>Starts all at once; null for each that succeeded, else its fault.</summary>
    private static async Task<StorageFault?[]> RaceAsync(int count, Func<int, Task> work)
    {
        var start = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var runners = Enumerable.Range(0, count).Select(async number =>
        {
            await start.Task;
            try
            {
                await work(number);
                return (StorageFault?)null;
            }
            catch (StorageException e)
            {
                return e.Fault;
            }
        }).ToList();
        start.SetResult();
        return await Task.WhenAll(runners);
    }

    private static void AssertOne(StorageFault others, StorageFault?[] outcomes)
    {
        Assert.Single(outcomes, outcome => outcome is null);
        Assert.All(outcomes.Where(outcome => outcome is not null), outcome => Assert.Equal(others, outcome));
    }

    [Fact]
    public async Task Of_8_creators_of_a_file_one_wins()
    {
        var user = await storage.NewUserAsync();
        for (var round = 0; round < 10; round++)
        {
            var name = $"file{round}";
            AssertOne(StorageFault.ConditionFailed, await RaceAsync(8, n => user.PutAsync(name, $"{n}", OnlyNew)));
        }
        Assert.Equal((10, 10), await user.UsageAsync());
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task Of_8_makers_of_a_folder_one_wins()
    {
        var user = await storage.NewUserAsync();
        for (var round = 0; round < 10; round++)
            AssertOne(StorageFault.AlreadyExists, await RaceAsync(8, _ => user.MakeFolderAsync($"folder{round}")));
        Assert.Equal((0, 10), await user.UsageAsync());
    }

    [Fact]
    public async Task Of_8_lockers_one_wins()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFolderAsync("folder");
        for (var round = 0; round < 5; round++)
            AssertOne(StorageFault.Locked, await RaceAsync(8, _ => user.LockAsync($"free{round}")));
        AssertOne(StorageFault.Locked, await RaceAsync(8, _ => user.LockAsync("folder", deep: true)));
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task Of_8_who_unlock_one_lock_one_ends_it()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFolderAsync("folder");
        for (var round = 0; round < 10; round++)
        {
            var token = await user.TokenAsync("folder");
            AssertOne(StorageFault.LockTokenUnknown, await RaceAsync(
                8, _ => storage.Locks.UnlockAsync(user.Caller, At("folder"), token, CancellationToken.None)));
        }
    }

    [Fact]
    public async Task Overwriters_and_deleters_of_one_file_leave_exact_usage()
    {
        var user = await storage.NewUserAsync();
        for (var round = 0; round < 5; round++)
        {
            var outcomes = await RaceAsync(12, n => n % 3 == 0
                ? user.TrashAsync("file") : user.PutAsync("file", new string('x', n + 1)));
            Assert.All(outcomes, outcome => Assert.True(outcome is null or StorageFault.NotFound));
        }
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task Crossing_moves_of_folders_make_no_cycle()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFoldersAsync("a", "b");
        for (var round = 0; round < 15; round++)
        {
            var outcomes = await RaceAsync(2, n => n == 0 ? user.MoveAsync("a", "b/a") : user.MoveAsync("b", "a/b"));
            Assert.Single(outcomes, outcome => outcome is null);
            var top = Assert.Single(await user.NamesAsync());
            var below = Assert.Single(await user.NamesAsync(top));
            await user.MoveAsync($"{top}/{below}", below);
        }
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task Nothing_is_written_below_a_folder_that_was_just_locked()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFoldersAsync("a", "a/b");
        for (var round = 0; round < 10; round++)
        {
            var token = Guid.Empty;
            var seenAtLock = "";
            var outcomes = await RaceAsync(6, async n =>
            {
                if (n == 0)
                {
                    token = await user.TokenAsync("a", deep: true);
                    seenAtLock = string.Join(' ', await user.NamesAsync("a/b"));
                }
                else
                    await user.PutAsync($"a/b/{round}-{n}", "x");
            });
            Assert.Null(outcomes[0]);
            Assert.All(outcomes, outcome => Assert.True(outcome is null or StorageFault.Locked));
            Assert.Equal(seenAtLock, string.Join(' ', await user.NamesAsync("a/b")));
            await storage.Locks.UnlockAsync(user.Caller, At("a"), token, CancellationToken.None);
        }
    }

    [Fact]
    public async Task A_folder_is_trashed_with_all_that_was_acknowledged_below_it()
    {
        var user = await storage.NewUserAsync();
        for (var round = 0; round < 5; round++)
        {
            await user.MakeFoldersAsync("a", "a/b");
            var outcomes = await RaceAsync(8, n => n == 0
                ? user.TrashAsync("a") : n == 1 ? user.MakeFolderAsync("a/b/c") : user.PutAsync($"a/b/{n}", "x"));
            Assert.Null(outcomes[0]);
            Assert.All(outcomes, outcome => Assert.True(outcome is null or StorageFault.ParentMissing));
            Assert.Empty(await user.NamesAsync());
        }
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task Nobody_waits_for_the_writes_of_another_user()
    {
        var busy = await storage.NewUserAsync();
        // Equal ids for every table of turns whose size is a power of two.
        await storage.ExecuteAsync(
            $"select setval(pg_get_serial_sequence('users', 'id'), {busy.Caller.UserId + 65536 - 1})");
        var other = await storage.NewUserAsync();
        Assert.Equal(0, (other.Caller.UserId - busy.Caller.UserId) % 65536);
        await using var holder = await storage.Database.Source.OpenConnectionAsync();
        await using var holding = await holder.BeginTransactionAsync();
        await holder.ExecuteAsync("select pg_advisory_xact_lock(@UserId)", new { busy.Caller.UserId }, holding);
        var writing = RaceAsync(20, n => busy.MakeFolderAsync($"folder{n}"));
        await Eventually.TrueAsync("eight writes wait in the database", async () => await storage.SqlAsync<long>(
            "select count(*) from pg_locks where not granted and locktype = 'advisory'") == 8);
        await other.MakeFolderAsync("folder").WaitAsync(TimeSpan.FromSeconds(10));
        await holding.CommitAsync();
        Assert.All(await writing, Assert.Null);
    }

    [Fact]
    public async Task Copies_and_writes_of_the_same_names_leave_exact_usage()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFoldersAsync("a", "a/b");
        await user.PutAsync("a/b/file", "content");
        var outcomes = await RaceAsync(12, n => (n % 4) switch
        {
            0 => user.CopyAsync("a", "copy"),
            1 => user.PutAsync("a/b/file", $"content {n}"),
            2 => user.MoveAsync("a/b/file", "a/b/other"),
            _ => user.PutAsync("copy/b/file", "below the copy"),
        });
        Assert.All(outcomes, outcome =>
            Assert.True(outcome is null or StorageFault.NotFound or StorageFault.ParentMissing));
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task A_reader_sees_one_whole_content_while_it_is_overwritten()
    {
        var user = await storage.NewUserAsync();
        string[] contents = [.. "abcdefgh".Select(letter => new string(letter, 300_000 + letter))];
        await user.PutAsync("file", contents[0]);
        var writing = RaceAsync(contents.Length, n => user.PutAsync("file", contents[n]));
        var reads = 0;
        do
        {
            Assert.Contains(await user.ReadAsync("file"), contents);
            reads++;
        }
        while (!writing.IsCompleted);
        Assert.All(await writing, outcome => Assert.Null(outcome));
        Assert.True(reads > 0);
    }

    [Fact]
    public async Task A_reader_keeps_the_content_that_it_began_with()
    {
        var user = await storage.NewUserAsync();
        await user.PutAsync("file", new PatternStream(2_000_000, 1), new FileWrite());
        var file = await user.GetAsync("file");
        await using var stream = await storage.Vault.OpenAsync(file, 0, file.Size, CancellationToken.None);
        await stream.ReadExactlyAsync(new byte[1000]);
        await user.PutAsync("file", "short");
        await user.TrashAsync("file");
        stream.Position = 0;
        Assert.Equal(
            await System.Security.Cryptography.SHA1.HashDataAsync(new PatternStream(2_000_000, 1)),
            await System.Security.Cryptography.SHA1.HashDataAsync(stream));
    }

    [Fact]
    public async Task Writers_of_one_content_do_not_deadlock()
    {
        var users = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => storage.NewUserAsync()));
        for (var round = 0; round < 10; round++)
        {
            Assert.All(await RaceAsync(8, n => users[n].PutAsync("file", $"the same {round}")), Assert.Null);
            await storage.ExecuteAsync($"""
                update blobs set state = 'damaged' from file_nodes n
                where blobs.id = n.blob_id and n.name = 'file' and n.user_id = {users[0].Caller.UserId}
                """);
            Assert.All(await RaceAsync(8, n => users[n].PutAsync("new", $"the same {round}")), Assert.Null);
        }
        Assert.Equal(0, await storage.SqlAsync<long>(
            "select deadlocks from pg_stat_database where datname = current_database()"));
        // Of all the healers' keys only the named one is not doomed.
        Assert.Equal(0, await storage.SqlAsync<long>("""
            select count(*) from blob_objects o
            where doomed_at is null and not exists (select from blobs b where b.object_key = o.key)
            """));
    }
}
