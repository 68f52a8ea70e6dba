using Kosha.Tests.Infrastructure;

namespace Kosha.Tests.Api;

/// <summary>A user with /shared (a.txt, sub/b.txt) and /outside.txt, who gives links.</summary>
public abstract class ShareTest(SharedKosha kosha) : ApiTest(kosha)
{
    private readonly List<Visitor> visitors = [];

    protected long Folder { get; private set; }

    protected long File { get; private set; }

    protected long Outside { get; private set; }

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        (await Drive.MkcolAsync("shared")).Must(201);
        (await Drive.MkcolAsync("shared/sub")).Must(201);
        (await Drive.PutAsync("shared/a.txt", "content of a")).Must(201);
        (await Drive.PutAsync("shared/sub/b.txt", "content of b")).Must(201);
        (await Drive.PutAsync("outside.txt", "outside")).Must(201);
        Folder = await Api.IdAsync("/shared");
        File = await Api.IdAsync("/shared/a.txt");
        Outside = await Api.IdAsync("/outside.txt");
    }

    public override ValueTask DisposeAsync()
    {
        visitors.ForEach(visitor => visitor.Dispose());
        GC.SuppressFinalize(this);
        return base.DisposeAsync();
    }

    /// <summary>A link, and who has it.</summary>
    protected async Task<(ApiAnswer Link, Visitor Visitor)> ShareAsync(object wish)
    {
        var made = (await Api.PostAsync("shares", wish)).Must(201);
        return (made, NewVisitor(made.Url.Split('/')[^1]));
    }

    protected Visitor NewVisitor(string token)
    {
        var visitor = new Visitor(Drive.Server, token);
        visitors.Add(visitor);
        return visitor;
    }

    protected async Task<ApiAnswer> LinkAsync(long id) =>
        (await Api.SendAsync(HttpMethod.Get, $"shares/{id}")).Must(200);

    protected Task<ApiAnswer> ChangeLinkAsync(long id, object changes) => Api.SendAsync(
        HttpMethod.Patch, $"shares/{id}", System.Text.Json.JsonSerializer.SerializeToNode(changes));

    protected Task<ApiAnswer> RevokeAsync(long id) => Api.SendAsync(HttpMethod.Delete, $"shares/{id}");

    protected static string Content(long id) => $"nodes/{id}/content";
}
