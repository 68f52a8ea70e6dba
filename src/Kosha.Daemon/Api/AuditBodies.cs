using System.ComponentModel;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;

namespace Kosha.Daemon.Api;

/// <summary>An entry of the audit log.</summary>
public sealed record AuditAnswer
{
    public required long Id { get; init; }

    [Description("When; of refusals that were counted together: the first one.")]
    public required DateTimeOffset At { get; init; }

    [Description("What was done, such as sign-in, trash or user-change.")]
    public required string Action { get; init; }

    [Description("It was not done.")]
    public required bool Refused { get; init; }

    [Description("More than 1: equal refusals within a minute.")]
    public required long Times { get; init; }

    [Description("Who; left out: a command, the system itself, or nobody that Kosha knows.")]
    public long? UserId { get; init; }

    [Description("The name of that user then.")]
    public string? Username { get; init; }

    [Description("Whom it was done to, if that is somebody else.")]
    public long? ConcernedId { get; init; }

    [Description("password, app-password, session, share-link or command.")]
    public string? Credential { get; init; }

    [Description("Of the app password, the session or the link.")]
    public long? CredentialId { get; init; }

    [Description("The client's.")]
    public string? Address { get; init; }

    public long? NodeId { get; init; }

    [Description("What it concerned: a path, a name.")]
    public string? Subject { get; init; }

    public string? Detail { get; init; }

    internal static AuditAnswer Of(AuditRow row) => new()
    {
        Id = row.Id, At = row.At, Action = row.Action, Refused = row.IsRefused, Times = row.Times,
        UserId = row.UserId, Username = row.Username, ConcernedId = row.ConcernedId,
        Credential = row.Credential, CredentialId = row.CredentialId, Address = row.Address,
        NodeId = row.NodeId, Subject = row.Subject, Detail = row.Detail,
    };
}

/// <summary>A page of the audit log.</summary>
/// <param name="Entries">The newest first.</param>
/// <param name="Next">The cursor of the next page; left out: this is the last.</param>
public sealed record AuditList(IReadOnlyList<AuditAnswer> Entries, string? Next);

/// <summary>Which entries of the audit log.</summary>
internal sealed record AuditRequest
{
    [Description("Who did it, or whom it was done to, by username.")]
    public string? User { get; init; }

    [Description("The same by id, also of a user who is no more.")]
    public long? UserId { get; init; }

    [Description("Such as sign-in.")]
    public string? Action { get; init; }

    [Description("Of a file or folder.")]
    public long? NodeId { get; init; }

    [Description("done or refused.")]
    public string? Outcome { get; init; }

    [Description("The client's, as the log has it.")]
    public string? Address { get; init; }

    [Description("From then on.")]
    public DateTimeOffset? From { get; init; }

    [Description("Before then.")]
    public DateTimeOffset? To { get; init; }

    /// <summary>Faults: InvalidValue, NotFound (the user).</summary>
    public async Task<AuditFilter> ReadAsync(UserTable users, CancellationToken ct)
    {
        bool? isRefused = Outcome switch
        {
            null => null,
            "done" => false,
            "refused" => true,
            _ => throw RequestValues.Invalid("outcome is done or refused."),
        };
        if (User is not null && UserId is not null)
            throw RequestValues.Invalid("Either user or userId names the user.");
        return new()
        {
            UserId = User is null ? UserId : await users.IdAsync(User, ct),
            Action = Action, NodeId = NodeId, IsRefused = isRefused, Address = Address,
            From = RequestValues.Time(From, "from"), To = RequestValues.Time(To, "to"),
        };
    }
}

/// <summary>A page of a list.</summary>
internal sealed record AuditPageRequest
{
    private const int DigestBytes = 12;

    [Description("The next of the page before.")]
    public string? Cursor { get; init; }

    [Description("Entries in a page, 1 to 1,000; 100 if it is left out.")]
    public int? Limit { get; init; }

    public async Task<AuditList> AnswerAsync(
        AuditTable table, AuditFilter filter, Func<AuditRow, AuditAnswer> describe, CancellationToken ct)
    {
        var (most, list) = (PageCursor.Limit(Limit), NameOf(filter));
        var page = await table.PageAsync(filter, ReadCursor(list), most, ct);
        return new([.. page.Select(describe)], page.Count < most ? null : NextOf(list, page[^1]));
    }

    /// <summary>Names the list in few letters, whatever it is filtered by.</summary>
    private static string NameOf(AuditFilter filter) => "audit " + Convert.ToHexStringLower(
        SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(filter)).AsSpan(0, DigestBytes));

    private AuditPosition? ReadCursor(string list)
    {
        if (PageCursor.Read(Cursor, list, 2) is not { } position)
            return null;
        return long.TryParse(position[0], NumberStyles.None, CultureInfo.InvariantCulture, out var ticks)
            && ticks <= DateTime.MaxValue.Ticks
            && long.TryParse(position[1], NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            ? new(new(ticks, DateTimeKind.Utc), id)
            : throw RequestValues.Invalid("The cursor is not one of this list.");
    }

    private static string NextOf(string list, AuditRow last) => PageCursor.Write(
        list, last.At.Ticks.ToString(CultureInfo.InvariantCulture), last.Id.ToString(CultureInfo.InvariantCulture));
}
