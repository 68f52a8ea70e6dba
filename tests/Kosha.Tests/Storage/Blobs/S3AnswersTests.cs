using Kosha.Storage;
using Kosha.Storage.Blobs;
using Kosha.Tests.Daemon;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Blobs;

/// <summary>What becomes of answers that the tests' own S3 server never gives: other stores', and ill ones.</summary>
public sealed class S3AnswersTests : IDisposable
{
    private static readonly CancellationToken None = CancellationToken.None;
    /// <summary>Long enough for an answer that comes, on a machine that is busy.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private static readonly StoreIdentity Identity = new(Guid.NewGuid(), 1, 0);

    private readonly TestFolder folder = new();

    public void Dispose() => folder.Dispose();

    private static S3BlobStore With(S3StoreOptions options) => new(options, TimeProvider.System);

    private static async Task<StorageFault> FaultAsync(CannedS3 canned, Func<S3BlobStore, Task> work)
    {
        using var store = With(canned.Options);
        return await TestUser.FaultAsync(() => work(store));
    }

    private Task PutAsync(S3BlobStore store) => PutAsync(store, 3);

    private async Task PutAsync(S3BlobStore store, int size)
    {
        var spools = new SpoolFolder(folder.NewFolder("spool"), 1 << 30);
        await using var spool = await spools.ReceiveAsync(
            new PatternStream(size, 1), null, null, () => new(default, ""), None);
        await store.PutAsync(store.Key(spool.Sha256, 1), spool, None);
    }

    /// <summary>HEAD has no body, whatever it answers.</summary>
    private static string Empty(int status) => CannedS3.Answer(status, "");

    private static string FirstByte => CannedS3.Answer(206, "p", "Content-Range: bytes 0-0/5");

    private static string AnyKey(S3BlobStore store) => store.Key(new(new byte[BlobId.ByteLength]), 1);

    [Theory]
    [InlineData(507, "XMinioStorageFull", StorageFault.NoSpace)]
    [InlineData(400, "XMinioAdminBucketQuotaExceeded", StorageFault.NoSpace)]
    [InlineData(403, "QuotaExceeded", StorageFault.NoSpace)]
    [InlineData(403, "AccessDenied", StorageFault.Unavailable)]
    [InlineData(404, "NoSuchBucket", StorageFault.Unavailable)]
    [InlineData(500, "InternalError", StorageFault.Unavailable)]
    [InlineData(503, "SlowDown", StorageFault.Unavailable)]
    public async Task A_refused_put_says_why(int status, string code, StorageFault fault)
    {
        using var canned = new CannedS3(_ => CannedS3.Error(status, code));
        Assert.Equal(fault, await FaultAsync(canned, PutAsync));
    }

    [Fact]
    public async Task A_store_that_is_slow_for_a_moment_gets_the_same_bytes_again()
    {
        var puts = 0;
        using var canned = new CannedS3(_ => ++puts < 3 ? CannedS3.Error(503, "SlowDown") : CannedS3.Answer(200, ""));
        using var store = With(canned.Options with { MaxRetries = 4 });
        await PutAsync(store);
        Assert.Equal(3, puts);
    }

    [Fact]
    public async Task A_store_that_never_answers_is_unavailable()
    {
        using var canned = new CannedS3(_ => "");
        using var store = With(canned.Options with { Timeout = Patience });
        Assert.Equal(StorageFault.Unavailable, await TestUser.FaultAsync(() => PutAsync(store)));
        Assert.Equal(StorageFault.Unavailable,
            await TestUser.FaultAsync(() => store.OpenAsync(AnyKey(store), BlobPart.Whole(1), None)));
    }

