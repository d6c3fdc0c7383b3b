"""Packaging. The dependencies stand in requirements/in.txt alone; this file reads them."""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent


def requirements() -> tuple[list[str], list[str]]:
    """What the program needs, and what its developers need besides: in.txt before and after its `# dev` line."""
    runtime, _, dev = (ROOT / "requirements" / "in.txt").read_text(encoding="utf-8").partition("\n# dev")
    # partition() leaves the rest of the `# dev` line in front of the second part: it is a comment still.
    return _lines(runtime), _lines(dev.partition("\n")[2])


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def files(pattern: str) -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern))


install_requires, dev_requires = requirements()

setup(
    name="flowers_tfx",
    version="0.1.0",
    description="An image-classification pipeline on TFX, from photos to a served model.",
    python_requires=">=3.10,<3.14",
    # Written out, it makes an editable install a plain path entry, which mypy and modules added later can see.
    package_dir={"": "."},
    packages=find_packages(include=["flowers_tfx", "flowers_tfx.*", "runners", "runners.*"]),
    py_modules=["pipeline_def"],
    package_data={"flowers_tfx": ["py.typed", "**/*.html", "**/*.css", "**/*.j2", "**/*.js", "**/*.svg"]},
    # The curated schema and the configs are read from the checkout or, in an installed program, from share/.
    data_files=[
        ("share/flowers_tfx/schema", files("schema/schema.pbtxt")),
        ("share/flowers_tfx/configs", files("configs/*.yaml")),
    ],
    install_requires=install_requires,
    extras_require={"dev": dev_requires},
    entry_points={"console_scripts": ["flowers = flowers_tfx.cli:main"]},
)
