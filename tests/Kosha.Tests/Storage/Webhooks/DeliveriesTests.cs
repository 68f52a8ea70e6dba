using System.Globalization;
using Dapper;
using Kosha.Storage.Webhooks;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Webhooks;

/// <summary>Claims on the outbox, and what becomes of messages.</summary>
public sealed class DeliveriesTests(SharedPostgres postgres) : WebhookTest(postgres)
{
    private static readonly Uri Somewhere = new("https://example.org/hook");

    private static async Task<int[]> NumbersAsync(Task<List<Delivery>> claim) =>
        [.. (await claim).Select(NumberOf).Order()];

    private async Task AssertClaimAsync(long webhook, int most, params int[] numbers) =>
        Assert.Equal(numbers, await NumbersAsync(Deliveries.ClaimAsync(webhook, most, None)));

    private static int NumberOf(Delivery delivery) =>
        int.Parse(delivery.Payload.Split(':')[^1].Trim(' ', '}'), CultureInfo.InvariantCulture);

    private Task ExpireClaimsAsync() => Storage.ExecuteAsync(
        "update outbox set claimed_until = now() - interval '1 second' where claimed_until is not null");

    private Task MakeDueAsync() => Storage.ExecuteAsync("update outbox set next_attempt_at = now()");

    [Fact]
    public async Task Of_each_node_one_message_is_out_at_a_time_and_the_next_waits_for_its_retries()
    {
        var webhook = await AddWebhookAsync(Somewhere);
        await AddMessagesAsync(webhook, count: 6, nodes: 3);
        var first = await Deliveries.ClaimAsync(webhook, 10, None);
        Assert.Equal([1, 2, 3], first.Select(NumberOf).Order());
        Assert.Empty(await Deliveries.ClaimAsync(webhook, 10, None));
        var (one, two, three) = (first.Find(d => NumberOf(d) == 1)!, first.Find(d => NumberOf(d) == 2)!,
            first.Find(d => NumberOf(d) == 3)!);
        Assert.True(await Deliveries.DeliveredAsync(one, 204));
        Assert.True(await Deliveries.FailedAsync(two, 500, "no"));
        await AssertClaimAsync(webhook, 10, 4);
        await Deliveries.GiveBackAsync(three);
        await AssertClaimAsync(webhook, 10, 3);
        await MakeDueAsync();
        await AssertClaimAsync(webhook, 10, 2);
    }

    [Fact]
    public async Task Messages_of_no_node_wait_for_nobody_and_a_claim_takes_no_more_than_it_may()
    {
        var webhook = await AddWebhookAsync(Somewhere);
        await AddMessagesAsync(webhook, count: 10, nodes: 0);
        await AssertClaimAsync(webhook, 4, 1, 2, 3, 4);
        Assert.Equal(new DueWebhook(webhook, 4), Assert.Single(await Deliveries.DueAsync(None)));
        var atOnce = await Task.WhenAll(
            Enumerable.Range(0, 4).Select(_ => NumbersAsync(Deliveries.ClaimAsync(webhook, 10, None))));
        Assert.Equal([5, 6, 7, 8, 9, 10], atOnce.SelectMany(numbers => numbers).Order());
    }

    [Fact]
    public async Task A_claim_is_over_after_its_time_and_says_nothing_then()
    {
        var webhook = await AddWebhookAsync(Somewhere);
        await AddMessagesAsync(webhook, count: 2, nodes: 1);
        var dead = Assert.Single(await Deliveries.ClaimAsync(webhook, 10, None));
        await ExpireClaimsAsync();
        var next = Assert.Single(await Deliveries.ClaimAsync(webhook, 10, None));
        Assert.Equal(dead.MessageId, next.MessageId);
        Assert.False(await Deliveries.DeliveredAsync(dead, 200));
        Assert.False(await Deliveries.FailedAsync(dead, 500, "late"));
        await Deliveries.GiveBackAsync(dead);
        Assert.Empty(await Deliveries.ClaimAsync(webhook, 10, None));
        Assert.True(await Deliveries.DeliveredAsync(next, 200));
        Assert.False(await Deliveries.DeliveredAsync(next, 200));
        Assert.Equal(1, await CountAsync("state = 'delivered' and attempts = 1 and claimed_until is null"));
    }

