using System.Text.Json;
using System.Text.Json.Nodes;

namespace Kosha.Tests.Infrastructure;

/// <summary>Folders and files by their ids. Paths are plain, from the user's root: 'a/b'; '' is the root.</summary>
public sealed partial class ApiClient
{
    public Task<ApiAnswer> FindAsync(string path) =>
        SendAsync(HttpMethod.Get, $"nodes?path={Uri.EscapeDataString(path)}");

    public async Task<long> IdAsync(string path) => (await FindAsync(path)).Must(200).Id;

    public Task<ApiAnswer> NodeAsync(long id) => SendAsync(HttpMethod.Get, $"nodes/{id}");

    public Task<ApiAnswer> ChildrenAsync(long id, string query = "") =>
        SendAsync(HttpMethod.Get, $"nodes/{id}/children?{query}");

    /// <summary>The names of all pages.</summary>
    /// <param name="pages">How many there must be; null: any number.</param>
    public async Task<string[]> NamesAsync(long id, string query = "", int? pages = null)
    {
        var names = new List<string>();
        var count = 0;
        for (string? cursor = ""; cursor is not null; count++)
        {
            var page = (await ChildrenAsync(id, $"{query}&cursor={cursor}")).Must(200);
            names.AddRange(page.Nodes().Select(node => (string)node["name"]!));
            cursor = page.Text("next");
        }
        if (pages is { } wanted && count != wanted)
            throw new InvalidOperationException($"{count} pages instead of {wanted}.");
        return [.. names];
    }

    public Task<ApiAnswer> MakeFolderAsync(long parentId, string name) =>
        PostAsync($"nodes/{parentId}/folders", new { name });

    public Task<ApiAnswer> ChangeAsync(long id, object changes) =>
        SendAsync(HttpMethod.Patch, $"nodes/{id}", JsonSerializer.SerializeToNode(changes));

    /// <param name="verb">move or copy.</param>
    public Task<ApiAnswer> PlaceAsync(string verb, long parentId, string onConflict, params long[] ids) =>
        PostAsync($"nodes/{verb}", new { ids, parentId, onConflict });

    public Task<ApiAnswer> TrashAsync(params long[] ids) => PostAsync("nodes/trash", new { ids });

    /// <summary>The answer as it comes; its body is not read yet.</summary>
    public async Task<HttpResponseMessage> StreamAsync(
        HttpMethod method, string path, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, new Uri(server, $"api/{path}"));
        request.Headers.TryAddWithoutValidation("Authorization", authorization);
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    /// <summary>An answer that need not be JSON.</summary>
    public async Task<DavAnswer> GetBytesAsync(string path, params (string Name, string Value)[] headers)
    {
        using var answer = await StreamAsync(HttpMethod.Get, path, headers);
        var found = answer.Headers.NonValidated.Concat(answer.Content.Headers.NonValidated)
            .ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase);
        return new((int)answer.StatusCode, found, await answer.Content.ReadAsByteArrayAsync());
    }

    public Task<ApiAnswer> PostAsync(string path, object body) =>
        SendAsync(HttpMethod.Post, path, JsonSerializer.SerializeToNode(body));
}

/// <summary>What is in an answer with nodes.</summary>
public static class NodeAnswers
{
    public static JsonObject[] Nodes(this ApiAnswer answer, string member = "nodes") =>
        [.. answer.Body![member]!.AsArray().Select(node => node!.AsObject())];

    public static string[] Names(this ApiAnswer answer, string member = "nodes") =>
        [.. answer.Nodes(member).Select(node => (string)node["name"]!)];

    public static long[] Ids(this ApiAnswer answer) => [.. answer.Nodes().Select(node => (long)node["id"]!)];
}
