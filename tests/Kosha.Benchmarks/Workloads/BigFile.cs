using Kosha.Benchmarks.Http;

namespace Kosha.Benchmarks.Workloads;

/// <summary>One big file: written, read whole, read in ranges of 1 MiB.</summary>
internal static class BigFile
{
    private const int RangeBytes = 1 << 20;
    private const int SampleBytes = 64;

    public static IReadOnlyList<Workload> Workloads { get; } =
    [
        new("big", "PUT of a big file", Unit.MegabytesPerSecond, Put)
        {
            Prepare = round => Requests.MakeFolders(round.Target, round.Folder),
        },
        new("big", "GET of a big file", Unit.MegabytesPerSecond, Get),
        new("big", "GET of 1 MiB ranges, 1 connection", Unit.MegabytesPerSecond, round => GetRanges(round, 1)),
        new("big", "GET of 1 MiB ranges, 8 connections", Unit.MegabytesPerSecond, round => GetRanges(round, 8)),
    ];

    private static string FileOf(Round round) => round.PathOf("big.bin");

    internal static Measurement Put(Round round) => Load.Once(round.Target, round.BigBytes, connection =>
    {
        var exchange = new Exchange(Source: round.Contents.FillBig, SourceLength: round.BigBytes);
        if (connection.Send("PUT", FileOf(round), exchange) is var status and not (200 or 201 or 204))
            throw new InvalidDataException($"PUT: {status}");
    });

    internal static Measurement Get(Round round) => Load.Once(round.Target, round.BigBytes, connection =>
    {
        var isRight = true;
        var sample = new byte[SampleBytes];
        var status = connection.Send("GET", FileOf(round), new(Sink: (bytes, offset) =>
            isRight &= SampleIsRight(round, bytes, offset, sample)));
        if (status != 200 || connection.BodyLength != round.BigBytes || !isRight)
            throw new InvalidDataException($"GET: {status}, {connection.BodyLength} bytes, right: {isRight}");
    });

    // To compare every byte would cost the client more than the server.
    private static bool SampleIsRight(Round round, ReadOnlySpan<byte> bytes, long offset, byte[] sample)
    {
        var start = (int)(((offset + 7) & ~7L) - offset);
        if (start + SampleBytes > bytes.Length)
            return true;
        round.Contents.FillBig(sample, offset + start);
        return bytes.Slice(start, SampleBytes).SequenceEqual(sample);
    }

    private static Measurement GetRanges(Round round, int connections)
    {
        var seeds = Random.Shared.Next();
        return Load.Run(round.Target, connections, null, round.Limit, (worker, number) =>
        {
            var offset = new Random(seeds + number).NextInt64((round.BigBytes - RangeBytes) / 8) * 8;
            var sample = new byte[SampleBytes];
            var isRight = true;
            var exchange = new Exchange(
                $"Range: bytes={offset}-{offset + RangeBytes - 1}\r\n",
                Sink: (bytes, at) => isRight &= SampleIsRight(round, bytes, offset + at, sample));
            var status = worker.Connection.Send("GET", FileOf(round), exchange);
            return status == 206 && isRight && worker.Connection.BodyLength == RangeBytes;
        }, RangeBytes);
    }
}
