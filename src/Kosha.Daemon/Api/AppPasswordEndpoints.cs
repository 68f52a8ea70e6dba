using Kosha.Daemon.Auth;
using Kosha.Storage;
using Kosha.Storage.Accounts;

namespace Kosha.Daemon.Api;

/// <summary><c>/api/app-passwords</c>: a password for each device, for files only.</summary>
internal sealed class AppPasswordEndpoints(AppPasswordTable appPasswords, OwnPassword own)
{
    private const string Route = ApiErrors.Path + "/app-passwords";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<AppPasswordEndpoints>();
        var group = routes.MapGroup(Route).WithTags("App passwords").For(ApiAccess.Account)
            .ProducesProblem(401).ProducesProblem(403).ProducesProblem(503);
        group.MapGet("", (Delegate)self.ListAsync).WithSummary("One's own app passwords, without the secrets")
            .Produces<AppPasswordList>().WithAnswerExample(200, AccountExamples.AppPasswords);
        group.MapPost("", self.AddAsync).WithSummary("Makes an app password; the answer shows the secret, once")
            .Produces<NewAppPasswordAnswer>(201).ProducesProblem(400).ProducesProblem(409).ProducesProblem(429)
            .WithRequestExample(AccountExamples.AddAppPassword)
            .WithAnswerExample(201, AccountExamples.NewAppPassword);
        group.MapDelete("{id:long}", self.RevokeAsync).WithSummary("Ends an app password at once").Produces(204)
            .ProducesProblem(404);
    }

    private async Task<IResult> ListAsync(HttpContext http)
    {
        var rows = await appPasswords.ListAsync(ApiCaller.Of(http), http.RequestAborted);
        return Results.Ok(new AppPasswordList([.. rows.Select(Describe)]));
    }

    private static AppPasswordAnswer Describe(AppPasswordRow row) => new()
    {
        Id = row.Id,
        Label = row.Label,
        ReadOnly = row.IsReadOnly,
        FolderId = row.FolderId,
        Folder = row.Folder,
        Redirect = row.Redirect,
        Created = row.CreatedAt,
        LastUsed = row.LastUsedAt,
    };

    private async Task<IResult> AddAsync(AddAppPassword body, HttpContext http)
    {
        var redirect = ReadRedirect(body.Redirect);
        if (await own.RefusalAsync(http, body.Password) is { } refusal)
            return refusal;
        var secret = AppPasswordSecret.New();
        var id = await appPasswords.AddAsync(ApiCaller.Of(http), new(body.Label, AppPasswordSecret.HashOfNew(secret))
        {
            Redirect = redirect,
            IsReadOnly = body.ReadOnly,
            FolderId = body.FolderId,
        }, http.RequestAborted);
        return Results.Created(
            $"{Route}/{id}", new NewAppPasswordAnswer { Id = id, Label = body.Label, Secret = secret });
    }

    private static RedirectMode? ReadRedirect(string? name)
    {
        if (name is null)
            return null;
        foreach (var (known, mode) in RedirectModes.Names)
        {
            if (known == name)
                return mode;
        }
        throw new StorageException(StorageFault.InvalidValue, "redirect is off, known-clients or always.");
    }

    private async Task<IResult> RevokeAsync(long id, HttpContext http)
    {
        await appPasswords.RevokeAsync(ApiCaller.Of(http), id, http.RequestAborted);
        return Results.NoContent();
    }
}
