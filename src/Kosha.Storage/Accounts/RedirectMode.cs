namespace Kosha.Storage.Accounts;

/// <summary>Who is sent to the store for bytes that the drive could send itself.</summary>
public enum RedirectMode
{
    Off,

    /// <summary>Clients that are known to follow, and to leave their password behind.</summary>
    KnownClients,

    /// <summary>Also unknown ones; those known to break get bytes all the same.</summary>
    Always,
}

/// <summary>The modes as settings, commands and the database write them.</summary>
public static class RedirectModes
{
    public static readonly IReadOnlyList<(string Name, RedirectMode Value)> Names =
    [
        ("off", RedirectMode.Off), ("known-clients", RedirectMode.KnownClients), ("always", RedirectMode.Always),
    ];

    public static string ToName(this RedirectMode mode) => Names.First(known => known.Value == mode).Name;
}
