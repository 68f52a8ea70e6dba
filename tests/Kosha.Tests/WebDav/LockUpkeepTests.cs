using System.IO.Pipelines;
using Kosha.Tests.Daemon;
using Kosha.Tests.Infrastructure;
using Kosha.Tests.Storage;
using Kosha.WebDav;
using Kosha.WebDav.Methods;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Kosha.Tests.WebDav;

/// <summary>An upload that lasts longer than the lock under which it goes.</summary>
public sealed class LockUpkeepTests(StorageFixture storage) : IClassFixture<StorageFixture>
{
    [Fact]
    public async Task A_lock_lives_as_long_as_its_upload()
    {
        var user = await storage.NewUserAsync();
        var token = await user.TokenAsync("slow");
        var gone = await user.TokenAsync("other");
        await storage.ExecuteAsync($"update locks set expires_at = now() - interval '1 s' where token = '{gone}'");
        var time = new ManualTime();
        await using (LockUpkeep.Start(storage.Locks, time, NullLogger.Instance, user.Caller, [token, gone]))
        {
            for (var round = 0; round < 3; round++)
            {
                await ShortenAsync(token);
                time.Move(LockUpkeep.Interval);
                await Eventually.TrueAsync("the lock has its term again", async () => await LeftAsync(token) > 3000);
            }
        }
        Assert.True(await LeftAsync(gone) < 0, "A lock that had ended lives again.");
        await ShortenAsync(token);
        time.Move(LockUpkeep.Interval);
        Assert.True(await LeftAsync(token) < 1000, "An upload that has ended keeps its lock.");
    }

    [Fact]
    public async Task Without_a_lock_there_is_nothing_to_keep()
    {
        var user = await storage.NewUserAsync();
        Assert.Null(LockUpkeep.Start(storage.Locks, new ManualTime(), NullLogger.Instance, user.Caller, []));
    }

    [Fact]
    public async Task A_PUT_keeps_its_lock_while_its_body_stalls()
    {
        var user = await storage.NewUserAsync();
        var token = await user.TokenAsync("slow");
        var time = new ManualTime();
        var body = new Pipe(new PipeOptions(pauseWriterThreshold: 1, resumeWriterThreshold: 1));
        var http = new DefaultHttpContext();
        http.Request.Method = "PUT";
        http.Request.Body = body.Reader.AsStream();
        http.Request.Headers["If"] = $"(<opaquelocktoken:{token}>)";
        http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget = "/dav/slow";
        var put = new Put(storage.Vault, storage.Locks, time, NullLogger.Instance)
            .AnswerAsync(DavRequest.Read(http, user.Caller, new WebDavOptions()));
        // Done when the server has taken it.
        await body.Writer.WriteAsync("first half, "u8.ToArray());
        await ShortenAsync(token);
        time.Move(LockUpkeep.Interval);
        await Eventually.TrueAsync("the lock has its term again", async () => await LeftAsync(token) > 3000);
        await body.Writer.WriteAsync("second half"u8.ToArray());
        await body.Writer.CompleteAsync();
        await put;
        Assert.Equal(204, http.Response.StatusCode);
        Assert.Equal("first half, second half", await user.ReadAsync("slow"));
    }

    [Fact]
    public async Task A_round_that_fails_is_logged_and_harms_no_upload()
    {
        var user = await storage.NewUserAsync();
        var token = await user.TokenAsync("slow");
        var time = new ManualTime();
        var log = new Warnings();
        await storage.ExecuteAsync("alter table locks rename to lost_locks");
        try
        {
            await using (LockUpkeep.Start(storage.Locks, time, log, user.Caller, [token]))
            {
                time.Move(LockUpkeep.Interval);
                await Eventually.TrueAsync("the failure is logged", () => log.Count > 0);
            }
        }
        finally
        {
            await storage.ExecuteAsync("alter table lost_locks rename to locks");
        }
    }

    [Fact]
    public async Task A_credential_that_no_longer_holds_keeps_no_lock()
    {
        var user = await storage.NewUserAsync();
        var token = await user.TokenAsync("slow");
        await ShortenAsync(token);
        await user.ChangeStampAsync();
        await storage.Locks.KeepAsync(user.Caller, [token], CancellationToken.None);
        Assert.True(await LeftAsync(token) < 1000, "A revoked credential has renewed a lock.");
    }

    private sealed class Warnings : ILogger
    {
        private int count;

        public int Count => Volatile.Read(ref count);

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) => Interlocked.Increment(ref count);
    }

    private Task<int> ShortenAsync(Guid token) => storage.ExecuteAsync(
        $"update locks set expires_at = now() + interval '16 minutes' where token = '{token}'");

    private Task<double> LeftAsync(Guid token) => storage.SqlAsync<double>(
        $"select extract(epoch from expires_at - now())::float8 from locks where token = '{token}'");
}
