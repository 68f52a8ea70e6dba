using Kosha.Storage.Upkeep;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Upkeep;

/// <summary>What users are charged is compared while they write, and whoever is charged wrongly is named.</summary>
public sealed class UsageCheckTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private Task<UsageCheckResult> CheckAsync() => new UsageCheck(Storage.Database).RunAsync(CancellationToken.None);

    [Fact]
    public async Task Who_is_charged_wrongly_is_named_and_nothing_is_changed()
    {
        var other = await Storage.NewUserAsync();
        await User.PutAsync("file", "content");
        await other.PutAsync("file", "other");
        Assert.Equal((2, 0), ((await CheckAsync()).Users, (await CheckAsync()).Wrong.Count));
        await Storage.ExecuteAsync($"update usage set bytes = bytes + 1 where user_id = {other.Caller.UserId}");
        var wrong = (await CheckAsync()).Wrong;
        Assert.Equal([$"user {other.Caller.UserId} (user2): accounted 6 bytes in 1 nodes and 0 reserved, "
            + "really 5 in 1 and 0"], wrong.Shown);
        Assert.Equal((6, 1), await other.UsageAsync());
        Assert.True((await Storage.FsckAsync(repair: true)).Clean);
        Assert.Equal(0, (await CheckAsync()).Wrong.Count);
        Assert.Equal((5, 1), await other.UsageAsync());
    }

    [Fact]
    public async Task It_is_exact_while_the_user_writes()
    {
        await User.SetPlanAsync("version_days = 30");
        using var over = new CancellationTokenSource();
        var writers = Enumerable.Range(0, 4).Select(writer => Task.Run(async () =>
        {
            for (var round = 0; !over.IsCancellationRequested; round++)
            {
                await User.PutAsync($"{writer}-{round % 3}", new string('x', 1 + (round % 50)));
                if (round % 5 == 4)
                    await User.TrashAsync($"{writer}-{round % 3}");
            }
        })).ToList();
        for (var look = 0; look < TestSize.Pick(200, 20_000); look++)
            Assert.Empty((await CheckAsync()).Wrong.Shown);
        await over.CancelAsync();
        await Task.WhenAll(writers);
        await Storage.AssertCleanAsync();
    }
}
