using System.ComponentModel;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Kosha.Daemon.Api;

/// <summary>What an identity provider tells; it may have more members, which are passed over.</summary>
public sealed record IdentityEvent
{
    [Description("user.created or user.deleted; anything else is taken and does nothing.")]
    public required string Type { get; init; }

    public required IdentityEventUser Data { get; init; }
}

/// <summary>
/// A user, in the simple form, or as Clerk sends it (<c>email_addresses</c>, <c>primary_email_address_id</c>,
/// <c>first_name</c>).
/// </summary>
public sealed record IdentityEventUser
{
    [Description("The provider's own name for the user.")]
    public required string Id { get; init; }

    [Description("Left out: one is made of the email or the first name.")]
    public string? Username { get; init; }

    public string? Email { get; init; }

    internal string? FirstName { get; init; }

    /// <summary>What is in a body; null: it is no event. Bytes that are no JSON are a JsonException.</summary>
    internal static IdentityEvent? Read(byte[] body)
    {
        if (JsonNode.Parse(body) is not JsonObject all || Text(all, "type") is not { } type)
            return null;
        var data = all["data"] as JsonObject ?? [];
        return new()
        {
            Type = type,
            Data = new()
            {
                Id = Text(data, "id") ?? "",
                Username = Text(data, "username"),
                Email = Text(data, "email") ?? ListedEmail(data),
                FirstName = Text(data, "first_name"),
            },
        };
    }

    /// <summary>The primary one, or the first where none is said to be.</summary>
    private static string? ListedEmail(JsonObject data)
    {
        var emails = (data["email_addresses"] as JsonArray ?? []).OfType<JsonObject>().ToList();
        var primary = Text(data, "primary_email_address_id");
        var chosen = emails.Find(email => Text(email, "id") == primary) ?? emails.FirstOrDefault();
        return chosen is null ? null : Text(chosen, "email_address");
    }

    /// <summary>Null: it is not there, is no text or is empty.</summary>
    private static string? Text(JsonObject from, string name) =>
        from[name] is JsonValue value && value.GetValueKind() == JsonValueKind.String
            && value.GetValue<string>() is { Length: > 0 } text ? text : null;
}
