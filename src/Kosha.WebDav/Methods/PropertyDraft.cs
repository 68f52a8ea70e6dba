using System.Collections.Frozen;
using System.Globalization;
using Kosha.Storage.Tree;
using Kosha.WebDav.Xml;
using Microsoft.AspNetCore.Http;

namespace Kosha.WebDav.Methods;

/// <summary>Collects what a PROPPATCH wants, in its order; the last word on a property counts.</summary>
internal sealed class PropertyDraft
{
    private enum Meaning
    {
        /// <summary>Kept as it is.</summary>
        Dead,

        ModifiedAt,
        CreatedAt,

        /// <summary>Accepted without effect, because a refusal would also lose what stands beside it.</summary>
        Ignored,

        Protected,
    }

    private static readonly FrozenDictionary<PropertyName, Meaning> Meanings = MeaningTable();

    private readonly Dictionary<string, string?> dead = [];
    private DateTime? modifiedAt;
    private DateTime? createdAt;

    /// <summary>Takes one instruction in.</summary>
    /// <returns>200, 403 for a protected property, 409 for a value that the property cannot have.</returns>
    public int Take(PropertyInstruction instruction)
    {
        switch (MeaningOf(instruction.Name))
        {
            case Meaning.Protected:
                return StatusCodes.Status403Forbidden;
            case Meaning.ModifiedAt:
                return TakeTime(instruction, ref modifiedAt);
            case Meaning.CreatedAt:
                return TakeTime(instruction, ref createdAt);
            case Meaning.Dead:
                dead[instruction.Name.Key] = instruction.Xml;
                break;
        }
        return StatusCodes.Status200OK;
    }

    /// <summary>Whether an instruction needs room on the node.</summary>
    public bool Stores(PropertyInstruction instruction) =>
        instruction.Xml is not null && dead.ContainsKey(instruction.Name.Key);

    public PropertyChanges Changes() => new([.. dead], modifiedAt, createdAt);

    private static Meaning MeaningOf(PropertyName name) => Meanings.GetValueOrDefault(name, Meaning.Dead);

    /// <summary>Removing a time is accepted; a node always has one.</summary>
    private static int TakeTime(PropertyInstruction instruction, ref DateTime? time)
    {
        if (instruction.Xml is null)
            return StatusCodes.Status200OK;
        if (ReadTime(instruction.Text.Trim()) is not { } value)
            return StatusCodes.Status409Conflict;
        time = value;
        return StatusCodes.Status200OK;
    }

    /// <summary>Seconds since 1970 (rclone), an HTTP date (Explorer, Cyberduck) or ISO 8601.</summary>
    private static DateTime? ReadTime(string text)
    {
        if (DavHeaders.ReadUnixTime(text) is { } unix)
            return unix;
        if (DavHeaders.ReadDate(text) is { } date)
            return date;
        const DateTimeStyles style = DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal;
        var isDate = DateTime.TryParse(text, CultureInfo.InvariantCulture, style, out var iso);
        return isDate && iso.Year > 1600 ? iso : null;
    }

    private static FrozenDictionary<PropertyName, Meaning> MeaningTable()
    {
        var table = LiveProperties.Table.ToDictionary(live => live.Name, _ => Meaning.Protected);
        table[PropertyName.Dav("displayname")] = Meaning.Dead;
        table[PropertyName.Dav("lastmodified")] = Meaning.ModifiedAt;
        table[PropertyName.Dav("getlastmodified")] = Meaning.ModifiedAt;
        table[PropertyName.Windows("Win32LastModifiedTime")] = Meaning.ModifiedAt;
        table[PropertyName.Dav("creationdate")] = Meaning.CreatedAt;
        table[PropertyName.Windows("Win32CreationTime")] = Meaning.CreatedAt;
        // rclone sends the digests along with the time.
        table[PropertyName.OwnCloud("checksums")] = Meaning.Ignored;
        return table.ToFrozenDictionary();
    }
}
