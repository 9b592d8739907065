"""Tests of the caveats about builds, machines and measured programs."""

from __future__ import annotations

import pytest
import stores

from jitbuild import target
from jitbuild.bench import caveats, machine
from jitbuild.bench.report import JITInspection
from jitbuild.errors import UsageError
from jitbuild.request import Variant
from jitbuild.store.interpreter import Interpreter


def test_a_slow_governor_and_other_work_are_reported(tmp_path):
    governor = tmp_path / "sys/devices/system/cpu/cpu0/cpufreq"
    governor.mkdir(parents=True)
    (governor / "scaling_governor").write_text("powersave\n")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/loadavg").write_text("3.10 1 1 1/1 1\n")
    (tmp_path / "proc/cpuinfo").write_text("processor: 0\nmodel name\t: A 1\nmodel name\t: A 1\n")
    first, second = machine.machine_warnings(tmp_path, processors=4)
    assert "powersave" in first
    assert "load 3.1 on 4" in second
    assert machine.describe_machine(tmp_path)["processor"] == "A 1"
    (governor / "scaling_governor").write_text("performance\n")
    (tmp_path / "proc/loadavg").write_text("0.10 1 1 1/1 1\n")
    assert list(machine.machine_warnings(tmp_path, processors=4)) == []


def test_a_machine_without_these_files_causes_no_warning(tmp_path):
    assert list(machine.machine_warnings(tmp_path)) == []


def test_the_operating_system_and_its_kernel_are_described():
    here = target.Host(
        target=target.Target(system="linux", arch="aarch64"),
        libc="glibc 2.36",
        distro=("an",),
        distro_name="An OS 1",
        cpus=2,
        kernel="Linux 6.1.0-9",
    )
    described = machine.describe_system(lambda: here)
    assert described == {"system": "An OS 1", "kernel": "Linux 6.1.0-9 (aarch64)"}


def test_a_machine_that_the_jit_does_not_support_has_no_description():
    def unsupported():
        raise UsageError("not supported", remedy="")

    assert machine.describe_system(unsupported) == {}


@pytest.mark.parametrize(
    ("profile", "debug", "expected"),
    [
        (
            "fast",
            False,
            "overstated. For reliable numbers: jitbuild install 3.15 --profile=release",
        ),
        ("release", True, "This is a debug build"),
        ("unknown", False, "jitbuild adopt /x/python --profile release"),
        ("release", False, None),
    ],
)
def test_a_build_that_distorts_the_times_is_reported(tmp_path, profile, debug, expected):
    variant = Variant(jit="yes-off", profile=profile)
    data = stores.manifest("3.15.2", adopted=True, executable="/x/python")
    interpreter = Interpreter(tmp_path, data, variant)
    warnings = list(caveats.build_caveats(interpreter, debug=debug))
    assert [expected in warning for warning in warnings] == ([True] if expected else [])


def test_missing_machine_code_is_reported_unless_no_gain_is_expected():
    nothing = JITInspection(compiled=())
    (warning,) = caveats.uncompiled_caveats({"lists": nothing, "in_c": nothing}, {"in_c"})
    assert warning.startswith("The JIT made no machine code in lists:")


def test_a_tracer_is_reported_unless_it_only_monitors():
    facts = {"x": {"tracers": ["sys.settrace", "sys.monitoring (a)"]}, "y": {}}
    assert list(caveats.tracer_caveats(facts)) == [
        "sys.settrace is set in the measured program: while it is set, no code runs in the JIT."
    ]
    assert list(caveats.tracer_caveats({"y": {}})) == []
