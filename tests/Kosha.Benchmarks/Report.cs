using System.Globalization;
using Kosha.Benchmarks.Peers;
using Kosha.Benchmarks.Workloads;

namespace Kosha.Benchmarks;

/// <summary>Collects measurements and prints medians, with Kosha's ratio to every other server.</summary>
public sealed class Report(IReadOnlyList<string> peers)
{
    private readonly Dictionary<(Workload Workload, string Peer), List<Measurement>> all = [];

    /// <summary>With which the others are compared.</summary>
    private readonly string? kosha = peers.FirstOrDefault(Peer.IsKosha);

    public void Add(Workload workload, string peer, Measurement measurement)
    {
        if (!all.TryGetValue((workload, peer), out var list))
            all[(workload, peer)] = list = [];
        list.Add(measurement);
    }

    public void Print(TextWriter output, int rounds)
    {
        output.WriteLine($"\n{rounds} rounds, one server after the other in each, on {Environment.ProcessorCount} "
            + "processors shared by server, client and Postgres. " + (peers.Any(Peer.InS3.Contains)
                ? "All keep their bytes in one S3 server on the same machine, whose processor time is not counted here."
                : "Only Kosha makes every write durable (fsync) before it answers; the others can lose what they have "
                    + "acknowledged."));
        var workloads = all.Keys.Select(key => key.Workload).Distinct().ToList();
        Print(output, workloads,
            "Medians: operations a second, MB/s, seconds, or ms a call. 'x' above 1: Kosha is ahead",
            (workload, peer) => Figure(workload, peer) is { } figure ? Text(figure) + Ratio(workload, peer) : "fails");
        Print(output, workloads, "Processor time, ms an operation (medians); '+': of Kosha's Postgres",
            (workload, peer) => Both(workload, peer, (m, usage) => usage.Seconds * 1000 / m.Operations, Median));
        Print(output, workloads, "99th percentile of the latency, ms (medians)",
            (workload, peer) => Text(Median(workload, peer, m => m.P99)));
        Print(output, workloads, "Memory after the workload, MB (highest); '+': of Kosha's Postgres",
            (workload, peer) => Both(workload, peer, (_, usage) => usage.Megabytes, Highest));
    }

    /// <summary>A figure of the server, and the same of its Postgres if it has one.</summary>
    private static string Both(
        Workload workload, string peer, Func<Measurement, Usage, double> value,
        Func<Workload, string, Func<Measurement, double>, double?> over)
    {
        var server = Text(over(workload, peer, m => value(m, m.Server)));
        return Peer.IsKosha(peer) ? $"{server} + {Text(over(workload, peer, m => value(m, m.Database)))}" : server;
    }

    private double? Highest(Workload workload, string peer, Func<Measurement, double> value)
    {
        var clean = Clean(workload, peer).ToList();
        return clean.Count == 0 ? null : clean.Max(value);
    }

    private void Print(
        TextWriter output, List<Workload> workloads, string title, Func<Workload, string, string> cell)
    {
        output.WriteLine($"\n{title}\n");
        output.WriteLine($"| workload | {string.Join(" | ", peers)} |");
        output.WriteLine($"| --- |{string.Concat(peers.Select(_ => " ---: |"))}");
        foreach (var workload in workloads)
        {
            var cells = peers.Select(peer => all.ContainsKey((workload, peer)) ? cell(workload, peer) : "-");
            output.WriteLine($"| {workload.Name} | {string.Join(" | ", cells)} |");
        }
    }

    private string Ratio(Workload workload, string peer)
    {
        if (kosha is null || peer == kosha || Figure(workload, kosha) is not { } own
            || Figure(workload, peer) is not { } other)
            return "";
        var ratio = workload.Unit is Unit.Seconds or Unit.MillisecondsEach ? other / own : own / other;
        return string.Create(CultureInfo.InvariantCulture, $" ({ratio:0.00}x)");
    }

    private IEnumerable<Measurement> Clean(Workload workload, string peer) =>
        all.GetValueOrDefault((workload, peer), []).Where(m => m.Failure is null);

    private double? Figure(Workload workload, string peer) => Median(workload, peer, workload.Figure);

    private double? Median(Workload workload, string peer, Func<Measurement, double> value)
    {
        var values = Clean(workload, peer).Select(value).Order().ToList();
        return values.Count == 0 ? null : (values[(values.Count - 1) / 2] + values[values.Count / 2]) / 2;
    }

    private static string Text(double? value) => value switch
    {
        null => "fails",
        >= 100 => value.Value.ToString("F0", CultureInfo.InvariantCulture),
        >= 10 => value.Value.ToString("F1", CultureInfo.InvariantCulture),
        _ => value.Value.ToString("F3", CultureInfo.InvariantCulture),
    };
}
