using Kosha.Daemon.Api;
using Kosha.Daemon.Auth;
using Kosha.Daemon.Jobs;
using Kosha.Daemon.Webhooks;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;
using Kosha.Storage.Blobs;
using Kosha.Storage.Tree;
using Kosha.WebDav;
using Kosha.WebDav.Links;
using Microsoft.AspNetCore.HttpOverrides;

namespace Kosha.Daemon.Web;

/// <summary>The web application: what runs in which order for each request.</summary>
internal static class WebHost
{
    public static WebApplication Build(
        KoshaOptions options, Installation installation, IBlobStore blobs, SpoolFolder spools, ILoggerFactory loggers)
    {
        // Empty: Kosha reads its settings itself, and nothing watches files for changes.
        var builder = WebApplication.CreateEmptyBuilder(new() { ContentRootPath = AppContext.BaseDirectory });
        builder.Services.AddSingleton(loggers);
        builder.Services.AddSingleton(options);
        builder.Services.AddLogging();
        builder.Services.AddRoutingCore();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = Timeout.InfiniteTimeSpan);
        AddServices(builder.Services, installation, blobs, spools);
        builder.Services.AddSingleton(TreeOf(options, installation.Database));
        builder.Services.AddSingleton(Drive(options));
        builder.Services.AddSingleton<FileDownload>();
        builder.Services.AddApi(options);
        builder.Services.AddWebhooks(options.WebhooksAllowPrivateAddresses);
        builder.Services.AddSingleton(new SessionCookie(options.PublicUrl));
        AddSecrets(builder.Services, MasterKey.Load(options, installation.Folder));
        KestrelSetup.Use(builder, options, installation.Folder);
        var app = builder.Build();
        app.Use(app.Services.GetRequiredService<RunningRequests>().InvokeAsync);
        if (options.HttpTrustedProxies.Count > 0)
            app.UseForwardedHeaders(Forwarded(options));
        app.UseMiddleware<FailedRequests>();
        app.UseSecurityHeaders();
        app.UseCrossOrigin(options.HttpCorsOrigins, options.PublicUrl);
        app.UseMiddleware<Shedding>(options.Limits);
        app.UseMiddleware<ApiErrors>();
        app.UseRouting();
        app.UseMiddleware<SessionAuthentication>();
        app.UseMiddleware<BasicAuthentication>();
        app.UseMiddleware<ApiAccessCheck>();
        app.UseIdleBodyLimit();
        app.MapPlainPages();
        app.MapApi();
        app.MapWebDav(app.Services.GetRequiredService<WebDavOptions>());
        return app;
    }

    /// <summary>The tree for all that writes files, imports too.</summary>
    public static NodeTree TreeOf(KoshaOptions options, Database database) =>
        new(database) { FreesTrash = options.TrashFreeForWrites };

    /// <summary>What is signed or encrypted under keys that come from the master key.</summary>
    private static void AddSecrets(IServiceCollection services, byte[] masterKey)
    {
        services.AddSingleton(new LinkSigner(masterKey));
        DataProtectionKeys.Add(services, masterKey);
    }

    private static WebDavOptions Drive(KoshaOptions options) => new()
    {
        InfiniteDepth = options.WebDavInfiniteDepth,
        PublicUrl = options.PublicUrl,
        Redirect = options.BlobsRedirect,
        RedirectMinBytes = options.BlobsRedirectMinBytes,
        FreeBytes = () => options.BlobsS3 is null ? FreeBytes(options.BlobsDirectory) : null,
    };

    private static long? FreeBytes(string directory)
    {
        try
        {
            return new DriveInfo(directory).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A disk that is away has no figure; whoever reads or writes there says so.
            return null;
        }
    }

    private static void AddServices(
        IServiceCollection services, Installation installation, IBlobStore blobs, SpoolFolder spools)
    {
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(installation.Database);
        services.AddSingleton(installation.Users);
        services.AddSingleton(installation.Folder);
        services.AddSingleton<AppPasswordTable>();
        services.AddSingleton<TwoFactorTable>();
        services.AddSingleton<InviteTable>();
        services.AddSingleton<SecondFactor>();
        services.AddSingleton<SessionTable>();
        services.AddSingleton<SignInFailures>();
        services.AddSingleton<CountedLimits>();
        services.AddSingleton<AuditTable>();
        services.AddSingleton<AuditTrail>();
        services.AddSingleton<CredentialCache>();
        services.AddSingleton<RefusedCredentials>();
        services.AddSingleton<SignIn>();
        services.AddSingleton<UsageTable>();
        services.AddSingleton<PlanTable>();
        services.AddSingleton<LockTable>();
        services.AddSingleton(blobs);
        services.AddSingleton(spools);
        services.AddSingleton<Vault>();
        services.AddSingleton<Readiness>();
        services.AddSingleton<RunningRequests>();
        JobSchedule.Add(services, installation.Database);
    }

    private static ForwardedHeadersOptions Forwarded(KoshaOptions options)
    {
        var forwarded = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto
                | ForwardedHeaders.XForwardedHost,
            // Any number of hops, as long as each is trusted.
            ForwardLimit = null,
        };
        forwarded.KnownProxies.Clear();
        forwarded.KnownIPNetworks.Clear();
        foreach (var network in options.HttpTrustedProxies)
            forwarded.KnownIPNetworks.Add(network);
        return forwarded;
    }
}
