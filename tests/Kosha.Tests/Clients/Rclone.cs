using Kosha.Tests.Infrastructure;

namespace Kosha.Tests.Clients;

/// <summary>rclone with its backend webdav, set up as the README tells users.</summary>
public sealed class Rclone
{
    private readonly Dictionary<string, string?> environment;

    private Rclone(Dictionary<string, string?> environment) => this.environment = environment;

    public static async Task<Rclone> ForAsync(DavClient drive)
    {
        var obscured = (await Tool.RunAsync("rclone", "obscure", drive.User.Password)).MustSucceed().Output.Trim();
        return new(new()
        {
            ["RCLONE_CONFIG"] = "/dev/null",
            ["RCLONE_WEBDAV_URL"] = drive.UrlOf(""),
            ["RCLONE_WEBDAV_VENDOR"] = "owncloud",
            ["RCLONE_WEBDAV_USER"] = drive.User.Name,
            ["RCLONE_WEBDAV_PASS"] = obscured,
        });
    }

    public static string Remote(string path) => $":webdav:{path}";

    /// <summary>Runs one command that must succeed without a retry.</summary>
    public async Task<RcloneResult> RunAsync(params string[] words)
    {
        string[] flags = ["-v", "--retries", "1", "--stats", "0", "--transfers", "8", "--checkers", "8"];
        var start = new ToolStart("rclone", [.. words, .. flags]) { Environment = environment, Seconds = 1800 };
        return new((await Tool.RunAsync(start)).MustSucceed().All);
    }
}

/// <summary>What rclone logged.</summary>
public sealed record RcloneResult(string Log)
{
    /// <summary>Files whose content was sent.</summary>
    public IReadOnlyList<string> Copied => NamesBefore(": Copied (");

    /// <summary>Files of which only the time was set.</summary>
    public IReadOnlyList<string> Retimed => NamesBefore(": Updated modification time");

    private List<string> NamesBefore(string word) =>
        [.. from line in Log.Split('\n')
            let end = line.IndexOf(word, StringComparison.Ordinal)
            where end >= 0
            select line[(line.IndexOf(" : ", StringComparison.Ordinal) + 3)..end]];
}
