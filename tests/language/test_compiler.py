"""The whole pipeline: shipped workspace, single files, digests, and input that nobody meant."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadloop.language.builtins import ENGINE_EVENTS, EVENTS
from leadloop.language.compiler import CompileError, compile_workspace
from leadloop.language.plan import Publication
from tests.language.workspaces import FILES, Files, compiled, edited, write

ROOT = Path(__file__).parents[2]
N = "scenarios/welcome.yaml"


def test_shipped_workspace_compiles_without_a_word() -> None:
    compilation = compile_workspace(ROOT)
    assert compilation.diagnostics == []
    publication = compilation.require()
    assert set(publication.plans) == {
        "abandoned-estimate",
        "account-hot",
        "business-cards",
        "dormant",
        "free-trial",
        "inquiry-fast-lane",
        "lost-deal-recycle",
        "newsletter",
        "renewal",
        "sales-handoff",
        "seminar",
        "whitepaper-nurture",
    }
    assert len(publication.streams["tips"].items) == 8
    assert sum(item.when is not None for item in publication.streams["tips"].items) == 1
    assert set(EVENTS) < set(publication.workspace.events)
    assert not ENGINE_EVENTS & set(publication.workspace.events)
    assert {"industry", "employees", "budget_confirmed", "purchase_timing"} <= set(
        publication.workspace.lead_fields
    )


def test_publication_holds_templates_and_sources(tmp_path: Path) -> None:
    publication = compiled(tmp_path).require()
    assert publication.templates["mail/thanks.ja.md"] == FILES["templates/mail/thanks.ja.md"]
    assert "layouts/default.ja.html.j2" in publication.templates
    assert publication.sources[N] == FILES[N]


def test_built_in_events_take_the_values_of_the_workspace(tmp_path: Path) -> None:
    events = compiled(tmp_path).require().workspace.events
    assert events["deal_lost"]["reason"].values == ("timing", "no_budget")
    assert events["stage_changed"]["to"].values == ("lead", "mql", "customer", "recycled")
    assert events["band_changed"]["to"].values == ("hot", "warm", "cold")
    assert events["unsubscribed"]["topic"].values == ("nurture", "service")
    assert events["form_submitted"]["form"].values == ("whitepaper", "contact")


def test_digest_is_the_same_for_the_same_files(tmp_path: Path) -> None:
    first = compiled(tmp_path / "a").require()
    second = compiled(tmp_path / "b").require()
    assert first.digest() == second.digest()
    assert Publication.model_validate_json(first.model_dump_json()).digests() == first.digests()


def test_digest_tree_changes_only_where_a_file_changed(tmp_path: Path) -> None:
    first = compiled(tmp_path / "a").require().digests()
    second = compiled(tmp_path / "b", edited(N, "5 days", "6 days")).require().digests()
    assert {name for name in first if first[name] != second[name]} == {
        "plan:welcome",
        "source:scenarios/welcome.yaml",
    }


def test_crlf_and_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    files: Files = {
        path: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
        for path, text in FILES.items()
        if path.endswith(".yaml")
    }
    plain, windows = compiled(tmp_path / "a").require(), compiled(tmp_path / "b", files).require()
    assert windows.digests() == plain.digests()


def test_only_leaves_other_scenarios_out(tmp_path: Path) -> None:
    folder = write(tmp_path, {"scenarios/other.yaml": "nonsense"})
    one = compile_workspace(folder, [folder / N])
    assert one.errors == []
    assert set(one.require().plans) == {"welcome"}
    assert compile_workspace(folder, [folder / "scenarios"]).errors != []


def test_only_leaves_the_texts_of_other_templates_out(tmp_path: Path) -> None:
    broken: Files = {"templates/mail/other.ja.md": "---\nsubject: x\n---\n{{ lead.nobody }}"}
    folder = write(tmp_path, broken)
    other = folder / "templates/mail/other.ja.md"
    assert compile_workspace(folder, [folder / N]).diagnostics == []
    for only in ([other], [folder / "templates"], None):
        assert [one.code for one in compile_workspace(folder, only).errors] == ["SCN453"]


@pytest.mark.parametrize("path", ["mail/case.ja.md", "tips/1.ja.md", "layouts/default.ja.html.j2"])
def test_only_checks_templates_and_layouts_that_its_scenarios_send(tmp_path: Path, path: str) -> None:
    folder = write(tmp_path, {f"templates/{path}": FILES[f"templates/{path}"] + "{{ nobody }}"})
    assert [one.path for one in compile_workspace(folder, [folder / N]).errors] == [f"templates/{path}"]


def test_only_goes_with_a_link_to_itself(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "scenarios/loop.yaml").symlink_to(folder / "scenarios/loop.yaml")
    assert compile_workspace(folder, [folder / N]).errors == []
    assert [one.code for one in compile_workspace(folder, [folder / "scenarios"]).errors] == ["SCN016"]


def test_only_tells_no_unused_silence_of_a_template(tmp_path: Path) -> None:
    silent = "---\nsubject: x\nallow: {SCN510: 別の場所に表示}\n---\n本文"
    folder = write(tmp_path, {"templates/mail/case.ja.md": silent})
    assert [one.code for one in compile_workspace(folder).diagnostics] == ["SCN523"]
    assert compile_workspace(folder, [folder / N]).diagnostics == []


def test_errors_leave_no_publication(tmp_path: Path) -> None:
    compilation = compiled(tmp_path, edited(N, "topic: nurture", "topic: nature"))
    assert compilation.publication is None
    with pytest.raises(CompileError) as caught:
        compilation.require()
    assert [one.code for one in caught.value.diagnostics] == ["SCN201"]


def test_warnings_do_not_keep_from_publishing(tmp_path: Path) -> None:
    compilation = compiled(tmp_path, edited(N, "exhausted}}", "exhausted}}\n  - exit: done"))
    assert (len(compilation.warnings), compilation.errors) == (1, [])
    assert compilation.require().plans


def test_optional_files_may_be_missing(tmp_path: Path) -> None:
    steps = "steps:\n  - id: a\n    send: {template: mail/case}\n"
    text = FILES[N].replace("goal: {stage: mql}\n", "").partition("steps:\n")[0] + steps
    files: Files = {
        N: text,
        "scenarios/scoring.yaml": None,
        "scenarios/lifecycle.yaml": None,
        "scenarios/streams.yaml": None,
    }
    publication = compiled(tmp_path, files).require()
    assert publication.lifecycle.stages == ("lead",)
    assert publication.scoring.models == {}


@pytest.mark.parametrize("name", ["workspace", "scoring", "lifecycle", "streams"])
def test_unreadable_shared_file_causes_no_cascade(tmp_path: Path, name: str) -> None:
    compilation = compiled(tmp_path, {f"scenarios/{name}.yaml": "a: ["})
    assert [one.code for one in compilation.diagnostics] == ["SCN003"]


def test_faulty_declaration_is_told_once(tmp_path: Path) -> None:
    files = edited(
        "scenarios/workspace.yaml", "nurture: {basis: [opt_in, customer]}", "nurture: {basis: [optin]}"
    )
    assert [one.code for one in compiled(tmp_path, files).diagnostics] == ["SCN201"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("scenarios/sub/more.yaml", "SCN017"),
        ("scenarios/more.yml", "SCN017"),
        ("templates/mail/thanks.md", "SCN017"),
        ("templates/mail/thanks.ja.html", "SCN017"),
    ],
)
def test_files_that_would_be_ignored_are_refused(tmp_path: Path, path: str, code: str) -> None:
    assert code in [one.code for one in compiled(tmp_path, {path: "a: b\n"}).errors]


def test_two_recycles_of_different_reasons_are_fine(tmp_path: Path) -> None:
    text = (
        "scenario: NAME\ntopic: nurture\nentry: [{event: deal_lost, reason: REASON}]\nsteps:\n"
        "  - {id: r, recycle: {cooldown: {default: 60 days}}}\n"
    )
    files: Files = {
        "scenarios/a.yaml": text.replace("NAME", "a").replace("REASON", "timing"),
        "scenarios/b.yaml": text.replace("NAME", "b").replace("REASON", "no_budget"),
    }
    assert compiled(tmp_path, files).errors == []


def test_missing_folder_is_an_error(tmp_path: Path) -> None:
    assert [one.code for one in compile_workspace(tmp_path / "none").errors] == ["SCN016"]


WORDS = [
    "scenario",
    "topic",
    "entry",
    "steps",
    "id",
    "send",
    "await",
    "wait",
    "if",
    "then",
    "go",
    "exit",
    "of",
    "nurture",
    "thanks",
    "5 days",
    "lead.employees > 5",
    "{event: email_clicked, go: a}",
    "mql",
    "stage",
    "\n",
    "\n  - ",
    ": ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "'",
    '"',
    "!",
    "&a",
    "*a",
    "#",
    "：",
    "　",
    "\t",
    "~",
]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_compile_never_raises_on_mutated_files(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(FILES)))
    text = FILES[path]
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 40)))
        words = "".join(data.draw(st.lists(st.sampled_from(WORDS), max_size=5)))
        text = text[:start] + words + text[end:]
    with tempfile.TemporaryDirectory() as folder:
        compilation = compiled(Path(folder), {path: text})
    assert (compilation.publication is None) == bool(compilation.errors)
    for one in compilation.diagnostics:
        assert one.message
        assert one.line >= 1
        assert one.column >= 1


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(FILES)), st.text(max_size=120))
def test_compile_never_raises_on_random_files(path: str, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        compilation = compiled(Path(folder), {path: text.encode("utf-8", "surrogatepass")})
    assert (compilation.publication is None) == bool(compilation.errors)


def test_template_with_a_sign_before_a_name_compiles(tmp_path: Path) -> None:
    words = "{{ -lead.employees }} {{ +lead.employees }} {{ -(9 ** 9) }}"
    body = f"---\nsubject: お礼\nlayout: default\n---\n{words}\n"
    assert compiled(tmp_path, {"templates/mail/thanks.ja.md": body}).errors == []
