using Kosha.Tests.Infrastructure;
using Kosha.Tests.WebDav;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>Writes below /api/nodes.</summary>
public sealed class NodeWriteTests(Drive shared, SharedKosha kosha) : IClassFixture<Drive>, IDisposable
{
    private readonly DavClient drive = shared.Client;
    private readonly ApiClient api = new(shared.Client);

    public void Dispose() => api.Dispose();

    /// <summary>A folder with folders and files: 'a/' is a folder, 'a=x' a file that holds x.</summary>
    private async Task<string> TreeAsync(params string[] nodes)
    {
        var top = await shared.NewFolderAsync();
        foreach (var node in nodes)
        {
            if (node.EndsWith('/'))
                (await drive.MkcolAsync($"{top}/{node}")).Must(201);
            else
                (await drive.PutAsync($"{top}/{node.Split('=')[0]}", node.Split('=')[^1])).Must(201);
        }
        return top;
    }

    private async Task<string?> TextAsync(string path) =>
        await drive.GetAsync(path) is { Status: 200 } answer ? answer.Text : null;

    private Task<long[]> IdsAsync(params string[] paths) => Task.WhenAll(paths.Select(api.IdAsync));

    [Fact]
    public async Task A_folder_is_made_once()
    {
        var top = await api.IdAsync(await shared.NewFolderAsync());
        var made = (await api.MakeFolderAsync(top, "cafe\u0301")).Must(201);
        Assert.Equal($"/api/nodes/{made.Id}", made.Headers.Location!.ToString());
        Assert.Equal("caf\u00e9", made.Text("name"));
        Assert.Equal(top, (long)made.Body!["parentId"]!);
        Assert.True((bool)made.Body["isFolder"]!);
        var refused = (await api.MakeFolderAsync(top, "caf\u00e9")).MustBe("already-exists", 409);
        Assert.Equal(made.Id, (long)Assert.Single(refused.Nodes("existing"))["id"]!);
        (await api.MakeFolderAsync(top, "a/b")).MustBe("invalid-name", 400);
        (await api.MakeFolderAsync(top, new string('\u00e9', 128))).MustBe("invalid-name", 400);
        (await api.MakeFolderAsync(top, new string('\u00e9', 127))).Must(201);
        (await api.PostAsync($"nodes/{top}/folders", new { })).MustBe("malformed", 400);
        (await api.MakeFolderAsync(top + 1_000_000, "a")).MustBe("not-found", 404);
    }

    [Fact]
    public async Task A_file_holds_no_folders()
    {
        var top = await TreeAsync("file=x");
        var file = await api.IdAsync($"{top}/file");
        (await api.MakeFolderAsync(file, "a")).MustBe("wrong-kind", 409);
        (await api.PlaceAsync("move", file, "fail", await api.IdAsync(top))).Must(409);
    }

    [Fact]
    public async Task A_rename_keeps_the_node_and_may_change_case_alone()
    {
        var top = await TreeAsync("Report.TXT=x", "other=y");
        var id = await api.IdAsync($"{top}/Report.TXT");
        var renamed = (await api.ChangeAsync(id, new { name = "report.txt" })).Must(200);
        Assert.Equal(id, renamed.Id);
        Assert.Equal("report.txt", renamed.Text("name"));
        Assert.Equal("x", await TextAsync($"{top}/report.txt"));
        Assert.Null(await TextAsync($"{top}/Report.TXT"));
        (await api.ChangeAsync(id, new { name = "report.txt" })).Must(200);
        var refused = (await api.ChangeAsync(id, new { name = "other" })).MustBe("already-exists", 409);
        Assert.Equal(["other"], refused.Names("existing"));
        (await api.ChangeAsync(id, new { name = ".." })).MustBe("invalid-name", 400);
        Assert.Equal(["other", "report.txt"], await api.NamesAsync(await api.IdAsync(top)));
    }

