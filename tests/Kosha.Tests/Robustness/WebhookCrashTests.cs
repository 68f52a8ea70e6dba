using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>A daemon that dies while it sends.</summary>
public sealed class WebhookCrashTests(SharedPostgres postgres)
{
    [Fact]
    public async Task What_a_killed_daemon_was_sending_another_one_sends_in_order()
    {
        var attempts = new ConcurrentDictionary<string, int>();
        await using var receiver = await WebhookReceiver.StartAsync((message, http) =>
            attempts.AddOrUpdate(message.Id, 1, (_, before) => before + 1) == 1 && attempts.Count == 1
                ? WebhookReceiver.StallAsync(message, http)
                : Task.CompletedTask);
        var database = await (await postgres.Durable).NewEmptyDatabaseAsync();
        using var shared = new TestFolder();
        var folder = shared.NewFolder("shared");
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_111_111);
        (string, string)[] settings =
        [
            ("Database:ConnectionString", database), ("Blobs:Directory", Path.Combine(folder, "blobs")),
            ("Webhooks:AllowPrivateAddresses", "true"),
        ];
        await using var first = await KoshaProcess.StartNewAsync(settings);
        var user = await first.NewUserAsync();
        using (var drive = first.Drive(user))
        {
            await AddWebhookAsync(drive, receiver.Url);
            (await drive.PutAsync("file", "one")).Must(201);
            (await drive.PutAsync("file", "other")).Must(204);
        }
        await Eventually.TrueAsync("the first message is being sent", () => receiver.Count == 1);
        // Before it gives up waiting.
        await first.KillAsync();
        Assert.Equal(1L, await Sql.ExecuteAsync(database, "select count(*) from outbox where claimed_until > now()"));
        // A claim lasts a minute.
        if (!TestSize.IsSoak)
            await Sql.ExecuteAsync(database, "update outbox set claimed_until = now() where claimed_until > now()");
        await using var second = await KoshaProcess.StartNewAsync(
            [.. settings, ("Security:MasterKeyFile", Path.Combine(first.DataDirectory, "master-key"))]);
        await Eventually.TrueAsync("the other daemon has sent both", () => receiver.Count == 3, seconds: 90);
        Assert.Equal(["file.created", "file.created", "file.updated"], receiver.Received.Select(TypeOf));
        Assert.Equal(receiver.Received[0].Id, receiver.Received[1].Id);
        await Eventually.TrueAsync("nothing waits any more", async () => (long)(await Sql.ExecuteAsync(
            database, "select count(*) from outbox where state = 'pending'"))! == 0);
        await second.StopAsync();
    }

    private static string TypeOf(ReceivedMessage message) => (string)JsonNode.Parse(message.Body)!["type"]!;

    private static async Task AddWebhookAsync(DavClient drive, Uri url)
    {
        using var api = new ApiClient(drive);
        (await api.SendAsync(HttpMethod.Post, "webhooks", new JsonObject
        {
            ["password"] = drive.User.Password, ["url"] = url.ToString(), ["events"] = new JsonArray("file.*"),
        })).Must(201);
    }
}
