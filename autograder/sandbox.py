"""Shuts this process in, on Linux: no network, a root of read-only binds, no privileges, limits.

Plain system calls through ctypes: no root, no daemon, no package. `warm` calls `enter` in a process it has
forked, before any code of a student; everything here can only make a process weaker, never undo it.
"""

import ctypes
import os
import platform
import resource
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

HOME = "/tmp/work"  # the working directory inside, empty at the start
TOOLS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix", "/sys/devices/system/cpu")
SETTINGS = (
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "alternatives",
    "fonts",
    "localtime",
    "nsswitch.conf",
)
DEVICES = ("null", "zero", "full", "random", "urandom")
OLDEST_KERNEL = (5, 14)  # mount_setattr is of 5.12, limits on processes by user namespace are of 5.14
OWN_PID_MAX = (6, 14)  # since then, a namespace of processes has its own highest process number

NEW_NAMESPACES = 0x10000000 | 0x00020000 | 0x20000000 | 0x40000000 | 0x08000000 | 0x04000000
THREAD = 0x00010000  # CLONE_THREAD
RECURSIVE, BIND, PRIVATE, NOSUID, NODEV, NOEXEC, DETACH = 0x4000, 0x1000, 1 << 18, 2, 4, 8, 2

# System calls by machine. Those that make processes, change namespaces and mounts, look into other
# processes, allocate memory outside the limits, or have no business in a notebook.
CALLS = {
    "x86_64": {"audit": 0xC000003E, "mount_setattr": 442, "pivot_root": 155, "capset": 126,
               "clone": 56, "mmap": 9, "socket": 41, "prctl": 157, "denied": (
                   57, 58, 59, 322, 101, 310, 311, 312, 438,  # fork vfork execve execveat ptrace process_vm_*
                   272, 308, 165, 166, 155, 161, *range(428, 434), 442,  # unshare setns mount … pivot_root
                   321, 298, 323, *range(425, 428), 248, 249, 250, 304,  # bpf perf userfaultfd io_uring keys
                   319, 447, 29, 64, 68, 240)},  # memfd_create memfd_secret shmget semget msgget mq_open
    "aarch64": {"audit": 0xC00000B7, "mount_setattr": 442, "pivot_root": 41, "capset": 91,
                "clone": 220, "mmap": 222, "socket": 198, "prctl": 167, "denied": (
                    221, 281, 117, 270, 271, 272, 438,
                    97, 268, 40, 39, 41, 51, *range(428, 434), 442,
                    280, 241, 282, *range(425, 428), 217, 218, 219, 265,
                    279, 447, 194, 190, 186, 180)},
}  # fmt: skip
ALLOW, REFUSE, ABSENT = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 38  # the filter's answers: EPERM, ENOSYS
ALL_BITS = 0xFFFFFFFF
ARGUMENTS = (  # a system call, the number of an argument, values of its bits under a mask, and their answer;
    # all other values get the other one
    ("clone", 0, THREAD, (0,), REFUSE),
    ("mmap", 3, 0x21, (0x21,), REFUSE),  # memory that is shared and anonymous is in no limit
    # Unix, IPv4, IPv6, netlink, which all end in an empty namespace; vsock would not
    ("socket", 0, ALL_BITS, (1, 2, 10, 16), ALLOW),
    # PR_SET_PDEATHSIG: who watches over this process may not be changed
    ("prctl", 0, ALL_BITS, (1,), REFUSE),
)
CLONE3 = 435  # answers "no such call", so that the C library makes its threads by clone


class SandboxError(RuntimeError):
    """The sandbox cannot be had, in a sentence."""


class LostError(SandboxError):
    """The sandbox went away under the code in it, which is not that code's doing: it can be run again."""