    [Fact]
    public async Task The_top_folder_stays_as_it_is()
    {
        var (root, top) = (await api.IdAsync(""), await api.IdAsync(await shared.NewFolderAsync()));
        (await api.ChangeAsync(root, new { name = "a" })).MustBe("root-is-fixed", 403);
        (await api.TrashAsync(root)).MustBe("root-is-fixed", 403);
        (await api.PlaceAsync("move", top, "fail", root)).MustBe("root-is-fixed", 403);
        (await api.PlaceAsync("copy", top, "fail", root)).MustBe("root-is-fixed", 403);
    }

    [Fact]
    public async Task A_mark_and_a_time_are_set_and_a_rename_can_be_conditional()
    {
        var top = await TreeAsync("file=x");
        var id = await api.IdAsync($"{top}/file");
        var etag = (await api.NodeAsync(id)).Text("etag");
        var changed = (await api.ChangeAsync(id, new { isFavorite = true, modified = "2001-09-09T01:46:40Z" }))
            .Must(200);
        Assert.True((bool)changed.Body!["isFavorite"]!);
        Assert.Equal("2001-09-09T01:46:40+00:00", changed.Text("modified"));
        Assert.Equal("file", changed.Text("name"));
        Assert.Equal(etag, changed.Text("etag"));
        Assert.True((bool)(await api.ChangeAsync(id, new { name = "b" })).Must(200).Body!["isFavorite"]!);
        (await api.ChangeAsync(id, new { name = "c", ifMatch = "\"00000000000000000000000000000000\"" }))
            .MustBe("condition-failed", 412);
        (await api.ChangeAsync(id, new { isFavorite = false, ifMatch = etag })).Must(200);
        (await api.ChangeAsync(id, new { modified = "0001-01-01T00:00:00Z" })).MustBe("invalid-value", 400);
        (await api.ChangeAsync(id, new { })).Must(200);
        Assert.False((bool)(await api.NodeAsync(id)).Body!["isFavorite"]!);
    }

    [Fact]
    public async Task Nodes_move_together_with_their_ids()
    {
        var top = await TreeAsync("a/", "a/deep=1", "b=2", "c/", "to/");
        var ids = await IdsAsync($"{top}/a", $"{top}/b", $"{top}/a/deep");
        var to = await api.IdAsync($"{top}/to");
        var moved = (await api.PlaceAsync("move", to, "fail", ids)).Must(200);
        // What lies below another one goes with it.
        Assert.Equal(ids[..2], moved.Ids());
        Assert.All(moved.Nodes(), node => Assert.Equal(to, (long)node["parentId"]!));
        Assert.Equal("1", await TextAsync($"{top}/to/a/deep"));
        Assert.Equal(["c", "to"], await api.NamesAsync(await api.IdAsync(top)));
        // Once more changes nothing.
        Assert.Equal(ids[..2], (await api.PlaceAsync("move", to, "fail", ids[..2])).Must(200).Ids());
        Assert.Equal(["a", "b"], await api.NamesAsync(to));
    }

    [Fact]
    public async Task Copies_are_new_nodes_and_cost_quota()
    {
        var top = await TreeAsync("a/", "a/deep=1234", "b=2", "to/");
        var ids = await IdsAsync($"{top}/a", $"{top}/b");
        var to = await api.IdAsync($"{top}/to");
        var copied = (await api.PlaceAsync("copy", to, "fail", ids)).Must(200);
        Assert.Equal(["a", "b"], copied.Names());
        Assert.Empty(copied.Ids().Intersect(ids));
        Assert.Equal("1234", await TextAsync($"{top}/to/a/deep"));
        Assert.Equal("1234", await TextAsync($"{top}/a/deep"));
        Assert.Equal(copied.Ids()[0], await api.IdAsync($"{top}/to/a"));
    }

    [Theory]
    [InlineData("move")]
    [InlineData("copy")]
    public async Task A_taken_name_refuses_all_and_says_what_is_there(string verb)
    {
        var top = await TreeAsync("a=1", "b=2", "c=3", "to/", "to/b=old", "to/c/");
        var ids = await IdsAsync($"{top}/a", $"{top}/b", $"{top}/c");
        var to = await api.IdAsync($"{top}/to");
        var refused = (await api.PlaceAsync(verb, to, "fail", ids)).MustBe("already-exists", 409);
        Assert.Equal(["b", "c"], refused.Names("existing"));
        Assert.Equal(await api.IdAsync($"{top}/to/b"), (long)refused.Nodes("existing")[0]["id"]!);
        Assert.Equal(["b", "c"], await api.NamesAsync(to));
        Assert.Equal("1", await TextAsync($"{top}/a"));
        Assert.Equal("old", await TextAsync($"{top}/to/b"));
    }

