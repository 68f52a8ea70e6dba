using System.Net;
using Kosha.Daemon.Configuration;
using Kosha.Daemon.Jobs;
using Kosha.Storage.Accounts;
using Kosha.Storage.Blobs;
using Serilog.Events;

namespace Kosha.Daemon;

/// <summary>Where the log goes to be read.</summary>
public enum LogFormat
{
    /// <summary>One line an event, for people.</summary>
    Text,

    /// <summary>One JSON object a line (CLEF), for machines.</summary>
    Json,
}

/// <summary>Who may make an account of his own.</summary>
public enum RegistrationMode
{
    /// <summary>Nobody: administrators make them.</summary>
    Closed,

    /// <summary>Who has an invite.</summary>
    Invite,

    /// <summary>Everybody who reaches the server.</summary>
    Open,
}

/// <summary>
/// Every setting of the daemon, typed, checked and with its default. Sources, later over earlier: these defaults,
/// /etc/kosha/kosha.json, the environment (DATABASE_URL, then KOSHA_Http__Listen), the command line (--Http:Listen=…).
/// </summary>
public sealed partial class KoshaOptions
{
    /// <summary>State of this installation; an absolute path.</summary>
    public string DataDirectory { get; }

    public IReadOnlyList<ListenAddress> HttpListen { get; }

    /// <summary>A PEM or PFX file; null: none.</summary>
    public string? HttpCertificate { get; }

    /// <summary>The PEM file of the certificate's key, if it stands in a file of its own.</summary>
    public string? HttpCertificateKey { get; }

    public bool HttpSelfSigned { get; }

    /// <summary>Only these may say by X-Forwarded-… for whom they ask.</summary>
    public IReadOnlyList<IPNetwork> HttpTrustedProxies { get; }

    public bool HttpAllowInsecure { get; }

    /// <summary>Origins whose browser apps may use /dav, as browsers write them. Empty: none but Kosha's own.</summary>
    public IReadOnlyList<string> HttpCorsOrigins { get; }

    /// <summary>Where people reach Kosha, without a path; null: nobody said.</summary>
    public Uri? PublicUrl { get; }

    /// <summary>In Npgsql's form; null: the private cluster.</summary>
    public string? DatabaseConnectionString { get; }

    public bool DatabaseTransactionPooler { get; }

    /// <summary>Where blobs lie unless they lie in S3.</summary>
    public string BlobsDirectory { get; }

    /// <summary>Null: blobs lie in <see cref="BlobsDirectory"/>.</summary>
    public S3StoreOptions? BlobsS3 { get; }

    public RedirectMode BlobsRedirect { get; }

    /// <summary>Files below are never redirected.</summary>
    public long BlobsRedirectMinBytes { get; }

    public string SpoolDirectory { get; }

    /// <summary>All spools together, in bytes.</summary>
    public long SpoolMaxBytes { get; }

    /// <summary>Uploads that one user may have under way.</summary>
    public int UploadsMaxOpenPerUser { get; }

    /// <summary>A write that does not fit removes old trash for good, instead of being refused.</summary>
    public bool TrashFreeForWrites { get; }

    /// <summary>Null: the one in the data folder, which is made if it is not there.</summary>
    public string? SecurityMasterKeyFile { get; }

    public RegistrationMode AccountsRegistration { get; }

    /// <summary>Where everybody may register: refused while so many accounts are younger than a day.</summary>
    public int AccountsRegistrationsPerDay { get; }

    /// <summary>Webhooks may lead into Kosha's own network.</summary>
    public bool WebhooksAllowPrivateAddresses { get; }

    /// <summary>By which messages of the identity provider are signed; null: there is none.</summary>
    internal byte[]? IdentityWebhookKey { get; }

    /// <summary>Of the first administrator; null: a random one.</summary>
    public string? AdminPassword { get; }

    /// <summary>How long entries of the audit log are kept.</summary>
    public int AuditRetentionDays { get; }

    /// <summary>Beyond so many the oldest go earlier.</summary>
    public long AuditMaxEntries { get; }

    internal RequestLimits Limits { get; }

    public bool WebDavInfiniteDepth { get; }

    public LogEventLevel LogLevel { get; }

    public LogFormat LogFormat { get; }

