using Amazon.Runtime;

namespace Kosha.Storage.Blobs;

/// <summary>One store's connections, as the SDK asks for them; no other store uses them.</summary>
internal sealed class S3Connections : HttpClientFactory, IDisposable
{
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(10);

    /// <summary>So that a store whose address changes is found again.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(15);

    /// <param name="patience">
    /// For one attempt of one request until its answer begins, beside the time that its body needs on a slow line; and
    /// then for each read of the answer's body.
    /// </param>
    public S3Connections(TimeSpan patience)
    {
        var connections = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            ConnectTimeout = patience < ConnectPatience ? patience : ConnectPatience,
            PooledConnectionLifetime = Lifetime,
            UseCookies = false,
        };
        Client = new(new Patience(connections, patience)) { Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <summary>For requests that the SDK does not know.</summary>
    public HttpClient Client { get; }

    public override HttpClient CreateHttpClient(IClientConfig clientConfig) => Client;

    public override bool UseSDKHttpClientCaching(IClientConfig clientConfig) => false;

    public override bool DisposeHttpClientsAfterUse(IClientConfig clientConfig) => false;

    public void Dispose() => Client.Dispose();

    /// <summary>Waits for an answer, and for what follows its head, only as long as a store may be silent.</summary>
    private sealed class Patience(HttpMessageHandler next, TimeSpan patience) : DelegatingHandler(next)
    {
        private const long LargeBytes = 1 << 20;

        /// <summary>Several parts may share a line of half a megabit a second each.</summary>
        private const double LeastBytesPerSecond = 64 * 1024;

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken ct)
        {
            var bytes = request.Content?.Headers.ContentLength ?? 0;
            // The SDK would ask before every body. For a small one that is a round trip too many, and worse: .NET sends
            // a body of up to 1 KiB even after a refusal, and Ceph takes it for the next request.
            request.Headers.ExpectContinue = bytes >= LargeBytes;
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
            limit.CancelAfter(patience + TimeSpan.FromSeconds(bytes / LeastBytesPerSecond));
            try
            {
                return await WithPatienceAsync(await base.SendAsync(request, limit.Token));
            }
            catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
            {
                // As HttpClient itself says it, and the SDK knows it.
                throw new TaskCanceledException("The blob store does not answer.", new TimeoutException(e.Message, e));
            }
        }

        private async Task<HttpResponseMessage> WithPatienceAsync(HttpResponseMessage answer)
        {
            // Nothing is read yet: only the head has come.
            var body = await answer.Content.ReadAsStreamAsync(CancellationToken.None);
            var patient = new StreamContent(new PatientStream(body, patience));
            foreach (var (name, values) in answer.Content.Headers.NonValidated)
                patient.Headers.TryAddWithoutValidation(name, values);
            answer.Content = patient;
            return answer;
        }
    }
}
