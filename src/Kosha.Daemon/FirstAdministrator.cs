using Kosha.Daemon.Auth;
using Kosha.Storage;

namespace Kosha.Daemon;

/// <summary>The user 'admin' of a new installation.</summary>
internal static class FirstAdministrator
{
    public const string Username = "admin";

    /// <summary>Holds the random password (0600) until somebody changes it.</summary>
    public const string PasswordFile = "admin-password";

    /// <summary>Makes the first administrator if there is no user yet.</summary>
    /// <returns>The random password to be shown once; null if none was made.</returns>
    public static async Task<string?> EnsureAsync(Installation installation, string? wished, CancellationToken ct)
    {
        if (await installation.Users.AnyAsync(ct))
            return null;
        var password = wished ?? AppPasswordSecret.New();
        // Kept before the user exists: a crash in between must not leave an account that nobody can enter.
        if (wished is null)
            installation.Folder.WritePrivate(PasswordFile, password + "\n");
        try
        {
            await installation.Users.AddAsync(new(Username, Passwords.Hash(password)) { IsAdmin = true }, ct);
            return wished is null ? password : null;
        }
        catch (StorageException e) when (e.Fault == StorageFault.AlreadyExists)
        {
            // Another daemon on the same database was faster.
            File.Delete(installation.Folder[PasswordFile]);
            return null;
        }
    }

    /// <summary>
    /// Removes the file once it says nothing true any more. It never fails, because the new password holds already.
    /// </summary>
    /// <returns>What is left to do for who runs this server, in words; null: nothing.</returns>
    public static string? ForgetPassword(DataFolder folder, string username)
    {
        if (!string.Equals(username, Username, StringComparison.OrdinalIgnoreCase))
            return null;
        var path = folder[PasswordFile];
        try
        {
            File.Delete(path);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{path} holds a password that is no longer true. Remove it by hand: {e.Message}";
        }
    }
}