    /// <summary>Once only the bytes of files had a limit in time.</summary>
    [Theory]
    [InlineData("identity", "GET", "200 OK")]
    [InlineData("list", "GET", "200 OK")]
    [InlineData("identity", "GET", "403 Forbidden")]
    [InlineData("put", "PUT", "403 Forbidden")]
    [InlineData("parts", "?uploads", "200 OK")]
    [InlineData("parts", "?uploadId", "200 OK")]
    [InlineData("parts", "?uploadId", "403 Forbidden")]
    public async Task An_answer_that_stalls_after_its_head_is_unavailable(string work, string request, string status)
    {
        using var canned = new CannedS3(line => line.Contains(request, StringComparison.Ordinal)
            ? $"HTTP/1.1 {status}\r\nContent-Length: 100\r\n\r\n<?xml" : AnswerToParts(line));
        using var store = With(canned.Options with { Timeout = Patience, PartBytes = S3StoreOptions.MinPartBytes });
        Assert.Equal(StorageFault.Unavailable, await TestUser.FaultAsync(() => work switch
        {
            "identity" => store.FindIdentityAsync(None),
            "list" => store.IsEmptyAsync(None),
            "put" => PutAsync(store),
            _ => PutAsync(store, 13_000_000),
        }));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_body_that_breaks_off_or_stalls_is_an_error_while_reading(bool cuts)
    {
        using var canned = new CannedS3(_ => "HTTP/1.1 206 Partial\r\nContent-Length: 100\r\n"
            + "Content-Range: bytes 0-99/100\r\n\r\nonly this") { Cuts = cuts };
        using var store = With(canned.Options with { Timeout = Patience });
        await using var body = await store.OpenAsync(AnyKey(store), BlobPart.Whole(100), None);
        var buffer = new byte[100];
        await body.ReadExactlyAsync(buffer.AsMemory(0, 9));
        await Assert.ThrowsAnyAsync<IOException>(() => body.ReadExactlyAsync(buffer.AsMemory(9)).AsTask());
    }

    [Fact]
    public async Task A_store_that_knows_no_ranges_is_not_believed()
    {
        using var canned = new CannedS3(_ => CannedS3.Answer(200, "0123456789"));
        Assert.Equal(StorageFault.Unavailable,
            await FaultAsync(canned, store => store.OpenAsync(AnyKey(store), new(3, 4, 10), None)));
    }

    [Theory]
    [InlineData(200, null, StorageFault.Damaged)]
    [InlineData(206, "bytes 0-2/5", StorageFault.Damaged)]
    [InlineData(206, "bytes 0-2/2", StorageFault.Unavailable)]
    [InlineData(206, "bytes 0-1/3", StorageFault.Unavailable)]
    [InlineData(206, "bytes 1-3/3", StorageFault.Unavailable)]
    [InlineData(206, "bytes 0-2/*", StorageFault.Unavailable)]
    [InlineData(206, null, StorageFault.Unavailable)]
    public async Task What_is_not_as_long_as_its_row_is_not_served(int status, string? range, StorageFault fault)
    {
        using var canned = new CannedS3(_ => CannedS3.Answer(
            status, "01234"[..(status == 200 ? 5 : 3)], range is null ? [] : [$"Content-Range: {range}"]));
        Assert.Equal(fault, await FaultAsync(canned, s => s.OpenAsync(AnyKey(s), BlobPart.Whole(3), None)));
    }

    /// <summary>To a key that may not list, AWS says 403 where it would say 404 to others.</summary>
    [Fact]
    public async Task A_key_that_may_not_list_still_tells_what_is_missing_from_what_is_forbidden()
    {
        var there = new HashSet<string>();
        using var canned = new CannedS3(line => line.Split(' ') switch
        {
            ["PUT", var url, ..] when there.Add(url) => CannedS3.Answer(200, ""),
            ["DELETE", var url, ..] when there.Remove(url) => CannedS3.Answer(204, ""),
            ["GET", var url, ..] when there.Contains(url) => FirstByte,
            ["HEAD", ..] => Empty(403),
            _ => CannedS3.Error(403, "AccessDenied"),
        });
        using var store = With(canned.Options);
        Assert.Null(await store.FindSizeAsync(AnyKey(store), None));
        Assert.Null(await store.FindIdentityAsync(None));
        Assert.Null(await store.IsEmptyAsync(None));
        Assert.Equal(StorageFault.Damaged,
            await TestUser.FaultAsync(() => store.OpenAsync(AnyKey(store), BlobPart.Whole(1), None)));
        Assert.Empty(there);
    }

    /// <summary>What is missing becomes damaged, or forgotten once it is deleted: only the store may say so.</summary>
    [Theory]
    [InlineData("all is forbidden")]
    [InlineData("only blobs are forbidden")]
    [InlineData("this object is forbidden in other words")]
    [InlineData("the bucket is missing")]
    [InlineData("a proxy finds nothing")]
    public async Task What_may_be_there_is_not_taken_for_missing(string why)
    {
        var there = new HashSet<string>();
        using var canned = new CannedS3(line => (why, line.Split(' ')) switch
        {
            ("the bucket is missing", ["HEAD", ..]) => Empty(404),
            ("the bucket is missing", _) => CannedS3.Error(404, "NoSuchBucket"),
            ("a proxy finds nothing", _) => CannedS3.Answer(404, "<html>Not found</html>"),
            ("all is forbidden", _) => CannedS3.Error(403, "AccessDenied"),
            ("only blobs are forbidden", ["GET", var url, ..])
                when url.Contains("/blobs/", StringComparison.Ordinal) => CannedS3.Error(403, "AccessDenied"),
            (_, ["PUT", var url, ..]) when there.Add(url) => Empty(200),
            (_, ["DELETE", var url, ..]) when there.Remove(url) => Empty(204),
            (_, ["GET", var url, ..]) when there.Contains(url) => FirstByte,
            ("this object is forbidden in other words", ["GET", var url, ..])
                when !url.Contains("kosha-probe", StringComparison.Ordinal) =>
                CannedS3.Error(403, "AccessDenied", "You may not decrypt it."),
            (_, ["HEAD", ..]) => Empty(403),
            _ => CannedS3.Error(403, "AccessDenied"),
        });
        Assert.Equal(StorageFault.Unavailable, await FaultAsync(canned, s => s.FindSizeAsync(AnyKey(s), None)));
        Assert.Equal(StorageFault.Unavailable,
            await FaultAsync(canned, s => s.OpenAsync(AnyKey(s), BlobPart.Whole(1), None)));
        if (why != "only blobs are forbidden")
            Assert.Equal(StorageFault.Unavailable, await FaultAsync(canned, s => s.FindIdentityAsync(None)));
        Assert.Empty(there);
    }

    [Theory]
    [InlineData(409, "BucketAlreadyOwnedByYou")]
    [InlineData(409, "BucketAlreadyExists")]
    [InlineData(403, "AccessDenied")]
    public async Task A_bucket_that_is_there_or_may_not_be_made_is_left_to_the_check(int status, string code)
    {
        using var canned = new CannedS3(line => line.StartsWith("HEAD", StringComparison.Ordinal)
            ? Empty(404) : CannedS3.Error(status, code));
        using var store = With(canned.Options);
        await store.CreateAsync(None);
    }

    /// <summary>As MinIO, which has a rule of its own for unfinished uploads.</summary>
    [Fact]
    public async Task A_new_bucket_need_not_take_the_rule_for_unfinished_uploads()
    {
        var lines = new List<string>();
        using var canned = new CannedS3(line =>
        {
            lines.Add(line);
            return line switch
            {
                _ when line.StartsWith("HEAD", StringComparison.Ordinal) => Empty(404),
                _ when line.Contains("lifecycle", StringComparison.Ordinal) => CannedS3.Error(501, "NotImplemented"),
                _ => Empty(200),
            };
        });
        using var store = With(canned.Options);
        await store.CreateAsync(None);
        Assert.Equal(["HEAD", "PUT", "PUT"], lines.Select(line => line.Split(' ')[0]));
    }

    /// <summary>Takes every part and completes nothing.</summary>
    private static string AnswerToParts(string line) => line switch
    {
        _ when line.Contains("?uploads", StringComparison.Ordinal) => CannedS3.Answer(200,
            "<InitiateMultipartUploadResult><Bucket>bucket</Bucket><Key>key</Key><UploadId>1</UploadId>"
            + "</InitiateMultipartUploadResult>"),
        _ when line.StartsWith("PUT", StringComparison.Ordinal) =>
            CannedS3.Answer(200, "", "ETag: \"0123456789abcdef0123456789abcdef\""),
        _ => CannedS3.Error(404, "NoSuchUpload"),
    };

    /// <summary>MinIO answers so where AWS and Ceph say 200 again.</summary>
    [Theory]
    [InlineData("1852b2d43eebfbf285c3cb38129804d4-3", true)]
    [InlineData("00000000000000000000000000000000-3", false)]
    public async Task A_completion_that_was_repeated_is_judged_by_the_object(string etag, bool isThere)
    {
        using var canned = new CannedS3(line => line.StartsWith("HEAD", StringComparison.Ordinal)
            ? CannedS3.Answer(200, "", $"ETag: \"{etag}\"") : AnswerToParts(line));
        using var store = With(canned.Options with { PartBytes = S3StoreOptions.MinPartBytes });
        Assert.Equal(isThere ? null : (StorageFault?)StorageFault.Unavailable,
            (await Record.ExceptionAsync(() => PutAsync(store, 13_000_000)) as StorageException)?.Fault);
    }

    [Fact]
    public async Task A_check_that_went_well_is_good_for_a_while()
    {
        var probes = 0;
        using var canned = new CannedS3(line => line switch
        {
            _ when line.StartsWith("PUT", StringComparison.Ordinal) => Empty(probes++ == 0 ? 503 : 200),
            _ when line.StartsWith("GET", StringComparison.Ordinal) =>
                CannedS3.Answer(206, "rob", "Content-Range: bytes 1-3/5"),
            _ => Empty(204),
        });
        var time = new ManualTime();
        using var store = new S3BlobStore(canned.Options, time);
        await Assert.ThrowsAsync<StorageException>(() => store.CheckAsync(None));
        foreach (var expected in (int[])[2, 2, 3])
        {
            await store.CheckAsync(None);
            Assert.Equal(expected, probes);
            time.Move(TimeSpan.FromMinutes(9));
        }
    }

    [Theory]
    [InlineData(412, "PreconditionFailed")]
    [InlineData(409, "ConditionalRequestConflict")]
    public async Task An_identity_that_somebody_else_wrote_just_now_stays(int status, string code)
    {
        using var canned = new CannedS3(line => line.StartsWith("GET", StringComparison.Ordinal)
            ? CannedS3.Error(404, "NoSuchKey") : CannedS3.Error(status, code));
        using var store = With(canned.Options);
        Assert.False(await store.PutIdentityAsync(Identity, replace: false, None));
    }

    [Fact]
    public async Task A_store_that_knows_no_conditions_gets_the_identity_all_the_same()
    {
        var puts = 0;
        using var canned = new CannedS3(line => line switch
        {
            _ when line.StartsWith("GET", StringComparison.Ordinal) => CannedS3.Error(404, "NoSuchKey"),
            _ when ++puts == 1 => CannedS3.Error(501, "NotImplemented"),
            _ => CannedS3.Answer(200, ""),
        });
        using var store = With(canned.Options);
        Assert.True(await store.PutIdentityAsync(Identity, replace: false, None));
        Assert.Equal(2, puts);
    }

    /// <summary>As MinIO before it knew conditions, checksums and lifecycles.</summary>
    [Fact]
    public async Task A_store_that_can_little_is_described_as_it_is()
    {
        using var canned = new CannedS3(line => line switch
        {
            _ when line.Contains("?versioning", StringComparison.Ordinal)
                || line.Contains("?lifecycle", StringComparison.Ordinal) => CannedS3.Error(501, "NotImplemented"),
            _ when line.StartsWith("OPTIONS", StringComparison.Ordinal) =>
                CannedS3.Answer(200, "", "Access-Control-Allow-Origin: *"),
            _ => Empty(200),
        });
        using var store = With(canned.Options with
        {
            BrowserOrigin = "https://files.example.org", PublicEndpoint = canned.Options.Endpoint,
        });
        var report = await store.ReportAsync(None);
        Assert.Empty(report.Warnings);
        Assert.Empty(report.ToAdd);
        Assert.Collection(report.Capabilities,
            sentence => Assert.StartsWith("Conditional puts: no.", sentence, StringComparison.Ordinal),
            sentence => Assert.StartsWith("Checksums: the store ignores", sentence, StringComparison.Ordinal),
            sentence => Assert.StartsWith("Uploads by signed URL: a URL can be turned into a copy", sentence,
                StringComparison.Ordinal),
            sentence => Assert.EndsWith("pages of https://files.example.org may.", sentence,
                StringComparison.Ordinal));
    }

    /// <summary>Another server may answer there, as a proxy does with rules of its own.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_browsers_may_is_asked_where_browsers_ask(bool isAllowed)
    {
        static CannedS3 Open(bool isOpen) => new(_ => isOpen
            ? CannedS3.Answer(200, "", "Access-Control-Allow-Origin: *") : CannedS3.Error(403, "AccessForbidden"));
        using var inner = Open(!isAllowed);
        using var outer = Open(isAllowed);
        using var store = With(inner.Options with
        {
            BrowserOrigin = "https://files.example.org", PublicEndpoint = outer.Options.Endpoint,
        });
        var report = await store.ReportAsync(None);
        Assert.EndsWith(isAllowed ? "may." : "may not.", report.Capabilities[^1], StringComparison.Ordinal);
        Assert.Equal(!isAllowed, report.ToAdd.Any(rule => rule.Contains("CORS", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_store_that_is_away_is_described_as_such()
    {
        using var canned = new CannedS3(_ => CannedS3.Error(503, "SlowDown"));
        using var store = With(canned.Options);
        var report = await store.ReportAsync(None);
        Assert.Equal(3, report.Capabilities.Count(sentence =>
            sentence.Contains("could not be tried: ", StringComparison.Ordinal)
            && sentence.Contains("503", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task An_archive_that_objects_move_to_is_warned_of()
    {
        using var canned = new CannedS3(line => line.Contains("?lifecycle", StringComparison.Ordinal)
            ? CannedS3.Answer(200, """
                <LifecycleConfiguration><Rule><ID>cheap</ID><Status>Enabled</Status><Filter><Prefix></Prefix></Filter>
                <Transition><Days>90</Days><StorageClass>DEEP_ARCHIVE</StorageClass></Transition></Rule>
                </LifecycleConfiguration>
                """)
            : Empty(200));
        using var store = With(canned.Options);
        Assert.Contains("'cheap' moves objects to DEEP_ARCHIVE after 90 days",
            Assert.Single((await store.ReportAsync(None)).Warnings), StringComparison.Ordinal);
    }
}
