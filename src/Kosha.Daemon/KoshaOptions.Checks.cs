using System.Net;
using System.Security.Cryptography;
using Kosha.Daemon.Auth;
using Kosha.Daemon.Configuration;
using Kosha.Daemon.Jobs;
using Kosha.Daemon.Web;
using Kosha.Daemon.Webhooks;
using Serilog.Events;

namespace Kosha.Daemon;

public sealed partial class KoshaOptions
{
    private static string ReadDataDirectory(SettingsReader reader)
    {
        var fallback = IsInstalled ? "/var/lib/kosha" : Path.GetFullPath("data");
        var path = ReadDirectory(reader, "DataDirectory", fallback);
        var program = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        if (path == program || path.StartsWith(program + "/", StringComparison.Ordinal))
            reader.Problem("DataDirectory",
                $"{path} lies in the program's own folder, which an update replaces; choose another, such as "
                + "/var/lib/kosha.");
        return path;
    }

    private static bool IsInstalled =>
        AppContext.BaseDirectory.StartsWith("/usr/", StringComparison.Ordinal)
        || AppContext.BaseDirectory.StartsWith("/opt/", StringComparison.Ordinal);

    private static string ReadDirectory(SettingsReader reader, string key, string fallback)
    {
        var text = reader.Text(key, fallback);
        if (text.Length > 0 && !text.Contains('\0', StringComparison.Ordinal))
            return Path.TrimEndingDirectorySeparator(Path.GetFullPath(text));
        reader.Problem(key, "it is not a path of a folder.");
        return fallback;
    }

    private static List<ListenAddress> ReadListen(SettingsReader reader)
    {
        const string Key = "Http:Listen";
        var text = reader.Text(Key, "http://127.0.0.1:8080");
        if (text.Trim(' ', ';').Length == 0)
            reader.Problem(Key, "it is empty; Kosha must listen somewhere, such as http://127.0.0.1:8080.");
        return ParseEach(text, ListenAddress.TryParse, part => reader.Problem(Key,
            $"'{part}' is not an address; write http://127.0.0.1:8080, https://0.0.0.0:8443 or http://localhost:8080, "
            + "several with ';' between them."));
    }

    /// <summary>What stands between semicolons; <paramref name="refuse"/> gets what does not parse.</summary>
    private static List<T> ParseEach<T>(string text, Func<string, T?> parse, Action<string> refuse) where T : class
    {
        var found = new List<T>();
        foreach (var part in text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (parse(part) is { } value)
                found.Add(value);
            else
                refuse(part);
        }
        return found;
    }

    private static List<IPNetwork> ReadProxies(SettingsReader reader)
    {
        const string Key = "Http:TrustedProxies";
        var found = new List<IPNetwork>();
        foreach (var part in reader.Text(Key, "").Split([';', ',', ' '], StringSplitOptions.RemoveEmptyEntries))
        {
            if (IPNetwork.TryParse(part, out var network))
                found.Add(network);
            else if (IPAddress.TryParse(part, out var one))
                found.Add(new(one, one.GetAddressBytes().Length * 8));
            else
                reader.Problem(Key, $"'{part}' is neither an address (10.0.0.5) nor a network (10.0.0.0/8).");
        }
        return found;
    }

    private static List<string> ReadCorsOrigins(SettingsReader reader)
    {
        const string Key = "Http:CorsOrigins";
        return ParseEach(reader.Text(Key, ""), WebOrigin.TryParse, part => reader.Problem(Key, part == "*"
            ? "'*' would let every page of the web use the drive; name the origins, with ';' between them."
            : $"'{part}' is not an origin; write https://app.example.org or app://obsidian.md, without a path, "
            + "several with ';' between them."));
    }

    private static Uri? ReadPublicUrl(SettingsReader reader)
    {
        var text = reader.Text("PublicUrl", "");
        if (text.Length == 0)
            return null;
        if (WebOrigin.TryParse(text) is { } origin && origin.StartsWith("http", StringComparison.Ordinal))
            return new(origin);
        reader.Problem("PublicUrl", $"'{text}' is not an address without a path; write https://files.example.org.");
        return null;
    }

    private static string? ReadConnectionString(SettingsReader reader)
    {
        const string Key = "Database:ConnectionString";
        var text = reader.Text(Key, "", DatabaseUrl.Mask);
        if (text.Length == 0)
            return null;
        try
        {
            return DatabaseUrl.ToConnectionString(text);
        }
        catch (FormatException e)
        {
            reader.Problem(Key, e.Message);
            return null;
        }
    }

    private static string? ReadMasterKeyFile(SettingsReader reader)
    {
        const string Key = "Security:MasterKeyFile";
        var text = reader.Text(Key, "");
        if (text.Contains('\0', StringComparison.Ordinal))
        {
            reader.Problem(Key, "it is not a path of a file.");
            return null;
        }
        return text.Length == 0 ? null : Path.GetFullPath(text);
    }

