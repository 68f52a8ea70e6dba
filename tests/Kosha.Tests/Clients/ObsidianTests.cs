using System.Text;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Clients;

/// <summary>
/// remotely-save in Obsidian runs in a browser's engine: it reaches the drive only from an origin that the operator has
/// named, after a preflight without a sign-in (the CORS protocol of the Fetch standard).
/// </summary>
public sealed class ObsidianTests(ObsidianTests.Kosha kosha) : IClassFixture<ObsidianTests.Kosha>
{
    private const string Origin = "app://obsidian.md";
    private const string AllowOrigin = "Access-Control-Allow-Origin";

    private readonly DavClient client = kosha.Drive;

    /// <summary>An instance that names two origins.</summary>
    public sealed class Kosha : IAsyncLifetime
    {
        private KoshaProcess process = null!;

        public DavClient Drive { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            process = await KoshaProcess.StartNewAsync(("Http:CorsOrigins", $"{Origin};https://App.Example.org/"));
            Drive = await process.NewDriveAsync();
        }

        public async ValueTask DisposeAsync()
        {
            Drive.Dispose();
            await using (process)
                await process.StopAsync();
        }
    }

    private async Task<string> PreflightAsync(
        string path, string origin, string wished = "authorization,content-type,depth")
    {
        using var anonymous = await RawConnection.OpenAsync(client.Server);
        await anonymous.SendAsync(Encoding.UTF8.GetBytes(
            $"OPTIONS {path} HTTP/1.1\r\nHost: {client.Server.Authority}\r\nOrigin: {origin}\r\n"
            + $"Access-Control-Request-Method: PROPFIND\r\nAccess-Control-Request-Headers: {wished}\r\n\r\n"));
        return await anonymous.ReadHeadAsync();
    }

    private static void Allows(DavAnswer answer, string origin = Origin)
    {
        Assert.Equal(origin, answer.Header(AllowOrigin));
        Assert.Contains("Origin", answer.Header("Vary"), StringComparison.Ordinal);
        var exposed = answer.Header("Access-Control-Expose-Headers")!.Split(", ");
        foreach (var name in new[] { "ETag", "DAV", "Lock-Token", "Last-Modified", "Content-Range" })
            Assert.Contains(name, exposed);
        // What a browser remembers for Kosha is no page's to use.
        Assert.Null(answer.Header("Access-Control-Allow-Credentials"));
    }

    [Theory]
    [InlineData("/dav/", Origin)]
    [InlineData("/dav/vault/note.md", "https://app.example.org")]
    public async Task A_preflight_needs_no_sign_in_and_permits_every_method(string path, string origin)
    {
        var head = await PreflightAsync(path, origin);
        Assert.StartsWith("HTTP/1.1 204 ", head, StringComparison.Ordinal);
        foreach (var line in new[]
        {
            $"{AllowOrigin}: {origin}", "Vary: Origin",
            "Access-Control-Allow-Headers: authorization,content-type,depth",
            "Access-Control-Allow-Methods: OPTIONS, GET, HEAD, PUT, DELETE, MKCOL, COPY, MOVE, PROPFIND, PROPPATCH, "
                + "LOCK, UNLOCK",
        })
            Assert.Contains($"\r\n{line}\r\n", head, StringComparison.Ordinal);
        Assert.DoesNotContain("Credentials", head, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("depth, tête")]
    [InlineData("depth; \"x\"")]
    public async Task What_is_no_list_of_headers_is_not_sent_back(string wished)
    {
        var head = await PreflightAsync("/dav/", Origin, wished);
        Assert.StartsWith("HTTP/1.1 204 ", head, StringComparison.Ordinal);
        Assert.DoesNotContain("Allow-Headers", head, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://evil.example")]
    [InlineData("http://app.example.org")]
    [InlineData("https://app.example.org.evil.example")]
    [InlineData("null")]
    public async Task Other_origins_get_nothing(string origin)
    {
        Assert.DoesNotContain("Access-Control", await PreflightAsync("/dav/", origin), StringComparison.Ordinal);
        var answer = (await client.SendAsync("GET", "", ("Origin", origin))).Must(200);
        Assert.Null(answer.Header(AllowOrigin));
        // A cache must not give one origin what was answered to another.
        Assert.Contains("Origin", answer.Header("Vary"), StringComparison.Ordinal);
        Assert.DoesNotContain("Access-Control", await PreflightAsync("/", Origin), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_the_setting_nobody_else_is_let_in()
    {
        await using var plain = await KoshaProcess.StartNewAsync();
        using var drive = plain.AdminDrive();
        var answer = (await drive.SendAsync("OPTIONS", "", ("Origin", Origin),
            ("Access-Control-Request-Method", "PUT"))).Must(200);
        Assert.DoesNotContain(answer.Headers.Keys, name => name.StartsWith("Access-Control", StringComparison.Ordinal));
        await plain.StopAsync();
    }

    [Fact]
    public async Task A_vault_is_synchronised()
    {
        var app = new Replay(client, ("Origin", Origin), ("User-Agent", "Mozilla/5.0 obsidian/1.7.7"));
        Allows((await app.SendAsync("MKCOL", "vault/")).Must(201));
        var put = (await app.PutAsync("vault/note.md", "text", ("Content-Type", "application/octet-stream"))).Must(201);
        Allows(put);
        Assert.NotNull(put.Header("ETag"));
        var infinite = "<d:propfind xmlns:d=\"DAV:\"><d:allprop/></d:propfind>";
        Allows((await app.XmlAsync("PROPFIND", "vault/", infinite, ("Depth", "infinity"))).Must(403));
        Allows((await app.XmlAsync("PROPFIND", "vault/", infinite, ("Depth", "1"))).Must(207));
        Allows((await app.SendAsync("GET", "vault/note.md")).Must(200));
        Allows((await app.SendAsync("GET", "vault/missing.md")).Must(404));
        Allows((await app.SendAsync("DELETE", "vault/note.md")).Must(204));
    }

    [Fact]
    public async Task A_refusal_can_be_read_by_the_app()
    {
        using var anonymous = await RawConnection.OpenAsync(client.Server);
        await anonymous.SendAsync(
            $"PROPFIND /dav/ HTTP/1.1\r\nHost: {client.Server.Authority}\r\nOrigin: {Origin}\r\nDepth: 0\r\n\r\n");
        var head = await anonymous.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 401 ", head, StringComparison.Ordinal);
        Assert.Contains($"\r\n{AllowOrigin}: {Origin}\r\n", head, StringComparison.Ordinal);
    }
}
