using System.Security.Cryptography;
using Amazon.S3.Model;
using Kosha.Storage.Blobs;
using Kosha.Tests.Infrastructure;
using Xunit;
using static Kosha.Tests.Infrastructure.TestContent;

namespace Kosha.Tests.Robustness;

/// <summary>A Kosha on S3 that puts what is large in parts.</summary>
public sealed class KoshaInS3(TestS3 s3) : IAsyncLifetime
{
    public S3StoreOptions Options { get; private set; } = null!;

    public KoshaProcess Kosha { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Options = await s3.NewStoreAsync();
        Kosha = await KoshaProcess.StartNewAsync(
            [.. TestS3.Settings(Options), ("Blobs:S3:PartBytes", $"{S3StoreOptions.MinPartBytes}")]);
    }

    public ValueTask DisposeAsync() => Kosha?.DisposeAsync() ?? ValueTask.CompletedTask;
}

/// <summary>
/// The real program with its blobs in a real S3 store. The tests share it, so each leaves it running and clean.
/// </summary>
public sealed class S3Tests(KoshaInS3 setup, TestS3 s3) : IClassFixture<KoshaInS3>
{
    private readonly S3StoreOptions options = setup.Options;
    private readonly KoshaProcess kosha = setup.Kosha;

    private static string KeyOf(byte[] content) => "blobs/" + Convert.ToHexStringLower(SHA256.HashData(content));

    /// <summary>Of every object below the prefix, its key (without the prefix) and the SHA-256 of its bytes.</summary>
    private async Task<Dictionary<string, string>> ObjectsAsync()
    {
        using var client = TestS3.Client(options);
        var found = new Dictionary<string, string>();
        await foreach (var stored in client.Paginators.ListObjectsV2(
            new ListObjectsV2Request { BucketName = options.Bucket, Prefix = options.Prefix }).S3Objects)
        {
            using var answer = await client.GetObjectAsync(options.Bucket, stored.Key);
            found[stored.Key[options.Prefix.Length..]] =
                Convert.ToHexStringLower(await SHA256.HashDataAsync(answer.ResponseStream));
        }
        return found;
    }

    [Fact]
    public async Task Files_of_every_size_are_objects_named_by_their_hash_each_once()
    {
        using var ada = await kosha.NewDriveAsync();
        using var bob = await kosha.NewDriveAsync();
        byte[][] contents = [Bytes(1, 1), Bytes(2, 300_000), Bytes(3, 13_000_000)];
        var before = (await ObjectsAsync()).Keys;
        foreach (var (number, content) in contents.Index())
        {
            (await ada.PutAsync($"{number}", content)).Must(201);
            (await bob.PutAsync($"of%20bob%20{number}", content)).Must(201);
            Assert.Equal(content, (await bob.GetAsync($"of%20bob%20{number}")).Must(200).Body);
        }
        (await ada.PutAsync("empty", "")).Must(201);
        Assert.Equal(contents[2][5_000_000..5_000_100],
            (await ada.GetAsync("2", ("Range", "bytes=5000000-5000099"))).Must(206).Body);

        var objects = await ObjectsAsync();
        // Others leave what they have spoilt, doomed.
        foreach (var key in before)
            objects.Remove(key);
        Assert.Equal(contents.Select(KeyOf).Order(), objects.Keys.Order());
        Assert.All(objects, pair => Assert.Equal(pair.Key, "blobs/" + pair.Value));
        (await kosha.CommandAsync("fsck")).MustSucceed();
    }

    [Fact]
    public async Task What_nothing_names_any_more_leaves_the_bucket_and_the_rest_survives_a_crash()
    {
        var (kept, gone) = (Bytes(4, 300_000), Bytes(5, 300_000));
        // Else a version names it.
        (await kosha.CommandAsync("plan", "set", "default", "--version-days", "0")).MustSucceed();
        using (var drive = kosha.AdminDrive())
        {
            (await drive.PutAsync("kept", kept)).Must(201);
            (await drive.PutAsync("emptied", gone)).Must(201);
            (await drive.PutAsync("emptied", "")).Must(204);
        }
        await kosha.KillAsync();
        await kosha.StartAsync();
        for (var sweep = 0; sweep < 2; sweep++)
            (await kosha.CommandAsync("blobs", "sweep", "--grace-hours", "0")).MustSucceed();
        var objects = await ObjectsAsync();
        Assert.Contains(KeyOf(kept), objects.Keys);
        Assert.Contains("kosha-store.json", objects.Keys);
        Assert.DoesNotContain(KeyOf(gone), objects.Keys);
        using var again = kosha.AdminDrive();
        Assert.Equal(kept, (await again.GetAsync("kept")).Must(200).Body);
        (await kosha.CommandAsync("blobs", "reconcile", "--grace-hours", "0")).MustSucceed();
        (await kosha.CommandAsync("fsck")).MustSucceed();
    }

