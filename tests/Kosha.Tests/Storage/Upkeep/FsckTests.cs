using Kosha.Storage.Accounts;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Upkeep;

/// <summary>Each broken promise is found, and named by the check that found it.</summary>
public sealed class FsckTests(SharedPostgres postgres) : IAsyncLifetime
{
    private TestStore store = null!;
    private Caller caller = null!;

    public async ValueTask InitializeAsync()
    {
        store = await TestStore.NewAsync(postgres);
        caller = await store.NewCallerAsync();
        await store.FolderAsync(caller, "folder");
        await store.WriteAsync(caller, "folder/file", "content");
        await store.FsckAsync();
    }

    public ValueTask DisposeAsync() => store.DisposeAsync();

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
        await store.ExecuteAsync(sabotage);
        Assert.Contains(check, Broken(await store.FsckAsync(clean: false)));
    }

    [Theory]
    [InlineData("Content")]
    [InlineData("conten")]
    [InlineData("")]
    public async Task Wrong_bytes_are_found(string bytes)
    {
        File.WriteAllText(BlobFile, bytes);
        Assert.Contains("has its bytes", Broken(await store.FsckAsync(clean: false)));
    }

    [Fact]
    public async Task Missing_bytes_are_found()
    {
        File.Delete(BlobFile);
        Assert.Contains("has its bytes", Broken(await store.FsckAsync(clean: false)));
    }

    [Fact]
    public async Task A_foreign_object_is_reported_and_breaks_nothing()
    {
        File.WriteAllText(Path.Combine(store.BlobFolder, "foreign"), "x");
        Assert.Contains("foreign", await store.FsckAsync());
    }

    private string BlobFile => Directory.GetFiles(store.BlobFolder, "*", SearchOption.AllDirectories).Single();

    private static string Broken(string output) =>
        string.Join('\n', output.Split('\n').Where(line => line.StartsWith("BROKEN", StringComparison.Ordinal)));
}
