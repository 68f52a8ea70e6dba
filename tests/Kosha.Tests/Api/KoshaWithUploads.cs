using Amazon.S3;
using Amazon.S3.Model;
using Kosha.Storage.Blobs;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>A Kosha on S3 whose clients reach the store. Each test takes users of its own.</summary>
public sealed class KoshaWithUploads(TestS3 s3, SharedPostgres postgres) : IAsyncLifetime
{
    private string connectionString = null!;

    public KoshaProcess Kosha { get; private set; } = null!;

    public S3StoreOptions S3 { get; private set; } = null!;

    /// <summary>To look into the store.</summary>
    public AmazonS3Client Client { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        connectionString = await (await postgres.Durable).NewEmptyDatabaseAsync();
        S3 = await s3.NewStoreAsync();
        Client = TestS3.Client(S3);
        // Where Kosha reaches it and where clients do are two addresses of one server.
        var address = TestS3.IsForeign ? S3.Endpoint! : new($"http://localhost:{S3.Endpoint!.Port}");
        Kosha = await KoshaProcess.StartNewAsync([
            .. TestS3.Settings(S3), ("Blobs:S3:PublicEndpoint", address.AbsoluteUri),
            ("PublicUrl", "http://files.example.org"),
            // The tests run it themselves, which the schedule would refuse them for a moment.
            ("Jobs:upload-expiry:Enabled", "false"),
            ("Database:ConnectionString", connectionString), ("Log:Level", "debug"),
        ]);
    }

    /// <summary>The files of a new user, and the same user's API.</summary>
    /// <param name="maxBytes">Of a plan of its own, which keeps no versions; null: the usual bytes.</param>
    public async Task<(DavClient Drive, ApiClient Api)> NewUserAsync(long? maxBytes = null)
    {
        // By hand: the command would start a program for each.
        var name = $"u{Guid.NewGuid():N}"[..12];
        await SqlAsync($"""
            with plan as (
                insert into plans (name, max_bytes, version_days) values ('{name}', {maxBytes ?? 1L << 33}, 0)
                returning id
            ), made as (
                insert into users (username, password_hash, plan_id)
                select '{name}', a.password_hash, plan.id from users a cross join plan where a.username = 'admin'
                returning id
            ), root as (
                insert into file_nodes (user_id, name, name_folded, is_folder) select id, '', '', true from made
            )
            insert into usage (user_id) select id from made
            """);
        var drive = Kosha.Drive(new(name, KoshaProcess.AdminPassword));
        return (drive, new(drive));
    }

    /// <summary>What is under the staging keys of an upload.</summary>
    public async Task<IReadOnlyList<string>> StagedAsync(long id) => await KeysAsync(await StagingKeyAsync(id));

    /// <summary>The keys of all objects below a folder, without the store's prefix.</summary>
    public async Task<IReadOnlyList<string>> KeysAsync(string folder)
    {
        var found = new List<string>();
        await foreach (var stored in Client.Paginators.ListObjectsV2(
            new ListObjectsV2Request { BucketName = S3.Bucket, Prefix = S3.Prefix + folder }).S3Objects)
            found.Add(stored.Key[S3.Prefix.Length..]);
        return found;
    }

    /// <summary>The first column of the first row that a statement gives.</summary>
    public Task<object?> SqlAsync(string sql) => Sql.ExecuteAsync(connectionString, sql);

    public async Task<string> StagingKeyAsync(long id) =>
        $"uploads/{await SqlAsync($"select user_id from uploads where id = {id}")}/{id}";

    /// <summary>As if the URLs of an upload had been over for long, and runs the job.</summary>
    public async Task ClearAsync(long id, string more = "")
    {
        await SqlAsync($"update uploads set urls_expire_at = now() - interval '1 hour' {more} where id = {id}");
        (await Kosha.CommandAsync("job", "run", "upload-expiry")).MustSucceed();
    }

    /// <summary>What a user has reserved, in bytes.</summary>
    public async Task<long> ReservedAsync(DavClient drive) => (long)(await SqlAsync($"""
        select reserved_bytes from usage join users u on u.id = user_id where username = '{drive.User.Name}'
        """))!;

    public static byte[] Bytes(int size, int seed)
    {
        var bytes = new byte[size];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public async ValueTask DisposeAsync()
    {
        Client?.Dispose();
        if (Kosha is not null)
            await Kosha.DisposeAsync();
    }
}

/// <summary>The tests that share one <see cref="KoshaWithUploads"/>.</summary>
[CollectionDefinition(Name)]
public sealed class WithUploads : ICollectionFixture<KoshaWithUploads>
{
    public const string Name = "Uploads";
}
