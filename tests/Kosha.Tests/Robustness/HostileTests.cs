using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>Input that no honest client sends: a clear 4xx, quickly, and nothing is changed.</summary>
public sealed class HostileTests(SharedKosha kosha) : IAsyncLifetime
{
    private const int MaxMilliseconds = 2000;
    private DavClient drive = null!;
    private string before = "";

    public async ValueTask InitializeAsync()
    {
        drive = await kosha.NewDriveAsync();
        (await drive.MkcolAsync("folder")).Must(201);
        (await drive.PutAsync("folder/file", "content")).Must(201);
        (await drive.PutAsync("top", "old")).Must(201);
        before = await LookAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Assert.Equal(before, await LookAsync());
        drive.Dispose();
    }

    // Every name, tag and content of the drive.
    private async Task<string> LookAsync()
    {
        var text = new StringBuilder();
        foreach (var folder in new[] { "", "folder" })
        {
            foreach (var item in (await drive.ListAsync(folder)).Items)
                text.Append(CultureInfo.InvariantCulture, $"{item.Href} {item.Value("getetag")}\n");
        }
        text.Append((await drive.GetAsync("top")).Must(200).Text);
        return text.Append((await drive.GetAsync("folder/file")).Must(200).Text).ToString();
    }

    private static string Nested(int depth) => string.Concat(Enumerable.Repeat("<a>", depth));

    public static TheoryData<string, string> BadXml => new()
    {
        { "nothing", "nonsense" },
        { "open", "<D:propfind xmlns:D='DAV:'>" },
        { "unbound", "<D:propfind/>" },
        { "latin", "<?xml version='1.0' encoding='nonsense'?><D:propfind xmlns:D='DAV:'/>" },
        { "dtd", "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>" },
        { "laughs", "<!DOCTYPE l [<!ENTITY a 'lol'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>"
            + "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'><!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;'>"
            + "<!ENTITY e '&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;'>]><D:propfind xmlns:D='DAV:'>&e;</D:propfind>" },
        { "parameter", "<!DOCTYPE a [<!ENTITY % x SYSTEM 'http://127.0.0.1:1/x'>%x;]><a/>" },
        { "deep", Nested(10_000) },
        { "deep in a property", "<D:propertyupdate xmlns:D='DAV:'><D:set><D:prop>" + Nested(10_000) },
        { "many", "<a>" + string.Concat(Enumerable.Repeat("<b/>", 200_000)) + "</a>" },
        { "attributes", "<a " + string.Concat(Enumerable.Range(0, 20_000).Select(i => $"a{i}=''")) + "/>" },
    };