    [Theory]
    [InlineData("move")]
    [InlineData("copy")]
    public async Task A_taken_name_gets_a_number(string verb)
    {
        var top = await TreeAsync(
            "a.txt=1", ".b=2", "c.d/", "to/", "to/a.txt=x", "to/a%20(2).txt=x", "to/.b=x", "to/c.d/", "more/",
            "more/a.txt=3");
        var ids = await IdsAsync($"{top}/a.txt", $"{top}/.b", $"{top}/c.d", $"{top}/more/a.txt");
        var to = await api.IdAsync($"{top}/to");
        var placed = (await api.PlaceAsync(verb, to, "rename", ids)).Must(200);
        Assert.Equal(["a (3).txt", ".b (2)", "c.d (2)", "a (4).txt"], placed.Names());
        Assert.Equal("1", await TextAsync($"{top}/to/a%20(3).txt"));
        Assert.Equal("3", await TextAsync($"{top}/to/a%20(4).txt"));
        Assert.Equal(8, (await api.NamesAsync(to)).Length);
        if (verb == "copy")
        {
            // Beside itself, too.
            var self = (await api.PlaceAsync("copy", await api.IdAsync(top), "rename", ids[..1])).Must(200);
            Assert.Equal(["a (2).txt"], self.Names());
        }
    }

    [Fact]
    public async Task A_long_name_is_cut_for_its_number()
    {
        var name = new string('\u00e9', 125) + ".txt";
        var top = await shared.NewFolderAsync();
        (await drive.PutAsync($"{top}/{DavClient.Encode(name)}", "1")).Must(201);
        var copied = await api.PlaceAsync("copy", await api.IdAsync(top), "rename", await api.IdAsync($"{top}/{name}"));
        var copy = copied.Must(200).Names()[0];
        Assert.StartsWith("\u00e9\u00e9", copy, StringComparison.Ordinal);
        Assert.EndsWith("\u00e9 (2).txt", copy, StringComparison.Ordinal);
        Assert.InRange(System.Text.Encoding.UTF8.GetByteCount(copy), 240, 255);
    }

    [Fact]
    public async Task A_file_over_a_file_takes_its_place_and_a_folder_in_the_way_goes_to_the_trash()
    {
        var top = await TreeAsync("a=new", "b=2", "to/", "to/a=old", "to/b/", "to/b/c=3");
        var ids = await IdsAsync($"{top}/a", $"{top}/b");
        var (to, old) = (await api.IdAsync($"{top}/to"), await api.IdAsync($"{top}/to/a"));
        var moved = (await api.PlaceAsync("move", to, "replace", ids)).Must(200);
        Assert.Equal([old, ids[1]], moved.Ids());
        Assert.Equal("new", await TextAsync($"{top}/to/a"));
        Assert.Equal("2", await TextAsync($"{top}/to/b"));
        Assert.Equal(["to"], await api.NamesAsync(await api.IdAsync(top)));
    }

    [Fact]
    public async Task Two_of_one_name_never_replace_each_other()
    {
        var top = await TreeAsync("a/", "a/x=1", "b/", "b/x=2", "to/");
        var ids = await IdsAsync($"{top}/a/x", $"{top}/b/x");
        var to = await api.IdAsync($"{top}/to");
        foreach (var policy in new[] { "fail", "replace" })
            (await api.PlaceAsync("move", to, policy, ids)).MustBe("already-exists", 409);
        Assert.Empty(await api.NamesAsync(to));
        Assert.Equal(["x", "x (2)"], (await api.PlaceAsync("move", to, "rename", ids)).Must(200).Names());
    }

