using System.Text;
using System.Text.Json.Nodes;
using Kosha.Tests.Infrastructure;
using Kosha.Tests.WebDav;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>Reads below /api/nodes.</summary>
public sealed class NodeTests(Drive shared, SharedKosha kosha) : IClassFixture<Drive>, IDisposable
{
    private readonly DavClient drive = shared.Client;
    private readonly ApiClient api = new(shared.Client);

    public void Dispose() => api.Dispose();

    private static readonly string[] Reads = ["", "/children", "/breadcrumb"];

    private Task<ApiAnswer> ReadAsync(ApiClient as_, long id, string what) =>
        as_.SendAsync(HttpMethod.Get, $"nodes/{id}{what}");

    [Fact]
    public async Task A_file_tells_all_about_itself()
    {
        var folder = await shared.NewFolderAsync();
        (await drive.MkcolAsync($"{folder}/a%20b")).Must(201);
        var etag = (await drive.PutAsync($"{folder}/a%20b/caf%C3%A9.txt", "abc", ("X-OC-Mtime", "1000000000")))
            .Must(201).Etag;
        var found = (await api.FindAsync($"/{folder}/a b/caf\u00e9.txt")).Must(200);
        var node = (await api.NodeAsync(found.Id)).Must(200);
        Assert.Equal(found.Body!.ToJsonString(), node.Body!.ToJsonString());
        Assert.Equal("caf\u00e9.txt", node.Text("name"));
        Assert.Equal(3, (long)node.Body["size"]!);
        Assert.False((bool)node.Body["isFolder"]!);
        Assert.False((bool)node.Body["isFavorite"]!);
        Assert.Equal("text/plain", node.Text("contentType"));
        Assert.Equal(etag, node.Text("etag"));
        Assert.Equal(DateTimeOffset.FromUnixTimeSeconds(1_000_000_000), (DateTimeOffset)node.Body["modified"]!);
        Assert.Equal(ApiClient.HashOf("abc"u8.ToArray()), node.Text("sha256"));
        Assert.Equal("a9993e364706816aba3e25717850c26c9cd0d89d", node.Text("sha1"));
        Assert.Equal("900150983cd24fb0d6963f7d28e17f72", node.Text("md5"));
        Assert.Equal(["", folder, "a b", "caf\u00e9.txt"], node.Names("breadcrumb"));
        Assert.Equal(await api.IdAsync($"{folder}/a b"), (long)node.Body["parentId"]!);
        Assert.Empty(node.Body["locks"]!.AsArray());
        var way = (await ReadAsync(api, found.Id, "/breadcrumb")).Must(200).Body!["breadcrumb"]!;
        Assert.Equal(node.Body["breadcrumb"]!.ToJsonString(), way.ToJsonString());
    }

    [Fact]
    public async Task The_top_folder_has_no_parent_and_no_name()
    {
        var root = (await api.SendAsync(HttpMethod.Get, "nodes")).Must(200);
        Assert.Equal("", root.Text("name"));
        Assert.True((bool)root.Body!["isFolder"]!);
        Assert.Null(root.Body["parentId"]);
        Assert.Null(root.Body["etag"]);
        Assert.Null(root.Body["contentType"]);
        Assert.Single(root.Nodes("breadcrumb"));
        Assert.Equal(root.Id, await api.IdAsync("/"));
    }

    [Fact]
    public async Task Locks_on_it_and_deep_ones_above_are_shown()
    {
        var folder = await shared.NewFolderAsync();
        (await drive.PutAsync($"{folder}/file", "x")).Must(201);
        var token = await drive.LockAsync(folder, "infinity");
        foreach (var path in new[] { folder, $"{folder}/file" })
        {
            var held = Assert.Single((await api.FindAsync(path)).Must(200).Nodes("locks"));
            Assert.Equal(token, (string)held["token"]!);
            Assert.Equal($"/{folder}", (string)held["path"]!);
            Assert.True((bool)held["isDeep"]!);
            Assert.True((bool)held["isExclusive"]!);
        }
        (await drive.UnlockAsync(folder, token)).Must(204);
        token = await drive.LockAsync(folder, "0");
        Assert.Empty((await api.FindAsync($"{folder}/file")).Must(200).Nodes("locks"));
        (await drive.UnlockAsync(folder, token)).Must(204);
    }

    [Fact]
    public async Task Nobody_elses_and_nothing_deleted_is_there()
    {
        var folder = await shared.NewFolderAsync();
        (await drive.MkcolAsync($"{folder}/gone")).Must(201);
        (await drive.PutAsync($"{folder}/gone/file", "x")).Must(201);
        var (top, gone, file) = (
            await api.IdAsync(folder), await api.IdAsync($"{folder}/gone"), await api.IdAsync($"{folder}/gone/file"));
        using var otherDrive = await kosha.NewDriveAsync();
        using var other = new ApiClient(otherDrive);
        foreach (var read in Reads)
            (await ReadAsync(other, top, read)).MustBe("not-found", 404);
        (await drive.DeleteAsync($"{folder}/gone")).Must(204);
        foreach (var id in new[] { gone, file, 0, -1, long.MaxValue })
        {
            foreach (var read in Reads)
                (await ReadAsync(api, id, read)).MustBe("not-found", 404);
        }
        (await api.FindAsync($"{folder}/gone")).MustBe("not-found", 404);
        (await api.FindAsync($"{folder}/none")).MustBe("not-found", 404);
        (await api.FindAsync("a/../b")).MustBe("invalid-name", 400);
    }

    [Fact]
    public async Task Nobody_reads_without_a_sign_in()
    {
        var id = await api.IdAsync("");
        using var wrong = new ApiClient(new DavClient(drive.Server, drive.User with { Password = "wrong" }));
        foreach (var read in Reads)
            (await ReadAsync(wrong, id, read)).MustBe("unauthorized", 401);
        (await wrong.FindAsync("")).MustBe("unauthorized", 401);
    }