    private static (RegistrationMode, int PerDay) ReadRegistration(SettingsReader reader) => (
        reader.Choice("Accounts:Registration", RegistrationMode.Closed,
            ("closed", RegistrationMode.Closed), ("invite", RegistrationMode.Invite), ("open", RegistrationMode.Open)),
        (int)reader.Number("Accounts:RegistrationsPerDay", 100, 1, 1_000_000));

    private static (int Days, long MaxEntries) ReadAudit(SettingsReader reader) => (
        (int)reader.Number("Audit:RetentionDays", 365, 1, 36_500),
        reader.Number("Audit:MaxEntries", 10_000_000, 1000, 1L << 40));

    private static (LogEventLevel, LogFormat) ReadLog(SettingsReader reader) => (
        reader.Choice("Log:Level", LogEventLevel.Information, ("debug", LogEventLevel.Debug),
            ("information", LogEventLevel.Information), ("warning", LogEventLevel.Warning),
            ("error", LogEventLevel.Error)),
        reader.Choice("Log:Format", LogFormat.Text, ("text", LogFormat.Text), ("json", LogFormat.Json)));

    /// <summary>The file is read once, at the start.</summary>
    private static byte[]? ReadIdentityKey(SettingsReader reader)
    {
        const string Key = "Identity:WebhookSecretFile";
        if (NullIfEmpty(reader.Text(Key, "")) is not { } file)
            return null;
        try
        {
            if (WebhookSignature.KeyOf(File.ReadAllText(Path.GetFullPath(file)).Trim()) is { } key)
                return key;
            reader.Problem(Key, $"{file} does not hold a secret whsec_… as the identity provider shows it.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            reader.Problem(Key, $"{file} cannot be read by the user '{Environment.UserName}': {e.Message}");
        }
        return null;
    }

    private static string? ReadAdminPassword(SettingsReader reader)
    {
        const string Key = "Admin:Password";
        var password = NullIfEmpty(reader.Text(Key, "", _ => "***"));
        if (password is not null && Passwords.Problem(password) is { } problem)
            reader.Problem(Key, problem);
        return password;
    }

    private static JobTimes ReadTimes(SettingsReader reader, Job job)
    {
        var key = $"Jobs:{job.Name}:Cron";
        var times = new JobTimes(reader.Text(key, job.Cron), reader.Flag($"Jobs:{job.Name}:Enabled", true));
        try
        {
            if (JobSchedule.NextAfter(times with { Enabled = true }, DateTimeOffset.UtcNow) is not null)
                return times;
            reader.Problem(key, $"'{times.Cron}' never comes; switch the job off by Jobs:{job.Name}:Enabled=false.");
        }
        catch (FormatException e)
        {
            reader.Problem(key, $"'{times.Cron}' is no schedule ({e.Message.TrimEnd('.')}). Write six fields: seconds, "
                + "minutes, hours, day of month, month, day of week, such as '0 30 3 * * ?' for 03:30 every night "
                + "(UTC).");
        }
        return times with { Cron = job.Cron };
    }

    private void CheckTls(SettingsReader reader)
    {
        var isUsed = HttpListen.Any(address => address.IsTls);
        var hasOne = HttpSelfSigned || HttpCertificate is not null;
        if (isUsed && !hasOne)
            reader.Problem("Http:Certificate", "an https:// address needs a certificate: give a PEM or PFX file here "
                + "(its key in Http:CertificateKey), or set Http:SelfSigned=true.");
        if (!isUsed && hasOne)
            reader.Problem("Http:Listen", "a certificate is set, but no https:// address; add one, such as "
                + "https://0.0.0.0:8443.");
        if (HttpSelfSigned && HttpCertificate is not null)
            reader.Problem("Http:SelfSigned", "Http:Certificate is set too; choose one of the two.");
        if (HttpCertificateKey is not null && HttpCertificate is null)
            reader.Problem("Http:CertificateKey", "there is a key without Http:Certificate.");
        if (HttpCertificate is not null)
            CheckCertificate(reader);
    }

    private void CheckCertificate(SettingsReader reader)
    {
        try
        {
            using var certificate = TlsCertificate.Load(HttpCertificate!, HttpCertificateKey);
            if (!certificate.HasPrivateKey)
                reader.Problem("Http:CertificateKey", "the certificate has no key; name the PEM file that holds it.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            reader.Problem("Http:Certificate", $"{e.Message} Kosha, as the user '{Environment.UserName}', must be "
                + "able to read the certificate and its key.");
        }
        catch (CryptographicException e)
        {
            reader.Problem("Http:Certificate", $"this is no certificate with its key: {e.Message}");
        }
    }

    private void CheckInsecure(SettingsReader reader)
    {
        if (HttpAllowInsecure || HttpTrustedProxies.Count > 0)
            return;
        foreach (var address in HttpListen.Where(address => !address.IsTls && !address.IsLoopback))
            reader.Problem("Http:Listen", $"{address} would carry passwords in clear text over the network. Use "
                + "https://, or name your TLS proxy in Http:TrustedProxies, or set Http:AllowInsecure=true.");
    }

    private static string? NullIfEmpty(string text) => text.Length == 0 ? null : text;
}
