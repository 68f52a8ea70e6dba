using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;
using Kosha.Storage.Upkeep;
using Kosha.Storage.Webhooks;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Webhooks;

/// <summary>What stands in the outbox after what users do, in which order, and what does not.</summary>
public sealed class EventTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private static readonly CancellationToken None = CancellationToken.None;

    /// <summary>An event as a webhook gets it.</summary>
    private sealed record Told(string Type, long? NodeId, JsonNode Payload)
    {
        public JsonNode? Node => Payload["data"]!["node"];

        public string? Path => (string?)Node!["path"];

        public string? FromPath => (string?)Payload["data"]!["from"]?["path"];

        public override string ToString() =>
            $"{Type} {Path}{(FromPath is null ? "" : $" from {FromPath}")}";
    }

    private Task<long> ListenAsync(TestUser? user, params string[] events) => Storage.SqlAsync<long>($"""
        insert into webhooks (user_id, url, events, secret)
        values ({user?.Caller.UserId.ToString(CultureInfo.InvariantCulture) ?? "null"}, 'https://example.org/',
            array[{string.Join(", ", events.Select(name => $"'{name}'"))}], 'secret')
        returning id
        """);

    /// <summary>What came since the last look, in the order in which it goes out.</summary>
    private async Task<List<Told>> TakeAsync(long webhookId)
    {
        var found = new List<Told>();
        await using var command = Storage.Database.Source.CreateCommand($"""
            with gone as (delete from outbox where webhook_id = {webhookId} returning id, type, node_id, payload)
            select type, node_id, payload from gone order by id
            """);
        await using var rows = await command.ExecuteReaderAsync();
        while (await rows.ReadAsync())
            found.Add(new(
                rows.GetString(0), await rows.IsDBNullAsync(1) ? null : rows.GetInt64(1),
                JsonNode.Parse(rows.GetString(2))!));
        return found;
    }

    private async Task<string[]> SaidAsync(long webhookId) =>
        [.. (await TakeAsync(webhookId)).Select(told => told.ToString())];

    [Fact]
    public async Task A_file_is_told_of_from_its_beginning_to_its_end()
    {
        var webhook = await ListenAsync(User, "file.*");
        await User.SetPlanAsync("version_days = 30");
        await User.MakeFolderAsync("Films");
        var (node, _) = await User.PutAsync("Films/a.txt", "one");
        await User.PutAsync("Films/a.txt", "other");
        await User.MoveAsync("Films/a.txt", "b.txt");
        await User.TrashAsync("b.txt");
        await Storage.Tree.RestoreAsync(
            User.Caller, [node.Id], new(null, MayRename: false), WriteConditions.None, None);
        var version = (await User.VersionsAsync("b.txt"))[0].Id;
        await Storage.Tree.RestoreVersionAsync(User.Caller, node.Id, version, WriteConditions.None, None);
        await User.TrashAsync("b.txt");
        await Storage.Tree.MarkTrashAsync(User.Caller, [node.Id], None);
        var told = await TakeAsync(webhook);
        Assert.Equal(
            [
                "file.created /Films", "file.created /Films/a.txt", "file.updated /Films/a.txt",
                "file.moved /b.txt from /Films/a.txt", "file.trashed /b.txt", "file.restored /b.txt",
                "file.updated /b.txt", "file.trashed /b.txt", "file.deleted /b.txt",
            ],
            told.Select(one => one.ToString()));
        Assert.All(told.Skip(1), one => Assert.Equal(node.Id, one.NodeId));
        Assert.All(told, one => Assert.Equal(User.Caller.UserId, (long)one.Payload["data"]!["userId"]!));
    }

    [Fact]
    public async Task A_payload_says_what_the_api_says_of_the_node()
    {
        var webhook = await ListenAsync(User, WebhookEvents.FileCreated);
        var (file, _) = await User.PutAsync("\"quoted\" ä.txt", "twelve bytes");
        var told = Assert.Single(await TakeAsync(webhook));
        var node = told.Node!;
        Assert.Equal(WebhookEvents.FileCreated, (string)told.Payload["type"]!);
        Assert.InRange(
            DateTimeOffset.Parse((string)told.Payload["timestamp"]!, CultureInfo.InvariantCulture),
            DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddMinutes(5));
        Assert.Equal(file.Id, (long)node["id"]!);
        Assert.Equal(file.ParentId, (long)node["parentId"]!);
        Assert.Equal(file.Name, (string)node["name"]!);
        Assert.Equal($"/{file.Name}", told.Path);
        Assert.False((bool)node["isFolder"]!);
        Assert.Equal(12, (long)node["size"]!);
        Assert.Equal($"\"{file.Etag:N}\"", (string)node["etag"]!);
        Assert.Null(told.Payload["data"]!["from"]);
    }

    [Fact]
    public async Task Each_hears_what_it_asked_for_and_nothing_of_others()
    {
        var other = await Storage.NewUserAsync();
        var own = await ListenAsync(User, WebhookEvents.FileTrashed);
        var all = await ListenAsync(null, "file.*");
        var users = await ListenAsync(User, "user.*", "share.*");
        var off = await ListenAsync(User, "file.*");
        await Storage.ExecuteAsync($"update webhooks set disabled_at = now() where id = {off}");
        foreach (var user in new[] { User, other })
        {
            await user.PutAsync("file", "x");
            await user.TrashAsync("file");
        }
        Assert.Equal(["file.trashed /file"], await SaidAsync(own));
        Assert.Equal(
            ["file.created /file", "file.trashed /file", "file.created /file", "file.trashed /file"],
            await SaidAsync(all));
        Assert.Empty(await SaidAsync(users));
        Assert.Empty(await SaidAsync(off));
    }

    [Fact]
    public async Task What_hangs_below_is_not_told_of()
    {
        await User.MakeFoldersAsync("a", "a/b", "to");
        foreach (var name in (string[])["a/1", "a/b/2", "a/b/3"])
            await User.PutAsync(name, "x");
        var webhook = await ListenAsync(User, "file.*");
        await User.MoveAsync("a", "to/a");
        await User.CopyAsync("to/a", "copy");
        await User.TrashAsync("to/a/b/3");
        await User.TrashAsync("to");
        await Storage.Tree.MarkAllTrashAsync(User.Caller, None);
        await new TrashPurge(Storage.Database, Storage.Tree).RunAsync(None);
        var told = await SaidAsync(webhook);
        Assert.Equal(
            ["file.moved /to/a from /a", "file.created /copy", "file.trashed /to/a/b/3", "file.trashed /to"],
            told[..4]);
        Assert.Equal(["file.deleted /to", "file.deleted /to/a/b/3"], told[4..].Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task What_takes_a_place_and_what_had_it_are_told_of()
    {
        await User.MakeFoldersAsync("folder");
        foreach (var name in (string[])["a", "b", "c", "d"])
            await User.PutAsync(name, name);
        var (source, target) = ((await User.GetAsync("a")).Id, (await User.GetAsync("b")).Id);
        var webhook = await ListenAsync(User, "file.*");
        await User.MoveAsync("a", "b");
        var merged = await TakeAsync(webhook);
        Assert.Equal(["file.deleted /a", "file.updated /b"], merged.Select(told => told.ToString()));
        Assert.Equal([source, target], merged.Select(told => told.NodeId!.Value));
        await User.CopyAsync("b", "c");
        await User.MoveAsync("folder", "d");
        Assert.Equal(
            ["file.updated /c", "file.moved /d from /folder", "file.trashed /d"], await SaidAsync(webhook));
    }

    [Fact]
    public async Task Paths_are_those_of_the_user_also_for_who_reaches_one_folder()
    {
        await User.MakeFoldersAsync("a", "a/b");
        var webhook = await ListenAsync(User, "file.*");
        var limited = await Storage.LimitAsync(User, "a/b");
        await limited.PutAsync("file", "x");
        await limited.MoveAsync("file", "moved");
        Assert.Equal(
            ["file.created /a/b/file", "file.moved /a/b/moved from /a/b/file"], await SaidAsync(webhook));
    }

    [Fact]
    public async Task What_is_rolled_back_is_not_told_of()
    {
        await User.PutAsync("there", "x");
        await User.SetPlanAsync("max_bytes = 10");
        var webhook = await ListenAsync(User, "file.*");
        await TestUser.RefusedAsync(StorageFault.QuotaExceeded, () => User.PutAsync("large", "more than ten bytes"));
        await TestUser.RefusedAsync(StorageFault.NotFound, () => User.TrashAsync("nothing"));
        await Assert.ThrowsAsync<InvalidOperationException>(() => Storage.Database.WriteAsync(async transaction =>
        {
            await Outbox.AddAsync(
                transaction, new(WebhookEvents.FileCreated, User.Caller.UserId, null, new { }), None);
            throw new InvalidOperationException();
        }, None));
        Assert.Empty(await SaidAsync(webhook));
    }

    [Fact]
    public async Task A_batch_is_told_of_node_by_node()
    {
        const int Count = 500;
        await User.MakeFoldersAsync("from", "to");
        await Storage.ExecuteAsync($"""
            insert into file_nodes (user_id, parent_id, name, name_folded, is_folder)
            select {User.Caller.UserId}, {(await User.GetAsync("from")).Id}, n::text, n::text, true
            from generate_series(1, {Count}) n
            """);
        var names = await User.NamesAsync("from");
        var ids = new List<long>();
        foreach (var name in names)
            ids.Add((await User.GetAsync($"from/{name}")).Id);
        var webhook = await ListenAsync(User, "file.*");
        var to = (await User.GetAsync("to")).Id;
        await Storage.Tree.MoveAsync(User.Caller, ids, to, NameConflict.Fail, WriteConditions.None, None);
        Assert.Equal(
            names.Select(name => $"file.moved /to/{name} from /from/{name}").Order(StringComparer.Ordinal),
            (await SaidAsync(webhook)).Order(StringComparer.Ordinal));
        await Storage.Tree.TrashAsync(User.Caller, ids, WriteConditions.None, None);
        Assert.Equal(
            names.Select(name => $"file.trashed /to/{name}").Order(StringComparer.Ordinal),
            (await SaidAsync(webhook)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Trash_that_makes_room_or_is_due_is_told_of()
    {
        var freeing = new NodeTree(Storage.Database) { FreesTrash = true };
        await User.PutAsync("old", "0123456789");
        await User.TrashAsync("old");
        await User.SetPlanAsync("max_bytes = 15, trash_days = 30");
        await Storage.ExecuteAsync("update file_nodes set trashed_at = now() - interval '2 days' where name = 'old'");
        var webhook = await ListenAsync(User, WebhookEvents.FileDeleted);
        await new Vault(Storage.Database, freeing, Storage.Store, Storage.Spools).WriteAsync(
            User.Caller, TestUser.At("new"), TestUser.Body("0123456789"), new FileWrite(), None);
        var freed = Assert.Single(await TakeAsync(webhook));
        Assert.Equal("old", (string)freed.Node!["name"]!);
        await User.TrashAsync("new");
        await Storage.ExecuteAsync("update file_nodes set trashed_at = now() - interval '31 days' where name = 'new'");
        await new TrashPurge(Storage.Database, Storage.Tree).RunAsync(None);
        Assert.Equal(["file.deleted /new"], await SaidAsync(webhook));
        await Storage.AssertCleanAsync();
    }

    [Fact]
    public async Task The_longest_path_is_left_out_and_the_write_succeeds()
    {
        var name = new string('"', 250);
        var path = "";
        for (var level = 0; level < 50; level++)
            await User.MakeFolderAsync(path = $"{path}/{name}");
        var webhook = await ListenAsync(User, "file.*");
        await User.PutAsync($"{path}/file", "x");
        await User.MoveAsync($"{path}/file", $"{path}/moved");
        var told = await TakeAsync(webhook);
        Assert.Equal(["file.created", "file.moved"], told.Select(one => one.Type));
        Assert.All(told, one => Assert.Null(one.Path));
    }

    [Fact]
    public async Task Users_are_told_of_to_the_whole_installations_webhooks()
    {
        var all = await ListenAsync(null, "user.*");
        var own = await ListenAsync(User, "user.*");
        var users = new UserTable(Storage.Database);
        var id = await users.AddAsync(new("ada", "-") { Email = "ada@example.org" }, None);
        var theirs = await Storage.SqlAsync<long>($"""
            insert into webhooks (user_id, url, events, secret)
            values ({id}, 'https://example.org/', array['file.*'], 'secret') returning id
            """);
        await users.BeginDeletionAsync(id, None);
        var told = await TakeAsync(all);
        Assert.Equal(["user.created", "user.deleted"], told.Select(one => one.Type));
        Assert.All(told, one => Assert.Equal(
            JsonSerializer.Serialize(new { id, username = "ada", email = "ada@example.org" }),
            one.Payload["data"]!["user"]!.ToJsonString()));
        Assert.Empty(await TakeAsync(own));
        Assert.True(await Storage.SqlAsync<bool>(
            $"select disabled_at is not null from webhooks where id = {theirs}"));
        await new AccountDeletion(Storage.Database, Storage.Store).RunAsync(TimeSpan.Zero, None);
        Assert.Equal(0, await Storage.SqlAsync<long>($"select count(*) from webhooks where user_id = {id}"));
    }

    [Fact]
    public async Task The_last_event_of_a_file_tells_of_its_last_content()
    {
        const int Writers = 4;
        const int Writes = 10;
        await User.PutAsync("file", "first");
        var webhook = await ListenAsync(User, "file.*");
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(async () =>
        {
            for (var n = 0; n < Writes; n++)
                await User.PutAsync("file", string.Create(CultureInfo.InvariantCulture, $"{writer} {n}"));
        })));
        var told = await TakeAsync(webhook);
        Assert.Equal(Writers * Writes, told.Count);
        Assert.Equal(told.Count, told.Select(one => (string)one.Node!["etag"]!).Distinct().Count());
        Assert.Equal($"\"{(await User.GetAsync("file")).Etag:N}\"", (string)told[^1].Node!["etag"]!);
    }

    /// <summary>Round trips of a write, each with its SQL.</summary>
    private async Task<List<string>> RoundTripsAsync(Func<Task> work)
    {
        var database = await Storage.SqlAsync<string>("select current_database()::text");
        var seen = new ConcurrentQueue<string>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Npgsql",
            Sample = (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity =>
            {
                // Other tests run beside this one, on databases of their own.
                if (activity.GetTagItem("db.namespace") is string name
                    && name.Contains(database, StringComparison.Ordinal)
                    && activity.GetTagItem("db.query.text") is string sql)
                    seen.Enqueue(sql);
            },
        };
        ActivitySource.AddActivityListener(listener);
        await work();
        return [.. seen];
    }

    [Fact]
    public async Task Who_is_not_listened_to_pays_nothing()
    {
        await ListenAsync(await Storage.NewUserAsync(), "file.*");
        var content = 0;
        Task PutAsync(string name) => User.PutAsync(name, $"content {content++}");
        await PutAsync("before");
        await PutAsync("before");
        var made = await RoundTripsAsync(() => PutAsync("new"));
        var written = await RoundTripsAsync(() => PutAsync("new"));
        Assert.NotEmpty(made);
        Assert.DoesNotContain(
            made.Concat(written), sql => sql.Contains("into outbox", StringComparison.Ordinal));
        await ListenAsync(User, "file.*");
        Assert.Equal(made.Count + 1, (await RoundTripsAsync(() => PutAsync("newer"))).Count);
        Assert.Equal(written.Count + 1, (await RoundTripsAsync(() => PutAsync("newer"))).Count);
    }
}
