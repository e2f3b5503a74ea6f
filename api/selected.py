"""What a request selects below a field: for resolvers that have the choice of where to ask."""

from collections.abc import Iterable, Mapping

from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, InlineFragmentNode, SelectionNode

from api.context import Info


def selects(info: Info, name: str) -> bool:
    """Return whether any field of this name is selected below, however deep; @skip and @include are not looked at."""
    raw = info._raw_info
    return _among(raw.field_nodes, raw.fragments, name)


def _among(
    selected: Iterable[SelectionNode], fragments: Mapping[str, FragmentDefinitionNode], name: str
) -> bool:
    for one in selected:
        if isinstance(one, FieldNode):
            if one.name.value == name:
                return True
            inner = one.selection_set
        elif isinstance(one, FragmentSpreadNode):
            inner = fragments[one.name.value].selection_set
        else:
            assert isinstance(one, InlineFragmentNode)
            inner = one.selection_set
        if inner is not None and _among(inner.selections, fragments, name):
            return True
    return False
