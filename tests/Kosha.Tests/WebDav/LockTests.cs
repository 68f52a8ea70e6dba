using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.WebDav;

/// <summary>LOCK, UNLOCK, and what locks do to other methods.</summary>
public sealed class LockTests(Drive drive) : IClassFixture<Drive>
{
    private readonly DavClient client = drive.Client;

    private static string Body(string scope) =>
        $"<D:lockinfo xmlns:D='DAV:'><D:lockscope><D:{scope}/></D:lockscope><D:locktype><D:write/></D:locktype>"
        + "<D:owner><D:href>http://me/?a&amp;b</D:href></D:owner></D:lockinfo>";

    private Task<DavAnswer> LockAsync(string path, string scope, params (string, string)[] headers) =>
        client.SendAsync("LOCK", path, DavClient.Xml(Body(scope)), headers);

    private async Task<string> NewFileAsync()
    {
        var path = await drive.NewFolderAsync() + "/file";
        (await client.PutAsync(path, "old")).Must(201);
        return path;
    }

    [Fact]
    public async Task A_lock_tells_all_about_itself()
    {
        var path = await NewFileAsync();
        var answer = (await LockAsync(path, "exclusive", ("Timeout", "Infinite, Second-4100000000"))).Must(200);
        var token = answer.Header("Lock-Token")!.Trim('<', '>');
        Assert.StartsWith("opaquelocktoken:", token, StringComparison.Ordinal);
        foreach (var part in new[]
        {
            "<D:exclusive/>", "<D:depth>0</D:depth>", "<D:href>http://me/?a&amp;b</D:href>",
            "<D:timeout>Second-86400</D:timeout>", $"<D:locktoken><D:href>{token}</D:href></D:locktoken>",
            $"<D:lockroot><D:href>/dav/{path}</D:href></D:lockroot>",
        })
            Assert.Contains(part, answer.Text, StringComparison.Ordinal);
        var listed = await client.ListAsync(path.Split('/')[0]);
        Assert.Contains(token, listed["file"].Value("lockdiscovery"), StringComparison.Ordinal);
        Assert.Equal("", listed.Items[0].Value("lockdiscovery"));
    }

    [Theory]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    [InlineData("MOVE")]
    [InlineData("LOCK")]
    public async Task Writes_need_the_token_and_reads_do_not(string method)
    {
        var path = await NewFileAsync();
        var token = await client.LockAsync(path, "0");
        Task<DavAnswer> TryAsync(params (string, string)[] headers) => method == "LOCK"
            ? LockAsync(path, "exclusive", headers)
            : client.SendAsync(method, path, [("Destination", client.UrlOf(path + "2")), .. headers]);

        var refused = (await TryAsync()).Must(423);
        var condition = method == "LOCK" ? "no-conflicting-lock" : "lock-token-submitted";
        Assert.Contains(
            $"<D:{condition}><D:href>/dav/{path}</D:href></D:{condition}>", refused.Text, StringComparison.Ordinal);
        (await client.GetAsync(path)).Must(200);
        (await client.PropfindAsync(path, "0")).Must(207);
        (await client.CopyAsync(path, path + "3")).Must(201);
        if (method != "LOCK")
            (await TryAsync(("If", $"(<{token}>)"))).Must(201, 204);
    }

    [Fact]
    public async Task Office_saves_with_Lock_Token_and_no_If()
    {
        var path = await NewFileAsync();
        var token = await client.LockAsync(path, "0");
        (await client.PutAsync(path, "new", ("Lock-Token", $"<{token}>"))).Must(204);
        (await client.PutAsync(path, "newer", ("Lock-Token", token))).Must(204);
        Assert.Equal("newer", (await client.GetAsync(path)).Text);
    }

    [Fact]
    public async Task Finder_creates_a_file_in_three_steps()
    {
        var path = await NewFileAsync();
        (await client.PutAsync(path, "")).Must(204);
        var token = await client.LockAsync(path, "0", "Second-600");
        using var connection = await RawConnection.OpenAsync(client.Server);
        await connection.SendHeadAsync(client, "PUT", path,
            "Transfer-Encoding: chunked", "X-Expected-Entity-Length: 6", $"If: (<{token}>)");
        await connection.SendAsync("3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");
        Assert.Equal(204, await connection.ReadStatusAsync());
        (await client.UnlockAsync(path, token)).Must(204);
        Assert.Equal("abcdef", (await client.GetAsync(path)).Text);
    }

    [Fact]
    public async Task A_free_name_becomes_an_empty_file()
    {
        var folder = await drive.NewFolderAsync();
        (await LockAsync(folder + "/new", "exclusive")).Must(201);
        Assert.Equal("0", (await client.GetAsync(folder + "/new")).Must(200).Header("Content-Length"));
        (await LockAsync(folder + "/missing/new", "exclusive")).Must(409);
    }

