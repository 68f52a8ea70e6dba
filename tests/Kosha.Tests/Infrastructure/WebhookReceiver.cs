using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Kosha.Tests.Infrastructure;

/// <summary>A message as a receiver of webhooks gets it.</summary>
/// <param name="Headers">Every one, by its name in small letters.</param>
/// <param name="Body">As text.</param>
public sealed record ReceivedMessage(IReadOnlyDictionary<string, string> Headers, string Body)
{
    public string Id => Headers["webhook-id"];

    public string Timestamp => Headers["webhook-timestamp"];

    public string Signature => Headers["webhook-signature"];

    /// <summary>What Standard Webhooks says, computed anew.</summary>
    public bool IsSignedBy(string secret)
    {
        var key = Convert.FromBase64String(secret["whsec_".Length..]);
        var mac = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"{Id}.{Timestamp}.{Body}"));
        return Signature.Split(' ').Contains($"v1,{Convert.ToBase64String(mac)}");
    }

    public DateTimeOffset At =>
        DateTimeOffset.FromUnixTimeSeconds(long.Parse(Timestamp, CultureInfo.InvariantCulture));
}

/// <summary>Somebody's program on loopback that receives webhooks, and answers as the test says.</summary>
public sealed class WebhookReceiver : IAsyncDisposable
{
    private readonly ConcurrentQueue<ReceivedMessage> received = new();
    private readonly WebApplication app;

    private WebhookReceiver(WebApplication app) => this.app = app;

    /// <param name="answer">Writes the answer; null: 200.</param>
    public static async Task<WebhookReceiver> StartAsync(Func<ReceivedMessage, HttpContext, Task>? answer = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.3:0");
        var receiver = new WebhookReceiver(builder.Build());
        receiver.app.Run(async http =>
        {
            using var reader = new StreamReader(http.Request.Body);
            var headers = http.Request.Headers.ToDictionary(
                header => header.Key.ToLowerInvariant(), header => header.Value.ToString());
            var message = new ReceivedMessage(headers, await reader.ReadToEndAsync());
            receiver.received.Enqueue(message);
            if (answer is not null)
                await answer(message, http);
        });
        await receiver.app.StartAsync();
        return receiver;
    }

    public IReadOnlyList<ReceivedMessage> Received => [.. received];

    public int Count => received.Count;

    /// <summary>Ends in '/'.</summary>
    public Uri Url => new(app.Urls.Single() + "/hook/");

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.Zero);
        await app.StopAsync(now.Token);
        await app.DisposeAsync();
    }

    /// <summary>Says nothing until the sender gives up.</summary>
    public static Task StallAsync(ReceivedMessage message, HttpContext http)
    {
        var end = new TaskCompletionSource();
        http.RequestAborted.Register(end.SetResult);
        return end.Task;
    }
}
