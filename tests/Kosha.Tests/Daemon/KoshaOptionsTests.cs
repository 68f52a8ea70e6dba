using Kosha.Daemon;
using Kosha.Daemon.Configuration;
using Kosha.Storage.Accounts;
using Kosha.Tests.Infrastructure;
using Serilog.Events;
using Xunit;

namespace Kosha.Tests.Daemon;

public sealed class KoshaOptionsTests
{
    private static KoshaOptions Read(params string[] arguments) => Read([], arguments);

    private static KoshaOptions Read((string Name, string Value)[] environment, params string[] arguments) =>
        Read("/nonexistent.json", environment, arguments);

    private static KoshaOptions Read(
        string file, (string Name, string Value)[] environment, params string[] arguments) =>
        new(GivenSettings.Read(file,
            // The tests run in the program's own folder, where the default would be refused.
            environment.Prepend(("KOSHA_DataDirectory", "/nonexistent/data"))
                .Select(v => KeyValuePair.Create(v.Item1, v.Item2)),
            arguments));

    private static void Refused(KoshaOptions options, params string[] beginnings)
    {
        Assert.Equal(beginnings.Length, options.Problems.Count);
        foreach (var (problem, beginning) in options.Problems.Zip(beginnings))
            Assert.StartsWith(beginning, problem);
    }

    [Fact]
    public void Without_settings_everything_has_a_default_and_no_problem()
    {
        var options = Read();
        Assert.Empty(options.Problems);
        Assert.Equal("http://127.0.0.1:8080", Assert.Single(options.HttpListen).ToString());
        Assert.Equal(Path.Combine(options.DataDirectory, "blobs"), options.BlobsDirectory);
        Assert.Equal(64L << 30, options.SpoolMaxBytes);
        Assert.Equal(TimeSpan.FromSeconds(30), options.ShutdownGrace);
        Assert.Null(options.DatabaseConnectionString);
        Assert.All(options.Effective.Skip(1), setting => Assert.Equal("default", setting.Source));
    }

    [Theory]
    [InlineData("Limits:SignInFailures", "0", false)]
    [InlineData("Limits:BasicFailures", "3", true)]
    [InlineData("Limits:FailuresByAddress", "0", false)]
    [InlineData("Limits:Registrations", "0", false)]
    [InlineData("Limits:ShareFailures", "0", false)]
    [InlineData("Limits:UploadsPerMinute", "0", true)]
    [InlineData("Limits:ConcurrentRequests", "0", true)]
    [InlineData("Limits:ConcurrentRequestsPerAddress", "-1", false)]
    [InlineData("Audit:RetentionDays", "36501", false)]
    [InlineData("Audit:MaxEntries", "1000", true)]
    public void Limits_are_numbers_and_those_that_keep_guessers_out_are_never_off(string key, string value, bool isGood)
    {
        var options = Read($"--{key}={value}");
        if (isGood)
            Assert.Empty(options.Problems);
        else
            Refused(options, $"{key}: '{value}'");
    }

    [Fact]
    public void Later_sources_win()
    {
        using var folder = new TestFolder();
        File.WriteAllText(folder["kosha.json"], """
            { "Log": { "Level": "error", "Format": "json" }, "Shutdown": { "GraceSeconds": 1 } } // And a comment.
            """);
        var options = Read(folder["kosha.json"],
            [("KOSHA_Log__Level", "warning"), ("KOSHA_Shutdown__GraceSeconds", "2")], "--Shutdown:GraceSeconds=3");
        Assert.Empty(options.Problems);
        Assert.Equal(LogFormat.Json, options.LogFormat);
        Assert.Equal(LogEventLevel.Warning, options.LogLevel);
        Assert.Equal(TimeSpan.FromSeconds(3), options.ShutdownGrace);
    }

    [Fact]
    public void Keys_know_no_case_and_empty_variables_say_nothing()
    {
        var options = Read([("KOSHA_HTTP__LISTEN", ""), ("KOSHA_LOG__LEVEL", "debug")], "--http:listen=http://[::1]:1");
        Assert.Empty(options.Problems);
        Assert.Equal(LogEventLevel.Debug, options.LogLevel);
        Assert.Equal("http://[::1]:1", Assert.Single(options.HttpListen).ToString());
    }

