using System.Security.Cryptography;
using Kosha.Storage.Blobs;

namespace Kosha.Daemon;

/// <summary>
/// The secret of an installation from which others are derived: 32 random bytes as base64 in a file that only Kosha's
/// user can read. Daemons of one database need the same one.
/// </summary>
internal static class MasterKey
{
    public const string FileName = "master-key";

    private const int KeyBytes = 32;

    private const int CheckBytes = 16;

    private const string WhereItIs =
        "All daemons of one database need the same one, and it belongs to a backup: put that file there.";

    private const UnixFileMode Others = UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>The key; one that is in the data folder is made if it is not there.</summary>
    /// <exception cref="OperatorException">There is no such file, or no key in it, or others may read it.</exception>
    public static byte[] Load(KoshaOptions options, DataFolder folder)
    {
        if (options.SecurityMasterKeyFile is null && !File.Exists(folder[FileName]))
            folder.WritePrivate(FileName, Convert.ToBase64String(RandomNumberGenerator.GetBytes(KeyBytes)) + "\n");
        return Read(options.SecurityMasterKeyFile ?? folder[FileName]);
    }

    /// <summary>
    /// For the start of a daemon: the first one decides which key it is, and any other key is refused after that. None
    /// is made in place of one that is missing.
    /// </summary>
    /// <exception cref="OperatorException">It is not the key of this database, or <see cref="Load"/> refuses.
    /// </exception>
    public static async Task RequireSameAsync(KoshaOptions options, Installation installation, CancellationToken ct)
    {
        var table = new InstallationTable(installation.Database);
        var file = options.SecurityMasterKeyFile ?? installation.Folder[FileName];
        if (!File.Exists(file) && await table.MasterKeyCheckAsync(ct) is not null)
            throw Unusable($"there is no file {file}, and this database has a master key already. {WhereItIs}");
        if (!await table.ClaimMasterKeyAsync(CheckOf(Load(options, installation.Folder)), ct))
            throw Unusable($"{file} is not the master key of this database. {WhereItIs}");
    }

    /// <summary>Tells keys apart, and says nothing of the key.</summary>
    private static string CheckOf(ReadOnlySpan<byte> key)
    {
        var check = new byte[CheckBytes];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, key, check, salt: [], info: "kosha master key check 1"u8);
        return Convert.ToHexStringLower(check);
    }

    /// <summary>What is wrong with the key, in words; null if nothing is, or it is still to be made.</summary>
    public static string? Problem(KoshaOptions options)
    {
        var file = options.SecurityMasterKeyFile ?? Path.Combine(options.DataDirectory, FileName);
        if (options.SecurityMasterKeyFile is null && !File.Exists(file))
            return null;
        try
        {
            Read(file);
            return null;
        }
        catch (OperatorException e)
        {
            return e.Message;
        }
    }

    private static byte[] Read(string file)
    {
        try
        {
            if ((File.GetUnixFileMode(file) & Others) != UnixFileMode.None)
                throw Unusable($"everybody can read {file}; take that away: chmod 600 {file}");
            var key = new byte[KeyBytes];
            return Convert.TryFromBase64String(File.ReadAllText(file).Trim(), key, out var count) && count == KeyBytes
                ? key
                : throw Unusable($"{file} does not hold {KeyBytes} bytes as base64, as openssl rand -base64 "
                    + $"{KeyBytes} makes them.");
        }
        catch (FileNotFoundException e)
        {
            throw Unusable($"there is no file {file}. Make it: openssl rand -base64 {KeyBytes} > {file}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unusable($"{file} cannot be read by the user '{Environment.UserName}': {e.Message}", e);
        }
    }

    private static OperatorException Unusable(string what, Exception? cause = null) =>
        new($"Security:MasterKeyFile: {what}", cause);
}
