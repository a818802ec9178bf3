"""The class view in a browser, and a learner who hands in what stands."""

import json
import os

from sockets_lab import classroom

SOLVED = """
mine = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
mine.bind((machine.home_address(), 0))
lesson.check("own-address")
lesson.hand_in()
mine.close()
"""


def test_the_class_is_shown_from_a_folder_of_files(lab):
    with lab.lesson("instructor", dark=True, width=1024) as page:
        lab.whole(page, "instructor")
        page.get_by_text("Merged: 180 learners").wait_for()
        page.get_by_text("Not merged: 20 files").wait_for()
        assert page.get_by_role("table").filter(has_text="It is nested too deeply.").count() == 1
        for said in ("180 learners. 00:", "20 of 180 learners.", "network namespaces: yes, no"):
            page.locator(f'[aria-label*="{said}"], [alt*="{said}"]').first.wait_for()
        assert page.locator("b", has_text="Bold").count() == 0


def test_a_learner_solves_and_hands_in(lab, server):
    with lab.lesson("00_start_here", width=1024) as page:
        page.evaluate(
            "source => jupyterapp.shell.currentWidget.content.widgets.map(one => one.model)"
            ".find(cell => cell.sharedModel.source.startsWith('# your code')).sharedModel.setSource(source)", SOLVED)
        lab.run_all(page)
        page.get_by_text("exercises that the kernel showed in this moment: 00 own-address").wait_for()
        table = page.get_by_role("table").filter(has_text="live, a moment ago")
        table.scroll_into_view_if_needed()
        lab.shot(page, "hand_in")
    path = os.path.join(server["root_dir"], f"hand-in-{os.environ['SOCKETS_LAB_LEARNER']}.json")
    with open(path, encoding="utf-8") as file:
        assert json.load(file)["lessons"]["00_start_here"]["exercises"]["own-address"]["live"]
    os.makedirs(os.path.join(server["root_dir"], "handed_in"))
    os.replace(path, os.path.join(server["root_dir"], "handed_in", "a.json"))
    (one,) = classroom.merge(os.path.join(server["root_dir"], "handed_in")).hand_ins
    assert one.parts["00_start_here"].results["own-address"].live
