namespace Kosha.Tests.Infrastructure;

public sealed partial class ApiClient
{
    /// <summary>An answer that is no JSON; the caller disposes of it.</summary>
    public async Task<HttpResponseMessage> DownloadAsync(string path, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(server, $"api/{path}"));
        request.Headers.TryAddWithoutValidation("Authorization", authorization);
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return await http.SendAsync(request);
    }
}
