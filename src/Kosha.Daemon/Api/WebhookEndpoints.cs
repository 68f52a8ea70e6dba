using System.ComponentModel;
using System.Globalization;
using Kosha.Daemon.Webhooks;
using Kosha.Storage.Webhooks;
using Microsoft.AspNetCore.Mvc;

namespace Kosha.Daemon.Api;

/// <summary>
/// <c>/api/webhooks</c>: where a user's own events go; <c>/api/admin/webhooks</c>: where those of the installation
/// go.
/// </summary>
internal sealed class WebhookEndpoints(
    WebhookTable webhooks, WebhookSecrets secrets, WebhookConnections connections, OwnPassword own, bool isOfAll)
{
    private readonly string route = ApiErrors.Path + (isOfAll ? "/admin/webhooks" : "/webhooks");

    public static void Map(IEndpointRouteBuilder routes)
    {
        foreach (var isOfAll in new[] { false, true })
            ActivatorUtilities.CreateInstance<WebhookEndpoints>(routes.ServiceProvider, isOfAll).MapAll(routes);
    }

    private void MapAll(IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup(route).WithTags(isOfAll ? "Administration: webhooks" : "Webhooks")
            .For(isOfAll ? ApiAccess.Admin : ApiAccess.Account)
            .ProducesProblem(401).ProducesProblem(403).ProducesProblem(429).ProducesProblem(503);
        group.MapGet("", (Delegate)ListAsync).WithSummary("Webhooks, without the secrets")
            .Produces<WebhookList>().WithAnswerExample(200, WebhookExamples.Webhooks);
        group.MapPost("", AddAsync).WithSummary("Makes a webhook; the answer shows the secret, once")
            .Produces<WebhookSecretAnswer>(201).ProducesProblem(400).WithRequestExample(WebhookExamples.Add)
            .WithAnswerExample(201, WebhookExamples.Secret);
        group.MapGet("{id:long}", GetAsync).WithSummary("One webhook").Produces<WebhookAnswer>()
            .ProducesProblem(404).WithAnswerExample(200, WebhookExamples.Webhook);
        group.MapPatch("{id:long}", ChangeAsync).WithSummary("Changes some of a webhook, or switches it off or on")
            .Produces<WebhookAnswer>().ProducesProblem(400).ProducesProblem(404)
            .WithRequestExample(WebhookExamples.Change).WithAnswerExample(200, WebhookExamples.Webhook);
        group.MapDelete("{id:long}", RemoveAsync)
            .WithSummary("Removes a webhook; what waits for it is sent no more").Produces(204).ProducesProblem(404);
        group.MapPost("{id:long}/rotate", RotateAsync)
            .WithSummary("Makes a new secret; the old one signs beside it for 24 hours")
            .Produces<WebhookSecretAnswer>().ProducesProblem(400).ProducesProblem(404)
            .WithRequestExample(WebhookExamples.Rotate).WithAnswerExample(200, WebhookExamples.Rotated);
        MapMessages(group);
    }

    private void MapMessages(RouteGroupBuilder group)
    {
        group.MapPost("{id:long}/test", TestAsync).WithSummary("Sends the event webhook.test to this webhook")
            .Produces<WebhookTestAnswer>(202).ProducesProblem(404).ProducesProblem(409)
            .WithAnswerExample(202, new WebhookTestAnswer(4711));
        group.MapGet("{id:long}/deliveries", MessagesAsync)
            .WithSummary("What it was told or is to be told, the newest first, page by page")
            .Produces<WebhookMessageList>().ProducesProblem(400).ProducesProblem(404)
            .WithAnswerExample(200, WebhookExamples.Messages);
        group.MapPost("{id:long}/deliveries/{messageId:long}/retry", SendAgainAsync)
            .WithSummary("Sends a message again, at once, also one that was given up").Produces(204)
            .ProducesProblem(404);
    }

    private WebhookScope ScopeOf(HttpContext http) => new(ApiCaller.Of(http), isOfAll);

    private async Task<IResult> ListAsync(HttpContext http) => Results.Ok(new WebhookList(
        [.. (await webhooks.ListAsync(ScopeOf(http), http.RequestAborted)).Select(WebhookAnswer.Of)]));

    private async Task<IResult> GetAsync(long id, HttpContext http) => Results.Ok(WebhookAnswer.Of(
        await webhooks.GetAsync(ScopeOf(http), id, http.RequestAborted)));

    private async Task<IResult> AddAsync([FromBody] AddWebhook body, HttpContext http)
    {
        var url = WebhookUrl.Checked(body.Url, connections);
        var events = RequestValues.Whole(body.Events, "events")!;
        if (await own.RefusalAsync(http, body.Password) is { } refusal)
            return refusal;
        var secret = WebhookSecrets.New();
        var added = await webhooks.AddAsync(ScopeOf(http), new(url, events, secrets.Protect(secret))
        {
            Description = body.Description ?? "",
        }, http.RequestAborted);
        return Results.Created($"{route}/{added.Id}", new WebhookSecretAnswer { Id = added.Id, Secret = secret });
    }

    private async Task<IResult> ChangeAsync(long id, [FromBody] ChangeWebhook body, HttpContext http)
    {
        var url = body.Url is null ? null : WebhookUrl.Checked(body.Url, connections);
        var events = RequestValues.Whole(body.Events, "events");
        if (url is not null && await own.RefusalAsync(http, body.Password ?? "") is { } refusal)
            return refusal;
        return Results.Ok(WebhookAnswer.Of(await webhooks.ChangeAsync(ScopeOf(http), id, new()
        {
            Url = url, Events = events, Description = body.Description, IsEnabled = body.Enabled,
        }, http.RequestAborted)));
    }

    private async Task<IResult> RemoveAsync(long id, HttpContext http)
    {
        await webhooks.RemoveAsync(ScopeOf(http), id, http.RequestAborted);
        return Results.NoContent();
    }

    private async Task<IResult> RotateAsync(long id, [FromBody] RotateWebhook body, HttpContext http)
    {
        if (await own.RefusalAsync(http, body.Password) is { } refusal)
            return refusal;
        var secret = WebhookSecrets.New();
        var rotated = await webhooks.RotateAsync(ScopeOf(http), id, secrets.Protect(secret), http.RequestAborted);
        return Results.Ok(
            new WebhookSecretAnswer { Id = id, Secret = secret, OldSecretUntil = rotated.OldSecretUntil });
    }

    private async Task<IResult> TestAsync(long id, HttpContext http) => Results.Accepted(
        $"{route}/{id}/deliveries",
        new WebhookTestAnswer(await webhooks.TestAsync(ScopeOf(http), id, http.RequestAborted)));

    private async Task<IResult> MessagesAsync(
        long id, HttpContext http,
        [Description("pending, delivered or dead; all if it is left out.")] string? state = null,
        [Description("The next of the page before.")] string? cursor = null,
        [Description("Messages in a page, 1 to 1,000; 100 if it is left out.")] int? limit = null)
    {
        MessageState? wanted = state is null ? null : RequestValues.Choice(state, "state", MessageState.Pending);
        var (most, list) = (PageCursor.Limit(limit), string.Create(
            CultureInfo.InvariantCulture, $"deliveries {id} {wanted}"));
        var page = await webhooks.MessagesAsync(
            ScopeOf(http), id, wanted, ReadCursor(cursor, list), most, http.RequestAborted);
        return Results.Ok(new WebhookMessageList(
            [.. page.Select(WebhookMessageAnswer.Of)],
            page.Count < most ? null : PageCursor.Write(list, page[^1].Id.ToString(CultureInfo.InvariantCulture))));
    }

    private static long? ReadCursor(string? cursor, string list)
    {
        if (PageCursor.Read(cursor, list, 1) is not { } position)
            return null;
        return long.TryParse(position[0], NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            ? id : throw RequestValues.Invalid("The cursor is not one of this list.");
    }

    private async Task<IResult> SendAgainAsync(long id, long messageId, HttpContext http)
    {
        await webhooks.SendAgainAsync(ScopeOf(http), id, messageId, http.RequestAborted);
        return Results.NoContent();
    }
}
