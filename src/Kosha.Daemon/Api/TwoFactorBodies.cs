using System.ComponentModel;

namespace Kosha.Daemon.Api;

/// <summary>What an authenticator needs. Shown this once.</summary>
/// <param name="Secret">To type.</param>
/// <param name="Uri">To show as a picture: otpauth://totp/….</param>
public sealed record TwoFactorAnswer(string Secret, string Uri);

/// <summary>A code that proves that the authenticator works.</summary>
public sealed record ConfirmTwoFactor
{
    [Description("Six digits.")]
    public required string Code { get; init; }
}

/// <summary>Codes that each open once where the authenticator is lost. Shown this once.</summary>
/// <param name="RecoveryCodes">Ten.</param>
public sealed record RecoveryCodeList(IReadOnlyList<string> RecoveryCodes);
