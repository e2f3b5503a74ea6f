"""What a request selects below a field: for resolvers that have the choice of where to ask."""

from collections.abc import Collection, Iterable, Mapping

from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, InlineFragmentNode, SelectionNode

from api.context import Info


def selects(info: Info, *names: str) -> bool:
    """Return whether any field of these names is selected below, however deep; @skip and @include are not looked at."""
    raw = info._raw_info
    return _among(raw.field_nodes, raw.fragments, names)


def _among(
    selected: Iterable[SelectionNode], fragments: Mapping[str, FragmentDefinitionNode], names: Collection[str]
) -> bool:
    for one in selected:
        if isinstance(one, FieldNode):
            if one.name.value in names:
                return True
            inner = one.selection_set
        elif isinstance(one, FragmentSpreadNode):
            inner = fragments[one.name.value].selection_set
        else:
            assert isinstance(one, InlineFragmentNode)
            inner = one.selection_set
        if inner is not None and _among(inner.selections, fragments, names):
            return True
    return False
