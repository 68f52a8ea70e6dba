using System.Globalization;
using Kosha.Tests.Infrastructure;
using Kosha.Tests.WebDav;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>Selections as zip files, unpacked by others' programs.</summary>
public sealed class ZipTests(Drive shared, SharedKosha kosha) : IClassFixture<Drive>, IDisposable
{
    private readonly DavClient drive = shared.Client;
    private readonly ApiClient api = new(shared.Client);
    private readonly TestFolder folder = new();

    public void Dispose()
    {
        api.Dispose();
        folder.Dispose();
    }

    private Task<ApiAnswer> RefusedAsync(string ids) => RefusedAsync(api, ids);

    private static Task<ApiAnswer> RefusedAsync(ApiClient by, string ids) =>
        by.SendAsync(HttpMethod.Get, $"zip?ids={ids}");

    private async Task<string> IdsAsync(params string[] paths) => string.Join(
        ',', (await Task.WhenAll(paths.Select(api.IdAsync))).Select(id => id.ToString(CultureInfo.InvariantCulture)));

    /// <summary>Downloads and unpacks; returns the folder.</summary>
    private async Task<string> UnpackAsync(string ids, string name = "all")
    {
        var file = folder[name + ".zip"];
        var answer = (await api.GetBytesAsync($"zip?ids={ids}")).Must(200);
        Assert.Equal("application/zip", answer.Header("Content-Type"));
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.StartsWith("attachment", answer.Header("Content-Disposition"), StringComparison.Ordinal);
        await File.WriteAllBytesAsync(file, answer.Body);
        (await Tool.RunAsync("python3", "-m", "zipfile", "-t", file)).MustSucceed();
        (await Tool.RunAsync(new ToolStart("unzip", "-q", file, "-d", folder[name])
        {
            Environment = new Dictionary<string, string?> { ["TZ"] = "UTC", ["LC_ALL"] = "C.UTF-8" },
        })).MustSucceed();
        return folder[name];
    }

    private static string[] Entries(string unpacked) =>
        [.. Directory.EnumerateFileSystemEntries(unpacked, "*", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(unpacked, path) + (Directory.Exists(path) ? "/" : ""))
            .Order(StringComparer.Ordinal)];

