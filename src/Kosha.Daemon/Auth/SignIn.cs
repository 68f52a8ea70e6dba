using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Kosha.Storage;
using Kosha.Storage.Accounts;
using Kosha.Storage.Audit;

namespace Kosha.Daemon.Auth;

/// <summary>What became of a sign-in.</summary>
/// <param name="Caller">Null: refused.</param>
/// <param name="RetryAfter">
/// Refused without a look at the credential; the next attempt has sense after this time.
/// </param>
/// <param name="IsBusy">Too many sign-ins at once, by whomever; false: too many failures of this client.</param>
internal sealed record SignInResult(Caller? Caller, TimeSpan? RetryAfter = null, bool IsBusy = false)
{
    public static readonly SignInResult Refused = new(Caller: null);

    /// <summary>
    /// The password was right, and is not enough: whoever this is has to show a code. <see cref="Caller"/> is null.
    /// </summary>
    public Caller? AwaitsCode { get; init; }
}

/// <summary>
/// Verifies a name and a password or app password. Failures are counted for each client address, and for each name at
/// an address; beyond the limit nothing is verified until the window has passed. A credential that is remembered is
/// outside all limits, as good or, by Basic, as wrong: the same wrong one counts once in a window. With two-factor
/// sign-in the account's own password is no credential for Basic.
/// </summary>
internal sealed class SignIn(
    UserTable users, AppPasswordTable appPasswords, SignInFailures failures, CredentialCache cache,
    RefusedCredentials refused, SecondFactor codes, AuditTrail audit, KoshaOptions options) : IDisposable
{
    /// <summary>Unless the settings say otherwise.</summary>
    public const int FailuresByNameAndAddress = 10;

    /// <inheritdoc cref="FailuresByNameAndAddress"/>
    public const int FailuresByAddress = 100;

    /// <summary>Wrong codes of one user, from wherever: a code is short, and who guesses it knows the password.
    /// </summary>
    public const int FailuresByCodes = 100;

    /// <summary>Two saturate a small machine; each waits for at most about two seconds.</summary>
    private const int ParallelVerifies = 2;
    private const int WaitingVerifies = 32;

    private static readonly TimeSpan BusyRetry = TimeSpan.FromSeconds(3);

    private readonly int[] webLimits = [options.Limits.SignInFailures, options.Limits.FailuresByAddress];
    private readonly int[] basicLimits = [options.Limits.BasicFailures, options.Limits.FailuresByAddress];

    private readonly SemaphoreSlim verifies = new(ParallelVerifies);
    private readonly ConcurrentDictionary<string, Lazy<Task<SignInResult>>> running = new(StringComparer.Ordinal);
    private int waiting;

    public void Dispose() => verifies.Dispose();

    /// <param name="header">The whole Authorization header.</param>
    /// <param name="address">The client's; see <see cref="ClientAddress.Exactly"/>.</param>
    /// <param name="ct">Ends the wait, not a verification that others wait for too.</param>
    public async Task<SignInResult> AuthenticateAsync(string header, string address, CancellationToken ct)
    {
        var key = cache.KeyOf(header);
        if (await FindAsync(key, ct) is { } known)
            return known;
        if (BasicCredential.Parse(header) is not { } credential)
            return SignInResult.Refused;
        // A client that opens sixteen connections at once costs one verify, and fails once.
        var verification = running.GetOrAdd(key, _ => new(() => VerifyAndRememberAsync(key, credential, address)));
        return await verification.Value.WaitAsync(ct);
    }

    /// <summary>Who is remembered by this header; null: nobody.</summary>
    public Task<SignInResult?> RememberedAsync(string header, CancellationToken ct) =>
        FindAsync(cache.KeyOf(header), ct);

    private async Task<SignInResult?> FindAsync(string key, CancellationToken ct)
    {
        if (cache.Find(key) is not { } known)
            return null;
        // That it still holds is asked by whatever statement the request comes to.
        if (known.AppPasswordId is { } id && cache.IsNoteDue(key))
            await appPasswords.TouchAsync(id, ct);
        return new(known);
    }

    public void Forget(string header) => cache.Forget(cache.KeyOf(header));

    private async Task<SignInResult> VerifyAndRememberAsync(string key, BasicCredential credential, string address)
    {
        try
        {
            var result = await VerifyAsync(key, credential, address, CancellationToken.None);
            if (result.Caller is { } verified)
            {
                cache.Remember(key, verified);
                await audit.TellOnceAsync(new(AuditActions.SignIn, verified) { Address = address, Detail = "Basic" });
            }
            return result;
        }
        finally
        {
            running.TryRemove(key, out _);
        }
    }

    private async Task<SignInResult> VerifyAsync(
        string key, BasicCredential credential, string address, CancellationToken ct)
    {
        // Nobody guesses 100 bits, so app passwords need neither a limit nor a slow hash.
        if (AppPasswordSecret.Hash(credential.Password) is { } hash
            && await appPasswords.FindAsync(credential.Name, hash, ct) is { } caller)
        {
            await appPasswords.TouchAsync(caller.AppPasswordId!.Value, ct);
            return new(caller);
        }
        // What asks the database is the same for a name of nobody.
        var stored = await users.FindPasswordAsync(credential.Name, ct);
        var tried = RefusedCredential.Of(key, ClientAddress.Of(address), stored);
        if (refused.Has(tried))
            return SignInResult.Refused;
        var result = await VerifyAccountAsync(stored, credential, address, basicLimits, ct);
        if (result is { Caller: null, RetryAfter: null })
            refused.Remember(tried);
        return result;
    }

    /// <summary>
    /// Signs in by the account's own password and, where the account has two-factor sign-in, a code.
    /// </summary>
    /// <param name="credential">The name and the password.</param>
    /// <param name="code">Of an authenticator, or a recovery code; null: none was given.</param>
    /// <param name="address">The client's; see <see cref="ClientAddress.Exactly"/>.</param>
    /// <param name="ct">Ends it.</param>
    public async Task<SignInResult> VerifyAccountAsync(
        BasicCredential credential, string? code, string address, CancellationToken ct)
    {
        var result = await VerifyAccountAsync(credential, address, ct);
        return result.AwaitsCode is { } caller && code is not null
            ? await VerifyCodeAsync(caller, code, address, ct)
            : result;
    }

    /// <summary>Verifies a code of somebody whose password, or session, is verified. It is good once.</summary>
    public async Task<SignInResult> VerifyCodeAsync(Caller caller, string code, string address, CancellationToken ct)
    {
        // Nobody guesses 100 bits, and whoever is shut out by guesses of others gets in by it.
        if (AppPasswordSecret.Hash(code) is { } hash)
            return await ToldAsync(
                await codes.TakeRecoveryAsync(caller.UserId, hash, ct) ? new(caller) : SignInResult.Refused,
                caller.UserId, address);
        return await LimitAsync(caller, address, () => codes.TakeAsync(caller.UserId, code, ct), ct);
    }

    /// <summary>
    /// Switches two-factor sign-in on by a first code; wrong ones count as those of a sign-in. The recovery codes are
    /// empty for whoever is refused. Faults: those of <see cref="SecondFactor.ConfirmAsync"/>.
    /// </summary>
    public async Task<(SignInResult Result, IReadOnlyList<string> Recovery)> ConfirmCodesAsync(
        Caller caller, string code, string address, CancellationToken ct)
    {
        IReadOnlyList<string>? recovery = null;
        var result = await LimitAsync(caller, address, async () =>
        {
            recovery = await codes.ConfirmAsync(caller, code, ct);
            return recovery is not null;
        }, ct);
        return (result, recovery ?? []);
    }

    /// <summary>Takes a short code within the limits.</summary>
    private async Task<SignInResult> LimitAsync(
        Caller caller, string address, Func<Task<bool>> take, CancellationToken ct) =>
        await ToldAsync(await TakeAsync(caller, ClientAddress.Of(address), take, ct), caller.UserId, address);

    private async Task<SignInResult> TakeAsync(
        Caller caller, string counted, Func<Task<bool>> take, CancellationToken ct)
    {
        string[] subjects =
        [
            SubjectOf(caller.UserId, counted), counted,
            string.Create(CultureInfo.InvariantCulture, $"codes of user {caller.UserId}"),
        ];
        if (await failures.WaitAsync(subjects, [.. webLimits, FailuresByCodes], ct) is { } wait)
            return new(Caller: null, wait);
        if (!await take())
        {
            await failures.CountAsync(subjects, ct);
            return SignInResult.Refused;
        }
        await failures.ForgetAsync(subjects[0], ct);
        return new(caller);
    }

    /// <summary>Verifies the account's own password alone, and remembers nothing.</summary>
    public async Task<SignInResult> VerifyAccountAsync(
        BasicCredential credential, string address, CancellationToken ct) =>
        await VerifyAccountAsync(
            await users.FindPasswordAsync(credential.Name, ct), credential, address, webLimits, ct);

    private async Task<SignInResult> VerifyAccountAsync(
        StoredPassword? stored, BasicCredential credential, string address, int[] limits, CancellationToken ct) =>
        await ToldAsync(
            await VerifyCountedAsync(stored, credential, ClientAddress.Of(address), limits, ct), stored?.UserId,
            address);

    /// <summary>What is refused stands in the audit log; a name of nobody does not: it may be a password.</summary>
    private async Task<SignInResult> ToldAsync(SignInResult result, long? userId, string address)
    {
        if (result is { Caller: null, AwaitsCode: null, IsBusy: false })
            await audit.TellAsync(new(result.RetryAfter is null ? AuditActions.SignIn : AuditActions.Limit)
            {
                UserId = userId,
                Address = address,
                Subject = result.RetryAfter is null ? null : "sign-in",
                IsRefused = true,
            });
        return result;
    }

    private async Task<SignInResult> VerifyCountedAsync(
        StoredPassword? stored, BasicCredential credential, string counted, int[] limits, CancellationToken ct)
    {
        string[] subjects = [SubjectOf(stored, credential.Name, counted), counted];
        // Before the queue, so that a client over its limit keeps nobody waiting.
        if (await failures.WaitAsync(subjects, limits, ct) is { } wait)
            return new(Caller: null, wait);
        if (!await EnterAsync(ct))
            return new(Caller: null, BusyRetry, IsBusy: true);
        try
        {
            return await VerifyPasswordAsync(stored, credential.Password, subjects, limits, ct);
        }
        finally
        {
            verifies.Release();
        }
    }

    /// <summary>
    /// Hashes the password of somebody who is to be, as slowly as a verification and beside no more of them.
    /// </summary>
    /// <exception cref="StorageException">Unavailable: too many wait already.</exception>
    public Task<string> HashAsync(string password, CancellationToken ct) =>
        InTurnAsync(() => Task.FromResult(Passwords.Hash(password)), ct);

    /// <summary>What hashes otherwise, beside no more of them. Fault: Unavailable.</summary>
    public async Task<T> InTurnAsync<T>(Func<Task<T>> work, CancellationToken ct)
    {
        if (!await EnterAsync(ct))
            throw new StorageException(StorageFault.Unavailable, "Too many sign-ins at once. Try again.");
        try
        {
            return await work();
        }
        finally
        {
            verifies.Release();
        }
    }

    // Waits for a slot to verify in; false if too many wait already.
    private async Task<bool> EnterAsync(CancellationToken ct)
    {
        try
        {
            if (Interlocked.Increment(ref waiting) > WaitingVerifies)
                return false;
            await verifies.WaitAsync(ct);
            return true;
        }
        finally
        {
            Interlocked.Decrement(ref waiting);
        }
    }

    private async Task<SignInResult> VerifyPasswordAsync(
        StoredPassword? stored, string password, string[] subjects, int[] limits, CancellationToken ct)
    {
        // Looked up again in the slot, so that guesses in parallel overshoot the limit by no more than the slots.
        if (await failures.WaitAsync(subjects, limits, ct) is { } wait)
            return new(Caller: null, wait);
        if (!Passwords.Verify(stored?.PasswordHash, password))
        {
            await failures.CountAsync(subjects, ct);
            return SignInResult.Refused;
        }
        var caller = new Caller(stored!.UserId, stored.CredentialStamp);
        // What was counted is forgotten with the code, or whoever knows the password could guess on.
        if (stored.HasTwoFactor)
            return SignInResult.Refused with { AwaitsCode = caller };
        await failures.ForgetAsync(subjects[0], ct);
        return new(caller);
    }

    // One count for a user, however the name is written. The name of nobody is hashed, because people type passwords
    // into its field.
    private static string SubjectOf(StoredPassword? stored, string name, string address)
    {
        if (stored is not null)
            return SubjectOf(stored.UserId, address);
        var folded = Encoding.UTF8.GetBytes(name.ToUpperInvariant());
        return $"{Convert.ToBase64String(SHA256.HashData(folded))}@{address}";
    }

    private static string SubjectOf(long userId, string address) =>
        string.Create(CultureInfo.InvariantCulture, $"user {userId}@{address}");
}
