using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Kosha.Benchmarks.Http;

namespace Kosha.Benchmarks.Peers;

/// <summary>A running server to measure, and the folder in which it keeps everything.</summary>
public sealed class Peer : IAsyncDisposable
{
    private const string User = "bench";
    private const string Password = "bench";
    private const string KoshaPassword = "a password of benchmarks";
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    private readonly Process? process;
    private readonly string folder;

    private Peer(string name, Process? process, string folder, Target target)
    {
        Name = name;
        this.process = process;
        this.folder = folder;
        Target = target;
        Usage = new(process is null ? [] : [process.Id]);
    }

    /// <summary>The servers that are measured unless others are named.</summary>
    public static IReadOnlyList<string> Compared { get; } = ["kosha", "apache", "nginx", "lighttpd", "rclone"];

    /// <summary>For calls that no other server knows.</summary>
    public static IReadOnlyList<string> Alone { get; } = ["kosha"];

    /// <summary>Kosha beside itself with a tree of 1,000,000 nodes.</summary>
    public const string LargeKosha = "kosha-1m";

    /// <summary>Kosha and rclone with their bytes in one S3 store, and the store itself, which is the limit.</summary>
    public static IReadOnlyList<string> InS3 { get; } = [KoshaInS3, StoreAlone, RcloneInS3];

    private const string KoshaInS3 = "kosha-s3";
    private const string StoreAlone = "s3";
    private const string RcloneInS3 = "rclone-s3";

    public static bool IsKosha(string name) => name is "kosha" or LargeKosha or KoshaInS3;

    public string Name { get; }

    public Target Target { get; }

    public ServerUsage Usage { get; }

    /// <summary>Starts a server with fresh data and waits until it answers.</summary>
    public static async Task<Peer> StartAsync(string name)
    {
        var place = Directory.CreateTempSubdirectory("kb").FullName;
        File.SetUnixFileMode(place, (UnixFileMode)0b111_101_101);
        var port = FreePort();
        var started = name == StoreAlone ? null : Process.Start(Start(name, place, port))!;
        var ready = started is null ? Task.CompletedTask : ReadyAsync(started, ReadyWords(name));
        var peer = new Peer(name, started, place, TargetOf(name, port));
        try
        {
            await ready;
            peer.RequireAnswer();
            if (name == LargeKosha)
                await LargeTree.FillAsync($"{place}/data/run");
            return peer;
        }
        catch
        {
            await peer.DisposeAsync();
            throw;
        }
    }

    private static Target TargetOf(string name, int port) => name switch
    {
        StoreAlone => S3Store.OfRun.Value.Direct,
        _ when IsKosha(name) => new(new($"http://127.0.0.1:{port}/dav/"), "admin", KoshaPassword),
        _ => new(new($"http://127.0.0.1:{port}/"), User, Password),
    };

    private static ProcessStartInfo Start(string name, string place, int port) => name switch
    {
        "kosha" or LargeKosha => StartKosha(place, port),
        KoshaInS3 => StartKosha(place, port, ["--Blobs:Store=s3", "--Blobs:S3:Prefix=kosha",
            $"--Blobs:S3:Endpoint={S3Store.OfRun.Value.Endpoint}", $"--Blobs:S3:Region={S3Store.OfRun.Value.Region}",
            $"--Blobs:S3:Bucket={S3Store.OfRun.Value.Bucket}", $"--Blobs:S3:AccessKey={S3Store.OfRun.Value.AccessKey}",
            $"--Blobs:S3:SecretKey={S3Store.OfRun.Value.SecretKey}"]),
        RcloneInS3 => StartRclone(port, ["--s3-provider=Ceph", $"--s3-endpoint={S3Store.OfRun.Value.Endpoint}",
            $"--s3-access-key-id={S3Store.OfRun.Value.AccessKey}",
            $"--s3-secret-access-key={S3Store.OfRun.Value.SecretKey}", "--s3-no-check-bucket",
            $":s3:{S3Store.OfRun.Value.Bucket}/rclone"]),
        "apache" => Info("apache2", "-DFOREGROUND", "-f", Configure(name, place, port)),
        "nginx" => Info("nginx", "-c", Configure(name, place, port)),
        "lighttpd" => Info("lighttpd", "-D", "-f", Configure(name, place, port)),
        "rclone" => StartRclone(port, [Directory.CreateDirectory($"{place}/data").FullName]),
        _ => throw new ArgumentException(
            $"There is no peer {name}; choose among {string.Join(", ", Compared.Concat(InS3))} and {LargeKosha}."),
    };