    [Fact]
    public void All_problems_are_reported_together()
    {
        var options = Read([("KOSHA_Spool__MaxBytes", "much")], "--Http:Listen=ftp://x", "--Log:Level=loud",
            "--Blobs:Store=tape", "--Admin:Password=short", "--Http:SelfSigned=maybe", "--Shutdown:GraceSeconds");
        Refused(options, "--Shutdown:GraceSeconds has no value", "Http:Listen:", "Http:SelfSigned:", "Blobs:Store:",
            "Spool:MaxBytes:", "Admin:Password:", "Log:Level:");
    }

    [Fact]
    public void Webhooks_lead_to_the_internet_alone_unless_somebody_says_otherwise()
    {
        Assert.False(Read().WebhooksAllowPrivateAddresses);
        Assert.True(Read("--Webhooks:AllowPrivateAddresses=true").WebhooksAllowPrivateAddresses);
        Refused(Read("--Webhooks:AllowPrivateAddresses=some"), "Webhooks:AllowPrivateAddresses:");
    }

    [Fact]
    public void An_unknown_key_is_refused_with_the_nearest_name() =>
        Refused(Read([("KOSHA_Http__Lisen", "x")], "--Blob:Store=disk"),
            "Http:Lisen: there is no such setting (the environment (KOSHA_Http__Lisen)); did you mean Http:Listen?",
            "Blob:Store: there is no such setting (the command line); did you mean Blobs:Store?");

    [Fact]
    public void Variables_of_container_platforms_are_not_settings()
    {
        Assert.Empty(Read([("KOSHA_PORT", "tcp://10.0.0.1:80"), ("KOSHA_SERVICE_HOST", "10.0.0.1"),
            ("KOSHA_TEST_S3", "endpoint=x")]).Problems);
        Refused(Read([("KOSHA_DATA_DIRECTORY", "x")]), "DATA_DIRECTORY: there is no such setting");
    }

    [Fact]
    public void A_broken_file_is_one_problem()
    {
        using var folder = new TestFolder();
        File.WriteAllText(folder["kosha.json"], "{ \"Http\": ");
        Refused(Read(folder["kosha.json"], []), $"{folder["kosha.json"]} is not valid JSON");
    }

    [Theory]
    [InlineData("http://0.0.0.0:80", false)]
    [InlineData("http://*:80", false)]
    [InlineData("http://192.0.2.1:80", false)]
    [InlineData("http://localhost:80", true)]
    [InlineData("http://127.3.2.1:80;http://[::1]:0", true)]
    public void Clear_text_stays_on_the_machine(string listen, bool isAllowed)
    {
        Assert.Equal(isAllowed, Read("--Http:Listen=" + listen).Problems.Count == 0);
        Assert.Empty(Read("--Http:Listen=" + listen, "--Http:AllowInsecure=true").Problems);
        Assert.Empty(Read("--Http:Listen=" + listen, "--Http:TrustedProxies=10.0.0.0/8, 192.0.2.7").Problems);
    }

    [Theory]
    [InlineData("https://app.example.org", "https://app.example.org")]
    [InlineData("HTTPS://App.Example.org:443/; http://localhost:3000", "https://app.example.org;http://localhost:3000")]
    [InlineData("http://[::1]:3000;https://[2001:DB8::0:1]/", "http://[::1]:3000;https://[2001:db8::1]")]
    [InlineData("app://obsidian.md;capacitor://localhost;", "app://obsidian.md;capacitor://localhost")]
    [InlineData("", "")]
    public void Origins_of_browser_apps_are_kept_as_browsers_write_them(string given, string kept)
    {
        var options = Read("--Http:CorsOrigins=" + given);
        Assert.Empty(options.Problems);
        Assert.Equal(kept, string.Join(';', options.HttpCorsOrigins));
    }

    [Theory]
    [InlineData("*")]
    [InlineData("null")]
    [InlineData("app.example.org")]
    [InlineData("https://*.example.org")]
    [InlineData("https://app.example.org/path")]
    [InlineData("https://ada@app.example.org")]
    [InlineData("https://a.example.org,https://b.example.org")]
    public void What_is_no_origin_is_refused(string given) =>
        Refused(Read("--Http:CorsOrigins=" + given), "Http:CorsOrigins:");