def unavailable() -> str:
    """Why this machine has no sandbox, in one sentence; empty where nothing speaks against it."""
    if sys.platform != "linux":
        return f"The sandbox needs Linux, and this is {platform.system()}."
    if platform.machine() not in CALLS:
        return f"The sandbox knows {' and '.join(CALLS)}, and this is {platform.machine()}."
    if _kernel() < OLDEST_KERNEL:
        return (
            f"The sandbox needs Linux {'.'.join(map(str, OLDEST_KERNEL))}, and this is {platform.release()}."
        )
    if _setting("user/max_user_namespaces") == "0" or _setting("kernel/unprivileged_userns_clone") == "0":
        return "User namespaces are switched off on this machine (sysctl user.max_user_namespaces)."
    if os.geteuid() and _setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return (
            "AppArmor forbids user namespaces to ordinary users here "
            "(sysctl kernel.apparmor_restrict_unprivileged_userns=0 allows them)."
        )
    return ""


def separate() -> None:
    """Leave the namespaces of users, mounts, processes, networks, IPC and host names for new ones.

    The process must have one thread. Its next child is process 1 of the new namespace of processes, and
    everything in that ends with it.

    Raises:
        SandboxError: where the kernel refuses.
    """
    user, group = os.geteuid(), os.getegid()
    _call("unshare", NEW_NAMESPACES)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def enter(
    root: str, visible: Sequence[str], hidden: Sequence[str], memory: int, disk: int, threads: int
) -> None:
    """Give this process a root of its own and take its privileges away; to be called once, after `separate`.

    Args:
        root: an empty directory, on which the new root is put together.
        visible: directories that can be read inside, at their own places, beside the system's tools.
        hidden: directories that stay empty even where something visible contains them; what is
            visible inside of something hidden is put back.
        memory: bytes that the process may allocate.
        disk: bytes that it may write.
        threads: how many it may have. What is the same for all (open files, …) is in `_limit`.

    Raises:
        SandboxError: where the kernel refuses.
    """
    os.setsid()  # a signal to the process group must not reach those outside
    Path("/proc/self/oom_score_adj").write_text("1000")  # short of memory, the kernel ends this one first
    _call("mount", None, b"/", None, RECURSIVE | PRIVATE, None)
    _build(root, visible, hidden, disk, threads)
    os.chdir(root)
    _system_call("pivot_root", b".", b".")
    _call("umount2", b".", DETACH)
    _make_read_only(b"/", recursive=True)
    _make_read_only(b"/tmp", recursive=False, undo=True)
    os.chdir(HOME)
    _limit(memory, disk, threads)
    _drop_privileges()


def _build(root: str, visible: Sequence[str], hidden: Sequence[str], disk: int, threads: int) -> None:
    _mount_empty(root, "size=1m,mode=755")
    for name in ("proc", "dev", "etc", "tmp", "var"):
        os.mkdir(f"{root}/{name}")
    _mount_empty(f"{root}/tmp", f"size={disk},nr_inodes=20000,mode=1777")
    for link in ("var/tmp", "dev/shm"):
        os.symlink("/tmp", f"{root}/{link}")
    os.symlink("/proc/self/fd", f"{root}/dev/fd")
    _call("mount", b"proc", f"{root}/proc".encode(), b"proc", NOSUID | NODEV | NOEXEC, None)
    if _kernel() >= OWN_PID_MAX:  # RLIMIT_NPROC does not count root's threads; this does
        Path(f"{root}/proc/sys/kernel/pid_max").write_text(str(max(threads, 400)))
    for device in DEVICES:
        _bind(f"/dev/{device}", root)
    for setting in SETTINGS:
        _bind(f"/etc/{setting}", root)
    Path(f"{root}/etc/passwd").write_text(f"student:x:{os.getuid()}:{os.getgid()}::{HOME}:\n")
    for path in sorted({*TOOLS, *visible}, key=len):  # what is inside of another comes after that
        _bind(path, root)
    for path in hidden:
        if os.path.isdir(root + path):
            _mount_empty(root + path, "size=64k,mode=755")
            for inner in visible:
                if inner.startswith(f"{path}/"):
                    _bind(inner, root)
    os.makedirs(root + HOME, exist_ok=True)


