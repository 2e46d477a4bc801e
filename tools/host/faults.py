# SPDX-License-Identifier: MIT
"""Campaigns of injected faults: run trials (faults_plan.py) in machines (faults_machine.py), judge each, keep what is known.

Results go to build/faults/<what was tested>/results, a line each, as they come: a campaign that was interrupted goes on
where it stopped, and another build starts afresh.
"""

import collections
import concurrent.futures
import hashlib
import json
import os
import random
import re
import subprocess
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import faults_machine, faults_plan, faults_report, guest, image, manifest_check, sites
from .faults_plan import ENDS, KINDS, CampaignError

FOLDER = "tests/faults"
ROW = 16  # trials from one saved state
EVERY = (f"{FOLDER}/every.c", *(f"tests/linux/{name}.c" for name in (
    "memory", "threads", "process", "signals", "pipes", "regular")))  # the programs that every.sh uses
DEFAULT_TRIALS = 500
COMPONENTS = ["tmpfs", "tty", "proc", "uart0", "supervisor", "guardian"]
ALARMS = re.compile(r"panic|given up|out of service|cannot be started")
OUTCOMES = ("transparent", "declared error", "silent damage", "hang", "leak", "spread", "down", "kernel panic")
NEVER = ("spread", "kernel panic")  # whatever the fault


@dataclass
class Result:
    """What came of a trial. `outcome` is one of OUTCOMES; `hits` says how often the fault has struck."""
    name: str
    outcome: str
    hits: int = 0
    died: int = 0
    stall_us: int = 0
    detail: str = ""
    values: dict = field(default_factory=dict)


class Refused(CampaignError):
    """An order was refused."""


# --- one trial

def judge(trial, values, difference, log_text):
    """The result of a trial that came to its end, or to that of the campaign in it."""
    if not values:
        return Result(trial.name, "declared error", 1, detail=difference)
    hits, same = int(values["hits"]), values["work"] == "same"
    decides = trial.component in image.TWINS  # what a mutated supervisor says of orders, or ends, is its mistake
    if values["state"] == "refused" and trial.kind != "flip" and not decides:  # a flip may miss the vault
        raise Refused(f"{trial.name}: the order was refused\n{log_text}")
    deaths = [words.split(":") for words in values["deaths"].split(",") if words]  # name, failures, ends that a twin decides on, state
    stall = int(values["stall_us"])
    replaced = decides and any(ended != "0" for name, _, ended, _ in deaths if name != trial.component)
    others = [name for name, failures, ended, _ in deaths
              if name != trial.component and (failures != "0" or (ended != "0" and not decides))]
    alarms = [line for line in log_text.splitlines()
              if ALARMS.search(line) and not line.startswith(f"{trial.component}: ")]
    if trial.kind == "sweep":
        stall = 0  # of many deaths in a row
    if int(values["status"]) < 0:
        outcome = "hang"
    elif any(state != "2" for *_, state in deaths):
        outcome = "down"
    elif others:
        outcome = "spread"
    elif not same:
        outcome = "declared error" if int(values["errors"]) or int(values["status"]) else "silent damage"
    elif values["settled"] != "yes":
        outcome = "leak"
    else:
        outcome = "transparent"
    detail = "" if outcome == "transparent" else "\n".join([*alarms, *([f"also restarted: {' '.join(others)}"]
                                                                       if others else []), difference])
    return Result(trial.name, outcome, hits, int(values["died"]) or int(replaced), stall, detail, values)


# --- a campaign

def build(project, source, *options):
    """A program for the guest; its path."""
    source, path = project.root / source, project.build / "tests" / Path(source).stem
    path.parent.mkdir(parents=True, exist_ok=True)
    newest = max(file.stat().st_mtime for file in (source, *source.parent.glob("*.h")))
    if not path.exists() or path.stat().st_mtime < newest:
        subprocess.run(["clang", "-O1", "-static", "-pthread", "-Wall", "-Werror", "-o", path, source, *options],
                       check=True)
    return path


def build_program(project):
    """The campaign's program for the guest, at an address of its own; its path."""
    return build(project, f"{FOLDER}/campaign.c", "-Wextra", f"-Wl,-Ttext-segment={faults_machine.PROGRAM_ADDRESS:#x}")


def take_row(todo, most):
    """The next trials that can stand in one row; a sweep, which is many in one, stands alone."""
    row = []
    while todo and len(row) < most and (todo[0].kind != "sweep" or not row):
        row.append(todo.popleft())
        if row[0].kind == "sweep":
            break
    return row


