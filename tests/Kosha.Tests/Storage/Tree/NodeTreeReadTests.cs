using System.Text;
using Kosha.Storage;
using Kosha.Storage.Tree;
using Xunit;
using static Kosha.Tests.Storage.TestUser;

namespace Kosha.Tests.Storage.Tree;

public sealed class NodeTreeReadTests(StorageFixture storage) : IClassFixture<StorageFixture>
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task A_node_is_found_by_its_exact_path_alone()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFoldersAsync("a", "a/b");
        await user.PutAsync("a/b/file", "content");
        var root = await user.GetAsync("");
        Assert.True(root is { IsFolder: true, ParentId: null, Name: "" });
        var file = await user.GetAsync("a/b/file");
        Assert.True(file is { IsFolder: false, Size: 7, Sha1.Length: 20, Md5.Length: 16, ObjectKey.Length: > 64 });
        Assert.Equal(DateTimeKind.Utc, file.ModifiedAt.Kind);
        Assert.Null(await user.FindAsync("a/b/File"));
        Assert.Null(await user.FindAsync("a/b/file/x"));
        Assert.Null(await user.FindAsync("a/x/file"));
        Assert.Null(await user.FindAsync("b"));
    }

    [Fact]
    public async Task Users_see_their_own_trees()
    {
        var (one, other) = (await storage.NewUserAsync(), await storage.NewUserAsync());
        await one.MakeFoldersAsync("private");
        await one.PutAsync("private/file", "content");
        Assert.Null(await other.FindAsync("private/file"));
        var folder = await one.GetAsync("private");
        await RefusedAsync(StorageFault.NotFound,
            () => storage.Tree.ListAsync(other.Caller, folder.Id, null, 10, ListedDetails.None, None));
    }

    [Fact]
    public async Task A_listing_is_read_page_by_page_in_the_order_of_bytes()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFolderAsync("f");
        string[] names = ["B", "a", "Z", "ä", "😀", "a b", "\uffee", "10", "9", "b"];
        foreach (var name in names)
            await user.PutAsync($"f/{name}", name);
        var folder = await user.GetAsync("f");
        var found = new List<string>();
        NodePage page;
        do
        {
            page = await storage.Tree.ListAsync(
                user.Caller, folder.Id, found.LastOrDefault(), 3, ListedDetails.Digests, None);
            Assert.All(page.Nodes, node => Assert.Equal(20, node.Sha1!.Length));
            found.AddRange(page.Nodes.Select(node => node.Name));
        }
        while (page.Next is not null);
        Assert.Equal(
            names.OrderBy(name => Convert.ToHexString(Encoding.UTF8.GetBytes(name)), StringComparer.Ordinal), found);
    }

    [Fact]
    public async Task A_page_ends_early_when_its_properties_are_large()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFolderAsync("f");
        var xml = new string('x', 60_000);
        foreach (var name in Enumerable.Range(0, 80).Select(i => $"f/{i:00}"))
        {
            await user.MakeFolderAsync(name);
            var changes = new PropertyChanges([new("{x}y", xml)], null, null);
            await storage.Tree.ChangePropertiesAsync(
                user.Caller, NodePath.FromEncoded(name), changes, WriteConditions.None, None);
        }
        var folder = await user.GetAsync("f");
        var first = await storage.Tree.ListAsync(user.Caller, folder.Id, null, 2000, ListedDetails.Properties, None);
        Assert.InRange(first.Nodes.Count, 50, 79);
        var rest = await storage.Tree.ListAsync(
            user.Caller, folder.Id, first.Next, 2000, ListedDetails.Properties, None);
        Assert.Equal(80, first.Nodes.Count + rest.Nodes.Count);
        Assert.All(
            [.. first.Nodes, .. rest.Nodes], node => Assert.Contains(xml, node.Properties!, StringComparison.Ordinal));
        Assert.Null(rest.Next);
    }

    [Fact]
    public async Task A_member_that_leaves_meanwhile_is_listed_with_its_properties_or_not_at_all()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFolderAsync("f");
        await user.MakeFolderAsync("f/x");
        var changes = new PropertyChanges([new("{x}y", "xml")], null, null);
        var (inside, outside) = (NodePath.FromEncoded("f/x"), NodePath.FromEncoded("x"));
        await storage.Tree.ChangePropertiesAsync(user.Caller, inside, changes, WriteConditions.None, None);
        var folder = await user.GetAsync("f");
        using var enough = new CancellationTokenSource();
        var moving = Task.Run(async () =>
        {
            for (var (from, to) = (inside, outside); !enough.IsCancellationRequested; (from, to) = (to, from))
                await storage.Tree.MoveAsync(user.Caller, from, to, true, null, WriteConditions.None, None);
        });
        var seen = 0;
        for (var i = 0; i < 1000 || (seen == 0 && !moving.IsCompleted); i++)
        {
            var page = await storage.Tree.ListAsync(user.Caller, folder.Id, null, 10, ListedDetails.Properties, None);
            Assert.All(page.Nodes, node => Assert.NotNull(node.Properties));
            seen += page.Nodes.Count;
        }
        await enough.CancelAsync();
        await moving;
        Assert.NotEqual(0, seen);
    }

    [Fact]
    public async Task An_empty_folder_has_an_empty_page()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFolderAsync("f");
        Assert.Empty(await user.NamesAsync("f"));
        Assert.Equal(["f"], await user.NamesAsync());
    }

    /// <summary>A client would take the rest of the names for deleted; a sync would delete them, too.</summary>
    [Fact]
    public async Task A_listing_never_ends_early_because_its_folder_went_away()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFoldersAsync("a", "a/f");
        foreach (var name in (string[])["1", "2", "3"])
            await user.PutAsync($"a/f/{name}", name);
        var folder = await user.GetAsync("a/f");
        var page = await storage.Tree.ListAsync(user.Caller, folder.Id, null, 2, ListedDetails.Properties, None);
        Assert.Equal(2, page.Nodes.Count);
        await user.TrashAsync("a");
        await RefusedAsync(
            StorageFault.NotFound,
            () => storage.Tree.ListAsync(user.Caller, folder.Id, "2", 2, ListedDetails.Digests, None));
    }

    [Fact]
    public async Task Names_that_differ_in_case_stand_side_by_side()
    {
        var user = await storage.NewUserAsync();
        await user.PutAsync("README", "upper");
        await user.PutAsync("readme", "lower");
        Assert.Equal("upper", await user.ReadAsync("README"));
        Assert.Equal("lower", await user.ReadAsync("readme"));
    }

    [Fact]
    public async Task Case_is_matched_where_there_is_only_one_candidate()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFoldersAsync("Docs", "Docs/Täglich", "Two", "two");
        await user.PutAsync("Docs/Täglich/File.TXT", "x");
        await user.PutAsync("Two/a", "x");
        Assert.Equal("/Docs/Täglich/File.TXT", await MatchAsync(user, "DOCS/TÄGLICH/file.txt"));
        Assert.Equal("/Docs/Täglich/new", await MatchAsync(user, "docs/täglich/new"));
        Assert.Equal("/Docs/Täglich/new/x", await MatchAsync(user, "docs/TÄGLICH/new/x"));
        Assert.Equal("/Two/a", await MatchAsync(user, "Two/A"));
        Assert.Equal("/two", await MatchAsync(user, "two"));
        Assert.Equal("/TWO/a", await MatchAsync(user, "TWO/a"));
        Assert.Equal("/", await MatchAsync(user, ""));
    }

    private async Task<string> MatchAsync(TestUser user, string path) =>
        (await storage.Tree.MatchCaseAsync(user.Caller, At(path), keepLast: false, None)).ToString();

    [Fact]
    public async Task The_last_name_of_a_target_keeps_its_case()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFoldersAsync("Docs", "Docs/Old");
        var target = await storage.Tree.MatchCaseAsync(user.Caller, At("docs/OLD"), keepLast: true, None);
        Assert.Equal("/Docs/OLD", target.ToString());
    }
}
