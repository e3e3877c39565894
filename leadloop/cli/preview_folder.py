"""A folder of rendered mails: one HTML and one text file each, and a page that lists them."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from leadloop.delivery.preview import PreviewMail
from leadloop.language.plan import Plan

_PAGE = """<!DOCTYPE html>
<html lang="{locale}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  body {{ margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1f2933; }}
  body {{ font: 16px/1.6 system-ui, sans-serif; }}
  article {{ border-top: 1px solid #cbd2d9; padding: 1rem 0; }}
  h2 {{ font-size: 1.1rem; margin: 0 0 .25rem; }}
  .quiet {{ color: #616e7c; }}
  .problem {{ color: #ab091e; }}
  iframe {{ width: 100%; height: 30rem; border: 1px solid #cbd2d9; background: #fff; }}
  ul {{ padding-left: 1.2rem; overflow-wrap: anywhere; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p class="quiet">{reader}</p>
{mails}
</body>
</html>
"""


def write_folder(
    folder: Path, plan: Plan, locale: str, reader: str, mails: Sequence[PreviewMail]
) -> list[str]:
    """Write the mails and `index.html`; return the file names of the mails without their endings.

    Files of an earlier preview with other names stay. Raises `OSError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = [_name(number, mail) for number, mail in enumerate(mails, start=1)]
    for name, mail in zip(names, mails, strict=True):
        _write(folder, name, mail)
    title = f"{plan.scenario} {plan.title}".strip()
    page = _PAGE.format(
        locale=html.escape(locale),
        title=html.escape(title),
        reader=html.escape(reader),
        mails="\n".join(_article(name, mail) for name, mail in zip(names, mails, strict=True)),
    )
    (folder / "index.html").write_text(page, encoding="utf-8")
    return names


def _write(folder: Path, name: str, mail: PreviewMail) -> None:
    page, text = folder / f"{name}.html", folder / f"{name}.txt"
    if mail.rendered is None:  # nothing of an earlier preview must stand for it
        page.unlink(missing_ok=True)
        text.unlink(missing_ok=True)
        return
    page.write_text(mail.rendered.html, encoding="utf-8")
    text.write_text(mail.rendered.text, encoding="utf-8")


def _name(number: int, mail: PreviewMail) -> str:
    step = re.sub(r"[^\w-]+", "-", mail.planned.step).strip("-") or "mail"
    return f"{number:02d}-{step}"


def _article(name: str, mail: PreviewMail) -> str:
    planned = mail.planned
    where = " · ".join(filter(None, (f"step {planned.step}", planned.title, planned.part)))
    head = f'<p class="quiet">{html.escape(where)} · {html.escape(planned.template)}</p>'
    if mail.rendered is None:
        return f'<article>{head}<p class="problem">templates/{html.escape(mail.problem)}</p></article>'
    rendered, file = mail.rendered, quote(name)
    links = "".join(f"<li>{html.escape(link.name)} — {html.escape(link.url)}</li>" for link in rendered.links)
    return (
        f"<article><h2>{html.escape(rendered.subject)}</h2>{head}"
        f"<p>{html.escape(rendered.preheader)}</p>"
        f'<p><a href="{file}.html">HTML</a> · <a href="{file}.txt">text</a></p>'
        f"<ul>{links}</ul>"
        f'<iframe sandbox src="{file}.html" title="{html.escape(rendered.subject)}" loading="lazy"></iframe>'
        "</article>"
    )
