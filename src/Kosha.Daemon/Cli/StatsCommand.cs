using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Kosha.Storage.Upkeep;

namespace Kosha.Daemon.Cli;

/// <summary><c>kosha stats</c></summary>
internal static class StatsCommand
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static Command Create(CommandLine line)
    {
        var json = new Option<bool>("--json") { Description = "For programs." };
        var command = new Command("stats", "What all users together have, and what of it is stored.") { json };
        command.SetAction((parsed, _) => line.RunAsync("kosha stats", async (installation, ct) =>
        {
            var found = await Statistics.ReadAsync(installation.Database, ct);
            await Console.Out.WriteLineAsync(parsed.GetValue(json)
                ? JsonSerializer.Serialize(found, Json) : Describe(found));
        }));
        return command;
    }

    private static string Describe(Statistics found)
    {
        (string Name, FormattableString Value)[] lines =
        [
            ("users", $"{found.Users:N0}"),
            ("files, trash included", $"{found.Files:N0}"),
            ("folders, trash included", $"{found.Folders:N0}"),
            ("things in the trash", $"{found.Trash:N0}"),
            ("bytes in the trash", $"{found.TrashBytes:N0}"),
            ("versions of files", $"{found.Versions:N0}"),
            ("bytes of versions", $"{found.VersionBytes:N0}"),
            ("bytes of files, trash and versions", $"{found.LogicalBytes:N0}"),
            ("bytes that uploads reserve", $"{found.ReservedBytes:N0}"),
            ("contents stored, each once", $"{found.Contents:N0}"),
            ("bytes stored", $"{found.StoredBytes:N0}"),
            ("times over that what is stored is used", $"{found.DedupRatio:N2}"),
        ];
        return string.Join('\n', lines.Select(line =>
            $"{line.Value.ToString(CultureInfo.InvariantCulture),20}  {line.Name}"));
    }
}
