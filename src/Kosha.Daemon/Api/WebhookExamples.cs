using Kosha.Storage.Webhooks;

namespace Kosha.Daemon.Api;

/// <summary>Webhooks in the API's document.</summary>
internal static class WebhookExamples
{
    private const string Password = "correct horse battery";

    private static readonly DateTimeOffset Created = new(2026, 11, 20, 8, 15, 0, TimeSpan.Zero);

    public static readonly AddWebhook Add = new()
    {
        Password = Password, Url = "https://example.org/hooks/kosha", Events = ["file.*"], Description = "thumbnails",
    };

    public static readonly ChangeWebhook Change = new()
    {
        Events = [WebhookEvents.FileCreated, WebhookEvents.FileUpdated], Enabled = true,
    };

    public static readonly RotateWebhook Rotate = new() { Password = Password };

    public static readonly WebhookSecretAnswer Secret =
        new() { Id = 3, Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAECAwQFBgc=" };

    public static readonly WebhookSecretAnswer Rotated = Secret with { OldSecretUntil = Created.AddDays(1) };

    public static readonly WebhookAnswer Webhook = new()
    {
        Id = 3, Url = Add.Url, Events = Add.Events, Description = Add.Description!, Enabled = true, Created = Created,
    };

    public static readonly WebhookList Webhooks = new([Webhook]);

    public static readonly WebhookMessageList Messages = new(
        [
            new()
            {
                Id = 4711, MessageId = "msg_0b4c7d1e2f3a4b5c6d7e8f9a0b1c2d3e", Type = WebhookEvents.FileCreated,
                NodeId = 815, State = MessageState.Pending, Attempts = 2, Created = Created,
                NextAttempt = Created.AddMinutes(2), LastStatus = 500, LastError = "The receiver answered 500.",
            },
        ],
        Next: null);
}
