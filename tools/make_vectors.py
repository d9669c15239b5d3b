"""Write `vectors/*.json`, the golden bytes that every implementation has to reproduce.

For each suite one file of samples (`p256.json`) and one of what has to be refused, and by which
name (`p256-refused.json`). Byte strings are written in CBOR diagnostic notation, ``h'00ff'``, where
values are shown; whole encodings are plain hex. Run as ``python -m tools.make_vectors``.
"""

import json
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path

import msgspec

from feiqian.crypto.suite_names import SUITE_NAMES, suite_named
from feiqian.crypto.suites import PrivateKey
from tools.samples import PlainSample, Samples, SignedSample
from tools.vector_refusals import make_refusals
from tools.vector_samples import make_samples

VECTORS = Path(__file__).parent.parent / "vectors"

Json = Mapping[str, "Json"] | Sequence["Json"] | str | int | bool | None


def vector_files() -> dict[str, str]:
    """The text of every vector file, by its name."""
    files = {}
    for name in SUITE_NAMES:
        samples = make_samples(suite_named(name))
        files[f"{name}.json"] = _text(_samples(samples))
        files[f"{name}-refused.json"] = _text(make_refusals(samples))
    return files


def _samples(samples: Samples) -> Json:
    return {
        "suite": samples.suite.name,
        "algorithm": samples.suite.algorithm,
        "keys": {name: _key(samples, key) for name, key in samples.keys.items()},
        "signed": [_signed(sample) for sample in samples.signed],
        "messages": [_plain(sample) for sample in samples.messages],
        "bodies": [_plain(sample) for sample in samples.bodies],
    }


def _key(samples: Samples, key: PrivateKey) -> Json:
    return {
        "secret": key.secret.hex(),
        "public": key.public.hex(),
        "fingerprint": samples.suite.fingerprint(key.public).hex(),
    }


def _signed(sample: SignedSample) -> Json:
    return {
        "name": sample.name,
        "structure": type(sample.value).__name__,
        "domain": sample.kind.domain.decode(),
        "signer": sample.signer,
        "value": readable(sample.value),
        "identifiers": {name: value.hex() for name, value in sample.identifiers.items()},
        "encoded": sample.raw.hex(),
    }


def _plain(sample: PlainSample) -> Json:
    return {
        "name": sample.name,
        "structure": type(sample.value).__name__,
        "value": readable(sample.value),
        "encoded": sample.encoded.hex(),
    }


def readable(value: object) -> Json:
    """A value with its fields by name, in the order in which they are encoded."""
    match value:
        case msgspec.Struct():
            fields = msgspec.structs.asdict(value)
            return {name: readable(item) for name, item in fields.items()}
        case tuple():
            return [readable(item) for item in value]
        case bytes():
            return f"h'{value.hex()}'"
        case Enum():
            return readable(value.value)
        case int() | str() | None:
            return value
        case _:
            raise TypeError(f"no structure holds a {type(value).__name__}")


def _text(document: Json) -> str:
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"


def main() -> None:
    """Write every file anew."""
    VECTORS.mkdir(exist_ok=True)
    for name, text in vector_files().items():
        (VECTORS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
