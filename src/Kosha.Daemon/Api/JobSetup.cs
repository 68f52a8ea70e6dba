namespace Kosha.Daemon.Api;

/// <summary>The part of the API that is about jobs.</summary>
internal static class JobSetup
{
    public static void AddJobs(this IServiceCollection services)
    {
        services.AddSingleton<JobEndpoints>();
        services.AddSingleton<TotalsEndpoints>();
    }

    public static void MapJobs(this IEndpointRouteBuilder routes)
    {
        JobEndpoints.Map(routes);
        TotalsEndpoints.Map(routes);
    }
}
