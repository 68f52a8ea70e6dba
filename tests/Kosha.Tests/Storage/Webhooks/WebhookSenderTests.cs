using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Kosha.Daemon.Webhooks;
using Kosha.Tests.Infrastructure;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Kosha.Tests.Storage.Webhooks;

/// <summary>Senders against receivers that behave as receivers do.</summary>
public sealed class WebhookSenderTests(SharedPostgres postgres) : WebhookTest(postgres)
{
    private static readonly int Messages = TestSize.Pick(ci: 200, soak: 10_000);
    private static readonly int Nodes = TestSize.Pick(ci: 20, soak: 200);

    [Fact]
    public async Task Every_message_arrives_signed_and_in_order_whatever_a_receiver_answers()
    {
        var secret = WebhookSecrets.New();
        var attempts = new ConcurrentDictionary<string, int>();
        var accepted = new ConcurrentQueue<(int Node, int Number)>();
        await using var receiver = await WebhookReceiver.StartAsync(async (message, http) =>
        {
            var body = JsonNode.Parse(message.Body)!;
            var (node, number) = ((int)body["node"]!, (int)body["number"]!);
            var attempt = attempts.AddOrUpdate(message.Id, 1, (_, before) => before + 1);
            http.Response.StatusCode = (number % 5, attempt) switch
            {
                (1, 1) => 500,
                (2, <= 2) => 302,
                (3, 1) => 200,
                _ => 204,
            };
            if (number % 5 == 4 && attempt == 1)
            {
                http.Abort();
                return;
            }
            if (http.Response.StatusCode < 300)
                accepted.Enqueue((node, number));
            await http.Response.CompleteAsync();
        });
        var webhook = await AddWebhookAsync(receiver.Url, secret);
        await AddMessagesAsync(webhook, Messages, Nodes);
        WebhookSender[] senders = [await StartSenderAsync(), await StartSenderAsync()];
        await UntilAsync("delivered", Messages, TestSize.Pick(ci: 60, soak: 900));
        await StopAsync(senders);
        Assert.Equal(Messages, accepted.Distinct().Count());
        foreach (var node in accepted.GroupBy(message => message.Node))
            Assert.Equal(node.Order(), node);
        Assert.All(receiver.Received, message => Assert.True(message.IsSignedBy(secret)));
        Assert.All(receiver.Received, AssertForm);
    }

    private static void AssertForm(ReceivedMessage message)
    {
        var headers = message.Headers;
        Assert.Equal((message.Id, message.Timestamp, message.Signature),
            (headers["svix-id"], headers["svix-timestamp"], headers["svix-signature"]));
        Assert.Matches(@"^Kosha/\d+\.\d+\.\d+$", headers["user-agent"]);
        Assert.Equal("application/json", headers["content-type"]);
        Assert.InRange(DateTimeOffset.UtcNow - message.At, TimeSpan.FromSeconds(-2), TimeSpan.FromMinutes(20));
    }

