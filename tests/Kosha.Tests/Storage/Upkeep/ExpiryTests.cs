using Kosha.Storage.Upkeep;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Upkeep;

/// <summary>Rows whose time is over go, in batches, and no others.</summary>
public sealed class ExpiryTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private Task<ExpiryResult> ExpireAsync() => new Expiry(Storage.Database).RunAsync(CancellationToken.None);

    [Fact]
    public async Task What_is_over_goes_and_what_is_not_stays()
    {
        var id = User.Caller.UserId;
        await Storage.ExecuteAsync($"""
            insert into sessions (user_id, secret_hash, credential_stamp, is_remembered, expires_at)
            select {id}, sha256(n::text::bytea), gen_random_uuid(), false, now() + make_interval(mins => n - 2500)
            from generate_series(1, 2510) n;
            insert into invites (secret_hash, note, plan_id, expires_at)
            select sha256(n::text::bytea), '', (select id from plans where name = 'default'),
                   now() + make_interval(mins => n - 3) from generate_series(1, 5) n;
            insert into sign_in_failures (subject, failures, window_start)
            select 's' || n, 1, now() - make_interval(hours => n) from generate_series(20, 29) n
            """);
        await User.PutAsync("file", "content");
        await User.PutAsync("other", "content");
        await User.LockAsync("file");
        await Storage.ExecuteAsync("update locks set expires_at = now() - interval '1 s'");
        await Storage.ExecuteAsync($"""
            insert into locks (token, node_id, user_id, is_exclusive, is_deep, timeout_seconds, expires_at)
            select gen_random_uuid(), id, user_id, true, false, 60, now() + interval '1 minute'
            from file_nodes where name = 'other'
            """);
        var removed = (await ExpireAsync()).Removed;
        Assert.Equal(2500, removed["sessions"]);
        Assert.Equal(3, removed["invites"]);
        Assert.Equal(6, removed["sign_in_failures"]);
        Assert.Equal(1, removed["locks"]);
        Assert.Equal(10, await Storage.SqlAsync<long>("select count(*) from sessions"));
        Assert.Equal(2, await Storage.SqlAsync<long>("select count(*) from invites"));
        Assert.Equal(4, await Storage.SqlAsync<long>("select count(*) from sign_in_failures"));
        Assert.Single(await User.LocksOnAsync("other"));
        Assert.All((await ExpireAsync()).Removed, kind => Assert.Equal(0, kind.Value));
    }
}
