using System.Globalization;
using System.Text.Json.Nodes;
using Kosha.Daemon;
using Kosha.Daemon.Api;
using Kosha.Daemon.Configuration;
using Kosha.Daemon.Web;
using Kosha.Storage.Blobs;
using Kosha.Tests.Infrastructure;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>Who may call what, for every endpoint that the routing table has.</summary>
public sealed class AccessMatrixTests(SharedKosha kosha, SharedPostgres postgres) : IDisposable
{
    private const string Nobody = "nobody";

    private readonly TestFolder folder = new();
    private readonly List<string> wrong = [];
    private readonly Dictionary<string, ApiClient> roles = [];
    private ApiClient? visitor;

    public void Dispose()
    {
        foreach (var client in roles.Values)
            client.Dispose();
        visitor?.Dispose();
        folder.Dispose();
    }

    /// <summary>Method and route of every endpoint of the API, and its rule; null: it has none.</summary>
    private async Task<Dictionary<string, ApiAccess?>> RoutesAsync()
    {
        var database = await (await postgres.Durable).NewEmptyDatabaseAsync();
        var options = new KoshaOptions(GivenSettings.Read("/nonexistent.json", [],
            [$"--DataDirectory={folder["data"]}", $"--Database:ConnectionString={database}"]));
        Assert.Empty(options.Problems);
        await using var installation = await Installation.OpenAsync(
            options, new("test", Serves: false), NullLogger.Instance, CancellationToken.None);
        using var store = new DiskBlobStore(folder["blobs"]);
        await using var app = WebHost.Build(
            options, installation, store, new SpoolFolder(folder["spool"], 1 << 20), NullLoggerFactory.Instance);
        return ((IEndpointRouteBuilder)app).DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
            .Where(endpoint => PathOf(endpoint).StartsWith("/api/", StringComparison.Ordinal))
            .SelectMany(endpoint => endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods
                .Where(method => method != "HEAD")
                .Select(method => (Route: $"{method} {PathOf(endpoint)}",
                    Rule: endpoint.Metadata.GetMetadata<ApiAccessRule>()?.Access)))
            .ToDictionary(endpoint => endpoint.Route, endpoint => endpoint.Rule);
    }

    private static string PathOf(RouteEndpoint endpoint) => "/" + endpoint.RoutePattern.RawText!.Trim('/');

