namespace Kosha.Daemon;

/// <summary>
/// Something that whoever runs Kosha can put right. The message says what, one line for each problem; the program
/// prints it without a stack trace and exits with 1.
/// </summary>
public sealed class OperatorException(string message, Exception? inner = null) : Exception(message, inner)
{
    public OperatorException(IReadOnlyCollection<string> problems) : this(string.Join('\n', problems))
    {
    }
}
