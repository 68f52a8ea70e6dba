using Npgsql;

namespace Kosha.Daemon.Configuration;

/// <summary>Reads connection strings: Npgsql's own form, or a URL as libpq reads it.</summary>
internal static class DatabaseUrl
{
    /// <summary>Npgsql's form of either.</summary>
    /// <exception cref="FormatException">The message holds no part of the given text that could be secret.</exception>
    public static string ToConnectionString(string text)
    {
        try
        {
            return IsUrl(text) ? FromUrl(text) : new NpgsqlConnectionStringBuilder(text).ConnectionString;
        }
        catch (Exception e) when (e is ArgumentException or KeyNotFoundException or UriFormatException)
        {
            throw new FormatException("it is neither a URL like "
                + "postgresql://user:password@host:5432/database?sslmode=require nor a list like "
                + "Host=…;Username=…;Password=…;Database=….", e);
        }
    }

    /// <summary>The same text with its password hidden.</summary>
    public static string Mask(string text)
    {
        try
        {
            var settings = new NpgsqlConnectionStringBuilder(ToConnectionString(text));
            if (!string.IsNullOrEmpty(settings.Password))
                settings.Password = "***";
            if (!string.IsNullOrEmpty(settings.SslPassword))
                settings.SslPassword = "***";
            return settings.ConnectionString;
        }
        catch (FormatException)
        {
            return "***";
        }
    }

    private static bool IsUrl(string text) =>
        text.StartsWith("postgres://", StringComparison.OrdinalIgnoreCase)
        || text.StartsWith("postgresql://", StringComparison.OrdinalIgnoreCase);

    private static string FromUrl(string text)
    {
        var url = new Uri(text);
        var settings = new NpgsqlConnectionStringBuilder();
        if (url.Host.Length > 0)
            settings.Host = url.Host.Trim('[', ']');
        if (url.Port > 0)
            settings.Port = url.Port;
        if (url.AbsolutePath.Length > 1)
            settings.Database = Uri.UnescapeDataString(url.AbsolutePath[1..]);
        var colon = url.UserInfo.IndexOf(':', StringComparison.Ordinal);
        var user = colon < 0 ? url.UserInfo : url.UserInfo[..colon];
        if (user.Length > 0)
            settings.Username = Uri.UnescapeDataString(user);
        if (colon >= 0)
            settings.Password = Uri.UnescapeDataString(url.UserInfo[(colon + 1)..]);
        foreach (var pair in url.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var at = pair.IndexOf('=', StringComparison.Ordinal);
            SetParameter(settings, at < 0 ? pair : pair[..at], at < 0 ? "" : Uri.UnescapeDataString(pair[(at + 1)..]));
        }
        return settings.ConnectionString;
    }

    private static void SetParameter(NpgsqlConnectionStringBuilder settings, string name, string value)
    {
        switch (name)
        {
            case "sslmode":
                settings["SSL Mode"] = value.Replace("-", "", StringComparison.Ordinal);
                break;
            case "sslrootcert":
                settings.RootCertificate = value;
                break;
            case "sslcert":
                settings.SslCertificate = value;
                break;
            case "sslkey":
                settings.SslKey = value;
                break;
            case "connect_timeout":
                settings["Timeout"] = value;
                break;
            case "sslpassword":
                settings.SslPassword = value;
                break;
            case "channel_binding":
                settings["Channel Binding"] = value;
                break;
            case "application_name" or "target_session_attrs":
                // Kosha names itself, and needs a server that it can write to in any case.
                break;
            case "host" or "port" or "user" or "password" or "dbname" or "options":
                settings[name switch { "user" => "Username", "dbname" => "Database", _ => name }] = value;
                break;
            default:
                throw new FormatException($"the parameter '{name}' of the URL is not known.");
        }
    }
}
