using Kosha.Tests.Infrastructure;
using Xunit;

[assembly: AssemblyFixture(typeof(SharedKosha))]

namespace Kosha.Tests.Infrastructure;

/// <summary>
/// One running Kosha for all tests that neither stop it nor count what it does: ask for it in the constructor. It
/// starts with the first test that uses it.
/// </summary>
public sealed class SharedKosha : IAsyncDisposable
{
    private readonly Lazy<Task<KoshaProcess>> instance = new(() => KoshaProcess.StartNewAsync());

    public Task<KoshaProcess> Instance => instance.Value;

    /// <summary>The files of a new user.</summary>
    public async Task<DavClient> NewDriveAsync() => await (await Instance).NewDriveAsync();

    public async ValueTask DisposeAsync()
    {
        if (!instance.IsValueCreated)
            return;
        var kosha = await instance.Value;
        await using (kosha)
            await kosha.StopAsync();
    }
}

/// <summary>Tests in this collection run one at a time, and nothing else runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "Alone";
}
