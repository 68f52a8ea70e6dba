using Kosha.Daemon.Auth;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Kosha.Daemon.Api;

/// <summary>What the OpenAPI document says of the API as a whole.</summary>
internal sealed class ApiDocument(KoshaOptions options) : IOpenApiDocumentTransformer
{
    private const string Scheme = "basic";
    private const string CookieScheme = "session";

    public Task TransformAsync(
        OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellationToken)
    {
        document.Info = new()
        {
            Title = "Kosha",
            Version = context.DocumentName,
            Description = "Bodies are application/json. What is refused is application/problem+json (RFC 9457), whose "
                + $"type is {ApiProblem.Prefix} and a name that never changes.",
        };
        document.Servers = options.PublicUrl is { } url ? [new() { Url = url.GetLeftPart(UriPartial.Authority) }] : [];
        document.Components ??= new();
        document.Components.SecuritySchemes ??= new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal);
        document.Components.SecuritySchemes[Scheme] = new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http,
            Scheme = Scheme,
            Description = "Username and password, or an app password.",
        };
        document.Components.SecuritySchemes[CookieScheme] = new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.ApiKey,
            In = ParameterLocation.Cookie,
            Name = SessionCookie.SecureName,
            Description = $"Of a browser, by POST {SessionEndpoints.Current}; over plain HTTP "
                + $"{SessionCookie.PlainName}.",
        };
        document.Security =
        [
            new() { [new OpenApiSecuritySchemeReference(Scheme, document)] = [] },
            new() { [new OpenApiSecuritySchemeReference(CookieScheme, document)] = [] },
        ];
        return Task.CompletedTask;
    }
}
