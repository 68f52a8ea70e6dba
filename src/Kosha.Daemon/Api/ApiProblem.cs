using System.ComponentModel;
using Kosha.Storage;

namespace Kosha.Daemon.Api;

/// <summary>Why a call was refused (RFC 9457). The list of types is part of the API and only grows.</summary>
/// <param name="Type">A stable URI: <c>urn:kosha:problem:</c> and a name.</param>
/// <param name="Title">Of the type, for people.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Detail">Of this case, for people.</param>
public sealed record ApiProblem(string Type, string Title, int Status, string Detail)
{
    public const string MediaType = "application/problem+json";

    /// <summary>Before the name of each type.</summary>
    public const string Prefix = "urn:kosha:problem:";

    [Description("Of already-exists: what has the names that were to be taken.")]
    public IReadOnlyList<NodeAnswer>? Existing { get; init; }

    internal static ApiProblem Of(StorageException refused) => Of(refused.Fault, refused.Message) with
    {
        Existing = refused.Existing.Count == 0 ? null : [.. refused.Existing.Select(node => new NodeAnswer(node))],
    };

    internal static ApiProblem Of(StorageFault fault, string detail)
    {
        var (name, title, status) = fault switch
        {
            StorageFault.NotFound => ("not-found", "There is no such thing", 404),
            StorageFault.ParentMissing => ("parent-missing", "The folder is not there", 409),
            StorageFault.AlreadyExists => ("already-exists", "The name is taken", 409),
            StorageFault.WrongKind => ("wrong-kind", "It is a folder, or is none", 409),
            StorageFault.InvalidName => ("invalid-name", "The name cannot be stored", 400),
            StorageFault.InvalidValue => ("invalid-value", "A value is not possible", 400),
            StorageFault.ConditionFailed => ("condition-failed", "A condition does not hold", 412),
            StorageFault.Locked => ("locked", "A lock stands in the way", 423),
            StorageFault.QuotaExceeded => ("quota-exceeded", "The plan does not suffice", 507),
            StorageFault.FileTooLarge => ("file-too-large", "The plan allows no file of this size", 413),
            StorageFault.DigestMismatch => ("digest-mismatch", "Other bytes came than were announced", 422),
            StorageFault.BytesMissing => ("bytes-missing", "Not all bytes are there", 409),
            StorageFault.UploadOver => ("upload-over", "The upload is not open", 410),
            StorageFault.Cycle => ("cycle", "A folder cannot go into itself", 409),
            StorageFault.RootIsFixed => ("root-is-fixed", "The top folder stays as it is", 403),
            StorageFault.NotAllowed => ("forbidden", "This credential may not do that", 403),
            StorageFault.PasswordNeeded => ("share-password-required", "The link has a password", 401),
            StorageFault.CredentialRevoked => ("unauthorized", "Sign in", 401),
            StorageFault.LimitReached => ("limit-reached", "A limit is reached", 429),
            StorageFault.InUse => ("in-use", "It is in use", 409),
            StorageFault.NoSpace => ("no-space", "The server's storage is full", 507),
            StorageFault.Damaged => ("damaged", "Stored bytes are damaged", 500),
            StorageFault.Unavailable => ("unavailable", "Something that Kosha needs is away", 503),
            _ => ("refused", "The call was refused", 409),
        };
        return new(Prefix + name, title, status, detail);
    }

    /// <summary>For refusals of the web server itself.</summary>
    internal static ApiProblem Of(int status, string? detail = null)
    {
        var (name, title) = status switch
        {
            400 => ("malformed", "The request cannot be read"),
            401 => ("unauthorized", "Sign in"),
            403 => ("forbidden", "That may not be done so"),
            404 => ("not-found", "There is no such thing"),
            405 => ("method-not-allowed", "The method is not possible here"),
            408 => ("too-slow", "The body came too slowly"),
            413 => ("body-too-large", "The body is too large"),
            415 => ("unsupported-media-type", "The body is not application/json"),
            429 => ("too-many-sign-ins", "Too many failed sign-ins"),
            503 => ("unavailable", "Something that Kosha needs is away"),
            _ => ("internal", "Something went wrong inside Kosha"),
        };
        return new(Prefix + name, title, status, detail ?? title + ".");
    }

    /// <summary>What was asked for once more of who is signed in already.</summary>
    /// <param name="what">"password" or "code".</param>
    internal static ApiProblem Wrong(string what) =>
        new($"{Prefix}wrong-{what}", $"The {what} is wrong", 403, $"This {what} is not the right one.");

    /// <summary>The password was right; the same call is to be made once more with a code.</summary>
    internal static readonly ApiProblem TwoFactorRequired = new(
        Prefix + "two-factor-required", "A code is needed", 401,
        "The password is right. Send it once more with a code of the authenticator, or a recovery code.");

    /// <summary>The same for who is signed in already.</summary>
    internal static readonly ApiProblem CodeRequired =
        TwoFactorRequired with { Status = StatusCodes.Status403Forbidden };

    internal IResult ToResult() => Results.Json(this, options: null, MediaType, Status);

    internal async Task WriteAsync(HttpContext context)
    {
        context.Response.StatusCode = Status;
        if (Status == StatusCodes.Status503ServiceUnavailable && context.Response.Headers.RetryAfter.Count == 0)
            context.Response.Headers.RetryAfter = "5";
        await context.Response.WriteAsJsonAsync(this, options: null, MediaType, context.RequestAborted);
    }
}
