using System.CommandLine;
using System.Globalization;
using Kosha.Daemon.Auth;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;

namespace Kosha.Daemon.Cli;

/// <summary><c>kosha user …</c></summary>
internal static class UserCommands
{
    public static Command Create(CommandLine line)
    {
        var command = new Command("user", "Add and manage users.");
        command.Subcommands.Add(Add(line));
        command.Subcommands.Add(List(line));
        command.Subcommands.Add(Passwd(line));
        command.Subcommands.Add(Plan(line));
        command.Subcommands.Add(
            SetEnabled(line, "disable", "Let a user sign in nowhere. The files stay.", enabled: false));
        command.Subcommands.Add(SetEnabled(line, "enable", "Let a disabled user sign in again.", enabled: true));
        command.Subcommands.Add(Role(line));
        command.Subcommands.Add(TwoFactorOff(line));
        command.Subcommands.Add(Delete(line));
        return command;
    }

    private static Argument<string> Name() => new("NAME") { Description = "The username." };

    private static Option<bool> PasswordStdin() => new("--password-stdin")
    {
        Description = "Read the password from the first line of standard input.",
        Required = true,
    };

    private static Command Add(CommandLine line)
    {
        var name = Name();
        var admin = new Option<bool>("--admin") { Description = "Make the user an administrator." };
        var plan = new Option<string>("--plan")
        {
            Description = "The plan that limits the user.",
            DefaultValueFactory = _ => "default",
        };
        var email = new Option<string?>("--email") { Description = "The user may sign in by this too." };
        var command = new Command("add", "Add a user.") { name, PasswordStdin(), admin, plan, email };
        command.SetAction((parsed, _) => line.RunAsync("kosha user add", ReadPasswordHash, (installation, hash, ct) =>
            installation.Users.AddAsync(new(parsed.GetRequiredValue(name), hash)
            {
                Email = parsed.GetValue(email),
                IsAdmin = parsed.GetValue(admin),
                Plan = parsed.GetRequiredValue(plan),
                Told = AuditCommands.By(AuditActions.UserAdd),
            }, ct)));
        return command;
    }

    private static Command List(CommandLine line)
    {
        var command = new Command("list", "List all users.");
        command.SetAction((_, _) => line.RunAsync("kosha user list", async (installation, ct) =>
        {
            var rows = (await installation.Users.ListAsync(ct)).Select(user => new[]
            {
                user.Username, user.Email ?? "-", user.IsAdmin ? "admin" : "user", user.Plan,
                user.UsedBytes.ToString(CultureInfo.InvariantCulture), State(user),
            });
            TextTable.Write(Console.Out, ["NAME", "EMAIL", "ROLE", "PLAN", "USED BYTES", "STATE"], rows);
        }));
        return command;
    }

    private static string State(UserRow user) => user.DeletingAt is not null
        ? "being deleted"
        : user.DisabledAt is { } since ? $"disabled since {since:yyyy-MM-dd}" : "active";

    private static Command Passwd(CommandLine line)
    {
        var name = Name();
        var command = new Command("passwd", "Set a new password. The old one ends at once.") { name, PasswordStdin() };
        command.SetAction((parsed, _) =>
        {
            var username = parsed.GetRequiredValue(name);
            return line.RunAsync("kosha user passwd", ReadPasswordHash, async (installation, hash, ct) =>
            {
                await installation.Users.SetPasswordAsync(username, hash, ct);
                if (FirstAdministrator.ForgetPassword(installation.Folder, username) is { } left)
                    await Console.Error.WriteLineAsync(left);
            });
        });
        return command;
    }

    private static Command Plan(CommandLine line)
    {
        var name = Name();
        var plan = new Argument<string>("PLAN") { Description = "As 'kosha plan list' names it." };
        var command = new Command(
            "plan", "Give a user another plan, at once. What exceeds it stays; new writes are refused.") { name, plan };
        command.SetAction((parsed, _) => line.RunAsync("kosha user plan", (installation, ct) =>
            installation.Users.SetPlanAsync(parsed.GetRequiredValue(name), parsed.GetRequiredValue(plan), ct)));
        return command;
    }

    private static Command SetEnabled(CommandLine line, string verb, string description, bool enabled)
    {
        var name = Name();
        var command = new Command(verb, description) { name };
        command.SetAction((parsed, _) => line.RunAsync($"kosha user {verb}", (installation, ct) =>
            installation.Users.SetEnabledAsync(parsed.GetRequiredValue(name), enabled, ct)));
        return command;
    }

    private static Command Role(CommandLine line)
    {
        var name = Name();
        var role = new Argument<string>("ROLE") { Description = "'admin' or 'user'." };
        role.AcceptOnlyFromAmong("admin", "user");
        var command = new Command("role", "Make a user an administrator, or no more one.") { name, role };
        command.SetAction((parsed, _) => line.RunAsync("kosha user role", async (installation, ct) =>
            await installation.Users.ChangeAsync(
                await installation.Users.IdAsync(parsed.GetRequiredValue(name), ct),
                new UserChanges
                {
                    IsAdmin = parsed.GetRequiredValue(role) == "admin",
                    Told = AuditCommands.By(AuditActions.UserChange),
                }, ct)));
        return command;
    }

    private static Command TwoFactorOff(CommandLine line)
    {
        var name = Name();
        var command = new Command(
            "two-factor-off", "Let a user who has lost the authenticator sign in by password alone.") { name };
        command.SetAction((parsed, _) => line.RunAsync("kosha user two-factor-off", async (installation, ct) =>
        {
            if (!await new TwoFactorTable(installation.Database).EndAsync(parsed.GetRequiredValue(name), ct))
                throw new OperatorException("There is no such user, or two-factor sign-in is not on.");
        }));
        return command;
    }

    private static Command Delete(CommandLine line)
    {
        var name = Name();
        var yes = new Option<bool>("--yes") { Description = "Do not ask." };
        var command = new Command(
            "delete", "Disable a user at once, and remove all its files for good soon after.") { name, yes };
        command.SetAction((parsed, _) =>
        {
            var username = parsed.GetRequiredValue(name);
            return line.RunAsync("kosha user delete", () => IsMeant(username, parsed.GetValue(yes)),
                async (installation, isMeant, ct) =>
                {
                    if (!isMeant)
                        throw new OperatorException("Nothing was deleted.");
                    await installation.Users.BeginDeletionAsync(await installation.Users.IdAsync(username, ct),
                        AuditCommands.By(AuditActions.UserDelete), ct);
                    await Console.Out.WriteLineAsync($"'{username}' can sign in no more. The job 'delete-accounts' "
                        + "removes the files; 'kosha job run delete-accounts' does it now.");
                });
        });
        return command;
    }

    private static bool IsMeant(string username, bool isSaid)
    {
        if (isSaid)
            return true;
        Console.Error.Write($"All files of '{username}' will be removed for good. Type the name again: ");
        return Console.In.ReadLine() == username;
    }

    private static string ReadPasswordHash()
    {
        var password = Console.In.ReadLine() ?? "";
        return Passwords.Problem(password) is { } problem
            ? throw new OperatorException($"The password on standard input is not good: {problem}")
            : Passwords.Hash(password);
    }
}
