using System.Text.Json.Nodes;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>The document of the API says all that a client's author needs.</summary>
public sealed class DocumentTests(SharedKosha kosha)
{
    private sealed record Operation(string Name, JsonObject Content)
    {
        public IEnumerable<string> Statuses => Content["responses"]!.AsObject().Select(response => response.Key);
    }

    private async Task<JsonNode> DocumentAsync()
    {
        using var http = new HttpClient();
        var url = new Uri((await kosha.Instance).Url, "openapi/v1.json");
        return JsonNode.Parse(await http.GetStringAsync(url))!;
    }

    private static IEnumerable<Operation> Operations(JsonNode document) =>
        from path in document["paths"]!.AsObject()
        from operation in path.Value!.AsObject()
        select new Operation($"{operation.Key} {path.Key}", operation.Value!.AsObject());

    private async Task NoneAsync(Func<Operation, bool> isWrong)
    {
        var operations = Operations(await DocumentAsync()).ToList();
        Assert.InRange(operations.Count, 15, 1000);
        Assert.Empty(operations.Where(isWrong).Select(operation => operation.Name));
    }

    [Fact]
    public Task Every_operation_has_a_summary_and_a_tag() => NoneAsync(operation =>
        string.IsNullOrEmpty((string?)operation.Content["summary"])
        || operation.Content["tags"] is not JsonArray { Count: > 0 });

    [Fact]
    public Task Every_operation_says_how_it_succeeds_and_how_it_fails() => NoneAsync(operation =>
        !operation.Statuses.Any(status => status[0] is '2' or '3')
        || !operation.Statuses.Any(status => status[0] is '4'));

    [Fact]
    public Task Every_refusal_is_a_problem() => NoneAsync(operation => operation.Statuses.Any(status =>
        status[0] is '4' or '5' && status != "416"
        && operation.Content["responses"]![status]!["content"]?["application/problem+json"]?["schema"] is null));

    [Fact]
    public Task Every_request_body_has_an_example() => NoneAsync(operation =>
        operation.Content["requestBody"] is { } body && body["content"]!["application/json"]!["example"] is null);

    [Fact]
    public Task Every_parameter_of_a_query_is_explained() => NoneAsync(operation =>
        operation.Content["parameters"] is JsonArray parameters && parameters.Any(parameter =>
            (string)parameter!["in"]! == "query" && string.IsNullOrEmpty((string?)parameter["description"])));

    /// <summary>A client that is made from the document must know what is always there.</summary>
    [Fact]
    public async Task A_node_says_what_it_always_has()
    {
        var schemas = (await DocumentAsync())["components"]!["schemas"]!;
        var required = schemas["NodeAnswer"]!["required"]!.AsArray().Select(name => (string)name!);
        Assert.Equal(
            ["created", "id", "isFavorite", "isFolder", "modified", "name", "size"],
            required.Order(StringComparer.Ordinal));
        var conflicts = schemas["PlaceNodes"]!["properties"]!["onConflict"]!.ToJsonString();
        Assert.Contains("NameConflict", conflicts, StringComparison.Ordinal);
        Assert.Equal(
            ["fail", "rename", "replace"],
            schemas["NameConflict"]!["enum"]!.AsArray().Select(word => (string)word!));
    }
}
