"""GraphiQL, in development: Strawberry's page, told the development token. Its scripts come from unpkg.com."""

import json

from strawberry.http.ides import get_graphql_ide_html

EXAMPLE = """# Locks that somebody holds or waits for. Ctrl-Enter runs it; the token is under "Headers".
query Locks {
  locks(first: 20) {
    nodes { name mode holders { principal client token since } waiterCount }
    pageInfo { hasNextPage endCursor }
    asOf { positions time }
  }
}

# mutation Acquire {
#   acquireLock(session: "a-session-of-mine", name: "orders/42", terms: { ttlMs: 60000 }) {
#     ... on AcquiredLock { token expiresInMs position }
#     ... on Refusal { code message }
#   }
# }

# subscription Events { lockEvents(prefix: "orders/") { cursor __typename } }
"""


def page(token: str) -> bytes:
    """Return the page. What is put into it is found by a test, should Strawberry's page change."""
    html = get_graphql_ide_html("graphiql")
    bearer = {"Authorization": f"Bearer {token}"}
    for theirs, ours in (
        ("React.useState(parameters.headers)", f"React.useState({_js(json.dumps(bearer, indent=2))})"),
        ("const EXAMPLE_QUERY = `", f"const EXAMPLE_QUERY = {_js(EXAMPLE)};\n      const UNUSED_EXAMPLE = `"),
        ("const defaultHeaders = {}", f"const defaultHeaders = {_js(bearer)}"),
        (
            "        subscriptionUrl,\n      });",
            f"        subscriptionUrl,\n        wsConnectionParams: {_js(bearer)},\n      }});",
        ),
    ):
        assert html.count(theirs) == 1, f"Strawberry's GraphiQL page is another: it has no single {theirs!r}"
        html = html.replace(theirs, ours)
    return html.encode()


def _js(value: object) -> str:
    """Return `value` as a literal that ends no script."""
    return json.dumps(value).replace("<", "\\u003c")
