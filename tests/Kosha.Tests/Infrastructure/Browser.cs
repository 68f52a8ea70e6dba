using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace Kosha.Tests.Infrastructure;

/// <summary>Calls of the API as a browser makes them for a page of the given origin: with its cookies.</summary>
public sealed class Browser : IDisposable
{
    private readonly HttpClient http;
    private readonly Uri server;

    public Browser(Uri server)
    {
        this.server = server;
        http = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, CookieContainer = Cookies });
    }

    /// <summary>A browser in which this user has signed in by the password alone.</summary>
    public static async Task<Browser> SignedInAsync(KoshaProcess kosha, TestUser user)
    {
        var browser = new Browser(kosha.Url);
        (await browser.SignInAsync(user.Name, user.Password)).Must(200);
        return browser;
    }

    public CookieContainer Cookies { get; } = new();

    /// <summary>What the browser says of the page; null: it says nothing.</summary>
    public string? Site { get; set; } = "same-origin";

    public string? Origin { get; set; }

    /// <summary>A password that the browser remembers for this server; null: none.</summary>
    public string? Authorization { get; set; }

    /// <summary>What a proxy that is trusted says of the client's address; null: nothing.</summary>
    public string? ForwardedFor { get; set; }

    /// <summary>The cookies that were set by the last answer, as they came.</summary>
    public IReadOnlyList<string> LastSetCookies { get; private set; } = [];

    public async Task<ApiAnswer> SendAsync(HttpMethod method, string path, object? body = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(server, path));
        request.Headers.UserAgent.ParseAdd("Browser/1.0");
        if (Site is not null)
            request.Headers.Add("Sec-Fetch-Site", Site);
        if (Origin is not null)
            request.Headers.Add("Origin", Origin);
        if (ForwardedFor is not null)
            request.Headers.Add("X-Forwarded-For", ForwardedFor);
        if (Authorization is not null)
            request.Headers.TryAddWithoutValidation("Authorization", Authorization);
        if (body is not null)
            request.Content = new StringContent(
                System.Text.Json.JsonSerializer.Serialize(body), Encoding.UTF8, "application/json");
        using var answer = await http.SendAsync(request);
        LastSetCookies = answer.Headers.TryGetValues("Set-Cookie", out var set) ? [.. set] : [];
        var text = await answer.Content.ReadAsStringAsync();
        return new((int)answer.StatusCode, answer.Content.Headers.ContentType?.MediaType,
            text.Length == 0 || text[0] != '{' ? null : JsonNode.Parse(text), answer.Headers);
    }

    public Task<ApiAnswer> SignInAsync(string username, string password, bool remember = false) =>
        SendAsync(HttpMethod.Post, "api/session", new { username, password, remember });

    public Task<ApiAnswer> WhoAsync() => SendAsync(HttpMethod.Get, "api/session");

    public void Dispose() => http.Dispose();
}
