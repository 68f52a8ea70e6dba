using System.Text.Json.Nodes;
using Kosha.Daemon.Jobs;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Api;

/// <summary>Administrators see the jobs, and start, pause and resume them.</summary>
public sealed class JobApiTests(SharedKosha kosha) : AdminApiTest(kosha)
{
    private Task<ApiAnswer> PostAsync(string path) => Admin.SendAsync(HttpMethod.Post, $"admin/jobs/{path}");

    private async Task<JsonNode> JobAsync(string name) =>
        (await Admin.SendAsync(HttpMethod.Get, "admin/jobs")).Must(200).Nodes("jobs")
            .Single(job => (string)job["name"]! == name);

    [Fact]
    public async Task All_jobs_are_listed_with_their_schedules()
    {
        await Eventually.TrueAsync("all are scheduled", async () =>
            (await Admin.SendAsync(HttpMethod.Get, "admin/jobs")).Must(200).Nodes("jobs")
                .All(job => job["next"] is not null || job["paused"] is not null));
        var jobs = (await Admin.SendAsync(HttpMethod.Get, "admin/jobs")).Nodes("jobs");
        Assert.Equal(Job.All.Select(job => job.Name), jobs.Select(job => (string)job["name"]!));
        Assert.Equal(Job.All.Select(job => job.Cron), jobs.Select(job => (string)job["cron"]!));
    }

    [Fact]
    public async Task A_job_is_started_and_its_run_stands_in_the_history()
    {
        var started = (await PostAsync("totals/run")).Must(202);
        Assert.Equal("/api/admin/jobs/totals/runs", started.Headers.Location!.OriginalString);
        JsonNode? run = null;
        await Eventually.TrueAsync("it is done", async () =>
        {
            run = (await Admin.SendAsync(HttpMethod.Get, "admin/jobs/totals/runs")).Must(200).Nodes("runs")
                .Single(each => (long)each["id"]! == started.Id);
            return run["ended"] is not null;
        });
        Assert.Equal("done", (string)run!["outcome"]!);
        Assert.True((long)run["counts"]!["users"]! >= 2);
        Assert.Null(run["due"]);
        var days = (await Admin.SendAsync(HttpMethod.Get, "admin/totals")).Must(200).Nodes("days");
        Assert.True((long)days[^1]["users"]! >= 2 && (long)days[^1]["files"]! >= 0);
        Assert.Empty((await Admin.SendAsync(HttpMethod.Get, "admin/totals?from=2001-01-01&to=2001-02-01"))
            .Must(200).Nodes("days"));
    }

    [Fact]
    public async Task Runs_come_page_by_page()
    {
        for (var round = 0; round < 3; round++)
        {
            (await PostAsync("usage/run")).Must(202);
            await Eventually.TrueAsync(
                "it is done", async () => (await JobAsync("usage"))["last"]!["ended"] is not null);
        }
        var first = (await Admin.SendAsync(HttpMethod.Get, "admin/jobs/usage/runs?limit=2")).Must(200);
        Assert.Equal(2, first.Nodes("runs").Length);
        var rest = (await Admin.SendAsync(HttpMethod.Get, $"admin/jobs/usage/runs?cursor={first.Text("next")}"))
            .Must(200).Nodes("runs");
        Assert.True(rest.Length >= 1 && (long)rest[0]["id"]! < (long)first.Nodes("runs")[1]["id"]!);
        (await Admin.SendAsync(HttpMethod.Get, $"admin/jobs/purge/runs?cursor={first.Text("next")}"))
            .MustBe("invalid-value", 400);
    }

    [Fact]
    public async Task A_job_is_paused_and_resumed()
    {
        (await PostAsync("scrub/pause")).Must(204);
        (await PostAsync("scrub/pause")).Must(204);
        var paused = await JobAsync("scrub");
        Assert.Equal("admin", (string)paused["pausedBy"]!);
        Assert.NotNull(paused["paused"]);
        Assert.Null(paused["next"]);
        (await PostAsync("scrub/resume")).Must(204);
        Assert.Null((await JobAsync("scrub"))["paused"]);
    }

    [Theory]
    [InlineData("GET", "admin/jobs/none/runs", 404)]
    [InlineData("POST", "admin/jobs/none/run", 404)]
    [InlineData("POST", "admin/jobs/none/pause", 404)]
    [InlineData("POST", "admin/jobs/none/resume", 404)]
    [InlineData("GET", "admin/jobs/purge/runs?limit=201", 400)]
    [InlineData("GET", "admin/jobs/purge/runs?cursor=x", 400)]
    [InlineData("GET", "admin/totals?from=yesterday", 400)]
    [InlineData("GET", "admin/totals?from=2026-02-01&to=2026-01-01", 400)]
    [InlineData("GET", "admin/totals?from=1999-01-01&to=2026-01-01", 400)]
    public async Task What_is_not_there_or_cannot_be_is_refused(string method, string path, int status) =>
        (await Admin.SendAsync(new HttpMethod(method), path)).MustBe(
            status == 404 ? "not-found" : "invalid-value", status);
}