    [Fact]
    public async Task An_object_that_is_gone_is_an_error_and_comes_back_with_the_next_upload()
    {
        using var drive = kosha.AdminDrive();
        var content = Bytes(6, 1000);
        (await drive.PutAsync("lost", content)).Must(201);
        using (var client = TestS3.Client(options))
            await client.DeleteObjectAsync(options.Bucket, options.Prefix + KeyOf(content));
        (await drive.GetAsync("lost")).Must(500);
        Assert.Equal(1, (await kosha.CommandAsync("blobs", "scrub")).ExitCode);
        (await drive.PutAsync("found", content)).Must(201);
        Assert.Equal(content, (await drive.GetAsync("lost")).Must(200).Body);
        (await kosha.CommandAsync("fsck")).MustSucceed();
    }

    [Fact]
    public async Task An_object_with_other_bytes_is_never_served_whole_and_found_by_a_scrub()
    {
        using var drive = kosha.AdminDrive();
        var content = Bytes(7, 300_000);
        (await drive.PutAsync("spoilt", content)).Must(201);
        using (var client = TestS3.Client(options))
        using (var other = new MemoryStream(Bytes(8, 300_000)))
            await client.PutObjectAsync(new PutObjectRequest
            {
                BucketName = options.Bucket,
                Key = options.Prefix + KeyOf(content),
                InputStream = other,
            });
        await drive.NeverWholeAsync("spoilt");
        var scrub = await kosha.CommandAsync("blobs", "scrub");
        Assert.Contains("the object has other bytes", scrub.Output, StringComparison.Ordinal);
        (await drive.GetAsync("spoilt")).Must(500);
        (await drive.PutAsync("mended", content)).Must(201);
        Assert.Equal(content, (await drive.GetAsync("spoilt")).Must(200).Body);
        (await kosha.CommandAsync("fsck")).MustSucceed();
    }

    [Fact]
    public async Task A_store_of_another_kind_is_refused_while_there_is_content()
    {
        using (var drive = kosha.AdminDrive())
            (await drive.PutAsync("file", "content")).Must(201);
        await kosha.StopAsync();
        await using var onDisk = new KoshaProcess(("DataDirectory", kosha.DataDirectory));
        var refusal = await onDisk.StartToFailAsync();
        Assert.Contains("Blobs:Store=s3", refusal.All, StringComparison.Ordinal);
        Assert.Contains("Blobs:Store=s3", (await onDisk.CommandAsync("blobs", "adopt")).All, StringComparison.Ordinal);
        await kosha.StartAsync();
        using var again = kosha.AdminDrive();
        Assert.Equal("content", (await again.GetAsync("file")).Must(200).Text);
    }

    [Fact]
    public async Task Config_check_tries_the_bucket_and_shows_no_secret()
    {
        var good = (await kosha.CommandAsync("config", "check")).MustSucceed();
        foreach (var text in (string[])[good.Output, kosha.Output])
            Assert.Contains("Conditional puts: ", text, StringComparison.Ordinal);
        Assert.DoesNotContain(options.SecretKey!, good.All, StringComparison.Ordinal);
        await using var wrong = new KoshaProcess([
            .. TestS3.Settings(options), ("Blobs:S3:SecretKey", "another secret"),
        ]);
        var bad = await wrong.CommandAsync("config", "check");
        Assert.Equal(1, bad.ExitCode);
        Assert.Contains("Blobs:S3: ", bad.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("another secret", bad.All, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bucket_that_is_not_there_before_the_first_start_is_no_problem()
    {
        await using var unborn = new KoshaProcess(TestS3.Settings(await s3.NewStoreAsync()));
        // Not with the address of another Kosha on this machine.
        var check = (await unborn.CommandAsync("config", "check", "--Http:Listen=http://127.0.0.2:0")).MustSucceed();
        // A store that the tests did not start has its bucket.
        Assert.Equal(!TestS3.IsForeign, check.Output.Contains("the first start creates it", StringComparison.Ordinal));
    }
}
