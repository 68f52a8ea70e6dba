using System.Text.Json.Nodes;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>The trash by the API of a real daemon.</summary>
public sealed class TrashTests(SharedKosha kosha) : ApiTest(kosha)
{
    private async Task<ApiAnswer> ListAsync(string query = "") =>
        (await Api.SendAsync(HttpMethod.Get, $"trash{query}")).Must(200);

    private async Task<long[]> IdsAsync() => [.. Items(await ListAsync()).Select(item => (long)item!["id"]!)];

    private static JsonArray Items(ApiAnswer answer) => answer.Body!["items"]!.AsArray();

    private static JsonObject Ids(params long[] ids) =>
        new() { ["ids"] = new JsonArray([.. ids.Select(id => (JsonNode)id)]) };

    private async Task DeletedAsync(params string[] paths)
    {
        foreach (var path in paths)
        {
            (await Drive.PutAsync(path, path)).Must(201, 204);
            (await Drive.DeleteAsync(path)).Must(204);
        }
    }

    [Fact]
    public async Task What_was_deleted_is_listed_page_by_page()
    {
        (await Drive.MkcolAsync("folder")).Must(201);
        await DeletedAsync("folder/one", "two", "three");
        var first = await ListAsync("?limit=2");
        Assert.Equal(["three", "two"], Items(first).Select(item => (string)item!["name"]!));
        var second = await ListAsync($"?limit=2&cursor={first.Text("next")}");
        var one = Assert.Single(Items(second))!;
        Assert.Null(second.Text("next"));
        Assert.Equal(("one", "/folder", 10L, false),
            ((string)one["name"]!, (string)one["originalFolder"]!, (long)one["size"]!, (bool)one["isFolder"]!));
        Assert.Equal((DateTimeOffset)one["trashed"]! + TimeSpan.FromDays(30), (DateTimeOffset)one["keptUntil"]!);
        foreach (var query in (string[])["?limit=0", "?limit=1001", "?cursor=x", "?cursor=WyJvdGhlciJd"])
            (await Api.SendAsync(HttpMethod.Get, $"trash{query}")).MustBe("invalid-value", 400);
    }

    [Fact]
    public async Task What_is_restored_is_there_again_beside_what_took_its_name()
    {
        await DeletedAsync("note.txt");
        (await Drive.PutAsync("note.txt", "new")).Must(201);
        var ids = await IdsAsync();
        var wish = Ids(ids);
        wish["onConflict"] = "fail";
        var refused = (await Api.SendAsync(HttpMethod.Post, "trash/restore", wish.DeepClone()))
            .MustBe("already-exists", 409);
        Assert.Equal("note.txt", (string)Assert.Single(refused.Body!["existing"]!.AsArray())!["name"]!);
        wish["onConflict"] = "other";
        (await Api.SendAsync(HttpMethod.Post, "trash/restore", wish.DeepClone())).MustBe("malformed", 400);
        wish["onConflict"] = "rename";
        var restored = Assert.Single(Items((await Api.SendAsync(HttpMethod.Post, "trash/restore", wish)).Must(200)))!;
        Assert.Equal((ids[0], "note (restored).txt"), ((long)restored["id"]!, (string)restored["name"]!));
        Assert.Equal("note.txt", (await Drive.GetAsync("note%20(restored).txt")).Must(200).Text);
        Assert.Equal("new", (await Drive.GetAsync("note.txt")).Must(200).Text);
        (await Api.SendAsync(HttpMethod.Post, "trash/restore", Ids(ids))).MustBe("not-found", 404);
        (await Api.SendAsync(HttpMethod.Post, "trash/restore", Ids())).MustBe("invalid-value", 400);
    }

    [Fact]
    public async Task A_folder_that_is_not_there_takes_nothing()
    {
        await DeletedAsync("file");
        var wish = Ids(await IdsAsync());
        wish["parentId"] = long.MaxValue;
        (await Api.SendAsync(HttpMethod.Post, "trash/restore", wish)).MustBe("parent-missing", 409);
        Assert.Single(await IdsAsync());
    }

    [Fact]
    public async Task What_is_removed_for_good_is_gone_and_its_bytes_are_free()
    {
        await DeletedAsync("one", "two", "three");
        var ids = await IdsAsync();
        (await Api.SendAsync(HttpMethod.Post, "trash/delete", Ids([.. ids, long.MaxValue]))).MustBe("not-found", 404);
        Assert.Equal(3, (await IdsAsync()).Length);
        (await Api.SendAsync(HttpMethod.Post, "trash/delete", Ids(ids[0]))).Must(204);
        Assert.Equal(ids[1..], await IdsAsync());
        Assert.Equal("6", await UsedAsync());
        (await Api.SendAsync(HttpMethod.Delete, "trash")).Must(204);
        Assert.Empty(await IdsAsync());
        Assert.Equal("0", await UsedAsync());
        (await Api.SendAsync(HttpMethod.Delete, "trash")).Must(204);
    }

    private async Task<string?> UsedAsync() => (await Drive.PropfindAsync("", "0", """
        <D:propfind xmlns:D="DAV:"><D:prop><D:quota-used-bytes/></D:prop></D:propfind>
        """)).Must(207).Multistatus.Single.Value("quota-used-bytes");

    [Fact]
    public async Task The_size_of_the_trash_counts_what_is_in_its_folders()
    {
        foreach (var folder in (string[])["folder", "folder/below"])
            (await Drive.MkcolAsync(folder)).Must(201);
        (await Drive.PutAsync("folder/below/in", "12345")).Must(201);
        (await Drive.PutAsync("kept", "123456789")).Must(201);
        await DeletedAsync("one");
        (await Drive.DeleteAsync("folder")).Must(204);
        Assert.Equal((2L, 8L, false), await SizeAsync());
        Assert.Equal("17", await UsedAsync());
        (await Api.SendAsync(HttpMethod.Delete, "trash")).Must(204);
        Assert.Equal((0L, 0L, false), await SizeAsync());
        Assert.Equal("9", await UsedAsync());
    }

    private async Task<(long Files, long Bytes, bool IsMore)> SizeAsync()
    {
        var size = (await Api.SendAsync(HttpMethod.Get, "trash/size")).Must(200).Body!;
        return ((long)size["files"]!, (long)size["bytes"]!, (bool)size["isMore"]!);
    }

    [Fact]
    public async Task Anothers_trash_is_as_good_as_none()
    {
        await DeletedAsync("file");
        var ids = await IdsAsync();
        using var stranger = await Shared.NewDriveAsync();
        using var other = new ApiClient(stranger);
        Assert.Empty(Items((await other.SendAsync(HttpMethod.Get, "trash")).Must(200)));
        foreach (var call in (string[])["trash/restore", "trash/delete"])
            (await other.SendAsync(HttpMethod.Post, call, Ids(ids))).MustBe("not-found", 404);
        (await other.SendAsync(HttpMethod.Delete, "trash")).Must(204);
        Assert.Equal(ids, await IdsAsync());
    }
}
