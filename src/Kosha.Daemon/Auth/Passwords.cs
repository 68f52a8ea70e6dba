using Microsoft.AspNetCore.Identity;
using System.Text;

namespace Kosha.Daemon.Auth;

/// <summary>
/// Passwords of accounts: the framework's PBKDF2, about 75 ms of one core each. Compared in NFC, because what a
/// keyboard sends depends on the system.
/// </summary>
internal static class Passwords
{
    public const int MinLength = 8;
    public const int MaxLength = 256;

    private static readonly PasswordHasher<string> Hasher = new();

    private static readonly Lazy<string> HashOfNobody = new(() => Hash(AppPasswordSecret.New()));

    /// <summary>What is wrong with a new password, in words; null if nothing is.</summary>
    public static string? Problem(string password) => password switch
    {
        { Length: < MinLength } => $"a password has at least {MinLength} characters.",
        { Length: > MaxLength } => $"a password has at most {MaxLength} characters.",
        _ when password.Any(char.IsControl) => "a password has no control characters.",
        _ => null,
    };

    public static string Hash(string password) => Hasher.HashPassword("", Normalize(password));

    /// <summary>Takes as long for a user who is not there (a null hash) as for one with another password.</summary>
    public static bool Verify(string? hash, string password)
    {
        var result = Hasher.VerifyHashedPassword("", hash ?? HashOfNobody.Value, Normalize(password));
        return hash is not null && result != PasswordVerificationResult.Failed;
    }

    private static string Normalize(string password)
    {
        try
        {
            return password.Normalize(NormalizationForm.FormC);
        }
        catch (ArgumentException)
        {
            // Not valid Unicode, so it has no other form.
            return password;
        }
    }
}
