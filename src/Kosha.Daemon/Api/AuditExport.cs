using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Kosha.Storage.Audit;

namespace Kosha.Daemon.Api;

/// <summary>The forms in which the audit log leaves.</summary>
internal enum AuditFormat
{
    /// <summary>One JSON object a line.</summary>
    Ndjson,

    /// <summary>For spreadsheets, with a line of titles.</summary>
    Csv,
}

/// <summary>
/// Writes the audit log, the newest first, a page of entries after the other: nothing of the database is held while
/// the reader takes its time.
/// </summary>
internal static class AuditExport
{
    private const int EntriesPerPage = 500;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    private static readonly (string Title, Func<AuditAnswer, string?> Read)[] Columns =
    [
        ("id", row => Number(row.Id)),
        ("at", row => row.At.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture)),
        ("action", row => row.Action),
        ("outcome", row => row.Refused ? "refused" : "done"),
        ("times", row => Number(row.Times)),
        ("userId", row => Number(row.UserId)),
        ("username", row => row.Username),
        ("concernedId", row => Number(row.ConcernedId)),
        ("credential", row => row.Credential),
        ("credentialId", row => Number(row.CredentialId)),
        ("address", row => row.Address),
        ("nodeId", row => Number(row.NodeId)),
        ("subject", row => row.Subject),
        ("detail", row => row.Detail),
    ];

    public static async Task WriteAsync(
        AuditTable table, AuditFilter filter, AuditFormat format, Stream output, CancellationToken ct)
    {
        if (format == AuditFormat.Csv)
            await output.WriteAsync(LineOf(Columns.Select(column => column.Title)), ct);
        AuditPosition? after = null;
        IReadOnlyList<AuditRow> page;
        do
        {
            page = await table.PageAsync(filter, after, EntriesPerPage, ct);
            var lines = new ArrayBufferWriter<byte>();
            foreach (var row in page.Select(AuditAnswer.Of))
                lines.Write(format == AuditFormat.Csv ? LineOf(Columns.Select(c => c.Read(row))) : LineOf(row));
            await output.WriteAsync(lines.WrittenMemory, ct);
            after = page.Count == 0 ? after : new(page[^1].At, page[^1].Id);
        }
        while (page.Count == EntriesPerPage);
    }

    private static byte[] LineOf(AuditAnswer row) => [.. JsonSerializer.SerializeToUtf8Bytes(row, Json), (byte)'\n'];

    private static byte[] LineOf(IEnumerable<string?> cells) =>
        Encoding.UTF8.GetBytes(string.Join(',', cells.Select(Cell)) + "\r\n");

    /// <summary>In quotes (RFC 4180), and never a formula to whoever opens it in a spreadsheet.</summary>
    private static string Cell(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return "";
        var harmless = text[0] is '=' or '+' or '-' or '@' or '\t' or '\r' ? "'" + text : text;
        return harmless.AsSpan().IndexOfAny(",\"'\r\n") < 0
            ? harmless
            : $"\"{harmless.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }

    private static string? Number(long? value) => value?.ToString(CultureInfo.InvariantCulture);
}
