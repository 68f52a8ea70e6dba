using System.Globalization;
using System.Security.Cryptography;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Uploads;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Accounts;

/// <summary>What a user has goes with the user, in steps, and what others have stays.</summary>
public sealed class AccountDeletionTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private static readonly CancellationToken None = CancellationToken.None;

    private UserTable Users => new(Storage.Database);

    private Task<AccountDeletionResult> RunAsync() =>
        new AccountDeletion(Storage.Database, Storage.Store).RunAsync(TimeSpan.Zero, None);

    private Task<long> CountAsync(string table, TestUser user, string column = "user_id") =>
        Storage.SqlAsync<long>($"select count(*) from {table} where {column} = {user.Caller.UserId}");

    private async Task AssertGoneAsync(TestUser user)
    {
        foreach (var table in new[]
        {
            "file_nodes", "usage", "uploads", "sessions", "app_passwords", "two_factors", "recovery_codes", "locks",
            "versions", "search_profiles", "node_names",
        })
            Assert.Equal(0, await CountAsync(table, user));
        Assert.Equal(0, await CountAsync("users", user, "id"));
        await Storage.AssertCleanAsync();
    }

    /// <summary>Folders of a thousand files each, and as much in the trash, all of one content.</summary>
    private async Task FillAsync(TestUser user, int files)
    {
        await user.PutAsync("seed", "shared by many");
        await Storage.ExecuteAsync(string.Create(CultureInfo.InvariantCulture, $"""
            with root as (
                select id, user_id from file_nodes where user_id = {user.Caller.UserId} and parent_id is null
            ), folders as (
                insert into file_nodes (user_id, parent_id, name, name_folded, is_folder, trashed_at)
                select user_id, case when n % 2 = 0 then id end, 'f' || n, 'F' || n, true,
                       case when n % 2 = 1 then now() end
                from root, generate_series(1, {files / 1000}) n returning id, user_id
            ), made as (
                insert into file_nodes (user_id, parent_id, name, name_folded, is_folder, blob_id, size)
                select f.user_id, f.id, 'n' || n, 'N' || n, false, b.id, b.size
                from folders f, generate_series(1, 1000) n, blobs b
                where b.sha256 = '\x{StorageFixture.HashOf("shared by many")}' returning size
            )
            update usage set bytes = bytes + (select sum(size) from made),
                nodes = nodes + (select count(*) from made) + (select count(*) from folders)
            where user_id = {user.Caller.UserId}
            """));
    }

    [Fact]
    public async Task Who_cannot_sign_in_is_no_administrator_who_is_left()
    {
        var other = (await Storage.NewUserAsync()).Caller.UserId;
        await Storage.ExecuteAsync($"""
            update users set is_admin = true, password_hash = case when id = {other} then '' else 'hash' end
            where id in ({User.Caller.UserId}, {other})
            """);
        Assert.Equal(StorageFault.NotAllowed,
            await TestUser.FaultAsync(() => Users.BeginDeletionAsync(User.Caller.UserId, None)));
        await Storage.ExecuteAsync($"update users set password_hash = 'hash' where id = {other}");
        await Users.BeginDeletionAsync(User.Caller.UserId, None);
    }

    [Fact]
    public async Task All_of_a_large_account_goes_and_what_others_share_survives()
    {
        var (leaving, staying) = (await Storage.NewUserAsync(), User);
        await FillAsync(leaving, TestSize.Pick(10_000, 100_000));
        await staying.PutAsync("shared", "shared by many");
        await leaving.SetPlanAsync("version_days = 30");
        await leaving.PutAsync("own", "nobody else had this");
        await leaving.PutAsync("own", "nobody else has this");
        await leaving.MakeFoldersAsync("a", "a/b", "a/b/c");
        await leaving.LockAsync("a/b", deep: true);
        await Storage.LimitAsync(leaving, "a/b");
        await new SessionTable(Storage.Database).AddAsync(leaving.Caller, new byte[32], false, null, None);
        await new TwoFactorTable(Storage.Database).BeginAsync(leaving.Caller, [1], None);
        await Storage.ExecuteAsync(
            $"insert into search_profiles (user_id, name, query) values ({leaving.Caller.UserId}, 'kept', 'x')");
        await Storage.AssertCleanAsync();

        await Users.BeginDeletionAsync(leaving.Caller.UserId, None);
        await TestUser.RefusedAsync(StorageFault.CredentialRevoked, () => leaving.ReadAsync("own"));
        var done = await RunAsync();
        Assert.Equal((1, 0, 0), (done.Deleted, done.Waiting, done.Failed.Count));
        Assert.InRange(done.Nodes, TestSize.Pick(10_000, 100_000), long.MaxValue);
        await AssertGoneAsync(leaving);
        Assert.Equal("shared by many", await staying.ReadAsync("shared"));
        await Storage.SweepAsync();
        Assert.Equal(2, (await Storage.SweepAsync()).Deleted);
        Assert.False(File.Exists(Storage.FileOf("nobody else has this")));
        Assert.Equal("shared by many", await staying.ReadAsync("shared"));
        Assert.Equal(0, (await RunAsync()).Deleted);
    }

    [Fact]
    public async Task Uploads_end_and_the_account_waits_for_the_end_of_their_urls()
    {
        using var uploads = Storage.UploadsOn(Storage.Store);
        var content = RandomNumberGenerator.GetBytes(500);
        var wish = new NewUpload(TestUser.At("up"), content.Length, new(SHA256.HashData(content)));
        var begun = (await uploads.BeginAsync(User.Caller, wish, None)).Upload;
        await uploads.ReceiveAsync(begun.Id, 0, new MemoryStream(content), content.Length, None);
        var verified = (await uploads.BeginAsync(User.Caller, wish with { Path = TestUser.At("v") }, None)).Upload;
        await uploads.ReceiveAsync(verified.Id, 0, new MemoryStream(content), content.Length, None);
        var taken = (await uploads.TakeAsync(User.Caller, verified.Id, None))!;
        await Users.BeginDeletionAsync(User.Caller.UserId, None);
        var first = await RunAsync();
        Assert.Equal((0, 1), (first.Deleted, first.Waiting));
        Assert.Equal(1, await CountAsync("users", User, "id"));
        await TestUser.RefusedAsync(StorageFault.CredentialRevoked,
            () => uploads.FinishAsync(User.Caller, taken, [], TimeProvider.System, None));
        await TestUser.RefusedAsync(StorageFault.NotFound,
            () => uploads.ReceiveAsync(begun.Id, 0, new MemoryStream(content), content.Length, None));
        await Storage.ExecuteAsync("update uploads set urls_expire_at = now() - interval '1 hour'");
        Assert.Equal(1, (await RunAsync()).Deleted);
        await AssertGoneAsync(User);
        Assert.Empty(Directory.GetFiles(
            Path.Combine(Storage.BlobFolder, "uploads"), "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Bytes_that_come_when_the_user_is_gone_go_with_the_next_reconcile()
    {
        using var uploads = Storage.UploadsOn(Storage.Store);
        var wish = new NewUpload(TestUser.At("up"), 3, new(SHA256.HashData("abc"u8)));
        var begun = (await uploads.BeginAsync(User.Caller, wish, None)).Upload;
        await Users.BeginDeletionAsync(User.Caller.UserId, None);
        await Storage.ExecuteAsync("update uploads set urls_expire_at = now() - interval '1 hour'");
        Assert.Equal(1, (await RunAsync()).Deleted);
        var late = Path.Combine(Storage.BlobFolder, begun.Key.ToString());
        Directory.CreateDirectory(Path.GetDirectoryName(late)!);
        await File.WriteAllTextAsync(late, "abc");
        var foreign = Path.Combine(Storage.BlobFolder, "uploads", "999999", "1");
        Directory.CreateDirectory(Path.GetDirectoryName(foreign)!);
        await File.WriteAllTextAsync(foreign, "not ours");
        await Storage.ReconcileAsync();
        Assert.Equal((false, true), (File.Exists(late), File.Exists(foreign)));
    }

    [Fact]
    public async Task An_account_that_cannot_go_keeps_no_other()
    {
        var (stuck, leaving) = (User, await Storage.NewUserAsync());
        await Storage.ExecuteAsync("create table held (user_id bigint references users)");
        await Storage.ExecuteAsync($"insert into held values ({stuck.Caller.UserId})");
        await Users.BeginDeletionAsync(stuck.Caller.UserId, None);
        await Users.BeginDeletionAsync(leaving.Caller.UserId, None);
        var done = await RunAsync();
        Assert.Equal((1, 1, 1), (done.Deleted, done.Waiting, done.Failed.Count));
        Assert.Equal(0, await CountAsync("users", leaving, "id"));
        Assert.Equal(1, await CountAsync("users", stuck, "id"));
    }

    [Fact]
    public async Task Who_is_being_deleted_is_no_user_any_more()
    {
        var name = await Storage.SqlAsync<string>($"select username from users where id = {User.Caller.UserId}");
        await Users.BeginDeletionAsync(User.Caller.UserId, None);
        await TestUser.RefusedAsync(StorageFault.NotFound, () => Users.SetEnabledAsync(name, enabled: true, None));
        await TestUser.RefusedAsync(StorageFault.NotFound, () => Users.SetPasswordAsync(name, "hash", None));
        await TestUser.RefusedAsync(
            StorageFault.NotFound, () => Users.ChangeAsync(User.Caller.UserId, new() { IsAdmin = true }, None));
        await TestUser.RefusedAsync(
            StorageFault.NotFound, () => Users.BeginDeletionAsync(User.Caller.UserId, None));
        await TestUser.RefusedAsync(StorageFault.AlreadyExists, () => Users.AddAsync(new(name, "hash"), None));
        var passwords = new AppPasswordTable(Storage.Database);
        await TestUser.RefusedAsync(StorageFault.NotFound, () => passwords.ListAsync(name, None));
        await TestUser.RefusedAsync(
            StorageFault.NotFound, () => passwords.AddAsync(name, new("label", new byte[32]), None));
        await RunAsync();
        await Users.AddAsync(new(name, "hash"), None);
    }

    [Fact]
    public async Task The_last_administrator_stays_one_whoever_else_goes_at_the_same_time()
    {
        var admins = new List<long>();
        for (var i = 0; i < 4; i++)
            admins.Add(await Users.AddAsync(new($"admin{i}", "hash") { IsAdmin = true }, None));
        var changes = admins.Select<long, Func<Task>>((id, i) => i switch
        {
            0 => () => Users.ChangeAsync(id, new() { IsAdmin = false }, None),
            1 => () => Users.ChangeAsync(id, new() { IsDisabled = true }, None),
            2 => () => Users.SetEnabledAsync("admin2", enabled: false, None),
            _ => () => Users.BeginDeletionAsync(id, None),
        });
        var refused = 0;
        await Task.WhenAll(changes.Select(async change =>
        {
            try
            {
                await change();
            }
            catch (StorageException e) when (e.Fault == StorageFault.NotAllowed)
            {
                Interlocked.Increment(ref refused);
            }
        }));
        Assert.Equal(1, refused);
        Assert.Equal(1, await Storage.SqlAsync<long>(
            "select count(*) from users where is_admin and disabled_at is null"));
    }
}
