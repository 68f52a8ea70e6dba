using Kosha.Daemon;
using Kosha.Daemon.Web;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Daemon;

public sealed class DataFolderTests
{
    [Fact]
    public void A_new_folder_is_private_and_has_one_holder_at_a_time()
    {
        using var parent = new TestFolder();
        var folder = DataFolder.Open(parent["a/data"]);
        Assert.Equal(DataFolder.PrivateFolder, File.GetUnixFileMode(folder.Path));
        using (folder.TryLock("one"))
        {
            Assert.Null(folder.TryLock("two"));
            Assert.Equal(("one", $"{Environment.ProcessId}"), folder.Holder());
        }
        using var later = folder.TryLock("three");
        Assert.NotNull(later);
    }

    [Fact]
    public void A_folder_with_something_else_in_it_is_left_alone()
    {
        using var folder = new TestFolder();
        File.WriteAllText(folder["precious"], "");
        Assert.Contains("precious", Assert.Throws<OperatorException>(() => DataFolder.Open(folder.Path)).Message);
        Assert.NotEqual(DataFolder.PrivateFolder, File.GetUnixFileMode(folder.Path));
        Assert.Single(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public void A_self_signed_certificate_is_made_once_and_kept_private()
    {
        using var parent = new TestFolder();
        var folder = DataFolder.Open(parent["data"]);
        using var made = TlsCertificate.SelfSigned(folder, TimeProvider.System);
        using var kept = TlsCertificate.SelfSigned(folder, TimeProvider.System);
        Assert.True(kept.HasPrivateKey);
        Assert.Equal(made.Thumbprint, kept.Thumbprint);
        var file = Assert.Single(Directory.EnumerateFiles(folder.Path));
        Assert.Equal(DataFolder.PrivateFile, File.GetUnixFileMode(file));
    }
}
