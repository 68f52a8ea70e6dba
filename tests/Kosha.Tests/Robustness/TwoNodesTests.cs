using System.Diagnostics;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>Two daemons over one database and one folder of blobs: what one promises, the other keeps.</summary>
public sealed class TwoNodesTests(TwoNodesTests.Nodes nodes) : IClassFixture<TwoNodesTests.Nodes>, IAsyncLifetime
{
    private const string App = "https://app.example.org";

    private readonly HttpClient anybody = new();
    private DavClient one = null!;
    private DavClient other = null!;

    public sealed class Nodes(SharedPostgres postgres) : IAsyncLifetime
    {
        private readonly TestFolder shared = new();

        public string ConnectionString { get; private set; } = "";

        public string Blobs { get; private set; } = "";

        public KoshaProcess First { get; private set; } = null!;

        public KoshaProcess Second { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            ConnectionString = await (await postgres.Durable).NewEmptyDatabaseAsync();
            var folder = shared.NewFolder("shared");
            Blobs = Path.Combine(folder, "blobs");
            File.SetUnixFileMode(folder, (UnixFileMode)0b111_111_111);
            (string, string)[] settings =
            [
                ("Database:ConnectionString", ConnectionString), ("Blobs:Directory", Blobs),
                ("Http:CorsOrigins", App),
            ];
            First = await KoshaProcess.StartNewAsync(settings);
            Second = await KoshaProcess.StartNewAsync([
                .. settings, ("Security:MasterKeyFile", Path.Combine(First.DataDirectory, "master-key")),
            ]);
        }

        public async ValueTask DisposeAsync()
        {
            await First.DisposeAsync();
            await Second.DisposeAsync();
            shared.Dispose();
        }
    }

    public async ValueTask InitializeAsync()
    {
        var user = await nodes.First.NewUserAsync();
        one = nodes.First.Drive(user);
        other = nodes.Second.Drive(user);
    }

