using System.Security.Cryptography;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Accounts;

/// <summary>Invites: each is good once, and for its days.</summary>
public sealed class InviteTableTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private static readonly CancellationToken None = CancellationToken.None;

    private InviteTable Invites => new(Storage.Database);

    private UserTable Users => new(Storage.Database);

    private async Task<byte[]> NewAsync(string plan = "default")
    {
        var hash = RandomNumberGenerator.GetBytes(32);
        await Invites.AddAsync(hash, "note", plan, days: 1, None);
        return hash;
    }

    private Task<long> RegisterAsync(string name, byte[] invite) =>
        Users.AddAsync(new(name, "hash") { InviteHash = invite, Plan = "nobody looks at this" }, None);

    [Fact]
    public async Task One_is_used_up_by_the_user_that_it_makes_and_gives_its_plan()
    {
        await Storage.ExecuteAsync("insert into plans (name, max_bytes) values ('small', 5)");
        var invite = await NewAsync("small");
        Assert.Equal("small", Assert.Single(await Invites.ListAsync(None)).Plan);
        await RegisterAsync("taken", await NewAsync());
        await TestUser.RefusedAsync(StorageFault.AlreadyExists, () => RegisterAsync("TAKEN", invite));
        Assert.True(await Invites.IsGoodAsync(invite, None));
        var id = await RegisterAsync("ada", invite);
        Assert.Equal("small", (await Users.GetAsync(id, None)).Plan);
        Assert.False(await Invites.IsGoodAsync(invite, None));
        await TestUser.RefusedAsync(StorageFault.NotAllowed, () => RegisterAsync("bob", invite));
        Assert.Empty(await Invites.ListAsync(None));
    }

    [Fact]
    public async Task Of_many_who_come_with_one_invite_one_gets_in()
    {
        var invite = await NewAsync();
        var made = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async number =>
        {
            try
            {
                await RegisterAsync($"racer{number}", invite);
                Interlocked.Increment(ref made);
            }
            catch (StorageException e) when (e.Fault == StorageFault.NotAllowed)
            {
                // Another one was first.
            }
        }));
        Assert.Equal(1, made);
        Assert.Equal(1, await Storage.SqlAsync<long>("select count(*) from users where username like 'racer%'"));
    }

    [Fact]
    public async Task One_that_is_over_is_good_for_nothing_and_makes_room()
    {
        var invite = await NewAsync();
        await Storage.ExecuteAsync("update invites set expires_at = now()");
        Assert.False(await Invites.IsGoodAsync(invite, None));
        Assert.Empty(await Invites.ListAsync(None));
        await TestUser.RefusedAsync(StorageFault.NotAllowed, () => RegisterAsync("late", invite));
        await NewAsync();
        Assert.Equal(1, await Storage.SqlAsync<long>("select count(*) from invites"));
    }

    [Fact]
    public async Task Their_number_is_limited()
    {
        await Storage.ExecuteAsync($"""
            insert into invites (secret_hash, note, plan_id, expires_at)
            select sha256(n::text::bytea), '', (select id from plans where name = 'default'), now() + interval '1 day'
            from generate_series(1, {InviteTable.MaxOpen}) n
            """);
        await TestUser.RefusedAsync(StorageFault.LimitReached, () => NewAsync());
        await TestUser.RefusedAsync(StorageFault.LimitReached, () => NewAsync());
        await Invites.RevokeAsync((await Invites.ListAsync(None))[0].Id, None);
        await NewAsync();
    }
}
