using Kosha.Storage;
using Kosha.Tests.Infrastructure;
using Xunit;

[assembly: AssemblyFixture(typeof(SharedPostgres))]

namespace Kosha.Tests.Infrastructure;

/// <summary>
/// Two servers for the whole run, each started when it is first asked for. Every test takes databases of its own.
/// </summary>
public sealed class SharedPostgres : IAsyncDisposable
{
    private readonly Lazy<Task<TestPostgres>> fast = new(() => TestPostgres.StartAsync(durable: false));
    private readonly Lazy<Task<TestPostgres>> durable = new(() => TestPostgres.StartAsync(durable: true));

    /// <summary>For tests of storage alone: a database with the schema.</summary>
    public async Task<Database> NewDatabaseAsync() => await (await fast.Value).NewDatabaseAsync();

    /// <summary>For a Kosha with an external database.</summary>
    public Task<TestPostgres> Durable => durable.Value;

    public async ValueTask DisposeAsync()
    {
        foreach (var server in new[] { fast, durable }.Where(server => server.IsValueCreated))
            await (await server.Value).DisposeAsync();
    }
}
