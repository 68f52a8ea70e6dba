using System.ComponentModel;
using System.Globalization;
using Kosha.Daemon.Auth;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;
using Microsoft.AspNetCore.Mvc;

namespace Kosha.Daemon.Api;

/// <summary><c>/api/admin/users</c>. The last administrator who can sign in stays one.</summary>
internal sealed class AdminUserEndpoints(UserTable users, OwnPassword own)
{
    private const string Route = ApiErrors.Path + "/admin/users";

    private const string List = "users";

    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<AdminUserEndpoints>();
        var group = routes.MapGroup(Route).WithTags("Administration: users").For(ApiAccess.Admin)
            .ProducesProblem(401).ProducesProblem(403).ProducesProblem(503);
        group.MapGet("", self.ListAsync).WithSummary("All users, a page in the order in which they came")
            .Produces<UserList>().ProducesProblem(400).WithAnswerExample(200, AccountExamples.Users);
        group.MapGet("{id:long}", self.GetAsync).WithSummary("One user").Produces<UserAnswer>().ProducesProblem(404)
            .WithAnswerExample(200, AccountExamples.User);
        group.MapPost("", self.AddAsync).WithSummary("Makes a user").Produces<UserAnswer>(201)
            .ProducesProblem(400).ProducesProblem(409).ProducesProblem(429)
            .WithRequestExample(AccountExamples.AddUser)
            .WithAnswerExample(201, AccountExamples.User);
        group.MapPatch("{id:long}", self.ChangeAsync).WithSummary("Changes a user").Produces<UserAnswer>()
            .ProducesProblem(400).ProducesProblem(404).ProducesProblem(429)
            .WithRequestExample(AccountExamples.ChangeUser)
            .WithAnswerExample(200, AccountExamples.User);
        group.MapDelete("{id:long}", self.DeleteAsync)
            .WithSummary("Disables a user at once; all its files are removed for good soon after").Produces(204)
            .ProducesProblem(400).ProducesProblem(404).ProducesProblem(429)
            .WithRequestExample(AccountExamples.Confirmation);
    }

    private async Task<IResult> ListAsync(
        HttpContext http, [Description("The next of the page before.")] string? cursor = null,
        [Description("Users in a page, 1 to 1,000; 100 if it is left out.")] int? limit = null)
    {
        var most = PageCursor.Limit(limit);
        var page = await users.PageAsync(ReadCursor(cursor), most, http.RequestAborted);
        return Results.Ok(new UserList([.. page.Select(Describe)],
            page.Count < most ? null : PageCursor.Write(List, page[^1].Id.ToString(CultureInfo.InvariantCulture))));
    }

    /// <summary>The id after which the page begins.</summary>
    private static long ReadCursor(string? cursor) => PageCursor.Read(cursor, List, 1) switch
    {
        null => 0,
        [var text] when long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var id) => id,
        _ => throw new StorageException(StorageFault.InvalidValue, "The cursor is not one of this list."),
    };

    private static UserAnswer Describe(UserRow row) => new()
    {
        Id = row.Id,
        Username = row.Username,
        Email = row.Email,
        IsAdmin = row.IsAdmin,
        Plan = row.Plan,
        UsedBytes = row.UsedBytes,
        UsedNodes = row.UsedNodes,
        Disabled = row.DisabledAt is not null,
        Deleting = row.DeletingAt is not null,
        Created = row.CreatedAt,
    };

    private async Task<IResult> GetAsync(long id, HttpContext http) =>
        Results.Ok(Describe(await users.GetAsync(id, http.RequestAborted)));

    private async Task<IResult> AddAsync(AddUser body, HttpContext http)
    {
        AccountEndpoints.RequireGood(body.Password);
        if (body.IsAdmin && await own.RefusalAsync(http, Given(body.OwnPassword, body.OwnCode)) is { } refusal)
            return refusal;
        var id = await users.AddAsync(new(body.Username, Passwords.Hash(body.Password))
        {
            Email = body.Email is { Length: > 0 } email ? email : null,
            IsAdmin = body.IsAdmin,
            Plan = body.Plan ?? "default",
            Told = new(AuditActions.UserAdd, ApiCaller.Of(http)),
        }, http.RequestAborted);
        return Results.Created($"{Route}/{id}", Describe(await users.GetAsync(id, http.RequestAborted)));
    }

    private async Task<IResult> ChangeAsync(long id, [FromBody] ChangeUser body, HttpContext http)
    {
        if (body.Password is not null)
            AccountEndpoints.RequireGood(body.Password);
        if ((body.Password is not null || body.IsAdmin == true)
            && await own.RefusalAsync(http, Given(body.OwnPassword, body.OwnCode)) is { } refusal)
            return refusal;
        await users.ChangeAsync(id, new()
        {
            Plan = body.Plan,
            IsAdmin = body.IsAdmin,
            IsDisabled = body.Disabled,
            PasswordHash = body.Password is null ? null : Passwords.Hash(body.Password),
            Told = new(AuditActions.UserChange, ApiCaller.Of(http)),
        }, http.RequestAborted);
        return await GetAsync(id, http);
    }

    /// <exception cref="StorageException">InvalidValue: the administrator's own password was left out.</exception>
    private static Confirmation Given(string? ownPassword, string? ownCode) => new()
    {
        Password = ownPassword ?? throw new StorageException(StorageFault.InvalidValue,
            "Setting a password and making an administrator takes your own: ownPassword."),
        Code = ownCode,
    };

    private async Task<IResult> DeleteAsync(long id, [FromBody] Confirmation body, HttpContext http)
    {
        if (await own.RefusalAsync(http, body) is { } refusal)
            return refusal;
        await users.BeginDeletionAsync(
            id, new(AuditActions.UserDelete, ApiCaller.Of(http)), http.RequestAborted);
        return Results.NoContent();
    }
}
