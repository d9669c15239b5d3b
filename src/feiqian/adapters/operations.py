"""The JSON side of a server: its operations, its one error shape, and their OpenAPI 3.1 document."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec

from feiqian import __version__
from feiqian.adapters.http_errors import STATUS
from feiqian.outcomes import Outcome

JSON = "application/json"


class ErrorDocument(msgspec.Struct, frozen=True):
    """The one error shape in JSON."""

    outcome: Outcome
    detail: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One JSON operation for operators and integrators; needs the operator's token."""

    method: str
    path: str
    summary: str
    handle: Callable[..., Awaitable[msgspec.Struct]]
    answer: type[msgspec.Struct]
    body: type[msgspec.Struct] | None = None
    """None for GET; `handle` then gets None."""
    is_personal: bool = False
    """Whether `handle` gets the operator's name as well."""


def describe(name: str, operations: Sequence[Operation]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the JSON operations."""
    types = {operation.answer for operation in operations} | {ErrorDocument}
    types |= {operation.body for operation in operations if operation.body is not None}
    ordered = sorted(types, key=lambda cls: cls.__name__)
    schemas, components = msgspec.json.schema_components(
        ordered, ref_template="#/components/schemas/{name}"
    )
    reference = dict(zip(ordered, schemas, strict=True))
    paths: dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(
            operation, reference
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Feiqian: {name}", "version": __version__},
        "security": [{"operator": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"operator": {"type": "http", "scheme": "bearer"}},
        },
    }


def _described(operation: Operation, reference: dict[type, Any]) -> dict[str, Any]:
    def content(cls: type) -> dict[str, Any]:
        return {"content": {JSON: {"schema": reference[cls]}}}

    errors = {str(status): HTTPStatus(status).phrase for status in {400, 401, *STATUS.values()}}
    responses: dict[str, Any] = {
        "200": {"description": "Done, or done before", **content(operation.answer)}
    }
    for status, phrase in sorted(errors.items()):
        responses[status] = {"description": phrase, **content(ErrorDocument)}
    described = {
        "summary": operation.summary,
        "operationId": f"{operation.method.lower()}{operation.path.replace('/', '_')}",
        "responses": responses,
    }
    if operation.body is not None:
        described["requestBody"] = {"required": True, **content(operation.body)}
    return described
