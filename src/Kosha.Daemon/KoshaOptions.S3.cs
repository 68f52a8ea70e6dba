using Kosha.Daemon.Configuration;
using Kosha.Storage.Blobs;

namespace Kosha.Daemon;

public sealed partial class KoshaOptions
{
    private const string S3 = "Blobs:S3:";

    /// <summary>
    /// Read in any case, so that every key is known; judged only where <paramref name="isUsed"/>. Null if it is not.
    /// </summary>
    private static S3StoreOptions? ReadS3(SettingsReader reader, bool isUsed, Uri? publicUrl)
    {
        Action<string, string> problem = isUsed ? (key, what) => reader.Problem(S3 + key, what) : (_, _) => { };
        var endpoint = ReadEndpoint(reader, "Endpoint", problem);
        var publicEndpoint = ReadEndpoint(reader, "PublicEndpoint", problem);
        var options = new S3StoreOptions
        {
            Endpoint = endpoint,
            PublicEndpoint = publicEndpoint,
            BrowserOrigin = publicUrl?.GetLeftPart(UriPartial.Authority),
            Region = ReadRegion(reader, problem),
            Bucket = ReadBucket(reader, problem),
            AccessKey = NullIfEmpty(reader.Text(S3 + "AccessKey", "", _ => "***")),
            SecretKey = NullIfEmpty(reader.Text(S3 + "SecretKey", "", _ => "***")),
            ForcePathStyle = reader.Flag(S3 + "ForcePathStyle", endpoint is not null),
            Prefix = ReadPrefix(reader, problem),
            ServerSideEncryption = reader.Choice<string?>(S3 + "ServerSideEncryption", null,
                ("", null), ("AES256", "AES256"), ("aws:kms", "aws:kms")),
            KmsKey = NullIfEmpty(reader.Text(S3 + "KmsKey", "")),
            StorageClass = ReadStorageClass(reader, problem),
            PartBytes = reader.Number(
                S3 + "PartBytes", 16L << 20, S3StoreOptions.MinPartBytes, S3StoreOptions.MaxPartBytes),
            Timeout = TimeSpan.FromSeconds(reader.Number(S3 + "TimeoutSeconds", 60, 1, 3600)),
            MaxRetries = (int)reader.Number(S3 + "MaxRetries", 4, 0, 20),
        };
        CheckTogether(options, problem);
        return isUsed ? options : null;
    }

    private static Uri? ReadEndpoint(SettingsReader reader, string key, Action<string, string> problem)
    {
        // What stands before an '@' may be a secret; it is refused below.
        var text = reader.Text(S3 + key, "", given => given.Contains('@', StringComparison.Ordinal) ? "***" : given);
        if (text.Length == 0)
            return null;
        if (Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"
            && url is { Host.Length: > 0, UserInfo: "", PathAndQuery: "/", Fragment: "" })
            return url;
        problem(key, "it is not the address of a store; write https://s3.example.org or http://127.0.0.1:9000, without "
            + "a bucket or a path.");
        return null;
    }

    private static string ReadRegion(SettingsReader reader, Action<string, string> problem)
    {
        var text = reader.Text(S3 + "Region", "us-east-1");
        if (!IsMadeOf(text, 1, 64, "-"))
            problem("Region", $"'{text}' is not the name of a region, such as eu-central-1.");
        return text;
    }

    private static string ReadBucket(SettingsReader reader, Action<string, string> problem)
    {
        var text = reader.Text(S3 + "Bucket", "");
        if (text.Length == 0)
            problem("Bucket", "it is empty; name the bucket that holds the content of files.");
        else if (!IsMadeOf(text, 3, 63, "-._"))
            problem("Bucket", $"'{text}' is not the name of a bucket: 3 to 63 letters, digits, '-', '.' and '_'.");
        return text;
    }

    private static string ReadPrefix(SettingsReader reader, Action<string, string> problem)
    {
        var text = reader.Text(S3 + "Prefix", "").TrimEnd('/');
        if (text.Length == 0)
            return "";
        if (!IsMadeOf(text, 1, 200, "-._/") || text.Split('/').Any(step => step is "" or "." or ".."))
            problem("Prefix", $"'{text}' cannot stand before keys; write a path of at most 200 letters, digits, '-', "
                + "'.', '_' and '/', such as kosha/home.");
        return text + "/";
    }

    private static string? ReadStorageClass(SettingsReader reader, Action<string, string> problem)
    {
        var text = NullIfEmpty(reader.Text(S3 + "StorageClass", ""));
        if (text is "GLACIER" or "DEEP_ARCHIVE")
            problem("StorageClass", $"what lies in {text} cannot be read at once; choose STANDARD_IA or another.");
        return text;
    }

    private static void CheckTogether(S3StoreOptions options, Action<string, string> problem)
    {
        if (options.AccessKey is null && options.SecretKey is not null)
            problem("AccessKey", "there is a SecretKey without it.");
        if (options.AccessKey is not null && options.SecretKey is null)
            problem("SecretKey", "there is an AccessKey without it.");
        if (options.KmsKey is not null && options.ServerSideEncryption != "aws:kms")
            problem("KmsKey", "it needs Blobs:S3:ServerSideEncryption=aws:kms.");
    }

    /// <summary>
    /// Clients would be sent back to Kosha, or to a host to which they carry their credentials.
    /// </summary>
    private void CheckPublicEndpoint(SettingsReader reader)
    {
        if (BlobsS3?.PublicEndpoint is not { } url)
            return;
        if (url == PublicUrl || HttpListen.Any(address =>
            address.IsTls == (url.Scheme == "https") && address.Port == url.Port
            && ListenAddress.TryParse(url.GetLeftPart(UriPartial.Authority))?.Address.Equals(address.Address) == true))
            reader.Problem(S3 + "PublicEndpoint", $"{url} is Kosha's own address, not the store's.");
        else if (PublicUrl is null)
            reader.Problem("PublicUrl", "Blobs:S3:PublicEndpoint needs it: clients carry their password on to a host "
                + "of the same name, and behind a proxy Kosha does not know the name by which they call it. Write "
                + "https://files.example.org.");
    }

    /// <summary>Letters and digits of ASCII, and some other characters.</summary>
    private static bool IsMadeOf(string text, int least, int most, string others) =>
        text.Length >= least && text.Length <= most
        && text.All(c => char.IsAsciiLetterOrDigit(c) || others.Contains(c, StringComparison.Ordinal));
}
