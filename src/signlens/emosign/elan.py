"""Reading and writing ELAN files (.eaf, .etf); what is EmoSign's in them: `signlens.emosign.elan_labels`.

Files are made and read through pympi. Into a file that exists, only the tiers that are asked for are
written: every other element of it stays as it is, because pympi alone would drop parts of a file that
ELAN wrote (links to vocabulary entries, reference links). Times are whole milliseconds, as in ELAN.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signlens.datasets.tables import parse_integer
from signlens.emosign.elan_tiers import FREE_TEXT, TYPE_OF_TIER, VOCABULARIES
from signlens.errors import InputRejected, UsageError
from signlens.files import whole_file
from signlens.optional import require_extra

MAX_BYTES = 64 * 2**20

# The order that ELAN's schema asks for.
_ORDER = (
    "LICENSE",
    "HEADER",
    "TIME_ORDER",
    "TIER",
    "LINGUISTIC_TYPE",
    "LOCALE",
    "LANGUAGE",
    "CONSTRAINT",
    "CONTROLLED_VOCABULARY",
    "LEXICON_REF",
    "REF_LINK_SET",
    "EXTERNAL_REF",
)
_MIME = {".mp4": "video/mp4", ".mpg": "video/mpeg", ".mpeg": "video/mpeg", ".mov": "video/quicktime"}
_LANGUAGE = ("eng", "http://cdb.iso.org/lg/CDB-00138502-001", "English (eng)")


@dataclass(frozen=True, order=True)
class Annotation:
    """One annotation of a tier.

    Attributes:
        start_ms: Where it begins, in milliseconds from the begin of the video.
        end_ms: Where it ends.
        value: Its text.
    """

    start_ms: int
    end_ms: int
    value: str


@dataclass(frozen=True)
class ElanFile:
    """What an ELAN file holds.

    Attributes:
        tiers: Name of each tier, in the file's order, to its annotations in order of time. An
            annotation that refers to another has that one's time; several that subdivide one share it
            evenly, as do those whose border in time was left open.
        media: Addresses of the recordings as they are written there.
    """

    tiers: Mapping[str, tuple[Annotation, ...]]
    media: tuple[str, ...]


def _pympi() -> Any:
    try:
        from pympi import Elan
    except ImportError as error:
        raise require_extra("elan", error.name or "pympi") from None
    return Elan


def _bytes_of(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputRejected(path, f"is larger than {MAX_BYTES // 2**20} MiB", "is this an ELAN file?")
        content = path.read_bytes()
    except OSError as error:
        raise InputRejected(path, f"cannot be read ({error.strerror})", "check the name") from None
    if b"\0" in content or b"<!DOCTYPE" in content:
        raise InputRejected(path, "is not XML as ELAN writes it", "save it in ELAN again")
    return content


def _root_of(path: Path) -> ET.Element:
    try:
        parser = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))
        root = ET.fromstring(_bytes_of(path), parser)
    except ET.ParseError as error:
        raise InputRejected(path, f"is not whole XML ({error})", "open and save it in ELAN") from None
    if root.tag != "ANNOTATION_DOCUMENT":
        raise InputRejected(path, f"is not an ELAN file: its root is {root.tag}", "give an .eaf or .etf file")
    return root


def read_elan(path: Path) -> ElanFile:
    """Read an .eaf or .etf file.

    Raises:
        InputRejected: It is no ELAN file, or its annotations do not hold together.
        PartMissing: pympi is not installed.
    """
    elan = _pympi()
    _root_of(path)
    try:
        document = elan.Eaf(str(path), suppress_version_warning=True)
        tiers = {name: _resolved(document, name) for name in document.tiers}
        media = tuple(str(m["MEDIA_URL"]) for m in document.media_descriptors)
    except (KeyError, IndexError, ValueError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputRejected(
            path, f"its annotations do not hold together ({reason})", "open and save it in ELAN"
        ) from None
    return ElanFile(tiers, media)


def _resolved(document: Any, name: str) -> tuple[Annotation, ...]:
    spans = _spans(document, name, ())
    aligned, referring = document.tiers[name][:2]
    values = {key: a[2] for key, a in aligned.items()} | {key: a[1] for key, a in referring.items()}
    return tuple(sorted(Annotation(*spans[key], value) for key, value in values.items()))


def _spans(document: Any, name: str, seen: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    """Begin and end of every annotation of a tier, by its id."""
    if name in seen:
        raise ValueError(f"tier {name} refers to itself")
    aligned, referring = document.tiers[name][:2]
    times = _slot_times(document, aligned)
    spans = {key: (times[a[0]], times[a[1]]) for key, a in aligned.items()}
    children: dict[str, list[str]] = {}
    for key, (parent, _, previous, _) in referring.items():
        siblings = children.setdefault(parent, [])
        siblings.insert(siblings.index(previous) + 1 if previous in siblings else len(siblings), key)
    for parent, siblings in children.items():
        begin, end = _spans(document, document.annotations[parent], (*seen, name))[parent]
        step = (end - begin) / len(siblings)
        for i, key in enumerate(siblings):
            spans[key] = (round(begin + i * step), round(begin + (i + 1) * step))
    return spans


def _slot_times(document: Any, aligned: Mapping[str, Any]) -> dict[str, int]:
    """The time of every slot of a tier; those left open are spread evenly between their neighbours."""
    after = {a[0]: a[1] for a in aligned.values()}
    known = {slot: document.timeslots[slot] for a in aligned.values() for slot in a[:2]}
    for begin, time in list(known.items()):
        if time is None:
            continue
        chain = [begin]
        while (following := after.get(chain[-1])) is not None and following not in chain:
            chain.append(following)
            if known[following] is not None:
                break
        last = known[chain[-1]]
        if last is not None and len(chain) > 2:
            for i, slot in enumerate(chain[1:-1], start=1):
                known[slot] = round(time + i * (last - time) / (len(chain) - 1))
    return {slot: int(time) for slot, time in known.items() if time is not None}


def write_elan(
    path: Path,
    tiers: Mapping[str, Sequence[Annotation]],
    *,
    into: Path | None = None,
    video: Path | None = None,
    author: str = "SignLens",
) -> None:
    """Write tiers into a new ELAN file, or into one that exists.

    Args:
        path: The file to write.
        tiers: Name of each tier to its annotations, which must not overlap. Tiers of
            `signlens.emosign.elan_tiers` get their
            vocabularies.
        into: A file whose other elements are all kept as they are; a tier that it has as well keeps
            its attributes and gets these annotations. It may be `path` itself.
        video: A recording to link, in a new file.
        author: Who is named as the author of a new file.

    Raises:
        UsageError: Annotations overlap, end before they begin, or are not in whole milliseconds.
        InputRejected: `into` is no ELAN file, or one of its tiers has dependent tiers and would change.
        PartMissing: pympi is not installed.
    """
    elan = _pympi()
    root = None if into is None else _root_of(into)
    if into is not None and root is not None:
        held = read_elan(into).tiers
        tiers = {n: a for n, a in tiers.items() if n not in held or held[n] != tuple(sorted(a))}
        _refuse_dependent(root, tiers, into)
    own = elan.Eaf(author=author)
    own.tiers.clear()
    own.linguistic_types.clear()
    if root is not None:
        own.maxaid, own.maxts = _last_number(root, "ANNOTATION_ID"), _last_number(root, "TIME_SLOT_ID")
    own.header = {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"}
    for name, given in tiers.items():
        _add_tier(own, name, _checked(name, given))
    if video is not None:
        mime = _MIME.get(video.suffix.casefold(), "video/*")
        own.add_linked_file(video.resolve().as_uri(), f"./{video.name}", mime)
    own.properties = [("lastUsedAnnotationId", own.maxaid)]
    made = elan.to_adocument(own, pretty=False)
    if root is None:
        root = made
        ET.indent(root, "    ")
    elif tiers:
        _merge(root, made)
    with whole_file(path) as temporary:
        ET.ElementTree(root).write(temporary, encoding="UTF-8", xml_declaration=True)


def _checked(name: str, given: Iterable[Annotation]) -> list[Annotation]:
    ordered = sorted(given)
    last = 0
    for one in ordered:
        if not isinstance(one.start_ms, int) or not isinstance(one.end_ms, int):
            raise UsageError(name, f"{one.start_ms}-{one.end_ms} are not whole milliseconds", "round them")
        if not last <= one.start_ms < one.end_ms:
            raise UsageError(
                name,
                f"{one.start_ms}-{one.end_ms} ms is empty, negative, or overlaps the one before it",
                "annotations of a tier follow one another",
            )
        last = one.end_ms
    return ordered


def _add_tier(document: Any, name: str, given: Sequence[Annotation]) -> None:
    kind = TYPE_OF_TIER.get(name, FREE_TEXT)
    if kind not in document.linguistic_types:
        parameters = {
            "LINGUISTIC_TYPE_ID": kind,
            "TIME_ALIGNABLE": "true",
            "GRAPHIC_REFERENCES": "false",
        }
        if kind in VOCABULARIES:
            parameters["CONTROLLED_VOCABULARY_REF"] = kind
            document.add_language(*_LANGUAGE)
            document.add_controlled_vocabulary(kind)
            document.add_cv_description(kind, _LANGUAGE[0])
            for value, words in VOCABULARIES[kind]:
                entry = f"{kind.replace(' ', '_')}_{value}".replace("/", "_").replace(" ", "_")
                document.add_cv_entry(kind, entry, [(value, _LANGUAGE[0], words or None)])
        document.add_linguistic_type(kind, param_dict=parameters)
    document.add_tier(name, kind)
    for one in given:
        document.add_annotation(name, one.start_ms, one.end_ms, one.value)


def _last_number(root: ET.Element, attribute: str) -> int:
    """The greatest number in ids of this kind, so that new ones do not meet them."""
    numbers = [0]
    for element in root.iter():
        digits = "".join(filter(str.isdigit, element.get(attribute, "")))
        numbers.append(int(digits or 0))
    if attribute == "ANNOTATION_ID":
        # ELAN remembers the last number that it gave, also when that annotation is gone.
        for element in root.findall("./HEADER/PROPERTY[@NAME='lastUsedAnnotationId']"):
            numbers.append(parse_integer(element.text or "") or 0)
    return max(numbers)


def _refuse_dependent(root: ET.Element, tiers: Iterable[str], path: Path) -> None:
    for name in tiers:
        for tier in root.findall("TIER"):
            if tier.get("PARENT_REF") == name or (tier.get("TIER_ID") == name and tier.get("PARENT_REF")):
                raise InputRejected(
                    path,
                    f"its tier {name} depends on another or has dependent tiers, so it is not replaced",
                    "rename it in ELAN",
                )


def _merge(root: ET.Element, made: ET.Element) -> None:
    """Put the made tiers, and what they need, into the root."""
    ET.indent(made, "    ")
    for tier in made.findall("TIER"):
        own = next((t for t in root.findall("TIER") if t.get("TIER_ID") == tier.get("TIER_ID")), None)
        if own is None:
            _insert(root, tier)
            continue
        _drop_slots(root, own)
        for annotation in own.findall("ANNOTATION"):
            own.remove(annotation)
        own.extend(tier.findall("ANNOTATION"))
    order = root.find("TIME_ORDER")
    if order is None:
        order = ET.Element("TIME_ORDER")
        _insert(root, order)
    for slot in made.findall("TIME_ORDER/TIME_SLOT"):
        time = int(slot.get("TIME_VALUE", "0"))
        later = [i for i, other in enumerate(order) if int(other.get("TIME_VALUE", "-1")) > time]
        order.insert(later[0] if later else len(order), slot)
    # Only what the new tiers use, and the file lacks: a type, its vocabulary, the vocabulary's language.
    _insert_used(root, made, "LINGUISTIC_TYPE", "LINGUISTIC_TYPE_ID", "TIER", "LINGUISTIC_TYPE_REF")
    _insert_used(root, made, "CONTROLLED_VOCABULARY", "CV_ID", "LINGUISTIC_TYPE", "CONTROLLED_VOCABULARY_REF")
    _insert_used(root, made, "LANGUAGE", "LANG_ID", "CONTROLLED_VOCABULARY/DESCRIPTION", "LANG_REF")
    for element in root.findall("./HEADER/PROPERTY[@NAME='lastUsedAnnotationId']"):
        element.text = str(_last_number(root, "ANNOTATION_ID"))


def _insert_used(root: ET.Element, made: ET.Element, tag: str, key: str, users: str, reference: str) -> None:
    used = {user.get(reference) for user in root.findall(users)}
    held = {element.get(key) for element in root.findall(tag)}
    for element in made.findall(tag):
        if element.get(key) in used - held:
            _insert(root, element)


def _drop_slots(root: ET.Element, tier: ET.Element) -> None:
    """Take out the time slots that only this tier used."""

    def slots(element: ET.Element) -> set[str | None]:
        found = element.iter("ALIGNABLE_ANNOTATION")
        return {a.get(key) for a in found for key in ("TIME_SLOT_REF1", "TIME_SLOT_REF2")}

    others: set[str | None] = set()
    for other in root.findall("TIER"):
        if other is not tier:
            others |= slots(other)
    order = root.find("TIME_ORDER")
    gone = slots(tier) - others
    for slot in [] if order is None else list(order):
        if slot.get("TIME_SLOT_ID") in gone and order is not None:
            order.remove(slot)


def _insert(root: ET.Element, element: ET.Element) -> None:
    """Insert after the last element that the schema puts before it."""
    before = _ORDER[: _ORDER.index(element.tag) + 1]
    places = [i for i, other in enumerate(root) if other.tag in before]
    element.tail = element.tail or "\n    "
    root.insert(places[-1] + 1 if places else 0, element)
