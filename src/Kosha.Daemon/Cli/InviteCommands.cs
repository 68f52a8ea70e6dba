using System.CommandLine;
using System.Globalization;
using Kosha.Daemon.Api;
using Kosha.Daemon.Auth;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;

namespace Kosha.Daemon.Cli;

/// <summary><c>kosha invite …</c></summary>
internal static class InviteCommands
{
    public static Command Create(CommandLine line) =>
        new("invite", "Let people register by themselves, once each ('Accounts:Registration').")
        {
            Add(line), List(line), Revoke(line),
        };

    private static Command Add(CommandLine line)
    {
        var plan = new Option<string>("--plan")
        {
            Description = "The plan that the new user gets.",
            DefaultValueFactory = _ => "default",
        };
        var note = new Option<string>("--note")
        {
            Description = "For whom, for the list.",
            DefaultValueFactory = _ => "",
        };
        var days = new Option<int>("--days")
        {
            Description = "How many days it is good.",
            DefaultValueFactory = _ => RegistrationEndpoints.InviteDays,
        };
        var command = new Command("add", "Make an invite and print its secret, once.") { plan, note, days };
        command.SetAction((parsed, _) => line.RunAsync("kosha invite add", async (installation, ct) =>
        {
            var secret = AppPasswordSecret.New();
            await new InviteTable(installation.Database).AddAsync(AppPasswordSecret.HashOfNew(secret),
                parsed.GetRequiredValue(note), parsed.GetRequiredValue(plan), parsed.GetValue(days),
                AuditCommands.By(AuditActions.InviteAdd), ct);
            await Console.Out.WriteLineAsync(secret);
        }));
        return command;
    }

    private static Command List(CommandLine line)
    {
        var command = new Command("list", "List the invites that are good, without the secrets.");
        command.SetAction((_, _) => line.RunAsync("kosha invite list", async (installation, ct) =>
        {
            var rows = await new InviteTable(installation.Database).ListAsync(ct);
            TextTable.Write(Console.Out, ["ID", "PLAN", "CREATED", "EXPIRES", "NOTE"], rows.Select(row => new[]
            {
                row.Id.ToString(CultureInfo.InvariantCulture), row.Plan, Date(row.CreatedAt), Date(row.ExpiresAt),
                row.Note,
            }));
        }));
        return command;
    }

    private static string Date(DateTime time) => time.ToString("yyyy-MM-dd HH:mm'Z'", CultureInfo.InvariantCulture);

    private static Command Revoke(CommandLine line)
    {
        var id = new Argument<long>("ID") { Description = "As 'kosha invite list' shows it." };
        var command = new Command("revoke", "Take an invite back.") { id };
        command.SetAction((parsed, _) => line.RunAsync("kosha invite revoke", (installation, ct) =>
            new InviteTable(installation.Database).RevokeAsync(
                parsed.GetValue(id), AuditCommands.By(AuditActions.InviteRevoke), ct)));
        return command;
    }
}
