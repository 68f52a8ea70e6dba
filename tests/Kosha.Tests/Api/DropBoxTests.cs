using System.Text;
using Kosha.Daemon.Api;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>Links by which visitors bring files.</summary>
public sealed class DropBoxTests(SharedKosha kosha) : ShareTest(kosha)
{
    [Fact]
    public async Task Files_come_in_and_write_over_nothing()
    {
        var (link, visitor) = await ShareAsync(new { nodeId = Folder, allowsUpload = true, allowsDownload = false });
        var made = (await visitor.PutAsync("a.txt", [1, 2, 3])).Must(201);
        // Whether there was one is not told.
        Assert.Equal("""{"name":"a.txt","size":3}""", made.Text);
        Assert.Equal("""{"name":"sub","size":1}""", (await visitor.PutAsync("sub", [1])).Must(201).Text);
        (await Drive.GetAsync("shared/sub%20(2)")).Must(200);
        Assert.Equal("content of a", (await Drive.GetAsync("shared/a.txt")).Must(200).Text);
        Assert.Equal([1, 2, 3], (await Drive.GetAsync("shared/a%20(2).txt")).Must(200).Body);
        // Who brings does not see.
        foreach (var path in new[] { "nodes", Content(File), "zip", $"zip?ids={File}" })
            (await visitor.GetAsync(path)).Must(403);
        Assert.DoesNotContain("a.txt", (await visitor.PageAsync(HttpMethod.Get)).Must(200).Text,
            StringComparison.Ordinal);
        foreach (var id in new[] { File, await Api.IdAsync("/shared/sub"), 999_999_999 })
        {
            var page = (await visitor.PageAsync(HttpMethod.Get, null, $"?folder={id}")).Must(200);
            Assert.Contains("<h1>shared</h1>", page.Text, StringComparison.Ordinal);
        }
        foreach (var name in new[] { "a\\b", "a\nb", new string('x', 256) })
            (await visitor.PutAsync(name, [1])).Must(400);
        (await ChangeLinkAsync(link.Id, new { allowsDownload = true, allowsUpload = false })).Must(200);
        (await visitor.PutAsync("late", [1])).Must(403);
        (await visitor.GetAsync("nodes")).Must(200);
    }

    [Fact]
    public async Task Those_who_bring_one_name_at_once_get_a_number_each()
    {
        const int Count = 24;
        var (_, visitor) = await ShareAsync(new { nodeId = Folder, allowsUpload = true });
        var answers = await Task.WhenAll(Enumerable.Range(1, Count).Select(number => Task.Run(() =>
            visitor.PutAsync("report.pdf", Encoding.UTF8.GetBytes($"{number}")))));
        var names = answers.Select(answer => (string)answer.Must(201).Json()["name"]!).ToHashSet();
        Assert.Equal(Enumerable.Range(2, Count - 1).Select(number => $"report ({number}).pdf").Append("report.pdf")
            .Order(StringComparer.Ordinal), names.Order(StringComparer.Ordinal));
        var contents = new HashSet<string>();
        foreach (var name in names)
            contents.Add((await Drive.GetAsync($"shared/{DavClient.Encode(name)}")).Must(200).Text);
        Assert.Equal(Count, contents.Count);
    }

    [Fact]
    public async Task The_owners_plan_is_the_limit()
    {
        var process = await Shared.Instance;
        var plan = $"drop of {Drive.User.Name}";
        (await process.CommandAsync("plan", "add", plan, "--max-bytes", "1000", "--max-file-bytes", "500"))
            .MustSucceed();
        (await process.CommandAsync("user", "plan", Drive.User.Name, plan)).MustSucceed();
        var (_, visitor) = await ShareAsync(new { nodeId = Folder, allowsUpload = true });
        Assert.Contains("file-too-large", (await visitor.PutAsync("x", new byte[501])).Must(413).Text,
            StringComparison.Ordinal);
        (await visitor.PutAsync("x", new byte[500])).Must(201);
        (await visitor.PutAsync("y", new byte[500])).Must(507);
        (await visitor.PutAsync("y", new byte[400])).Must(201);
        (await (await Shared.Instance).CommandAsync("fsck")).MustSucceed();
    }

    [Fact]
    public async Task A_form_that_cannot_be_read_brings_nothing()
    {
        var (_, visitor) = await ShareAsync(new { nodeId = Folder, allowsUpload = true });
        const string Part = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nhalf";
        foreach (var (boundary, body) in new[] { ("b", Part), ("b", "--b\r\n"), (new string('b', 5000), "") })
        {
            using var form = new StringContent(body);
            form.Headers.Remove("Content-Type");
            form.Headers.TryAddWithoutValidation("Content-Type", $"multipart/form-data; boundary={boundary}");
            (await visitor.PageAsync(HttpMethod.Post, form)).Must(400);
        }
        (await Drive.GetAsync("shared/x")).Must(404);
    }

    [Fact]
    public async Task Files_that_take_no_bytes_are_counted_too()
    {
        var (_, visitor) = await ShareAsync(new { nodeId = Folder, allowsUpload = true });
        using var form = new MultipartFormDataContent();
        for (var file = 0; file <= VisitUploads.FilesPerMinute; file++)
            form.Add(new ByteArrayContent([]), "file", $"empty{file}");
        Assert.NotNull((await visitor.PageAsync(HttpMethod.Post, form)).Must(429).Header("Retry-After"));
        (await visitor.PutAsync("more", [])).Must(429);
        (await Drive.GetAsync($"shared/empty{VisitUploads.FilesPerMinute - 1}")).Must(200);
        (await Drive.GetAsync($"shared/empty{VisitUploads.FilesPerMinute}")).Must(404);
    }
}
