using Amazon.Runtime;

namespace Kosha.Storage.Blobs;

/// <summary>One store's connections, as the SDK asks for them; no other store uses them.</summary>
internal sealed class S3Connections : HttpClientFactory, IDisposable
{
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(10);

    /// <summary>So that a store whose address changes is found again.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(15);

    /// <param name="patience">For one attempt of one request until its answer begins.</param>
    public S3Connections(TimeSpan patience)
    {
        var connections = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            ConnectTimeout = patience < ConnectPatience ? patience : ConnectPatience,
            PooledConnectionLifetime = Lifetime,
            UseCookies = false,
        };
        Client = new(new AskBeforeLargeBodies(connections)) { Timeout = patience };
    }

    /// <summary>For requests that the SDK does not know.</summary>
    public HttpClient Client { get; }

    public override HttpClient CreateHttpClient(IClientConfig clientConfig) => Client;

    public override bool UseSDKHttpClientCaching(IClientConfig clientConfig) => false;

    public override bool DisposeHttpClientsAfterUse(IClientConfig clientConfig) => false;

    public void Dispose() => Client.Dispose();

    /// <summary>
    /// The SDK would ask (<c>Expect: 100-continue</c>) before every body. For a small one that is a round trip too
    /// many, and worse: .NET sends a body of up to 1 KiB even after a refusal, and Ceph takes it for the next request.
    /// </summary>
    private sealed class AskBeforeLargeBodies(HttpMessageHandler next) : DelegatingHandler(next)
    {
        private const long LargeBytes = 1 << 20;

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken ct)
        {
            request.Headers.ExpectContinue = request.Content?.Headers.ContentLength >= LargeBytes;
            return base.SendAsync(request, ct);
        }
    }
}
