using Dapper;

namespace Kosha.Storage;

/// <summary>Statements that travel with others, so that they cost no round trip of their own.</summary>
/// <param name="Sql">Ends with ';'.</param>
/// <param name="Parameters">Those that the others do not have.</param>
/// <param name="ReadAsync">Takes the answers from where the others' end. May run twice.</param>
internal sealed record Question(string Sql, object Parameters, Func<SqlMapper.GridReader, Task> ReadAsync)
{
    /// <summary>The parameters of both.</summary>
    public DynamicParameters With(object others)
    {
        var all = new DynamicParameters(others);
        all.AddDynamicParams(Parameters);
        return all;
    }
}
