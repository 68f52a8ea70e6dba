using System.CommandLine;
using System.Globalization;
using Kosha.Daemon.Api;
using Kosha.Storage.Audit;

namespace Kosha.Daemon.Cli;

/// <summary><c>kosha audit list|export</c></summary>
internal static class AuditCommands
{
    private const int MaxEntries = 10_000;

    /// <summary>An entry that tells of a command.</summary>
    public static AuditEntry By(string action) => new(action) { IsCommand = true };

    public static Command Create(CommandLine line) => new("audit", "Look at who did what, and from where.")
    {
        List(line), Export(line),
    };

    private static Command List(CommandLine line)
    {
        var limit = new Option<int>("--limit")
        {
            Description = $"Entries, at most {MaxEntries}.",
            DefaultValueFactory = _ => 50,
            Validators =
            {
                result =>
                {
                    if (!result.Tokens.All(t => int.TryParse(t.Value, out var rows) && rows is > 0 and <= MaxEntries))
                        result.AddError($"--limit must be a number from 1 to {MaxEntries}.");
                },
            },
        };
        var (command, read) = WithFilters(new("list", "The last entries, the newest first (UTC).") { limit });
        command.SetAction((parsed, _) => line.RunAsync("kosha audit list", async (installation, ct) =>
        {
            var filter = await read(parsed).ReadAsync(installation.Users, ct);
            var rows = await new AuditTable(installation.Database).PageAsync(
                filter, after: null, parsed.GetValue(limit), ct);
            TextTable.Write(Console.Out, ["time", "user", "credential", "address", "action", "outcome", "what"],
                rows.Select(Row));
        }));
        return command;
    }

    private static string[] Row(AuditRow row) =>
    [
        row.At.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture), row.Username ?? "-",
        row.Credential is null ? "-" : $"{row.Credential} {row.CredentialId}".TrimEnd(), row.Address ?? "-", row.Action,
        (row.IsRefused ? "refused" : "done") + (row.Times > 1 ? $" ({row.Times} times)" : ""),
        $"{row.Subject} {row.Detail}".Trim(),
    ];

    private static Command Export(CommandLine line)
    {
        var format = new Option<AuditFormat>("--format")
        {
            Description = "'ndjson' or 'csv'.",
            DefaultValueFactory = _ => AuditFormat.Ndjson,
        };
        var (command, read) = WithFilters(new("export", "Write all entries to standard output.") { format });
        command.SetAction((parsed, _) => line.RunAsync("kosha audit export", async (installation, ct) =>
        {
            var filter = await read(parsed).ReadAsync(installation.Users, ct);
            await using var output = Console.OpenStandardOutput();
            await AuditExport.WriteAsync(
                new(installation.Database), filter, parsed.GetValue(format), output, ct);
        }));
        return command;
    }

    private static (Command, Func<ParseResult, AuditRequest>) WithFilters(Command command)
    {
        var user = new Option<string?>("--user") { Description = "Who did it, or whom it was done to." };
        var userId = new Option<long?>("--user-id") { Description = "The same by id, also of one who is no more." };
        var action = new Option<string?>("--action") { Description = "Such as sign-in." };
        var node = new Option<long?>("--node") { Description = "The id of a file or folder." };
        var outcome = new Option<string?>("--outcome") { Description = "'done' or 'refused'." };
        outcome.AcceptOnlyFromAmong("done", "refused");
        var address = new Option<string?>("--address") { Description = "The client's, as the log has it." };
        var from = new Option<DateTimeOffset?>("--from") { Description = "From then on, such as 2026-11-20T08:00Z." };
        var to = new Option<DateTimeOffset?>("--to") { Description = "Before then." };
        foreach (var option in new Option[] { user, userId, action, node, outcome, address, from, to })
            command.Options.Add(option);
        return (command, parsed => new()
        {
            User = parsed.GetValue(user), UserId = parsed.GetValue(userId), Action = parsed.GetValue(action),
            NodeId = parsed.GetValue(node), Outcome = parsed.GetValue(outcome), Address = parsed.GetValue(address),
            From = parsed.GetValue(from), To = parsed.GetValue(to),
        });
    }
}
