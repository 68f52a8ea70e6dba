using System.Text.Json.Nodes;
using Kosha.Daemon.Cli;
using Kosha.Tests.Infrastructure;
using Xunit;

namespace Kosha.Tests.Daemon;

/// <summary>Plans, and what an installation holds, by command.</summary>
public sealed class PlanCommandTests(SharedKosha kosha)
{
    [Theory]
    [InlineData("0", 0L)]
    [InlineData("500", 500L)]
    [InlineData("2k", 2048L)]
    [InlineData("20G", 21474836480L)]
    [InlineData("1T", 1099511627776L)]
    [InlineData("8388607T", 9223370937343148032L)]
    [InlineData("unlimited", null)]
    public void A_limit_is_a_number_with_a_unit_perhaps(string text, long? expected)
    {
        Assert.True(PlanCommands.TryRead(text, out var value));
        Assert.Equal(expected, value);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-1")]
    [InlineData("G")]
    [InlineData("1.5G")]
    [InlineData("10GiB")]
    [InlineData("8388608T")]
    [InlineData("9223372036854775808")]
    public void Nothing_else_is(string text) => Assert.False(PlanCommands.TryRead(text, out _));

    [Fact]
    public async Task A_plan_is_made_changed_given_and_removed()
    {
        var daemon = await kosha.Instance;
        var user = await daemon.NewUserAsync();
        var name = $"plan{user.Name}";
        (await daemon.CommandAsync("plan", "add", name, "--max-bytes", "1K", "--version-days", "0")).MustSucceed();
        Refused(await daemon.CommandAsync("plan", "add", name), $"There is a plan '{name}' already.");
        Assert.Equal([name, "0", "1024", "unlimited", "unlimited", "30", "0", "unlimited", "unlimited", "unlimited",
            "unlimited"], await RowAsync(name));

        using var drive = daemon.Drive(user);
        (await drive.PutAsync("large", new byte[2000])).Must(201);
        (await daemon.CommandAsync("user", "plan", user.Name, name)).MustSucceed();
        (await drive.PutAsync("more", new byte[1])).Must(507);
        (await daemon.CommandAsync("plan", "set", name, "--max-bytes", "unlimited", "--max-nodes", "2")).MustSucceed();
        (await drive.PutAsync("more", new byte[1])).Must(201);
        (await drive.PutAsync("most", new byte[1])).Must(507);
        Assert.Equal([name, "1", "unlimited", "2", "unlimited", "30", "0", "unlimited", "unlimited", "unlimited",
            "unlimited"], await RowAsync(name));

        Refused(await daemon.CommandAsync("plan", "delete", name), "There are users with this plan");
        Refused(await daemon.CommandAsync("plan", "delete", "default"), "New users get the plan 'default'");
        Refused(await daemon.CommandAsync("user", "plan", user.Name, "other"), "There is no plan 'other'.");
        Refused(await daemon.CommandAsync("user", "plan", "nobody", "default"), "There is no user 'nobody'.");
        Refused(await daemon.CommandAsync("plan", "set", "other", "--max-nodes", "1"), "There is no plan 'other'.");
        Refused(await daemon.CommandAsync("plan", "set", name, "--trash-days", "36501"), "a number from 0 to 36500");
        Refused(await daemon.CommandAsync("plan", "set", name, "--max-bytes", "1048577T"), "MaxBytes is a number");
        Refused(await daemon.CommandAsync("plan", "add", name + "2", "--max-nodes", "1T"), "from 0 to 1000000000");
        (await daemon.CommandAsync("user", "plan", user.Name, "default")).MustSucceed();
        (await daemon.CommandAsync("plan", "delete", name)).MustSucceed();
        Assert.Empty(await RowAsync(name));
    }

    private async Task<string[]> RowAsync(string name)
    {
        var list = (await (await kosha.Instance).CommandAsync("plan", "list")).MustSucceed();
        return list.Output.Split('\n').Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .FirstOrDefault(cells => cells.FirstOrDefault() == name) ?? [];
    }

    private static void Refused(ToolResult result, string why)
    {
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains(why, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stats_count_what_users_have_and_what_is_stored()
    {
        var daemon = await kosha.Instance;
        using var drive = await daemon.NewDriveAsync();
        var content = new byte[1000];
        (await drive.PutAsync("one", content)).Must(201);
        (await drive.PutAsync("one", "other")).Must(204);
        (await drive.PutAsync("two", content)).Must(201);
        (await drive.DeleteAsync("two")).Must(204);
        var found = JsonNode.Parse((await daemon.CommandAsync("stats", "--json")).MustSucceed().Output)!;
        long Of(string name) => (long)found[name]!;
        Assert.True(Of("users") >= 2 && Of("files") >= 2 && Of("versions") >= 1 && Of("trash") >= 1);
        Assert.InRange(Of("versionBytes"), 1000, Of("logicalBytes") - 1005);
        Assert.InRange(Of("storedBytes"), 1005, long.MaxValue);
        Assert.Equal((double)Of("logicalBytes") / Of("storedBytes"), (double)found["dedupRatio"]!, tolerance: 0.001);
        var text = (await daemon.CommandAsync("stats")).MustSucceed().Output;
        Assert.Contains("  bytes stored", text, StringComparison.Ordinal);
    }
}
