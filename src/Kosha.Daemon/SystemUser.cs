using System.Collections;
using System.Runtime.InteropServices;
using Kosha.Storage.Blobs;

namespace Kosha.Daemon;

/// <summary>
/// The unprivileged user that Kosha becomes when root starts it: the whole program begins again as this user, before it
/// has opened anything.
/// </summary>
internal sealed record SystemUser(string Name, string UserId, string GroupId)
{
    public const string KoshaName = "kosha";

    private const string DataKey = "DataDirectory";
    private const string BlobsKey = "Blobs:Directory";

    public static bool IsRoot => Native.EffectiveUserId() == 0;

    /// <summary>The user 'kosha'; null if the system has none.</summary>
    public static async Task<SystemUser?> FindAsync(CancellationToken ct)
    {
        var (exitCode, output) = await ChildProcess.RunAsync("getent", ["passwd", KoshaName], "/", ct);
        var fields = output.Split(':');
        return exitCode == 0 && fields.Length > 3 ? new(KoshaName, fields[2], fields[3]) : null;
    }

    /// <summary>
    /// As root: makes the user and gives it the folders, then becomes this program run by that user, and does not
    /// return. As anybody else: does nothing.
    /// </summary>
    /// <exception cref="OperatorException">
    /// The user cannot be made, or would not reach the program or its folders.
    /// </exception>
    public static async Task DropRootAsync(KoshaOptions options, IReadOnlyList<string> arguments, CancellationToken ct)
    {
        if (!IsRoot)
            return;
        var user = await FindAsync(ct) ?? await CreateAsync(ct);
        foreach (var (key, folder) in Folders(options))
            await user.TakeOverAsync(key, folder, ct);
        await user.CheckReachAsync(options, ct);
        user.Become(options, arguments);
    }

    // Blobs and spool lie in the data folder unless somebody put them elsewhere.
    private static IEnumerable<(string Key, string Path)> Folders(KoshaOptions options) =>
        options.Folders.Where(folder => folder.Key == DataKey
            || !folder.Path.StartsWith(options.DataDirectory + "/", StringComparison.Ordinal));

    private static async Task<SystemUser> CreateAsync(CancellationToken ct)
    {
        var output = "";
        // Another Kosha that starts just now may hold the lock on /etc/passwd.
        for (var attempt = 0; attempt < 20; attempt++)
        {
            string[] arguments = ["--system", "--user-group", "--no-create-home", "--home-dir", "/var/lib/kosha",
                "--shell", "/usr/sbin/nologin", KoshaName];
            (_, output) = await ChildProcess.RunAsync("useradd", arguments, "/", ct);
            if (await FindAsync(ct) is { } user)
                return user;
            await Task.Delay(TimeSpan.FromMilliseconds(200), ct);
        }
        throw new OperatorException($"Kosha does not run as root, and the system user '{KoshaName}' cannot be made: "
            + $"{output}\nMake it (useradd --system --user-group {KoshaName}), or start Kosha as an ordinary user.");
    }

    private async Task TakeOverAsync(string key, string folder, CancellationToken ct)
    {
        if (!Directory.Exists(folder))
        {
            await CheckWayAsync(key, folder, ct);
            CreateWithParents(key, folder);
            await ChangeOwnerAsync(folder, ct);
            return;
        }
        var owner = await OwnerAsync(folder, ct);
        if (owner == UserId)
            return;
        if (owner != "0")
            throw new OperatorException($"{folder} belongs to another user (id {owner}), and Kosha does not take it "
                + $"away. Start Kosha as that user, or choose another folder with --{key}=FOLDER.");
        if ((key == DataKey ? DataFolder.Refusal(folder) : Refusal(key, folder)) is { } refusal)
            throw new OperatorException(refusal);
        await ChangeOwnerAsync(folder, ct);
    }

    // Blobs and spool have no mark; what lies in their folder shows whether it is Kosha's.
    private static string? Refusal(string key, string folder)
    {
        var foreign = Directory.EnumerateFileSystemEntries(folder).Select(entry => Path.GetFileName(entry))
            .FirstOrDefault(name => name != "lost+found" && !(key == BlobsKey
                ? DiskBlobStore.IsOwnEntry(name)
                : name.EndsWith(".spool", StringComparison.Ordinal)));
        return foreign is null ? null
            : $"{key}: the folder {folder} is not Kosha's and not empty (it holds '{foreign}'). Choose an empty or a "
                + $"new folder with --{key}=FOLDER.";
    }

