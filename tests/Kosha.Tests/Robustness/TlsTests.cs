using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

public sealed class TlsTests
{
    [Fact]
    public async Task A_self_signed_certificate_serves_files()
    {
        await using var kosha = await KoshaProcess.StartNewAsync(
            ("Http:Listen", "https://127.0.0.2:0"), ("Http:SelfSigned", "true"));
        Assert.Equal("https", kosha.Url.Scheme);
        var user = await kosha.NewUserAsync();
        using (var drive = kosha.Drive(user))
        {
            (await drive.PutAsync("over-tls", "bytes")).Must(201);
            Assert.Equal("bytes", (await drive.GetAsync("over-tls")).Must(200).Text);
        }
        await kosha.StopAsync();
    }

    [Fact]
    public async Task A_certificate_of_ones_own_serves_files()
    {
        using var folder = new TestFolder();
        var (certificate, key) = (folder["cert.pem"], folder["key.pem"]);
        (await Tool.RunAsync("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "30", "-subj", "/CN=files.example", "-keyout", key, "-out", certificate)).MustSucceed();
        File.SetUnixFileMode(key, (UnixFileMode)0b110_100_100);
        await using var kosha = await KoshaProcess.StartNewAsync(("Http:Listen", "https://127.0.0.2:0"),
            ("Http:Certificate", certificate), ("Http:CertificateKey", key));
        var shown = await Tool.RunAsync("openssl", "s_client", "-connect", kosha.Url.Authority);
        Assert.Contains("files.example", shown.Output);
        using (var drive = kosha.AdminDrive())
            (await drive.PropfindAsync("", "0")).Must(207);
        await kosha.StopAsync();
    }
}
