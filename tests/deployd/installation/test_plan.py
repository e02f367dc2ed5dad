"""What installing and uninstalling consist of, before anything is done."""

from pathlib import Path

from deployd.config_file import load
from deployd.installation.layout import Layout, Origin
from deployd.installation.plan import install_plan, out_of_reach, uninstall_plan
from deployd.installation.steps import Step, TextFile

FILE = Origin(command=("/root/deployd",), file=Path("/root/deployd"), systemd=True)


def sentences(steps: list[Step]) -> list[str]:
    return [step.sentence for step in steps]


def text_of(steps: list[Step], name: str) -> str:
    return next(step.text for step in steps if isinstance(step, TextFile) and step.path.name == name)


def test_a_single_file_is_copied_and_unpacked_for_a_service_of_its_own_user() -> None:
    assert sentences(install_plan(FILE, Layout())) == [
        "Add the system user deployd (home /var/lib/deployd, no login).",
        "Make the folder /var/lib/deployd (0700 deployd:deployd).",
        "Make the folder /etc/deployd (0750 root:deployd).",
        "Write /etc/deployd/deployd.toml (0640 root:deployd).",
        "Copy /root/deployd to /usr/local/bin/deployd.",
        "Make the folder /usr/local/lib/deployd (0755 root:root).",
        "Unpack /usr/local/bin/deployd in /usr/local/lib/deployd.",
        "Write /etc/systemd/system/deployd.service (0644 root:root).",
        "Enable and start deployd.service (one that runs is reloaded).",
    ]


def test_a_package_stays_where_it_is_and_the_unit_starts_it_there() -> None:
    steps = install_plan(Origin(command=("/opt/tools/bin/deployd",), systemd=True), Layout())
    assert not [sentence for sentence in sentences(steps) if sentence.startswith(("Copy", "Unpack"))]
    unit = text_of(steps, "deployd.service")
    assert "\nExecStart=/opt/tools/bin/deployd serve --config /etc/deployd/deployd.toml\n" in unit
    assert "\nExecReload=/opt/tools/bin/deployd reload --config /etc/deployd/deployd.toml\n" in unit


def test_the_unit_names_the_installed_file_and_no_step_that_was_taken_already() -> None:
    unit = text_of(install_plan(FILE, Layout()), "deployd.service")
    assert "\nExecStart=/usr/local/bin/deployd serve " in unit
    assert "/opt/" not in unit
    assert "useradd" not in unit


def test_without_systemd_there_is_no_unit() -> None:
    steps = install_plan(Origin(command=("/root/deployd",), file=Path("/root/deployd"), systemd=False), Layout())
    assert sentences(steps)[-1] == "Unpack /usr/local/bin/deployd in /usr/local/lib/deployd."


def test_the_configuration_is_the_commented_reference_and_can_be_read(tmp_path: Path) -> None:
    written = tmp_path / "deployd.toml"
    written.write_text(text_of(install_plan(FILE, Layout()), "deployd.toml"))
    config = load(written)
    assert config.paths.data_dir == Path("/var/lib/deployd")
    assert config.apps == {}
    assert "# The public listener" in written.read_text()


def test_uninstalling_takes_the_program_last_and_the_data_only_when_purged() -> None:
    kept = sentences(uninstall_plan(Layout(), systemd=True, daemon=None, single_file=True, purge=False))
    assert kept == [
        "Stop and disable deployd.socket, deployd.service.",
        "End the apps it runs.",
        "Remove /etc/systemd/system/deployd.service.",
        "Remove /etc/systemd/system/deployd.socket.",
        "Have systemd read its units again.",
        "Remove /usr/local/bin/deployd.previous.",
        "Remove /usr/local/bin/deployd.",
        "Remove /usr/local/lib/deployd.",
    ]
    purged = sentences(uninstall_plan(Layout(), systemd=True, daemon=None, single_file=True, purge=True))
    assert [one for one in purged if one not in kept] == [
        "Remove /etc/deployd.",
        "Remove /var/lib/deployd.",
        "Remove the system user deployd.",
    ]


def test_uninstalling_leaves_a_package_to_what_installed_it() -> None:
    steps = uninstall_plan(Layout(), systemd=True, daemon=None, single_file=False, purge=True)
    assert not [sentence for sentence in sentences(steps) if "/usr/local" in sentence]


def test_a_program_in_a_home_is_refused_with_the_command_that_installs_it_for_all() -> None:
    told = out_of_reach(("/root/.local/bin/deployd",), Path("/usr"))
    assert told is not None
    assert told.startswith("This deployd runs from /root/.local/bin/deployd, which a service cannot reach: install it")
    assert out_of_reach(("/opt/deployd/bin/deployd",), Path("/root/.local/share/uv/python")) is not None
    assert out_of_reach(("/opt/deployd/bin/deployd",), Path("/usr")) is None
