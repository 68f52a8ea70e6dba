using Npgsql;

namespace Kosha.Tests.Infrastructure;

/// <summary>Statements of a test's own on a connection of its own.</summary>
public static class Sql
{
    /// <returns>The first column of the first row; null if there is none.</returns>
    public static async Task<object?> ExecuteAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString + ";Pooling=false;Application Name=tests");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // The tests write their statements themselves.
        command.CommandText = sql;
#pragma warning restore CA2100
        return await command.ExecuteScalarAsync();
    }
}
