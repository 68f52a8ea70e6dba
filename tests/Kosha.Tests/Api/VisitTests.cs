using System.IO.Compression;
using System.Text;
using Kosha.Daemon.Auth;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>What who was given a link sees and reads, and nothing else.</summary>
public sealed class VisitTests(SharedKosha kosha) : ShareTest(kosha)
{
    private const string Password = "a long password";

    [Fact]
    public async Task A_folder_is_listed_read_and_packed_and_what_is_beside_it_is_not_there()
    {
        (await Api.ChangeAsync(File, new { isFavorite = true })).Must(200);
        var (link, visitor) = await ShareAsync(new { nodeId = Folder });
        var shown = (await visitor.GetAsync("")).Must(200);
        Assert.Equal("shared", (string)shown.Json()["node"]!["name"]!);
        Assert.Null(shown.Json()["node"]!["parentId"]);
        Assert.DoesNotContain(Drive.User.Name, shown.Text, StringComparison.Ordinal);
        var list = await visitor.GetAsync("nodes?foldersFirst=true");
        Assert.Equal(["sub", "a.txt"], list.Names());
        Assert.DoesNotContain("\"isFavorite\":true", list.Text, StringComparison.Ordinal);
        var sub = (long)list.Json()["nodes"]![0]!["id"]!;
        Assert.Equal(["b.txt"], (await visitor.GetAsync($"nodes?parentId={sub}")).Names());
        var content = (await visitor.GetAsync(Content(File))).Must(200);
        Assert.Equal("content of a", content.Text);
        Assert.Equal("noindex", content.Header("X-Robots-Tag"));
        var part = (await visitor.GetAsync(Content(File), ("Range", "bytes=8-"))).Must(206);
        Assert.Equal("of a", part.Text);
        using var zip = new ZipArchive(new MemoryStream((await visitor.GetAsync("zip")).Must(200).Body));
        Assert.Equal(["shared/", "shared/a.txt", "shared/sub/", "shared/sub/b.txt"],
            zip.Entries.Select(entry => entry.FullName).Order(StringComparer.Ordinal));

        var root = await Api.IdAsync("");
        foreach (var path in new[]
        {
            Content(Outside), $"nodes?parentId={root}", $"zip?ids={Outside}", $"zip?ids={root}", Content(999_999_999),
        })
            (await visitor.GetAsync(path)).Must(404);
        (await visitor.PutAsync("new", [1])).Must(403);
        await Eventually.TrueAsync("uses are counted", async () =>
            (long)(await LinkAsync(link.Id)).Body!["downloads"]! == 2
            && (long)(await LinkAsync(link.Id)).Body!["accesses"]! >= 9);
    }

    [Fact]
    public async Task A_link_follows_what_it_shares_and_ends_with_it()
    {
        var (_, visitor) = await ShareAsync(new { nodeId = Folder });
        var (_, ofFile) = await ShareAsync(new { nodeId = File });
        (await Api.PlaceAsync("move", Folder, "fail", Outside)).Must(200);
        Assert.Equal("outside", (await visitor.GetAsync(Content(Outside))).Must(200).Text);
        (await Api.PlaceAsync("move", await Api.IdAsync(""), "fail", File)).Must(200);
        (await visitor.GetAsync(Content(File))).Must(404);
        Assert.Equal("content of a", (await ofFile.GetAsync(Content(File))).Must(200).Text);
        Assert.Equal("a.txt", (string)(await ofFile.GetAsync("")).Json()["node"]!["name"]!);
        (await ofFile.GetAsync("nodes")).Must(409);
        (await ofFile.GetAsync(Content(Outside))).Must(404);
        // A file over a file: both links show what stands there now.
        (await Drive.PutAsync("saved", "saved anew")).Must(201);
        (await Drive.MoveAsync("saved", "a.txt")).Must(204);
        Assert.Equal("saved anew", (await ofFile.GetAsync(Content(File))).Must(200).Text);

        (await Api.TrashAsync(File)).Must(204);
        (await ofFile.GetAsync("")).Must(404);
        (await Api.PostAsync("trash/restore", new { ids = new[] { File } })).Must(200);
        (await ofFile.GetAsync("")).Must(200);
        (await Api.PlaceAsync("copy", Folder, "fail", File)).Must(200);
        var copy = await Api.IdAsync("/shared/a.txt");
        Assert.Empty((await Api.SendAsync(HttpMethod.Get, $"nodes/{copy}/shares")).Body!["shares"]!.AsArray());
        (await Api.TrashAsync(File)).Must(204);
        (await Api.PostAsync("trash/delete", new { ids = new[] { File } })).Must(204);
        (await ofFile.GetAsync("")).Must(404);
    }

