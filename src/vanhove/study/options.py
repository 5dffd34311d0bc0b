"""An observable's options, checked against its function before anything runs."""

from __future__ import annotations

import collections.abc
import inspect
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

from vanhove.base.errors import Refusal, nearest

from .followed import FOLLOW, QUANTITIES
from .mistakes import Mistake

if typing.TYPE_CHECKING:
    from vanhove.base.rooms import Entry

ARRHENIUS = "dynamics.arrhenius"
PHASES = "structure.phases"
CALCULATOR = "calculator"  # the option that says where forces come from; the study's potential when not given
OF = "of"  # the option of a study that says which of several observables another one is made from
NONE = "none"  # what a file writes for Python's None, since TOML has no word for it


def parameters_of(observable: str) -> dict[str, inspect.Parameter]:
    """The parameters of an observable's function."""
    from vanhove.registry import function

    return dict(inspect.signature(function(observable)).parameters)


def sources_of(observable: str) -> list[str]:
    """For an observable made from another one's dataset: the full names of those (``diffusion(msd)`` → dynamics.msd).

    The first is what is computed where there is only a trajectory.
    """
    from vanhove.registry import full_name

    return [full_name(name) for name in entry_of(observable).sources or [next(iter(parameters_of(observable)))]]


def others_of(observable: str) -> list[str]:
    """For an observable made from several datasets: the full names of those after the first, as its arguments are."""
    from vanhove.registry import full_name

    own = given_by_study(observable)
    return [
        full_name(name)
        for name, parameter in list(parameters_of(observable).items())[1:]
        if name in own and parameter.default is inspect.Parameter.empty and entry_of(observable).takes == "dataset"
    ]


def given_by_study(observable: str) -> set[str]:
    """The parameters that a study fills itself: the trajectory, another result, values of several runs."""
    from vanhove.registry import observables

    entry = observables()[observable]
    parameters = parameters_of(observable)
    if entry.takes == "values":  # the values, and what follows from which quantity they are
        positional = {name for name, parameter in parameters.items() if parameter.kind is not parameter.KEYWORD_ONLY}
        return positional | {"times_T", "kind", "units"}
    made_of = {  # sites(traj, species, sites) is not made of itself: it is the annotation that says
        name
        for name, parameter in parameters.items()
        if "Dataset" in str(parameter.annotation) and any(full.endswith(f".{name}") for full in observables())
    }
    return {next(iter(parameters)), *made_of}  # a conductivity is told the diffusion coefficients that are there


def check_observables(asked: Mapping[str, Mapping[str, Any]]) -> list[Mistake]:
    """What is wrong with the ``[observables]`` of a study."""
    from vanhove.registry import full_name

    found: list[Mistake] = []
    seen: dict[str, str] = {}
    for name, options in asked.items():
        key = f"observables.{name}"
        try:
            full = full_name(name)
        except Refusal as refused:
            found.append(Mistake(key, "there is no such observable", refused.do))
            continue
        if full in seen:
            found.append(Mistake(key, f"it is there already as '{seen[full]}'", "Remove one"))
        seen[full] = name
        found += _check(key, full, options)
    return found


def _check(key: str, observable: str, options: Mapping[str, Any]) -> list[Mistake]:
    if entry_of(observable).takes == "values" and observable != ARRHENIUS:
        return []  # no study computes it, whatever its options: that is said when the tasks are made
    parameters = parameters_of(observable)
    known = [name for name in parameters if name not in given_by_study(observable)]
    known += [FOLLOW] if observable == ARRHENIUS else []
    known += [OF] if has_choice_of_source(observable) else []
    found = [
        Mistake(key, f"'{observable.rpartition('.')[2]}' needs {name}", f"Write {name} = … into its braces")
        for name in known
        if name not in {"species", "charges", CALCULATOR, FOLLOW, OF, *options}
        and parameters[name].default is inspect.Parameter.empty
        and parameters[name].kind is not inspect.Parameter.VAR_KEYWORD
    ]
    for name, value in options.items():
        if name not in known:
            what = f"'{observable.rpartition('.')[2]}' has no such option"
            found.append(Mistake(f"{key}.{name}", what, nearest(name, known) if known else "It has none."))
            continue
        try:
            checked(observable, name, value)
        except ValueError as error:
            found.append(Mistake(f"{key}.{name}", str(error)))
    return found


