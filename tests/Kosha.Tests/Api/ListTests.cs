using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>Favourites and recent files. Each test has a user of its own.</summary>
public sealed class ListTests(SharedKosha kosha) : ApiTest(kosha)
{
    private Task<ApiAnswer> ListAsync(string query) => Api.SendAsync(HttpMethod.Get, query);

    private static string[] Paths(ApiAnswer answer) =>
        [.. answer.Must(200).Nodes().Select(node => (string)node["path"]!)];

    private async Task MarkAsync(string path, bool isFavorite = true) =>
        (await Api.ChangeAsync(await Api.IdAsync(path), new { isFavorite })).Must(200);

    [Fact]
    public async Task Favourites_are_folders_and_files_with_their_paths_from_page_to_page()
    {
        foreach (var made in new[] { "a", "a/b", "gone" })
            (await Drive.MkcolAsync(made)).Must(201);
        foreach (var made in new[] { "a/b/x", "x", "gone/y", "plain" })
            (await Drive.PutAsync(made, made)).Must(201);
        foreach (var marked in new[] { "a/b", "a/b/x", "x", "gone/y", "gone" })
            await MarkAsync(marked);
        (await Drive.DeleteAsync("gone")).Must(204);
        Assert.Equal(["/a/b", "/a/b/x", "/x"], Paths(await ListAsync("favorites")).Order(StringComparer.Ordinal));
        var first = await ListAsync("favorites?limit=2");
        Assert.Equal(["b", "x"], first.Must(200).Names());
        var second = await ListAsync($"favorites?limit=2&cursor={first.Text("next")}");
        Assert.Equal(["/a/b/x", "/x"], Paths(first)[1..].Concat(Paths(second)).Order(StringComparer.Ordinal));
        Assert.Null(second.Text("next"));
        // A mark follows its node and ends when it is taken away.
        (await Drive.MoveAsync("a/b", "c")).Must(201);
        await MarkAsync("x", isFavorite: false);
        Assert.Equal(["/c", "/c/x"], Paths(await ListAsync("favorites")).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Recent_files_come_newest_first_and_not_from_the_trash()
    {
        (await Drive.MkcolAsync("f")).Must(201);
        (await Drive.MkcolAsync("gone")).Must(201);
        (await Drive.PutAsync("gone/x", "x")).Must(201);
        (await Drive.PutAsync("old", "1", ("X-OC-Mtime", "1000000000"))).Must(201);
        (await Drive.PutAsync("f/new", "2")).Must(201);
        (await Drive.PutAsync("future", "3", ("X-OC-Mtime", "4000000000"))).Must(201);
        (await Drive.PutAsync("last", "4")).Must(201);
        (await Drive.DeleteAsync("gone")).Must(204);
        // What came lately is recent however old it is.
        Assert.Equal(["/last", "/f/new", "/old"], Paths(await ListAsync("recent")));
        Assert.Equal(["/last", "/f/new"], Paths(await ListAsync("recent?limit=2&days=1")));
        (await Drive.PutAsync("old", "again")).Must(204);
        Assert.Equal("/old", Paths(await ListAsync("recent"))[0]);
    }

    [Fact]
    public async Task Lists_are_ones_own_and_their_values_have_limits()
    {
        (await Drive.PutAsync("mine", "x")).Must(201);
        await MarkAsync("mine");
        using var otherDrive = await Shared.NewDriveAsync();
        using var other = new ApiClient(otherDrive);
        foreach (var list in new[] { "favorites", "recent" })
            Assert.Empty((await other.SendAsync(HttpMethod.Get, list)).Must(200).Nodes());
        using var wrong = new ApiClient(new DavClient(Drive.Server, Drive.User with { Password = "wrong" }));
        foreach (var list in new[] { "favorites", "recent" })
            (await wrong.SendAsync(HttpMethod.Get, list)).MustBe("unauthorized", 401);
        foreach (var query in new[]
        {
            "recent?days=0", "recent?days=367", "recent?limit=201", "favorites?limit=0", "favorites?limit=1001",
            "favorites?cursor=x", "favorites?cursor=WyJmYXZvcml0ZXMiLCJhIiwieCJd",
        })
            (await ListAsync(query)).MustBe("invalid-value", 400);
        (await ListAsync("recent?days=x")).MustBe("malformed", 400);
    }
}
