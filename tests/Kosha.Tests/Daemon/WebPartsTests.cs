using System.IO.Pipelines;
using System.Text.Json;
using Kosha.Daemon.Logs;
using Kosha.Daemon.Web;
using Microsoft.AspNetCore.Http;
using Serilog;
using Xunit;

namespace Kosha.Tests.Daemon;

public sealed class WebPartsTests
{
    [Fact]
    public async Task A_body_that_stands_still_ends_with_408_and_a_slow_one_does_not()
    {
        var pipe = new Pipe();
        var limit = TimeSpan.FromMilliseconds(500);
        await using var body = new IdleBody(pipe.Reader.AsStream(), limit, TimeProvider.System);
        var buffer = new byte[10];
        for (var i = 0; i < 5; i++)
        {
            var read = body.ReadAsync(buffer);
            await pipe.Writer.WriteAsync(new byte[] { 1 });
            Assert.Equal(1, await read);
        }
        var stalled = await Assert.ThrowsAsync<BadHttpRequestException>(() => body.ReadAsync(buffer).AsTask());
        Assert.Equal(408, stalled.StatusCode);
    }

    [Fact]
    public async Task A_body_hears_its_callers_cancellation()
    {
        await using var body = new IdleBody(new Pipe().Reader.AsStream(), TimeSpan.FromMinutes(1), TimeProvider.System);
        using var cancel = new CancellationTokenSource();
        var read = body.ReadAsync(new byte[1], cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read.AsTask());
    }

    [Fact]
    public void Blocks_are_large_and_used_again()
    {
        var pool = new LargeBlocks().Create();
        Memory<byte> first;
        using (var owner = pool.Rent())
            first = owner.Memory;
        Assert.Equal(64 * 1024, first.Length);
        using var again = pool.Rent(10);
        Assert.True(first.Equals(again.Memory));
    }

    [Fact]
    public void Events_for_machines_are_one_line_of_JSON()
    {
        var output = new StringWriter();
        var sink = new Formatted(output, new ClefFormatter());
        using (var log = new LoggerConfiguration().WriteTo.Sink(sink).CreateLogger())
            log.Error(new InvalidOperationException("bad\nluck"), "Said {What} {Times}", "\"hi\"\n", 2);
        var line = Assert.Single(output.ToString().TrimEnd('\n').Split('\n'));
        var read = JsonDocument.Parse(line).RootElement;
        Assert.Equal("Error", read.GetProperty("@l").GetString());
        Assert.Equal("\"hi\"\n", read.GetProperty("What").GetString());
        Assert.Equal(2, read.GetProperty("Times").GetInt32());
        Assert.Contains("bad\nluck", read.GetProperty("@x").GetString());
        Assert.True(read.GetProperty("@t").TryGetDateTimeOffset(out _));
    }

    [Fact]
    public void An_event_for_people_is_one_line_whatever_a_client_puts_into_it()
    {
        var output = new StringWriter();
        using (var log = new LoggerConfiguration().WriteTo
            .Sink(new Formatted(output, new LineFormatter())).CreateLogger())
            log.Information("GET {Path}", "/a\n12:00:00 ERR forged\u001b[31m");
        var line = Assert.Single(output.ToString().TrimEnd('\n').Split('\n'));
        Assert.EndsWith("INF GET /a\\u000A12:00:00 ERR forged\\u001B[31m", line, StringComparison.Ordinal);
    }

    private sealed class Formatted(TextWriter output, Serilog.Formatting.ITextFormatter formatter)
        : Serilog.Core.ILogEventSink
    {
        public void Emit(Serilog.Events.LogEvent logEvent) => formatter.Format(logEvent, output);
    }
}
