using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.WebDav;

/// <summary>The drive of one new user for all tests of a class; each test makes a folder of its own in it.</summary>
public sealed class Drive(SharedKosha kosha) : IAsyncLifetime
{
    private int folders;

    public DavClient Client { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Client = await kosha.NewDriveAsync();

    /// <summary>The path of a new folder, without a slash at its end.</summary>
    public async Task<string> NewFolderAsync()
    {
        var path = $"t{Interlocked.Increment(ref folders)}";
        (await Client.MkcolAsync(path)).Must(201);
        return path;
    }

    public ValueTask DisposeAsync()
    {
        Client?.Dispose();
        return ValueTask.CompletedTask;
    }
}
