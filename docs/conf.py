"""The site: `make docs` builds it, without a network, and fails on the first warning."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "ext"))
os.environ.setdefault("MPLBACKEND", "agg")

import infotheory  # noqa: E402

project = "infotheory"
author = "The infotheory developers"
project_copyright = author
release = version = infotheory.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "myst_parser",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    # ours, in docs/ext
    "links",
    "mathml",
    "register_pages",
    "result_tables",
    "unrun_examples",
]
exclude_patterns = ["_build", "gallery/**/*.ipynb", "gallery/**/*.py"]
default_role = "code"  # `name` in a docstring is code
smartquotes = False  # "--out" stays what one has to type

# Every class and function is documented by its docstring, in the numpydoc order of sections.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

html_theme = "pydata_sphinx_theme"
html_title = "infotheory"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navigation_depth": 2,
    "show_toc_level": 2,
    "show_nav_level": 2,
    "header_links_before_dropdown": 5,
    "footer_start": [],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
_ALONE = (
    "index",
    "tutorial",
    "accuracy",
    "compatibility",
    "speed",
    "changelog",
    "contributing",
    "architecture",
)
html_sidebars = {page: [] for page in _ALONE}

# Pages that take longer than some ten seconds are shown without being run, unless
# INFOTHEORY_GALLERY=all asks for them; `make gallery` runs all of them.
_SLOW = ["generalisation_gap", "regression_losses", "sinkhorn_newton"]
_SLOW += ["spectral_training", "tanh_and_relu"]
unrun_examples = [] if os.environ.get("INFOTHEORY_GALLERY") == "all" else _SLOW
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": "plot_" + "".join(f"(?!{name})" for name in unrun_examples),
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "remove_config_comments": True,
    "min_reported_time": 1e9,
    "plot_gallery": True,
    "write_computation_times": False,
    "backreferences_dir": None,
    "image_srcset": ["2x"],
    "matplotlib_animations": False,
    "capture_repr": (),
}
