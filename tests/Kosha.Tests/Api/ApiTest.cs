using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>A user of its own for each test, by the drive and by the API of the running daemon.</summary>
public abstract class ApiTest(SharedKosha kosha) : IAsyncLifetime
{
    protected SharedKosha Shared => kosha;

    protected DavClient Drive { get; private set; } = null!;

    protected ApiClient Api { get; private set; } = null!;

    public virtual async ValueTask InitializeAsync()
    {
        Drive = await kosha.NewDriveAsync();
        Api = new(Drive);
    }

    public virtual ValueTask DisposeAsync()
    {
        Api.Dispose();
        Drive.Dispose();
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }
}
