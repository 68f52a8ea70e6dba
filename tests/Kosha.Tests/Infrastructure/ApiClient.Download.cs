using System.Text;

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

    /// <summary>Of a call whose body, if it has one, is sent as it is.</summary>
    public async Task<int> StatusAsync(HttpMethod method, string path, string? body, bool isAnonymous)
    {
        using var request = new HttpRequestMessage(method, new Uri(server, $"api/{path}"));
        if (!isAnonymous)
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        if (body is not null || method == HttpMethod.Post)
            request.Content = new StringContent(body ?? "", Encoding.UTF8, "application/json");
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return (int)answer.StatusCode;
    }
}
