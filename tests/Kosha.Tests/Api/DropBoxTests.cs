using System.Text;
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
        Assert.Equal("a (2).txt", (string)made.Json()["name"]!);
        Assert.Equal("sub (2)", (string)(await visitor.PutAsync("sub", [1])).Must(201).Json()["name"]!);
        Assert.Equal("content of a", (await Drive.GetAsync("shared/a.txt")).Must(200).Text);
        Assert.Equal([1, 2, 3], (await Drive.GetAsync("shared/a%20(2).txt")).Must(200).Body);
        // Who brings does not see.
        foreach (var path in new[] { "nodes", Content(File), "zip", $"zip?ids={File}" })
            (await visitor.GetAsync(path)).Must(403);
        Assert.DoesNotContain("a.txt", (await visitor.PageAsync(HttpMethod.Get)).Must(200).Text,
            StringComparison.Ordinal);
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
}
