using System.Text.Json;

namespace Kosha.Daemon.Configuration;

/// <param name="Value">As written.</param>
/// <param name="Source">Where it stands, in words: "the environment".</param>
internal sealed record GivenSetting(string Value, string Source);

/// <summary>
/// The settings that somebody gave, by key ("Http:Listen", without case): the file, then the environment, then the
/// command line, each over the one before. An empty value in the environment means that nothing is given.
/// </summary>
internal sealed class GivenSettings
{
    public const string DefaultFile = "/etc/kosha/kosha.json";
    private const string Prefix = "KOSHA_";
    private const string AccessKey = "Blobs:S3:AccessKey";
    private const string SecretKey = "Blobs:S3:SecretKey";

    /// <summary>Variables that other programs know, too; Kosha's own go over them.</summary>
    private static readonly (string Name, string Key)[] UsualNames =
    [
        ("DATABASE_URL", "Database:ConnectionString"), ("AWS_REGION", "Blobs:S3:Region"),
        ("AWS_ACCESS_KEY_ID", AccessKey), ("AWS_SECRET_ACCESS_KEY", SecretKey), ("S3_BUCKET_NAME", "Blobs:S3:Bucket"),
    ];

    private readonly Dictionary<string, GivenSetting> values = new(StringComparer.OrdinalIgnoreCase);

    public IReadOnlyDictionary<string, GivenSetting> Values => values;

    /// <summary>What could not be read at all.</summary>
    public List<string> Problems { get; } = [];

    public static GivenSettings Read(
        string file, IEnumerable<KeyValuePair<string, string>> environment, IEnumerable<string> arguments)
    {
        var given = new GivenSettings();
        given.AddFile(file);
        given.AddEnvironment([.. environment]);
        given.AddArguments(arguments);
        return given;
    }

    /// <summary>
    /// True for "--Http:Listen=…": settings have a ':' or a capital letter, options of commands have neither.
    /// </summary>
    public static bool IsSetting(string argument)
    {
        if (!argument.StartsWith("--", StringComparison.Ordinal) || argument.Length < 3)
            return false;
        var name = argument[2..].Split('=')[0];
        return name.Contains(':', StringComparison.Ordinal) || char.IsAsciiLetterUpper(name[0]);
    }

    private void AddFile(string file)
    {
        try
        {
            if (!File.Exists(file))
                return;
            using var text = new MemoryStream(File.ReadAllBytes(file));
            foreach (var (key, value) in new ConfigurationBuilder().AddJsonStream(text).Build().AsEnumerable())
            {
                // A section has no value of its own.
                if (value is not null)
                    values[key] = new(value, file);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Problems.Add($"{file} cannot be read by the user '{Environment.UserName}' ({e.Message}): "
                + "let it read the file.");
        }
        catch (Exception e) when (e is FormatException or InvalidDataException or JsonException)
        {
            Problems.Add($"{file} is not valid JSON: {(e.InnerException ?? e).Message}");
        }
    }

    private void AddEnvironment(IReadOnlyCollection<KeyValuePair<string, string>> environment)
    {
        AddUsualNames(environment.Where(variable => variable.Value.Length > 0).ToDictionary());
        foreach (var (name, value) in environment)
        {
            if (!name.StartsWith(Prefix, StringComparison.Ordinal) || value.Length == 0)
                continue;
            var key = name[Prefix.Length..].Replace("__", ":", StringComparison.Ordinal);
            if (IsForUs(key))
                values[key] = new(value, $"the environment ({name})");
        }
    }

    private void AddUsualNames(Dictionary<string, string> environment)
    {
        foreach (var (name, key) in UsualNames)
        {
            // Credentials for a time have a third part; these the SDK finds by itself.
            var isForSdk = key is AccessKey or SecretKey && environment.ContainsKey("AWS_SESSION_TOKEN");
            if (!isForSdk && environment.TryGetValue(name, out var value))
                values[key] = new(value, $"the environment ({name})");
        }
    }

    // Container platforms put variables of their own beside ours, such as KOSHA_PORT for a service named kosha. They
    // have no section, and are ours only if they look like a setting without one.
    private static bool IsForUs(string key) =>
        key.Contains(':', StringComparison.Ordinal)
        || KoshaOptions.Keys.Any(known => Nearness.Distance(key.Replace("_", "", StringComparison.Ordinal),
            known.Replace(":", "", StringComparison.Ordinal)) <= 2);

    private void AddArguments(IEnumerable<string> arguments)
    {
        foreach (var argument in arguments)
        {
            var at = argument.IndexOf('=', StringComparison.Ordinal);
            if (at < 0)
                Problems.Add($"{argument} has no value: write {argument}=VALUE.");
            else
                values[argument[2..at]] = new(argument[(at + 1)..], "the command line");
        }
    }
}

/// <summary>How alike two names are.</summary>
internal static class Nearness
{
    /// <summary>The name most like <paramref name="given"/>; null if none is like it.</summary>
    public static string? Nearest(string given, IEnumerable<string> names)
    {
        var (name, distance) = names.Select(name => (name, Distance(given, name))).MinBy(pair => pair.Item2);
        return distance <= Math.Max(2, given.Length / 3) ? name : null;
    }

    /// <summary>Letters to insert, remove or replace (Levenshtein), without case.</summary>
    public static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var same = char.ToUpperInvariant(a[i - 1]) == char.ToUpperInvariant(b[j - 1]);
                var best = Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (same ? 0 : 1));
                (diagonal, row[j]) = (row[j], best);
            }
        }
        return row[^1];
    }
}
