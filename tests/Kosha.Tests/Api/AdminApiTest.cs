using Kosha.Tests.Infrastructure;

namespace Kosha.Tests.Api;

/// <summary>An administrator beside the user of each test.</summary>
public abstract class AdminApiTest(SharedKosha kosha) : ApiTest(kosha)
{
    protected ApiClient Admin { get; private set; } = null!;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        using var files = (await Shared.Instance).AdminDrive();
        Admin = new(files);
    }

    public override ValueTask DisposeAsync()
    {
        Admin.Dispose();
        GC.SuppressFinalize(this);
        return base.DisposeAsync();
    }
}
