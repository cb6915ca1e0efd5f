"""Puts the notebooks among the pages of the documents, with the links between both."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
LESSONS = "notebooks/"


@event_priority(100)  # before mkdocs-jupyter looks for notebooks
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add each notebook; it lies beside the documents, and its page below theirs."""
    for path in sorted((ROOT / LESSONS).glob("*.ipynb")):
        uri = f"{LESSONS}{path.name}"
        files.append(
            File(uri, str(ROOT), config.site_dir, use_directory_urls=config.use_directory_urls)
        )
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
