using Kosha.Storage;
using Kosha.Storage.Uploads;
using Kosha.Tests.Daemon;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Storage.Uploads;

/// <summary>Who verifies an upload renews what it holds, or stops before another can follow.</summary>
public sealed class UploadHoldTests
{
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(15);

    private readonly ManualTime time = new();
    private readonly Queue<bool?> answers = [];
    private int asked;

    private UploadHold NewHold() => new(_ =>
    {
        asked++;
        return answers.Dequeue() is { } answer
            ? Task.FromResult(answer)
            : throw new StorageException(StorageFault.Unavailable, "The database is away.");
    }, time, CancellationToken.None);

    private async Task AnswerAsync(bool? answer)
    {
        answers.Enqueue(answer);
        var before = asked;
        time.Move(Tick);
        await Eventually.TrueAsync("it was renewed, or not", () =>
            asked > before && (answer != true || time.UntilLast == 3 * Tick));
    }

    private static Task LostAsync(UploadHold hold) =>
        Eventually.TrueAsync("it is lost", () => hold.Lost.IsCancellationRequested);

    [Fact]
    public async Task Whoever_is_followed_stops()
    {
        await using var hold = NewHold();
        await AnswerAsync(true);
        Assert.False(hold.Lost.IsCancellationRequested);
        await AnswerAsync(false);
        await LostAsync(hold);
    }

    [Fact]
    public async Task One_failure_is_made_good()
    {
        await using var hold = NewHold();
        foreach (var answer in new bool?[] { null, true, null, true, null, true, null })
            await AnswerAsync(answer);
        Assert.False(hold.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task Nobody_goes_on_until_another_may_follow()
    {
        await using var hold = NewHold();
        await AnswerAsync(null);
        await AnswerAsync(null);
        Assert.False(hold.Lost.IsCancellationRequested);
        await AnswerAsync(null);
        await LostAsync(hold);
    }

    /// <summary>It must not wait for an answer that does not come.</summary>
    [Fact]
    public async Task A_database_that_hangs_holds_nothing()
    {
        var answer = new TaskCompletionSource<bool>();
        await using var hold = new UploadHold(_ => answer.Task, time, CancellationToken.None);
        for (var tick = 0; tick < 3; tick++)
            time.Move(Tick);
        await LostAsync(hold);
        answer.SetResult(true);
    }
}
