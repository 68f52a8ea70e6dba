using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;
using Kosha.Storage.Tree;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Audit;

/// <summary>The audit log: what it tells, how it is read, and how it stays bounded.</summary>
public sealed class AuditTableTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private static readonly CancellationToken None = CancellationToken.None;

    private AuditTable Table => new(Storage.Database);

    private Task<IReadOnlyList<AuditRow>> AllAsync(AuditFilter? filter = null) =>
        Table.PageAsync(filter ?? new(), after: null, 1000, None);

    private Task AddAsync(AuditEntry entry) => Table.AddAsync(entry, None);

    [Fact]
    public async Task An_entry_says_who_what_whom_from_where_and_with_what()
    {
        var who = User.Caller with { AppPasswordId = 12, Address = "192.0.2.1" };
        var other = await Storage.NewUserAsync();
        await AddAsync(new(AuditActions.UserChange, who)
        {
            UserId = other.Caller.UserId, NodeId = 4711, Subject = "a name", Detail = "more",
        });
        var row = Assert.Single(await AllAsync());
        var username = await Storage.SqlAsync<string>(
            $"select username from users where id = {User.Caller.UserId}");
        Assert.Equal(
            (User.Caller.UserId, username, other.Caller.UserId, "app-password", 12L, "192.0.2.1"),
            (row.UserId, row.Username, row.ConcernedId, row.Credential, row.CredentialId, row.Address));
        Assert.Equal((AuditActions.UserChange, false, 1L, 4711L, "a name", "more"),
            (row.Action, row.IsRefused, row.Times, row.NodeId, row.Subject, row.Detail));
        Assert.InRange(row.At, DateTime.UtcNow.AddMinutes(-5), DateTime.UtcNow.AddMinutes(5));
    }

    [Fact]
    public async Task A_command_is_nobody_and_who_tried_in_vain_is_somebody()
    {
        var id = User.Caller.UserId;
        await AddAsync(new(AuditActions.UserAdd) { IsCommand = true, UserId = id });
        await AddAsync(new(AuditActions.SignIn) { UserId = id, Address = "192.0.2.1", IsRefused = true });
        var rows = await AllAsync();
        Assert.Equal((id, (long?)null, (string?)null, true),
            (rows[0].UserId, rows[0].ConcernedId, rows[0].Credential, rows[0].IsRefused));
        Assert.Equal(((long?)null, id, "command", false),
            (rows[1].UserId, rows[1].ConcernedId, rows[1].Credential, rows[1].IsRefused));
        Assert.Equal(2, (await AllAsync(new() { UserId = id })).Count);
    }

    [Fact]
    public async Task Each_filter_finds_its_own()
    {
        var other = await Storage.NewUserAsync();
        await AddAsync(new(AuditActions.Trash, User.Caller with { Address = "192.0.2.1" }) { NodeId = 1 });
        await AddAsync(new(AuditActions.Restore, other.Caller with { Address = "192.0.2.2" }) { NodeId = 2 });
        await AddAsync(new(AuditActions.Limit) { Address = "192.0.2.3", IsRefused = true });
        var all = await AllAsync();
        Assert.Equal([AuditActions.Limit, AuditActions.Restore, AuditActions.Trash], all.Select(row => row.Action));
        var restored = all[1];
        foreach (var filter in new AuditFilter[]
        {
            new() { UserId = other.Caller.UserId }, new() { Action = AuditActions.Restore }, new() { NodeId = 2 },
            new() { Address = "192.0.2.2" }, new() { From = restored.At, To = all[0].At },
            new() { UserId = other.Caller.UserId, Action = AuditActions.Restore, NodeId = 2, IsRefused = false },
        })
            Assert.Equal(restored.Id, Assert.Single(await AllAsync(filter)).Id);
        Assert.Equal(all[0].Id, Assert.Single(await AllAsync(new() { IsRefused = true })).Id);
        Assert.Empty(await AllAsync(new() { UserId = User.Caller.UserId, NodeId = 2 }));
    }

    [Fact]
    public async Task Pages_go_through_all_the_newest_first_also_of_one_moment()
    {
        await Storage.Database.WriteAsync(transaction => AuditTable.AddAsync(
            transaction, new(AuditActions.Trash, User.Caller),
            [.. Enumerable.Range(1, 25).Select(i => ((long?)i, (string?)$"/{i}"))], None), None);
        foreach (var filter in new AuditFilter[] { new(), new() { UserId = User.Caller.UserId } })
        {
            var seen = new List<long?>();
            AuditPosition? after = null;
            IReadOnlyList<AuditRow> page;
            do
            {
                page = await Table.PageAsync(filter, after, 10, None);
                seen.AddRange(page.Select(row => row.NodeId));
                after = page.Count == 0 ? after : new(page[^1].At, page[^1].Id);
            }
            while (page.Count == 10);
            Assert.Equal(Enumerable.Range(1, 25).Reverse().Select(i => (long?)i), seen);
        }
    }

    [Fact]
    public async Task Long_texts_are_cut_between_letters_and_control_characters_are_no_letters()
    {
        const string Face = "\U0001F600";
        await AddAsync(new(AuditActions.Trash, User.Caller)
        {
            Subject = string.Concat(Enumerable.Repeat(Face, AuditTable.MaxTextLength + 1)), Detail = "a\0b\nc",
            Address = new('a', 500),
        });
        var row = Assert.Single(await AllAsync());
        Assert.Equal(string.Concat(Enumerable.Repeat(Face, AuditTable.MaxTextLength)), row.Subject);
        Assert.Equal("a\uFFFDb\uFFFDc", row.Detail);
        Assert.Equal(AuditTable.MaxAddressLength, row.Address!.Length);
    }

    /// <summary>Two minutes at most, wherever the test falls.</summary>
    [Fact]
    public async Task Refusals_cannot_flood_the_log()
    {
        const int Equal = 50;
        const int Addresses = 200;
        for (var i = 0; i < Equal; i++)
            await AddAsync(new(AuditActions.SignIn) { Address = "192.0.2.1", IsRefused = true });
        var equal = await AllAsync();
        Assert.InRange(equal.Count, 1, 2);
        Assert.Equal(Equal, equal.Sum(row => row.Times));
        for (var i = 0; i < Addresses; i++)
            await AddAsync(new(AuditActions.SignIn) { Address = $"198.51.100.{i}", IsRefused = true });
        var all = await AllAsync();
        Assert.InRange(all.Count, AuditTable.MaxRefusalsPerMinute, 2 * (AuditTable.MaxRefusalsPerMinute + 1));
        Assert.Equal(Equal + Addresses, all.Sum(row => row.Times));
        // One that has an entry goes on in it (another minute may have begun).
        await AddAsync(new(AuditActions.SignIn) { Address = "192.0.2.1", IsRefused = true });
        all = await AllAsync();
        Assert.InRange(all.Where(row => row.Address == "192.0.2.1").Sum(row => row.Times), Equal, Equal + 1);
        // What is done is told whatever is refused.
        await AddAsync(new(AuditActions.Trash, User.Caller));
        Assert.Equal(all.Count + 1, (await AllAsync()).Count);
    }

    [Fact]
    public async Task What_is_repeated_is_told_once_in_an_hour_by_credential_and_address()
    {
        var entry = new AuditEntry(AuditActions.SignIn, User.Caller with { AppPasswordId = 1, Address = "192.0.2.1" });
        for (var i = 0; i < 3; i++)
            await Table.AddOnceAsync(entry, None);
        Assert.Single(await AllAsync());
        await Table.AddOnceAsync(entry with { Caller = entry.Caller! with { Address = "192.0.2.2" } }, None);
        await Table.AddOnceAsync(entry with { Caller = entry.Caller! with { AppPasswordId = 2 } }, None);
        Assert.Equal(3, (await AllAsync()).Count);
        var visit = new AuditEntry(AuditActions.ShareUse, User.Caller with { ShareLinkId = 3 }) { Detail = "mounted" };
        for (var i = 0; i < 2; i++)
            await Table.AddOnceAsync(visit, None);
        await Table.AddOnceAsync(visit with { Detail = "something else" }, None);
        Assert.Equal(5, (await AllAsync()).Count);
        await Storage.ExecuteAsync("update audit set at = at - interval '61 minutes'");
        await Table.AddOnceAsync(entry, None);
        Assert.Equal(6, (await AllAsync()).Count);
    }

    [Fact]
    public async Task Retention_removes_what_is_too_old_and_too_much_by_batches()
    {
        const int Old = (2 * AuditRetention.EntriesPerStep) + 1;
        await Storage.ExecuteAsync($"""
            insert into audit (at, action) select now() - interval '31 days', 'trash' from generate_series(1, {Old})
            """);
        for (var i = 0; i < 5; i++)
            await AddAsync(new(AuditActions.Trash, User.Caller) { Subject = $"{i}" });
        Assert.Equal(Old, await new AuditRetention(Storage.Database).RunAsync(30, most: 1_000_000, None));
        Assert.Equal(0, await new AuditRetention(Storage.Database).RunAsync(30, most: 1_000_000, None));
        Assert.Equal(5, (await AllAsync()).Count);
        Assert.Equal(2, await new AuditRetention(Storage.Database).RunAsync(30, most: 3, None));
        Assert.Equal(["4", "3", "2"], (await AllAsync()).Select(row => row.Subject));
    }

    [Fact]
    public async Task Refusals_that_are_counted_together_push_nothing_out()
    {
        await AddAsync(new(AuditActions.Trash, User.Caller) { Subject = "kept" });
        for (var i = 0; i < 20; i++)
            await AddAsync(new(AuditActions.SignIn) { Address = "192.0.2.1", IsRefused = true });
        await AddAsync(new(AuditActions.Trash, User.Caller) { Subject = "new" });
        // Four where a minute ended meanwhile.
        Assert.Equal(0, await new AuditRetention(Storage.Database).RunAsync(30, most: 4, None));
        Assert.Equal("kept", (await AllAsync())[^1].Subject);
    }

    [Fact]
    public async Task What_is_done_with_files_is_told_and_a_write_is_not()
    {
        await User.SetPlanAsync("version_days = 30");
        await User.PutAsync("a", "1");
        await User.PutAsync("a", "2");
        await User.PutAsync("b", "3");
        await User.MakeFoldersAsync("c", "d");
        await User.MoveAsync("b", "a");
        Assert.Empty(await AllAsync());
        var (a, c) = ((await User.GetAsync("a")).Id, (await User.GetAsync("c")).Id);
        await User.MoveAsync("d", "c");
        await User.TrashAsync("a");
        await Storage.Tree.RestoreAsync(
            User.Caller, [a], new(ParentId: null, MayRename: false), WriteConditions.None, None);
        var version = (await User.VersionsAsync("a"))[0].Id;
        await Storage.Tree.RestoreVersionAsync(User.Caller, a, version, WriteConditions.None, None);
        await Storage.Tree.DeleteVersionAsync(User.Caller, a, (await User.VersionsAsync("a"))[0].Id, None);
        await Storage.Tree.MarkTrashAsync(User.Caller, [c], None);
        await User.TrashAsync("a");
        await Storage.Tree.MarkAllTrashAsync(User.Caller, None);
        Assert.Equal(
        [
            (AuditActions.Replace, c, "/c"), (AuditActions.Trash, a, "/a"), (AuditActions.Restore, a, "/a"),
            (AuditActions.VersionRestore, a, "/a"), (AuditActions.VersionDelete, a, "/a"),
            (AuditActions.Purge, c, "c"), (AuditActions.Trash, a, "/a"), (AuditActions.TrashEmpty, null, null),
        ], (await AllAsync()).Reverse().Select(row => (row.Action, row.NodeId, row.Subject)));
    }

    [Fact]
    public async Task What_was_refused_and_rolled_back_is_not_told()
    {
        await User.PutAsync("a", "1");
        await TestUser.FaultAsync(() => User.TrashAsync("b"));
        var id = (await User.GetAsync("a")).Id;
        await TestUser.FaultAsync(() => Storage.Tree.TrashAsync(
            User.Caller, [id, long.MaxValue], WriteConditions.None, None));
        await TestUser.FaultAsync(() => User.MoveAsync("a", "a/b"));
        Assert.Empty(await AllAsync());
    }

    [Fact]
    public async Task Sessions_and_accounts_tell_of_themselves()
    {
        var sessions = new SessionTable(Storage.Database);
        var hash = new byte[32];
        var caller = await sessions.AddAsync(
            User.Caller with { Address = "192.0.2.9" }, hash, isRemembered: false, userAgent: null, None);
        await sessions.EndAsync(hash, "192.0.2.9", None);
        await sessions.EndAsync(hash, "192.0.2.9", None);
        var rows = await AllAsync();
        Assert.Equal([AuditActions.SignOut, AuditActions.SignIn], rows.Select(row => row.Action));
        Assert.All(rows, row => Assert.Equal(
            (User.Caller.UserId, "session", caller.SessionId, "192.0.2.9"),
            (row.UserId, row.Credential, row.CredentialId, row.Address)));
    }
}
