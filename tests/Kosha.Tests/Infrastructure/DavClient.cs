using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace Kosha.Tests.Infrastructure;

/// <summary>What the server answered, body included.</summary>
public sealed record DavAnswer(int Status, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    public string Text => Encoding.UTF8.GetString(Body);

    /// <summary>Null if the header is not there; several values are joined by ", ".</summary>
    public string? Header(string name) => Headers.GetValueOrDefault(name);

    public string Etag => Header("ETag") ?? throw new InvalidOperationException("The answer has no ETag.");

    public Multistatus Multistatus => Multistatus.Parse(Text);

    public DavAnswer Must(params int[] statuses) => statuses.Contains(Status)
        ? this
        : throw new InvalidOperationException($"{Status} instead of {string.Join(" or ", statuses)}:\n{Text}");
}

/// <summary>
/// A plain WebDAV client of one user. Paths are relative to the user's root, are percent-encoded already and are sent
/// exactly so; <see cref="Encode"/> encodes one name.
/// </summary>
public sealed class DavClient : IDisposable
{
    private static readonly UriCreationOptions Untouched = new()
    {
        DangerousDisablePathAndQueryCanonicalization = true,
    };

    private readonly HttpClient http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        AutomaticDecompression = DecompressionMethods.None,
        SslOptions = { RemoteCertificateValidationCallback = (_, _, _, _) => true },
    })
    { Timeout = TimeSpan.FromMinutes(10) };

    public DavClient(Uri server, TestUser user)
    {
        Server = server;
        User = user;
        Authorization = "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user.Name}:{user.Password}"));
        http.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", Authorization);
    }

    public Uri Server { get; }

    public TestUser User { get; }

    /// <summary>The whole value of the Authorization header.</summary>
    public string Authorization { get; }

    public static string Encode(string name) => Uri.EscapeDataString(name);

    /// <summary>Absolute, as a Destination header wants it.</summary>
    public string UrlOf(string path) => $"{Server}dav/{path}";

    public Task<DavAnswer> SendAsync(string method, string path, params (string Name, string Value)[] headers) =>
        SendAsync(method, path, content: null, headers);

    public async Task<DavAnswer> SendAsync(
        string method, string path, HttpContent? content, params (string Name, string Value)[] headers)
    {
        using var answer = await SendForStreamAsync(method, path, content, headers);
        return new((int)answer.StatusCode, HeadersOf(answer), await answer.Content.ReadAsByteArrayAsync());
    }

    /// <summary>The answer's body is not read yet; the caller disposes of the answer.</summary>
    public async Task<HttpResponseMessage> SendForStreamAsync(
        string method, string path, HttpContent? content, params (string Name, string Value)[] headers)
    {
        Uri.TryCreate(UrlOf(path), Untouched, out var url);
        using var request = new HttpRequestMessage(new HttpMethod(method), url) { Content = content };
        foreach (var (name, value) in headers)
        {
            if (name.StartsWith("Content-", StringComparison.OrdinalIgnoreCase))
            {
                request.Content ??= new ByteArrayContent([]);
                request.Content.Headers.TryAddWithoutValidation(name, value);
            }
            else
                request.Headers.TryAddWithoutValidation(name, value);
        }
        return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    private static Dictionary<string, string> HeadersOf(HttpResponseMessage answer)
    {
        var found = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, values) in answer.Headers.NonValidated.Concat(answer.Content.Headers.NonValidated))
            found[name] = string.Join(", ", values);
        return found;
    }

    public Task<DavAnswer> PutAsync(string path, byte[] body, params (string Name, string Value)[] headers) =>
        SendAsync("PUT", path, new ByteArrayContent(body), headers);

    public Task<DavAnswer> PutAsync(string path, string body, params (string Name, string Value)[] headers) =>
        PutAsync(path, Encoding.UTF8.GetBytes(body), headers);

    public Task<DavAnswer> GetAsync(string path, params (string Name, string Value)[] headers) =>
        SendAsync("GET", path, headers);

    public Task<DavAnswer> HeadAsync(string path) => SendAsync("HEAD", path);

    public Task<DavAnswer> DeleteAsync(string path, params (string Name, string Value)[] headers) =>
        SendAsync("DELETE", path, headers);

    public Task<DavAnswer> MkcolAsync(string path, params (string Name, string Value)[] headers) =>
        SendAsync("MKCOL", path, headers);

    public Task<DavAnswer> MoveAsync(string path, string target, params (string Name, string Value)[] headers) =>
        SendAsync("MOVE", path, [("Destination", UrlOf(target)), .. headers]);

    public Task<DavAnswer> CopyAsync(string path, string target, params (string Name, string Value)[] headers) =>
        SendAsync("COPY", path, [("Destination", UrlOf(target)), .. headers]);

    /// <summary>Without a body: allprop.</summary>
    public Task<DavAnswer> PropfindAsync(string path, string depth, string? body = null) =>
        SendAsync("PROPFIND", path, body is null ? null : Xml(body), ("Depth", depth));

    /// <summary>A folder and its children with all properties.</summary>
    public async Task<Multistatus> ListAsync(string folder) =>
        (await PropfindAsync(folder, "1")).Must(207).Multistatus;

    public Task<DavAnswer> ProppatchAsync(string path, string body, params (string Name, string Value)[] headers) =>
        SendAsync("PROPPATCH", path, Xml(body), headers);

    /// <summary>An exclusive write lock.</summary>
    /// <returns>The token, without brackets.</returns>
    public async Task<string> LockAsync(string path, string depth = "infinity", string timeout = "Second-3600")
    {
        const string Body = """
            <D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype>
            <D:owner>tests</D:owner></D:lockinfo>
            """;
        var answer = await SendAsync("LOCK", path, Xml(Body), ("Depth", depth), ("Timeout", timeout));
        return answer.Must(200, 201).Header("Lock-Token")!.Trim('<', '>');
    }

    public Task<DavAnswer> UnlockAsync(string path, string token) =>
        SendAsync("UNLOCK", path, ("Lock-Token", $"<{token}>"));

    public static HttpContent Xml(string body)
    {
        var content = new StringContent(body, Encoding.UTF8);
        content.Headers.ContentType = MediaTypeHeaderValue.Parse("application/xml; charset=utf-8");
        return content;
    }

    public void Dispose() => http.Dispose();
}