    [Fact]
    public async Task A_deep_lock_holds_for_all_below()
    {
        var path = await NewFileAsync();
        var folder = path.Split('/')[0];
        var token = await client.LockAsync(folder);
        (await client.PutAsync(path, "new")).Must(423);
        (await client.PutAsync(folder + "/another", "new")).Must(423);
        (await client.MkcolAsync(folder + "/sub")).Must(423);
        (await client.PutAsync(path, "new", ("If", $"</dav/{folder}> (<{token}>)"))).Must(204);
        var listed = await client.ListAsync(folder);
        Assert.Contains(token, listed["file"].Value("lockdiscovery"), StringComparison.Ordinal);
        (await client.UnlockAsync(path, token)).Must(204);
        (await client.PutAsync(path, "newer")).Must(204);
    }

    [Fact]
    public async Task Shared_locks_stand_beside_each_other()
    {
        var path = await NewFileAsync();
        (await LockAsync(path, "shared")).Must(200);
        (await LockAsync(path, "shared")).Must(200);
        (await LockAsync(path, "exclusive")).Must(423);
        var item = (await client.PropfindAsync(path, "0")).Multistatus.Single;
        Assert.Equal(2, item.Properties[Infrastructure.Multistatus.Dav + "lockdiscovery"].Element.Elements().Count());
    }

    [Fact]
    public async Task A_lock_is_refreshed_by_its_token_alone()
    {
        var path = await NewFileAsync();
        var token = await client.LockAsync(path, "0", "Second-600");
        (await client.SendAsync("LOCK", path)).Must(400);
        var unknown = "(<opaquelocktoken:11111111-1111-1111-1111-111111111111>)";
        (await client.SendAsync("LOCK", path, ("If", unknown))).Must(412);
        var known = ("If", $"(<{token}>)");
        var answer = (await client.SendAsync("LOCK", path, known, ("Timeout", "Second-7200"))).Must(200);
        Assert.Contains("<D:timeout>Second-7200</D:timeout>", answer.Text, StringComparison.Ordinal);
        Assert.Null(answer.Header("Lock-Token"));
    }

    [Fact]
    public async Task UNLOCK_wants_a_token_of_this_resource()
    {
        var path = await NewFileAsync();
        var other = await NewFileAsync();
        var token = await client.LockAsync(path, "0");
        (await client.SendAsync("UNLOCK", path)).Must(400);
        (await client.SendAsync("UNLOCK", path, ("Lock-Token", "<nonsense>"))).Must(400);
        (await client.UnlockAsync(other, token)).Must(409);
        (await client.UnlockAsync(path, token)).Must(204);
        (await client.UnlockAsync(path, token)).Must(409);
        (await client.PutAsync(path, "new")).Must(204);
    }

    [Theory]
    [InlineData("1", "<D:lockinfo xmlns:D='DAV:'/>")]
    [InlineData("0", "<D:lockinfo xmlns:D='DAV:'/>")]
    [InlineData("0", "nonsense")]
    public async Task Bad_requests(string depth, string body) =>
        (await client.SendAsync("LOCK", await NewFileAsync(), DavClient.Xml(body), ("Depth", depth))).Must(400);

    [Fact]
    public async Task The_If_header_decides_in_full()
    {
        var path = await NewFileAsync();
        var etag = (await client.HeadAsync(path)).Etag;
        var token = await client.LockAsync(path, "0");
        (await client.PutAsync(path, "x", ("If", $"(<{token}> [\"other\"])"))).Must(412);
        (await client.PutAsync(path, "x", ("If", $"(<{token}> [\"other\"]) (<{token}> Not [\"other\"])"))).Must(204);
        (await client.PutAsync(path, "x", ("If", $"(<{token}> [{etag}])"))).Must(412);
        (await client.PutAsync(path, "x", ("If", $"(Not <DAV:no-lock>)"))).Must(423);
        (await client.PutAsync(path, "x", ("If", $"<http://elsewhere/dav/{path}> (<{token}>)"))).Must(412);
        (await client.PutAsync(path, "x", ("If", $"<{client.UrlOf(path)}> (<{token}>)"))).Must(204);
        (await client.PutAsync(path, "x", ("If", $"<{client.UrlOf(path)}x> (Not <{token}>)"))).Must(204);
    }

    [Fact]
    public async Task A_lock_does_not_follow_a_move_and_does_not_come_with_a_copy()
    {
        var path = await NewFileAsync();
        var token = await client.LockAsync(path, "0");
        (await client.CopyAsync(path, path + "-copy")).Must(201);
        (await client.PutAsync(path + "-copy", "x")).Must(204);
        (await client.MoveAsync(path, path + "-moved", ("If", $"(<{token}>)"))).Must(201);
        (await client.PutAsync(path + "-moved", "x")).Must(204);
    }
}