    // Before anything is made: what lies below a private folder would be out of reach.
    private async Task CheckWayAsync(string key, string folder, CancellationToken ct)
    {
        var existing = folder;
        while (!Directory.Exists(existing))
            existing = Path.GetDirectoryName(existing)!;
        if (!await MayAsync("-x", existing, ct))
            throw OutOfReach(key, folder);
    }

    private OperatorException OutOfReach(string key, string folder) =>
        new($"Started by root, Kosha runs as the user '{Name}', who cannot reach or write {folder}. Choose a folder "
            + $"that is not below a private one such as /root with --{key}=FOLDER, or start Kosha as an "
            + "ordinary user.");

    private static void CreateWithParents(string key, string folder)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(folder)!);
            Directory.CreateDirectory(folder, DataFolder.PrivateFolder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OperatorException($"The folder {folder} cannot be made ({e.Message}). Choose another with "
                + $"--{key}=FOLDER.", e);
        }
    }

    private static async Task<string> OwnerAsync(string folder, CancellationToken ct) =>
        (await ChildProcess.RunAsync("stat", ["--format=%u", "--", folder + "/."], "/", ct)).Output;

    // Only what is root's: a data folder that root has copied back belongs to Kosha again.
    private async Task ChangeOwnerAsync(string folder, CancellationToken ct)
    {
        string[] arguments = ["--recursive", "--no-dereference", "--from=0", $"{UserId}:{GroupId}", "--",
            folder + "/."];
        var (exitCode, output) = await ChildProcess.RunAsync("chown", arguments, "/", ct);
        if (exitCode != 0)
            throw new OperatorException($"The folder {folder} cannot be given to the user '{Name}': {output}");
    }

    private async Task CheckReachAsync(KoshaOptions options, CancellationToken ct)
    {
        foreach (var file in new[] { Environment.ProcessPath!, Path.Combine(AppContext.BaseDirectory, "kosha.dll") })
        {
            if (!await MayAsync("-r", file, ct))
                throw new OperatorException($"Started by root, Kosha runs as the user '{Name}', who cannot read "
                    + $"{file}. Put the program where everybody may read it, such as /opt/kosha, or start it as an "
                    + "ordinary user.");
        }
        foreach (var (key, folder) in Folders(options))
        {
            if (!await MayAsync("-w", folder, ct))
                throw OutOfReach(key, folder);
        }
    }

    private async Task<bool> MayAsync(string test, string path, CancellationToken ct) =>
        (await ChildProcess.RunAsync(SetPriv, [.. Identity, "--", "test", test, path], "/", ct)).ExitCode == 0;

    private string[] Identity => [$"--reuid={UserId}", $"--regid={GroupId}", "--init-groups", "--no-new-privs"];

    private static string SetPriv => ChildProcess.Find("setpriv")
        ?? throw new OperatorException("The program 'setpriv' is missing: apt-get install util-linux.");

    private void Become(KoshaOptions options, IReadOnlyList<string> arguments)
    {
        var program = Environment.ProcessPath!;
        // Started as "dotnet kosha.dll", the program is dotnet.
        string[] self = Path.GetFileName(program) == "dotnet"
            ? [program, Path.Combine(AppContext.BaseDirectory, "kosha.dll")] : [program];
        string?[] command = [SetPriv, .. Identity, .. LowPorts(options), "--", .. self, .. arguments, null];
        var variables = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .ToDictionary(entry => (string)entry.Key, entry => (string?)entry.Value, StringComparer.Ordinal);
        variables["HOME"] = options.DataDirectory;
        variables["USER"] = variables["LOGNAME"] = Name;
        string?[] environment = [.. variables.Select(pair => $"{pair.Key}={pair.Value}"), null];
        _ = Native.Execute(command[0]!, command, environment);
        var error = Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError());
        throw new OperatorException($"'{command[0]}' cannot be started: {error}");
    }

    // Below 1024 the system wants one of root's rights, the only one that is kept.
    private static string[] LowPorts(KoshaOptions options) =>
        options.HttpListen.Any(address => address.Port is > 0 and < 1024)
            ? ["--inh-caps=-all,+net_bind_service", "--ambient-caps=-all,+net_bind_service"] : [];
}
