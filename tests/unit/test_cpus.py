"""The processors that a cgroup allows, from the text of its files."""

import math

import pytest

from jitbuild.system.cpus import quota_cpus, usable_cpus

V1 = "9:name=systemd:/\n2:cpu,cpuacct:/docker/abc\n1:memory:/x\n0::/\n"
V2 = "0::/user.slice/run-1.scope\n"
ROOT = "/sys/fs/cgroup"


def reading(**files):
    def read(path):
        return {"/proc/self/cgroup": files["cgroup"], **files["limits"]}.get(path)

    return read


@pytest.mark.parametrize(
    ("cgroup", "limits", "expected"),
    [
        (V2, {}, None),
        (V2, {f"{ROOT}/user.slice/run-1.scope/cpu.max": "max 100000\n"}, None),
        (V2, {f"{ROOT}/user.slice/run-1.scope/cpu.max": "150000 100000\n"}, 1.5),
        # The limit of a parent holds, too.
        (
            V2,
            {
                f"{ROOT}/user.slice/run-1.scope/cpu.max": "400000 100000\n",
                f"{ROOT}/user.slice/cpu.max": "50000 100000\n",
            },
            0.5,
        ),
        # In a container, only its own cgroup is mounted.
        (V2, {f"{ROOT}/cpu.max": "200000 100000\n"}, 2.0),
        ("0::/../../x\n", {f"{ROOT}/cpu.max": "300000 100000\n"}, 3.0),
        (
            V1,
            {
                f"{ROOT}/cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "250000\n",
                f"{ROOT}/cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000\n",
            },
            2.5,
        ),
        (
            V1,
            {
                f"{ROOT}/cpu/cpu.cfs_quota_us": "100000\n",
                f"{ROOT}/cpu/cpu.cfs_period_us": "100000\n",
            },
            1.0,
        ),
        (
            V1,
            {
                f"{ROOT}/cpu/cpu.cfs_quota_us": "-1\n",
                f"{ROOT}/cpu/cpu.cfs_period_us": "100000\n",
            },
            None,
        ),
        (V2, {f"{ROOT}/cpu.max": "nonsense\n"}, None),
        (V2, {f"{ROOT}/cpu.max": "0 0\n"}, None),
    ],
)
def test_the_lowest_quota_of_a_cgroup_and_those_above_it_counts(cgroup, limits, expected):
    assert quota_cpus(reading(cgroup=cgroup, limits=limits)) == expected


def test_without_cgroups_there_is_no_quota():
    assert quota_cpus(lambda path: None) is None


@pytest.mark.parametrize(
    ("quota", "allowed", "expected"), [(None, 4, 4), (1.5, 4, 2), (0.2, 4, 1), (8.0, 4, 4)]
)
def test_a_quota_is_rounded_up_and_never_exceeds_the_affinity(quota, allowed, expected):
    text = None if quota is None else f"{math.ceil(quota * 100000)} 100000"
    read = reading(cgroup=V2, limits={f"{ROOT}/cpu.max": text})
    assert usable_cpus(read=read, allowed=lambda: allowed) == expected


def test_this_machine_has_a_processor():
    assert usable_cpus() >= 1
