using Kosha.Storage.Upkeep;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Upkeep;

/// <summary>Versions go when their plan's days are over, and their bytes are free again.</summary>
public sealed class VersionExpiryTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private static readonly CancellationToken None = CancellationToken.None;

    protected override async Task PrepareAsync()
    {
        await User.SetPlanAsync("version_days = 2");
        await User.PutAsync("file", "one");
        await User.PutAsync("file", "three");
        await Storage.ExecuteAsync("update versions set created_at = created_at - interval '47 hours'");
        await User.PutAsync("file", "4");
    }

    private async Task<(long Versions, long Bytes)> ExpireAsync()
    {
        var done = await new VersionExpiry(Storage.Database, Storage.Tree).RunAsync(None);
        Assert.Equal(0, done.Failed.Count);
        return (done.Versions, done.Bytes);
    }

    [Fact]
    public async Task A_version_goes_when_its_days_are_over_and_no_earlier()
    {
        Assert.Equal((0, 0), await ExpireAsync());
        await Storage.ExecuteAsync("update versions set created_at = created_at - interval '1 hour'");
        Assert.Equal((1, 3), await ExpireAsync());
        Assert.Equal(["three"], await User.OldContentsAsync("file"));
        Assert.Equal((6, 1), await User.UsageAsync());
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task A_plan_without_days_keeps_them_for_ever_and_zero_days_not_at_all()
    {
        await User.SetPlanAsync("version_days = null");
        await Storage.ExecuteAsync("update versions set created_at = created_at - interval '9999 days'");
        Assert.Equal((0, 0), await ExpireAsync());
        await User.SetPlanAsync("version_days = 0");
        Assert.Equal((2, 8), await ExpireAsync());
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task Who_is_just_changing_a_folder_and_who_has_a_wrong_sum_keep_nobody_else()
    {
        await User.SetPlanAsync("version_days = 0");
        var other = await Storage.NewUserAsync();
        await other.SetPlanAsync("version_days = null");
        await other.PutAsync("file", "other");
        await other.PutAsync("file", "");
        await other.SetPlanAsync("version_days = 0");
        await Storage.Database.WriteAsync(async transaction =>
        {
            await using var beside = transaction.Connection!.CreateCommand();
            beside.CommandText = $"select pg_advisory_xact_lock({User.Caller.UserId})";
            await beside.ExecuteNonQueryAsync();
            Assert.Equal((1, 5), await ExpireAsync());
        }, None);
        await Storage.ExecuteAsync($"update usage set bytes = 1 where user_id = {User.Caller.UserId}");
        Assert.Equal(1, (await new VersionExpiry(Storage.Database, Storage.Tree).RunAsync(None)).Failed.Count);
        await Storage.FsckAsync(repair: true);
        Assert.Equal((2, 8), await ExpireAsync());
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task An_account_in_which_somebody_always_writes_loses_them_too()
    {
        await User.SetPlanAsync("version_days = 0");
        await Storage.Database.WriteAsync(async transaction =>
        {
            await using var beside = transaction.Connection!.CreateCommand();
            beside.CommandText = $"select pg_advisory_xact_lock_shared({User.Caller.UserId})";
            await beside.ExecuteNonQueryAsync();
            Assert.Equal((2, 8), await ExpireAsync());
        }, None);
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task Fsck_finds_what_is_wrong_with_versions_and_mends_what_it_can()
    {
        await Storage.ExecuteAsync("update versions set size = size + 10");
        var (clean, output) = await Storage.FsckAsync();
        Assert.False(clean);
        Assert.Contains("every version has the size of its blob, which is stored: 2", output, StringComparison.Ordinal);
        Assert.Contains("usage is the sum over the nodes and versions, and what uploads reserve: 1", output,
            StringComparison.Ordinal);
        Assert.True((await Storage.FsckAsync(repair: true)).Clean);
        Assert.Equal((9, 1), await User.UsageAsync());
        var other = await Storage.NewUserAsync();
        await Storage.ExecuteAsync($"update versions set user_id = {other.Caller.UserId}");
        (clean, output) = await Storage.FsckAsync();
        Assert.False(clean);
        Assert.Contains("every version belongs to a file of its user: 2", output, StringComparison.Ordinal);
    }
}
