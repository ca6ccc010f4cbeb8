"""What the site has beside the pages of docs: the reference, the README, the notebooks, figures and videos.

MkDocs calls the functions that begin with ``on_`` (``hooks`` in mkdocs.yml).
"""

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "src")]

import figures  # noqa: E402
import reference  # noqa: E402
import videos  # noqa: E402

NOTEBOOKS = ROOT / "notebooks"
FIGURES = {
    "understand/muscle_model.md": figures.muscle,
    "understand/action_spaces.md": figures.controller,
    "understand/flow.md": figures.flow,
    "understand/adversarial.md": figures.adversarial,
}
"""Pages with a figure that is drawn from msemu's own code."""
_OUTSIDE = re.compile(r"\[([^\]]*)\]\((?:\.\./)+(?!lab|understand|guide|images)([^)]*)\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Give every page of docs a place in the navigation: at the end of a section, unless mkdocs.yml names it."""
    named = set(re.findall(r"[\w/]+\.md", str(config.nav)))
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in sorted((ROOT / "docs").rglob("*.md"))]
    for page in (page for page in pages if page not in named):
        section = {"understand": "Explain", "lab": "Lab"}.get(page.split("/")[0], "Tutorials")
        next(part[section] for part in config.nav or [] if section in part).append(page)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    pages: dict[str, str | bytes] = {f"reference/{name}.md": make() for name, make in reference.PAGES.items()}
    pages["readme.md"] = _readme()
    for notebook in sorted(NOTEBOOKS.glob("*.ipynb")):
        pages |= _notebook(notebook)
    pages |= {f"figures/{draw.__name__}.svg": draw() for draw in FIGURES.values()}
    pages |= {f"videos/{path.name}": path.read_bytes() for path in videos.files(videos.FOLDER)}
    for uri, content in pages.items():
        files.append(File.generated(config, uri, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links out of docs lead to what the site has, and show figures and videos."""
    uri = page.file.src_uri
    if draw := FIGURES.get(uri):
        title, _, rest = markdown.partition("\n")
        summary = (draw.__doc__ or "").strip()
        markdown = f"{title}\n\n![{summary}](../figures/{draw.__name__}.svg)\n\n*{summary}*\n{rest}"
    if uri == "index.md":
        markdown = markdown.replace("\n## Use\n", f"\n{videos.policies(videos.FOLDER)}\n\n## Use\n", 1)
        markdown += videos.motions(videos.FOLDER)
    return _inside(markdown, uri)


def _inside(markdown: str, uri: str) -> str:
    """Keep links to pages of the site; those to code become plain text."""

    def rewritten(match: re.Match[str]) -> str:
        text, target = match[1], match[2]
        if target.startswith("README.md"):
            return f"[{text}]({'../' * uri.count('/')}readme.md{target.removeprefix('README.md')})"
        is_page = target.endswith(".md") or ".md#" in target
        return match[0] if is_page and (ROOT / "docs" / target.partition("#")[0]).is_file() else text

    return _OUTSIDE.sub(rewritten, markdown)


def _readme() -> str:
    """Return the README as a page of the site."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.sub(r"\]\(docs/", "](", re.sub(r"\[([^\]]*)\]\((?!docs/|http|#)[^)]*\)", r"\1", text))


def _notebook(path: Path) -> dict[str, str | bytes]:
    """Return a notebook as a page, with the pictures that it shows."""
    from nbconvert import MarkdownExporter

    content, resources = MarkdownExporter().from_filename(str(path))
    pictures: dict[str, Any] = resources["outputs"]
    for name in pictures:
        content = content.replace(f"]({name})", f"]({path.stem}/{name})")
    content = re.sub(r"\]\(\.\./docs/", "](../", content)
    return {f"notebooks/{path.stem}.md": content} | {
        f"notebooks/{path.stem}/{name}": pictures[name] for name in pictures
    }
