using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;
using Microsoft.AspNetCore.Mvc;

namespace Kosha.Daemon.Api;

/// <summary>
/// <c>/api/admin/plans</c>: what users may use; <c>/api/usage</c>: what the caller uses.
/// </summary>
internal sealed class PlanEndpoints(PlanTable plans, UsageTable usage)
{
    private const string Route = ApiErrors.Path + "/admin/plans";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<PlanEndpoints>();
        routes.MapGet(ApiErrors.Path + "/usage", (Delegate)self.UsageAsync).WithTags("Account").For(ApiAccess.Files)
            .WithSummary("What the caller's files take, and what the plan allows").Produces<UsageAnswer>()
            .ProducesProblem(401).ProducesProblem(429).ProducesProblem(503);
        var group = routes.MapGroup(Route).WithTags("Plans").For(ApiAccess.Admin)
            .ProducesProblem(401).ProducesProblem(403).ProducesProblem(429).ProducesProblem(503);
        group.MapGet("", (Delegate)self.ListAsync).WithSummary("All plans, and how many users have them")
            .Produces<PlanList>();
        group.MapPost("", self.AddAsync).WithSummary("Makes a plan").Produces<PlanAnswer>(201).ProducesProblem(400)
            .ProducesProblem(409).WithRequestExample(new NewPlan { Name = "team", Limits = Example(500L << 30) });
        group.MapPatch("{id:long}", self.ChangeAsync).WithSummary("Changes limits for all users of a plan, at once")
            .Produces<PlanAnswer>().ProducesProblem(400).ProducesProblem(404)
            .WithRequestExample(new ChangePlan { Limits = Example(maxBytes: null) });
        group.MapDelete("{id:long}", self.DeleteAsync).WithSummary("Removes a plan that nobody has")
            .Produces(204).ProducesProblem(404).ProducesProblem(409);
    }

    private static Dictionary<PlanLimit, long?> Example(long? maxBytes) =>
        new() { [PlanLimit.MaxBytes] = maxBytes, [PlanLimit.TrashDays] = 60 };

    private async Task<IResult> UsageAsync(HttpContext http)
    {
        var found = await usage.DetailsAsync(ApiCaller.Of(http), http.RequestAborted);
        return Results.Ok(new UsageAnswer
        {
            UsedBytes = found.Bytes + found.ReservedBytes,
            VersionBytes = found.VersionBytes,
            ReservedBytes = found.ReservedBytes,
            Nodes = found.Nodes,
            Plan = found.Plan.Name,
            Limits = found.Plan.Limits,
        });
    }

    private async Task<IResult> ListAsync(HttpContext http) => Results.Ok(new PlanList(
        [.. (await plans.ListAsync(http.RequestAborted)).Select(Describe)]));

    private static PlanAnswer Describe(PlanRow plan) => new()
    {
        Id = plan.Id, Name = plan.Name, Limits = plan.Limits, Users = plan.Users,
    };

    private async Task<IResult> AddAsync([FromBody] NewPlan body, HttpContext http)
    {
        var plan = await plans.AddAsync(
            body.Name, body.Limits ?? new Dictionary<PlanLimit, long?>(),
            new(AuditActions.PlanAdd, ApiCaller.Of(http)), http.RequestAborted);
        return Results.Created($"{Route}/{plan.Id}", Describe(plan));
    }

    private async Task<IResult> ChangeAsync(long id, [FromBody] ChangePlan body, HttpContext http) =>
        Results.Ok(Describe(await plans.SetAsync(
            id, body.Limits, new(AuditActions.PlanChange, ApiCaller.Of(http)), http.RequestAborted)));

    private async Task<IResult> DeleteAsync(long id, HttpContext http)
    {
        await plans.DeleteAsync(id, new(AuditActions.PlanDelete, ApiCaller.Of(http)), http.RequestAborted);
        return Results.NoContent();
    }
}
