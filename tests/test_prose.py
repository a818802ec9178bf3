"""What lessons and documents say: plain words, short sentences, no term before the lesson that explains it."""

import ast
import json
import re
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from urllib.parse import unquote

from sockets_lab.course.lessons import LESSONS

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted(path for path in (ROOT / "notebooks").glob("*.ipynb") if path.stem != "glossary")  # made of lists
NUMBERED = [path for path in NOTEBOOKS if path.stem[0].isdigit()]
QUESTIONS = [*ROOT.glob("sockets_lab/lessons/*/questions.py"), *ROOT.glob("sockets_lab/lessons/*/questions/*.py")]
REPLACED = re.compile(
    r"\b(whoever|somebody|foreign(?! address)|anew|stands? (?:in|for|behind)|of one's own|hand(?:s|ed)? out|gives? out"
    r"|in passing|in disguise|what becomes of|thrown away|who wants|who needs|left out|the begin of|shall|be it"
    r"|nobody listens|tells? whether|not so|asks? at)\b", re.IGNORECASE)  # fmt: skip
LONGEST_CELL, LONGEST_SENTENCE, LONGEST_MEANING = 120, 28, 7  # words
EVERYDAY = {  # words that also have their plain meaning, in which an earlier lesson may use them
    "accept", "address", "attempt", "client", "closed", "counter", "drop", "dropped", "evidence", "fault", "group",
    "key", "log", "miss", "open", "process", "reject", "rule", "service", "verdict", "window", "stream", "connect",
}  # fmt: skip

spec = spec_from_file_location("glossary", ROOT / "docs" / "glossary.py")
assert spec is not None and spec.loader is not None  # noqa: PT018  for the type checker
glossary = module_from_spec(spec)
spec.loader.exec_module(glossary)


def cells(path: Path, kind: str = "markdown") -> Iterator[tuple[str, str]]:
    """Return the place and the source of each cell of one kind."""
    for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
        if cell["cell_type"] == kind:
            yield f"{path.stem} [{number}]", "".join(cell["source"])


def prose(text: str) -> str:
    """Return a text without code, tables, and the addresses of links."""
    text = re.sub(r"```.*?```|^    .*?$|^\|.*?$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"\]\([^)]*\)", "]", text)


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?:])\s+|\n\n|\n- |\n\d\. | · ", prose(text))


def test_no_text_uses_a_word_of_the_replace_list():
    texts = [one for path in NOTEBOOKS for one in cells(path)]
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]
    texts += [(path.name, path.read_text(encoding="utf-8")) for path in documents]
    for path in QUESTIONS:
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        said = [one.value for one in nodes if isinstance(one, ast.Constant)]
        texts += [(str(path.relative_to(ROOT)), one) for one in said if isinstance(one, str) and " " in one]
    found = [(place, text[max(0, one.start() - 30) : one.end() + 20])
             for place, text in texts for one in REPLACED.finditer(text)]  # fmt: skip
    assert found == []


def test_cells_and_sentences_are_short():
    texts = [one for path in NOTEBOOKS for one in cells(path) if "**Words learned:**" not in one[1]]
    long = [(place, len(prose(text).split())) for place, text in texts if len(prose(text).split()) > LONGEST_CELL]
    long += [(place, one) for place, text in texts for one in sentences(text) if len(one.split()) > LONGEST_SENTENCE]
    assert long == []


def test_no_term_is_used_before_the_lesson_that_explains_it():
    """But where the sentence explains it itself: in bold, with a gloss in brackets, or with the lesson's number."""
    first: dict[str, str] = {}
    for one in glossary.entries():
        for term in one.terms():
            first.setdefault(term, one.lesson)
    early = []
    for path in NUMBERED:
        later = [term for term, lesson in first.items() if lesson > path.stem and term not in EVERYDAY]
        for place, text in cells(path):
            said = [] if "**Words learned:**" in text else re.split(r"(?<=[.!?])\s+|\n\n|\n- ", text)
            for sentence in (one for one in said if not re.search(r"[Ll]essons? \d\d|\]\(\d\d", one)):
                for term in later:
                    word = rf"(?<![\w`-]){re.escape(term)}s?(?![\w-])"
                    explained = rf"\*\*[^*]*{re.escape(term)}|{word}`? \(|\([^)]*{re.escape(term)}"
                    if re.search(word, sentence, re.IGNORECASE) and not re.search(explained, sentence, re.IGNORECASE):
                        early.append((place, term, first[term], sentence))
    assert early == []


def test_a_question_names_the_numbers_of_its_experiment():
    """A number of two digits or more in a question is in a code cell of its section, or in the section's text."""
    other = []
    for lesson in LESSONS:
        questions = {one.key: one.question for one in lesson.questions().PREDICTIONS}
        path = ROOT / "notebooks" / f"{lesson.name}.ipynb"
        sources = ["".join(one["source"]) for one in json.loads(path.read_text(encoding="utf-8"))["cells"]]
        for section in re.split(r"^## ", "\n".join(sources), flags=re.MULTILINE):
            for key in re.findall(r'lesson\.predict\("([\w-]+)"\)', section):
                numbers = re.findall(r"(?<![\w.:])\d[\d,]+(?![\w.:]*\d)", questions[key])
                plain = re.sub(r"(?<=\d)[,_](?=\d)", "", section)
                other += [(lesson.name, key, one) for one in numbers if one.replace(",", "").strip() not in plain]
    assert other == []


def test_a_lesson_ends_with_three_to_five_points_and_short_definitions():
    said = glossary.entries()
    wrong = [(one.lesson, one.words, one.meaning) for one in said if len(one.meaning.split()) > LONGEST_MEANING]
    for path in NUMBERED:
        last = "\n\n".join(text for _, text in cells(path)).rsplit("## The end", 1)[1].split("**Words learned:**")
        points = len(re.findall(r"^- ", last[0], re.MULTILINE))
        wrong += [] if len(last) == 2 and 3 <= points <= 5 else [(path.stem, "points", points)]
    assert wrong == []


def test_a_link_to_a_section_names_a_heading_that_is_there():
    lost = []
    for path in [*NOTEBOOKS, glossary.GLOSSARY]:
        for place, text in cells(path):
            for name, heading in re.findall(r"\]\(([\w/.]*\.ipynb)?#([^)]+)\)", text):
                there = path.with_name(name) if name else path
                heads = re.findall(r"^#+ (.+)$", "\n".join(one for _, one in cells(there)), re.MULTILINE)
                lost += [] if unquote(heading) in {one.replace(" ", "-") for one in heads} else [(place, name, heading)]
    assert lost == []


def test_the_glossary_holds_the_words_of_all_lessons():
    assert glossary.GLOSSARY.read_text(encoding="utf-8") == glossary.written(), "run docs/glossary.py"
