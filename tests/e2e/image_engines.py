"""Container engines that can build and run an image here: docker, podman, or buildah, which needs no right to make containers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import ROOT

BUILD_S = 3000
RUN_S = 900
DEBIAN = "debian:trixie-slim"
# podman asks for a million of each, which root in a sandbox may not have.
LIMITS = ["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"]


@dataclass
class Engine:
    name: str
    images: list[str] = field(default_factory=list)

    def run_command(self, *arguments: str) -> str:
        return subprocess.run([self.name, *arguments], check=True, capture_output=True, text=True, timeout=BUILD_S).stdout.strip()

    def build(self, context: Path, dockerfile: str) -> str:
        """An image of its own name, removed at the end."""
        name = f"localhost/flowers-test-{uuid.uuid4().hex[:8]}:1"
        self.images.append(name)
        (context / "Dockerfile").write_text(dockerfile)
        self.run_command("build", *self.isolation(), "--tag", name, str(context))
        return name

    def isolation(self) -> list[str]:
        return ["--isolation", "chroot"] if self.name == "buildah" else []

    @contextmanager
    def container(self, image: str, folder: Path) -> Iterator[Container]:
        """A started container, which sees `folder` under the same path, and the network of this machine."""
        mount = f"{folder}:{folder}"
        if self.name == "buildah":
            found = Container(self, self.run_command("from", image), ["run", "--isolation", "chroot", "--volume", mount])
        else:
            command = ["run", "--detach", *LIMITS, "--network", "host", "--volume", mount, "--entrypoint", "sleep", image, "infinity"]
            found = Container(self, self.run_command(*command), ["exec"])
        try:
            yield found
        finally:
            self.run_command("rm", *([] if self.name == "buildah" else ["--force"]), found.name)

    @contextmanager
    def service(self, image: str, registry: Path) -> Iterator[Container]:
        """The image as it starts by itself, with this registry, as a cluster starts it: a user that it does not know, no rights, nothing to
        write but /tmp. Without a network, it is asked from within the container. Skips the test with buildah, which starts no services.
        """
        if self.name == "buildah":
            pytest.skip("buildah starts no service (docker and podman do)")
        rights = ["--user", "12345:0", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
        command = [
            "run",
            "--detach",
            "--no-healthcheck",
            *LIMITS,
            *rights,
            "--network",
            "none",
            "--volume",
            f"{registry}:/registry:ro",
            image,
        ]
        container = Container(self, self.run_command(*command), ["exec"])
        try:
            yield container
        finally:
            self.run_command("rm", "--force", container.name)

    def forget(self) -> None:
        for image in self.images:
            subprocess.run([self.name, "rmi", "--force", image], check=False, capture_output=True)


@dataclass
class Container:
    engine: Engine
    name: str
    enter: list[str]

    def command(self, *words: str) -> list[str]:
        separator = ["--"] if self.engine.name == "buildah" else []
        return [self.engine.name, *self.enter, self.name, *separator, *words]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*words), check=False, capture_output=True, text=True, timeout=RUN_S)

    def out(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, f"{words}: exit code {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout.strip()


def find_engine() -> Engine:
    """Skips the test where none works."""
    for name in ("docker", "podman", "buildah"):
        if shutil.which(name) and not subprocess.run([name, "info"], check=False, capture_output=True).returncode:
            return Engine(name)
    pytest.skip("no container engine works here (docker, podman or buildah)")


def base_image(engine: Engine, folder: Path) -> str:
    """$BASE_IMAGE, Debian's own image, or one made with debootstrap where that cannot be pulled. Skips the test where none is available."""
    base = os.environ.get("BASE_IMAGE")
    if base:
        return base
    if not subprocess.run([engine.name, "pull", DEBIAN], check=False, capture_output=True).returncode:
        return DEBIAN
    if shutil.which("debootstrap") is None or os.geteuid():
        pytest.skip(f"{DEBIAN} cannot be pulled, and only root with debootstrap can make one (or set BASE_IMAGE)")
    made = subprocess.run(
        ["debootstrap", "--variant=minbase", "trixie", "base", os.environ.get("FLOWERS_DEBIAN_MIRROR", "http://deb.debian.org/debian")],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
    )
    if made.returncode:
        pytest.skip(f"{DEBIAN} cannot be pulled, and debootstrap failed: {made.stdout.strip().splitlines()[-1:]}")
    subprocess.run(["tar", "-C", str(folder / "base"), "--create", "--file", str(folder / "base.tar"), "."], check=True)
    shutil.rmtree(folder / "base")
    return engine.build(folder, "FROM scratch\nADD base.tar /\n")


def image_labels(engine: Engine, image: str) -> dict[str, str]:
    if engine.name == "buildah":
        labels = json.loads(engine.run_command("inspect", "--type", "image", image))["OCIv1"]["config"]["Labels"]
    else:
        labels = json.loads(engine.run_command("image", "inspect", image))[0]["Config"]["Labels"]
    assert isinstance(labels, dict)
    return labels


def gigabytes(size: str) -> float:
    """The size as engines print it: `3.41 GB`, `3.41GB`."""
    number = size.rstrip("KMGTB ")
    return float(number) * {"KB": 1e-6, "MB": 1e-3, "GB": 1.0, "TB": 1e3}[size[len(number) :].strip()]


def make_image(engine: Engine, base: str, **settings: str) -> tuple[str, str]:
    """The name of the image, and the last line that `make image` prints. `settings`: docs/image.md."""
    name = f"localhost/flowers-test-{uuid.uuid4().hex[:8]}:1"
    engine.images.append(name)
    settings |= {"ENGINE": engine.name, "IMAGE": name, "BASE_IMAGE": base}
    done = subprocess.run(
        [str(ROOT / "scripts" / "image.sh")],
        check=False,
        capture_output=True,
        text=True,
        timeout=BUILD_S,
        env={**os.environ, **settings},
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return name, done.stdout.strip().splitlines()[-1]
