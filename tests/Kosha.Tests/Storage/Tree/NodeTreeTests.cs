using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Tree;

public sealed class NodeTreeTests(SharedPostgres postgres) : IAsyncLifetime
{
    private TestStore store = null!;
    private Caller caller = null!;

    public async ValueTask InitializeAsync()
    {
        store = await TestStore.NewAsync(postgres);
        caller = await store.NewCallerAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await store.FsckAsync();
        await store.DisposeAsync();
    }

    private async Task MakeAsync(params string[] paths)
    {
        foreach (var path in paths)
        {
            if (path.EndsWith('/'))
                await store.FolderAsync(caller, path);
            else
                await store.WriteAsync(caller, path, path);
        }
    }

    [Fact]
    public async Task Folders_need_a_parent_and_a_free_name()
    {
        await MakeAsync("a/", "f");
        Assert.Equal(StorageFault.ParentMissing, await TestStore.FaultAsync(() => store.FolderAsync(caller, "x/y")));
        Assert.Equal(StorageFault.ParentMissing, await TestStore.FaultAsync(() => store.FolderAsync(caller, "f/y")));
        Assert.Equal(StorageFault.AlreadyExists, await TestStore.FaultAsync(() => store.FolderAsync(caller, "a")));
        Assert.Equal(StorageFault.AlreadyExists, await TestStore.FaultAsync(() => store.FolderAsync(caller, "f")));
        Assert.Equal(StorageFault.WrongKind, await TestStore.FaultAsync(() => store.WriteAsync(caller, "a", "x")));
        Assert.Equal(["a/", "f"], await store.TreeAsync(caller));
    }

    [Fact]
    public async Task Names_differ_by_case_and_are_listed_by_their_bytes()
    {
        await MakeAsync("b", "B", "ä", "a", "Z", "~");
        Assert.Equal(["B", "Z", "a", "b", "~", "ä"], await store.TreeAsync(caller));
        Assert.Null(await store.FindAsync(caller, "z!"));
        Assert.Equal("B", await store.ReadAsync(caller, "B"));
    }

    [Fact]
    public async Task Clients_without_case_find_the_only_match()
    {
        await MakeAsync("Folder/", "Folder/File", "README", "readme");
        Assert.Equal("/Folder/File", await MatchAsync("fOLDER/fILE"));
        Assert.Equal("/Folder/fILE", await MatchAsync("fOLDER/fILE", keepLast: true));
        Assert.Equal("/readme", await MatchAsync("readme"));
        Assert.Equal("/ReadMe", await MatchAsync("ReadMe"));
        Assert.Equal("/Folder/new/deep", await MatchAsync("folder/new/deep"));
    }

    private async Task<string> MatchAsync(string path, bool keepLast = false) =>
        (await store.Tree.MatchCaseAsync(caller, TestStore.PathOf(path), keepLast, CancellationToken.None)).ToString();

    [Fact]
    public async Task Listings_come_in_pages()
    {
        await MakeAsync([.. Enumerable.Range(0, 25).Select(i => $"f{i:D2}")]);
        var root = (await store.FindAsync(caller, ""))!;
        var seen = new List<string>();
        while (true)
        {
            var page = await store.Tree.ListAsync(
                caller, root.Id, seen.LastOrDefault(), 10, withDigests: true, CancellationToken.None);
            if (page.Count == 0)
                break;
            Assert.All(page, node => Assert.Equal((20, 16), (node.Sha1!.Length, node.Md5!.Length)));
            seen.AddRange(page.Select(node => node.Name));
        }
        Assert.Equal(Enumerable.Range(0, 25).Select(i => $"f{i:D2}"), seen);
    }

    [Fact]
    public async Task Moving_a_folder_is_one_row_and_keeps_ids_and_etags()
    {
        await MakeAsync("a/", "a/b/", "a/b/f", "t/");
        var before = await store.FindAsync(caller, "a/b/f");
        Assert.True(await store.MoveAsync(caller, "a", "t/a2"));
        var after = await store.FindAsync(caller, "t/a2/b/f");
        Assert.Equal((before!.Id, before.Etag), (after!.Id, after.Etag));
        Assert.Equal(["t/", "t/a2/", "t/a2/b/", "t/a2/b/f"], await store.TreeAsync(caller));
        Assert.True(await store.MoveAsync(caller, "t", "T"));
        Assert.Equal("a/b/f", await store.ReadAsync(caller, "T/a2/b/f"));
    }

    [Fact]
    public async Task A_file_moved_over_a_file_keeps_the_targets_node()
    {
        await MakeAsync("new", "old");
        var (source, target) = (await store.FindAsync(caller, "new"), await store.FindAsync(caller, "old"));
        Assert.False(await store.MoveAsync(caller, "new", "old"));
        var after = await store.FindAsync(caller, "old");
        Assert.Equal((target!.Id, source!.Etag), (after!.Id, after.Etag));
        Assert.Equal("new", await store.ReadAsync(caller, "old"));
        Assert.Equal(["old"], await store.TreeAsync(caller));
    }

