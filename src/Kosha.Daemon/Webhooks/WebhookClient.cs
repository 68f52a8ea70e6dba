using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Kosha.Storage.Webhooks;

namespace Kosha.Daemon.Webhooks;

/// <summary>What a receiver answered.</summary>
/// <param name="Status">Null: nothing.</param>
/// <param name="Error">Null: it has the message.</param>
internal sealed record WebhookOutcome(int? Status, string? Error);

/// <summary>Sends one message once, signed; whatever a receiver does, it ends within its time.</summary>
internal sealed class WebhookClient(
    WebhookConnections connections, WebhookSecrets secrets, TimeProvider time) : IDisposable
{
    /// <summary>For the whole of an attempt, far below <see cref="Deliveries.Lease"/>.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private const int MaxAnswerBytes = 4096;

    private static readonly string UserAgent =
        $"Kosha/{Assembly.GetExecutingAssembly().GetName().Version?.ToString(3)}";

    private readonly HttpClient http = new(connections.NewHandler()) { Timeout = Timeout.InfiniteTimeSpan };

    public void Dispose() => http.Dispose();

    /// <exception cref="OperationCanceledException"><paramref name="ct"/>.</exception>
    public async Task<WebhookOutcome> SendAsync(Delivery delivery, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(Patience);
        try
        {
            using var request = RequestOf(delivery);
            using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            var status = (int)answer.StatusCode;
            return new(status, answer.IsSuccessStatusCode ? null : await ErrorAsync(answer, limit.Token));
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return new(Status: null, "There was no answer in time.");
        }
        catch (CryptographicException)
        {
            return new(Status: null, "Its secret cannot be read: the server's master key is not the one of then.");
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            // Whatever is wrong with a URL or an answer is its owner's, and must not keep the others waiting.
            return new(Status: null, (e is HttpRequestException { InnerException: { } inner } ? inner : e).Message);
        }
    }

    private HttpRequestMessage RequestOf(Delivery delivery)
    {
        var id = $"msg_{delivery.MessageId:N}";
        var timestamp = time.GetUtcNow().ToUnixTimeSeconds();
        var body = Encoding.UTF8.GetBytes(delivery.Payload);
        var keys = new[] { delivery.Secret, delivery.OldSecret }.OfType<string>().Select(secrets.KeyOf);
        var signature = WebhookSignature.Sign(keys, id, timestamp, body);
        var request = new HttpRequestMessage(HttpMethod.Post, delivery.Url)
        {
            Content = new ByteArrayContent(body) { Headers = { ContentType = new("application/json") } },
        };
        request.Headers.TryAddWithoutValidation("User-Agent", UserAgent);
        foreach (var prefix in new[] { "webhook", "svix" })
        {
            request.Headers.TryAddWithoutValidation($"{prefix}-id", id);
            request.Headers.TryAddWithoutValidation(
                $"{prefix}-timestamp", timestamp.ToString(CultureInfo.InvariantCulture));
            request.Headers.TryAddWithoutValidation($"{prefix}-signature", signature);
        }
        return request;
    }

    /// <summary>The answer's status and the beginning of what it says.</summary>
    private static async Task<string> ErrorAsync(HttpResponseMessage answer, CancellationToken ct)
    {
        var bytes = new byte[MaxAnswerBytes];
        await using var body = await answer.Content.ReadAsStreamAsync(ct);
        var length = await body.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, ct);
        var what = (int)answer.StatusCode is >= 300 and < 400 ? "A redirect, and Kosha follows none. " : "";
        return $"{(int)answer.StatusCode}: {what}{Encoding.UTF8.GetString(bytes, 0, length)}";
    }
}
