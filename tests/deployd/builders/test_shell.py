"""Scripts as the last resort."""

from tests.deployd.builders.projects import planned


def test_a_script_runs_with_the_shell_that_it_names() -> None:
    assert planned({"start.sh": "echo"}).processes == {"web": "sh start.sh"}
    assert planned({"run.sh": "#!/usr/bin/env bash\n"}).processes == {"web": "bash run.sh"}
    assert planned({"run.sh": "", "start.sh": ""}).processes == {"web": "sh start.sh"}


def test_line_ends_of_windows_are_changed_and_told() -> None:
    plan = planned({"start.sh": "#!/bin/sh\r\necho\r\n"})
    assert plan.steps == ("sed -i 's/\\r$//' start.sh",)
    assert "line ends of Windows" in plan.reasons[0]
    assert planned({"start.sh": "echo\n"}).steps == ()
