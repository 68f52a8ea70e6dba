using Kosha.Storage;
using Kosha.Storage.Blobs;
using Kosha.Storage.Uploads;
using Kosha.WebDav.Links;

namespace Kosha.Daemon.Api;

/// <summary>
/// <c>PUT /links/uploads/{token}</c>: URLs of the daemon itself for the bytes of an upload, where clients do not reach
/// the store. The token alone decides. What comes waits in the store, and is no file before the completion.
/// </summary>
internal sealed class UploadLinks(DirectUploads uploads, LinkSigner signer, TimeProvider time, KoshaOptions options)
{
    private const string Route = LinkEndpoint.Prefix + "/uploads/{token}";

    private static readonly Dictionary<string, string> NoHeaders = [];

    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<UploadLinks>();
        routes.MapMethods(Route, [HttpMethods.Put], self.ReceiveAsync).WithDisplayName("Upload link")
            .ExcludeFromDescription();
    }

    /// <summary>A URL for each part, 0 for all of it.</summary>
    public Dictionary<int, SignedPut> Sign(Upload upload, IReadOnlyList<int> numbers, HttpRequest request)
    {
        var expiresAt = time.GetUtcNow() + DirectUploads.UrlLifetime;
        // A page puts to where it came from; anything else would be another origin for it.
        var origin = options.PublicUrl is { } url && request.Headers["Sec-Fetch-Site"] != "same-origin"
            ? url.GetLeftPart(UriPartial.Authority) : $"{request.Scheme}://{request.Host.ToUriComponent()}";
        return numbers.ToDictionary(number => number, number =>
        {
            var token = signer.SignContent(new UploadToken(upload.Id, number, expiresAt).ToBytes());
            return new SignedPut(new($"{origin}{LinkEndpoint.Prefix}/uploads/{token}"), NoHeaders, expiresAt);
        });
    }

    internal async Task ReceiveAsync(HttpContext http)
    {
        var token = signer.OpenContent((string)http.Request.RouteValues["token"]!) is { } bytes
            ? UploadToken.FromBytes(bytes) : null;
        if (token is null || time.GetUtcNow() >= token.ExpiresAt)
        {
            await ApiProblem.Of(StatusCodes.Status404NotFound).WriteAsync(http);
            return;
        }
        try
        {
            await uploads.ReceiveAsync(
                token.UploadId, token.Part, http.Request.Body, http.Request.ContentLength, http.RequestAborted);
        }
        catch (StorageException e) when (!http.Response.HasStarted)
        {
            await ApiProblem.Of(e.Fault, e.Message).WriteAsync(http);
        }
    }

    /// <summary>Which bytes may be put, and until when.</summary>
    private sealed record UploadToken(long UploadId, int Part, DateTimeOffset ExpiresAt)
    {
        /// <summary>Another than those of links that give bytes.</summary>
        private const byte Form = 2;

        public byte[] ToBytes()
        {
            using var bytes = new MemoryStream();
            using (var writer = new BinaryWriter(bytes))
            {
                writer.Write(Form);
                writer.Write(ExpiresAt.ToUnixTimeSeconds());
                writer.Write(UploadId);
                writer.Write(Part);
            }
            return bytes.ToArray();
        }

        /// <summary>Reads what <see cref="ToBytes"/> made, which the signature has proven; null: of another form.
        /// </summary>
        public static UploadToken? FromBytes(byte[] bytes)
        {
            using var reader = new BinaryReader(new MemoryStream(bytes));
            if (reader.ReadByte() != Form)
                return null;
            var expiresAt = DateTimeOffset.FromUnixTimeSeconds(reader.ReadInt64());
            return new(reader.ReadInt64(), reader.ReadInt32(), expiresAt);
        }
    }
}
