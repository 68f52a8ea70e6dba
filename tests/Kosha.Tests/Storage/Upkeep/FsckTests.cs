using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Upkeep;

/// <summary>Each broken promise is found, and named by the check that found it.</summary>
public sealed class FsckTests(SharedPostgres postgres) : IAsyncLifetime
{
    private StorageFixture storage = null!;
    private TestUser user = null!;

    public async ValueTask InitializeAsync()
    {
        storage = new(postgres);
        await storage.InitializeAsync();
        user = await storage.NewUserAsync();
        await user.MakeFolderAsync("folder");
        await user.PutAsync("folder/file", "content");
        await storage.AssertCleanAsync();
    }

    public ValueTask DisposeAsync() => storage.DisposeAsync();

    [Theory]
    [InlineData("update usage set bytes = bytes + 1", "usage is the sum")]
    [InlineData("update usage set nodes = nodes - 1", "usage is the sum")]
    [InlineData("delete from usage", "usage row")]
    [InlineData("update blobs set state = 'storing'", "size of its blob")]
    [InlineData("update blobs set size = size + 1", "size of its blob")]
    [InlineData("update blobs set state = 'damaged'", "size of its blob")]
    [InlineData("update blob_objects set doomed_at = now()", "doomed key")]
    [InlineData("update file_nodes set parent_id = id where name = 'folder'", "below a root")]
    [InlineData("update file_nodes set is_folder = false where name = 'folder'", "folder of the same user")]
    public async Task A_broken_row_is_found(string sabotage, string check)
    {
        await storage.ExecuteAsync(sabotage);
        Assert.Contains(check, Broken(await FsckAsync(clean: false)));
    }

    [Theory]
    [InlineData("Content")]
    [InlineData("conten")]
    [InlineData("")]
    public async Task Wrong_bytes_are_found(string bytes)
    {
        File.WriteAllText(BlobFile, bytes);
        Assert.Contains("has its bytes", Broken(await FsckAsync(clean: false)));
    }

    [Fact]
    public async Task Missing_bytes_are_found()
    {
        File.Delete(BlobFile);
        Assert.Contains("has its bytes", Broken(await FsckAsync(clean: false)));
    }

    [Fact]
    public async Task A_foreign_object_is_reported_and_breaks_nothing()
    {
        File.WriteAllText(Path.Combine(storage.BlobFolder, "foreign"), "x");
        Assert.Contains("foreign", await FsckAsync(clean: true));
    }

    private async Task<string> FsckAsync(bool clean)
    {
        var (isClean, output) = await storage.FsckAsync();
        Assert.True(isClean == clean, output);
        return output;
    }

    private string BlobFile => Directory.GetFiles(storage.BlobFolder, "*", SearchOption.AllDirectories).Single();

    private static string Broken(string output) =>
        string.Join('\n', output.Split('\n').Where(line => line.StartsWith("BROKEN", StringComparison.Ordinal)));
}