class Campaign:
    """The trials that are wanted, and what is known of them."""

    def __init__(self, project, say, jobs=1, every=False, boot_words=""):
        """`every`: the programs ask for everything that servers have a handler for. `boot_words`: for the components."""
        self.project, self.say, self.jobs = project, say, jobs
        self.command = f"./bulkhead faults {'--every ' if every else ''}--trial"
        system = manifest_check.load(project.system_path("busybox"), project.root)
        images = {c.name: c.image for c in system.components}
        images.update({name: f"servers/{name}" for name in image.TWINS})
        self.programs = [build_program(project), *(build(project, source) for source in EVERY if every)]
        self.scripts = [project.root / FOLDER / name for name in (["every.sh"] if every else []) + ["work.sh"]]
        self.boot_words = boot_words
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in self.programs + self.scripts) + boot_words.encode())
        for name in ("kernel", "liblinux", *sorted(set(images.values()))):
            digest.update((project.build / f"{name}.elf").read_bytes())
        self.folder = project.build / "faults" / digest.hexdigest()[:12]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.plan = faults_plan.Plan(project.build, images, self.reached)
        self.known_reached, self.results = {}, {}
        self.scout = None  # the machine in which it is tried out what components execute
        self.stop = threading.Event()
        path = self.folder / "results"
        for line in path.read_text().splitlines() if path.exists() else ():
            result = Result(**json.loads(line))
            self.results[result.name] = result

    def machine(self):
        build = self.project.build
        settings = guest.Settings(self.project.root, build, self.project.debian, icount=True,
                                  sites=lambda image: sites.bitmap(build, image), boot_words=self.boot_words)
        return faults_machine.Machine(settings, self.programs, self.scripts, self.stop)

    def reached(self, component, anew=False):
        """Addresses of the instructions that the component executes while the programs work; tried out once."""
        path = self.folder / f"reached-{component}{'-anew' if anew else ''}"
        if path not in self.known_reached:
            if not path.exists():
                path.write_text("\n".join(f"{address:x}" for address in self._reach(component, anew)))
            self.known_reached[path] = [int(word, 16) for word in path.read_text().split()]
        return self.known_reached[path]

    def _reach(self, component, anew):
        self.scout = self.scout or self.machine()
        found = set()
        for trial in self.plan.cover(component, anew):
            result = attempt(self.scout, trial)
            if result.outcome != "transparent":
                raise CampaignError(f"{trial.name}: {result.outcome}\n{result.detail}")
            found.update(int(word, 16) for word in re.findall(rf"{component} reached ([0-9a-f]+)$", self.scout.log_text(),
                                                              re.MULTILINE))
        return sorted(found)

    def close(self):
        if self.scout:
            self.scout.close()

    def run(self, trials, alone_each=False):
        """Run those of which nothing is known yet, in several machines, in rows unless each is to be alone. Failing sweeps are
        halved on the way."""
        todo = collections.deque(t for t in trials if t.name not in self.results)
        progress = Progress(self.say, self.command, len(trials) - len(todo), len(trials))
        lock = threading.Lock()

        def report(trial, result):
            smaller = []
            if trial.kind == "sweep" and result.outcome != "transparent":
                smaller = faults_plan.halves(trial, self.plan.instructions)
            with lock:
                self.results[result.name] = result
                with open(self.folder / "results", "a") as file:
                    file.write(json.dumps(asdict(result)) + "\n")
                todo.extendleft(t for t in smaller if t.name not in self.results)
                progress.ended(trial, result, len(smaller))

        def work():
            machine = self.machine()
            try:
                while todo:
                    with lock:
                        row = take_row(todo, 1 if alone_each else ROW)
                    left = collections.deque(row)
                    while left:
                        for trial, result in attempt_row(machine, list(left)):
                            left.popleft()
                            report(trial, result)
            except faults_machine.Stopped:
                pass
            finally:
                machine.close()

        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            workers = [pool.submit(work) for _ in range(min(self.jobs, len(todo)))]
            try:
                for worker in concurrent.futures.as_completed(workers):
                    worker.result()
            finally:
                self.stop.set()
        progress.close()


def attempt_all(machine, trials):
    """Carry trials out one behind the other, from the saved state: the work of each shows whether the one before has left
    everything sound. The results, up to the first that is not transparent. Raises faults_machine.Lost."""
    results = []
    for trial, (values, difference) in zip(trials, machine.row([f"{t.delay_us} {t.order}" for t in trials])):
        text = machine.log_text()
        try:
            results.append(result := judge(trial, values, difference, text))
        except Refused:
            if not results:
                raise
            break  # what those before it have left is in its way: it begins the next row
        if result.outcome != "transparent":
            result.detail += "\n--- log\n" + "\n".join(text.splitlines()[-30:])
            break
    return results


