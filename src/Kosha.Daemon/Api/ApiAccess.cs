namespace Kosha.Daemon.Api;

/// <summary>Who may call an endpoint. Every endpoint of the API says so; one that does not serves nobody.</summary>
internal enum ApiAccess
{
    /// <summary>Also who is not signed in.</summary>
    Anyone,

    /// <summary>Whoever reaches the user's files, also by an app password.</summary>
    Files,

    /// <summary>The user's own password or a session; app passwords reach files alone.</summary>
    Account,

    /// <summary>The same, of an administrator.</summary>
    Admin,
}

/// <summary>What an endpoint says of its callers.</summary>
internal sealed record ApiAccessRule(ApiAccess Access);

/// <summary>The word by which an endpoint, or a group of them, says who may call it.</summary>
internal static class ApiAccessRules
{
    /// <summary>The word of an endpoint counts more than that of its group.</summary>
    public static TBuilder For<TBuilder>(this TBuilder builder, ApiAccess access)
        where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(new ApiAccessRule(access));
}
