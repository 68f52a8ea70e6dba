using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;

namespace Kosha.Daemon.Api;

/// <summary>What an endpoint's body may look like.</summary>
/// <param name="Status">Of an answer; null: the request.</param>
/// <param name="Body">The body.</param>
internal sealed record ApiExample(int? Status, object Body);

/// <summary>The words by which an endpoint shows what it takes and gives.</summary>
internal static class ApiExampleRules
{
    public static TBuilder WithRequestExample<TBuilder>(this TBuilder builder, object body)
        where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(new ApiExample(Status: null, body));

    public static TBuilder WithAnswerExample<TBuilder>(this TBuilder builder, int status, object body)
        where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(new ApiExample(status, body));
}

/// <summary>Brings the examples of the endpoints into the document.</summary>
internal sealed class ApiExamples(IOptions<JsonOptions> json) : IOpenApiOperationTransformer
{
    public Task TransformAsync(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        foreach (var example in context.Description.ActionDescriptor.EndpointMetadata.OfType<ApiExample>())
        {
            var content = example.Status is { } status
                ? operation.Responses?[status.ToString(CultureInfo.InvariantCulture)].Content
                : operation.RequestBody?.Content;
            foreach (var form in content?.Values ?? [])
                form.Example = JsonSerializer.SerializeToNode(example.Body, json.Value.SerializerOptions);
        }
        return Task.CompletedTask;
    }
}
