using System.Text.Json.Nodes;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>Searching over HTTP, and searches that are kept.</summary>
public sealed class SearchTests(SharedKosha kosha) : ApiTest(kosha)
{
    private Task<ApiAnswer> GetAsync(string path) => Api.SendAsync(HttpMethod.Get, path);

    private static string[] PathsOf(ApiAnswer answer) =>
        [.. answer.Must(200).Body!["nodes"]!.AsArray().Select(hit => (string)hit!["path"]!)];

    private static string Encode(string path) => string.Join('/', path.Split('/').Select(DavClient.Encode));

    private async Task PutAsync(params string[] paths)
    {
        foreach (var path in paths)
            (await Drive.PutAsync(Encode(path), "x")).Must(201);
    }

    [Fact]
    public async Task Files_are_found_with_their_places_page_by_page()
    {
        (await Drive.MkcolAsync(Encode("Отчёты"))).Must(201);
        await PutAsync("Отчёты/Годовой отчёт.pdf", "отчет 2.txt", "invoice.txt");
        Assert.Equal(["/отчет 2.txt", "/Отчёты", "/Отчёты/Годовой отчёт.pdf"],
            PathsOf(await GetAsync($"search?q={Uri.EscapeDataString("ОТЧЕТ")}")).Order());
        var search = $"search?q={Uri.EscapeDataString("отчет")}&limit=1&types=document";
        var first = await GetAsync(search);
        var rest = await GetAsync($"{search}&cursor={first.Text("next")}");
        Assert.Equal(["/отчет 2.txt", "/Отчёты/Годовой отчёт.pdf"], [.. PathsOf(first), .. PathsOf(rest)]);
        Assert.Null(rest.Text("next"));
        (await GetAsync($"search?q=other&cursor={first.Text("next")}")).MustBe("invalid-value", 400);
        (await GetAsync("search?cursor=nonsense")).MustBe("invalid-value", 400);
    }

    [Fact]
    public async Task Filters_are_read_and_nonsense_is_refused()
    {
        await PutAsync("a.jpg", "b.PDF");
        Assert.Equal(["/a.jpg"], PathsOf(await GetAsync("search?types=image")));
        Assert.Equal(["/b.PDF"], PathsOf(await GetAsync("search?extensions=pdf,docx")));
        Assert.Equal(2, PathsOf(await GetAsync("search?from=2001-02-03T04:05:06Z&minSize=1")).Length);
        Assert.Empty(PathsOf(await GetAsync("search?to=2001-02-03T04:05:06Z")));
        Assert.Empty(PathsOf(await GetAsync("search?favorites=true")));
        foreach (var bad in (string[])["types=nothing", "types=1", "order=name", "limit=0", "limit=201", "minSize=-1",
            "q=" + new string('x', 201)])
            (await GetAsync($"search?{bad}")).MustBe("invalid-value", 400);
        foreach (var bad in (string[])["minSize=many", "from=yesterday", "favorites=perhaps", "folderId=x"])
            (await GetAsync($"search?{bad}")).MustBe("malformed", 400);
    }

    [Fact]
    public async Task A_search_is_kept_run_changed_and_kept_no_more()
    {
        await PutAsync("a.jpg", "b.pdf");
        var kept = (await KeepAsync(new() { ["name"] = "Pictures", ["types"] = new JsonArray("image") })).Must(201);
        Assert.Equal(["/a.jpg"], PathsOf(await GetAsync($"search-profiles/{kept.Id}/hits")));
        (await KeepAsync(new() { ["name"] = "PICTURES" })).MustBe("already-exists", 409);
        var other = (await KeepAsync(new() { ["name"] = "All" })).Must(201);
        var changed = (await Api.SendAsync(HttpMethod.Put, $"search-profiles/{kept.Id}",
            new JsonObject { ["name"] = "Papers", ["q"] = "b", ["extensions"] = new JsonArray("pdf") })).Must(200);
        Assert.Equal("Papers", changed.Text("name"));
        Assert.Null(changed.Body!["types"]);
        Assert.Equal(["/b.pdf"], PathsOf(await GetAsync($"search-profiles/{kept.Id}/hits")));
        (await Api.SendAsync(HttpMethod.Put, $"search-profiles/{other.Id}", new JsonObject { ["name"] = "papers" }))
            .MustBe("already-exists", 409);
        Assert.Equal(["All", "Papers"], (await GetAsync("search-profiles")).Must(200).Body!["profiles"]!.AsArray()
            .Select(profile => (string)profile!["name"]!));
        (await Api.SendAsync(HttpMethod.Delete, $"search-profiles/{kept.Id}")).Must(204);
        (await Api.SendAsync(HttpMethod.Delete, $"search-profiles/{kept.Id}")).MustBe("not-found", 404);
        (await GetAsync($"search-profiles/{kept.Id}")).MustBe("not-found", 404);
    }

    private Task<ApiAnswer> KeepAsync(JsonObject body) => Api.SendAsync(HttpMethod.Post, "search-profiles", body);

    [Fact]
    public async Task Kept_searches_are_their_users_alone_and_not_without_end()
    {
        var kept = (await KeepAsync(new() { ["name"] = "mine", ["q"] = "x" })).Must(201);
        using var otherDrive = await Shared.NewDriveAsync();
        using var other = new ApiClient(otherDrive);
        foreach (var (method, path) in new[]
        {
            (HttpMethod.Get, ""), (HttpMethod.Get, "/hits"), (HttpMethod.Put, ""), (HttpMethod.Delete, ""),
        })
        {
            var body = method == HttpMethod.Put ? new JsonObject { ["name"] = "theirs" } : null;
            (await other.SendAsync(method, $"search-profiles/{kept.Id}{path}", body)).MustBe("not-found", 404);
        }
        for (var i = 1; i < 100; i++)
            (await KeepAsync(new() { ["name"] = $"search {i}" })).Must(201);
        (await KeepAsync(new() { ["name"] = "one too many" })).MustBe("limit-reached", 429);
        foreach (var bad in new JsonObject[]
        {
            new() { ["name"] = "" }, new() { ["name"] = new string('x', 81) }, new() { ["name"] = "a\nb" },
            new() { ["name"] = "x", ["types"] = new JsonArray("nothing") },
            new() { ["name"] = "x", ["types"] = new JsonArray((JsonNode?)null) },
            new() { ["name"] = "x", ["extensions"] = new JsonArray((JsonNode?)null) },
            new() { ["name"] = "x", ["minSize"] = 2, ["maxSize"] = 1 },
        })
            (await KeepAsync(bad)).MustBe("invalid-value", 400);
        (await KeepAsync(new() { ["name"] = "x", ["misspelled"] = 1 })).MustBe("malformed", 400);
    }
}
