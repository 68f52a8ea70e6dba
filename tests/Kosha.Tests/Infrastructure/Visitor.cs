using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace Kosha.Tests.Infrastructure;

/// <summary>
/// Somebody without an account who was given a share link, at an address of this machine that no other visitor has.
/// Paths are below the link's: 'nodes', or '' for itself.
/// </summary>
public sealed class Visitor : IDisposable
{
    private static int addresses;

    private readonly HttpClient http;
    private readonly Uri server;

    public Visitor(Uri server, string token)
    {
        (this.server, Token) = (server, token);
        var number = Interlocked.Increment(ref addresses);
        Address = string.Create(CultureInfo.InvariantCulture, $"127.7.{number / 250}.{1 + (number % 250)}");
        http = new(new SocketsHttpHandler
        {
            AllowAutoRedirect = false, UseProxy = false, UseCookies = false, ConnectCallback = ConnectAsync,
        });
    }

    public string Token { get; set; }

    public string Address { get; }

    /// <summary>Of a link with a password.</summary>
    public string? Ticket { get; set; }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken ct)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Bind(new IPEndPoint(IPAddress.Parse(Address), 0));
        await socket.ConnectAsync(context.DnsEndPoint, ct);
        return new NetworkStream(socket, ownsSocket: true);
    }

    public Task<DavAnswer> GetAsync(string path, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Get, ApiPath(path), null, headers);

    /// <summary>The answer's body is not read yet; the caller disposes of the answer.</summary>
    public Task<HttpResponseMessage> StreamAsync(string path) =>
        http.GetAsync(new Uri(server, ApiPath(path)), HttpCompletionOption.ResponseHeadersRead);

    public Task<DavAnswer> HeadAsync(string path) => SendAsync(HttpMethod.Head, ApiPath(path), null);

    public Task<DavAnswer> PutAsync(string name, byte[] content) =>
        SendAsync(HttpMethod.Put, ApiPath($"files/{Uri.EscapeDataString(name)}"), new ByteArrayContent(content));

    /// <summary>Shows a password; the ticket goes with all that comes.</summary>
    public async Task<DavAnswer> OpenAsync(string password)
    {
        var answer = await SendAsync(HttpMethod.Post, ApiPath("access"), new StringContent(
            new JsonObject { ["password"] = password }.ToJsonString(), null, "application/json"));
        if (answer.Status == 200)
            Ticket = (string)JsonNode.Parse(answer.Text)!["ticket"]!;
        return answer;
    }

    public Task<DavAnswer> PageAsync(HttpMethod method, HttpContent? content = null, string query = "") =>
        SendAsync(method, $"share/{Token}{query}", content);

    public string ApiPath(string path) => $"api/share/{Token}" + (path.Length == 0 ? "" : "/" + path);

    public async Task<DavAnswer> SendAsync(
        HttpMethod method, string path, HttpContent? content, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, new Uri(server, path)) { Content = content };
        if (Ticket is not null)
            request.Headers.Add("X-Share-Ticket", Ticket);
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        using var answer = await http.SendAsync(request);
        var found = answer.Headers.NonValidated.Concat(answer.Content.Headers.NonValidated)
            .ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase);
        return new((int)answer.StatusCode, found, await answer.Content.ReadAsByteArrayAsync());
    }

    public void Dispose() => http.Dispose();
}

/// <summary>What a visitor heard.</summary>
public static class VisitorAnswers
{
    public static JsonObject Json(this DavAnswer answer) => JsonNode.Parse(answer.Text)!.AsObject();

    public static string[] Names(this DavAnswer answer) =>
        [.. answer.Must(200).Json()["nodes"]!.AsArray().Select(node => (string)node!["name"]!)];
}