    /// <summary>When each job runs, by its name.</summary>
    internal IReadOnlyDictionary<string, JobTimes> Jobs { get; }

    /// <summary>How long running requests may go on after the daemon was told to stop.</summary>
    public TimeSpan ShutdownGrace { get; }

    /// <summary>
    /// Every problem, each one line that begins with its key; empty if Kosha can start with these settings.
    /// </summary>
    public IReadOnlyList<string> Problems { get; }

    /// <summary>Every folder that Kosha writes to, with the key that names it.</summary>
    internal IEnumerable<(string Key, string Path)> Folders =>
    [
        ("DataDirectory", DataDirectory),
        .. BlobsS3 is null ? [("Blobs:Directory", BlobsDirectory)] : Array.Empty<(string, string)>(),
        ("Spool:Directory", SpoolDirectory),
    ];

    /// <summary>What holds and where it comes from, for people.</summary>
    internal IReadOnlyList<EffectiveSetting> Effective { get; }

    internal KoshaOptions(GivenSettings given)
    {
        var reader = new SettingsReader(given);
        DataDirectory = ReadDataDirectory(reader);
        HttpListen = ReadListen(reader);
        HttpCertificate = NullIfEmpty(reader.Text("Http:Certificate", ""));
        HttpCertificateKey = NullIfEmpty(reader.Text("Http:CertificateKey", ""));
        HttpSelfSigned = reader.Flag("Http:SelfSigned", false);
        HttpTrustedProxies = ReadProxies(reader);
        HttpAllowInsecure = reader.Flag("Http:AllowInsecure", false);
        HttpCorsOrigins = ReadCorsOrigins(reader);
        PublicUrl = ReadPublicUrl(reader);
        DatabaseConnectionString = ReadConnectionString(reader);
        DatabaseTransactionPooler = reader.Choice("Database:Pooler", false, ("", false), ("transaction", true));
        var isS3 = reader.Choice("Blobs:Store", false, ("disk", false), ("s3", true));
        BlobsDirectory = ReadDirectory(reader, "Blobs:Directory", Path.Combine(DataDirectory, "blobs"));
        BlobsS3 = ReadS3(reader, isS3, PublicUrl);
        BlobsRedirect = reader.Choice("Blobs:Redirect", RedirectMode.KnownClients, RedirectModes.Names);
        BlobsRedirectMinBytes = reader.Number("Blobs:RedirectMinBytes", 8L << 20, 0, long.MaxValue);
        SpoolDirectory = ReadDirectory(reader, "Spool:Directory", Path.Combine(DataDirectory, "spool"));
        SpoolMaxBytes = reader.Number("Spool:MaxBytes", 64L << 30, 1 << 20, long.MaxValue);
        UploadsMaxOpenPerUser = (int)reader.Number("Uploads:MaxOpenPerUser", 100, 1, 10_000);
        TrashFreeForWrites = reader.Flag("Trash:FreeForWrites", false);
        SecurityMasterKeyFile = ReadMasterKeyFile(reader);
        (AccountsRegistration, AccountsRegistrationsPerDay) = ReadRegistration(reader);
        WebhooksAllowPrivateAddresses = reader.Flag("Webhooks:AllowPrivateAddresses", false);
        IdentityWebhookKey = ReadIdentityKey(reader);
        AdminPassword = ReadAdminPassword(reader);
        (AuditRetentionDays, AuditMaxEntries) = ReadAudit(reader);
        Limits = RequestLimits.Read(reader);
        WebDavInfiniteDepth = reader.Flag("WebDav:InfiniteDepth", false);
        (LogLevel, LogFormat) = ReadLog(reader);
        Jobs = Job.All.ToDictionary(job => job.Name, job => ReadTimes(reader, job));
        ShutdownGrace = TimeSpan.FromSeconds(reader.Number("Shutdown:GraceSeconds", 30, 0, 3600));
        CheckTls(reader);
        CheckInsecure(reader);
        CheckPublicEndpoint(reader);
        reader.RefuseUnknownKeys();
        Problems = reader.Problems;
        Effective = reader.Effective;
    }

    /// <summary>Every key that exists.</summary>
    internal static IReadOnlyList<string> Keys { get; } =
        [.. new KoshaOptions(new GivenSettings()).Effective.Select(setting => setting.Key)];
}
