using Kosha.Daemon.Auth;
using Kosha.Daemon.Web;
using Kosha.Storage.Sharing;

namespace Kosha.Daemon.Api;

/// <summary>Share links: those who give them, those who have them, and those who mount them.</summary>
internal static class ShareSetup
{
    public static void AddShares(this IServiceCollection services)
    {
        services.AddSingleton<ShareLinkTable>();
        services.AddSingleton<ShareTokens>();
        services.AddSingleton<ShareDoor>();
        services.AddSingleton<ShareMounts>();
        services.AddSingleton<ShareUses>();
        services.AddHostedService(provider => provider.GetRequiredService<ShareUses>());
        services.AddSingleton<ShareEndpoints>();
        services.AddSingleton<VisitUploads>();
        services.AddSingleton<VisitEndpoints>();
        services.AddSingleton<SharePage>();
    }

    public static void MapShares(this IEndpointRouteBuilder routes)
    {
        ShareEndpoints.Map(routes);
        VisitEndpoints.Map(routes);
        SharePage.Map(routes);
    }
}
