using System.Text.Json;
using System.Text.Json.Serialization;
using Kosha.Storage.Search;
using Kosha.Storage.Uploads;

namespace Kosha.Daemon.Api;

/// <summary>The JSON API: its services, its endpoints and its document.</summary>
internal static class ApiSetup
{
    private const string Document = "v1";

    public static void AddApi(this IServiceCollection services, KoshaOptions options)
    {
        services.ConfigureHttpJsonOptions(json => Configure(json.SerializerOptions));
        // What cannot be read is to be said.
        services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        services.AddSingleton(new UploadLimits(options.UploadsMaxOpenPerUser)
        {
            MaxPerMinute = options.Limits.UploadsPerMinute,
        });
        services.AddSingleton<DirectUploads>();
        services.AddSingleton<UploadLinks>();
        services.AddSingleton<UploadCompletions>();
        services.AddHostedService(provider => provider.GetRequiredService<UploadCompletions>());
        services.AddSingleton<UploadEndpoints>();
        services.AddSingleton<SessionEndpoints>();
        services.AddSingleton<VersionEndpoints>();
        services.AddSingleton<TrashEndpoints>();
        services.AddSingleton<PlanEndpoints>();
        services.AddSingleton<SearchProfileTable>();
        services.AddSingleton<SearchEndpoints>();
        services.AddSingleton<NodeEndpoints>();
        services.AddSingleton<NodeWriteEndpoints>();
        services.AddAccounts();
        services.AddShares();
        services.AddJobs();
        services.AddSingleton<ZipEndpoints>();
        services.AddSingleton<ListEndpoints>();
        services.AddOpenApi(Document, document =>
        {
            document.ShouldInclude = described =>
                described.RelativePath?.StartsWith("api/", StringComparison.Ordinal) == true;
            document.AddDocumentTransformer<ApiDocument>();
            document.AddOperationTransformer<ApiExamples>();
        });
    }

    private static void Configure(JsonSerializerOptions json)
    {
        // A null where the document says that there is none is malformed.
        json.RespectNullableAnnotations = true;
        // What is misspelled must not be passed over: "parent_id" would put a file into the top folder.
        json.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        json.NumberHandling = JsonNumberHandling.Strict;
        json.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        json.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false));
    }

    public static void MapApi(this IEndpointRouteBuilder routes)
    {
        UploadEndpoints.Map(routes);
        SessionEndpoints.Map(routes);
        VersionEndpoints.Map(routes);
        TrashEndpoints.Map(routes);
        PlanEndpoints.Map(routes);
        SearchEndpoints.Map(routes);
        NodeEndpoints.Map(routes);
        NodeWriteEndpoints.Map(routes);
        routes.MapAccounts();
        routes.MapShares();
        routes.MapJobs();
        ZipEndpoints.Map(routes);
        ListEndpoints.Map(routes);
        UploadLinks.Map(routes);
        routes.MapOpenApi("/openapi/{documentName}.json");
    }
}
