namespace Kosha.Storage.Accounts;

/// <summary>
/// Who acts, as a verified credential named them. Every statement on the tree compares the stamp with the user's row,
/// so that a changed, disabled or revoked credential stops working with the next statement, on every daemon.
/// </summary>
/// <param name="UserId">The user.</param>
/// <param name="CredentialStamp"><c>users.credential_stamp</c> when the credential was verified.</param>
public sealed record Caller(long UserId, Guid CredentialStamp);
