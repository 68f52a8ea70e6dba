using System.CommandLine;
using System.Globalization;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;

namespace Kosha.Daemon.Cli;

/// <summary><c>kosha plan list|add|set|delete</c></summary>
internal static class PlanCommands
{
    private const string Unlimited = "unlimited";

    private static readonly (PlanLimit Limit, string Option, string What)[] Limits =
    [
        (PlanLimit.MaxBytes, "--max-bytes", "Bytes of files, trash and versions together, such as 500G."),
        (PlanLimit.MaxNodes, "--max-nodes", "Files and folders."),
        (PlanLimit.MaxFileBytes, "--max-file-bytes", "Bytes of one file."),
        (PlanLimit.TrashDays, "--trash-days", "Days that the trash is kept, at most 36500; 30 for a new plan."),
        (PlanLimit.VersionDays, "--version-days",
            "Days that versions are kept, at most 36500; 30 for a new plan, 0: none are."),
        (PlanLimit.MaxOpenUploads, "--max-open-uploads",
            "Uploads under way at once; 'unlimited': as the daemon's setting says."),
        (PlanLimit.MaxShareLinks, "--max-share-links", "Share links that are open; 0: none may be made."),
        (PlanLimit.MaxShareDays, "--max-share-days", "Days that a share link is open; 'unlimited': also for ever."),
        (PlanLimit.MaxShareLinksWithoutPassword, "--max-share-links-without-password",
            "Of the open share links those without a password; 0: each has one."),
    ];

    public static Command Create(CommandLine line) => new("plan", "What users may use. A change counts at once.")
    {
        List(line), Add(line), Set(line), Delete(line),
    };

    private static Command List(CommandLine line)
    {
        var command = new Command("list", "All plans and how many users have them.");
        command.SetAction((_, _) => line.RunAsync("kosha plan list", async (installation, ct) =>
        {
            var rows = (await new PlanTable(installation.Database).ListAsync(ct)).Select(plan => new[]
            {
                plan.Name, plan.Users.ToString(CultureInfo.InvariantCulture), Say(plan.MaxBytes), Say(plan.MaxNodes),
                Say(plan.MaxFileBytes), Say(plan.TrashDays), Say(plan.VersionDays), Say(plan.MaxOpenUploads),
                Say(plan.MaxShareLinks), Say(plan.MaxShareDays), Say(plan.MaxShareLinksWithoutPassword),
            });
            TextTable.Write(Console.Out,
                ["NAME", "USERS", "BYTES", "NODES", "FILE BYTES", "TRASH DAYS", "VERSION DAYS", "UPLOADS",
                    "SHARE LINKS", "SHARE DAYS", "OPEN LINKS"], rows);
        }));
        return command;
    }

    private static string Say(long? limit) => limit?.ToString(CultureInfo.InvariantCulture) ?? Unlimited;

    private static Argument<string> Name() => new("NAME") { Description = "The plan." };

    private static Command Add(CommandLine line)
    {
        var name = Name();
        var (command, read) = WithLimits(new("add", "Make a plan. What is not given is unlimited.") { name });
        command.SetAction((parsed, _) => line.RunAsync("kosha plan add", (installation, ct) =>
            new PlanTable(installation.Database).AddAsync(
                parsed.GetRequiredValue(name), read(parsed), AuditCommands.By(AuditActions.PlanAdd), ct)));
        return command;
    }

    private static Command Set(CommandLine line)
    {
        var name = Name();
        var (command, read) = WithLimits(
            new("set", "Change limits of a plan for all its users. What is not given stays.") { name });
        command.SetAction((parsed, _) => line.RunAsync("kosha plan set", async (installation, ct) =>
        {
            var plans = new PlanTable(installation.Database);
            await plans.SetAsync((await plans.GetAsync(parsed.GetRequiredValue(name), ct)).Id, read(parsed),
                AuditCommands.By(AuditActions.PlanChange), ct);
        }));
        return command;
    }

    private static Command Delete(CommandLine line)
    {
        var name = Name();
        var command = new Command(
            "delete", "Remove a plan that nobody has; 'kosha user plan' gives its users another one first.") { name };
        command.SetAction((parsed, _) => line.RunAsync("kosha plan delete", async (installation, ct) =>
        {
            var plans = new PlanTable(installation.Database);
            await plans.DeleteAsync((await plans.GetAsync(parsed.GetRequiredValue(name), ct)).Id,
                AuditCommands.By(AuditActions.PlanDelete), ct);
        }));
        return command;
    }

    /// <summary>Those limits that were given.</summary>
    private static (Command, Func<ParseResult, Dictionary<PlanLimit, long?>>) WithLimits(Command command)
    {
        var options = Limits.Select(limit => (limit.Limit, Option: new Option<string?>(limit.Option)
        {
            Description = $"{limit.What} A number (K, M, G and T are powers of 1024), or '{Unlimited}'.",
            Validators =
            {
                result =>
                {
                    if (!result.Tokens.All(token => TryRead(token.Value, out _)))
                        result.AddError($"{limit.Option} is a number such as 500, 20G or 1T, or '{Unlimited}'.");
                },
            },
        })).ToList();
        foreach (var (_, option) in options)
            command.Options.Add(option);
        return (command, parsed => options.Where(pair => parsed.GetValue(pair.Option) is not null).ToDictionary(
            pair => pair.Limit, pair => TryRead(parsed.GetValue(pair.Option)!, out var value) ? value : null));
    }

    /// <summary>Null: unlimited.</summary>
    internal static bool TryRead(string text, out long? value)
    {
        value = null;
        if (text == Unlimited)
            return true;
        var power = text.Length > 1 ? "KMGT".IndexOf(char.ToUpperInvariant(text[^1]), StringComparison.Ordinal) + 1 : 0;
        var digits = power > 0 ? text[..^1] : text;
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            || number > long.MaxValue >> (10 * power))
            return false;
        value = number << (10 * power);
        return true;
    }
}
