using Kosha.Storage.Accounts;

namespace Kosha.Storage.Upkeep;

/// <summary>What a check of usage found.</summary>
/// <param name="Users">Whose usage was compared.</param>
/// <param name="Wrong">Those whose usage is not the sum, in words.</param>
public sealed record UsageCheckResult(long Users, Findings Wrong);

/// <summary>
/// Compares what users are charged with the sum over what they have, one after the other, each in a statement of one
/// moment: it is exact while everybody writes, and holds nobody up. It changes nothing; <see cref="Fsck"/> repairs.
/// </summary>
public sealed class UsageCheck(Database database)
{
    private const string LeaseName = "usage";
    private const int UsersPerPage = 500;

    private readonly UsageTable usage = new(database);

    /// <summary>How far it has come.</summary>
    public WorkProgress Progress { get; init; } = new();

    /// <summary>Faults: AlreadyExists (another one runs), Unavailable.</summary>
    public async Task<UsageCheckResult> RunAsync(CancellationToken ct)
    {
        await using var lease = await Lease.TakeAsync(database, LeaseName, ct);
        var (users, wrong, after) = (0L, new Findings(), 0L);
        while (await usage.UsersAsync(after, UsersPerPage, ct) is { Count: > 0 } page)
        {
            foreach (var userId in page)
            {
                await lease.RenewAsync(ct);
                if (await usage.DifferenceAsync(userId, ct) is { } difference)
                    wrong.Add(difference);
                Progress.Say("comparing users", ++users);
            }
            after = page[^1];
        }
        return new(users, wrong);
    }
}