    [Fact]
    public async Task A_folder_does_not_go_into_itself()
    {
        var top = await TreeAsync("a/", "a/b/", "a/a/");
        var ids = await IdsAsync($"{top}/a", $"{top}/a/b", $"{top}/a/a");
        foreach (var verb in new[] { "move", "copy" })
        {
            (await api.PlaceAsync(verb, ids[1], "fail", ids[0])).MustBe("cycle", 409);
            (await api.PlaceAsync(verb, ids[0], "fail", ids[0])).Must(409);
            // It would replace what it lies in.
            (await api.PlaceAsync(verb, await api.IdAsync(top), "replace", ids[2])).MustBe("cycle", 409);
        }
        Assert.Equal(["a (2)"], (await api.PlaceAsync("move", await api.IdAsync(top), "rename", ids[2])).Names());
    }

    [Fact]
    public async Task All_go_to_the_trash_or_none()
    {
        var top = await TreeAsync("a/", "a/deep=1", "b=2", "c=3");
        var ids = await IdsAsync($"{top}/a", $"{top}/a/deep", $"{top}/b");
        (await api.TrashAsync([.. ids, 1_000_000_000])).MustBe("not-found", 404);
        Assert.Equal(["a", "b", "c"], await api.NamesAsync(await api.IdAsync(top)));
        (await api.TrashAsync(ids)).Must(204);
        Assert.Equal(["c"], await api.NamesAsync(await api.IdAsync(top)));
        (await api.TrashAsync(ids[0])).MustBe("not-found", 404);
        (await api.NodeAsync(ids[1])).MustBe("not-found", 404);
    }

    [Fact]
    public async Task Locks_keep_every_write_away_and_tokens_let_them_in()
    {
        var top = await TreeAsync("a/", "a/locked=1", "b=2", "to/");
        var (a, b, to) = (await api.IdAsync($"{top}/a"), await api.IdAsync($"{top}/b"), await api.IdAsync($"{top}/to"));
        var deep = await api.IdAsync($"{top}/a/locked");
        var token = await drive.LockAsync($"{top}/a/locked");
        (await api.ChangeAsync(deep, new { name = "x" })).MustBe("locked", 423);
        (await api.ChangeAsync(deep, new { modified = "2001-09-09T01:46:40Z" })).MustBe("locked", 423);
        (await api.ChangeAsync(deep, new { isFavorite = true })).Must(200);
        (await api.ChangeAsync(a, new { name = "x" })).MustBe("locked", 423);
        (await api.PlaceAsync("move", to, "fail", b, a)).MustBe("locked", 423);
        (await api.TrashAsync(b, a)).MustBe("locked", 423);
        Assert.Equal("2", await TextAsync($"{top}/b"));
        var lockTokens = new[] { token };
        (await api.PostAsync("nodes/move", new { ids = new[] { b, a }, parentId = to, lockTokens })).Must(200);
        var folderToken = await drive.LockAsync($"{top}/to");
        (await api.MakeFolderAsync(to, "new")).MustBe("locked", 423);
        (await api.PlaceAsync("copy", to, "rename", deep)).MustBe("locked", 423);
        lockTokens = [folderToken];
        (await api.PostAsync($"nodes/{to}/folders", new { name = "new", lockTokens })).Must(201);
    }

    [Fact]
    public async Task Nobody_else_and_nobody_unknown_writes()
    {
        var top = await TreeAsync("a=1", "to/");
        var (a, to) = (await api.IdAsync($"{top}/a"), await api.IdAsync($"{top}/to"));
        using var otherDrive = await kosha.NewDriveAsync();
        using var other = new ApiClient(otherDrive);
        using var wrong = new ApiClient(new DavClient(drive.Server, drive.User with { Password = "wrong" }));
        (await otherDrive.PutAsync("mine", "x")).Must(201);
        var (mine, root) = (await other.IdAsync("mine"), await other.IdAsync(""));
        foreach (var (client, problem, status) in new[] { (other, "not-found", 404), (wrong, "unauthorized", 401) })
        {
            (await client.MakeFolderAsync(to, "x")).MustBe(problem, status);
            (await client.ChangeAsync(a, new { name = "x" })).MustBe(problem, status);
            (await client.ChangeAsync(a, new { isFavorite = true })).MustBe(problem, status);
            (await client.TrashAsync(a)).MustBe(problem, status);
            foreach (var verb in new[] { "move", "copy" })
            {
                (await client.PlaceAsync(verb, to, "fail", a)).MustBe(problem, status);
                (await client.PlaceAsync(verb, root, "fail", a)).MustBe(problem, status);
                (await client.PlaceAsync(verb, to, "fail", mine)).MustBe(problem, status);
            }
        }
        Assert.Equal("1", await TextAsync($"{top}/a"));
    }

