using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>A user of its own for each test, on the Kosha that all of these share.</summary>
public abstract class UploadTest(KoshaWithUploads setup) : IAsyncLifetime
{
    protected KoshaWithUploads Setup => setup;

    protected DavClient Files { get; private set; } = null!;

    protected ApiClient Api { get; private set; } = null!;

    public async ValueTask InitializeAsync() => (Files, Api) = await setup.NewUserAsync();

    public ValueTask DisposeAsync()
    {
        Files.Dispose();
        Api.Dispose();
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }
}