    [Fact]
    public async Task Every_byte_name_and_time_comes_out_again()
    {
        var top = await shared.NewFolderAsync();
        foreach (var made in new[] { "a%20b", "a%20b/caf%C3%A9", "a%20b/empty", "%E6%97%A5%E6%9C%AC" })
            (await drive.MkcolAsync($"{top}/{made}")).Must(201);
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal)
        {
            ["a b/caf\u00e9/text.txt"] = [.. Enumerable.Repeat((byte)'x', 300_000)],
            ["a b/photo.jpg"] = TestContent.Bytes(2, 500_001),
            ["a b/noise"] = TestContent.Bytes(3, 130_000),
            ["a b/nothing"] = [],
            ["\u65e5\u672c/\u8a9e.bin"] = TestContent.Bytes(4, 1),
            ["alone.txt"] = "alone"u8.ToArray(),
        };
        foreach (var (path, bytes) in files)
        {
            var url = string.Join('/', path.Split('/').Select(DavClient.Encode));
            (await drive.PutAsync($"{top}/{url}", bytes, ("X-OC-Mtime", "1234567891"))).Must(201);
        }
        var selected = await IdsAsync($"{top}/a b", $"{top}/\u65e5\u672c", $"{top}/alone.txt", $"{top}/a b/noise");
        var unpacked = await UnpackAsync(selected);
        Assert.Equal(
            files.Keys.Concat(["a b/", "a b/caf\u00e9/", "a b/empty/", "\u65e5\u672c/"]).Order(StringComparer.Ordinal),
            Entries(unpacked));
        foreach (var (path, bytes) in files)
        {
            var file = Path.Combine(unpacked, path);
            Assert.Equal(bytes, await File.ReadAllBytesAsync(file));
            Assert.Equal(
                DateTimeOffset.FromUnixTimeSeconds(1_234_567_891).UtcDateTime, File.GetLastWriteTimeUtc(file));
        }
        // Only what gets smaller is compressed.
        Assert.InRange(new FileInfo(folder["all.zip"]).Length, 630_000, 640_000);
    }

    [Fact]
    public async Task The_whole_tree_has_no_folder_around_it_and_one_file_gives_its_name()
    {
        using var own = await kosha.NewDriveAsync();
        using var ownApi = new ApiClient(own);
        foreach (var made in new[] { "f", "C%3A" })
            (await own.MkcolAsync(made)).Must(201);
        (await own.PutAsync("f/a.txt", "1")).Must(201);
        (await own.PutAsync("b.txt", "2")).Must(201);
        var whole = (await ownApi.GetBytesAsync($"zip?ids={await ownApi.IdAsync("")}")).Must(200);
        Assert.Contains("filename=Kosha.zip", whole.Header("Content-Disposition"), StringComparison.Ordinal);
        await using var archive = new System.IO.Compression.ZipArchive(new MemoryStream(whole.Body));
        Assert.Equal(["C_/", "b.txt", "f/", "f/a.txt"],
            archive.Entries.Select(e => e.FullName).Order(StringComparer.Ordinal));
        Assert.Equal("sandbox; default-src 'none'", whole.Header("Content-Security-Policy"));
        var one = (await ownApi.GetBytesAsync($"zip?ids={await ownApi.IdAsync("b.txt")}")).Must(200);
        Assert.Contains("filename=b.txt.zip", one.Header("Content-Disposition"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_at_the_top_are_unique_and_none_leads_out()
    {
        var top = await shared.NewFolderAsync();
        foreach (var made in new[] { "x", "y", "C%3A" })
            (await drive.MkcolAsync($"{top}/{made}")).Must(201);
        (await drive.PutAsync($"{top}/x/a.txt", "1")).Must(201);
        (await drive.PutAsync($"{top}/y/a.txt", "2")).Must(201);
        (await drive.PutAsync($"{top}/C%3A/evil", "3")).Must(201);
        var unpacked = await UnpackAsync(await IdsAsync($"{top}/x/a.txt", $"{top}/y/a.txt", $"{top}/C:"));
        Assert.Equal(["C_/", "C_/evil", "a (2).txt", "a.txt"], Entries(unpacked));
        Assert.Equal("2", await File.ReadAllTextAsync(Path.Combine(unpacked, "a (2).txt")));
    }

    [Fact]
    public async Task Many_folders_and_many_members_come_page_by_page()
    {
        var top = await shared.NewFolderAsync();
        (await drive.MkcolAsync($"{top}/a")).Must(201);
        (await drive.MkcolAsync($"{top}/a/0")).Must(201);
        for (var i = 0; i < 30; i++)
            (await drive.PutAsync($"{top}/a/0/f{i}", $"{i}")).Must(201);
        // 1 + 40 * 31 nodes, which become 4 of them, and one large folder.
        for (var i = 1; i < 40; i++)
            (await drive.CopyAsync($"{top}/a/0", $"{top}/a/{i}")).Must(201);
        foreach (var copy in new[] { "b", "c", "d" })
            (await drive.CopyAsync($"{top}/a", $"{top}/{copy}")).Must(201);
        (await drive.MkcolAsync($"{top}/large")).Must(201);
        await Parallel.ForEachAsync(Enumerable.Range(0, 1100), new ParallelOptions { MaxDegreeOfParallelism = 4 },
            async (i, _) => (await drive.PutAsync($"{top}/large/{i}", [])).Must(201));
        var unpacked = await UnpackAsync(await IdsAsync(top));
        Assert.Equal(1 + (4 * ((40 * 31) + 1)) + 1 + 1100, Entries(unpacked).Length);
        Assert.Equal("29", await File.ReadAllTextAsync(Path.Combine(unpacked, top, "d/39/f29")));
    }

    [Fact]
    public async Task What_is_not_there_or_not_a_list_is_refused()
    {
        var top = await shared.NewFolderAsync();
        var id = await api.IdAsync(top);
        (await api.SendAsync(HttpMethod.Get, "zip")).MustBe("malformed", 400);
        foreach (var ids in new[] { "", "x", "1,,2", "-1", "1.5", string.Join(',', Enumerable.Range(1, 501)) })
            (await RefusedAsync(ids)).MustBe("invalid-value", 400);
        (await RefusedAsync($"{id},{id + 1_000_000}")).MustBe("not-found", 404);
        using var otherDrive = await kosha.NewDriveAsync();
        using var other = new ApiClient(otherDrive);
        (await RefusedAsync(other, $"{id}")).MustBe("not-found", 404);
        using var wrong = new ApiClient(new DavClient(drive.Server, drive.User with { Password = "wrong" }));
        (await RefusedAsync(wrong, $"{id}")).MustBe("unauthorized", 401);
        (await drive.DeleteAsync(top)).Must(204);
        (await RefusedAsync($"{id}")).MustBe("not-found", 404);
    }

    [Fact]
    public async Task A_user_gets_three_at_once()
    {
        using var own = await kosha.NewDriveAsync();
        using var ownApi = new ApiClient(own);
        (await own.PutAsync("large.bin", TestContent.Bytes(5, 48_000_000))).Must(201);
        var zip = $"zip?ids={await ownApi.IdAsync("large.bin")}";
        var slow = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => ownApi.StreamAsync(HttpMethod.Get, zip)));
        Assert.All(slow, answer => Assert.Equal(200, (int)answer.StatusCode));
        (await ownApi.SendAsync(HttpMethod.Get, zip)).MustBe("limit-reached", 429);
        (await RefusedAsync("0")).MustBe("not-found", 404);
        foreach (var answer in slow)
            answer.Dispose();
        await Eventually.TrueAsync("there is room again", async () =>
        {
            using var answer = await ownApi.StreamAsync(HttpMethod.Get, zip);
            return answer.IsSuccessStatusCode;
        });
    }

    [Fact]
    public async Task A_daemon_makes_eight_at_once()
    {
        await using var process = await KoshaProcess.StartNewAsync();
        var slow = new List<HttpResponseMessage>();
        var clients = new List<ApiClient>();
        for (var user = 0; user < 3; user++)
        {
            using var own = await process.NewDriveAsync();
            (await own.PutAsync("large.bin", TestContent.Bytes(8, 48_000_000))).Must(201);
            var client = new ApiClient(own);
            clients.Add(client);
            var zip = $"zip?ids={await client.IdAsync("large.bin")}";
            for (var i = 0; i < 3; i++)
                slow.Add(await client.StreamAsync(HttpMethod.Get, zip));
        }
        Assert.Equal([200, 200, 200, 200, 200, 200, 200, 200, 429], slow.Select(answer => (int)answer.StatusCode));
        foreach (var answer in slow)
            answer.Dispose();
        foreach (var client in clients)
            client.Dispose();
    }

    [Fact]
    public async Task A_file_that_cannot_be_read_breaks_the_answer_off()
    {
        await using var process = await KoshaProcess.StartNewAsync();
        using var own = process.AdminDrive();
        using var ownApi = new ApiClient(own);
        (await own.MkcolAsync("f")).Must(201);
        (await own.PutAsync("f/1", TestContent.Bytes(6, 1000))).Must(201);
        var lost = TestContent.Bytes(7, 300_000);
        (await own.PutAsync("f/2", lost)).Must(201);
        var hash = ApiClient.HashOf(lost);
        File.Delete(Assert.Single(Directory.GetFiles(
            Path.Combine(process.DataDirectory, "blobs"), hash, SearchOption.AllDirectories)));
        var zip = $"zip?ids={await ownApi.IdAsync("f")}";
        var broken = await Record.ExceptionAsync(() => ownApi.GetBytesAsync(zip));
        Assert.True(broken is HttpRequestException or IOException, broken?.ToString() ?? "It came whole.");
        (await own.PutAsync("f/2", "after")).Must(204);
        (await ownApi.GetBytesAsync(zip)).Must(200);
    }
}
