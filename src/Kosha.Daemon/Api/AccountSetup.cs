namespace Kosha.Daemon.Api;

/// <summary>The part of the API that is about users: their accounts, credentials, and who administers them.</summary>
internal static class AccountSetup
{
    public static void AddAccounts(this IServiceCollection services)
    {
        services.AddSingleton<OwnPassword>();
        services.AddSingleton<AppPasswordEndpoints>();
        services.AddSingleton<AccountEndpoints>();
        services.AddSingleton<TwoFactorEndpoints>();
        services.AddSingleton<RegistrationEndpoints>();
        services.AddSingleton<AdminUserEndpoints>();
        services.AddSingleton<AuditEndpoints>();
    }

    public static void MapAccounts(this IEndpointRouteBuilder routes)
    {
        AppPasswordEndpoints.Map(routes);
        AccountEndpoints.Map(routes);
        TwoFactorEndpoints.Map(routes);
        RegistrationEndpoints.Map(routes);
        AdminUserEndpoints.Map(routes);
        WebhookEndpoints.Map(routes);
        IdentityEndpoints.Map(routes);
        AuditEndpoints.Map(routes);
    }
}
