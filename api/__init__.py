"""The GraphQL API: queries, mutations, subscriptions. Never imports the engine or Faust."""
