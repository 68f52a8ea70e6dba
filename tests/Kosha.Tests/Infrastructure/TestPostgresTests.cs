using Xunit;

namespace Kosha.Tests.Infrastructure;

public sealed class TestPostgresTests(SharedPostgres postgres)
{
    [Fact]
    public async Task A_database_has_the_schema_and_no_problem_but_speed()
    {
        await using var database = await postgres.NewDatabaseAsync();
        Assert.Empty(await database.MigrateAsync(CancellationToken.None));
        Assert.Single(await database.ProblemsAsync(CancellationToken.None));
    }
}
