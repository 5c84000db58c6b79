"""The pages for people, in a real Chromium: what somebody does, what they see, and that nothing else is asked."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn

import fillrank as fr
from fillrank.data import IdMap, Interactions
from fillrank.recommend import Recommender
from fillrank.server import ServerSettings, create_app
from fillrank.server.retraining.versions import Versions
from fillrank.store import Store, UserEvent

PAGES = ("/", "/operator")


def test_pages_are_strict_and_whole(client: Any) -> None:
    """Without a browser: the policy, the files, and that no page names another host."""
    import re

    from fillrank.server.routes.pages import _pages

    for path in PAGES:
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        for name in re.findall(r'(?:src|href)="(/pages/[^"]+)"', answer.text):
            assert client.get(name).status_code == 200, name
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", answer.text), "the policy would not run it"
    for name, content in _pages().items():
        assert not re.search(rb"https?://(?!www\.w3\.org/)", content), name
        if name.endswith(".js"):
            assert not re.search(rb"innerHTML|outerHTML|insertAdjacentHTML|eval\(|document\.write", content), name
            for other in re.findall(rb'from "\./([^"]+)"', content):
                assert other.decode() in _pages()
    for name in ("app.py", "../app.py", "..%2fapp.py", "nothing.js", ".", ""):
        assert client.get(f"/pages/{name}").status_code in {404, 405}


@pytest.fixture(scope="module")
def films(ratings: Interactions) -> Recommender:
    """A model that predicts ratings, of films with names of people's kind."""
    names = ["Heat (1995)", "Alien (1979)", "Aliens (1986)", '<b>Amélie</b> & "co" (2001)']
    labels = names + [f"Film {place} ({1960 + place % 60})" for place in range(4, ratings.n_items)]
    log = replace(ratings, item_ids=IdMap(ratings.item_ids.ids, labels=labels), values=ratings.values.clip(1, 5))
    return fr.BiasedSVD(rank=3, user_shrinkage=5, item_shrinkage=5).fit(log, progress=False)


@contextmanager
def at_work(model: Any, store: Store, **more: Any) -> Iterator[str]:
    """The address of a server in a thread."""
    app = create_app(model, store, settings=ServerSettings(workers=2, patience=30), **more)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="comes with the extra fillrank[dev]")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("there is no Chromium (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as run:
        browser = run.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def looked_at(chromium: Any, address: str, path: str, **options: Any) -> Iterator[Any]:
    """A page, which may neither complain nor ask anybody else."""
    context = chromium.new_context(**options)
    context.set_default_timeout(30_000)
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address + path)
    yield page
    context.close()
    assert said == []
    assert [url for url in asked if not url.startswith(address)] == []


def violations(page: Any) -> list[str]:
    """What axe finds."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="comes with the extra fillrank[dev]")
    source = Path(axe.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    page.evaluate(source)  # by the debugger: as a script of the page its policy would not let it run
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_somebody_names_films_and_the_list_becomes_theirs(
    chromium: Any, films: Recommender, store: Store, scheme: str
) -> None:
    size = {"width": 1280, "height": 900} if scheme == "light" else {"width": 390, "height": 844}
    with (
        at_work(films, store) as address,
        looked_at(chromium, address, "/", color_scheme=scheme, viewport=size) as page,
    ):
        page.wait_for_selector("#list .card")
        page.wait_for_selector("#map-section:not([hidden])")
        assert "You have said nothing yet" in page.inner_text("#list-about")
        before = page.locator("#list .card").evaluate_all("all => all.map(one => one.dataset.item)")
        page.fill("#query", "alein")
        page.wait_for_selector("#found li >> text=Alien (1979)")
        page.keyboard.press("Tab")  # from the field to the first star of the first title: no mouse is needed
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "1 of 5 for Alien"
        for _ in range(4):
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("#list-about >> text=From 1 title that you named")
        page.wait_for_selector("#said >> text=Alien (1979)")
        page.wait_for_selector("#map-near >> text=Nearest to you")
        after = page.locator("#list .card").evaluate_all("all => all.map(one => one.dataset.item)")
        assert after != before
        listed = films.fold_in({1: 5.0}).recommend(k=12)["item_id"].to_list()
        assert after == [str(item) for item in listed]
        assert "Because of Alien." in page.inner_text("#list .card >> nth=0")
        page.fill("#query", "amelie")
        page.wait_for_selector("#found li[data-item='3']")
        assert '<b>Amélie</b> & "co" (2001)' in page.inner_text("#found")  # a title is never markup

        page.wait_for_selector("#leaning-chart:not([hidden])")
        middle = page.inner_text("#leaning-about")
        page.focus("#novelty")
        page.keyboard.press("End")
        page.wait_for_function("text => document.getElementById('leaning-about').innerText !== text", arg=middle)
        assert "in the middle" in page.inner_text("#leaning-about")
        page.click("[data-move=in]")
        page.get_by_role("button", name="Similar to").first.click()
        page.wait_for_selector("#similar-list .card")
        assert violations(page) == []
        page.keyboard.press("Escape")
        assert not page.is_visible("#similar")
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        page.reload()
        page.wait_for_selector("#said >> text=Alien (1979)")
        page.click("#forget")
        page.wait_for_selector("#list-about >> text=You have said nothing yet")
    assert store.count_after() == 0  # looking leaves no trace in the store


@pytest.mark.slow
def test_the_operator_sees_what_is_at_work_and_takes_it_back(
    chromium: Any, films: Recommender, store: Store, tmp_path: Path
) -> None:
    from fillrank.server.retraining.journal import append_entry

    films.save(tmp_path / "run")
    versions = Versions(tmp_path / "run")
    first = versions.keep_running()
    fr.PureSVD(rank=2).fit(films.interactions, progress=False).save(tmp_path / "run")
    versions.keep_running()
    append_entry(versions.folder, "taken", number=2, verdict="nDCG@10 0.3, the one at work 0.2")
    store.append([UserEvent("7", "3", "click")])
    key, _ = store.add_key("boss", ["admin"])
    reader, _ = store.add_key("page", ["read"])
    size = {"width": 1280, "height": 900}
    with at_work(tmp_path / "run", store, against={"other": films}) as address:
        context = chromium.new_context(viewport=size)
        context.set_default_timeout(30_000)
        page = context.new_page()
        page.goto(address + "/operator")
        page.wait_for_selector("#key-form:not([hidden])")
        page.fill("#key", reader)
        page.keyboard.press("Enter")
        page.wait_for_selector("#key-error >> text=lacks the scope 'admin'")
        assert key not in page.content()
        page.fill("#key", key)
        page.keyboard.press("Enter")
        page.wait_for_selector("#top td >> nth=1")
        assert "nDCG@10 0.3" in page.inner_text("#verdict")
        assert page.locator("#arms tbody tr").count() == 2
        assert violations(page) == []
        page.fill("#user", "7")
        page.keyboard.press("Enter")
        page.wait_for_selector("#user-shown:not([hidden])")
        assert "click" in page.inner_text("#met")
        assert page.locator("#their-list tbody tr").count() == 10
        page.click("#rollback-button")
        page.click("#sure-yes")
        page.wait_for_selector(f"#rollback-said >> text=Model {first} is at work")
        assert versions.at_work() == first
        assert violations(page) == []
        context.close()
