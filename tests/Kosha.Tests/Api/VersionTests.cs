using System.Text.Json.Nodes;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>What a file held before, by the API of a real daemon.</summary>
public sealed class VersionTests(SharedKosha kosha) : ApiTest(kosha)
{
    private async Task<string> NodeAsync(string path) => (await Drive.PropfindAsync(path, "0", """
        <D:propfind xmlns:D="DAV:" xmlns:o="http://owncloud.org/ns"><D:prop><o:fileid/></D:prop></D:propfind>
        """)).Must(207).Multistatus.Single.Value(Multistatus.OwnCloud + "fileid")!;

    private async Task<JsonArray> ListAsync(string node) =>
        (await Api.SendAsync(HttpMethod.Get, $"nodes/{node}/versions")).Must(200).Body!["versions"]!.AsArray();

    /// <summary>A file that was written over, its version and where that stands.</summary>
    private async Task<(string Node, JsonNode Version, string At)> OverwriteAsync(string old, string now)
    {
        (await Drive.PutAsync("note.txt", old)).Must(201);
        (await Drive.PutAsync("note.txt", now)).Must(204);
        var node = await NodeAsync("note.txt");
        var version = Assert.Single(await ListAsync(node))!;
        return (node, version, $"nodes/{node}/versions/{version["id"]}");
    }

    [Fact]
    public async Task A_version_is_read_as_a_file_of_the_drive()
    {
        var (_, version, at) = await OverwriteAsync("first content", "second");
        Assert.Equal(13L, (long)version["size"]!);
        Assert.InRange((DateTimeOffset)version["replaced"]!, (DateTimeOffset)version["modified"]!,
            DateTimeOffset.UtcNow.AddMinutes(1));
        var etag = (string)version["etag"]!;
        using (var whole = await Api.DownloadAsync($"{at}/content"))
        {
            Assert.Equal("first content", await whole.Content.ReadAsStringAsync());
            Assert.Equal("nosniff", Assert.Single(whole.Headers.GetValues("X-Content-Type-Options")));
            Assert.Contains("sandbox", Assert.Single(whole.Headers.GetValues("Content-Security-Policy")),
                StringComparison.Ordinal);
            Assert.Equal(etag, whole.Headers.ETag!.Tag);
        }
        using (var part = await Api.DownloadAsync($"{at}/content", ("Range", "bytes=6-8")))
            Assert.Equal((206, "con"), ((int)part.StatusCode, await part.Content.ReadAsStringAsync()));
        using (var none = await Api.DownloadAsync($"{at}/content", ("Range", "bytes=13-")))
            Assert.Equal((416, 0L), ((int)none.StatusCode, none.Content.Headers.ContentLength));
        using (var known = await Api.DownloadAsync($"{at}/content", ("If-None-Match", etag)))
            Assert.Equal(304, (int)known.StatusCode);
        (await Api.SendAsync(HttpMethod.Get, $"{at}/content", null, ("If-Match", "\"other\"")))
            .MustBe("condition-failed", 412);
    }

    [Fact]
    public async Task A_version_is_restored_and_removed()
    {
        var (node, version, at) = await OverwriteAsync("first content", "second");
        var condition = new JsonObject { ["ifMatch"] = (string)version["etag"]! };
        (await Api.SendAsync(HttpMethod.Post, $"{at}/restore", condition))
            .MustBe("condition-failed", 412);
        var restored = (await Api.SendAsync(HttpMethod.Post, $"{at}/restore")).Must(200);
        Assert.Equal((13L, "note.txt"), ((long)restored.Body!["size"]!, restored.Text("name")));
        Assert.Equal("first content", (await Drive.GetAsync("note.txt")).Must(200).Text);
        (await Api.SendAsync(HttpMethod.Post, $"{at}/restore")).MustBe("not-found", 404);

        var kept = Assert.Single(await ListAsync(node))!;
        Assert.Equal(6L, (long)kept["size"]!);
        (await Api.SendAsync(HttpMethod.Delete, $"nodes/{node}/versions/{kept["id"]}")).Must(204);
        (await Api.SendAsync(HttpMethod.Delete, $"nodes/{node}/versions/{kept["id"]}")).MustBe("not-found", 404);
        Assert.Empty(await ListAsync(node));
    }

    [Fact]
    public async Task A_lock_stands_in_the_way_of_who_does_not_hold_it()
    {
        var (_, _, at) = await OverwriteAsync("one", "two");
        var token = await Drive.LockAsync("note.txt", depth: "0");
        (await Api.SendAsync(HttpMethod.Post, $"{at}/restore")).MustBe("locked", 423);
        var tokens = new JsonObject { ["lockTokens"] = new JsonArray(token) };
        (await Api.SendAsync(HttpMethod.Post, $"{at}/restore", tokens)).Must(200);
    }

    [Fact]
    public async Task Anothers_file_is_as_good_as_none()
    {
        var (node, _, at) = await OverwriteAsync("one", "two");
        using var stranger = await Shared.NewDriveAsync();
        using var other = new ApiClient(stranger);
        foreach (var path in (string[])[$"nodes/{node}/versions", $"{at}/content"])
            (await other.SendAsync(HttpMethod.Get, path)).MustBe("not-found", 404);
        (await other.SendAsync(HttpMethod.Post, $"{at}/restore")).MustBe("not-found", 404);
        (await other.SendAsync(HttpMethod.Delete, at)).MustBe("not-found", 404);
        Assert.Single(await ListAsync(node));
    }
}
