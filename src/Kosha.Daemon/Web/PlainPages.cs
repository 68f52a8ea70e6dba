using System.Net.Mime;

namespace Kosha.Daemon.Web;

/// <summary>
/// What answers without a sign-in: whether Kosha lives, whether it can serve, and a page that says what it is.
/// </summary>
internal static class PlainPages
{
    private static readonly string[] Reads = [HttpMethods.Get, HttpMethods.Head];

    private const string FrontPage = """
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <title>Kosha</title>
        <style>body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:10vh auto;padding:0 1rem;
        color-scheme:light dark}</style>
        <h1>Kosha</h1>
        <p>This is a network drive. Mount <a href="/dav/">/dav/</a> as WebDAV, with your username and an app
        password.</p>
        </html>
        """;

    public static void MapPlainPages(this IEndpointRouteBuilder routes)
    {
        routes.MapMethods("/", Reads, (HttpContext context) =>
        {
            context.Response.Headers.ContentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'; "
                + "frame-ancestors 'none'";
            return Results.Text(FrontPage, "text/html; charset=utf-8");
        });
        routes.MapMethods("/healthz", Reads, () => Results.Text("ok\n", MediaTypeNames.Text.Plain));
        routes.MapMethods("/readyz", Reads, async (Readiness readiness, CancellationToken ct) =>
            await readiness.ProblemAsync(ct) is { } problem
                ? Results.Text(problem + "\n", MediaTypeNames.Text.Plain, statusCode: 503)
                : Results.Text("ready\n", MediaTypeNames.Text.Plain));
    }

    /// <summary>Headers that every answer carries unless its own code knows better.</summary>
    public static void UseSecurityHeaders(this IApplicationBuilder app) => app.Use((context, next) =>
    {
        // At the last moment, because whoever answers an error begins by clearing the headers.
        context.Response.OnStarting(static state =>
        {
            var headers = ((HttpResponse)state).Headers;
            headers.TryAdd("X-Content-Type-Options", "nosniff");
            headers.TryAdd("X-Frame-Options", "DENY");
            headers.TryAdd("Referrer-Policy", "no-referrer");
            return Task.CompletedTask;
        }, context.Response);
        return next(context);
    });
}