    public ValueTask DisposeAsync()
    {
        one.Dispose();
        other.Dispose();
        anybody.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Files_and_locks_of_one_daemon_hold_on_the_other()
    {
        (await one.PutAsync("file", "first")).Must(201);
        Assert.Equal("first", (await other.GetAsync("file")).Must(200).Text);
        var token = await one.LockAsync("file", "0");
        (await other.PutAsync("file", "second")).Must(423);
        (await other.PutAsync("file", "second", ("If", $"(<{token}>)"))).Must(204);
        Assert.Equal("second", (await one.GetAsync("file")).Must(200).Text);
        (await other.UnlockAsync("file", token)).Must(204);
        (await one.PutAsync("file", "third")).Must(204);

        (await one.MkcolAsync("folder")).Must(201);
        token = await other.LockAsync("folder");
        (await one.PutAsync("folder/below", "x")).Must(423);
        (await one.MkcolAsync("folder/sub")).Must(423);
        (await one.PutAsync("folder/below", "x", ("If", $"</dav/folder> (<{token}>)"))).Must(201);
    }

    [Fact]
    public async Task One_of_many_wins_whichever_daemon_is_asked()
    {
        for (var round = 0; round < 10; round++)
        {
            var puts = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() =>
                (i % 2 == 0 ? one : other).PutAsync($"once-{round}", $"{i}", ("If-None-Match", "*")))));
            Assert.Equal([201, .. Enumerable.Repeat(412, 7)], puts.Select(put => put.Status).Order());
        }
    }

    [Fact]
    public async Task A_lock_outlives_its_daemon_and_ends_on_time()
    {
        (await one.PutAsync("file", "first")).Must(201);
        var token = await one.LockAsync("file", "0");
        await nodes.First.KillAsync();
        (await other.PutAsync("file", "second")).Must(423);
        await nodes.First.StartAsync();
        using var again = nodes.First.Drive(one.User);
        (await again.PutAsync("file", "second")).Must(423);
        (await again.PutAsync("file", "second", ("If", $"(<{token}>)"))).Must(204);

        // An hour is the shortest life that Kosha gives, so the test lets most of it pass at once.
        const int Seconds = 3;
        await Sql.ExecuteAsync(nodes.ConnectionString, $"update locks set expires_at = now() + interval '{Seconds} s'");
        var clock = Stopwatch.StartNew();
        await Eventually.TrueAsync("the lock ends", async () => (await other.PutAsync("file", "third")).Status == 204);
        Assert.InRange(clock.Elapsed.TotalSeconds, Seconds - 0.5, Seconds + 10);
        (await again.PutAsync("file", "fourth", ("If", $"(<{token}>)"))).Must(412);
        Assert.Equal("", (await again.PropfindAsync("file", "0")).Multistatus.Single.Value("lockdiscovery"));
    }

    // Share links -----------------------------------------------------------------------------------------------------

    private const string SqlEverything = """
        select string_agg(query_to_xml(format('select * from %I.%I', schemaname, tablename), true, true, '')::text, '')
        from pg_tables where schemaname = 'public'
        """;

    [Fact]
    public async Task A_share_link_is_one_on_both_daemons_ends_on_both_at_once_and_is_in_no_dump()
    {
        (await one.MkcolAsync("shared")).Must(201);
        (await one.PutAsync("shared/file", "shared")).Must(201);
        using var api = new ApiClient(one);
        var file = await api.IdAsync("/shared/file");
        var made = (await api.PostAsync("shares", new
        {
            nodeId = await api.IdAsync("/shared"), password = "a long password",
        })).Must(201);
        using var here = new Visitor(nodes.First.Url, made.Url.Split('/')[^1]);
        using var there = new Visitor(nodes.Second.Url, here.Token);
        using var mountHere = nodes.First.Drive(new("share", here.Token + ":a long password"));
        using var mountThere = nodes.Second.Drive(mountHere.User);
        (await here.OpenAsync("a long password")).Must(200);
        there.Ticket = here.Ticket;
        foreach (var visitor in new[] { here, there })
            Assert.Equal("shared", (await visitor.GetAsync($"nodes/{file}/content")).Must(200).Text);
        foreach (var mount in new[] { mountHere, mountThere })
            (await mount.GetAsync("file")).Must(200);
        using (var otherApi = new ApiClient(other))
            Assert.EndsWith(here.Token, (await otherApi.SendAsync(HttpMethod.Get, $"shares/{made.Id}")).Url,
                StringComparison.Ordinal);

        var everything = (string)(await Sql.ExecuteAsync(nodes.ConnectionString, SqlEverything))!;
        Assert.Contains(one.User.Name, everything, StringComparison.Ordinal);
        var token = System.Text.Encoding.ASCII.GetBytes(here.Token);
        foreach (var form in new[] { here.Token, Convert.ToHexStringLower(token), Convert.ToBase64String(token)[..40] })
            Assert.DoesNotContain(form, everything, StringComparison.OrdinalIgnoreCase);

        (await api.SendAsync(HttpMethod.Delete, $"shares/{made.Id}")).Must(204);
        foreach (var visitor in new[] { here, there })
            (await visitor.GetAsync($"nodes/{file}/content")).Must(404);
        foreach (var mount in new[] { mountHere, mountThere })
            (await mount.GetAsync("file")).Must(401);
        foreach (var node in new[] { nodes.First, nodes.Second })
            Assert.DoesNotContain(here.Token, node.Output, StringComparison.Ordinal);
    }

    // Links -----------------------------------------------------------------------------------------------------------

    private static Uri On(KoshaProcess node, Uri link) => new(node.Url, link.AbsolutePath);

    private async Task<int> StatusAsync(Uri link)
    {
        using var answer = await anybody.GetAsync(link);
        return (int)answer.StatusCode;
    }

    [Fact]
    public async Task A_link_of_one_daemon_is_good_on_the_other_until_its_content_is_swept()
    {
        // Else a version names it, and the sweep leaves it.
        (await nodes.First.CommandAsync("plan", "set", "default", "--version-days", "0")).MustSucceed();
        (await one.PutAsync("file", "linked content")).Must(201);
        var link = On(nodes.Second, await one.LinkToAsync("file"));
        Assert.Equal("linked content", await anybody.GetStringAsync(link));
        Assert.Equal("linked content", await anybody.GetStringAsync(On(nodes.First, await other.LinkToAsync("file"))));
        (await one.PutAsync("file", "other content")).Must(204);
        Assert.Equal("linked content", await anybody.GetStringAsync(link));
        for (var sweep = 0; sweep < 2; sweep++)
            (await nodes.First.CommandAsync("blobs", "sweep", "--grace-hours", "0")).MustSucceed();
        Assert.Equal(404, await StatusAsync(link));
    }

    /// <summary>A client that heard 404 might take away its own copy.</summary>
    [Fact]
    public async Task A_link_to_what_is_damaged_is_an_error_with_its_reason_in_the_log_and_not_its_token()
    {
        const string Content = "content that will be damaged";
        (await one.PutAsync("file", Content)).Must(201);
        var link = On(nodes.Second, await one.LinkToAsync("file"));
        File.Delete(Directory.EnumerateFiles(
            nodes.Blobs, Storage.StorageFixture.HashOf(Content), SearchOption.AllDirectories).Single());
        foreach (var reason in (string[])["is missing", "is damaged"])
        {
            Assert.Equal(500, await StatusAsync(link));
            await Eventually.TrueAsync($"the log says that it {reason}", () =>
                nodes.Second.Output.Contains($" {reason}", StringComparison.Ordinal));
            // The scrub marks it.
            Assert.Equal(reason == "is missing" ? 1 : 0, (await nodes.First.CommandAsync("blobs", "scrub")).ExitCode);
        }
        Assert.DoesNotContain(link.Segments[^1][..40], nodes.Second.Output, StringComparison.Ordinal);
        (await one.PutAsync("again", Content)).Must(201);
        Assert.Equal(Content, await anybody.GetStringAsync(await one.LinkToAsync("file")));
    }

    [Theory]
    [InlineData(App, true)]
    [InlineData("https://other.example.org", false)]
    public async Task Apps_of_allowed_origins_may_read_by_a_link(string origin, bool isAllowed)
    {
        (await one.PutAsync("file", "content")).Must(201);
        var link = await one.LinkToAsync("file");
        using var preflight = new HttpRequestMessage(HttpMethod.Options, link)
        {
            Headers = { { "Origin", origin }, { "Access-Control-Request-Method", "GET" },
                { "Access-Control-Request-Headers", "range" } },
        };
        using var permission = await anybody.SendAsync(preflight);
        Assert.Equal(isAllowed ? 204 : 405, (int)permission.StatusCode);
        using var get = new HttpRequestMessage(HttpMethod.Get, link) { Headers = { { "Origin", origin } } };
        using var answer = await anybody.SendAsync(get);
        Assert.Equal("content", await answer.Content.ReadAsStringAsync());
        Assert.Contains("Origin", answer.Headers.Vary);
        foreach (var headers in new[] { permission.Headers, answer.Headers })
            Assert.Equal(isAllowed ? origin : null, headers.TryGetValues("Access-Control-Allow-Origin", out var values)
                ? Assert.Single(values) : null);
    }
}
