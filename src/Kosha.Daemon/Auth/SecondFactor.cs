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

    /// <summary>In <see cref="TwoFactorTable.WrongWindow"/>: a guess in 3,000 succeeds by then.</summary>
    public const int MaxWrongCodes = 100;

    private readonly IDataProtector protector = protection.CreateProtector("two-factor seeds");

    /// <summary>Makes a seed, which a code has to confirm. Faults: AlreadyExists, CredentialRevoked.</summary>
    public async Task<byte[]> BeginAsync(Caller caller, CancellationToken ct)
    {
        var seed = RandomNumberGenerator.GetBytes(Totp.SeedBytes);
        await table.BeginAsync(caller, protector.Protect(seed), ct);
        return seed;
    }

    /// <summary>Switches it on. Returns the recovery codes; null: the code is wrong.</summary>
    /// <exception cref="StorageException">
    /// NotFound (it was not begun, or long ago), AlreadyExists (it is on), Unavailable (the master key is another one).
    /// </exception>
    public async Task<IReadOnlyList<string>?> ConfirmAsync(Caller caller, string code, CancellationToken ct)
    {
        var begun = await table.FindAsync(caller.UserId, ct)
            ?? throw new StorageException(StorageFault.NotFound, "Begin two-factor sign-in first.");
        if (begun.IsConfirmed)
            throw new StorageException(StorageFault.AlreadyExists, "Two-factor sign-in is on.");
        if (!begun.IsFresh)
            throw new StorageException(StorageFault.NotFound, "It was begun too long ago. Begin anew.");
        if (Totp.FindStep(Unprotect(begun.Seed), code, time.GetUtcNow()) is not { } step)
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

    /// <summary>Takes a code of the authenticator, once.</summary>
    /// <exception cref="StorageException">
    /// LimitReached (too many were wrong; a recovery code opens), Unavailable (the master key is another one).
    /// </exception>
    public async Task<bool> TakeAsync(long userId, string code, CancellationToken ct)
    {
        if (await table.FindAsync(userId, ct) is not { IsConfirmed: true } found)
            return false;
        if (found.WrongCodes >= MaxWrongCodes)
            throw new StorageException(StorageFault.LimitReached,
                "Too many codes of this account were wrong. Only a recovery code opens it now.");
        if (Totp.FindStep(Unprotect(found.Seed), code, time.GetUtcNow()) is { } step
            && await table.TakeStepAsync(userId, step, ct))
            return true;
        await table.CountWrongAsync(userId, ct);
        return false;
    }

    /// <summary>Takes a recovery code, once; that needs no master key.</summary>
    /// <param name="userId">Whose it is.</param>
    /// <param name="hash">As <see cref="AppPasswordSecret.Hash"/> makes it.</param>
    /// <param name="ct">Ends it.</param>
    public Task<bool> TakeRecoveryAsync(long userId, byte[] hash, CancellationToken ct) =>
        table.TakeCodeAsync(userId, hash, ct);

    private byte[] Unprotect(byte[] seed)
    {
        try
        {
            return protector.Unprotect(seed);
        }
        catch (CryptographicException e)
        {
            throw new StorageException(StorageFault.Unavailable,
                "This server cannot read the secret of the authenticator: its master key is not the one of then. "
                + "A recovery code opens the account.", e);
        }
    }

    /// <summary>As long as app passwords: their hashes stand in a database that others may get to see.</summary>
    private static (IReadOnlyList<string> Codes, byte[][] Hashes) NewCodes()
    {
        string[] codes = [.. Enumerable.Range(0, RecoveryCodes).Select(_ => AppPasswordSecret.New())];
        return (codes, Array.ConvertAll(codes, AppPasswordSecret.HashOfNew));
    }
}