def checked(observable: str, option: str, value: Any) -> Any:
    """``value`` as the option's annotation wants it (10 → 10.0, "none" → None); ValueError in plain words."""
    if option == "species":  # a study computes it for each species of a list
        if isinstance(value, str):
            return [value]
        if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            return value
        raise ValueError(f"{value!r} won't do, it must be a list of species")
    if option == FOLLOW:
        return _followed(value)
    if option == OF:
        return _source(observable, value)
    if option == "phase" and by_phase(observable):  # and for each phase of a list
        return None if value == NONE else [_typed(observable, option, one) for one in _listed(value)]
    return _typed(observable, option, value)


def by_phase(observable: str) -> bool:
    """Whether it takes the phase that ions are in at the origin."""
    return {"phase", "phases"} <= set(parameters_of(observable))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) and value else [value]


def _typed(observable: str, option: str, value: Any) -> Any:
    from pydantic import TypeAdapter, ValidationError

    hint = hint_of(observable, option)
    if value == NONE and type(None) in typing.get_args(hint):
        return None
    if hint is Any:
        return None if value == NONE else value
    try:
        return TypeAdapter(hint).validate_python(value, strict=True)
    except ValidationError as error:
        said = [
            detail["msg"].replace("Input should be", "must be").replace("a valid ", "a ") for detail in error.errors()
        ]
        raise ValueError(f"{value!r} won't do, it {' or '.join(dict.fromkeys(said))}")


def has_choice_of_source(observable: str) -> bool:
    """Whether an observable may be made from the datasets of several others."""
    return entry_of(observable).takes == "dataset" and len(sources_of(observable)) > 1


def _source(observable: str, value: Any) -> str:
    """The full name of the observable that another one is made from."""
    known = {full.rpartition(".")[2]: full for full in sources_of(observable)}
    found = known.get(value, value if value in known.values() else None)
    if found is None:
        raise ValueError(f"{value!r} won't do, it must be one of {', '.join(known)}")
    return str(found)


def _followed(value: Any) -> list[str] | None:
    """The quantities to follow; None for those that the study computes anyway."""
    from vanhove.registry import observables

    known = [name for name, quantity in QUANTITIES.items() if quantity.observable in observables()]
    if value == NONE:
        return None
    listed = [value] if isinstance(value, str) else value
    if isinstance(listed, list) and listed and all(name in known for name in listed):
        return list(dict.fromkeys(listed))
    raise ValueError(f"{value!r} won't do, it must be a list of {', '.join(known)}")


@cache
def hint_of(observable: str, option: str) -> Any:
    """The option's annotation as an object; Any where it names what only a type checker knows (arrays)."""
    from vanhove.registry import function

    called = function(observable)
    written = parameters_of(observable)[option].annotation
    if written is inspect.Parameter.empty:
        return Any
    names = {**vars(typing), **vars(collections.abc), **inspect.unwrap(called).__globals__}
    holder = type("Holder", (), {"__annotations__": {option: written}})
    try:
        return typing.get_type_hints(holder, globalns=names)[option]
    except NameError:
        return Any


def resolve(observable: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """All options of an observable: those given, and the function's defaults for the others."""
    own = given_by_study(observable)
    resolved = {
        name: parameter.default
        for name, parameter in parameters_of(observable).items()
        if name not in own and parameter.default is not inspect.Parameter.empty
    }
    if observable == ARRHENIUS:
        resolved[FOLLOW] = None
    if has_choice_of_source(observable):
        resolved[OF] = sources_of(observable)[0]
    return {**resolved, **{name: checked(observable, name, value) for name, value in given.items()}}


def entry_of(observable: str) -> Entry:
    """The observable's line in its room's table."""
    from vanhove.registry import observables

    return observables()[observable]
