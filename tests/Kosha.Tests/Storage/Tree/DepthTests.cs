using Kosha.Storage;
using Kosha.Storage.Tree;
using Kosha.Tests.Infrastructure;
using Npgsql;
using Xunit;
using static Kosha.Tests.Storage.TestUser;

namespace Kosha.Tests.Storage.Tree;

/// <summary>No path becomes deeper than a URL may be, however large the tree is that hangs below.</summary>
public sealed class DepthTests(StorageFixture storage) : IClassFixture<StorageFixture>
{
    /// <summary>Levels below the folder "deep": its deepest path is two levels short of the limit.</summary>
    private const int Levels = NodePath.MaxDepth - 3;

    private async Task<TestUser> UserWithDeepTreeAsync()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFoldersAsync("deep", "a", "a/b", "a/b/c");
        await storage.ExecuteAsync($"""
            with recursive down as (
                select {(await user.GetAsync("deep")).Id}::bigint as parent_id,
                       nextval('file_nodes_id_seq') as id, 1 as level
                union all
                select id, nextval('file_nodes_id_seq'), level + 1 from down where level < {Levels}
            )
            insert into file_nodes (id, user_id, parent_id, name, name_folded, is_folder) overriding system value
            select id, {user.Caller.UserId}, parent_id, 'x', 'x', true from down;
            update usage set nodes = nodes + {Levels} where user_id = {user.Caller.UserId};
            """);
        return user;
    }

    [Fact]
    public async Task A_tree_goes_down_to_the_deepest_path_and_no_further()
    {
        var user = await UserWithDeepTreeAsync();
        await RefusedAsync(StorageFault.InvalidName, () => user.MoveAsync("deep", "a/b/c/moved"));
        await RefusedAsync(StorageFault.InvalidName, () => user.CopyAsync("deep", "a/b/c/copy"));
        Assert.Empty(await user.NamesAsync("a/b/c"));
        Assert.Equal((0, 4 + Levels), await user.UsageAsync());
        await user.CopyAsync("deep", "a/b/copy");
        await user.MoveAsync("deep", "a/b/moved");
        var names = Enumerable.Repeat("x", Levels);
        Assert.NotNull(await user.FindAsync("a/b/copy/" + string.Join('/', names)));
        Assert.NotNull(await user.FindAsync("a/b/moved/" + string.Join('/', names)));
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task A_shallow_copy_goes_anywhere_whatever_hangs_below_the_source()
    {
        var user = await UserWithDeepTreeAsync();
        await user.CopyAsync("deep", "a/b/c/copy", deep: false);
        Assert.Empty(await user.NamesAsync("a/b/c/copy"));
    }

    [Fact]
    public async Task Of_many_that_move_at_once_none_does_where_one_would_come_too_deep()
    {
        var user = await UserWithDeepTreeAsync();
        await user.MakeFoldersAsync("flat", "flat/in");
        long[] ids = [(await user.GetAsync("flat")).Id, (await user.GetAsync("deep")).Id];
        var (tooDeep, target) = ((await user.GetAsync("a/b/c")).Id, (await user.GetAsync("a/b")).Id);
        var refusal = await RefusedAsync(StorageFault.InvalidName, () => storage.Tree.MoveAsync(
            user.Caller, ids, tooDeep, NameConflict.Fail, WriteConditions.None, default));
        Assert.Contains("/a/b/c/deep", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(["a", "deep", "flat"], await user.NamesAsync());
        await storage.Tree.MoveAsync(user.Caller, ids, target, NameConflict.Fail, WriteConditions.None, default);
        Assert.Equal(["c", "deep", "flat"], await user.NamesAsync("a/b"));
    }

    /// <summary>
    /// Whoever is not the tables' owner waits for the tests at every row of this name. A walk along a path looks at the
    /// members of the folder at its end, too, so the row stands further down. It may be asked for more than once.
    /// </summary>
    private const string SqlSlowRows = """
        do $$ begin
            if not exists (select from pg_roles where rolname = 'walker') then
                create role walker login;
            end if;
        end $$;
        grant all on all tables in schema public to walker;
        create or replace function wait_for_tests() returns boolean language plpgsql as
            $$ begin perform pg_advisory_xact_lock_shared(-78); return true; end $$;
        alter table file_nodes enable row level security;
        drop policy if exists slow on file_nodes;
        create policy slow on file_nodes for all to walker
            using (case when name = 'slow' then wait_for_tests() else true end) with check (true);
        """;

    /// <summary>Who comes to a slow row waits until this ends.</summary>
    private static async Task<NpgsqlTransaction> StopWalkersAsync(NpgsqlConnection holder)
    {
        var holding = await holder.BeginTransactionAsync();
        await using var command = new NpgsqlCommand("select pg_advisory_xact_lock(-78)", holder);
        await command.ExecuteNonQueryAsync();
        return holding;
    }

    [Fact]
    public async Task A_move_has_the_time_that_a_large_tree_takes()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFoldersAsync("large", "large/b", "large/b/slow", "a");
        await storage.ExecuteAsync(SqlSlowRows);
        await using var walker = new Database(
            storage.Database.Source.ConnectionString + ";Username=walker;Command Timeout=3");
        await using var holder = await storage.Database.Source.OpenConnectionAsync();
        await using var holding = await StopWalkersAsync(holder);
        var move = new NodeTree(walker).MoveAsync(
            user.Caller, At("large"), At("a/large"), overwrite: true, null, WriteConditions.None, default);
        await Eventually.TrueAsync("the move takes longer than other statements may", async () =>
            move.IsCompleted || await storage.SqlAsync<long>("""
                select count(*) from pg_stat_activity where usename = 'walker' and wait_event_type = 'Lock'
                and clock_timestamp() - query_start > interval '5 s'
                """) == 1);
        await holding.CommitAsync();
        Assert.True(await move);
        Assert.NotNull(await user.FindAsync("a/large/b/slow"));
    }

    [Fact]
    public async Task A_restore_measures_a_large_tree_while_others_write_and_once_more_if_it_grew()
    {
        var user = await UserWithDeepTreeAsync();
        await user.MakeFoldersAsync("large", "large/b", "large/b/slow");
        var id = (await user.GetAsync("large")).Id;
        await user.TrashAsync("large");
        // Here its deepest path would have as many levels as there may be.
        var fitting = (await user.GetAsync("deep" + string.Concat(Enumerable.Repeat("/x", Levels - 1)))).Id;
        await storage.ExecuteAsync(SqlSlowRows);
        await using var walker = new Database(storage.Database.Source.ConnectionString + ";Username=walker");
        await using var holder = await storage.Database.Source.OpenConnectionAsync();
        await using var holding = await StopWalkersAsync(holder);
        var restore = RestoreAsync(new NodeTree(walker), user, id, fitting);
        await Eventually.TrueAsync("the restore measures", async () =>
            restore.IsCompleted || await storage.SqlAsync<long>("""
                select count(*) from pg_stat_activity where usename = 'walker' and wait_event_type = 'Lock'
                """) == 1);
        // Each of these needs the user's lock.
        await RestoreAsync(storage.Tree, user, id, parentId: null);
        await user.MakeFolderAsync("large/b/slow/more");
        await user.TrashAsync("large");
        await holding.CommitAsync();
        await RefusedAsync(StorageFault.InvalidName, () => restore);
        var shallower = (await user.GetAsync("deep" + string.Concat(Enumerable.Repeat("/x", Levels - 2)))).Id;
        Assert.Equal(id, Assert.Single(await RestoreAsync(storage.Tree, user, id, shallower)).Id);
    }

    private static Task<IReadOnlyList<FileNode>> RestoreAsync(NodeTree tree, TestUser user, long id, long? parentId) =>
        tree.RestoreAsync(user.Caller, [id], new(parentId, MayRename: false), WriteConditions.None, default);
}
