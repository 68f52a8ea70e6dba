using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Kosha.Daemon.Web;
using Kosha.Tests.Infrastructure;
using Kosha.Tests.WebDav;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>What holds for every call of the API.</summary>
public sealed class ApiTests(Drive shared, SharedKosha kosha) : IClassFixture<Drive>, IDisposable
{
    private readonly HttpClient http = new(new SocketsHttpHandler { UseProxy = false, UseCookies = false });
    private readonly DavClient drive = shared.Client;

    public void Dispose() => http.Dispose();

    private async Task<ApiAnswer> SendAsync(
        HttpMethod method, string path, HttpContent? body = null, string? authorization = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(drive.Server, path)) { Content = body };
        // A refused body is not sent, so that the answer is not lost with the connection.
        request.Headers.ExpectContinue = body is not null;
        request.Headers.TryAddWithoutValidation("Authorization", authorization ?? drive.Authorization);
        using var answer = await http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        return new((int)answer.StatusCode, answer.Content.Headers.ContentType?.MediaType,
            text.Length == 0 ? null : JsonNode.Parse(text), answer.Headers);
    }

    private static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");

    [Fact]
    public async Task Whoever_is_not_signed_in_is_told_so_as_a_problem()
    {
        foreach (var authorization in (string[])["", "Basic " + Convert.ToBase64String("nobody:nothing"u8)])
        {
            var refused = (await SendAsync(HttpMethod.Get, "api/uploads", authorization: authorization))
                .MustBe("unauthorized", 401);
            Assert.Equal("Kosha", Assert.Single(refused.Headers.WwwAuthenticate).Scheme);
            Assert.Equal(401, (int)refused.Body!["status"]!);
            Assert.NotNull(refused.Text("title"));
            Assert.NotNull(refused.Text("detail"));
        }
    }

    [Fact]
    public async Task An_app_password_uploads_until_it_is_revoked()
    {
        var process = await kosha.Instance;
        var secret = (await process.CommandAsync("app-password", "add", drive.User.Name, "--name", "phone"))
            .MustSucceed().Output.Trim();
        using var device = process.Drive(new(drive.User.Name, secret));
        using var api = new ApiClient(device);
        var begun = (await api.BeginAsync("file", [1, 2, 3])).Must(201);
        (await process.CommandAsync("app-password", "revoke", drive.User.Name, "phone")).MustSucceed();
        (await api.CompleteAsync(begun.Id)).MustBe("unauthorized", 401);
        (await api.ListAsync()).MustBe("unauthorized", 401);
    }

    /// <summary>What a page of another origin can send without asking first.</summary>
    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("multipart/form-data; boundary=x")]
    [InlineData(null)]
    public async Task A_body_that_is_not_JSON_is_refused(string? type)
    {
        foreach (var path in new[] { "api/uploads", "api/uploads/1/complete", "api/uploads/1/parts" })
        {
            using var body = new ByteArrayContent("{}"u8.ToArray());
            body.Headers.ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type);
            (await SendAsync(HttpMethod.Post, path, body)).MustBe("unsupported-media-type", 415);
        }
    }

    [Theory]
    [InlineData("{", "malformed")]
    [InlineData("{}", "malformed")]
    [InlineData("[]", "malformed")]
    [InlineData("{\"parent\":\"/\",\"name\":\"a\",\"size\":\"1\",\"sha256\":\"\"}", "malformed")]
    [InlineData("{\"parent\":\"/\",\"name\":null,\"size\":1,\"sha256\":\"{0}\"}", "malformed")]
    [InlineData("{\"parent\":\"/\",\"name\":\"a\",\"size\":1,\"sha256\":\"00\"}", "invalid-value")]
    [InlineData("{\"parent\":\"/\",\"name\":\"a/b\",\"size\":1,\"sha256\":\"{0}\"}", "invalid-name")]
    [InlineData("{\"parent\":\"/..\",\"name\":\"a\",\"size\":1,\"sha256\":\"{0}\"}", "invalid-name")]
    [InlineData("{\"parent\":\"/\",\"name\":\"\",\"size\":1,\"sha256\":\"{0}\"}", "invalid-name")]
    [InlineData("{\"parent\":\"\",\"name\":\"a\",\"size\":1,\"sha256\":\"{0}\",\"contentType\":\"\"}", "invalid-value")]
    [InlineData("{\"parent\":\"\",\"name\":\"a\",\"size\":1,\"sha256\":\"{0}\",\"ifMatch\":\"x\"}", "invalid-value")]
    [InlineData(
        "{\"parent\":\"\",\"name\":\"a\",\"size\":1,\"sha256\":\"{0}\",\"modified\":\"0001-01-01T00:00:00Z\"}",
        "invalid-value")]
    public async Task What_cannot_be_read_is_a_problem(string body, string problem)
    {
        using var content = Json(body.Replace("{0}", ApiClient.HashOf([1]), StringComparison.Ordinal));
        (await SendAsync(HttpMethod.Post, "api/uploads", content)).MustBe(problem, 400);
    }

    [Fact]
    public async Task Tags_and_tokens_are_few()
    {
        using var api = new ApiClient(drive);
        var tags = string.Join(',', Enumerable.Repeat("\"00000000000000000000000000000000\"", 101));
        (await api.BeginAsync("a", [1], new { ifMatch = tags })).MustBe("invalid-value", 400);
        var lockTokens = Enumerable.Repeat($"opaquelocktoken:{Guid.Empty}", 101).ToArray();
        (await api.BeginAsync("a", [1], new { lockTokens })).MustBe("invalid-value", 400);
        (await api.CompleteAsync(1, new { lockTokens })).MustBe("invalid-value", 400);
    }

    [Fact]
    public async Task What_is_not_there_is_a_problem()
    {
        (await SendAsync(HttpMethod.Get, "api/nothing")).MustBe("not-found", 404);
        (await SendAsync(HttpMethod.Get, "api/uploads/x")).MustBe("not-found", 404);
        (await SendAsync(HttpMethod.Put, "api/uploads", Json("{}"))).MustBe("method-not-allowed", 405);
        (await SendAsync(HttpMethod.Post, "api/uploads", Json(new string(' ', 2_000_000))))
            .MustBe("body-too-large", 413);
    }

    [Fact]
    public async Task The_document_describes_the_API_and_nothing_else()
    {
        var document = (await SendAsync(HttpMethod.Get, "openapi/v1.json", authorization: "")).Must(200).Body!;
        Assert.StartsWith("3.1", (string)document["openapi"]!, StringComparison.Ordinal);
        var paths = document["paths"]!.AsObject();
        Assert.All(paths, path => Assert.StartsWith("/api/", path.Key, StringComparison.Ordinal));
        foreach (var path in new[] { "/api/session", "/api/nodes/{id}/children", "/api/nodes/move" })
            Assert.NotNull(paths[path]);
        var begin = paths["/api/uploads"]!["post"]!;
        Assert.NotNull(begin["responses"]!["201"]!["content"]!["application/json"]!["schema"]);
        Assert.NotNull(begin["responses"]!["507"]!["content"]!["application/problem+json"]);
        Assert.NotNull(begin["requestBody"]!["content"]!["application/json"]);
        Assert.Equal("integer",
            (string)document["components"]!["schemas"]!["BeginUpload"]!["properties"]!["size"]!["type"]!);
        Assert.NotNull(document["components"]!["securitySchemes"]!["basic"]);
        Assert.Equal("cookie", (string)document["components"]!["securitySchemes"]!["session"]!["in"]!);
    }

    /// <summary>As a browser asks before a page may call.</summary>
    [Theory]
    [InlineData("https://files.example.org", true)]
    [InlineData("https://app.example.org", false)]
    [InlineData("https://evil.example.org", false)]
    public async Task Pages_of_PublicUrl_may_call_it_and_no_others(string origin, bool isAllowed)
    {
        var app = new ApplicationBuilder(new ServiceCollection().BuildServiceProvider());
        app.UseCrossOrigin(["https://app.example.org"], new Uri("https://files.example.org"));
        var request = new DefaultHttpContext { Request = { Method = "OPTIONS", Path = "/api/uploads" } };
        request.Request.Headers.Origin = origin;
        request.Request.Headers.AccessControlRequestMethod = "POST";
        request.Request.Headers.AccessControlRequestHeaders = "authorization, content-type";
        await app.Build()(request);
        Assert.Equal(isAllowed ? 204 : 404, request.Response.StatusCode);
        Assert.Equal(isAllowed ? "GET, POST, PUT, PATCH, DELETE" : "",
            request.Response.Headers.AccessControlAllowMethods.ToString());
    }
}
