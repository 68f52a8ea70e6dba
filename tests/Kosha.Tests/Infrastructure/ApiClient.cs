using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Kosha.Tests.Infrastructure;

/// <summary>What the API answered.</summary>
public sealed record ApiAnswer(int Status, string? ContentType, JsonNode? Body, HttpResponseHeaders Headers)
{
    /// <summary>The last part of a problem's type.</summary>
    public string? Problem => Text("type")?.Split(':')[^1];

    public long Id => (long)Body!["id"]!;

    public string State => Text("state")!;

    public string Url => Text("url")!;

    public string? Text(string name) => (string?)Body?[name];

    /// <summary>Numbers in an array.</summary>
    public int[] Numbers(string name) => [.. Body![name]!.AsArray().Select(number => (int)number!)];

    public ApiAnswer Must(int status) => Status == status
        ? this
        : throw new InvalidOperationException($"{Status} instead of {status}:\n{Body}");

    /// <summary>A refusal of this type.</summary>
    public ApiAnswer MustBe(string problem, int status)
    {
        Must(status);
        if (Problem != problem || ContentType != "application/problem+json")
            throw new InvalidOperationException($"Not {problem}, as {ContentType}:\n{Body}");
        return this;
    }
}

/// <summary>A plain client of the API for one user, and of the URLs that it gives out, which get no password.</summary>
public sealed partial class ApiClient : IDisposable
{
    private readonly HttpClient http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false })
    {
        Timeout = TimeSpan.FromMinutes(5),
    };

    private readonly Uri server;
    private readonly string authorization;

    public ApiClient(DavClient drive) => (server, authorization) = (drive.Server, drive.Authorization);

    public async Task<ApiAnswer> SendAsync(
        HttpMethod method, string path, JsonNode? body = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, new Uri(server, $"api/{path}"));
        request.Headers.TryAddWithoutValidation("Authorization", authorization);
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        if (body is not null || method == HttpMethod.Post)
            request.Content = new StringContent(body?.ToJsonString() ?? "", Encoding.UTF8, "application/json");
        using var answer = await http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        return new((int)answer.StatusCode, answer.Content.Headers.ContentType?.MediaType,
            text.Length == 0 ? null : JsonNode.Parse(text), answer.Headers);
    }

    /// <summary>Announces a file at the top.</summary>
    public Task<ApiAnswer> BeginAsync(string name, byte[] content, object? more = null) =>
        BeginAsync(name, content.Length, HashOf(content), more);

    public Task<ApiAnswer> BeginAsync(string name, long size, string sha256, object? more = null)
    {
        var body = new JsonObject { ["parent"] = "/", ["name"] = name, ["size"] = size, ["sha256"] = sha256 };
        foreach (var (key, value) in JsonSerializer.SerializeToNode(more ?? new { })!.AsObject())
            body[key] = value?.DeepClone();
        return SendAsync(HttpMethod.Post, "uploads", body);
    }

    public Task<ApiAnswer> GetAsync(long id) => SendAsync(HttpMethod.Get, $"uploads/{id}");

    public Task<ApiAnswer> ListAsync() => SendAsync(HttpMethod.Get, "uploads");

    public Task<ApiAnswer> SignAsync(long id, params int[] numbers) => SendAsync(HttpMethod.Post, $"uploads/{id}/parts",
        numbers.Length == 0 ? null : JsonSerializer.SerializeToNode(new { numbers }));

    public Task<ApiAnswer> CompleteAsync(
        long id, object? body = null, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Post, $"uploads/{id}/complete", JsonSerializer.SerializeToNode(body), headers);

    public Task<ApiAnswer> CancelAsync(long id) => SendAsync(HttpMethod.Delete, $"uploads/{id}");

    /// <summary>Puts bytes as an answer, or one of its parts, says. Returns the status.</summary>
    public async Task<int> PutAsync(JsonNode how, byte[] content)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, (string)how["url"]!)
        {
            Content = new ByteArrayContent(content),
        };
        foreach (var (name, value) in how["headers"]!.AsObject())
        {
            // Some are the body's own.
            if (!request.Headers.TryAddWithoutValidation(name, (string)value!))
                request.Content.Headers.TryAddWithoutValidation(name, (string)value!);
        }
        using var answer = await http.SendAsync(request);
        return (int)answer.StatusCode;
    }

    public static string HashOf(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    /// <summary>The file at the top, by all three steps.</summary>
    public async Task<ApiAnswer> UploadAsync(string name, byte[] content)
    {
        var begun = (await BeginAsync(name, content)).Must(201);
        if (await PutAsync(begun.Body!, content) is var status and not 200)
            throw new InvalidOperationException($"The bytes were answered with {status}.");
        return (await CompleteAsync(begun.Id)).Must(200);
    }

    public void Dispose() => http.Dispose();
}