    [Fact]
    public async Task Whatever_is_wrong_with_a_link_the_answer_is_the_same()
    {
        var (_, wrong) = await ShareAsync(new { nodeId = File });
        wrong.Token = "x" + wrong.Token[1..];
        var (revokedLink, revoked) = await ShareAsync(new { nodeId = File });
        (await RevokeAsync(revokedLink.Id)).Must(204);
        var (_, expired) = await ShareAsync(new { nodeId = File, expiresAt = DateTimeOffset.UtcNow.AddSeconds(2) });
        var (_, usedUp) = await ShareAsync(new { nodeId = File, maxDownloads = 1 });
        (await usedUp.GetAsync(Content(File))).Must(307);
        (await Drive.PutAsync("to%20go", "x")).Must(201);
        var (_, trashed) = await ShareAsync(new { nodeId = await Api.IdAsync("/to go"), password = Password });
        (await Drive.DeleteAsync("to%20go")).Must(204);
        using var otherDrive = await Shared.NewDriveAsync();
        using var other = new ApiClient(otherDrive);
        (await otherDrive.PutAsync("file", "x")).Must(201);
        var given = (await other.PostAsync("shares", new { nodeId = await other.IdAsync("/file") })).Must(201);
        var disabled = NewVisitor(given.Url.Split('/')[^1]);
        (await disabled.GetAsync("")).Must(200);
        (await (await Shared.Instance).CommandAsync("user", "disable", otherDrive.User.Name)).MustSucceed();
        await Eventually.TrueAsync("it expires", async () => (await expired.GetAsync("")).Status == 404);

        foreach (var path in new[] { "", "nodes", Content(File), "zip" })
        {
            var answers = new List<string>();
            foreach (var visitor in new[] { wrong, NewVisitor("x"), revoked, expired, usedUp, trashed, disabled })
                answers.Add(Describe(await visitor.GetAsync(path)));
            Assert.Single(answers.Distinct());
        }
        var pages = new List<string>();
        foreach (var visitor in new[] { wrong, revoked, expired, usedUp, trashed, disabled })
            pages.Add(Describe(await visitor.PageAsync(HttpMethod.Get)));
        Assert.StartsWith("404", Assert.Single(pages.Distinct()), StringComparison.Ordinal);
    }

    private static string Describe(DavAnswer answer) => $"{answer.Status}\n" + string.Join('\n', answer.Headers
        .Where(header => header.Key != "Date").OrderBy(header => header.Key, StringComparer.Ordinal)
        .Select(header => $"{header.Key}: {header.Value}")) + "\n" + answer.Text;

    [Fact]
    public async Task A_password_opens_for_a_while_and_until_it_changes()
    {
        var (link, visitor) = await ShareAsync(new { nodeId = Folder, password = Password });
        var shown = (await visitor.GetAsync("")).Must(200);
        Assert.Equal("""{"needsPassword":true}""", shown.Text);
        foreach (var path in new[] { "nodes", Content(File), "zip" })
            Assert.Contains("share-password-required", (await visitor.GetAsync(path)).Must(401).Text,
                StringComparison.Ordinal);
        Assert.Contains("wrong-password", (await visitor.OpenAsync("a wrong one")).Must(403).Text,
            StringComparison.Ordinal);
        var opened = (await visitor.OpenAsync(Password)).Must(200);
        Assert.Contains($"path=/api/share/{visitor.Token}", opened.Header("Set-Cookie"), StringComparison.Ordinal);
        Assert.Equal("content of a", (await visitor.GetAsync(Content(File))).Must(200).Text);
        // The ticket of one link opens no other.
        var (_, second) = await ShareAsync(new { nodeId = Folder, password = Password });
        second.Ticket = visitor.Ticket;
        (await second.GetAsync("nodes")).Must(401);
        (await ChangeLinkAsync(link.Id, new { password = "another password" })).Must(200);
        (await visitor.GetAsync("nodes")).Must(401);
        (await visitor.OpenAsync("another password")).Must(200);
        (await visitor.GetAsync("nodes")).Must(200);

        for (var guess = 0; guess < ShareDoor.WrongPasswordsByLinkAndAddress; guess++)
            (await second.OpenAsync($"guess {guess}")).Must(403);
        var refused = (await second.OpenAsync(Password)).Must(429);
        Assert.NotNull(refused.Header("Retry-After"));
        (await NewVisitor(second.Token).OpenAsync(Password)).Must(200);
    }