    [Fact]
    public void Https_needs_a_certificate_and_a_certificate_https()
    {
        Refused(Read("--Http:Listen=https://*:1"), "Http:Certificate:");
        Refused(Read("--Http:SelfSigned=true"), "Http:Listen:");
        Refused(Read("--Http:Listen=https://*:1", "--Http:Certificate=/nonexistent"), "Http:Certificate:");
        Assert.Empty(Read("--Http:Listen=https://*:1;http://127.0.0.1:2", "--Http:SelfSigned=true").Problems);
    }

    [Theory]
    [InlineData("http://host.example:80")]
    [InlineData("http://127.0.0.1:66000")]
    [InlineData("http://1:80")]
    [InlineData("127.0.0.1:80")]
    [InlineData("http://127.0.0.1:80/path")]
    [InlineData("")]
    public void What_is_no_address_is_refused(string listen) =>
        Refused(Read("--Http:Listen=" + listen), "Http:Listen:");

    [Fact]
    public void The_data_never_lies_in_the_program()
    {
        Refused(Read("--DataDirectory=" + AppContext.BaseDirectory), "DataDirectory:");
        Refused(Read("--DataDirectory=" + Path.Combine(AppContext.BaseDirectory, "data")), "DataDirectory:");
    }

    [Fact]
    public void Only_words_that_look_like_settings_are()
    {
        Assert.True(GivenSettings.IsSetting("--Http:Listen=x"));
        Assert.True(GivenSettings.IsSetting("--DataDirectory=x"));
        Assert.False(GivenSettings.IsSetting("--password-stdin"));
        Assert.False(GivenSettings.IsSetting("--"));
        Assert.False(GivenSettings.IsSetting("Http:Listen=x"));
    }

    [Theory]
    [InlineData("https://Files.Example.org:443/", "https://files.example.org")]
    [InlineData("http://10.0.0.1:8080", "http://10.0.0.1:8080")]
    public void The_public_address_is_the_origin_of_pages_that_use_the_bucket(string url, string origin) =>
        Assert.Equal(origin, Read(
            $"--PublicUrl={url}", "--Blobs:Store=s3", "--Blobs:S3:Bucket=files").BlobsS3!.BrowserOrigin);

    [Fact]
    public void A_public_address_has_no_path_and_is_not_the_store_s()
    {
        Refused(Read("--PublicUrl=https://files.example.org/kosha"), "PublicUrl:");
        Refused(Read("--PublicUrl=files.example.org"), "PublicUrl:");
        Refused(Read("--PublicUrl=https://files.example.org", "--Blobs:Store=s3", "--Blobs:S3:Bucket=files",
            "--Blobs:S3:PublicEndpoint=https://files.example.org"), "Blobs:S3:PublicEndpoint:");
    }

    [Theory]
    [InlineData("--Blobs:Redirect=always", true)]
    [InlineData("--Blobs:Redirect=off", true)]
    [InlineData("--PublicUrl=https://files.example.org", false)]
    public void Who_sends_clients_to_the_store_says_where_they_come_from(string setting, bool isRefused) => Refused(
        Read("--Blobs:Store=s3", "--Blobs:S3:Bucket=files", "--Blobs:S3:PublicEndpoint=https://s3.example.net",
            setting),
        isRefused ? ["PublicUrl: Blobs:S3:PublicEndpoint needs it"] : []);

    [Theory]
    [InlineData("--Blobs:Redirect=off", RedirectMode.Off, 8 << 20)]
    [InlineData("--Blobs:Redirect=known-clients", RedirectMode.KnownClients, 8 << 20)]
    [InlineData("--Blobs:Redirect=always", RedirectMode.Always, 8 << 20)]
    [InlineData("--Blobs:RedirectMinBytes=0", RedirectMode.KnownClients, 0)]
    public void Redirects_are_for_known_clients_and_large_files_unless_told_otherwise(
        string setting, RedirectMode mode, long minBytes)
    {
        var options = Read(setting);
        Assert.Empty(options.Problems);
        Assert.Equal((mode, minBytes), (options.BlobsRedirect, options.BlobsRedirectMinBytes));
    }

    [Theory]
    [InlineData("Blobs:Redirect", "sometimes")]
    [InlineData("Blobs:RedirectMinBytes", "-1")]
    [InlineData("Blobs:RedirectMinBytes", "8M")]
    public void A_redirect_that_cannot_be_is_refused(string key, string value) =>
        Refused(Read($"--{key}={value}"), $"{key}:");

