using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;
using Xunit;
using static Kosha.Tests.Storage.TestUser;

namespace Kosha.Tests.Storage.Tree;

/// <summary>A credential that stopped being good opens nothing, from the next statement on.</summary>
public sealed class CredentialTests(StorageFixture storage) : IClassFixture<StorageFixture>
{
    private static readonly CancellationToken None = CancellationToken.None;

    private IEnumerable<Func<Task>> Everything(TestUser user, FileNode folder, Guid token) =>
    [
        () => user.FindAsync("file"), () => user.FindAsync("none"), () => user.FindAsync(""),
        () => user.LocksOnAsync("file"),
        () => storage.Tree.ListAsync(user.Caller, folder.Id, null, 10, ListedDetails.Properties, None),
        () => storage.Tree.ListAsync(user.Caller, folder.Id, null, 10, ListedDetails.Digests, None),
        () => storage.Tree.CheckAsync(user.Caller, At("file"), WriteConditions.None, None),
        () => storage.Usage.QuotaAsync(user.Caller, None),
        () => user.PutAsync("file", "x"), () => user.PutAsync("new", "x"), () => user.MakeFolderAsync("new"),
        () => user.TrashAsync("file"), () => user.TrashAsync("folder"),
        () => user.MoveAsync("file", "new"), () => user.MoveAsync("folder", "new"), () => user.CopyAsync("file", "new"),
        () => user.LockAsync("file"), () => user.LockAsync("new"),
        () => storage.Locks.RefreshAsync(user.Caller, At("folder"), 60, With(token), None),
        () => storage.Locks.UnlockAsync(user.Caller, At("folder"), token, None),
        () => storage.Tree.ChangePropertiesAsync(
            user.Caller, At("file"), new([], DateTime.UtcNow, null), WriteConditions.None, None),
    ];

    [Theory]
    [InlineData("update users set credential_stamp = gen_random_uuid() where id = ")]
    [InlineData("update users set disabled_at = now() where id = ")]
    public async Task Every_read_and_write_is_refused(string change)
    {
        var user = await storage.NewUserAsync();
        await user.MakeFolderAsync("folder");
        await user.PutAsync("file", "old");
        var folder = await user.GetAsync("folder");
        var token = await user.TokenAsync("folder");
        await storage.ExecuteAsync(change + user.Caller.UserId);
        foreach (var work in Everything(user, folder, token))
            await RefusedAsync(StorageFault.CredentialRevoked, work);
        await storage.AssertCleanAsync();
        Assert.Equal((3, 2), await user.UsageAsync());
    }

    [Fact]
    public async Task An_upload_that_began_before_ends_refused()
    {
        var user = await storage.NewUserAsync();
        var body = new Infrastructure.PatternStream(600_000, 1)
        {
            BeforeRead = position => position == 0 ? user.ChangeStampAsync() : Task.CompletedTask,
        };
        await RefusedAsync(StorageFault.CredentialRevoked, () => user.PutAsync("file", body, new FileWrite()));
        Assert.Equal((0, 0), await user.UsageAsync());
        await storage.AssertCleanAsync();
    }

    [Fact]
    public async Task A_user_who_never_was_is_refused()
    {
        var nobody = new Caller(long.MaxValue, Guid.NewGuid());
        await RefusedAsync(
            StorageFault.CredentialRevoked, () => storage.Tree.FindAsync(nobody, NodePath.Root, None));
        await RefusedAsync(StorageFault.CredentialRevoked, () => storage.Usage.QuotaAsync(nobody, None));
    }

    [Fact]
    public async Task A_lock_ends_with_the_app_password_under_which_it_was_taken()
    {
        var user = await storage.NewUserAsync();
        await user.PutAsync("file", "old");
        await user.PutAsync("other", "old");
        var id = await storage.SqlAsync<long>($"""
            insert into app_passwords (user_id, label, secret_hash)
            values ({user.Caller.UserId}, 'phone', sha256('{user.Caller.CredentialStamp}')) returning id
            """);
        var phone = user.Caller with { AppPasswordId = id };
        await storage.Locks.LockAsync(phone, At("file"), new(true, false, null, 600), WriteConditions.None, None);
        await user.LockAsync("other");
        await RefusedAsync(StorageFault.Locked, () => user.PutAsync("file", "new"));
        await storage.ExecuteAsync($"delete from app_passwords where id = {id}");
        await user.PutAsync("file", "new");
        await RefusedAsync(StorageFault.Locked, () => user.PutAsync("other", "new"));
    }
}
