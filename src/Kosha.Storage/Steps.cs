using System.Diagnostics;

namespace Kosha.Storage;

/// <summary>
/// Points that work passes, told to whoever listens to the <see cref="DiagnosticListener"/> "Kosha.Storage": a trace,
/// or a test that ends the process just there. Without a listener a point costs next to nothing.
/// </summary>
internal static class Steps
{
    public const string ListenerName = "Kosha.Storage";

    public const string Looked = "vault.looked";
    public const string Received = "vault.received";
    public const string Compared = "vault.compared";
    public const string Claimed = "vault.claimed";
    public const string Stored = "vault.stored";
    public const string Naming = "vault.naming";
    public const string Named = "vault.named";
    public const string UploadVerified = "upload.verified";
    public const string Renamed = "disk.renamed";
    public const string DeletionsRaised = "deletions.raised";
    public const string SweepCondemned = "sweep.condemned";
    public const string SweepRowRemoved = "sweep.row-removed";
    public const string SweepObjectDeleted = "sweep.object-deleted";
    public const string ReconcileDoomed = "reconcile.doomed";
    public const string PurgeStepped = "purge.stepped";

    private static readonly DiagnosticListener Listener = new(ListenerName);

    /// <param name="step">One of the constants.</param>
    /// <param name="subject">The key of the object concerned, if there is one.</param>
    public static void Reached(string step, string? subject = null)
    {
        if (Listener.IsEnabled(step))
            Listener.Write(step, subject);
    }
}
