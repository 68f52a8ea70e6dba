using System.Globalization;

namespace Kosha.Daemon.Configuration;

/// <param name="Key">Such as "Http:Listen".</param>
/// <param name="Value">What holds; a secret is masked.</param>
/// <param name="Source">Where it comes from, in words.</param>
internal sealed record EffectiveSetting(string Key, string Value, string Source);

/// <summary>
/// Turns given settings into typed values, and gathers every problem instead of stopping at the first. Each problem is
/// one line that begins with the key.
/// </summary>
internal sealed class SettingsReader(GivenSettings given)
{
    private readonly List<string> problems = [.. given.Problems];
    private readonly List<EffectiveSetting> effective = [];

    public IReadOnlyList<string> Problems => problems;

    public IReadOnlyList<EffectiveSetting> Effective => effective;

    public void Problem(string key, string whatToDo) => problems.Add($"{key}: {whatToDo}");

    public string Text(string key, string fallback, Func<string, string>? mask = null)
    {
        var setting = given.Values.GetValueOrDefault(key);
        var value = setting?.Value.Trim() ?? fallback;
        var shown = value.Length > 0 && mask is not null ? mask(value) : value;
        effective.Add(new(key, shown, setting?.Source ?? "default"));
        return value;
    }

    public bool Flag(string key, bool fallback)
    {
        var text = Text(key, fallback ? "true" : "false");
        if (bool.TryParse(text, out var value))
            return value;
        Problem(key, $"'{text}' is neither true nor false.");
        return fallback;
    }

    public long Number(string key, long fallback, long least, long most)
    {
        var text = Text(key, fallback.ToString(CultureInfo.InvariantCulture));
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            && value >= least && value <= most)
            return value;
        Problem(key, $"'{text}' is not a whole number from {least} to {most}.");
        return fallback;
    }

    public T Choice<T>(string key, T fallback, params IReadOnlyList<(string Name, T Value)> choices)
    {
        var text = Text(key, choices.First(choice => Equals(choice.Value, fallback)).Name);
        foreach (var (name, value) in choices)
        {
            if (string.Equals(name, text, StringComparison.OrdinalIgnoreCase))
                return value;
        }
        Problem(key, $"'{text}' is not one of: {string.Join(", ", choices.Select(choice => $"'{choice.Name}'"))}.");
        return fallback;
    }

    /// <summary>To be called last: every key that was given and that nobody has asked for is a problem.</summary>
    public void RefuseUnknownKeys()
    {
        var known = effective.ConvertAll(setting => setting.Key);
        foreach (var (key, setting) in given.Values)
        {
            if (known.Contains(key, StringComparer.OrdinalIgnoreCase))
                continue;
            var advice = Nearness.Nearest(key, known) is { } near ? $"did you mean {near}?" : "remove it.";
            Problem(key, $"there is no such setting ({setting.Source}); {advice}");
        }
    }
}
