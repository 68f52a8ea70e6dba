using Kosha.Tests.Daemon;
using Kosha.Tests.Infrastructure;
using Kosha.Tests.Storage;
using Kosha.WebDav.Methods;
using Xunit;

namespace Kosha.Tests.WebDav;

/// <summary>An upload that lasts longer than the lock under which it goes.</summary>
public sealed class LockUpkeepTests(StorageFixture storage) : IClassFixture<StorageFixture>
{
    [Fact]
    public async Task A_lock_lives_as_long_as_its_upload()
    {
        var user = await storage.NewUserAsync();
        var token = await user.TokenAsync("slow");
        var gone = await user.TokenAsync("other");
        await storage.ExecuteAsync($"update locks set expires_at = now() - interval '1 s' where token = '{gone}'");
        var time = new ManualTime();
        await using (LockUpkeep.Start(storage.Locks, time, user.Caller, [token, gone]))
        {
            for (var round = 0; round < 3; round++)
            {
                await storage.ExecuteAsync(
                    $"update locks set expires_at = now() + interval '16 minutes' where token = '{token}'");
                time.Move(LockUpkeep.Interval);
                await Eventually.TrueAsync("the lock has its term again", async () => await LeftAsync(token) > 3000);
            }
        }
        Assert.True(await LeftAsync(gone) < 0, "A lock that had ended lives again.");
        await storage.ExecuteAsync(
            $"update locks set expires_at = now() + interval '16 minutes' where token = '{token}'");
        time.Move(LockUpkeep.Interval);
        Assert.True(await LeftAsync(token) < 1000, "An upload that has ended keeps its lock.");
    }

    [Fact]
    public async Task Without_a_lock_there_is_nothing_to_keep()
    {
        var user = await storage.NewUserAsync();
        Assert.Null(LockUpkeep.Start(storage.Locks, new ManualTime(), user.Caller, []));
    }

    private Task<double> LeftAsync(Guid token) => storage.SqlAsync<double>(
        $"select extract(epoch from expires_at - now())::float8 from locks where token = '{token}'");
}
