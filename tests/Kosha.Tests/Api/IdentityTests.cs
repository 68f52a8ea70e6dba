using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary><c>POST /api/webhooks/identity</c>.</summary>
public sealed class IdentityTests(IdentityTests.ProvidedKosha provider) : IClassFixture<IdentityTests.ProvidedKosha>
{
    private const string Password = "a password of an administrator's";

    private readonly string unique = $"{Guid.NewGuid():N}"[..10];

    /// <summary>A Kosha that knows the provider's secret.</summary>
    public sealed class ProvidedKosha(SharedPostgres postgres) : IAsyncLifetime
    {
        private readonly TestFolder folder = new();
        private readonly byte[] key = RandomNumberGenerator.GetBytes(24);
        private readonly HttpClient http = new();

        public KoshaProcess Kosha { get; private set; } = null!;

        public string Database { get; private set; } = "";

        public async ValueTask InitializeAsync()
        {
            Database = await (await postgres.Durable).NewEmptyDatabaseAsync();
            await File.WriteAllTextAsync(folder["secret"], $"whsec_{Convert.ToBase64String(key)}\n");
            Kosha = await KoshaProcess.StartNewAsync(
                ("Identity:WebhookSecretFile", folder["secret"]), ("Database:ConnectionString", Database));
        }