def _bind(path: str, root: str) -> None:
    """Show a file or directory at its own place under the new root; links are copied; absent ones skipped."""
    target = root + path
    if os.path.islink(path) and path in TOOLS:  # /lib -> usr/lib
        os.symlink(os.readlink(path), target)
    elif os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
        _call("mount", path.encode(), target.encode(), None, BIND | RECURSIVE, None)
    elif os.path.exists(path):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600))
        _call("mount", path.encode(), target.encode(), None, BIND, None)


def _mount_empty(path: str, options: str) -> None:
    _call("mount", b"tmpfs", path.encode(), b"tmpfs", NOSUID | NODEV, options.encode())


def _make_read_only(path: bytes, recursive: bool, undo: bool = False) -> None:
    read_only, nosuid = 1, 2
    attributes = struct.pack("QQQQ", nosuid | (0 if undo else read_only), read_only if undo else 0, 0, 0)
    _system_call("mount_setattr", -100, path, 0x8000 if recursive else 0, attributes, len(attributes))


def limit_memory(memory: int) -> None:
    """Let this process allocate so many more bytes, or fewer where it is limited already.

    RLIMIT_DATA counts what is allocated; the address space, which TensorFlow reserves, is no measure.
    """
    status = Path("/proc/self/status").read_text()
    used = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData"))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = used + memory if hard == resource.RLIM_INFINITY else min(used + memory, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _limit(memory: int, disk: int, threads: int) -> None:
    limit_memory(memory)
    for what, most in (
        (resource.RLIMIT_FSIZE, disk),
        (resource.RLIMIT_NPROC, threads),
        (resource.RLIMIT_NOFILE, 1024),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def _drop_privileges() -> None:
    """No capability, now or by any program; no new process; what `CALLS` denies."""
    set_capability_bound, set_ambient, no_new_privileges, parent_death, set_filter = 24, 47, 38, 1, 22
    for capability in range(64):
        if LIBC.prctl(set_capability_bound, capability, 0, 0, 0):
            break  # the kernel knows no more of them
    LIBC.prctl(set_ambient, 4, 0, 0, 0)
    _system_call("capset", struct.pack("Ii", 0x20080522, 0), bytes(24))
    _call("prctl", no_new_privileges, 1, 0, 0, 0)
    _call("prctl", parent_death, 9, 0, 0, 0)
    program = _filter()
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    _call("prctl", set_filter, 2, header, 0, 0)


def _filter() -> bytes:
    """The seccomp filter: a program for the kernel's packet filter that looks at every system call."""
    calls = CALLS[platform.machine()]
    load, mask, equal, at_least, answer = 0x20, 0x54, 0x15, 0x35, 0x06

    def step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
        return struct.pack("HBBI", code, if_true, if_false, value)

    program = [
        step(load, 4), step(equal, calls["audit"], 1, 0), step(answer, REFUSE),  # another machine's calls
        step(load, 0), step(at_least, 0x40000000, 0, 1), step(answer, REFUSE),
        step(equal, CLONE3, 0, 1), step(answer, ABSENT),
    ]  # fmt: skip
    for number in calls["denied"]:
        program += [step(equal, number, 0, 1), step(answer, REFUSE)]
    for call, argument, bits, values, theirs in ARGUMENTS:
        tests = [each for value in values for each in (step(equal, value, 0, 1), step(answer, theirs))]
        other = ALLOW if theirs == REFUSE else REFUSE
        tests = [step(load, 16 + 8 * argument), step(mask, bits), *tests, step(answer, other)]
        program += [step(equal, calls[call], 0, len(tests)), *tests]
    return b"".join([*program, step(answer, ALLOW)])


def _kernel() -> tuple[int, ...]:
    return tuple(map(int, platform.release().split("-")[0].split(".")[:2]))


def _setting(name: str) -> str:
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return ""


LIBC = ctypes.CDLL(None, use_errno=True)


def _system_call(name: str, *arguments) -> None:
    _call("syscall", CALLS[platform.machine()][name], *arguments, what=name)


def _call(function: str, *arguments, what: str = "") -> None:
    if getattr(LIBC, function)(*arguments) < 0:
        reason = os.strerror(ctypes.get_errno())
        raise SandboxError(f"This machine refuses a sandbox: {what or function} says {reason!r}.")
