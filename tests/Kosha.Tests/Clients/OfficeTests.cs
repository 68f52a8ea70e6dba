using Kosha.Tests.Infrastructure;
using Kosha.Tests.WebDav;
using Xunit;

namespace Kosha.Tests.Clients;

/// <summary>Microsoft Office opens a document from the drive by itself, and saves with Lock-Token and no If.</summary>
public sealed class OfficeTests(Drive drive) : IClassFixture<Drive>
{
    private readonly DavClient client = drive.Client;

    private Replay Office { get; } = new(drive.Client, ("User-Agent", "Microsoft Office Word 2016"),
        ("X-Office-Major-Version", "16"), ("X-FeatureVersion", "1"));

    private async Task<string> NewDocumentAsync()
    {
        var path = await drive.NewFolderAsync() + "/Report%202026.docx";
        (await client.PutAsync(path, "old")).Must(201);
        return path;
    }

    [Fact]
    public async Task Discovery_finds_a_server_of_class_2() // dotnet/aspnetcore#40838
    {
        var path = await NewDocumentAsync();
        var folder = path.Split('/')[0];
        foreach (var (method, target, agent) in new[]
        {
            ("OPTIONS", folder + "/", "Microsoft Office Protocol Discovery"),
            ("HEAD", path, "Microsoft Office Existence Discovery"),
            ("OPTIONS", folder + "/", "Microsoft-WebDAV-MiniRedir/10.0.22631"),
            ("PROPFIND", folder, "Microsoft-WebDAV-MiniRedir/10.0.22631"),
            ("HEAD", folder + "/", "Microsoft Office Existence Discovery"),
        })
        {
            var answer = (await client.SendAsync(method, target, ("User-Agent", agent), ("Depth", "0"))).Must(200, 207);
            if (method == "OPTIONS")
                Assert.Equal(("1, 2, 3", "DAV"), (answer.Header("DAV"), answer.Header("MS-Author-Via")));
        }
    }

    [Fact]
    public async Task A_document_is_locked_saved_twice_and_let_go() // sabre-io/dav#980
    {
        var path = await NewDocumentAsync();
        var token = await Office.LockAsync(path, "DESKTOP-4711\\ada", ("Timeout", "Second-3600"));
        Assert.Equal("old", (await Office.SendAsync("GET", path)).Must(200).Text);
        // Every now and then it renews the lock: without a body, with If.
        var again = (await Office.SendAsync("LOCK", path, ("If", $"({token})"), ("Timeout", "Second-3600"))).Must(200);
        Assert.Contains("<D:timeout>Second-36000</D:timeout>", again.Text, StringComparison.Ordinal);

        (await Office.PutAsync(path, "one", ("Lock-Token", token))).Must(204);
        (await Office.SendAsync("HEAD", path)).Must(200);
        (await Office.PutAsync(path, "two", ("Lock-Token", token))).Must(204);
        (await Office.SendAsync("UNLOCK", path, ("Lock-Token", token))).Must(204);
        Assert.Equal("two", (await client.GetAsync(path)).Text);
    }

    [Fact]
    public async Task Another_lock_does_not_let_anybody_save()
    {
        var path = await NewDocumentAsync();
        var other = await Office.LockAsync(await NewDocumentAsync(), "DESKTOP-4712\\bob");
        var token = await Office.LockAsync(path, "DESKTOP-4711\\ada");
        (await Office.PutAsync(path, "new")).Must(423);
        (await Office.PutAsync(path, "new", ("Lock-Token", other))).Must(423);
        (await Office.PutAsync(path, "new", ("Lock-Token", "<opaquelocktoken:nonsense>"))).Must(423);
        // A second Word is told who has the document, and opens it to read.
        (await Office.XmlAsync("LOCK", path, Replay.LockBody("DESKTOP-4712\\bob"))).Must(423);
        var seen = (await Office.XmlAsync("PROPFIND", path, Replay.Prop("D:lockdiscovery"), ("Depth", "0"))).Must(207);
        Assert.Contains("DESKTOP-4711\\ada", seen.Multistatus.Single.Value("lockdiscovery"), StringComparison.Ordinal);
        Assert.Equal("old", (await Office.SendAsync("GET", path)).Must(200).Text);
        (await Office.SendAsync("UNLOCK", path, ("Lock-Token", token))).Must(204);
    }

    [Fact]
    public async Task A_lock_may_last_a_working_day() // danmunn/redmine_dmsf#648
    {
        var path = await NewDocumentAsync();
        var answer = (await Office.XmlAsync(
            "LOCK", path, Replay.LockBody("ada"), ("Timeout", "Second-604800"))).Must(200);
        Assert.Contains("<D:timeout>Second-86400</D:timeout>", answer.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Microsoft Office Word 2016", "Second-36000")]
    [InlineData("Microsoft-WebDAV-MiniRedir/10.0.22631", "Second-36000")]
    [InlineData("Mozilla/5.0", "Second-3600")]
    public async Task A_lock_of_Windows_outlasts_lunch_and_ends_before_the_next_day(string agent, string granted)
    {
        var path = await NewDocumentAsync();
        var answer = (await client.SendAsync("LOCK", path, DavClient.Xml(Replay.LockBody("ada")),
            ("User-Agent", agent), ("Timeout", "Second-3600"))).Must(200);
        Assert.Contains($"<D:timeout>{granted}</D:timeout>", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_new_document_is_written_beside_and_put_in_place()
    {
        var folder = await drive.NewFolderAsync();
        (await client.PutAsync(folder + "/Report.docx", "old")).Must(201);
        var token = await Office.LockAsync(folder + "/~$Report.docx", "ada", ("Timeout", "Second-3600"));
        (await Office.PutAsync(folder + "/~$Report.docx", "ada", ("If", $"({token})"))).Must(204);
        (await Office.PutAsync(folder + "/~WRD0000.tmp", "new")).Must(201);
        (await Office.SendAsync("MOVE", folder + "/Report.docx",
            ("Destination", client.UrlOf(folder + "/~WRL0001.tmp")), ("Overwrite", "F"))).Must(201);
        (await Office.SendAsync("MOVE", folder + "/~WRD0000.tmp",
            ("Destination", client.UrlOf(folder + "/Report.docx")), ("Overwrite", "F"))).Must(201);
        (await Office.SendAsync("DELETE", folder + "/~WRL0001.tmp")).Must(204);
        (await Office.SendAsync("DELETE", folder + "/~$Report.docx", ("If", $"({token})"))).Must(204);
        Assert.Equal(["Report.docx"], (await client.ListAsync(folder)).Names);
        Assert.Equal("new", (await client.GetAsync(folder + "/Report.docx")).Text);
    }
}
