using Kosha.Storage;
using Kosha.Storage.Upkeep;
using Kosha.Tests.Daemon;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Upkeep;

/// <summary>One holder at a time, however long a step of its work takes.</summary>
public sealed class LeaseTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private const string Name = "work";

    private static readonly CancellationToken None = CancellationToken.None;

    private readonly ManualTime time = new();

    private Task<Lease> TakeAsync() => Lease.TakeAsync(Storage.Database, Name, time, None);

    private Task<double> SecondsLeftAsync() => Storage.SqlAsync<double>(
        $"select extract(epoch from expires_at - now())::float8 from leases where name = '{Name}'");

    [Fact]
    public async Task It_renews_itself_during_a_long_step()
    {
        await using var lease = await TakeAsync();
        // As if most of its time was over.
        await Storage.ExecuteAsync("update leases set expires_at = now() + interval '10 s'");
        await TestUser.RefusedAsync(StorageFault.AlreadyExists, TakeAsync);
        time.Move(TimeSpan.FromSeconds(20));
        await Eventually.TrueAsync("it is renewed", async () => await SecondsLeftAsync() > 100);
        await lease.RenewAsync(None);
        await TestUser.RefusedAsync(StorageFault.AlreadyExists, TakeAsync);
    }

    [Fact]
    public async Task Whoever_was_followed_does_no_further_step()
    {
        await using var lease = await TakeAsync();
        await Storage.ExecuteAsync("update leases set expires_at = now()");
        await using (var other = await TakeAsync())
            await other.RenewAsync(None);
        // The other one is through by now, and gave it back.
        time.Move(TimeSpan.FromSeconds(20));
        await Eventually.TrueAsync("it finds out", async () =>
            await Record.ExceptionAsync(() => lease.RenewAsync(None)) is StorageException
            {
                Fault: StorageFault.AlreadyExists,
            });
        Assert.Equal(0, await Storage.SqlAsync<long>("select count(*) from leases"));
    }
}
