using System.IO.Pipelines;
using System.Security.Cryptography;
using Kosha.Daemon.Auth;
using Kosha.Storage;
using Kosha.Storage.Blobs;
using Kosha.Storage.Sharing;
using Kosha.Storage.Tree;
using Kosha.Storage.Upkeep;
using Kosha.Tests.Infrastructure;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Kosha.Tests.Storage.Sharing;

/// <summary>Share links beside the tree: what purges, moves and upkeep leave of them.</summary>
public sealed class ShareLinkTableTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly Dictionary<long, byte[]> hashes = [];

    private ShareLinkTable Links => new(Storage.Database);

    private async Task<long> ShareAsync(string path, long? maxDownloads = null)
    {
        var hash = RandomNumberGenerator.GetBytes(32);
        var made = await Links.AddAsync(User.Caller, new((await User.GetAsync(path)).Id, hash, [1])
        {
            MaxDownloads = maxDownloads,
        }, None);
        hashes[made.Id] = hash;
        return made.Id;
    }

    private async Task<OpenShareLink> OpenAsync(long id) => (await Links.FindAsync(hashes[id], None))!;

    private Task<long> CountAsync() => Storage.SqlAsync<long>("select count(*) from share_links");

    [Fact]
    public async Task A_link_goes_with_its_node_however_that_goes()
    {
        await User.MakeFoldersAsync("folder", "folder/sub", "empty");
        foreach (var path in new[] { "folder/file", "folder/sub/deep", "file" })
            await User.PutAsync(path, path);
        foreach (var path in new[] { "folder", "folder/sub", "folder/file", "folder/sub/deep", "file", "empty" })
            await ShareAsync(path);
        await ShareAsync("file");
        foreach (var path in new[] { "folder", "file", "empty" })
            await User.TrashAsync(path);
        Assert.Equal(7, await CountAsync());
        await Storage.ExecuteAsync("update plans set trash_days = 0");
        var purged = await new TrashPurge(Storage.Database, Storage.Tree).RunAsync(None);
        Assert.Equal((6L, 0L), (purged.Nodes, (long)purged.Failed.Count));
        Assert.Equal(0, await CountAsync());
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task A_link_goes_where_its_file_takes_the_place_of_another()
    {
        await User.PutAsync("old", "old");
        await User.PutAsync("new", "new");
        var (ofOld, ofNew) = (await ShareAsync("old"), await ShareAsync("new"));
        var before = (await OpenAsync(ofNew)).Reader(null);
        await User.MoveAsync("new", "old");
        var place = (await User.GetAsync("old")).Id;
        foreach (var id in new[] { ofOld, ofNew })
            Assert.Equal(place, (await OpenAsync(id)).NodeId);
        // Who was inside looks for the link anew.
        var fault = await Assert.ThrowsAsync<StorageException>(
            () => Storage.Tree.FindAsync(before, NodePath.Root, None));
        Assert.Equal(StorageFault.CredentialRevoked, fault.Fault);
        var reader = (await OpenAsync(ofNew)).Reader(null);
        Assert.Equal("old", (await Storage.Tree.FindAsync(reader, NodePath.Root, None))!.Name);
    }

    [Fact]
    public async Task Trash_that_makes_room_takes_its_links_along()
    {
        var user = await Storage.NewUserAsync(maxBytes: 10);
        await user.PutAsync("old", "12345678");
        await Links.AddAsync(user.Caller, new((await user.GetAsync("old")).Id, RandomNumberGenerator.GetBytes(32), [1]),
            None);
        await user.TrashAsync("old");
        await Storage.ExecuteAsync(
            "update file_nodes set trashed_at = trashed_at - interval '2 days' where trashed_at is not null");
        var vault = new Vault(
            Storage.Database, new NodeTree(Storage.Database) { FreesTrash = true }, Storage.Store, Storage.Spools);
        await vault.WriteAsync(user.Caller, TestUser.At("new"), TestUser.Body("abcdefgh"), new(), None);
        Assert.Equal(0, await CountAsync());
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task What_is_over_for_long_goes_and_nothing_else()
    {
        await User.PutAsync("file", "x");
        var open = await ShareAsync("file");
        var (revoked, expired, usedUp, lately) = (await ShareAsync("file"), await ShareAsync("file"),
            await ShareAsync("file", maxDownloads: 1), await ShareAsync("file", maxDownloads: 1));
        await Links.RevokeAsync(User.Caller, revoked, None);
        foreach (var id in new[] { usedUp, lately })
        {
            var link = await OpenAsync(id);
            Assert.True(await Links.TakeAsync(link, link.NodeId, "here", None));
            Assert.False(await Links.TakeAsync(link, link.NodeId, "here", None));
        }
        const string Long = "now() - interval '31 days'";
        await Storage.ExecuteAsync($"""
            update share_links set revoked_at = {Long} where id = {revoked};
            update share_links set expires_at = {Long} where id = {expired};
            update share_links set last_used_at = {Long} where id in ({usedUp}, {open});
            """);
        Assert.Equal(3, await new ShareExpiry(Storage.Database).RunAsync(None));
        Assert.Equal([open, lately], (await Links.ListAsync(User.Caller, null, long.MaxValue, 10, None))
            .Select(link => link.Id).Order());
    }

    [Fact]
    public async Task What_visitors_did_is_added_up()
    {
        await User.PutAsync("file", "x");
        var id = await ShareAsync("file");
        var other = (await Storage.NewUserAsync()).Caller.UserId;
        foreach (var user in new[] { $"{User.Caller.UserId}", "null", $"{other}" })
            await Storage.ExecuteAsync($"""
                insert into webhooks (user_id, url, events, secret)
                values ({user}, 'https://example.org/', array['share.*'], 'secret')
                """);
        await Links.NoteAsync(
            [new(id, "here", 3, 1), new(id, "there", 2, 2, Uploads: 1), new(999_999, "x", 1, 1)], None);
        var link = await Links.GetAsync(User.Caller, id, None);
        Assert.Equal((5L, 3L), (link.Accesses, link.Downloads));
        Assert.NotNull(link.LastUsedAt);
        // Whoever it was, it was not the owner.
        Assert.Equal(2, await Storage.SqlAsync<long>($"""
            select count(*) from audit where action = 'share-use' and credential_id = {id}
                and user_id is null and username is null and concerned_id = {User.Caller.UserId}
            """));
        // Those of the owner and of the installation hear of each.
        Assert.Equal("1+0 1+0 2+1 2+1", await Storage.SqlAsync<string>($"""
            select string_agg(d ->> 'downloads' || '+' || (d ->> 'uploads'), ' ' order by o.id)
            from outbox o join webhooks w on w.id = o.webhook_id
            cross join lateral (select o.payload::json -> 'data' as d) p
            where o.type = 'share.used' and w.user_id is distinct from {other}
            """));
        Assert.Equal(4, await Storage.SqlAsync<long>("select count(*) from outbox"));
        Assert.Equal(1, await Storage.SqlAsync<long>(
            $"select count(*) from audit where action = 'share-add' and subject = '/file'"));
    }

    [Fact]
    public async Task A_maximum_that_comes_with_a_download_is_judged_by_it()
    {
        await User.PutAsync("file", "x");
        var id = await ShareAsync("file", maxDownloads: 5);
        Task<StorageFault> change = null!;
        await Storage.Database.WriteAsync(async transaction =>
        {
            await using var download = transaction.Connection!.CreateCommand();
            download.CommandText = $"update share_links set downloads = 3 where id = {id}";
            await download.ExecuteNonQueryAsync();
            change = TestUser.FaultAsync(() => Links.ChangeAsync(User.Caller, id, new() { MaxDownloads = 2 }, None));
            await Eventually.TrueAsync("the change waits", async () => await Storage.SqlAsync<long>("""
                select count(*) from pg_stat_activity
                where datname = current_database() and wait_event_type = 'Lock'
                """) == 1);
        }, None);
        Assert.Equal(StorageFault.InvalidValue, await change);
        Assert.Equal(5, (await Links.GetAsync(User.Caller, id, None)).MaxDownloads);
    }

    [Theory]
    [InlineData(0, 7, StorageFault.NotAllowed)]
    [InlineData(36_500, null, StorageFault.NotAllowed)]
    [InlineData(36_500, 0, StorageFault.InvalidValue)]
    public async Task The_days_of_a_plan_hold_at_their_ends(int most, int? days, StorageFault fault)
    {
        await User.PutAsync("file", "x");
        await User.SetPlanAsync($"max_share_days = {most}");
        var wish = new NewShareLink((await User.GetAsync("file")).Id, RandomNumberGenerator.GetBytes(32), [1])
        {
            Term = days == 7 ? ShareTerm.Usual : new(null, days),
        };
        Assert.Equal(fault, await TestUser.FaultAsync(() => Links.AddAsync(User.Caller, wish, None)));
        if (most > 0)
            await Links.AddAsync(User.Caller, wish with { Term = new(null, most) }, None);
    }

    [Fact]
    public async Task Whoever_comes_from_many_addresses_is_told_in_few_entries_and_counted_in_full()
    {
        const int Many = 100;
        await User.PutAsync("file", "x");
        var id = await ShareAsync("file");
        using var uses = new ShareUses(Links, NullLogger<ShareUses>.Instance);
        for (var i = 0; i < Many; i++)
        {
            uses.Add(new(id, $"192.0.2.{i}", 1, 1));
            uses.Add(new(id, $"2001:db8::{i:x}", 1, 1));
        }
        await uses.WriteAsync();
        Assert.Equal(2 * Many, (await Links.GetAsync(User.Caller, id, None)).Downloads);
        const string Told = "from audit where action = 'share-use'";
        Assert.Equal(ShareUses.AddressesPerLink + 1, await Storage.SqlAsync<long>($"select count(*) {Told}"));
        Assert.Equal($"downloads: {Many}, uploads: 0",
            await Storage.SqlAsync<string>($"select detail {Told} and address = '2001:db8::/64'"));
        Assert.Equal($"downloads: {Many - ShareUses.AddressesPerLink + 1}, uploads: 0",
            await Storage.SqlAsync<string>($"select detail {Told} and address is null"));
    }

    [Fact]
    public async Task What_cannot_be_written_is_written_later()
    {
        await User.PutAsync("file", "x");
        var id = await ShareAsync("file");
        using var uses = new ShareUses(Links, NullLogger<ShareUses>.Instance);
        uses.Add(new(id, "192.0.2.1", 1, 1));
        await Storage.ExecuteAsync("alter table audit rename to elsewhere");
        await uses.WriteAsync();
        await Storage.ExecuteAsync("alter table elsewhere rename to audit");
        uses.Add(new(id, "192.0.2.1", 1, 1));
        await uses.WriteAsync();
        await uses.WriteAsync();
        Assert.Equal(2, (await Links.GetAsync(User.Caller, id, None)).Downloads);
    }

    [Fact]
    public async Task What_a_visitor_announces_takes_no_space_before_it_comes()
    {
        await User.MakeFoldersAsync("box");
        var visitor = (await OpenAsync(await ShareAsync("box"))).Reader(null) with { IsReadOnly = false };
        const int Announced = 50_000_000;
        var body = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        var write = Storage.Vault.WriteAsync(visitor, NodePath.FromNames(["file"]), body.Reader.AsStream(),
            new() { IsBeside = true, AnnouncedBytes = Announced }, None);
        await body.Writer.WriteAsync(new byte[Spool.MaxMemoryBytes + 1], None);
        await Eventually.TrueAsync("it is received", () => Storage.Spools.ReservedBytes > 0);
        Assert.InRange(Storage.Spools.ReservedBytes, 1, Announced / 10);
        await body.Writer.CompleteAsync();
        await TestUser.RefusedAsync(StorageFault.DigestMismatch, () => write);
        Assert.Equal(0, Storage.Spools.ReservedBytes);
    }
}
