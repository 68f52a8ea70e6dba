using System.Security.Cryptography;

namespace Kosha.Daemon;

/// <summary>
/// The secret of an installation from which others are derived: 32 random bytes as base64 in a file that only Kosha's
/// user can read. Daemons of one database need the same one.
/// </summary>
internal static class MasterKey
{
    public const string FileName = "master-key";

    private const int KeyBytes = 32;

    private const UnixFileMode Others = UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>The key; one that is in the data folder is made if it is not there.</summary>
    /// <exception cref="OperatorException">There is no such file, or no key in it, or others may read it.</exception>
    public static byte[] Load(KoshaOptions options, DataFolder folder)
    {
        if (options.SecurityMasterKeyFile is null && !File.Exists(folder[FileName]))
            folder.WritePrivate(FileName, Convert.ToBase64String(RandomNumberGenerator.GetBytes(KeyBytes)) + "\n");
        return Read(options.SecurityMasterKeyFile ?? folder[FileName]);
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
