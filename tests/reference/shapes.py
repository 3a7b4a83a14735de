"""JSON schemas in words: a type for a table's cell, and the fields of an object one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Field", "fields_of", "type_of"]

Schema = Mapping[str, Any]
_MOST_CHOICES = 12


@dataclass(frozen=True, slots=True)
class Field:
    """``name`` has the names above it before it, with dots; ``[]`` is one of a list."""

    name: str
    type: str
    is_required: bool
    default: str
    meaning: str


def type_of(schema: Schema) -> str:
    """Such as ``integer 0 … 200``, ``list of [DayOut](#dayout)``, ``text or null``."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in schema:
        return f'"{schema["const"]}"'
    if "enum" in schema:
        return _choices(schema["enum"])
    kinds = schema.get("anyOf") or schema.get("oneOf")
    if kinds:
        return " or ".join(dict.fromkeys(type_of(one) for one in kinds))
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    if schema.get("type") == "object":
        return _object(schema)
    return _plain(schema)


def fields_of(schema: Schema, *, above: str = "") -> Iterator[Field]:
    """An object's fields in their order, those of objects within it after it."""
    required = set(schema.get("required", ()))
    for name, one in schema.get("properties", {}).items():
        place = f"{above}{name}"
        default = one.get("default")
        yield Field(
            name=place,
            type=type_of(one),
            is_required=name in required,
            default="" if default is None or default == [] else str(default),
            meaning=one.get("description", ""),
        )
        inner = _inner(one)
        if inner is not None:
            mark = "[]" if one.get("type") == "array" else ""
            yield from fields_of(inner, above=f"{place}{mark}.")


def _inner(schema: Schema) -> Schema | None:
    """The object that a field is, or is a list of, where its fields stand right there."""
    candidates = [schema, schema.get("items", {}), *schema.get("anyOf", ())]
    return next((one for one in candidates if one.get("properties")), None)


def _choices(values: list[Any]) -> str:
    shown = [f'"{value}"' for value in values[:_MOST_CHOICES]]
    return " or ".join(shown) + (" or …" if len(values) > _MOST_CHOICES else "")


def _object(schema: Schema) -> str:
    values = schema.get("additionalProperties")
    if isinstance(values, Mapping) and values:
        return f"object of {type_of(values)}"
    return "object"


def _plain(schema: Schema) -> str:
    kind = {"string": "text", None: "any"}.get(schema.get("type"), schema.get("type"))
    parts = [str(schema.get("format", kind)) if kind == "text" else str(kind)]
    if "minimum" in schema or "maximum" in schema:
        parts.append(f"{schema.get('minimum', '')} … {schema.get('maximum', '')}".strip())
    if "maxLength" in schema:
        parts.append(f"of at most {schema['maxLength']} characters")
    if "pattern" in schema:
        parts.append(f"like `{schema['pattern']}`")
    return " ".join(parts)