    [Fact]
    public async Task Bodies_have_limits()
    {
        var to = await api.IdAsync(await shared.NewFolderAsync());
        (await api.TrashAsync()).MustBe("invalid-value", 400);
        (await api.TrashAsync([.. Enumerable.Range(1, 501).Select(i => (long)i)])).MustBe("invalid-value", 400);
        (await api.PlaceAsync("move", to, "fail")).MustBe("invalid-value", 400);
        (await api.PlaceAsync("move", to, "perhaps", to)).MustBe("malformed", 400);
        (await api.PostAsync("nodes/move", new { ids = new[] { to }, parentId = to, onConflict = 2 }))
            .MustBe("malformed", 400);
        (await api.PostAsync("nodes/trash", new { ids = new[] { "1" } })).MustBe("malformed", 400);
        (await api.PostAsync("nodes/trash", new { })).MustBe("malformed", 400);
        using var form = new HttpRequestMessage(HttpMethod.Patch, new Uri(drive.Server, $"api/nodes/{to}"))
        {
            Content = new StringContent("{}"),
        };
        form.Headers.TryAddWithoutValidation("Authorization", drive.Authorization);
        using var http = new HttpClient();
        Assert.Equal(415, (int)(await http.SendAsync(form)).StatusCode);
    }

    [Fact]
    public async Task As_many_as_may_be_move_at_once()
    {
        var top = await shared.NewFolderAsync();
        (await drive.MkcolAsync($"{top}/to")).Must(201);
        var count = TestSize.Pick(200, 500);
        await Parallel.ForEachAsync(Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = 4 },
            async (i, _) => (await drive.PutAsync($"{top}/f{i}", [])).Must(201));
        var listed = (await api.ChildrenAsync(await api.IdAsync(top), "limit=1000")).Must(200);
        var ids = listed.Nodes().Where(node => !(bool)node["isFolder"]!).Select(node => (long)node["id"]!).ToArray();
        Assert.Equal(count, ids.Length);
        var to = await api.IdAsync($"{top}/to");
        Assert.Equal(ids, (await api.PlaceAsync("move", to, "fail", ids)).Must(200).Ids());
        Assert.Equal(count, (await api.PlaceAsync("copy", to, "rename", ids)).Must(200).Ids().Length);
        (await api.TrashAsync(ids)).Must(204);
        Assert.Equal(count, (await api.NamesAsync(to)).Length);
    }

    [Fact]
    public async Task An_upload_goes_into_a_folder_by_its_id()
    {
        var top = await shared.NewFolderAsync();
        var id = await api.IdAsync(top);
        await UploadAsync(id, "by-id", 201);
        Assert.Equal("", await TextAsync($"{top}/by-id"));
        await UploadAsync(id + 1_000_000, "x", 404);
        (await api.PostAsync("uploads", Body(id, "x", parent: "/"))).MustBe("invalid-value", 400);
        (await api.PostAsync("uploads", Body(null, "x", parent: null))).MustBe("invalid-value", 400);

        async Task UploadAsync(long parentId, string name, int status) =>
            (await api.PostAsync("uploads", Body(parentId, name, parent: null))).Must(status);

        static object Body(long? parentId, string name, string? parent)
        {
            var body = new Dictionary<string, object>(StringComparer.Ordinal)
            {
                ["name"] = name, ["size"] = 0, ["sha256"] = ApiClient.HashOf([]),
            };
            if (parentId is { } id)
                body["parentId"] = id;
            if (parent is not null)
                body["parent"] = parent;
            return body;
        }
    }
}