    [Theory]
    [InlineData("", "B a b.TXT c.txt d.zip e")]
    [InlineData("order=desc", "e d.zip c.txt b.TXT a B")]
    [InlineData("sort=name&foldersFirst=true", "B e a b.TXT c.txt d.zip")]
    [InlineData("sort=name&order=desc&foldersFirst=true", "e B d.zip c.txt b.TXT a")]
    [InlineData("sort=size", "B e d.zip a b.TXT c.txt")]
    [InlineData("sort=size&order=desc", "c.txt b.TXT a d.zip e B")]
    [InlineData("sort=size&order=desc&foldersFirst=true", "e B c.txt b.TXT a d.zip")]
    [InlineData("sort=type", "B a e b.TXT c.txt d.zip")]
    [InlineData("sort=type&order=desc", "d.zip c.txt b.TXT e a B")]
    [InlineData("sort=modified", "c.txt a d.zip b.TXT B e")]
    [InlineData("sort=modified&order=desc&foldersFirst=true", "e B b.TXT d.zip a c.txt")]
    public async Task Members_come_in_every_order_from_page_to_page(string query, string expected)
    {
        var folder = await shared.NewFolderAsync();
        // Folders have the time of their making, which is now.
        var files = new[] { ("a", 2, 2), ("b.TXT", 3, 4), ("c.txt", 4, 1), ("d.zip", 1, 3) };
        foreach (var (name, size, time) in files)
            (await drive.PutAsync($"{folder}/{name}", new byte[size], ("X-OC-Mtime", $"{time}00000000"))).Must(201);
        (await drive.MkcolAsync($"{folder}/B")).Must(201);
        (await drive.MkcolAsync($"{folder}/e")).Must(201);
        var id = await api.IdAsync(folder);
        var all = expected.Split(' ');
        Assert.Equal(all, await api.NamesAsync(id, query, pages: 1));
        Assert.Equal(all, await api.NamesAsync(id, query + "&limit=6", pages: 1));
        Assert.Equal(all, await api.NamesAsync(id, query + "&limit=1", pages: 6));
        Assert.Equal(all, await api.NamesAsync(id, query + "&limit=4", pages: 2));
    }

    [Fact]
    public async Task An_empty_folder_has_one_empty_page_and_a_file_none()
    {
        var folder = await shared.NewFolderAsync();
        Assert.Empty(await api.NamesAsync(await api.IdAsync(folder), "foldersFirst=true", pages: 1));
        (await drive.PutAsync($"{folder}/file", "x")).Must(201);
        (await api.ChildrenAsync(await api.IdAsync($"{folder}/file"))).MustBe("wrong-kind", 409);
    }

    [Fact]
    public async Task Members_that_come_and_go_between_pages_harm_no_others()
    {
        var folder = await shared.NewFolderAsync();
        foreach (var name in new[] { "a", "b", "c", "d" })
            (await drive.PutAsync($"{folder}/{name}", name)).Must(201);
        var id = await api.IdAsync(folder);
        var first = (await api.ChildrenAsync(id, "limit=2")).Must(200);
        (await drive.DeleteAsync($"{folder}/b")).Must(204);
        (await drive.DeleteAsync($"{folder}/c")).Must(204);
        (await drive.PutAsync($"{folder}/e", "e")).Must(201);
        Assert.Equal(["d", "e"], (await api.ChildrenAsync(id, $"limit=2&cursor={first.Text("next")}")).Names());
        (await drive.DeleteAsync(folder)).Must(204);
        (await api.ChildrenAsync(id, $"limit=2&cursor={first.Text("next")}")).MustBe("not-found", 404);
    }

    [Fact]
    public async Task A_cursor_of_another_list_and_nonsense_are_refused()
    {
        var folder = await shared.NewFolderAsync();
        var id = await api.IdAsync(folder);
        foreach (var name in new[] { "a", "b" })
            (await drive.PutAsync($"{folder}/{name}", name)).Must(201);
        var next = (await api.ChildrenAsync(id, "limit=1&sort=size")).Must(200).Text("next");
        (await api.ChildrenAsync(id, $"sort=size&cursor={next}")).Must(200);
        foreach (var query in new[]
        {
            $"cursor={next}", $"sort=modified&cursor={next}", $"sort=size&order=desc&cursor={next}",
            $"sort=size&foldersFirst=true&cursor={next}", "cursor=x", $"cursor={next![..^3]}", "cursor=%00",
            $"cursor={Cursor($"children {id} Name False False", "f", "", "\0")}",
            $"cursor={Cursor($"children {id} Name False False", "f", "")}",
            $"cursor={Cursor($"children {id} Name False False", "f", "", null)}",
            $"sort=size&cursor={Cursor($"children {id} Size False False", "f", "x", "a")}",
            $"sort=modified&cursor={Cursor($"children {id} Modified False False", "f", $"{long.MaxValue}", "a")}",
            "limit=0", "limit=1001", "sort=4", "sort=none", "order=up",
        })
            (await api.ChildrenAsync(id, query)).MustBe("invalid-value", 400);
        (await api.ChildrenAsync(await api.IdAsync(""), $"sort=size&cursor={next}")).MustBe("invalid-value", 400);
        foreach (var query in new[] { "limit=x", "foldersFirst=maybe" })
            (await api.ChildrenAsync(id, query)).MustBe("malformed", 400);
    }

    private static string Cursor(params string?[] parts) => System.Buffers.Text.Base64Url.EncodeToString(
        Encoding.UTF8.GetBytes(new JsonArray([.. parts.Select(part => (JsonNode?)part)]).ToJsonString()));
}
