using System.Globalization;
using Dapper;
using Kosha.Storage.Search;
using Kosha.Storage.Tree;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Search;

/// <summary>A search in an installation of many users, most of whose files are in the trash.</summary>
public sealed class SearchPlanTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private const int NodesPerUser = 1000;

    private static readonly int Users = TestSize.Pick(ci: 40, soak: 1000);

    /// <summary>
    /// Every user's files: nine of ten folders in the trash, and each file has a common word in its name.
    /// </summary>
    private async Task FillAsync()
    {
        await Storage.ExecuteAsync(string.Create(CultureInfo.InvariantCulture, $"""
            insert into users (username, password_hash, plan_id)
            select 'many' || i, '-', (select plan_id from users limit 1) from generate_series(2, {Users}) i;
            insert into usage (user_id) select id from users where username like 'many%';
            insert into file_nodes (user_id, name, name_folded, is_folder)
            select id, '', '', true from users where username like 'many%';
            insert into file_nodes (user_id, parent_id, name, name_folded, is_folder, trashed_at)
            select r.user_id, case when f = 1 then r.id end, 'folder ' || f, 'FOLDER ' || f, true,
                   case when f > 1 then now() end
            from file_nodes r, generate_series(1, 10) f where r.name = '';
            insert into file_nodes (user_id, parent_id, name, name_folded, is_folder)
            select p.user_id, p.id, format('report %s of %s.txt', i, md5((p.id * 1000 + i)::text)), '', false
            from file_nodes p, generate_series(1, {NodesPerUser / 10 - 1}) i where p.name like 'folder %';
            analyze;
            """));
    }

    [Fact]
    public async Task Names_of_one_user_are_found_by_the_index_and_what_is_in_the_trash_never()
    {
        await FillAsync();
        foreach (var text in new[] { "report", "repport" })
        {
            var page = await Storage.Tree.SearchAsync(
                User.Caller, new() { Text = text }, SearchOrder.Relevance, null, 50, CancellationToken.None);
            Assert.Equal(50, page.Hits.Count);
            Assert.All(page.Hits, hit => Assert.Equal("folder 1", hit.Path.Names[0]));
            var plan = await PlanAsync(new() { Text = text });
            TestContext.Current.TestOutputHelper?.WriteLine(plan);
            Assert.Contains("Bitmap Index Scan on node_names_search", plan, StringComparison.Ordinal);
            Assert.DoesNotContain("Seq Scan", plan, StringComparison.Ordinal);
            Assert.True(Blocks(plan) < NodesPerUser * 20, plan);
        }
    }

    private async Task<string> PlanAsync(NodeQuery query)
    {
        var command = NodeTree.SearchCommand(
            User.Caller, query, SearchOrder.Relevance, null, 50, CancellationToken.None);
        return string.Join('\n', await Storage.Database.ReadAsync(connection => connection.QueryAsync<string>(
            "explain (analyze, buffers) " + command.CommandText, command.Parameters), CancellationToken.None));
    }

    /// <summary>Pages that the whole statement touched.</summary>
    private static int Blocks(string plan)
    {
        var first = plan.Split("shared hit=")[1];
        return int.Parse(first.Split(' ', '\n')[0], CultureInfo.InvariantCulture);
    }
}
