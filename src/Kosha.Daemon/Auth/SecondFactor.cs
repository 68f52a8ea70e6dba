using System.Security.Cryptography;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Microsoft.AspNetCore.DataProtection;

namespace Kosha.Daemon.Auth;

/// <summary>
/// Codes beside the password: seeds, which only a daemon with the master key can read, and recovery codes.
/// </summary>
internal sealed class SecondFactor(TwoFactorTable table, IDataProtectionProvider protection, TimeProvider time)
{
    public const int RecoveryCodes = 10;

    private readonly IDataProtector protector = protection.CreateProtector("two-factor seeds");

    /// <summary>Makes a seed, which a code has to confirm. Faults: AlreadyExists, CredentialRevoked.</summary>
    public async Task<byte[]> BeginAsync(Caller caller, CancellationToken ct)
    {
        var seed = RandomNumberGenerator.GetBytes(Totp.SeedBytes);
        await table.BeginAsync(caller, protector.Protect(seed), ct);
        return seed;
    }

    /// <summary>Switches it on. Returns the recovery codes; null: the code is wrong.</summary>
    /// <exception cref="StorageException">NotFound (it was not begun), AlreadyExists (it is on).</exception>
    public async Task<IReadOnlyList<string>?> ConfirmAsync(Caller caller, string code, CancellationToken ct)
    {
        var begun = await table.FindAsync(caller.UserId, ct)
            ?? throw new StorageException(StorageFault.NotFound, "Begin two-factor sign-in first.");
        if (begun.IsConfirmed)
            throw new StorageException(StorageFault.AlreadyExists, "Two-factor sign-in is on.");
        if (Totp.FindStep(protector.Unprotect(begun.Seed), code, time.GetUtcNow()) is not { } step)
            return null;
        var (codes, hashes) = NewCodes();
        await table.ConfirmAsync(caller, begun.Seed, step, hashes, ct);
        return codes;
    }

    /// <summary>Ten new recovery codes; the old ones end. Faults: NotFound (it is not on), CredentialRevoked.</summary>
    public async Task<IReadOnlyList<string>> RenewCodesAsync(Caller caller, CancellationToken ct)
    {
        var (codes, hashes) = NewCodes();
        await table.ReplaceCodesAsync(caller, hashes, ct);
        return codes;
    }

    /// <summary>Takes a code of the authenticator, or a recovery code, once.</summary>
    public async Task<bool> TakeAsync(long userId, string code, CancellationToken ct)
    {
        if (await table.FindAsync(userId, ct) is not { IsConfirmed: true } found)
            return false;
        if (Totp.FindStep(protector.Unprotect(found.Seed), code, time.GetUtcNow()) is { } step)
            return await table.TakeStepAsync(userId, step, ct);
        return AppPasswordSecret.Hash(code) is { } hash && await table.TakeCodeAsync(userId, hash, ct);
    }

    /// <summary>As long as app passwords: their hashes stand in a database that others may get to see.</summary>
    private static (IReadOnlyList<string> Codes, byte[][] Hashes) NewCodes()
    {
        string[] codes = [.. Enumerable.Range(0, RecoveryCodes).Select(_ => AppPasswordSecret.New())];
        return (codes, Array.ConvertAll(codes, AppPasswordSecret.HashOfNew));
    }
}