    [Theory]
    [MemberData(nameof(BadXml), DisableDiscoveryEnumeration = true)]
    public async Task Bad_XML_is_refused_at_once(string name, string xml)
    {
        foreach (var method in new[] { "PROPFIND", "PROPPATCH", "LOCK" })
        {
            var clock = Stopwatch.StartNew();
            var answer = await drive.SendAsync(method, "top", DavClient.Xml(xml), ("Depth", "0"));
            Assert.True(answer.Status == 400, $"{name}: {method} {answer.Status}");
            Assert.InRange(clock.ElapsedMilliseconds, 0, MaxMilliseconds);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task XML_of_24_MiB_is_refused_without_being_read(bool announced)
    {
        var clock = Stopwatch.StartNew();
        using var connection = await RawConnection.OpenAsync(drive.Server);
        await connection.SendHeadAsync(drive, "PROPFIND", "top", "Depth: 0",
            announced ? $"Content-Length: {24 << 20}" : "Transfer-Encoding: chunked");
        var status = connection.ReadStatusAsync();
        var chunk = Encoding.ASCII.GetBytes((announced ? "" : "10000\r\n") + new string(' ', 65536)
            + (announced ? "" : "\r\n"));
        for (var i = 0; i < 24 * 16 && !status.IsCompleted; i++)
        {
            try
            {
                await connection.SendAsync(chunk);
            }
            catch (System.Net.Sockets.SocketException)
            {
                break;
            }
        }
        Assert.Equal(413, await status);
        Assert.InRange(clock.ElapsedMilliseconds, 0, MaxMilliseconds);
    }

    [Theory]
    [InlineData("a%00b")]
    [InlineData("a%01b")]
    [InlineData("a%0Ab")]
    [InlineData("a%7Fb")]
    [InlineData("a%5Cb")]
    [InlineData("a\\b")]
    [InlineData("folder/../x")]
    [InlineData("..")]
    [InlineData("../x")]
    [InlineData("%2e%2e%2fx")]
    [InlineData("folder/%2e%2e/x")]
    [InlineData("folder%2Fx")]
    [InlineData("%FF%FE")]
    [InlineData("%C0%AF")]
    [InlineData("%ED%A0%80")]
    [InlineData("a%zz")]
    [InlineData("a%")]
    [InlineData("x#y")]
    public async Task Names_that_cannot_be_are_refused(string path)
    {
        foreach (var method in new[] { "PUT", "MKCOL", "LOCK", "DELETE", "PROPPATCH" })
            Assert.InRange((await SendRawAsync(method, "/dav/" + path)), 400, 499);
        foreach (var method in new[] { "COPY", "MOVE" })
            Assert.InRange(await SendRawAsync(method, "/dav/top", "Destination: /dav/" + path), 400, 499);
    }

    [Fact]
    public async Task Paths_of_a_thousand_levels_are_refused()
    {
        var deep = string.Concat(Enumerable.Repeat("a/", 1000));
        foreach (var method in new[] { "PUT", "MKCOL", "LOCK", "PROPFIND", "GET", "DELETE" })
            Assert.InRange(await SendRawAsync(method, "/dav/" + deep + "x"), 400, 499);
        Assert.InRange(await SendRawAsync("MOVE", "/dav/top", $"Destination: /dav/{deep}x"), 400, 499);
        Assert.InRange(await SendRawAsync("PUT", "/dav/" + new string('a', 256)), 400, 499);
        Assert.InRange(await SendRawAsync("PUT", "/dav/" + new string('a', 100_000)), 400, 499);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("/dav")]
    [InlineData("/dav/")]
    [InlineData("//dav//")]
    [InlineData("/dav/.")]
    [InlineData("/dav/folder/..")]
    [InlineData("/elsewhere/x")]
    [InlineData("http://127.0.0.2")]
    [InlineData("http://elsewhere.example/dav/x")]
    [InlineData("http://127.0.0.2:1/dav/x")]
    [InlineData("http://[::1/dav/x")]
    [InlineData("http:/dav/x")]
    [InlineData("ftp://127.0.0.2/dav/x")]
    [InlineData("x")]
    [InlineData("\\\\host\\dav\\x")]
    [InlineData("/dav/%")]
    [InlineData("/dav/x?y")]
    [InlineData("/dav/x#y")]
    public async Task A_destination_that_is_none_touches_nothing(string destination)
    {
        foreach (var method in new[] { "MOVE", "COPY" })
        {
            var status = await SendRawAsync(method, "/dav/folder", "Destination: " + destination, "Overwrite: T");
            // RFC 4918 says 502 for another server.
            Assert.True(status is (>= 400 and < 500) or 502, $"{method} {destination}: {status}");
        }
    }

    [Fact]
    public async Task Headers_of_any_size_are_read_or_refused()
    {
        Assert.InRange(await SendRawAsync("PUT", "/dav/top", "X-Large: " + new string('x', 300_000)), 400, 499);
        var many = Enumerable.Range(0, 20_000).Select(i => $"X-{i}: {i}").ToArray();
        Assert.InRange(await SendRawAsync("PUT", "/dav/top", many), 400, 499);
        var large = "X-Large: " + new string('x', 65_536);
        Assert.Equal(207, await SendRawAsync("PROPFIND", "/dav/top", "Depth: 0", large));
    }

    [Fact]
    public async Task A_huge_If_header_is_refused_or_does_not_hold()
    {
        const string Token = "<opaquelocktoken:11111111-1111-1111-1111-111111111111>";
        foreach (var list in new[] { $"({Token})", "(Not <x:y>", $"(Not {Token} [\"x\"])", "</dav/top> (<x:y>) " })
        {
            foreach (var times in new[] { 100, 400, 2000, 3000 })
            {
                var header = string.Concat(Enumerable.Repeat(list, times));
                var clock = Stopwatch.StartNew();
                var status = await SendRawAsync("PUT", "/dav/top", "If: " + header);
                Assert.InRange(status, 400, 499);
                Assert.InRange(clock.ElapsedMilliseconds, 0, MaxMilliseconds);
            }
        }
        var tags = string.Join(' ', Enumerable.Range(0, 499).Select(i => $"</dav/folder/{i}> (<x:y>)"));
        Assert.Equal(412, await SendRawAsync("PUT", "/dav/top", "If: " + tags));
    }

    [Fact]
    public async Task Ten_thousand_locks_end_at_a_limit_and_harm_nobody()
    {
        using var greedy = await kosha.NewDriveAsync();
        var wish = """
            <lockinfo xmlns="DAV:"><lockscope><shared/></lockscope><locktype><write/></locktype></lockinfo>
            """;
        var statuses = new ConcurrentDictionary<int, int>();
        await Parallel.ForAsync(0, 10_000, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, _) =>
        {
            // No more than the 32 that one file may have.
            var answer = await greedy.SendAsync("LOCK", $"f{i % 400}", DavClient.Xml(wish), ("Depth", "0"));
            statuses.AddOrUpdate(answer.Status, 1, (_, before) => before + 1);
        });
        Assert.Equal([200, 201, 403], statuses.Keys.Order());
        Assert.InRange(statuses[200] + statuses[201], 5000, 5000 + 8);
        var clock = Stopwatch.StartNew();
        (await greedy.PutAsync("g", "x")).Must(201);
        Assert.Equal(401, (await greedy.ListAsync("")).Names.Count());
        Assert.InRange(clock.ElapsedMilliseconds, 0, MaxMilliseconds);
    }

    /// <summary>An own connection each, so that nothing that this one breaks is carried on.</summary>
    private async Task<int> SendRawAsync(string method, string target, params string[] headers)
    {
        using var connection = await RawConnection.OpenAsync(drive.Server);
        try
        {
            await connection.SendAsync(string.Join("\r\n", [
                $"{method} {target} HTTP/1.1", $"Host: {drive.Server.Authority}",
                $"Authorization: {drive.Authorization}", "Content-Length: 0", .. headers, "", ""]));
        }
        catch (System.Net.Sockets.SocketException)
        {
            // The answer came before the end of the request.
        }
        return await connection.ReadStatusAsync();
    }
}
