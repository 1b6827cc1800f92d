"""Sphinx: `make docs` builds the site into build/site, warnings are errors, and nothing is fetched."""

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

project = "herokit"
author = "The herokit authors"
project_copyright = author
extensions = [
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "mathml",
]
html_math_renderer = "mathml"
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
root_doc = "index"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

suppress_warnings = ["misc.highlighting_failure"]  # output on a page may be shortened

default_role = "py:obj"  # `name` in a docstring is a link where there is such a name
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
add_module_names = False
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = "herokit"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["static"]
html_css_files = ["site.css"]

copybutton_prompt_text = (
    r"\$ |>>> |\.\.\. "  # the button copies what is typed, without prompts and output
)
copybutton_prompt_is_regexp = True


def setup(app: Any) -> None:
    """Write the generated pages before Sphinx reads any page; rewrite links that leave docs/."""
    import make_reference
    from copied_pages import relink

    docs = Path(__file__).parent

    def rewrite_links(_: Any, name: str, source: list[str]) -> None:
        folder = docs.joinpath(name).parent
        if "generated" not in folder.parts:
            source[0] = relink(source[0], folder, folder)

    number = re.compile(r"~?(?:typing\.)?Annotated\[~?(?:typing\.)?Any, 'number'\]")

    def shorten_signature(*event: Any) -> tuple[str, str] | None:
        signature, returned = event[5:7]
        return signature and (number.sub("Number", signature), returned)

    app.connect("autodoc-process-signature", shorten_signature)
    app.connect("builder-inited", lambda _: make_reference.write())
    app.connect("source-read", rewrite_links)
