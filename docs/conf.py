"""How the site is built: Markdown by MyST, nothing fetched from anywhere."""

from vanhove.base.version import __version__

project = "vanhove"
author = "The vanhove developers"
copyright = author
version = release = __version__
extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist", "smartquotes"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
highlight_language = "none"
html_theme = "furo"
html_title = f"vanhove {__version__}"
html_copy_source = False
html_show_sphinx = False
