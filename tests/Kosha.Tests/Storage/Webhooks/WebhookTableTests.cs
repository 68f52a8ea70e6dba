using System.Globalization;
using Kosha.Storage;
using Kosha.Storage.Audit;
using Kosha.Storage.Webhooks;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Webhooks;

/// <summary>Webhooks, of users and of the installation: who has which, what they were told, and their end.</summary>
public sealed class WebhookTableTests(SharedPostgres postgres) : StorageTest(postgres)
{
    private static readonly CancellationToken None = CancellationToken.None;

    private WebhookTable Table => new(Storage.Database);

    private WebhookScope Own => new(User.Caller, IsOfAll: false);

    private static NewWebhook Wish(params string[] events) =>
        new("https://example.org/hook?key=1", events, "protected");

    private async Task<WebhookScope> AdministerAsync()
    {
        await Storage.ExecuteAsync($"update users set is_admin = true where id = {User.Caller.UserId}");
        return new(User.Caller, IsOfAll: true);
    }

    private Task<int> TellAsync(long webhook, int count, string state) => Storage.ExecuteAsync(string.Create(
        CultureInfo.InvariantCulture, $"""
        insert into outbox (webhook_id, type, payload, state, attempts, ended_at)
        select {webhook}, 'file.created', '1', '{state}', 5, case when '{state}' <> 'pending' then now() end
        from generate_series(1, {count})
        """));

    private Task<long> CountAsync(long webhook) =>
        Storage.SqlAsync<long>($"select count(*) from outbox where webhook_id = {webhook}");

