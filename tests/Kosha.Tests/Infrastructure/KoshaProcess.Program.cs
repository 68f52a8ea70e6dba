namespace Kosha.Tests.Infrastructure;

public sealed partial class KoshaProcess
{
    /// <summary>The dotnet command that runs these tests also runs Kosha.</summary>
    private static string Dotnet =>
        Environment.ProcessPath is { } path && Path.GetFileName(path) == "dotnet" ? path : "dotnet";

    private static string ProgramFile => Path.Combine(AppContext.BaseDirectory, "kosha.dll");

    // In a mount namespace of its own the daemon sees an empty folder where Debian's Postgres is.
    private static ToolStart HidePostgres(ToolStart start)
    {
        string[] words = [start.Program, .. start.Arguments];
        // The mount alone needs root's rights.
        string[] again = Environment.IsPrivilegedProcess ? [] : ["sudo", "-n", "-u", Environment.UserName, "--"];
        const string Script = "mount -t tmpfs none /usr/lib/postgresql && exec \"$@\"";
        return Tool.AsRoot(start with
        {
            Program = "unshare",
            Arguments = ["--mount", "--", "sh", "-c", Script, "sh", .. again, .. words],
        });
    }

    private IEnumerable<KeyValuePair<string, string?>> BlobSettings =>
        from setting in settings
        where setting.Key == "PublicUrl" || setting.Key.StartsWith("Blobs:", StringComparison.Ordinal)
        select KeyValuePair.Create(
            "KOSHA_" + setting.Key.Replace(":", "__", StringComparison.Ordinal), (string?)setting.Value);

    // Settings go by the command line to the daemon and by the environment to the commands, as people do it.
    private ToolStart Start(string command, IReadOnlyList<string> arguments) =>
        new(Dotnet, [ProgramFile, command, .. arguments])
        {
            Folder = folder.Path,
            Environment = new Dictionary<string, string?>(BlobSettings)
            {
                ["KOSHA_DataDirectory"] = DataDirectory,
                ["KOSHA_Database__ConnectionString"] = settings.GetValueOrDefault("Database:ConnectionString"),
                ["DATABASE_URL"] = null,
                ["S3_BUCKET_NAME"] = null,
                ["AWS_REGION"] = null,
                ["AWS_ACCESS_KEY_ID"] = null,
                ["AWS_SECRET_ACCESS_KEY"] = null,
                ["AWS_SESSION_TOKEN"] = null,
                ["DOTNET_TieredPGO"] = "0",
                ["DOTNET_STARTUP_HOOKS"] = CrashAt is null ? null : typeof(KoshaProcess).Assembly.Location,
                ["CRASH_AT"] = CrashAt,
            },
        };
}
