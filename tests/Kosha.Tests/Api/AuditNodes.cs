using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>Two daemons over one database, with small limits, that believe what a proxy says of addresses.</summary>
public sealed class AuditNodes(SharedPostgres postgres) : IAsyncLifetime
{
    public const int WebFailures = 4;
    public const int BasicFailures = 6;
    public const int Registrations = 5;
    public const int Uploads = 5;
    public const int AtOnce = 4;

    private readonly TestFolder shared = new();

    public string ConnectionString { get; private set; } = "";

    public KoshaProcess First { get; private set; } = null!;

    public KoshaProcess Second { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        ConnectionString = await (await postgres.Durable).NewEmptyDatabaseAsync();
        var folder = shared.NewFolder("shared");
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_111_111);
        (string, string)[] settings =
        [
            ("Database:ConnectionString", ConnectionString), ("Blobs:Directory", Path.Combine(folder, "blobs")),
            ("Http:TrustedProxies", "127.0.0.0/8"), ("Accounts:Registration", "open"),
            ("Limits:SignInFailures", $"{WebFailures}"), ("Limits:BasicFailures", $"{BasicFailures}"),
            ("Limits:Registrations", $"{Registrations}"), ("Limits:UploadsPerMinute", $"{Uploads}"),
            ("Limits:ConcurrentRequestsPerAddress", $"{AtOnce}"),
        ];
        First = await KoshaProcess.StartNewAsync(settings);
        Second = await KoshaProcess.StartNewAsync([
            .. settings, ("Security:MasterKeyFile", Path.Combine(First.DataDirectory, "master-key")),
        ]);
    }

    public async ValueTask DisposeAsync()
    {
        await First.DisposeAsync();
        await Second.DisposeAsync();
        shared.Dispose();
    }
}