    [Fact]
    public async Task One_is_made_changed_and_removed_and_the_audit_log_says_so()
    {
        var made = await Table.AddAsync(Own, Wish("file.*") with { Description = "of mine" }, None);
        Assert.Equal(("https://example.org/hook?key=1", "of mine"), (made.Url, made.Description));
        Assert.Equal(["file.*"], made.Events);
        Assert.Null(made.DisabledAt);
        var changed = await Table.ChangeAsync(
            Own, made.Id, new() { Events = ["file.moved"], IsEnabled = false }, None);
        Assert.Equal(["file.moved"], changed.Events);
        Assert.NotNull(changed.DisabledAt);
        Assert.Equal(made.Url, changed.Url);
        await Storage.ExecuteAsync("update webhooks set disabled_reason = 'full'");
        changed = await Table.ChangeAsync(Own, made.Id, new() { IsEnabled = true, Url = "http://example.net/" }, None);
        Assert.Null(changed.DisabledAt);
        Assert.Null(changed.DisabledReason);
        Assert.Equal(changed.Url, Assert.Single(await Table.ListAsync(Own, None)).Url);
        await Table.RemoveAsync(Own, made.Id, None);
        Assert.Empty(await Table.ListAsync(Own, None));
        await TestUser.RefusedAsync(StorageFault.NotFound, () => Table.GetAsync(Own, made.Id, None));
        await TestUser.RefusedAsync(StorageFault.NotFound, () => Table.RemoveAsync(Own, made.Id, None));
        var told = await new AuditTable(Storage.Database).PageAsync(new(), after: null, 100, None);
        Assert.Equal(
            ["webhook-remove", "webhook-change", "webhook-change", "webhook-add"], told.Select(row => row.Action));
        Assert.Equal("example.org", told[^1].Subject);
        Assert.DoesNotContain(told, row => $"{row.Subject} {row.Detail}".Contains("key", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Nobody_elses_is_there_and_the_installations_are_for_administrators()
    {
        var own = await Table.AddAsync(Own, Wish("file.*"), None);
        var other = new WebhookScope((await Storage.NewUserAsync()).Caller, IsOfAll: false);
        await TestUser.RefusedAsync(StorageFault.NotFound, () => Table.GetAsync(other, own.Id, None));
        await TestUser.RefusedAsync(StorageFault.NotFound, () => Table.ChangeAsync(other, own.Id, new(), None));
        await TestUser.RefusedAsync(StorageFault.NotFound, () => Table.RotateAsync(other, own.Id, "x", None));
        await TestUser.RefusedAsync(StorageFault.NotFound, () => Table.TestAsync(other, own.Id, None));
        await TestUser.RefusedAsync(StorageFault.NotFound, () => Table.RemoveAsync(other, own.Id, None));
        await TestUser.RefusedAsync(
            StorageFault.NotFound, () => Table.MessagesAsync(other, own.Id, null, null, 10, None));
        Assert.Empty(await Table.ListAsync(other, None));
        var all = other with { IsOfAll = true };
        await TestUser.RefusedAsync(StorageFault.NotAllowed, () => Table.ListAsync(all, None));
        await TestUser.RefusedAsync(StorageFault.NotAllowed, () => Table.AddAsync(all, Wish("file.*"), None));
        var administers = await AdministerAsync();
        var wide = await Table.AddAsync(administers, Wish("user.*", "file.*"), None);
        Assert.Equal(wide.Id, Assert.Single(await Table.ListAsync(administers, None)).Id);
        Assert.Equal(own.Id, Assert.Single(await Table.ListAsync(Own, None)).Id);
        await TestUser.RefusedAsync(StorageFault.NotFound, () => Table.GetAsync(Own, wide.Id, None));
        await TestUser.RefusedAsync(StorageFault.NotAllowed, () => Table.GetAsync(all, wide.Id, None));
        await Storage.ExecuteAsync("update users set credential_stamp = gen_random_uuid()");
        await TestUser.RefusedAsync(StorageFault.CredentialRevoked, () => Table.ListAsync(Own, None));
        await TestUser.RefusedAsync(
            StorageFault.CredentialRevoked, () => Table.AddAsync(Own, Wish("file.*"), None));
    }

    [Fact]
    public async Task What_cannot_be_is_refused()
    {
        foreach (var events in (string[][])[[], ["*"], ["file"], ["file.created", "FILE.MOVED"], ["user.created"],
            ["user.*"], ["webhook.test"]])
            await TestUser.RefusedAsync(StorageFault.InvalidValue, () => Table.AddAsync(Own, Wish(events), None));
        foreach (var wish in new[]
        {
            Wish("file.*") with { Url = "" },
            Wish("file.*") with { Url = $"https://example.org/{new string('x', WebhookTable.MaxUrlBytes)}" },
            Wish("file.*") with { Description = new('x', WebhookTable.MaxDescriptionLength + 1) },
            Wish("file.*") with { Description = "two\nlines" },
        })
            await TestUser.RefusedAsync(StorageFault.InvalidValue, () => Table.AddAsync(Own, wish, None));
    }

    [Fact]
    public async Task There_are_so_many_and_no_more_also_of_those_who_add_at_once()
    {
        const int Beside = 8;
        for (var n = Beside / 2; n < WebhookTable.MaxPerUser; n++)
            await Table.AddAsync(Own, Wish("file.*"), None);
        var added = await Task.WhenAll(Enumerable.Range(0, Beside).Select(async _ =>
        {
            try
            {
                await Table.AddAsync(Own, Wish("file.*"), None);
                return true;
            }
            catch (StorageException e) when (e.Fault == StorageFault.LimitReached)
            {
                return false;
            }
        }));
        Assert.Equal(Beside / 2, added.Count(each => each));
        var all = await Table.ListAsync(Own, None);
        Assert.Equal(WebhookTable.MaxPerUser, all.Count);
        await Table.RemoveAsync(Own, all[0].Id, None);
        await Table.AddAsync(Own, Wish("file.*"), None);
        await Table.AddAsync(await AdministerAsync(), Wish("file.*"), None);
    }

    [Fact]
    public async Task A_new_secret_leaves_the_old_one_beside_it_for_a_day()
    {
        var id = (await Table.AddAsync(Own, Wish("file.*"), None)).Id;
        var rotated = await Table.RotateAsync(Own, id, "newer", None);
        Assert.InRange(rotated.OldSecretUntil!.Value, DateTime.UtcNow.AddHours(23), DateTime.UtcNow.AddHours(25));
        Assert.Equal("protected newer", await Storage.SqlAsync<string>(
            "select old_secret || ' ' || secret from webhooks"));
        await Storage.ExecuteAsync("update webhooks set old_secret_until = now()");
        Assert.Null((await Table.GetAsync(Own, id, None)).OldSecretUntil);
    }

    [Fact]
    public async Task Messages_are_listed_page_by_page_and_by_state_and_sent_again()
    {
        var id = (await Table.AddAsync(Own, Wish("file.*"), None)).Id;
        foreach (var state in (string[])["pending", "dead", "delivered", "dead"])
            await TellAsync(id, 3, state);
        var all = await Table.MessagesAsync(Own, id, null, null, 100, None);
        Assert.Equal(12, all.Count);
        Assert.Equal(all.OrderByDescending(message => message.Id), all);
        var (paged, before) = (new List<WebhookMessage>(), (long?)null);
        while (await Table.MessagesAsync(Own, id, null, before, 5, None) is { Count: > 0 } page)
        {
            paged.AddRange(page);
            before = page[^1].Id;
        }
        Assert.Equal(all, paged);
        var dead = await Table.MessagesAsync(Own, id, MessageState.Dead, null, 100, None);
        Assert.Equal(all.Where(message => message.State == MessageState.Dead), dead);
        Assert.Equal(6, dead.Count);
        await Table.SendAgainAsync(Own, id, dead[0].Id, None);
        var again = Assert.Single(
            await Table.MessagesAsync(Own, id, MessageState.Pending, null, 100, None), each => each.Id == dead[0].Id);
        Assert.Equal(0, again.Attempts);
        Assert.Null(again.EndedAt);
        Assert.Contains(await new Deliveries(Storage.Database).ClaimAsync(id, 100, None), each => each.Id == again.Id);
        var other = await Table.AddAsync(Own, Wish("file.*"), None);
        await TestUser.RefusedAsync(
            StorageFault.NotFound, () => Table.SendAgainAsync(Own, other.Id, dead[1].Id, None));
    }

    [Fact]
    public async Task Tests_go_to_one_that_is_on_and_not_too_many()
    {
        var id = (await Table.AddAsync(Own, Wish("share.*"), None)).Id;
        await Table.AddAsync(Own, Wish("file.*"), None);
        var message = await Table.TestAsync(Own, id, None);
        var told = Assert.Single(await Table.MessagesAsync(Own, id, null, null, 100, None));
        Assert.Equal((message, WebhookEvents.Test), (told.Id, told.Type));
        Assert.Equal(1, await Storage.SqlAsync<long>("select count(*) from outbox"));
        for (var n = 1; n < WebhookTable.MaxPendingTests; n++)
            await Table.TestAsync(Own, id, None);
        await TestUser.RefusedAsync(StorageFault.LimitReached, () => Table.TestAsync(Own, id, None));
        await Storage.ExecuteAsync("update outbox set state = 'delivered', ended_at = now()");
        await Table.TestAsync(Own, id, None);
        await Table.ChangeAsync(Own, id, new() { IsEnabled = false }, None);
        await TestUser.RefusedAsync(StorageFault.InUse, () => Table.TestAsync(Own, id, None));
    }

    [Fact]
    public async Task One_for_which_too_much_waits_is_switched_off()
    {
        var full = (await Table.AddAsync(Own, Wish("file.*"), None)).Id;
        var other = (await Table.AddAsync(Own, Wish("file.*"), None)).Id;
        await TellAsync(full, 11, "pending");
        await TellAsync(other, 10, "pending");
        await TellAsync(other, 10, "delivered");
        Assert.Equal(1, await Table.DisableFullAsync(10, None));
        Assert.Equal(0, await Table.DisableFullAsync(10, None));
        Assert.NotNull((await Table.GetAsync(Own, full, None)).DisabledReason);
        Assert.Null((await Table.GetAsync(Own, other, None)).DisabledAt);
        await User.PutAsync("file", "x");
        Assert.Equal(11, await CountAsync(full));
        Assert.Equal(21, await CountAsync(other));
    }

    [Fact]
    public async Task What_waits_for_a_removed_one_goes_in_steps_and_the_row_last()
    {
        var id = (await Table.AddAsync(Own, Wish("file.*"), None)).Id;
        var kept = (await Table.AddAsync(Own, Wish("share.*"), None)).Id;
        await TellAsync(id, 30, "pending");
        await TellAsync(id, 30, "delivered");
        await TellAsync(kept, 5, "pending");
        await Table.RemoveAsync(Own, id, None);
        await User.PutAsync("file", "x");
        Assert.Equal(60, await CountAsync(id));
        Assert.Equal("", await Storage.SqlAsync<string>($"select secret from webhooks where id = {id}"));
        Assert.Equal(25, await Table.ForgetRemovedAsync(25, None));
        Assert.Equal(35, await CountAsync(id));
        await new OutboxUpkeep(Storage.Database).RunAsync(None);
        Assert.Equal((0, 5), (await CountAsync(id), await CountAsync(kept)));
        Assert.Equal(2, await Storage.SqlAsync<long>("select count(*) from webhooks"));
        await Storage.ExecuteAsync("update webhooks set deleting_at = now() - interval '2 hours' "
            + "where deleting_at is not null");
        await new OutboxUpkeep(Storage.Database).RunAsync(None);
        Assert.Equal(kept, await Storage.SqlAsync<long>("select id from webhooks"));
    }
}
