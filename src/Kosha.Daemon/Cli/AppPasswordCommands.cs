using System.CommandLine;
using System.Globalization;
using Kosha.Daemon.Auth;
using Kosha.Storage.Accounts;
using Kosha.Storage.Tree;

namespace Kosha.Daemon.Cli;

/// <summary><c>kosha app-password …</c></summary>
internal static class AppPasswordCommands
{
    public static Command Create(CommandLine line)
    {
        var command = new Command("app-password", "Give each device of a user a password of its own.");
        command.Subcommands.Add(Add(line));
        command.Subcommands.Add(List(line));
        command.Subcommands.Add(Revoke(line));
        return command;
    }

    private static Argument<string> User() => new("USER") { Description = "The user's name or email." };

    private static Command Add(CommandLine line)
    {
        var user = User();
        var name = new Option<string>("--name") { Description = "What it is for, such as 'laptop'.", Required = true };
        var redirect = new Option<string?>("--redirect")
        {
            Description = "Whether this device may be sent to S3 for bytes; without it as 'Blobs:Redirect' says.",
        };
        redirect.AcceptOnlyFromAmong([.. RedirectModes.Names.Select(mode => mode.Name)]);
        var readOnly = new Option<bool>("--read-only") { Description = "It reads, and changes nothing." };
        var folder = new Option<string?>("--folder")
        {
            Description = "The folder that is / for it, and beyond which it reaches nothing, such as /Photos/2026.",
        };
        var command = new Command("add", "Make an app password and print it, once.")
        {
            user, name, redirect, readOnly, folder,
        };
        command.SetAction((parsed, _) => line.RunAsync("kosha app-password add", async (installation, ct) =>
        {
            var secret = AppPasswordSecret.New();
            RedirectMode? mode = parsed.GetValue(redirect) is { } given
                ? RedirectModes.Names.First(mode => mode.Name == given).Value
                : null;
            var wish = new NewAppPassword(parsed.GetRequiredValue(name), AppPasswordSecret.HashOfNew(secret))
            {
                Redirect = mode,
                IsReadOnly = parsed.GetValue(readOnly),
                Folder = parsed.GetValue(folder) is { } path
                    ? NodePath.FromNames(path.Split('/', StringSplitOptions.RemoveEmptyEntries))
                    : null,
            };
            await new AppPasswordTable(installation.Database).AddAsync(parsed.GetRequiredValue(user), wish, ct);
            await Console.Out.WriteLineAsync(secret);
        }));
        return command;
    }

    private static Command List(CommandLine line)
    {
        var user = User();
        var command = new Command("list", "List the app passwords of a user, without the secrets.") { user };
        command.SetAction((parsed, _) => line.RunAsync("kosha app-password list", async (installation, ct) =>
        {
            var rows = await new AppPasswordTable(installation.Database).ListAsync(parsed.GetRequiredValue(user), ct);
            string[] heads = ["ID", "NAME", "CREATED", "LAST USED", "REDIRECT", "MAY", "FOLDER"];
            TextTable.Write(Console.Out, heads, rows.Select(row => new[]
            {
                row.Id.ToString(CultureInfo.InvariantCulture), row.Label, Date(row.CreatedAt), Date(row.LastUsedAt),
                row.Redirect ?? "as set", row.IsReadOnly ? "read" : "read, write",
                row.FolderId is null ? "/" : row.Folder ?? "in the trash",
            }));
        }));
        return command;
    }

    private static string Date(DateTime? time) =>
        time?.ToString("yyyy-MM-dd HH:mm'Z'", CultureInfo.InvariantCulture) ?? "never";

    private static Command Revoke(CommandLine line)
    {
        var user = User();
        var which = new Argument<string?>("ID-or-NAME")
        {
            Description = "As 'kosha app-password list' shows it.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var name = new Option<string?>("--name") { Description = "The same, as 'kosha app-password add' takes it." };
        var command = new Command("revoke", "End an app password at once.") { user, which, name };
        command.SetAction((parsed, _) => line.RunAsync("kosha app-password revoke", (installation, ct) =>
            new AppPasswordTable(installation.Database).RevokeAsync(parsed.GetRequiredValue(user),
                parsed.GetValue(which) ?? parsed.GetValue(name)
                    ?? throw new OperatorException("Say which app password: its id or its name."), ct)));
        return command;
    }
}
