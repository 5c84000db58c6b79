"""What ``deploy/`` starts is started here, with folders of the test in the place of those of a machine."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from fillrank.recommend import Recommender
from fillrank.store import Store

DEPLOY = Path(__file__).parents[2] / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
UNIT = (DEPLOY / "fillrank.service").read_text(encoding="utf-8")


def image_command() -> tuple[list[str], str]:
    """What the image runs, and where its store is."""
    parts = dict(re.findall(r"^(ENTRYPOINT|CMD) (\[.*\])$", DOCKERFILE, re.MULTILINE))
    return [*json.loads(parts["ENTRYPOINT"]), *json.loads(parts["CMD"])], re.search(
        r"FILLRANK_STORE=(\S+)", DOCKERFILE
    )[1]


def unit_command() -> tuple[list[str], str]:
    """What the unit runs, and where its store is."""
    words = shlex.split(re.search(r"^ExecStart=(.*)$", UNIT, re.MULTILINE)[1])
    return ["fillrank", *words[1:]], re.search(r"^Environment=FILLRANK_STORE=(\S+)", UNIT, re.MULTILINE)[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "folder"), [(image_command(), "/data"), (unit_command(), "/var/lib/fillrank")], ids=["image", "unit"]
)
def test_the_command_serves(command: tuple[list[str], str], folder: str, svd: Recommender, tmp_path: Path) -> None:
    words, url = command
    assert words[:2] == ["fillrank", "serve"]
    assert {f"{folder}/model", "8000"} <= set(words)
    assert f"sqlite:///{folder}/" in url
    svd.save(tmp_path / "model")
    here = f"sqlite:///{tmp_path}/shop.db"
    with Store(here) as store:
        key, _ = store.add_key("test", ["read"])
    own = [word.replace(folder, str(tmp_path)) for word in words[1:]]
    own[own.index("8000")] = "0"
    process = subprocess.Popen(
        [sys.executable, "-m", "fillrank", *own],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"FILLRANK_STORE": here},
    )
    try:
        port = process.stdout.readline().rpartition(":")[2].strip()
        address = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{address}/readyz").status_code == 200
        assert httpx.get(f"{address}/v1/model").status_code == 401
        assert httpx.get(f"{address}/v1/model", headers={"x-api-key": key}).status_code == 200
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_the_image_installs_what_there_is() -> None:
    root = DEPLOY.parent
    assert (root / "constraints.txt").is_file()
    assert '"/src[serve]"' in DOCKERFILE
    assert "USER fillrank" in DOCKERFILE
    assert DOCKERFILE.index("USER fillrank") < DOCKERFILE.index("ENTRYPOINT")
    check = re.search(r'CMD (\["python".*\])$', DOCKERFILE, re.MULTILINE)[1]
    compile(json.loads(check)[2], "HEALTHCHECK", "exec")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze looks at the unit")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "fillrank.service"
    unit.write_text(UNIT.replace("/srv/fillrank/bin/fillrank", shutil.which("true") or "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert "fillrank.service" not in done.stderr