    [Fact]
    public async Task One_that_stalls_keeps_nobody_else_waiting()
    {
        var (open, most) = (0, 0);
        var gate = new Lock();
        await using var stalled = await WebhookReceiver.StartAsync(async (message, http) =>
        {
            lock (gate)
                most = Math.Max(most, ++open);
            await WebhookReceiver.StallAsync(message, http);
            lock (gate)
                open--;
        });
        await using var quick = await WebhookReceiver.StartAsync();
        await AddMessagesAsync(await AddWebhookAsync(stalled.Url), count: 100, nodes: 100);
        await AddMessagesAsync(await AddWebhookAsync(quick.Url), count: 50, nodes: 10);
        var sender = await StartSenderAsync();
        await Eventually.TrueAsync("the first ones stall", () => stalled.Count == 4);
        await Eventually.TrueAsync("the others have arrived", () => quick.Count == 50, seconds: 10);
        Assert.Equal(4, stalled.Count);
        var clock = Stopwatch.StartNew();
        await StopAsync(sender);
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 5);
        Assert.Equal(4, most);
        // What was under way is anybody's at once, and was no attempt.
        Assert.Equal(0, await CountAsync("claimed_until is not null or (state = 'pending' and attempts > 0)"));
    }

    [Fact]
    public async Task A_redirect_is_a_failure_and_what_a_receiver_says_is_kept_in_short()
    {
        await using var target = await WebhookReceiver.StartAsync();
        await using var receiver = await WebhookReceiver.StartAsync(async (_, http) =>
        {
            http.Response.StatusCode = 307;
            http.Response.Headers.Location = target.Url.ToString();
            await http.Response.WriteAsync("look\nthere " + new string('x', 1 << 20));
        });
        await AddMessagesAsync(await AddWebhookAsync(receiver.Url), count: 1, nodes: 1);
        var sender = await StartSenderAsync();
        await Eventually.TrueAsync("it is tried", async () => await CountAsync("attempts = 1") == 1);
        await StopAsync(sender);
        Assert.Equal(0, target.Count);
        Assert.Equal(307, await Storage.SqlAsync<int>("select last_status from outbox"));
        var error = await Storage.SqlAsync<string>("select last_error from outbox");
        Assert.StartsWith("307: A redirect, and Kosha follows none. look there xxx", error, StringComparison.Ordinal);
        Assert.Equal(200, error.Length);
    }

    [Fact]
    public async Task Whoever_answers_410_gets_nothing_any_more()
    {
        await using var receiver = await WebhookReceiver.StartAsync((_, http) =>
        {
            http.Response.StatusCode = StatusCodes.Status410Gone;
            return Task.CompletedTask;
        });
        await AddMessagesAsync(await AddWebhookAsync(receiver.Url), count: 3, nodes: 1);
        var sender = await StartSenderAsync();
        await Eventually.TrueAsync("the webhook is switched off", async () => await Storage.SqlAsync<long>(
            "select count(*) from webhooks where disabled_at is not null and disabled_reason like '%410%'") == 1);
        await StopAsync(sender);
        Assert.Equal(1, receiver.Count);
    }

    [Fact]
    public async Task The_old_secret_signs_beside_the_new_one_until_its_time_is_over()
    {
        var (secret, old) = (WebhookSecrets.New(), WebhookSecrets.New());
        await using var receiver = await WebhookReceiver.StartAsync();
        var webhook = await AddWebhookAsync(receiver.Url, secret, old);
        await AddMessagesAsync(webhook, count: 1, nodes: 0);
        var sender = await StartSenderAsync();
        await UntilAsync("delivered", 1);
        await Storage.ExecuteAsync("update webhooks set old_secret_until = now()");
        await AddMessagesAsync(webhook, count: 1, nodes: 0);
        await UntilAsync("delivered", 2);
        await StopAsync(sender);
        var (first, second) = (receiver.Received[0], receiver.Received[1]);
        Assert.True(first.IsSignedBy(secret) && first.IsSignedBy(old));
        Assert.True(second.IsSignedBy(secret) && !second.IsSignedBy(old));
    }

    [Fact]
    public async Task What_cannot_be_called_fails_and_nothing_private_is_called()
    {
        await using var receiver = await WebhookReceiver.StartAsync();
        var port = receiver.Url.Port;
        Uri[] urls =
        [
            receiver.Url, new($"http://localhost:{port}/"), new($"http://127.0.0.1:{port}/"),
            new($"http://[::1]:{port}/"), new($"http://0x7f.1:{port}/"), new($"http://[::ffff:127.0.0.3]:{port}/"),
            new("ftp://example.org/"), new("http://name.invalid/"),
        ];
        foreach (var url in urls)
            await AddMessagesAsync(await AddWebhookAsync(url), count: 1, nodes: 1);
        var sender = await StartSenderAsync(allowPrivate: false);
        await Eventually.TrueAsync("all are tried", async () => await CountAsync("attempts = 1") == urls.Length);
        await StopAsync(sender);
        Assert.Equal(6, await CountAsync("last_error like '%has a private address%' and last_status is null"));
        Assert.Equal(0, receiver.Count);
    }
}
