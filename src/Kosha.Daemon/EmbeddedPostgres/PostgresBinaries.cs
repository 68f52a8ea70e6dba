using System.Globalization;
using System.Text.RegularExpressions;

namespace Kosha.Daemon.EmbeddedPostgres;

/// <summary>An installed Postgres server.</summary>
/// <param name="Folder">Holds initdb and postgres.</param>
/// <param name="Major">15 or newer.</param>
internal sealed partial record PostgresBinaries(string Folder, int Major)
{
    public const int OldestMajor = 15;

    /// <summary>Where Debian keeps each major version in a folder of its own.</summary>
    private const string DebianRoot = "/usr/lib/postgresql";

    public string InitDb => Path.Combine(Folder, "initdb");

    public string Postgres => Path.Combine(Folder, "postgres");

    /// <summary>The newest server, or the one of the given major version.</summary>
    /// <exception cref="OperatorException">There is none; the message names the package to install.</exception>
    public static async Task<PostgresBinaries> FindAsync(int? major, CancellationToken ct)
    {
        var installed = Debian();
        if (await OnPathAsync(ct) is { } other)
            installed.Add(other);
        var suitable = installed
            .Where(binaries => major is null ? binaries.Major >= OldestMajor : binaries.Major == major)
            .MaxBy(binaries => binaries.Major);
        return suitable ?? throw new OperatorException(Missing(major, installed));
    }

    private static string Missing(int? major, List<PostgresBinaries> installed)
    {
        var others = string.Join(" and ", installed.Select(binaries => binaries.Major).Distinct().Order());
        var found = installed.Count == 0
            ? "no PostgreSQL server is installed" : $"only PostgreSQL {others} is installed";
        return major is null
            ? $"Kosha runs its own PostgreSQL, {OldestMajor} or newer, but {found}: apt-get install "
                + $"postgresql-{OldestMajor} (or a newer one), or name a server of yours in Database:ConnectionString."
            : $"The database in the data folder was made by PostgreSQL {major}, but {found}: "
                + $"apt-get install postgresql-{major}.";
    }

    private static List<PostgresBinaries> Debian()
    {
        if (!Directory.Exists(DebianRoot))
            return [];
        return [.. Directory.EnumerateDirectories(DebianRoot)
            .Where(folder => int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out _))
            .Select(folder => new PostgresBinaries(
                Path.Combine(folder, "bin"), int.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture)))
            .Where(binaries => binaries.IsComplete)];
    }

    private static async Task<PostgresBinaries?> OnPathAsync(CancellationToken ct)
    {
        if (ChildProcess.Find("postgres") is not { } postgres)
            return null;
        var folder = Path.GetDirectoryName(ChildProcess.BehindLinks(new(postgres)).FullName)!;
        var version = (await ChildProcess.RunAsync(postgres, ["--version"], "/", ct)).Output;
        return VersionNumber().Match(version) is { Success: true } match
            && int.Parse(match.Value, CultureInfo.InvariantCulture) is var major
            && new PostgresBinaries(folder, major) is { IsComplete: true } found
            ? found : null;
    }

    private bool IsComplete => File.Exists(InitDb) && File.Exists(Postgres);

    [GeneratedRegex("[0-9]+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex VersionNumber();
}
