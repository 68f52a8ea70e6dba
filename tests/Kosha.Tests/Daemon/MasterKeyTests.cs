using Kosha.Daemon;
using Kosha.Daemon.Configuration;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Daemon;

public sealed class MasterKeyTests : IDisposable
{
    private readonly TestFolder parent = new();

    public void Dispose() => parent.Dispose();

    private KoshaOptions Read(params string[] arguments) => new(GivenSettings.Read(
        "/nonexistent.json", [KeyValuePair.Create("KOSHA_DataDirectory", parent["data"])], arguments));

    private string NewFile(string text, UnixFileMode mode = DataFolder.PrivateFile)
    {
        var file = parent["key"];
        File.WriteAllText(file, text);
        File.SetUnixFileMode(file, mode);
        return file;
    }

    [Fact]
    public void It_is_made_once_in_the_data_folder_and_kept_private()
    {
        var options = Read();
        Assert.Null(MasterKey.Problem(options));
        var folder = DataFolder.Open(parent["data"]);
        var made = MasterKey.Load(options, folder);
        Assert.Equal(32, made.Length);
        Assert.Equal(DataFolder.PrivateFile, File.GetUnixFileMode(folder[MasterKey.FileName]));
        Assert.Equal(made, MasterKey.Load(options, folder));
        using var other = new TestFolder();
        Assert.NotEqual(made, MasterKey.Load(options, DataFolder.Open(other["data"])));
    }

    [Fact]
    public void A_file_that_is_named_is_used()
    {
        var options = Read("--Security:MasterKeyFile=" + NewFile(Convert.ToBase64String(new byte[32]) + "\n"));
        Assert.Null(MasterKey.Problem(options));
        Assert.Equal(new byte[32], MasterKey.Load(options, DataFolder.Open(parent["data"])));
        Assert.False(File.Exists(parent["data/" + MasterKey.FileName]));
    }

    [Fact]
    public void A_file_that_is_named_and_not_there_is_not_made()
    {
        var options = Read("--Security:MasterKeyFile=" + parent["missing"]);
        Assert.StartsWith("Security:MasterKeyFile: there is no file", MasterKey.Problem(options));
        Assert.Throws<OperatorException>(() => MasterKey.Load(options, DataFolder.Open(parent["data"])));
        Assert.False(File.Exists(parent["missing"]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("not base64 at all")]
    [InlineData("AAAA")]
    public void What_is_no_key_is_refused(string text) =>
        Assert.Contains("openssl", MasterKey.Problem(Read("--Security:MasterKeyFile=" + NewFile(text))));

    [Fact]
    public void A_key_that_everybody_can_read_is_refused()
    {
        var file = NewFile(Convert.ToBase64String(new byte[32]), DataFolder.PrivateFile | UnixFileMode.OtherRead);
        Assert.Contains("chmod 600", MasterKey.Problem(Read("--Security:MasterKeyFile=" + file)));
    }
}
