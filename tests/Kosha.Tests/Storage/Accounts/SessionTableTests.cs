using System.Security.Cryptography;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Accounts;

/// <summary>How long sessions last, and how many there are.</summary>
public sealed class SessionTableTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private static readonly CancellationToken None = CancellationToken.None;

    private SessionTable Sessions => new(Storage.Database);

    private async Task<(byte[] Secret, Caller Caller)> AddAsync(bool isRemembered = false)
    {
        var secret = RandomNumberGenerator.GetBytes(32);
        return (secret, await Sessions.AddAsync(User.Caller, secret, isRemembered, "agent", None));
    }

    private Task<double> HoursLeftAsync() => Storage.SqlAsync<double>(
        "select extract(epoch from expires_at - now())::float8 / 3600 from sessions");

    [Theory]
    [InlineData(false, 12)]
    [InlineData(true, 720)]
    public async Task Use_prolongs_a_session_and_its_absence_ends_it(bool isRemembered, double hours)
    {
        var (secret, caller) = await AddAsync(isRemembered);
        Assert.Equal(caller, await Sessions.FindAsync(secret, None));
        await Storage.ExecuteAsync("""
            update sessions set expires_at = now() + interval '1 minute', last_used_at = now() - interval '2 minutes'
            """);
        Assert.Equal(caller, await Sessions.FindAsync(secret, None));
        Assert.InRange(await HoursLeftAsync(), hours - 0.1, hours);
        await Storage.ExecuteAsync("update sessions set expires_at = now()");
        Assert.Null(await Sessions.FindAsync(secret, None));
        await TestUser.RefusedAsync(StorageFault.CredentialRevoked, () => Sessions.IdentityAsync(caller, None));
    }

    [Fact]
    public async Task An_ended_session_ends_with_the_next_statement_on_the_tree()
    {
        var (_, caller) = await AddAsync();
        Assert.NotNull(await Storage.Tree.FindAsync(caller, TestUser.At(""), None));
        await Sessions.EndAsync(User.Caller, caller.SessionId!.Value, None);
        await TestUser.RefusedAsync(
            StorageFault.CredentialRevoked, () => Storage.Tree.FindAsync(caller, TestUser.At(""), None));
        Assert.NotNull(await User.FindAsync(""));
    }

    [Fact]
    public async Task The_session_that_was_used_longest_ago_makes_room()
    {
        var (oldest, _) = await AddAsync();
        await Storage.ExecuteAsync("update sessions set last_used_at = now() - interval '50 seconds'");
        for (var number = 1; number < SessionTable.MaxPerUser; number++)
            await AddAsync();
        Assert.NotNull(await Sessions.FindAsync(oldest, None));
        await AddAsync();
        Assert.Null(await Sessions.FindAsync(oldest, None));
        Assert.Equal(SessionTable.MaxPerUser, (await Sessions.ListAsync(User.Caller, None)).Count);
    }

    [Fact]
    public async Task A_changed_stamp_and_a_disabled_user_have_no_session()
    {
        var (secret, _) = await AddAsync();
        await Storage.ExecuteAsync("update users set disabled_at = now()");
        Assert.Null(await Sessions.FindAsync(secret, None));
        await Storage.ExecuteAsync("update users set disabled_at = null");
        Assert.NotNull(await Sessions.FindAsync(secret, None));
        await User.ChangeStampAsync();
        Assert.Null(await Sessions.FindAsync(secret, None));
    }
}
