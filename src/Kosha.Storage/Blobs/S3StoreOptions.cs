namespace Kosha.Storage.Blobs;

/// <summary>Which S3 store holds the blobs, and how to talk to it. Its text form holds no secret.</summary>
public sealed record S3StoreOptions
{
    /// <summary>The least and the most that S3 takes as a part, in bytes.</summary>
    public const long MinPartBytes = 5L << 20;

    /// <inheritdoc cref="MinPartBytes"/>
    public const long MaxPartBytes = 5L << 30;

    /// <summary>Where the daemon reaches the store: <c>http(s)://host[:port]</c>. Null: AWS itself.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>Where clients reach the store; null: they do not.</summary>
    public Uri? PublicEndpoint { get; init; }

    /// <summary>Of the pages whose scripts may use the store, as browsers write it; null: there are none.</summary>
    public string? BrowserOrigin { get; init; }

    public required string Region { get; init; }

    public required string Bucket { get; init; }

    /// <summary>Null: the SDK finds credentials by itself (profile, container, machine).</summary>
    public string? AccessKey { get; init; }

    /// <summary>Goes with <see cref="AccessKey"/>.</summary>
    public string? SecretKey { get; init; }

    /// <summary><c>host/bucket/key</c> instead of <c>bucket.host/key</c>.</summary>
    public bool ForcePathStyle { get; init; }

    /// <summary>Before every key: empty, or a path that ends in '/'.</summary>
    public string Prefix { get; init; } = "";

    /// <summary><c>AES256</c> or <c>aws:kms</c>; null: as the bucket does.</summary>
    public string? ServerSideEncryption { get; init; }

    /// <summary>For <c>aws:kms</c>; null: the account's own key.</summary>
    public string? KmsKey { get; init; }

    /// <summary>Such as <c>STANDARD_IA</c>; null: the store's usual one.</summary>
    public string? StorageClass { get; init; }

    /// <summary>
    /// For one attempt of one request until its answer begins, a body's time on a slow line not counted, and for a read
    /// that brings nothing.
    /// </summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How often a request is repeated, with a growing and random pause before each.</summary>
    public int MaxRetries { get; init; } = 4;

    /// <summary>
    /// Of each part of a large object, in bytes; more where S3's 10,000 parts would not do. What is no larger than two
    /// parts is put at once.
    /// </summary>
    public long PartBytes { get; init; } = 16L << 20;

    /// <summary>Parts of one object that are on their way at once.</summary>
    public int ParallelParts { get; init; } = 4;

    public override string ToString() => Endpoint is null
        ? $"the bucket '{Bucket}' of AWS in {Region}"
        : $"the bucket '{Bucket}' at {Endpoint.GetLeftPart(UriPartial.Authority)}";
}
