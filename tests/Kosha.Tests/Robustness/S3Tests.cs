using System.Security.Cryptography;
using Amazon.S3.Model;
using Kosha.Storage.Blobs;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Robustness;

/// <summary>The real program with its blobs in a real S3 store.</summary>
public sealed class S3Tests(TestS3 s3) : IAsyncLifetime
{
    private S3StoreOptions options = null!;
    private KoshaProcess kosha = null!;

    public async ValueTask InitializeAsync()
    {
        options = await s3.NewStoreAsync();
        kosha = new([.. TestS3.Settings(options), ("Blobs:S3:PartBytes", $"{S3StoreOptions.MinPartBytes}")]);
    }

    public ValueTask DisposeAsync() => kosha.DisposeAsync();

    private static byte[] Bytes(int size, int seed)
    {
        var bytes = new byte[size];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

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
        await kosha.StartAsync();
        using var ada = await kosha.NewDriveAsync();
        using var bob = await kosha.NewDriveAsync();
        byte[][] contents = [Bytes(1, 1), Bytes(300_000, 2), Bytes(13_000_000, 3)];
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
        Assert.True(objects.Remove("kosha-store.json"));
        Assert.Equal(
            contents.Select(content => "blobs/" + Convert.ToHexStringLower(SHA256.HashData(content))).Order(),
            objects.Keys.Order());
        Assert.All(objects, pair => Assert.Equal(pair.Key, "blobs/" + pair.Value));
        (await kosha.CommandAsync("fsck")).MustSucceed();
    }

    [Fact]
    public async Task What_nothing_names_any_more_leaves_the_bucket_and_the_rest_survives_a_crash()
    {
        await kosha.StartAsync();
        using (var drive = kosha.AdminDrive())
        {
            (await drive.PutAsync("kept", Bytes(300_000, 4))).Must(201);
            (await drive.PutAsync("file", Bytes(300_000, 5))).Must(201);
            (await drive.PutAsync("file", "")).Must(204);
        }
        await kosha.KillAsync();
        await kosha.StartAsync();
        for (var sweep = 0; sweep < 2; sweep++)
            (await kosha.CommandAsync("blobs", "sweep", "--grace-hours", "0")).MustSucceed();
        var objects = await ObjectsAsync();
        Assert.Equal(
            ["blobs/" + Convert.ToHexStringLower(SHA256.HashData(Bytes(300_000, 4))), "kosha-store.json"],
            objects.Keys.Order());
        using var again = kosha.AdminDrive();
        Assert.Equal(Bytes(300_000, 4), (await again.GetAsync("kept")).Must(200).Body);
        (await kosha.CommandAsync("blobs", "reconcile", "--grace-hours", "0")).MustSucceed();
        (await kosha.CommandAsync("fsck")).MustSucceed();
    }

    [Fact]
    public async Task An_object_that_is_gone_is_an_error_and_comes_back_with_the_next_upload()
    {
        await kosha.StartAsync();
        using var drive = kosha.AdminDrive();
        var content = Bytes(1000, 6);
        (await drive.PutAsync("file", content)).Must(201);
        using (var client = TestS3.Client(options))
            await client.DeleteObjectAsync(options.Bucket,
                $"{options.Prefix}blobs/{Convert.ToHexStringLower(SHA256.HashData(content))}");
        (await drive.GetAsync("file")).Must(500);
        Assert.Equal(1, (await kosha.CommandAsync("blobs", "scrub")).ExitCode);
        (await drive.PutAsync("again", content)).Must(201);
        Assert.Equal(content, (await drive.GetAsync("file")).Must(200).Body);
        (await kosha.CommandAsync("fsck")).MustSucceed();
    }

    [Fact]
    public async Task An_object_with_other_bytes_is_never_served_whole_and_found_by_a_scrub()
    {
        await kosha.StartAsync();
        using var drive = kosha.AdminDrive();
        var content = Bytes(300_000, 7);
        (await drive.PutAsync("file", content)).Must(201);
        using (var client = TestS3.Client(options))
        using (var other = new MemoryStream(Bytes(300_000, 8)))
            await client.PutObjectAsync(new PutObjectRequest
            {
                BucketName = options.Bucket,
                Key = $"{options.Prefix}blobs/{Convert.ToHexStringLower(SHA256.HashData(content))}",
                InputStream = other,
            });
        var broken = await Record.ExceptionAsync(() => drive.GetAsync("file"));
        Assert.True(broken is HttpRequestException or IOException, broken?.ToString() ?? "It came whole.");
        var scrub = await kosha.CommandAsync("blobs", "scrub");
        Assert.Contains("the object has other bytes", scrub.Output, StringComparison.Ordinal);
        (await drive.GetAsync("file")).Must(500);
        (await drive.PutAsync("again", content)).Must(201);
        Assert.Equal(content, (await drive.GetAsync("file")).Must(200).Body);
        (await kosha.CommandAsync("fsck")).MustSucceed();
    }

    [Fact]
    public async Task A_store_of_another_kind_is_refused_while_there_is_content()
    {
        await kosha.StartAsync();
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
        // Not with the address of another Kosha on this machine.
        var first = (await kosha.CommandAsync("config", "check", "--Http:Listen=http://127.0.0.2:0")).MustSucceed();
        Assert.Equal(!TestS3.IsForeign, first.Output.Contains("the first start creates it", StringComparison.Ordinal));
        await kosha.StartAsync();
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
}
