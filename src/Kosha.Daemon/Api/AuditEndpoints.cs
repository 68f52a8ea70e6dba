using System.ComponentModel;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;

namespace Kosha.Daemon.Api;

/// <summary>
/// <c>/api/admin/audit</c>: who did what, for administrators; <c>/api/account/audit</c>: what was done with one's own
/// account.
/// </summary>
internal sealed class AuditEndpoints(AuditTable table, UserTable users, SessionTable sessions)
{
    private const string Route = ApiErrors.Path + "/admin/audit";

    private static readonly AuditList Example = new(
        [
            new()
            {
                Id = 4711, At = new(2026, 11, 20, 8, 10, 0, TimeSpan.Zero), Action = AuditActions.Trash,
                Refused = false, Times = 1, UserId = 7, Username = "ada", Credential = "app-password",
                CredentialId = 12, Address = "192.0.2.17", NodeId = 815, Subject = "/Films/film.mp4",
            },
        ],
        Next: null);

    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<AuditEndpoints>();
        var group = routes.MapGroup("").WithTags("Audit log")
            .ProducesProblem(400).ProducesProblem(401).ProducesProblem(403).ProducesProblem(429).ProducesProblem(503);
        group.MapGet(Route, self.ListAsync).WithSummary("Who did what, the newest first").For(ApiAccess.Admin)
            .Produces<AuditList>().ProducesProblem(404).WithAnswerExample(200, Example);
        group.MapGet(Route + "/export", self.ExportAsync).WithSummary("The same as a file").For(ApiAccess.Admin)
            .Produces(200, contentType: "application/x-ndjson", additionalContentTypes: "text/csv")
            .ProducesProblem(404);
        group.MapGet(AccountEndpoints.Route + "/audit", self.OwnAsync).For(ApiAccess.Account)
            .WithSummary("What was done with one's own account, and from where, the newest first")
            .Produces<AuditList>().WithAnswerExample(200, Example);
    }

    private async Task<IResult> ListAsync(
        [AsParameters] AuditRequest request, [AsParameters] AuditPageRequest page, HttpContext http) =>
        Results.Ok(await page.AnswerAsync(
            table, await request.ReadAsync(users, http.RequestAborted), AuditAnswer.Of, http.RequestAborted));

    private async Task ExportAsync(
        [AsParameters] AuditRequest request, HttpContext http,
        [Description("ndjson or csv; ndjson if it is left out.")] string? format = null)
    {
        var form = RequestValues.Choice(format, "format", AuditFormat.Ndjson);
        var filter = await request.ReadAsync(users, http.RequestAborted);
        var response = http.Response;
        (response.ContentType, var name) = form == AuditFormat.Csv
            ? ("text/csv; charset=utf-8", "audit.csv") : ("application/x-ndjson", "audit.ndjson");
        response.Headers.ContentDisposition = $"attachment; filename={name}";
        try
        {
            await AuditExport.WriteAsync(table, filter, form, response.Body, http.RequestAborted);
        }
        catch when (response.HasStarted)
        {
            // A shorter file that looks whole is worse than none.
            http.Abort();
            throw;
        }
    }

    /// <summary>
    /// Where an administrator sat who changed something is not the user's to know; where visitors come from is.
    /// </summary>
    private async Task<IResult> OwnAsync([AsParameters] AuditPageRequest page, HttpContext http)
    {
        var caller = ApiCaller.Of(http);
        await sessions.IdentityAsync(caller, http.RequestAborted);
        return Results.Ok(await page.AnswerAsync(table, new() { UserId = caller.UserId },
            row => row.UserId == caller.UserId || row.Credential == "share-link"
                ? AuditAnswer.Of(row)
                : AuditAnswer.Of(row) with { Address = null, CredentialId = null },
            http.RequestAborted));
    }
}