def attempt_row(machine, trials):
    """Carry trials out in a row: pairs (trial, result), as far as all was well. A failing one is carried out alone and is the
    row's last."""
    try:
        done = list(zip(trials, attempt_all(machine, trials)))
    except faults_machine.Lost as lost:
        n = min(machine.n_over(), len(trials) - 1)
        result = Result(trials[n].name, lost.outcome, 1, detail=f"{lost}\n{machine.log_text()}")
        done = attempt_row(machine, trials[:n]) if n else []  # were they sound?
        if n and (len(done) < n or done[-1][1].outcome != "transparent"):
            return done
        done.append((trials[n], result))
    *before, (trial, result) = done
    return alone(machine, before, trial, result) if before and result.outcome != "transparent" else done


def attempt(machine, trial):
    """Carry one trial out."""
    return attempt_row(machine, [trial])[0][1]


def only_behind(before, result):
    """A result that a trial has only behind others."""
    result.detail = f"only behind {' '.join(t.name for t, _ in before)}\n{result.detail}"
    return result


def alone(machine, done, trial, result):
    """The last of a row has failed. If it does not by itself, one of those before it has left the cause: the latest that fails
    alone; if none does, the failure stays the row's."""
    by_itself = attempt(machine, trial)
    if by_itself.outcome != "transparent":
        return [*done, (trial, by_itself)]
    for n in reversed(range(len(done))):
        before = done[n] = (done[n][0], attempt(machine, done[n][0]))
        if before[1].outcome != "transparent":
            return [*done, (trial, by_itself)]
    return [*done, (trial, only_behind(done, result))]


class Progress:
    """One line that tells how far it is; failing trials are printed as they come."""

    def __init__(self, say, command, done, total):
        self.say, self.command, self.done, self.total, self.new = say, command, done, total, 0
        self.started = time.monotonic()
        self.failed = 0

    def ended(self, trial, result, more):
        self.done += 1
        self.new += 1
        self.total += more
        if result.outcome != "transparent":
            self.failed += 1
            self.say(f"{result.outcome}; to run just this: {self.command} {trial.name}")
        elapsed = time.monotonic() - self.started
        left = elapsed / self.new * (self.total - self.done)
        self.say(f"{self.done}/{self.total} {trial.name}: {result.hits} hits, {result.outcome}, stall {result.stall_us} us; "
                 f"about {left / 60:.0f} min left")

    def close(self):
        self.say(f"{self.done} trials, {self.failed} of {self.new} new ones not transparent")


# --- the command

def chosen(plan, arguments):
    """The trials that the command line asks for."""
    choice = random.Random(arguments.seed)
    if arguments.trial:
        return [plan.trial(name) for name in arguments.trial]
    if arguments.kills:
        trials = [t for name in arguments.components for t in plan.sweeps(name)]
        choice.shuffle(trials)
        return trials[:arguments.n] if arguments.n else trials
    kinds = arguments.kinds.split(",") if arguments.kinds else KINDS
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise CampaignError(f"there is no fault '{unknown[0]}'; known: {' '.join(KINDS)}")
    trials = (plan.random_trial(arguments.components, kinds, choice) for _ in range(arguments.n or DEFAULT_TRIALS))
    return list({t.name: t for t in trials}.values())


def run(project, arguments, say):
    if arguments.trace and not arguments.trial:
        raise CampaignError("--trace goes with --trial NAME")
    campaign = Campaign(project, say, arguments.jobs or os.cpu_count(), arguments.every,
                        "trace=1" if arguments.trace else "")
    for name in arguments.trial or ():
        campaign.results.pop(name, None)
    try:
        trials = chosen(campaign.plan, arguments)[arguments.skip:]
    finally:
        campaign.close()
    try:
        campaign.run(trials, alone_each=bool(arguments.trial))
    finally:  # when it was interrupted, of what is known
        pairs = [(t, campaign.results[t.name]) for t in trials if t.name in campaign.results]
        report(campaign, arguments, pairs, say)
        if len(pairs) < len(trials):
            say(f"{len(pairs)} of {len(trials)} trials; the same command goes on")
    return 1 if any(noticed(*pair) for pair in pairs) else 0


def report(campaign, arguments, pairs, say):
    """Print what came of the trials, as a table unless they were named."""
    if arguments.trial:
        for trial, result in pairs:
            print(f"{trial.name}: {result.outcome}, {result.hits} hits\n{result.detail}")
    else:
        print(faults_report.text(pairs))
        path = campaign.folder / "report.html"
        path.write_text(faults_report.html(pairs))
        say(f"as a page: {campaign.project.relative(path)}")


def noticed(trial, result):
    """Whether it breaks a promise: kills are never noticed, and nothing brings down the kernel or a neighbour."""
    return result.outcome in NEVER or (trial.kind in ENDS and result.outcome != "transparent")
