using System.Globalization;
using System.Net;
using Amazon.S3;
using Amazon.S3.Model;

namespace Kosha.Storage.Blobs;

/// <summary>The rules that Kosha gives to a bucket of its own, and those of other buckets that would do harm.</summary>
internal sealed class S3BucketRules(AmazonS3Client client, S3StoreOptions options)
{
    /// <summary>Parts of uploads that nobody completed are kept and paid for until then.</summary>
    private const int AbortAfterDays = 7;

    private const string AbortRuleId = "kosha-unfinished-uploads";

    private static readonly string[] Archives = ["GLACIER", "DEEP_ARCHIVE"];

    /// <summary>As <c>aws s3api put-bucket-cors</c> takes it.</summary>
    public string CorsText => $$"""
        {"AllowedOrigins":["{{options.BrowserOrigin}}"],"AllowedMethods":["GET","PUT"],"AllowedHeaders":["*"],
        "ExposeHeaders":["ETag"]}
        """.ReplaceLineEndings("");

    /// <summary>For a bucket that was made just now. A store that knows no such rules goes without.</summary>
    public async Task AddAsync(CancellationToken ct)
    {
        await TryAsync(() => client.PutLifecycleConfigurationAsync(new PutLifecycleConfigurationRequest
        {
            BucketName = options.Bucket, Configuration = new() { Rules = [AbortRule()] },
        }, ct));
        if (options.BrowserOrigin is { } origin)
            await TryAsync(() => client.PutCORSConfigurationAsync(new PutCORSConfigurationRequest
            {
                BucketName = options.Bucket, Configuration = new() { Rules = [CorsRule(origin)] },
            }, ct));
    }

    private LifecycleRule AbortRule() => new()
    {
        Id = AbortRuleId,
        Status = LifecycleRuleStatus.Enabled,
        Filter = new() { LifecycleFilterPredicate = new LifecyclePrefixPredicate { Prefix = options.Prefix } },
        AbortIncompleteMultipartUpload = new() { DaysAfterInitiation = AbortAfterDays },
    };

    private static CORSRule CorsRule(string origin) => new()
    {
        AllowedOrigins = [origin],
        AllowedMethods = ["GET", "PUT"],
        AllowedHeaders = ["*"],
        ExposeHeaders = ["ETag"],
    };

    /// <summary>MinIO knows neither: it drops unfinished uploads by itself, and lets every origin in.</summary>
    private static async Task TryAsync(Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (AmazonS3Exception e) when (e.StatusCode is not HttpStatusCode.ServiceUnavailable)
        {
            // The next look at the bucket says what it lacks.
        }
    }

    /// <summary>What would do harm, and what is missing; what cannot be looked at is neither.</summary>
    public async Task<(IReadOnlyList<string> Warnings, IReadOnlyList<string> ToAdd)> LookAsync(CancellationToken ct)
    {
        var warnings = new List<string>();
        var toAdd = new List<string>();
        if (await FindAsync(() => client.GetBucketVersioningAsync(options.Bucket, ct), ct) is { } versioning
            && versioning.VersioningConfig?.Status == VersionStatus.Enabled)
            warnings.Add("The bucket keeps old versions: what Kosha deletes stays there and is paid for, until a rule "
                + "on noncurrent versions removes it.");
        if (await LifecycleAsync(ct) is { } rules)
        {
            warnings.AddRange(rules.Select(Harm).OfType<string>());
            if (!rules.Any(rule => rule.AbortIncompleteMultipartUpload is not null))
                toAdd.Add("Nothing removes what a crash in the middle of a large upload leaves. Add to the bucket's "
                    + $"lifecycle rules (MinIO needs none): {AbortText}");
        }
        return (warnings, toAdd);
    }

    private string AbortText => $$$"""
        {"ID":"{{{AbortRuleId}}}","Status":"Enabled","Filter":{"Prefix":"{{{options.Prefix}}}"},
        "AbortIncompleteMultipartUpload":{"DaysAfterInitiation":{{{AbortAfterDays}}}}}
        """.ReplaceLineEndings("");

    /// <summary>The rules that are in force for Kosha's objects; null if nobody can say.</summary>
    private async Task<IReadOnlyList<LifecycleRule>?> LifecycleAsync(CancellationToken ct)
    {
        var found = await FindAsync(async () =>
        {
            try
            {
                var request = new GetLifecycleConfigurationRequest { BucketName = options.Bucket };
                return (await client.GetLifecycleConfigurationAsync(request, ct)).Configuration ?? new();
            }
            catch (AmazonS3Exception e) when (e.ErrorCode == "NoSuchLifecycleConfiguration")
            {
                return new LifecycleConfiguration();
            }
        }, ct);
        return found is null ? null : [.. (found.Rules ?? []).Where(IsForBlobs)];
    }

    private static async Task<T?> FindAsync<T>(Func<Task<T>> look, CancellationToken ct) where T : class
    {
        try
        {
            return await look();
        }
        catch (Exception e) when (S3BlobStore.IsFailure(e, ct))
        {
            // Not every store has such a thing, and not every key may ask for it.
            return null;
        }
    }

    /// <summary>Kosha's objects have no tags.</summary>
    private bool IsForBlobs(LifecycleRule rule)
    {
        if (rule.Status != LifecycleRuleStatus.Enabled || rule.Filter?.Tag is not null
            || rule.Filter?.LifecycleFilterPredicate is LifecycleTagPredicate)
            return false;
        var prefix = (rule.Filter?.LifecycleFilterPredicate as LifecyclePrefixPredicate)?.Prefix
            ?? rule.Filter?.Prefix ?? rule.Filter?.And?.Prefix ?? "";
        return prefix.StartsWith(options.Prefix, StringComparison.Ordinal)
            || options.Prefix.StartsWith(prefix, StringComparison.Ordinal);
    }

    private static string? Harm(LifecycleRule rule)
    {
        if (rule.Expiration is { } expiration && (expiration.Days ?? 0) > 0 || rule.Expiration?.Date is not null)
            return $"The bucket's rule '{rule.Id}' deletes objects {After(rule.Expiration.Days)}: the content of files "
                + "would be lost. Take it away, or keep it from Kosha's prefix.";
        var archive = rule.Transitions?.FirstOrDefault(step => Archives.Contains(step.StorageClass?.Value));
        return archive is null ? null
            : $"The bucket's rule '{rule.Id}' moves objects to {archive.StorageClass} {After(archive.Days)}: from "
                + "there files cannot be read at once. Take it away, or keep it from Kosha's prefix.";
    }

    private static string After(int? days) =>
        days is { } count ? string.Create(CultureInfo.InvariantCulture, $"after {count} days") : "on a certain day";
}
