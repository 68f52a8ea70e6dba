using Kosha.Storage;
using Kosha.Storage.Search;
using Kosha.Storage.Tree;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Search;

/// <summary>What a search finds, where, and in which order.</summary>
public sealed class NodeSearchTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private static readonly CancellationToken None = CancellationToken.None;

    private async Task<string[]> FindAsync(NodeQuery query, SearchOrder order = default, TestUser? user = null)
    {
        var page = await Storage.Tree.SearchAsync((user ?? User).Caller, query, order, null, NodeTree.MaxHits, None);
        Assert.Null(page.Next);
        return [.. page.Hits.Select(hit => string.Join('/', hit.Path.Names))];
    }

    private Task<string[]> FindAsync(string text) => FindAsync(new NodeQuery { Text = text });

    private async Task PutAllAsync(params string[] paths)
    {
        foreach (var path in paths)
            await User.PutAsync(path, path);
    }

    [Theory]
    [InlineData("Quarterly report.docx", "report")]
    [InlineData("Quarterly report.docx", "REPORT quarter")]
    [InlineData("Quarterly report.docx", "repport")]
    [InlineData("Quarterly report.docx", "qarterly")]
    [InlineData("receive.txt", "recieve")]
    [InlineData("Report 57.pdf", "57 repport")]
    [InlineData("Annual report 57.pdf", "annnual 57 repport")]
    [InlineData("Résumé.pdf", "resume")]
    [InlineData("resume.pdf", "résumé")]
    [InlineData("Übergabe Straße.txt", "ubergabe straße")]
    [InlineData("Отчёт за год.txt", "отчет")]
    [InlineData("Отчёт за год.txt", "ОТЧЁТ")]
    [InlineData("会议记录2024.txt", "会议")]
    [InlineData("会议记录2024.txt", "记")]
    [InlineData("プログラム設計.md", "設計")]
    [InlineData("프로젝트 계획.txt", "계획")]
    [InlineData("a_b%c.txt", "_b%c")]
    [InlineData("x", "x")]
    [InlineData("ﬁle.txt", "file")]
    public async Task Names_are_found_by_words_that_are_like_them(string name, string text)
    {
        await PutAllAsync(name, "ЖЖЖЖ", "quite different");
        Assert.Equal([TestUser.At(name).Name], await FindAsync(text));
    }

    [Theory]
    [InlineData("%")]
    [InlineData("_")]
    [InlineData("\\")]
    [InlineData("％")]
    [InlineData("＼")]
    [InlineData("zzz")]
    [InlineData("report invoice")]
    public async Task What_is_not_there_is_not_found(string text)
    {
        await PutAllAsync("report.txt", "invoice.txt");
        Assert.Empty(await FindAsync(text));
    }

    [Fact]
    public async Task The_best_comes_first()
    {
        await User.MakeFoldersAsync("a", "a/b");
        await PutAllAsync("a/old annual reports of the board.txt", "a/b/report", "report 2.txt", "repport.txt");
        Assert.Equal(
            ["a/b/report", "report 2.txt", "a/old annual reports of the board.txt", "repport.txt"],
            await FindAsync("report"));
    }

    [Fact]
    public async Task Nothing_in_the_trash_is_found_and_what_moves_is_found_where_it_is()
    {
        await User.MakeFoldersAsync("a", "a/b", "c");
        await PutAllAsync("a/b/report.txt", "c/report.txt", "report.txt");
        await User.TrashAsync("c");
        await User.TrashAsync("report.txt");
        Assert.Equal(["a/b/report.txt"], await FindAsync("report"));
        await User.MoveAsync("a", "z");
        Assert.Equal(["z/b/report.txt"], await FindAsync("report"));
        await User.MoveAsync("z/b/report.txt", "z/b/invoice.txt");
        Assert.Empty(await FindAsync("report"));
        Assert.Equal(["z/b/invoice.txt"], await FindAsync("invoice"));
        await User.CopyAsync("z", "y");
        Assert.Equal(["y/b/invoice.txt", "z/b/invoice.txt"], (await FindAsync("invoice")).Order());
    }

    [Fact]
    public async Task Nobody_finds_what_is_another_ones()
    {
        var other = await Storage.NewUserAsync();
        await other.PutAsync("report.txt", "theirs");
        Assert.Empty(await FindAsync("report"));
        Assert.Empty(await FindAsync(new NodeQuery()));
        Assert.Equal(["report.txt"], await FindAsync(new NodeQuery(), user: other));
    }

    [Fact]
    public async Task Kinds_ends_sizes_and_times_are_told_apart()
    {
        await User.MakeFolderAsync("pictures.jpg");
        await PutAllAsync("pictures.jpg/A.JPG", "b.tar.gz", ".gz", "c");
        await User.PutAsync("d.bin", TestUser.Body("0123456789"), new FileWrite
        {
            ContentType = "image/png", ModifiedAt = new(2001, 2, 3, 0, 0, 0, DateTimeKind.Utc),
        });
        Assert.Equal(["d.bin", "pictures.jpg/A.JPG"], await SortedAsync(new() { Types = [FileType.Image] }));
        Assert.Equal(["pictures.jpg"], await SortedAsync(new() { Types = [FileType.Folder] }));
        Assert.Equal(["b.tar.gz"], await SortedAsync(new() { Extensions = ["GZ"] }));
        Assert.Equal(["b.tar.gz", "pictures.jpg/A.JPG"], await SortedAsync(new() { Extensions = [".gz", "jpg"] }));
        Assert.Equal(["d.bin", "pictures.jpg/A.JPG"], await SortedAsync(new() { MinSize = 10 }));
        Assert.Equal([".gz", "c"], await SortedAsync(new() { MaxSize = 3 }));
        var year = new DateTime(2001, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        Assert.Equal(["d.bin"], await SortedAsync(new() { From = year, To = year.AddYears(1) }));
        Assert.DoesNotContain("d.bin", await SortedAsync(new() { From = year.AddYears(1) }));
        var folder = (await User.GetAsync("pictures.jpg")).Id;
        Assert.Equal(["pictures.jpg/A.JPG"], await SortedAsync(new() { FolderId = folder }));
        await Storage.ExecuteAsync($"update file_nodes set is_favorite = true where name = 'c'");
        Assert.Equal(["c"], await SortedAsync(new() { FavoritesOnly = true }));
        Assert.Equal("d.bin", (await FindAsync(new NodeQuery(), SearchOrder.Modified))[^1]);
        Assert.Equal("pictures.jpg/A.JPG", (await FindAsync(new NodeQuery { Types = [FileType.Image] },
            SearchOrder.Size))[0]);
    }

    private async Task<string[]> SortedAsync(NodeQuery query) =>
        [.. (await FindAsync(query)).Order(StringComparer.Ordinal)];

    [Fact]
    public async Task Pages_follow_each_other_without_a_gap()
    {
        await User.MakeFolderAsync("gone");
        for (var i = 0; i < 25; i++)
            await PutAllAsync($"report {i}.txt", $"gone/report {i}.txt");
        await User.TrashAsync("gone");
        foreach (var order in Enum.GetValues<SearchOrder>())
        {
            List<string> found = [];
            SearchPosition? after = null;
            do
            {
                var page = await Storage.Tree.SearchAsync(
                    User.Caller, new() { Text = "report" }, order, after, 10, None);
                Assert.InRange(page.Hits.Count, 0, 10);
                found.AddRange(page.Hits.Select(hit => hit.Node.Name));
                after = page.Next;
            }
            while (after is not null);
            Assert.Equal(25, found.Distinct().Count());
            Assert.Equal(25, found.Count);
        }
    }

    [Theory]
    [InlineData("at most 200")]
    [InlineData("extensions")]
    [InlineData("not below 0")]
    [InlineData("before")]
    public async Task What_makes_no_sense_is_refused(string why)
    {
        var query = why switch
        {
            "at most 200" => new NodeQuery { Text = new('x', 201) },
            "extensions" => new() { Extensions = [""] },
            "not below 0" => new() { MinSize = 2, MaxSize = 1 },
            _ => new() { From = DateTime.UtcNow, To = DateTime.UtcNow.AddDays(-1) },
        };
        var refused = await TestUser.RefusedAsync(StorageFault.InvalidValue, () => FindAsync(query));
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_credential_that_no_longer_holds_finds_nothing()
    {
        await PutAllAsync("report.txt");
        await User.ChangeStampAsync();
        Assert.Equal(StorageFault.CredentialRevoked, await TestUser.FaultAsync(() => FindAsync("report")));
        Assert.Equal(StorageFault.CredentialRevoked, await TestUser.FaultAsync(() => FindAsync("nothing")));
        var profiles = new SearchProfileTable(Storage.Database);
        Assert.Equal(StorageFault.CredentialRevoked,
            await TestUser.FaultAsync(() => profiles.ListAsync(User.Caller, None)));
        Assert.Equal(StorageFault.CredentialRevoked,
            await TestUser.FaultAsync(() => profiles.AddAsync(User.Caller, "mine", new(), None)));
    }
}