    [Fact]
    public async Task Every_endpoint_lets_in_whom_it_should_and_nobody_else()
    {
        var rules = await RoutesAsync();
        Assert.All(rules, rule => Assert.True(rule.Value is not null, $"{rule.Key} does not say who may call it."));
        var process = await kosha.Instance;
        using var drive = process.Drive(await process.NewUserAsync());
        using var owner = new ApiClient(drive);
        var cases = AccessCase.All(await PrepareAsync(process, drive, owner));
        Assert.Equal(rules.Keys.Order(StringComparer.Ordinal), cases.Keys.Order(StringComparer.Ordinal));
        // What ends something comes last.
        var ordered = cases.OrderBy(each => Array.IndexOf(["GET", "PATCH", "PUT", "POST", "DELETE"], Method(each.Key)))
            .ThenBy(each => each.Key.EndsWith("/trash", StringComparison.Ordinal)).ToList();
        foreach (var (route, call) in ordered)
        {
            await TryOthersAsync(process, drive.User, route, call, rules[route]!.Value);
            // Who has a link is let in by that alone, and by Basic nowhere but in the drive.
            visitor ??= new(process.Drive(new("share", cases["GET /api/share/{token}"].Path.Split('/')[1])));
            Compare("share link", route, await SendAsync(visitor, route, call),
                rules[route] == ApiAccess.Anyone ? null : 401);
        }
        foreach (var (route, call) in ordered)
            await TryOwnerAsync(process, owner, route, call, rules[route]!.Value);
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    private static string Method(string route) => route.Split(' ')[0];

    private static async Task<Belongings> PrepareAsync(KoshaProcess process, DavClient drive, ApiClient owner)
    {
        (await drive.MkcolAsync("folder")).Must(201);
        (await drive.PutAsync("file", "one")).Must(201);
        (await drive.PutAsync("file", "other")).Must(204);
        (await drive.PutAsync("trashed", "x")).Must(201);
        var trashed = await owner.IdAsync("/trashed");
        (await drive.DeleteAsync("trashed")).Must(204);
        var file = await owner.IdAsync("/file");
        var session = (await owner.SendAsync(HttpMethod.Post, "session", new JsonObject
        {
            ["username"] = drive.User.Name, ["password"] = drive.User.Password,
        })).Must(200);
        (await drive.MkcolAsync("given")).Must(201);
        (await drive.PutAsync("given/file", "x")).Must(201);
        var share = (await owner.PostAsync("shares", new
        {
            nodeId = await owner.IdAsync("/given"), allowsUpload = true,
        })).Must(201);
        var versions = (await owner.SendAsync(HttpMethod.Get, $"nodes/{file}/versions")).Must(200);
        var webhook = (await owner.PostAsync("webhooks", new
        {
            url = "https://receiver.invalid/", events = new[] { "share.used" }, password = drive.User.Password,
        })).Must(201).Id;
        return new()
        {
            Webhook = webhook,
            Message = (await owner.PostAsync($"webhooks/{webhook}/test", new { })).Must(202).Id,
            Folder = await owner.IdAsync("/folder"),
            File = file,
            Version = (long)versions.Body!["versions"]![0]!["id"]!,
            Trashed = trashed,
            Share = share.Id,
            ShareToken = share.Url.Split('/')[^1],
            SharedFile = await owner.IdAsync("/given/file"),
            Upload = (await owner.BeginAsync("upload", [1, 2, 3])).Must(201).Id,
            Session = (long)session.Body!["sessionId"]!,
            Profile = (await owner.PostAsync("search-profiles", new { name = "kept" })).Must(201).Id,
            AppPassword = (await owner.PostAsync("app-passwords", new
            {
                label = "to end", password = drive.User.Password,
            })).Must(201).Id,
        };
    }

    // Roles -----------------------------------------------------------------------------------------------------------

    private async Task<ApiClient> RoleAsync(KoshaProcess process, string name, TestUser owner)
    {
        if (roles.TryGetValue(name, out var client))
            return client;
        string[] limits = name switch
        {
            "app password" => ["--name", "all"],
            "read-only" => ["--name", "reads", "--read-only"],
            "for one folder" => ["--name", "one", "--folder", "/elsewhere"],
            _ => [],
        };
        var user = name switch
        {
            "other user" or "disabled" => await process.NewUserAsync(),
            _ => owner,
        };
        if (name == "for one folder")
        {
            using var drive = process.Drive(owner);
            (await drive.MkcolAsync("elsewhere")).Must(201);
        }
        if (limits.Length > 0)
            user = owner with
            {
                Password = (await process.CommandAsync(["app-password", "add", owner.Name, .. limits]))
                    .MustSucceed().Output.Trim(),
            };
        if (name == "disabled")
            (await process.CommandAsync("user", "disable", user.Name)).MustSucceed();
        return roles[name] = new(process.Drive(user));
    }

    private async Task TryOthersAsync(
        KoshaProcess process, TestUser owner, string route, AccessCase call, ApiAccess rule)
    {
        var isRead = Method(route) == "GET";
        foreach (var (role, refusal) in new (string, int?)[]
        {
            (Nobody, rule == ApiAccess.Anyone ? null : 401),
            ("disabled", rule == ApiAccess.Anyone ? null : 401),
            ("other user", rule == ApiAccess.Admin ? 403 : call.NamesOwn ? 404 : null),
            ("app password", rule is ApiAccess.Account or ApiAccess.Admin ? 403 : null),
            ("read-only", rule is ApiAccess.Account or ApiAccess.Admin ? 403
                : rule == ApiAccess.Files && !isRead ? 403 : null),
            ("for one folder", rule is ApiAccess.Account or ApiAccess.Admin || call.NeedsAllFiles ? 403
                : call.NamesOwn ? 404 : null),
        })
        {
            // What an app password may change, it would change for the owner.
            if (role == "app password" && refusal is null && !isRead)
                continue;
            var client = await RoleAsync(process, role, owner);
            Compare(role, route, await SendAsync(client, route, call, isAnonymous: role == Nobody), refusal);
        }
    }

    private async Task TryOwnerAsync(
        KoshaProcess process, ApiClient owner, string route, AccessCase call, ApiAccess rule)
    {
        using var drive = process.AdminDrive();
        using var admin = new ApiClient(drive);
        Compare("owner", route, await SendAsync(owner, route, call), rule == ApiAccess.Admin ? 403 : null);
        // There may be no such invite; the administrator stays, because it is the last one.
        if (rule == ApiAccess.Admin && await SendAsync(admin, route, call) is 401 or 403 or >= 500)
            wrong.Add($"{route}: an administrator is refused.");
    }

    private static async Task<int> SendAsync(
        ApiClient client, string route, AccessCase call, bool isAnonymous = false) =>
        await client.StatusAsync(new HttpMethod(Method(route)), call.Path, call.Body, isAnonymous);

    /// <param name="refusal">The status; null: it is let in, whatever becomes of the call then.</param>
    private void Compare(string role, string route, int status, int? refusal)
    {
        var isRight = refusal switch
        {
            // What an earlier call ended is gone, registration is closed to all, and there is no identity provider.
            null => status is not (401 or >= 500) && (status != 403 || route == "POST /api/register")
                && (status != 404 || Method(route) == "DELETE"
                    || route is "POST /api/trash/delete" or "POST /api/webhooks/identity"),
            _ => status == refusal,
        };
        if (!isRight)
            wrong.Add(string.Create(
                CultureInfo.InvariantCulture, $"{route}: {role} got {status} instead of {refusal} (nothing: let in)."));
    }
}