        /// <summary>As the provider sends it, or as somebody does who changes something of it.</summary>
        public async Task<ApiAnswer> SendAsync(
            JsonNode body, string? id = null, int secondsLate = 0, string? sent = null, string prefix = "webhook",
            string before = "")
        {
            id ??= $"msg_{Guid.NewGuid():N}";
            var at = DateTimeOffset.UtcNow.AddSeconds(-secondsLate).ToUnixTimeSeconds();
            var timestamp = at.ToString(CultureInfo.InvariantCulture);
            var text = body.ToJsonString();
            var mac = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"{id}.{timestamp}.{text}"));
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Kosha.Url, "api/webhooks/identity"))
            {
                Content = new StringContent(sent ?? text, new MediaTypeHeaderValue("application/json")),
            };
            request.Headers.Add($"{prefix}-id", id);
            request.Headers.Add($"{prefix}-timestamp", timestamp);
            request.Headers.Add($"{prefix}-signature", $"{before}v1,{Convert.ToBase64String(mac)}");
            using var answer = await http.SendAsync(request);
            var said = await answer.Content.ReadAsStringAsync();
            return new((int)answer.StatusCode, answer.Content.Headers.ContentType?.MediaType,
                said.Length == 0 ? null : JsonNode.Parse(said), answer.Headers);
        }

        public async Task<T> SqlAsync<T>(string sql) => (T)(await Sql.ExecuteAsync(Database, sql))!;

        public async ValueTask DisposeAsync()
        {
            http.Dispose();
            await Kosha.DisposeAsync();
            folder.Dispose();
        }
    }

    private static JsonObject Told(string type, JsonObject data) => new() { ["type"] = type, ["data"] = data };

    private static JsonObject Simple(string type, string id, string? username = null, string? email = null) =>
        Told(type, new() { ["id"] = id, ["username"] = username, ["email"] = email, ["object"] = "user" });

    private Task<string> NameOfAsync(string externalId) => provider.SqlAsync<string>(
        $"select coalesce((select username from users where external_id = '{externalId}'), 'nobody')");

    private async Task SetPasswordAsync(string username) => (await provider.Kosha.CommandAsync(
        Password + "\n", ["user", "passwd", username, "--password-stdin"])).MustSucceed();

    private Task<long> CountAsync(string what) => provider.SqlAsync<long>($"select count(*) from {what}");

    [Fact]
    public async Task A_user_of_the_provider_gets_an_account_that_no_password_opens_until_one_is_set()
    {
        var (id, name) = ($"user_{unique}", $"ada{unique}");
        (await provider.SendAsync(Simple("user.created", id, name, $"{name}@example.org"))).Must(200);
        Assert.Equal(name, await NameOfAsync(id));
        Assert.Equal(1, await CountAsync(
            $"audit where action = 'identity-user-created' and subject = '{name}' and detail = '{id}'"));
        using var browser = new Browser(provider.Kosha.Url);
        foreach (var guess in new[] { "", "-", name, "a password of mine" })
            (await browser.SignInAsync(name, guess)).MustBe("unauthorized", 401);
        using (var drive = provider.Kosha.Drive(new(name, "")))
            (await drive.PropfindAsync("", "0")).Must(401);
        await SetPasswordAsync(name);
        (await browser.SignInAsync($"{name}@example.org", Password)).Must(200);
        // What is there already stays as it is.
        (await provider.SendAsync(Simple("user.created", id, "other" + unique))).Must(200);
        Assert.Equal(name, await NameOfAsync(id));
        using var mine = provider.Kosha.Drive(new(name, Password));
        (await mine.PutAsync("file", "x")).Must(201);
    }

    [Fact]
    public async Task Clerks_form_is_read_and_a_name_is_made_where_there_is_none()
    {
        for (var i = 1; i <= 3; i++)
        {
            var data = new JsonObject
            {
                ["id"] = $"clerk_{unique}_{i}",
                ["username"] = null,
                ["first_name"] = "Ada",
                ["primary_email_address_id"] = "two",
                ["email_addresses"] = new JsonArray(
                    new JsonObject { ["id"] = "one", ["email_address"] = "elsewhere@example.org" },
                    new JsonObject { ["id"] = "two", ["email_address"] = $"Ada/{unique}@{i}.example.org" }),
            };
            (await provider.SendAsync(Told("user.created", data), prefix: "svix")).Must(200);
        }
        Assert.Equal($"Ada-{unique}", await NameOfAsync($"clerk_{unique}_1"));
        Assert.Equal($"Ada-{unique}-2", await NameOfAsync($"clerk_{unique}_2"));
        Assert.Equal($"Ada-{unique}-3", await NameOfAsync($"clerk_{unique}_3"));
        Assert.Equal(1, await CountAsync($"users where email = 'Ada/{unique}@2.example.org'"));
    }

    [Fact]
    public async Task What_is_not_the_providers_or_not_of_now_is_refused()
    {
        var body = Simple("user.created", $"user_{unique}", $"eve{unique}");
        var other = Simple("user.created", $"user_{unique}", $"mallory{unique}").ToJsonString();
        foreach (var wrong in new[]
        {
            await provider.SendAsync(body, sent: other),
            await provider.SendAsync(body, secondsLate: 302),
            await provider.SendAsync(body, secondsLate: -302),
            await provider.SendAsync(body, id: new string('x', 201)),
            await provider.SendAsync(body, prefix: "other"),
            await provider.SendAsync(body, before: "v2,"),
        })
            wrong.MustBe("unauthorized", 401);
        Assert.Equal("nobody", await NameOfAsync($"user_{unique}"));
        Assert.NotEqual(0, await CountAsync("audit where action = 'identity-refused'"));
        (await provider.SendAsync(body, sent: new string(' ', 300 << 10))).MustBe("body-too-large", 413);
        // One good signature among others is enough.
        (await provider.SendAsync(body, secondsLate: 290, before: "v1,AAAA v1a,x ")).Must(200);
        Assert.Equal($"eve{unique}", await NameOfAsync($"user_{unique}"));
    }

    [Fact]
    public async Task What_cannot_be_is_refused_and_may_come_again()
    {
        var (id, message) = ($"user_{unique}", $"msg_{unique}");
        (await provider.SendAsync(Simple("user.created", id, "admin"), message)).MustBe("already-exists", 409);
        (await provider.SendAsync(Simple("user.created", id, "a:b"), message)).MustBe("invalid-value", 400);
        (await provider.SendAsync(Simple("user.created", ""), message)).MustBe("invalid-value", 400);
        (await provider.SendAsync(Simple("user.created", new string('x', 201)), message)).MustBe("invalid-value", 400);
        (await provider.SendAsync(new JsonArray(), message)).MustBe("invalid-value", 400);
        (await provider.SendAsync(JsonValue.Create("text"), message)).MustBe("invalid-value", 400);
        (await provider.SendAsync(Simple("user.updated", id), message)).Must(200);
        var email = $"{unique}@example.org";
        (await provider.SendAsync(Simple("user.created", id, $"bob{unique}", email), message)).Must(200);
        (await provider.SendAsync(Simple("user.created", id + "2", $"bob{unique}2", email)))
            .MustBe("already-exists", 409);
        Assert.Equal($"bob{unique}", await NameOfAsync(id));
    }

    [Fact]
    public async Task A_message_that_comes_many_times_is_carried_out_once()
    {
        var (id, message) = ($"user_{unique}", $"msg_{unique}");
        var made = Simple("user.created", id, email: $"{unique}@example.org");
        var atOnce = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => provider.SendAsync(made, message)));
        Assert.All(atOnce, answer => answer.Must(200));
        Assert.Equal(1, await CountAsync($"audit where action = 'identity-user-created' and detail = '{id}'"));
        (await provider.SendAsync(Simple("user.deleted", id))).Must(200);
        // It is repeated when the account is gone: nobody comes back.
        await Eventually.TrueAsync("the account is gone", async () =>
        {
            await provider.Kosha.CommandAsync("job", "run", "delete-accounts");
            return await NameOfAsync(id) == "nobody";
        }, seconds: 60);
        (await provider.SendAsync(made, message)).Must(200);
        Assert.Equal("nobody", await NameOfAsync(id));
    }

    [Fact]
    public async Task A_user_who_is_deleted_there_is_deleted_here_but_never_the_last_administrator()
    {
        var (id, name) = ($"user_{unique}", $"carl{unique}");
        (await provider.SendAsync(Simple("user.created", id, name))).Must(200);
        await SetPasswordAsync(name);
        using var drive = provider.Kosha.Drive(new(name, Password));
        (await drive.PutAsync("file", "x")).Must(201);
        (await provider.SendAsync(Simple("user.deleted", id))).Must(200);
        (await drive.GetAsync("file")).Must(401);
        Assert.Equal(1, await CountAsync($"users where external_id = '{id}' and deleting_at is not null"));
        Assert.Equal(1, await CountAsync($"audit where action = 'identity-user-deleted' and subject = '{name}'"));
        (await provider.SendAsync(Simple("user.deleted", id))).Must(200);
        (await provider.SendAsync(Simple("user.deleted", "nobody known"))).Must(200);
        await Sql.ExecuteAsync(
            provider.Database, $"update users set external_id = 'admin{unique}' where username = 'admin'");
        (await provider.SendAsync(Simple("user.deleted", $"admin{unique}"))).MustBe("in-use", 409);
        Assert.Equal(0, await CountAsync("users where username = 'admin' and deleting_at is not null"));
    }
}

/// <summary>The same where no provider is set up, or not well.</summary>
public sealed class NoIdentityTests(SharedKosha shared)
{
    [Fact]
    public async Task Without_a_secret_there_is_nobody_to_believe()
    {
        using var browser = new Browser((await shared.Instance).Url);
        var refused = (await browser.SendAsync(HttpMethod.Post, "api/webhooks/identity", new { type = "user.created" }))
            .MustBe("not-found", 404);
        Assert.Contains("Identity:WebhookSecretFile", refused.Text("detail"), StringComparison.Ordinal);
    }
}
