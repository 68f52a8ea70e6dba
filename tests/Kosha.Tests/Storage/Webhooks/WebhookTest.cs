using System.Globalization;
using Kosha.Daemon.Webhooks;
using Kosha.Storage.Webhooks;
using Kosha.Tests.Infrastructure;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kosha.Tests.Storage.Webhooks;

/// <summary>A database with webhooks of the user and what waits for them.</summary>
public abstract class WebhookTest(SharedPostgres postgres) : StorageTest(postgres)
{
    protected static readonly CancellationToken None = CancellationToken.None;

    private readonly WebhookSecrets secrets = new(new EphemeralDataProtectionProvider());
    private readonly List<IDisposable> clients = [];

    protected Deliveries Deliveries => new(Storage.Database);

    /// <summary>Adds a webhook of the user. Returns its id.</summary>
    protected Task<long> AddWebhookAsync(Uri url, string? secret = null, string? oldSecret = null)
    {
        var old = oldSecret is null ? "null, null" : $"'{secrets.Protect(oldSecret)}', now() + interval '1 day'";
        return Storage.SqlAsync<long>($$"""
            insert into webhooks (user_id, url, events, secret, old_secret, old_secret_until)
            values ({{User.Caller.UserId}}, '{{url}}', '{file.*}',
                '{{secrets.Protect(secret ?? WebhookSecrets.New())}}', {{old}})
            returning id
            """);
    }

    /// <summary>
    /// Adds messages numbered from 1 on, in turn of each of so many nodes; 0 nodes: of none.
    /// </summary>
    protected Task AddMessagesAsync(long webhook, int count, int nodes) =>
        Storage.ExecuteAsync(string.Create(CultureInfo.InvariantCulture, $$"""
            insert into outbox (webhook_id, type, node_id, payload)
            select {{webhook}}, 'file.updated', case when {{nodes}} > 0 then 1 + n % greatest({{nodes}}, 1) end,
                json_build_object('node', n % greatest({{nodes}}, 1), 'number', n)::text
            from generate_series(1, {{count}}) n
            """));

    /// <summary>A daemon's sender that has started.</summary>
    internal async Task<WebhookSender> StartSenderAsync(bool allowPrivate = true)
    {
        var client = new WebhookClient(new(allowPrivate), secrets, TimeProvider.System);
        clients.Add(client);
        var sender = new WebhookSender(Deliveries, client, NullLogger<WebhookSender>.Instance);
        await sender.StartAsync(None);
        return sender;
    }

    internal static async Task StopAsync(params WebhookSender[] senders)
    {
        foreach (var sender in senders)
        {
            await sender.StopAsync(None);
            sender.Dispose();
        }
    }

    protected Task<long> CountAsync(string condition) =>
        Storage.SqlAsync<long>($"select count(*) from outbox where {condition}");

    /// <summary>Waits until so many are in this state; pauses after failures are cut short.</summary>
    protected Task UntilAsync(string state, int count, int seconds = 30) => Eventually.TrueAsync(
        $"{count} messages are {state}", async () =>
        {
            await Storage.ExecuteAsync("""
                update outbox set next_attempt_at = now()
                where state = 'pending' and next_attempt_at > now() and claimed_until is null
                """);
            return await CountAsync($"state = '{state}'") == count;
        }, seconds);

    public override async ValueTask DisposeAsync()
    {
        clients.ForEach(client => client.Dispose());
        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