    [Theory]
    [InlineData("a", "a", StorageFault.Cycle)]
    [InlineData("a", "a/b/c", StorageFault.Cycle)]
    [InlineData("a/b", "a", StorageFault.Cycle)]
    [InlineData("", "x", StorageFault.RootIsFixed)]
    [InlineData("a", "", StorageFault.Cycle)]
    [InlineData("missing", "x", StorageFault.NotFound)]
    [InlineData("a", "missing/x", StorageFault.ParentMissing)]
    [InlineData("a", "f/x", StorageFault.ParentMissing)]
    [InlineData("a", "f", StorageFault.ConditionFailed)]
    public async Task Moves_that_make_no_sense_change_nothing(string source, string target, StorageFault fault)
    {
        await MakeAsync("a/", "a/b/", "f");
        Assert.Equal(fault,
            await TestStore.FaultAsync(() => store.MoveAsync(caller, source, target, overwrite: false)));
        Assert.Equal(["a/", "a/b/", "f"], await store.TreeAsync(caller));
    }

    [Fact]
    public async Task A_copied_tree_shares_bytes_and_nothing_else()
    {
        await MakeAsync("a/", "a/b/", "a/b/f", "a/g");
        Assert.True(await store.CopyAsync(caller, "a", "c"));
        Assert.Equal(["c/", "c/b/", "c/b/f", "c/g"], (await store.TreeAsync(caller)).Where(p => p[0] == 'c'));
        await store.WriteAsync(caller, "a/b/f", "changed");
        Assert.Equal("a/b/f", await store.ReadAsync(caller, "c/b/f"));

        Assert.True(await store.CopyAsync(caller, "a", "shallow", deep: false));
        Assert.Empty(await store.TreeAsync(caller, "shallow"));
        Assert.Equal(StorageFault.Cycle, await TestStore.FaultAsync(() => store.CopyAsync(caller, "a", "a/b/x")));
        Assert.Equal(StorageFault.ConditionFailed,
            await TestStore.FaultAsync(() => store.CopyAsync(caller, "a", "c", overwrite: false)));
    }

    [Fact]
    public async Task What_is_trashed_is_gone_with_all_below_and_still_counts()
    {
        await MakeAsync("a/", "a/b/", "a/b/f");
        var folder = (await store.FindAsync(caller, "a/b"))!;
        await store.TrashAsync(caller, "a");
        Assert.Null(await store.FindAsync(caller, "a/b/f"));
        Assert.Empty(await store.TreeAsync(caller));
        // By id neither: the chain of parents does not reach the root.
        Assert.Empty(await store.Tree.ListAsync(caller, folder.Id, null, 10, false, CancellationToken.None));
        Assert.Equal(5, (await store.Usage.QuotaAsync(caller, CancellationToken.None)).UsedBytes);
        Assert.Equal(StorageFault.NotFound, await TestStore.FaultAsync(() => store.TrashAsync(caller, "a")));
        Assert.Equal(StorageFault.RootIsFixed, await TestStore.FaultAsync(() => store.TrashAsync(caller, "")));
        await MakeAsync("a/");
    }

    [Fact]
    public async Task Users_do_not_see_each_other()
    {
        await MakeAsync("a/", "a/f");
        var other = await store.NewCallerAsync();
        var folder = (await store.FindAsync(caller, "a"))!;
        Assert.Null(await store.FindAsync(other, "a"));
        Assert.Empty(await store.Tree.ListAsync(other, folder.Id, null, 10, false, CancellationToken.None));
    }

    [Fact]
    public async Task A_changed_stamp_ends_every_access()
    {
        await MakeAsync("f");
        var stale = caller with { CredentialStamp = Guid.NewGuid() };
        Task[] attempts =
        [
            Revoked(() => store.FindAsync(stale, "f")), Revoked(() => store.FolderAsync(stale, "x")),
            Revoked(() => store.WriteAsync(stale, "f", "x")), Revoked(() => store.TrashAsync(stale, "f")),
            Revoked(() => store.MoveAsync(stale, "f", "g")), Revoked(() => store.CopyAsync(stale, "f", "g")),
        ];
        await Task.WhenAll(attempts);
        Assert.Equal("f", await store.ReadAsync(caller, "f"));

        static async Task Revoked(Func<Task> work) =>
            Assert.Equal(StorageFault.CredentialRevoked, await TestStore.FaultAsync(work));
    }

    [Fact]
    public async Task Dead_properties_change_all_or_nothing()
    {
        await MakeAsync("f");
        await ChangeAsync(("{a}x", "<x/>"), ("{a}y", "<y/>"));
        await ChangeAsync(("{a}x", null), ("{a}z", "<z/>"), ("{a}unknown", null));
        var properties = (await store.FindAsync(caller, "f"))!.Properties;
        Assert.Equal("{\"{a}y\": \"<y/>\", \"{a}z\": \"<z/>\"}", properties);
        Assert.Equal(StorageFault.LimitReached, await TestStore.FaultAsync(
            () => ChangeAsync(("{a}y", null), ("{a}big", new string('x', NodeTree.MaxPropertiesBytes)))));
        Assert.Equal(properties, (await store.FindAsync(caller, "f"))!.Properties);
        await store.CopyAsync(caller, "f", "copy");
        Assert.Equal(properties, (await store.FindAsync(caller, "copy"))!.Properties);
    }

    private Task ChangeAsync(params (string Name, string? Xml)[] changes) => store.Tree.ChangePropertiesAsync(
        caller, TestStore.PathOf("f"),
        new([.. changes.Select(change => KeyValuePair.Create(change.Name, change.Xml))], null, null),
        WriteConditions.None, CancellationToken.None);
}
