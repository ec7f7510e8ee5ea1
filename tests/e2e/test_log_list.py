"""The list of log lines by itself in a browser: what one reads stays where it is, and the end can be reached."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.conftest import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

# `even`: every line as high as the others; else what is long wraps, in some blocks of lines and not in others
MAKE = """async ({count, even}) => {
  document.body.innerHTML = `<div id="view" style="height: 564px; width: 600px; overflow: auto; overflow-anchor: none">
    <div data-log-before></div><div data-log-body></div><div data-log-after></div></div>`;
  const { LogList } = await import("/js/log_list.js");
  const view = document.getElementById("view");
  const list = new LogList(view, (line) => {
    const row = document.createElement("div");
    row.textContent = `${line} ` + "word ".repeat(even ? 1 : ((line * 7919) % 5) * 30 * (Math.floor(line / 50) % 3));
    row.style.lineHeight = "20px";
    return row;
  });
  list.replace([...Array(count).keys()]);
  const top = () => view.getBoundingClientRect().top;
  Object.assign(window, {
    view,
    list,
    frame: () => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go))),
    below: (pixels) => [...view.querySelectorAll(".log-part > div")]
      .find((row) => row.getBoundingClientRect().bottom > top() + pixels),
    left: () => Math.round(view.scrollHeight - view.scrollTop - view.clientHeight),
  });
}"""
# from so and so far above the end to the end at once: how far from it one is then
JUMPS = """async () => {
  const found = [];
  for (let step = 1; step <= 12; step += 1) {
    view.scrollTop = view.scrollHeight - view.clientHeight - 250 * step;
    await frame();
    view.scrollTop = view.scrollHeight;
    await frame();
    await frame();
    found.push(left());
  }
  return found;
}"""
# upwards from the end, a little at a time: by how much else than this a line moved
READS_UP = """async () => {
  list.toBottom();
  await frame();
  const strays = [];
  for (let step = 0; step < 150; step += 1) {
    const row = below(280);
    const was = row.getBoundingClientRect().top;
    view.scrollTop -= 100;
    await frame();
    const moved = row.getBoundingClientRect().top - was;
    if (!row.isConnected || Math.abs(moved - 100) > 2) strays.push([step, moved]);
  }
  return strays;
}"""
RESIZES = """async () => {
  view.scrollTop = view.scrollHeight / 2;
  await frame();
  await frame();
  const found = [below(1).textContent.split(" ")[0]];
  for (const width of [300, 900, 450]) {
    view.style.width = `${width}px`;
    for (let n = 0; n < 4; n += 1) await frame();
    found.push(below(1).textContent.split(" ")[0]);
  }
  list.toBottom();
  await frame();
  view.style.width = "300px";
  for (let n = 0; n < 4; n += 1) await frame();
  return [found, left()];
}"""
# while lines come and go above
CHANGES = """async () => {
  view.scrollTop = view.scrollHeight / 2;
  await frame();
  await frame();
  const place = () => [below(1).textContent.split(" ")[0], Math.round(below(1).getBoundingClientRect().top)];
  const found = [place()];
  const changes = [
    (lines) => lines.slice(700),
    (lines) => lines.filter((line) => line % 3 || line === Number(found[0][0])),
    (lines) => lines.toSpliced(10, 0, ...[...Array(333).keys()].map((number) => number + 5000)),
  ];
  for (const change of changes) {
    list.replace(change(list.lines));
    for (let n = 0; n < 4; n += 1) await frame();
    found.push(place());
  }
  return found;
}"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(ROOT / "static"))) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


@pytest.fixture
def page(browser: Browser, server: ThreadingHTTPServer) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{server.server_port}/js/")
    yield page
    page.close()


def test_the_end_is_reached_from_anywhere(page: Page) -> None:
    page.evaluate(MAKE, {"count": 1201, "even": True})
    assert page.evaluate(JUMPS) == [0] * 12


def test_who_reads_upwards_is_not_thrown_about(page: Page) -> None:
    page.evaluate(MAKE, {"count": 2001, "even": False})
    assert page.evaluate(READS_UP) == []


def test_the_line_at_the_top_stays_there_in_another_width(page: Page) -> None:
    page.evaluate(MAKE, {"count": 2001, "even": False})
    lines, left = page.evaluate(RESIZES)
    assert lines == lines[:1] * 4
    assert left == 0


def test_the_line_at_the_top_stays_there_while_others_come_and_go(page: Page) -> None:
    page.evaluate(MAKE, {"count": 2001, "even": False})
    before, *afterwards = page.evaluate(CHANGES)
    assert afterwards == [before] * 3
