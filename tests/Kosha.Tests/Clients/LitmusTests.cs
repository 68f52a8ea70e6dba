using System.Globalization;
using System.Text.RegularExpressions;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Clients;

/// <summary>litmus, the protocol suite of neon's author: all of its 104 tests, without a warning.</summary>
public sealed partial class LitmusTests(TestS3 s3)
{
    private static readonly (string Suite, int Tests)[] Suites =
        [("basic", 16), ("copymove", 13), ("props", 30), ("locks", 41), ("http", 4)];

    [GeneratedRegex(@"summary for `(?<suite>\w+)': of \d+ tests run: (?<passed>\d+) passed, 0 failed")]
    private static partial Regex Summary();

    [Theory]
    [InlineData(TestStore.Disk)]
    [InlineData(TestStore.InS3)]
    public async Task Every_test_passes_without_a_warning(string kind)
    {
        await using var kosha = await KoshaProcess.StartNewAsync((await s3.NewStoreAsync(kind)).Settings);
        using var drive = await kosha.NewDriveAsync();
        using var folder = new TestFolder();
        var user = drive.User;
        var result = await Tool.RunAsync(new ToolStart("litmus", "-k", drive.UrlOf(""), user.Name, user.Password)
        {
            Folder = folder.Path,
            Seconds = 300,
        });
        var found = Summary().Matches(result.Output)
            .Select(match => match.Groups)
            .Select(g => (g["suite"].Value, int.Parse(g["passed"].Value, CultureInfo.InvariantCulture)));
        Assert.True(Suites.SequenceEqual(found) && result.ExitCode == 0, result.All);
        Assert.DoesNotContain("WARNING", result.Output);
        (await kosha.CommandAsync("fsck")).MustSucceed();
    }
}
