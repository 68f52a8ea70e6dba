using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage;

/// <summary>
/// Storage and a user anew for each test, where what other tests of the class leave would disturb. No test may leave
/// anything in the spool.
/// </summary>
public abstract class StorageTest(SharedPostgres postgres) : IAsyncLifetime
{
    protected StorageFixture Storage { get; } = new(postgres);

    protected TestUser User { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        await Storage.InitializeAsync();
        User = await Storage.NewUserAsync();
        await PrepareAsync();
    }

    /// <summary>What the tests of the class begin with.</summary>
    protected virtual Task PrepareAsync() => Task.CompletedTask;

    public virtual async ValueTask DisposeAsync()
    {
        Assert.Equal(0, Storage.Spools.ReservedBytes);
        Assert.Empty(Directory.GetFileSystemEntries(Storage.SpoolPath));
        await Storage.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
