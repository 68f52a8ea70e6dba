using Kosha.Daemon.Api;
using Kosha.Storage.Webhooks;

namespace Kosha.Daemon.Webhooks;

/// <summary>What sends webhooks, who administers them, and what receives those of the identity provider.</summary>
internal static class WebhookSetup
{
    /// <param name="services">To be added to.</param>
    /// <param name="allowPrivateAddresses">Receivers may be in Kosha's own network.</param>
    public static void AddWebhooks(this IServiceCollection services, bool allowPrivateAddresses)
    {
        services.AddSingleton<WebhookTable>();
        services.AddSingleton<Deliveries>();
        services.AddSingleton<WebhookSecrets>();
        services.AddSingleton(new WebhookConnections(allowPrivateAddresses));
        services.AddSingleton<WebhookClient>();
        services.AddHostedService<WebhookSender>();
        services.AddSingleton<IdentityEndpoints>();
    }
}
