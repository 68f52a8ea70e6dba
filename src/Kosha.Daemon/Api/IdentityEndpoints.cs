using System.Globalization;
using System.Text;
using System.Text.Json;
using Kosha.Daemon.Auth;
using Kosha.Daemon.Webhooks;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;
using Microsoft.AspNetCore.Http.Features;

namespace Kosha.Daemon.Api;

/// <summary>
/// <c>POST /api/webhooks/identity</c>: an identity provider makes and ends accounts, by messages that are signed as
/// Kosha signs its own.
/// </summary>
internal sealed class IdentityEndpoints(
    UserTable users, AuditTrail audit, SignInFailures failures, TimeProvider time, KoshaOptions options)
{
    private const string Route = ApiErrors.Path + "/webhooks/identity";
    private const int MaxBodyBytes = 256 << 10;

    /// <summary>How far the clocks may be apart; a message that is older is repeated by somebody else.</summary>
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(5);

    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<IdentityEndpoints>();
        routes.MapPost(Route, (Delegate)self.ReceiveAsync).WithTags("Webhooks").For(ApiAccess.Anyone)
            .WithSummary("Takes a signed user.created or user.deleted of an identity provider")
            .WithDescription("Signed as Standard Webhooks and Svix do: webhook-id, webhook-timestamp and "
                + "webhook-signature, or the same with svix-, under the secret in Identity:WebhookSecretFile. A "
                + "message that comes twice is carried out once.")
            .Accepts<IdentityEvent>("application/json").Produces(200).ProducesProblem(400).ProducesProblem(401)
            .ProducesProblem(404).ProducesProblem(409).ProducesProblem(413).ProducesProblem(429).ProducesProblem(503)
            .WithRequestExample(AccountExamples.IdentityEvent);
    }

    /// <summary>What the headers say of a message, before anything is proved.</summary>
    private sealed record Signed(string Id, long Timestamp, string Signatures);

    private async Task<IResult> ReceiveAsync(HttpContext http)
    {
        var ct = http.RequestAborted;
        if (options.IdentityWebhookKey is not { } key)
            throw new StorageException(StorageFault.NotFound,
                "No identity provider may send messages here: Identity:WebhookSecretFile is not set.");
        var address = ClientAddress.Exactly(http);
        var body = await ReadAsync(http, ct);
        return HeadersOf(http.Request) is { } signed && IsGenuine(key, signed, body)
            ? await ActAsync(signed.Id, body, address, ct)
            : await RefuseAsync(http, address, ct);
    }

    /// <summary>
    /// A provider sends for many from one address, so the bad messages of others keep no good one away.
    /// </summary>
    private async Task<IResult> RefuseAsync(HttpContext http, string address, CancellationToken ct)
    {
        string[] counted = [$"identity {ClientAddress.Of(http.Connection.RemoteIpAddress)}"];
        if (await failures.WaitAsync(counted, [options.Limits.FailuresByAddress], ct) is { } wait)
            throw new StorageException(StorageFault.LimitReached,
                "Too many messages from this address had no good signature. Try again later.") { RetryAfter = wait };
        await failures.CountAsync(counted, ct);
        await RefusedAsync(address, "It has no good signature, or is not of now.");
        return ApiProblem.Of(StatusCodes.Status401Unauthorized,
            "The signature is not good, or the message is more than 5 minutes old. Both sides need the same secret "
            + "and a clock that is right.").ToResult();
    }

    private static async Task<byte[]> ReadAsync(HttpContext http, CancellationToken ct)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = MaxBodyBytes;
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body, ct);
        return body.ToArray();
    }

    private static Signed? HeadersOf(HttpRequest request)
    {
        var prefix = request.Headers.ContainsKey("webhook-id") ? "webhook" : "svix";
        string? Header(string name) => request.Headers[$"{prefix}-{name}"] is [{ Length: > 0 } value] ? value : null;
        return Header("id") is { } id && Encoding.UTF8.GetByteCount(id) <= IdentityMessage.MaxIdBytes
            && long.TryParse(Header("timestamp"), NumberStyles.None, CultureInfo.InvariantCulture, out var timestamp)
            && Header("signature") is { } signatures
            ? new(id, timestamp, signatures)
            : null;
    }

    private bool IsGenuine(byte[] key, Signed signed, byte[] body)
    {
        var age = time.GetUtcNow().ToUnixTimeSeconds() - (decimal)signed.Timestamp;
        return Math.Abs(age) <= (decimal)Window.TotalSeconds
            && WebhookSignature.IsSigned(key, signed.Id, signed.Timestamp, body, signed.Signatures);
    }

    /// <summary>Carries out what is proved to be the provider's.</summary>
    private async Task<IResult> ActAsync(string id, byte[] body, string address, CancellationToken ct)
    {
        try
        {
            var told = Parse(body);
            if (told.Type is "user.created" or "user.deleted")
                await ActAsync(told, MessageOf(id, told, address), ct);
            return Results.Ok();
        }
        catch (StorageException e) when (e.Fault != StorageFault.Unavailable)
        {
            await RefusedAsync(address, e.Message);
            // Not 403: the message is the provider's, and it may come again when things are otherwise.
            if (e.Fault == StorageFault.NotAllowed)
                return ApiProblem.Of(StorageFault.InUse, e.Message).ToResult();
            throw;
        }
    }

    private async Task ActAsync(IdentityEvent told, IdentityMessage message, CancellationToken ct)
    {
        var user = told.Data;
        if (told.Type == "user.deleted")
            await users.DeleteExternalAsync(message, ct);
        else
            await users.AddExternalAsync(
                message, user.Username, user.Email?.Split('@')[0] ?? user.FirstName ?? "", user.Email, ct);
    }

    /// <exception cref="StorageException">InvalidValue.</exception>
    private static IdentityEvent Parse(byte[] body)
    {
        try
        {
            return IdentityEventUser.Read(body) ?? throw RequestValues.Invalid("The body is no event with a type.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            throw new StorageException(StorageFault.InvalidValue, "The body is no JSON.", e);
        }
    }

    private static IdentityMessage MessageOf(string id, IdentityEvent told, string address) =>
        Encoding.UTF8.GetByteCount(told.Data.Id) is > 0 and <= IdentityMessage.MaxIdBytes
            ? new(id, told.Data.Id, address)
            : throw RequestValues.Invalid($"data.id has 1 to {IdentityMessage.MaxIdBytes} bytes.");

    private Task RefusedAsync(string address, string why) => audit.TellAsync(
        new(AuditActions.IdentityRefused) { Detail = why, Address = address, IsRefused = true });
}