    [Fact]
    public void S3_needs_a_bucket_and_has_a_default_for_the_rest()
    {
        Refused(Read("--Blobs:Store=s3"), "Blobs:S3:Bucket:");
        var aws = Read("--Blobs:Store=s3", "--Blobs:S3:Bucket=files").BlobsS3!;
        Assert.Equal((null, "us-east-1", false, "", 16L << 20),
            (aws.Endpoint, aws.Region, aws.ForcePathStyle, aws.Prefix, aws.PartBytes));
        var own = Read("--Blobs:Store=s3", "--Blobs:S3:Bucket=files", "--Blobs:S3:Endpoint=http://10.0.0.1:9000",
            "--Blobs:S3:Prefix=kosha/home/").BlobsS3!;
        Assert.Equal((new Uri("http://10.0.0.1:9000"), true, "kosha/home/"),
            (own.Endpoint, own.ForcePathStyle, own.Prefix));
        Assert.Null(Read("--Blobs:S3:Bucket=files").BlobsS3);
    }

    [Theory]
    [InlineData("Endpoint", "s3.example.org")]
    [InlineData("Endpoint", "https://s3.example.org/bucket")]
    [InlineData("Endpoint", "https://key:secret@s3.example.org")]
    [InlineData("Endpoint", "ftp://s3.example.org")]
    [InlineData("PublicEndpoint", "https://s3.example.org/?x")]
    [InlineData("PublicEndpoint", "http://127.0.0.1:8080")]
    [InlineData("Region", "the moon")]
    [InlineData("Bucket", "a/b")]
    [InlineData("Bucket", "ab")]
    [InlineData("Prefix", "/a")]
    [InlineData("Prefix", "a//b")]
    [InlineData("Prefix", "a/../b")]
    [InlineData("SecretKey", "key without its other half")]
    [InlineData("AccessKey", "key without its other half")]
    [InlineData("ServerSideEncryption", "rot13")]
    [InlineData("KmsKey", "a key for nothing")]
    [InlineData("StorageClass", "DEEP_ARCHIVE")]
    [InlineData("PartBytes", "5242879")]
    public void What_no_store_would_take_is_refused(string key, string value)
    {
        var options = Read("--Blobs:Store=s3", "--Blobs:S3:Bucket=files", $"--Blobs:S3:{key}={value}");
        var problem = Assert.Single(options.Problems);
        Assert.DoesNotContain(options.Effective, s => s.Value.Contains("key:secret", StringComparison.Ordinal));
        Assert.StartsWith("Blobs:S3:", problem, StringComparison.Ordinal);
        Assert.DoesNotContain("other half", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void The_usual_variables_of_S3_are_honoured_below_Kosha_s_own()
    {
        (string, string)[] usual = [("AWS_REGION", "eu-central-1"), ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "s3cret"), ("S3_BUCKET_NAME", "files"), ("KOSHA_Blobs__Store", "s3")];
        var options = Read(usual);
        Assert.Empty(options.Problems);
        Assert.Equal(("eu-central-1", "id", "s3cret", "files"), (options.BlobsS3!.Region, options.BlobsS3.AccessKey,
            options.BlobsS3.SecretKey, options.BlobsS3.Bucket));
        Assert.Equal("mine", Read([.. usual, ("KOSHA_Blobs__S3__Bucket", "mine")]).BlobsS3!.Bucket);
        // Credentials for a time have a third part, which the SDK finds together with the other two.
        Assert.Null(Read([.. usual, ("AWS_SESSION_TOKEN", "token")]).BlobsS3!.AccessKey);
    }

    [Fact]
    public void Secrets_are_masked()
    {
        var options = Read([("DATABASE_URL", "postgresql://joe:s3cret@db.example/k")], "--Admin:Password=s3cret word",
            "--Blobs:S3:AccessKey=s3cret", "--Blobs:S3:SecretKey=s3cret");
        Assert.Empty(options.Problems);
        Assert.DoesNotContain(options.Effective, setting => setting.Value.Contains("s3cret", StringComparison.Ordinal));
        Assert.Contains(options.Effective, setting => setting.Value.Contains("db.example", StringComparison.Ordinal));
    }
}
