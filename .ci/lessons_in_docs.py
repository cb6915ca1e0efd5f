"""Puts the notebooks and a run that plays among the pages of the documents, with their links."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from longlive_widget import Recording

ROOT = Path(__file__).parents[1]
LESSONS = "notebooks/"
RUN, RUN_PAGE = ROOT / "docs" / "run", "run.html"
"""A recording, and the page that is made of it."""


@event_priority(100)  # before mkdocs-jupyter looks for notebooks
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add each notebook, which lies beside the documents, and the run that plays on a page."""
    for path in sorted((ROOT / LESSONS).glob("*.ipynb")):
        uri = f"{LESSONS}{path.name}"
        files.append(
            File(uri, str(ROOT), config.site_dir, use_directory_urls=config.use_directory_urls)
        )
    with TemporaryDirectory() as folder:
        page = Recording.open(RUN).export_html(Path(folder) / RUN_PAGE)
        files.append(File.generated(config, RUN_PAGE, content=page.read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, **_about: object) -> str:
    """A link of a document to a lesson leads to its page."""
    return markdown.replace(f"](../{LESSONS}", f"]({LESSONS}")


def on_page_content(html: str, page: Page, files: Files, **_about: object) -> str:
    """So does one of a lesson to a document; where there is none, a `FileNotFoundError` says so."""
    if not page.file.src_uri.startswith(LESSONS):
        return html

    def there(link: "re.Match[str]") -> str:
        found = files.get_file_from_path(link["path"])
        if found is None:
            raise FileNotFoundError(f"{page.file.src_uri} links to {link['path']}: no such file")
        return f'href="{found.url_relative_to(page.file)}'

    return re.sub(r'href="\.\./docs/(?P<path>[^"#]+)', there, html)
