"""What a GraphQL query costs at GitHub, and what it may not ask for.

See https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api.
"""

from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)

MOST_NODES = 500_000
LARGEST_PAGE = 100
# Lists of which nobody gets all at once; the contexts of a rollup are one too, those of a status are not.
CONNECTIONS = {"pullRequests", "labels", "reviews", "latestReviews", "latestOpinionatedReviews", "reviewRequests"}
CONNECTIONS |= {"commits", "assignees", "comments", "files", "history", "reactions"}

TOO_MANY_NODES = "This query requests up to {:,} possible nodes which exceeds the maximum limit of {:,}."
NO_SCOPE = (
    "Your token has not been granted the required scopes to execute this query. "
    "The '{}' field requires one of the following scopes: ['read:org']."
)
NO_SIZE = "You must provide a `first` or `last` value to properly paginate the `{}` connection."
TOO_LARGE = "Requesting {} records on the `{}` connection exceeds the limit of {} records."


class Price:
    """What a query costs before it is worked off, by the limits that it names itself.

    Arguments:
        variables: what came with it.
        sees_teams: the token may ask for teams.
    """

    def __init__(self, document: DocumentNode, variables: dict[str, Any], *, sees_teams: bool) -> None:
        self.nodes = 0  # that it may bring at most
        self.errors: list[GraphQLError] = []  # why it is not worked off at all
        self._requests = 0
        self._variables = variables
        self._sees_teams = sees_teams
        known = [each for each in document.definitions if isinstance(each, FragmentDefinitionNode)]
        self._fragments = {fragment.name.value: fragment for fragment in known}
        for definition in document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                self._add(definition.selection_set, 1, "", "")
        if self.nodes > MOST_NODES:
            self._refuse("MAX_NODE_LIMIT_EXCEEDED", TOO_MANY_NODES.format(self.nodes, MOST_NODES))

    @property
    def points(self) -> int:
        """A hundred requests inside GitHub are a point; no query costs less than one."""
        return max(1, round(self._requests / 100))

    def _add(self, selections: SelectionSetNode | None, times: int, parent: str, kind: str) -> None:
        """Count what is selected of a field.

        Arguments:
            times: how often at most it is fetched.
            kind: the type that a fragment has narrowed it to; empty without one.
        """
        for selection in selections.selections if selections else ():
            if isinstance(selection, FieldNode):
                self._add_field(selection, times, parent, kind)
            elif isinstance(selection, InlineFragmentNode):
                narrowed = selection.type_condition.name.value if selection.type_condition else kind
                self._add(selection.selection_set, times, parent, narrowed)
            elif isinstance(selection, FragmentSpreadNode):
                fragment = self._fragments[selection.name.value]
                self._add(fragment.selection_set, times, parent, fragment.type_condition.name.value)

    def _add_field(self, field: FieldNode, times: int, parent: str, kind: str) -> None:
        name = field.name.value
        if kind == "Team" and not self._sees_teams and name != "__typename":
            self._refuse("INSUFFICIENT_SCOPES", NO_SCOPE.format(name), field)
        if name not in CONNECTIONS and (parent, name) != ("statusCheckRollup", "contexts"):
            self._add(field.selection_set, times, name, "")
            return
        given = {argument.name.value: argument.value for argument in field.arguments or ()}
        size = self._number(given.get("first", given.get("last")))
        if size is None and _is_count(field):
            self._requests += times
        elif size is None:
            self._refuse("MISSING_PAGINATION_BOUNDARIES", NO_SIZE.format(name), field)
        elif not 0 <= size <= LARGEST_PAGE:
            self._refuse("EXCESSIVE_PAGINATION", TOO_LARGE.format(size, name, LARGEST_PAGE), field)
        else:
            self._requests += times
            self.nodes += times * size
            self._add(field.selection_set, times * size, name, "")

    def _number(self, value: object) -> int | None:
        if isinstance(value, VariableNode):
            given = self._variables.get(value.name.value)
            return given if isinstance(given, int) else None
        return int(value.value) if isinstance(value, IntValueNode) else None

    def _refuse(self, kind: str, words: str, field: FieldNode | None = None) -> None:
        self.errors.append(GraphQLError(words, nodes=field, extensions={"type": kind}))


def _is_count(field: FieldNode) -> bool:
    """Tell whether nothing of a list is asked for but how long it is, which needs no size."""
    chosen = field.selection_set.selections if field.selection_set else ()
    return all(isinstance(each, FieldNode) and each.name.value == "totalCount" for each in chosen)
