using System.Diagnostics;
using System.Globalization;

namespace Kosha.Tests.Robustness.Model;

/// <summary>A request with its answer, and when both passed the client (ticks of <see cref="Stopwatch"/>).</summary>
public sealed record HistoryEvent(int Client, ModelOperation Operation, ModelAnswer Answer, long Start, long End)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"client {Client} {Start}..{End} {Operation} -> {Answer.Status} {Answer.Etag}{Answer.Token} ")
        + string.Join("; ", Answer.Entries);
}

/// <summary>
/// What several clients did at once. It is right if some order of the requests, one that keeps what was over before
/// something else began, explains every answer (Wing and Gong's search, with a memory of what was tried).
/// </summary>
public sealed class History(IReadOnlyList<IReadOnlyList<HistoryEvent>> clients)
{
    private readonly HashSet<string> tried = [];
    private readonly Dictionary<string, ModelTree> ends = [];

    /// <summary>Every state in which the drive can be afterwards; none: no order explains the answers.</summary>
    public IReadOnlyCollection<ModelTree> ExplainFrom(IEnumerable<ModelTree> states)
    {
        foreach (var state in states)
            Search(state, new int[clients.Count]);
        return ends.Values;
    }

    private void Search(ModelTree state, int[] done)
    {
        // What is charged shows in no answer here, and tells no two states apart.
        var key = $"{string.Join(',', done)}\n{state.Root}";
        if (!tried.Add(key))
            return;
        var next = clients.Select((events, i) => done[i] < events.Count ? events[done[i]] : null).ToList();
        if (next.TrueForAll(one => one is null))
        {
            ends[key] = state;
            return;
        }
        var firstEnd = next.Min(one => one?.End ?? long.MaxValue);
        for (var i = 0; i < next.Count; i++)
        {
            if (next[i] is not { } one || one.Start > firstEnd
                || state.Apply(one.Operation, one.Answer) is not { } after)
                continue;
            done[i]++;
            Search(after, done);
            done[i]--;
        }
    }

    public override string ToString() =>
        string.Join('\n', clients.SelectMany(events => events).OrderBy(one => one.Start));
}