    private static ProcessStartInfo StartKosha(string place, int port, params string[] settings) => Info("dotnet", [
        KoshaProgram, "serve", $"--DataDirectory={place}/data", $"--Http:Listen=http://127.0.0.1:{port}",
        $"--Admin:Password={KoshaPassword}", .. settings]);

    private static ProcessStartInfo StartRclone(int port, params string[] what)
    {
        var start = Info("rclone", [
            "serve", "webdav", "--config", "/dev/null", "--addr", $"127.0.0.1:{port}", "--user", User,
            "--pass", Password, .. what]);
        // Its S3 client does not start with one.
        start.Environment.Remove("AWS_CA_BUNDLE");
        return start;
    }

    private static string KoshaProgram => Environment.GetEnvironmentVariable("KOSHA_BENCH_PROGRAM")
        ?? throw new InvalidOperationException("KOSHA_BENCH_PROGRAM must name kosha.dll; tests/bench.sh does it.");

    private static ProcessStartInfo Info(string program, params string[] arguments) => new(program, arguments)
    {
        UseShellExecute = false,
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
        Environment = { ["PATH"] = Environment.GetEnvironmentVariable("PATH") + ":/usr/sbin:/sbin" },
    };

    private static string Configure(string name, string place, int port)
    {
        foreach (var sub in new[] { "data", "temp", "run" })
            Directory.CreateDirectory($"{place}/{sub}");
        // The hash is quick to check, on purpose: the peers are to be fast.
        File.WriteAllText($"{place}/run/htpasswd", "bench:{SHA}5cicUp3MubQnFvTZEY1hB5yIPZ4=\n");
        File.WriteAllText($"{place}/run/plainpasswd", "bench:bench\n");
        var text = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Peers", name + ".conf"))
            .Replace("@PORT@", port.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace("@RUN@", $"{place}/run", StringComparison.Ordinal)
            .Replace("@DATA@", $"{place}/data", StringComparison.Ordinal)
            .Replace("@TEMP@", $"{place}/temp", StringComparison.Ordinal)
            .Replace("@ROOT@", Environment.IsPrivilegedProcess ? "" : "# ", StringComparison.Ordinal);
        File.WriteAllText($"{place}/run/{name}.conf", text);
        if (Environment.IsPrivilegedProcess)
            Process.Start("chown", ["-R", "www-data:www-data", place]).WaitForExit();
        return $"{place}/run/{name}.conf";
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>What a server says when it listens.</summary>
    private static string ReadyWords(string name) => name switch
    {
        "apache" => "resuming normal operations",
        "nginx" => "start worker process",
        "lighttpd" => "server started",
        "rclone" or RcloneInS3 => "Server started on",
        _ => "Kosha is ready",
    };

    /// <summary>
    /// Waits for the words. What comes after them is read all the same: no server must wait for a reader.
    /// </summary>
    private static async Task ReadyAsync(Process server, string words)
    {
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var said = new ConcurrentQueue<string>();
        void Hear(string? line)
        {
            if (line is null || ready.Task.IsCompleted)
                return;
            said.Enqueue(line);
            if (line.Contains(words, StringComparison.Ordinal))
                ready.TrySetResult();
        }
        server.OutputDataReceived += (_, e) => Hear(e.Data);
        server.ErrorDataReceived += (_, e) => Hear(e.Data);
        server.BeginOutputReadLine();
        server.BeginErrorReadLine();
        await Task.WhenAny(ready.Task, server.WaitForExitAsync()).WaitAsync(StartLimit);
        if (!ready.Task.IsCompleted)
            throw new InvalidOperationException($"The server does not start:\n{string.Join('\n', said)}");
    }

    private void RequireAnswer()
    {
        using var connection = new Connection(Target);
        // In a bucket nothing is there yet.
        var status = Target.IsWebDav
            ? connection.Send("PROPFIND", Target.PathOf(""), new("Depth: 0\r\n"))
            : connection.Send("GET", Target.PathOf("nothing"));
        if (status != (Target.IsWebDav ? 207 : 404))
            throw new InvalidOperationException($"{Name} answers {status}.");
    }

    public async ValueTask DisposeAsync()
    {
        if (process is { HasExited: false })
        {
            Process.Start("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)]).WaitForExit();
            await process.WaitForExitAsync();
        }
        process?.Dispose();
        Directory.Delete(folder, recursive: true);
    }
}