    [Fact]
    public async Task What_fails_is_tried_later_and_later_and_given_up_at_last()
    {
        var webhook = await AddWebhookAsync(Somewhere);
        await AddMessagesAsync(webhook, count: 2, nodes: 1);
        foreach (var pause in Deliveries.Pauses)
        {
            var attempt = Assert.Single(await Deliveries.ClaimAsync(webhook, 10, None));
            Assert.True(await Deliveries.FailedAsync(attempt, null, new string('x', 999) + "\n"));
            var wait = await Storage.SqlAsync<double>("""
                select extract(epoch from max(next_attempt_at) - now())::float8 from outbox where attempts > 0
                """);
            Assert.InRange(wait, (pause.TotalSeconds * 0.9) - 2, pause.TotalSeconds * 1.1);
            Assert.Empty(await Deliveries.ClaimAsync(webhook, 10, None));
            await MakeDueAsync();
        }
        var last = Assert.Single(await Deliveries.ClaimAsync(webhook, 10, None));
        Assert.True(await Deliveries.FailedAsync(last, 500, "a\0b\u001b[31mc"));
        Assert.Equal("a b [31mc", await Storage.SqlAsync<string>("select last_error from outbox where state = 'dead'"));
        await AssertClaimAsync(webhook, 10, 2);
        Assert.Equal(new OutboxCounts(Pending: 1, Dead: 1), await Deliveries.CountsAsync(None));
    }

    [Fact]
    public async Task A_webhook_that_is_gone_gets_nothing_any_more()
    {
        var webhook = await AddWebhookAsync(Somewhere);
        var other = await AddWebhookAsync(Somewhere);
        await AddMessagesAsync(webhook, count: 3, nodes: 3);
        await AddMessagesAsync(other, count: 1, nodes: 1);
        var message = Assert.Single(await Deliveries.ClaimAsync(webhook, 1, None));
        await Deliveries.GoneAsync(message, 410, "gone");
        Assert.Equal("gone", await Storage.SqlAsync<string>(
            $"select disabled_reason from webhooks where id = {webhook} and disabled_at is not null"));
        Assert.Equal(other, Assert.Single(await Deliveries.DueAsync(None)).WebhookId);
        Assert.Empty(await Deliveries.ClaimAsync(webhook, 10, None));
        Assert.Single(await Deliveries.ClaimAsync(other, 10, None));
    }

    [Fact]
    public async Task What_was_told_long_ago_goes_and_nothing_else()
    {
        var webhook = await AddWebhookAsync(Somewhere);
        await AddMessagesAsync(webhook, count: 6, nodes: 0);
        await Storage.ExecuteAsync("""
            update outbox o set state = s.state, ended_at = now() - s.days * interval '1 day'
            from (values (1, 'delivered', 8), (2, 'delivered', 6), (3, 'dead', 29), (4, 'dead', 31)) s (n, state, days)
            where o.id = (select id from outbox order by id offset s.n - 1 limit 1);
            insert into identity_messages values ('old', now() - interval '31 days'), ('new', now());
            """);
        var upkeep = new OutboxUpkeep(Storage.Database);
        Assert.Equal(new OutboxCleanUp(Messages: 2, Received: 1), await upkeep.RunAsync(None));
        Assert.Equal(4, await CountAsync("true"));
        await Storage.ExecuteAsync("update webhooks set disabled_at = now() - interval '31 days'");
        Assert.Equal(new OutboxCleanUp(Messages: 2, Received: 0), await upkeep.RunAsync(None));
        Assert.Equal(0, await CountAsync("state = 'pending'"));
    }

    [Fact]
    public async Task A_long_queue_costs_no_more_than_a_short_one()
    {
        var busy = await AddWebhookAsync(Somewhere);
        await AddMessagesAsync(busy, count: 20_000, nodes: 5_000);
        var single = await AddWebhookAsync(Somewhere);
        await AddMessagesAsync(single, count: 20_000, nodes: 1);
        await Storage.ExecuteAsync("analyze");
        Assert.Equal(2, (await Deliveries.DueAsync(None)).Count);
        await AssertCheapAsync(Deliveries.SqlDue, new { });
        foreach (var webhookId in new[] { busy, single })
            await AssertCheapAsync(Deliveries.SqlClaim, new { webhookId, most = 4, Deliveries.Lease });
    }

    private async Task AssertCheapAsync(string sql, object parameters)
    {
        var plan = string.Join('\n', await Storage.Database.ReadAsync(connection => connection.QueryAsync<string>(
            "explain (analyze, buffers) " + sql, parameters), None));
        Assert.DoesNotContain("Seq Scan", plan, StringComparison.Ordinal);
        var blocks = int.Parse(plan.Split("shared hit=")[1].Split(' ', '\n')[0], CultureInfo.InvariantCulture);
        Assert.True(blocks < 300, plan);
    }
}