    [Fact]
    public async Task Who_guesses_links_is_slowed_and_noted_and_a_good_link_opens_all_the_same()
    {
        var (_, visitor) = await ShareAsync(new { nodeId = File });
        var token = visitor.Token;
        var guesses = TestSize.Pick(ci: 300, soak: 100_000);
        var (told, slowed) = (0, 0);
        await Parallel.ForEachAsync(Enumerable.Range(0, guesses),
            new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (guess, _) =>
            {
                var path = $"api/share/{token[..20]}{guess:D23}";
                var status = (await visitor.SendAsync(HttpMethod.Get, path, null)).Status;
                Interlocked.Increment(ref (status == 404 ? ref told : ref slowed));
                Assert.True(status is 404 or 429);
            });
        Assert.InRange(told, 100, 108);
        Assert.Equal(guesses - told, slowed);
        (await visitor.GetAsync("")).Must(200);
        (await NewVisitor("x" + token[1..]).GetAsync("")).Must(404);
        using var adminDrive = (await Shared.Instance).AdminDrive();
        using var admin = new ApiClient(adminDrive);
        var noted = (await admin.SendAsync(HttpMethod.Get,
            $"admin/audit?action=share-refused&address={visitor.Address}")).Must(200).Body!.ToJsonString();
        Assert.Contains("share-refused", noted, StringComparison.Ordinal);
    }

    [Fact]
    public async Task People_get_a_plain_page()
    {
        (await Drive.PutAsync("shared/<b>.html", "<script>")).Must(201);
        var (_, visitor) = await ShareAsync(new { nodeId = Folder, password = Password, allowsUpload = true });
        var page = (await visitor.PageAsync(HttpMethod.Get)).Must(200);
        Assert.Contains("type=\"password\"", page.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("a.txt", page.Text, StringComparison.Ordinal);
        Assert.Equal(("no-referrer", "noindex", "no-store"),
            (page.Header("Referrer-Policy"), page.Header("X-Robots-Tag"), page.Header("Cache-Control")));
        Assert.StartsWith("default-src 'none'", page.Header("Content-Security-Policy"), StringComparison.Ordinal);
        using (var form = new FormUrlEncodedContent([new("password", "wrong one")]))
            (await visitor.PageAsync(HttpMethod.Post, form)).Must(403);
        using (var form = new FormUrlEncodedContent([new("password", Password)]))
        {
            var opened = (await visitor.PageAsync(HttpMethod.Post, form)).Must(303);
            visitor.Ticket = opened.Header("Set-Cookie")!.Split(';')[0].Split('=', 2)[1];
        }
        page = (await visitor.PageAsync(HttpMethod.Get)).Must(200);
        Assert.Contains($"/api/share/{visitor.Token}/nodes/{File}/content", page.Text, StringComparison.Ordinal);
        Assert.Contains("&lt;b&gt;.html", page.Text, StringComparison.Ordinal);
        using (var form = new MultipartFormDataContent())
        {
            form.Add(new ByteArrayContent(Encoding.UTF8.GetBytes("brought")), "file", "brought.txt");
            form.Add(new ByteArrayContent(Encoding.UTF8.GetBytes("again")), "file", "brought.txt");
            (await visitor.PageAsync(HttpMethod.Post, form)).Must(303);
        }
        Assert.Equal("brought", (await Drive.GetAsync("shared/brought.txt")).Must(200).Text);
        Assert.Equal("again", (await Drive.GetAsync("shared/brought%20(2).txt")).Must(200).Text);
        var sub = (await visitor.PageAsync(HttpMethod.Get, null, $"?folder={await Api.IdAsync("/shared/sub")}"))
            .Must(200);
        Assert.Contains("b.txt", sub.Text, StringComparison.Ordinal);
        // Files that are brought come into what is shared, and not here.
        Assert.Contains("multipart/form-data", page.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("multipart/form-data", sub.Text, StringComparison.Ordinal);
        (await visitor.PageAsync(HttpMethod.Get, null, $"?folder={await Api.IdAsync("")}")).Must(404);
        Assert.DoesNotContain(visitor.Token, (await Shared.Instance).Output, StringComparison.Ordinal);
    }
}
