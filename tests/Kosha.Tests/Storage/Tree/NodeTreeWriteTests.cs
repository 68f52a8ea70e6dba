using Kosha.Storage;
using Kosha.Storage.Tree;
using Xunit;
using static Kosha.Tests.Storage.TestUser;

namespace Kosha.Tests.Storage.Tree;

public sealed class NodeTreeWriteTests(StorageFixture storage) : IClassFixture<StorageFixture>
{
    [Fact]
    public async Task A_folder_is_made_once_below_a_folder()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFoldersAsync("a", "a/b");
        await user.PutAsync("file", "x");
        await RefusedAsync(StorageFault.AlreadyExists, () => user.MakeFolderAsync("a"));
        await RefusedAsync(StorageFault.AlreadyExists, () => user.MakeFolderAsync("file"));
        await RefusedAsync(StorageFault.AlreadyExists, () => user.MakeFolderAsync(""));
        await RefusedAsync(StorageFault.ParentMissing, () => user.MakeFolderAsync("x/y"));
        await RefusedAsync(StorageFault.ParentMissing, () => user.MakeFolderAsync("file/y"));
        Assert.Equal((1, 3), await user.UsageAsync());
    }

    [Fact]
    public async Task A_file_needs_a_folder_and_replaces_no_folder()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFolderAsync("a");
        await user.PutAsync("file", "x");
        await RefusedAsync(StorageFault.ParentMissing, () => user.PutAsync("x/y", "x"));
        await RefusedAsync(StorageFault.ParentMissing, () => user.PutAsync("file/y", "x"));
        await RefusedAsync(StorageFault.WrongKind, () => user.PutAsync("a", "x"));
        await RefusedAsync(StorageFault.RootIsFixed, () => user.PutAsync("", "x"));
    }

    [Fact]
    public async Task What_is_trashed_keeps_its_rows_and_its_charge()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFoldersAsync("a", "a/b");
        await user.PutAsync("a/b/file", "content");
        var (folder, usage) = (await user.GetAsync("a/b"), await user.UsageAsync());
        await user.TrashAsync("a/b");
        Assert.Null(await user.FindAsync("a/b/file"));
        Assert.Empty(await user.NamesAsync("a"));
        Assert.Equal(usage, await user.UsageAsync());
        Assert.Equal((await user.GetAsync("a")).Id, await storage.SqlAsync<long>(
            $"select original_parent_id from file_nodes where id = {folder.Id} and trashed_at is not null"));
        // The name is free again, as often as one likes.
        await user.MakeFolderAsync("a/b");
        await user.TrashAsync("a/b");
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task Nothing_and_the_root_cannot_be_trashed()
    {
        var user = await storage.NewUserAsync();
        await RefusedAsync(StorageFault.NotFound, () => user.TrashAsync("a"));
        await RefusedAsync(StorageFault.NotFound, () => user.TrashAsync("a/b"));
        await RefusedAsync(StorageFault.RootIsFixed, () => user.TrashAsync(""));
    }

    [Fact]
    public async Task An_overwrite_keeps_the_node_and_renews_the_etag()
    {
        var user = await storage.NewUserAsync();
        var (first, created) = await user.PutAsync("file", "one");
        Assert.True(created);
        var (second, createdAgain) = await user.PutAsync("file", "three");
        Assert.False(createdAgain);
        Assert.Equal(first.Id, second.Id);
        Assert.NotEqual(first.Etag, second.Etag);
        Assert.Equal(first.CreatedAt, second.CreatedAt);
        Assert.Equal((5, 1), await user.UsageAsync());
        Assert.NotEqual(second.Etag, (await user.PutAsync("file", "three")).Node.Etag);
    }

    [Fact]
    public async Task A_modification_time_that_a_client_set_is_marked()
    {
        var user = await storage.NewUserAsync();
        var time = new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc);
        var write = new FileWrite { ModifiedAt = time, ContentType = "text/plain" };
        var set = (await user.PutAsync("file", Body("x"), write)).Node;
        Assert.Equal((time, true, "text/plain"), (set.ModifiedAt, set.ModifiedByClient, set.ContentType));
        var plain = (await user.PutAsync("file", "y")).Node;
        Assert.False(plain.ModifiedByClient);
        Assert.Null(plain.ContentType);
        Assert.True(plain.ModifiedAt > time);
    }

    // Properties ------------------------------------------------------------------------------------------------------

    private Task ChangeAsync(
        TestUser user, string path, DateTime? modifiedAt = null, params (string Name, string? Xml)[] dead) =>
        storage.Tree.ChangePropertiesAsync(
            user.Caller, At(path), new([.. dead.Select(p => KeyValuePair.Create(p.Name, p.Xml))], modifiedAt, null),
            WriteConditions.None, CancellationToken.None);

    private Task<string> PropertyAsync(FileNode node, string name) =>
        storage.SqlAsync<string>($"select properties ->> '{name}' from file_nodes where id = {node.Id}");

    [Fact]
    public async Task Properties_are_set_removed_and_set_again()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFolderAsync("a");
        await ChangeAsync(user, "a", null, ("{x}one", "<one>1</one>"), ("{x}two", "<two/>"), ("{x}two", null));
        var node = await user.GetAsync("a");
        Assert.Equal("<one>1</one>", await PropertyAsync(node, "{x}one"));
        Assert.Null(await PropertyAsync(node, "{x}two"));
        await ChangeAsync(user, "a", null, ("{x}one", null), ("{x}none", null));
        Assert.Null((await user.GetAsync("a")).Properties);
        await RefusedAsync(StorageFault.NotFound, () => ChangeAsync(user, "b", null, ("{x}one", "")));
    }

    [Fact]
    public async Task Properties_beyond_the_limit_change_nothing()
    {
        var user = await storage.NewUserAsync();
        await user.MakeFolderAsync("a");
        var time = new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc);
        await ChangeAsync(user, "a", null, ("{x}one", new string('x', 60_000)));
        await RefusedAsync(
            StorageFault.LimitReached, () => ChangeAsync(user, "a", time, ("{x}two", new string('x', 6_000))));
        var node = await user.GetAsync("a");
        Assert.NotEqual(time, node.ModifiedAt);
        Assert.Null(await PropertyAsync(node, "{x}two"));
        await ChangeAsync(user, "a", time, ("{x}one", "small"));
        Assert.Equal(time, (await user.GetAsync("a")).ModifiedAt);
    }

    [Fact]
    public async Task Properties_survive_an_overwrite()
    {
        var user = await storage.NewUserAsync();
        await user.PutAsync("file", "one");
        await ChangeAsync(user, "file", null, ("{x}\"quoted\"", "<a b='c'>😀</a>"));
        var node = (await user.PutAsync("file", "two")).Node;
        Assert.Equal("<a b='c'>😀</a>", await PropertyAsync(node, "{x}\"quoted\""));
    }

    // Limits ----------------------------------------------------------------------------------------------------------

    [Fact]
    public async Task The_plan_limits_nodes()
    {
        var user = await storage.NewUserAsync(maxNodes: 2);
        await user.MakeFolderAsync("a");
        await user.PutAsync("a/file", "x");
        await RefusedAsync(StorageFault.QuotaExceeded, () => user.MakeFolderAsync("b"));
        await RefusedAsync(StorageFault.QuotaExceeded, () => user.PutAsync("b", "x"));
        await RefusedAsync(StorageFault.QuotaExceeded, () => user.CopyAsync("a/file", "b"));
        await RefusedAsync(StorageFault.QuotaExceeded, () => user.LockAsync("b"));
        // What takes no more nodes is free: an overwrite, a rename.
        await user.PutAsync("a/file", "y");
        await user.MoveAsync("a/file", "file");
        Assert.Equal((1, 2), await user.UsageAsync());
    }

    [Fact]
    public async Task A_put_that_the_nodes_do_not_suffice_for_is_refused_before_its_first_byte()
    {
        var user = await storage.NewUserAsync(maxNodes: 0);
        var body = new Infrastructure.PatternStream(10_000_000, 1);
        await RefusedAsync(StorageFault.QuotaExceeded, () => user.PutAsync("file", body, new FileWrite()));
        Assert.Equal(0, body.Position);
    }
}
