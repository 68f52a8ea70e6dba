using System.Net.Http.Headers;
using System.Text;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>Limits by setting, which two daemons count together; and what one of them does at once.</summary>
public sealed class LimitTests(AuditNodes nodes) : IClassFixture<AuditNodes>
{
    private const string Forwarded = "X-Forwarded-For";

    private KoshaProcess Node(int i) => i % 2 == 0 ? nodes.First : nodes.Second;

    private static void MustSayWhen(ApiAnswer refused, double most) =>
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, most);

    private async Task<ApiAnswer> SignInAsync(int node, string name, string password, string address)
    {
        using var browser = new Browser(Node(node).Url) { ForwardedFor = address };
        return await browser.SignInAsync(name, password);
    }

    private async Task<(int Status, RetryConditionHeaderValue? Retry)> BasicAsync(
        int node, string name, string password, string address)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Head, new Uri(Node(node).Url, "dav/"));
        request.Headers.Authorization = new("Basic",
            Convert.ToBase64String(Encoding.UTF8.GetBytes($"{name}:{password}")));
        request.Headers.Add(Forwarded, address);
        using var answer = await http.SendAsync(request);
        return ((int)answer.StatusCode, answer.Headers.RetryAfter);
    }

    [Fact]
    public async Task Failures_over_the_web_are_counted_by_both()
    {
        var user = await nodes.First.NewUserAsync();
        for (var i = 0; i < AuditNodes.WebFailures; i++)
            (await SignInAsync(i, user.Name, "wrong password", "192.0.2.1")).Must(401);
        foreach (var node in new[] { 0, 1 })
            MustSayWhen((await SignInAsync(node, user.Name, user.Password, "192.0.2.1"))
                .MustBe("too-many-sign-ins", 429), 600);
        (await SignInAsync(1, user.Name, user.Password, "192.0.2.2")).Must(200);
    }

    [Fact]
    public async Task Failures_by_Basic_are_counted_by_both_also_over_a_network_of_IPv6()
    {
        var user = await nodes.First.NewUserAsync();
        for (var i = 0; i < AuditNodes.BasicFailures; i++)
            Assert.Equal(401, (await BasicAsync(i, user.Name, $"wrong {i}", $"2001:db8:1:2::{i + 1}")).Status);
        foreach (var node in new[] { 0, 1 })
        {
            var (status, retry) = await BasicAsync(node, user.Name, user.Password, "2001:db8:1:2:3::9");
            Assert.Equal(429, status);
            Assert.InRange(retry!.Delta!.Value.TotalSeconds, 1, 600);
        }
        Assert.Equal(200, (await BasicAsync(1, user.Name, user.Password, "2001:db8:1:3::9")).Status);
    }

    [Fact]
    public async Task Registrations_are_counted_by_both()
    {
        async Task<ApiAnswer> RegisterAsync(int node, string address)
        {
            using var browser = new Browser(Node(node).Url) { ForwardedFor = address };
            return await browser.SendAsync(
                HttpMethod.Post, "api/register", new { username = "admin", password = "a password of mine" });
        }

        for (var i = 0; i < AuditNodes.Registrations; i++)
            (await RegisterAsync(i, "192.0.2.10")).MustBe("already-exists", 409);
        foreach (var node in new[] { 0, 1 })
            MustSayWhen((await RegisterAsync(node, "192.0.2.10")).MustBe("limit-reached", 429), 600);
        (await RegisterAsync(0, "192.0.2.11")).MustBe("already-exists", 409);
    }

    [Fact]
    public async Task Uploads_of_a_user_are_counted_by_both()
    {
        var user = await nodes.First.NewUserAsync();
        using ApiClient one = new(nodes.First.Drive(user)), other = new(nodes.Second.Drive(user));
        for (var i = 0; i < AuditNodes.Uploads; i++)
            (await (i % 2 == 0 ? one : other).BeginAsync($"{i}", [1])).Must(201);
        MustSayWhen((await one.BeginAsync("more", [1])).MustBe("limit-reached", 429), 60);
        MustSayWhen((await other.BeginAsync("more", [1])).MustBe("limit-reached", 429), 60);
        // What needs no bytes is no upload.
        (await one.BeginAsync("empty", [])).Must(201);
        using var neighbour = new ApiClient(await nodes.First.NewDriveAsync());
        (await neighbour.BeginAsync("own", [1])).Must(201);
    }

    [Fact]
    public async Task A_daemon_sheds_what_one_address_asks_beyond_its_share()
    {
        const string Busy = $"{Forwarded}: 192.0.2.30";
        using var drive = nodes.First.Drive(await nodes.First.NewUserAsync());
        Task<DavAnswer> AskAsync(string address) =>
            drive.SendAsync("PROPFIND", "", ("Depth", "0"), (Forwarded, address));
        (await AskAsync("192.0.2.30")).Must(207);
        var slow = new List<RawConnection>();
        try
        {
            // One that comes while it is asked may be shed itself.
            await Eventually.TrueAsync("it is shed", async () =>
            {
                var connection = await RawConnection.OpenAsync(nodes.First.Url);
                slow.Add(connection);
                await connection.SendHeadAsync(drive, "PUT", $"slow-{slow.Count}", Busy, "Content-Length: 5");
                await connection.SendAsync("1");
                return (await AskAsync("192.0.2.30")).Status == 503;
            });
            Assert.InRange(slow.Count, AuditNodes.AtOnce, int.MaxValue);
            Assert.Equal(207, (await AskAsync("192.0.2.31")).Status);
            using var http = new HttpClient();
            http.DefaultRequestHeaders.Add(Forwarded, "192.0.2.30");
            Assert.Equal("ok\n", await http.GetStringAsync(new Uri(nodes.First.Url, "healthz")));
            Assert.Equal("ready\n", await http.GetStringAsync(new Uri(nodes.First.Url, "readyz")));
            using var api = await http.GetAsync(new Uri(nodes.First.Url, "api/session"));
            Assert.Equal(503, (int)api.StatusCode);
            Assert.InRange(api.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 10);
            Assert.Equal("application/problem+json", api.Content.Headers.ContentType!.MediaType);
        }
        finally
        {
            slow.ForEach(connection => connection.Dispose());
        }
        await Eventually.TrueAsync("there is room", async () => (await AskAsync("192.0.2.30")).Status == 207);
    }

    [Fact]
    public async Task Downloads_that_nobody_reads_keep_nobody_out()
    {
        const string Address = "192.0.2.40";
        using var drive = nodes.First.Drive(await nodes.First.NewUserAsync());
        (await drive.PutAsync("large", new byte[32 << 20])).Must(201);
        var slow = new List<RawConnection>();
        try
        {
            for (var i = 0; i < 2 * AuditNodes.AtOnce; i++)
            {
                var connection = await RawConnection.OpenAsync(nodes.First.Url, receiveBuffer: 4096);
                slow.Add(connection);
                await connection.SendHeadAsync(drive, "GET", "large", $"{Forwarded}: {Address}");
                Assert.Contains(" 200 ", await connection.ReadHeadAsync(), StringComparison.Ordinal);
            }
        }
        finally
        {
            slow.ForEach(connection => connection.Dispose());
        }
    }
}
