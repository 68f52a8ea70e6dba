using System.ComponentModel;
using System.Globalization;
using Kosha.Storage.Upkeep;

namespace Kosha.Daemon.Api;

/// <summary><c>/api/admin/totals</c>: what all users together had, day by day.</summary>
internal sealed class TotalsEndpoints(DailyTotals totals, TimeProvider time)
{
    private const string DayFormat = "yyyy-MM-dd";

    /// <summary>Where nobody says from when.</summary>
    private const int UsualDays = 30;

    public static void Map(IEndpointRouteBuilder routes)
    {
        var self = routes.ServiceProvider.GetRequiredService<TotalsEndpoints>();
        routes.MapGet(ApiErrors.Path + "/admin/totals", self.ListAsync).WithTags("Administration: jobs")
            .For(ApiAccess.Admin).WithSummary("What all users together had, day by day, of at most five years")
            .Produces<DayTotalsList>().ProducesProblem(400).ProducesProblem(401).ProducesProblem(403)
            .ProducesProblem(429).ProducesProblem(503).WithAnswerExample(200, JobExamples.Days);
    }

    private async Task<IResult> ListAsync(
        HttpContext http,
        [Description("The first day, YYYY-MM-DD; thirty days before the last if it is left out.")] string? from = null,
        [Description("The last day, YYYY-MM-DD; today (UTC) if it is left out.")] string? to = null)
    {
        var last = Day(to, "to") ?? DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        var first = Day(from, "from") ?? DateOnly.FromDayNumber(Math.Max(0, last.DayNumber - UsualDays));
        if (last.DayNumber - first.DayNumber is < 0 or > DailyTotals.MaxDays)
            throw RequestValues.Invalid($"from comes before to, by at most {DailyTotals.MaxDays} days.");
        var found = await totals.ListAsync(first, last, http.RequestAborted);
        return Results.Ok(new DayTotalsList([.. found.Select(Describe)]));
    }

    private static DateOnly? Day(string? text, string name)
    {
        if (text is null)
            return null;
        return DateOnly.TryParseExact(text, DayFormat, CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
            ? day : throw RequestValues.Invalid($"{name} is a day such as 2026-11-20.");
    }

    private static DayTotalsAnswer Describe(DayTotals day) => new()
    {
        Day = day.Day.ToString(DayFormat, CultureInfo.InvariantCulture),
        Users = day.Totals.Users,
        Files = day.Totals.Files,
        Folders = day.Totals.Folders,
        Trash = day.Totals.Trash,
        TrashBytes = day.Totals.TrashBytes,
        Versions = day.Totals.Versions,
        VersionBytes = day.Totals.VersionBytes,
        LogicalBytes = day.Totals.LogicalBytes,
        ReservedBytes = day.Totals.ReservedBytes,
        Contents = day.Totals.Contents,
        StoredBytes = day.Totals.StoredBytes,
    };
}
