using Kosha.Storage;
using Kosha.Storage.Upkeep;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Upkeep;

/// <summary>Each broken promise is found, and named by the check that found it.</summary>
public sealed class FsckTests(SharedPostgres postgres) : StorageTest(postgres)
{
    protected override async Task PrepareAsync()
    {
        await User.MakeFolderAsync("folder");
        await User.PutAsync("folder/file", "content");
        await Storage.AssertCleanAsync();
    }

    private const string AnotherUser = """
        insert into users (username, password_hash, plan_id) select 'another', '-', id from plans limit 1;
        insert into usage (user_id) select id from users where username = 'another';
        """;

    [Theory]
    [InlineData("update usage set bytes = bytes + 1", "usage is the sum")]
    [InlineData("update usage set nodes = nodes - 1", "usage is the sum")]
    [InlineData("delete from usage", "usage row")]
    [InlineData("update blobs set state = 'storing'", "size of its blob")]
    [InlineData("update blobs set size = size + 1", "size of its blob")]
    [InlineData("update blobs set state = 'damaged'", "size of its blob")]
    [InlineData("update blob_objects set doomed_at = now()", "doomed key")]
    [InlineData("update file_nodes set parent_id = id where name = 'folder'", "below a root")]
    [InlineData("update file_nodes set is_folder = false where name = 'folder'", "every parent is a folder")]
    [InlineData("update usage set reserved_bytes = 7", "usage is the sum")]
    [InlineData("update installation set id = gen_random_uuid()", "store is this installation's")]
    [InlineData("update installation set epoch = epoch + 1", "store is this installation's")]
    [InlineData("delete from file_nodes where name = 'file'; delete from blobs; delete from blob_objects", "has a row")]
    [InlineData(AnotherUser + "update file_nodes set user_id = 2 where name = 'file'", "its parent's user")]
    [InlineData(AnotherUser + """
        insert into locks (token, node_id, user_id, is_exclusive, is_deep, timeout_seconds, expires_at)
        select gen_random_uuid(), id, 2, true, false, 60, now() from file_nodes where name = 'file'
        """, "its node's user")]
    [InlineData(AnotherUser, "one root")]
    public async Task A_broken_row_is_found(string sabotage, string check)
    {
        await Storage.ExecuteAsync(sabotage);
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
    public async Task A_file_that_is_not_kosha_s_is_reported_and_breaks_nothing()
    {
        File.WriteAllText(Path.Combine(Storage.BlobFolder, "foreign"), "x");
        Assert.Contains("foreign", await FsckAsync(clean: true));
    }

    [Fact]
    public async Task Quick_looks_at_sizes_alone()
    {
        File.WriteAllText(BlobFile, "Content");
        Assert.True(await QuickAsync());
        File.WriteAllText(BlobFile, "conten");
        Assert.False(await QuickAsync());
    }

    private Task<bool> QuickAsync(bool repair = false) =>
        new Fsck(Storage.Database, Storage.Store, TextWriter.Null).RunAsync(
            new() { Quick = true, Repair = repair }, default);

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task What_cannot_be_read_is_reported_and_the_rest_is_checked(bool quick, bool objects)
    {
        await User.PutAsync("second", "second");
        await Storage.ExecuteAsync("update usage set bytes = bytes + 1");
        static Task Fail(string what) =>
            throw new StorageException(StorageFault.Unavailable, $"{what} cannot be looked at now.");
        var store = new MeddlingStore(Storage.Store)
        {
            AfterFindSize = key => objects && key == Storage.KeyOf("content") ? Fail(key) : Task.CompletedTask,
            AfterList = () => objects ? Task.CompletedTask : Fail("A folder"),
        };
        await using var output = new StringWriter();
        Assert.False(await new Fsck(Storage.Database, store, output).RunAsync(new() { Quick = quick }, default));
        var broken = Broken(output.ToString());
        Assert.Contains(objects ? "every blob has its" : "every object has a row", broken);
        Assert.Contains("usage is the sum", broken);
        Assert.Contains("cannot be looked at now", output.ToString());
        Assert.Contains("2 problems found", output.ToString());
    }

    [Fact]
    public async Task Accounted_and_stored_bytes_are_told_apart()
    {
        await User.CopyAsync("folder/file", "copy");
        var output = await FsckAsync(clean: true);
        Assert.Contains(" 14  bytes accounted", output);
        Assert.Contains(" 7  bytes stored", output);
    }

    [Theory]
    [InlineData("update usage set bytes = bytes + 1, nodes = nodes - 1, reserved_bytes = 9")]
    [InlineData("delete from usage")]
    [InlineData("update blobs set state = 'damaged'")]
    [InlineData("update blobs set state = 'storing'")]
    [InlineData("update file_nodes set size = 8 where name = 'file'; update usage set bytes = 8")]
    [InlineData("update blob_objects set doomed_at = now()")]
    [InlineData(AnotherUser)]
    public async Task What_can_be_proven_is_repaired(string sabotage)
    {
        await Storage.ExecuteAsync(sabotage);
        await FsckAsync(clean: false);
        Assert.DoesNotContain("0 things repaired", await FsckAsync(clean: true, repair: true));
        Assert.Contains("0 things repaired", await FsckAsync(clean: true, repair: true));
        Assert.Equal("content", await User.ReadAsync("folder/file"));
        Assert.Equal((7, 2), await User.UsageAsync());
    }

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 2)]
    public async Task A_repair_reads_every_blob_once_and_a_quick_one_none(bool quick, int reads)
    {
        await User.PutAsync("second", "second");
        await Storage.ExecuteAsync("update usage set nodes = nodes + 1");
        var opened = 0;
        var store = new MeddlingStore(Storage.Store)
        {
            BeforeOpen = _ =>
            {
                opened++;
                return Task.CompletedTask;
            },
        };
        Assert.True(await new Fsck(Storage.Database, store, TextWriter.Null).RunAsync(
            new() { Quick = quick, Repair = true }, default));
        Assert.Equal(reads, opened);
    }

    [Fact]
    public async Task A_quick_repair_marks_what_is_cut_and_takes_nothing_for_whole()
    {
        await User.PutAsync("second", "second");
        File.WriteAllText(BlobFile, "conten");
        await Storage.ExecuteAsync("update blobs set state = 'damaged' where size = 6");
        Assert.False(await QuickAsync(repair: true));
        Assert.Equal("damaged", await Storage.BlobAsync<string>("content", "state"));
        Assert.Equal("damaged", await Storage.BlobAsync<string>("second", "state"));
    }

    [Fact]
    public async Task What_needs_a_decision_is_left_as_it_is()
    {
        await Storage.ExecuteAsync("update file_nodes set parent_id = id where name = 'folder'");
        var before = await FsckAsync(clean: false);
        var after = await FsckAsync(clean: false, repair: true);
        Assert.Equal(before, after[(after.IndexOf('\n', StringComparison.Ordinal) + 1)..]);
        Assert.StartsWith("0 things repaired.", after, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_repaired_with_a_store_of_somebody_else()
    {
        await Storage.ExecuteAsync("update installation set id = gen_random_uuid()");
        File.Delete(BlobFile);
        await TestUser.RefusedAsync(StorageFault.Unavailable, () => Storage.FsckAsync(repair: true));
        Assert.Equal("live", await Storage.BlobAsync<string>("content", "state"));
    }

    [Fact]
    public async Task Wrong_bytes_are_marked_by_a_repair_and_healed_by_the_next_upload()
    {
        await User.CopyAsync("folder/file", "copy");
        File.WriteAllText(BlobFile, "Content");
        Assert.Contains("damaged", await FsckAsync(clean: false, repair: true));
        await TestUser.RefusedAsync(StorageFault.Damaged, () => User.ReadAsync("copy"));
        await User.PutAsync("again", "content");
        Assert.Equal("content", await User.ReadAsync("copy"));
        await FsckAsync(clean: true);
    }

    private async Task<string> FsckAsync(bool clean, bool repair = false)
    {
        var (isClean, output) = await Storage.FsckAsync(repair);
        Assert.True(isClean == clean, output);
        return output;
    }

    private string BlobFile => Storage.FileOf("content");

    private static string Broken(string output) =>
        string.Join('\n', output.Split('\n').Where(line => line.StartsWith("BROKEN", StringComparison.Ordinal)));
}
