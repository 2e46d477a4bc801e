# SPDX-License-Identifier: MIT
"""Campaigns of injected faults: plan trials, run many in a boot, judge each, keep what is known.

A trial's name says all about it, so that naming it repeats it: KIND:COMPONENT:ADDRESS[:...]@DELAY. The guest's side is
tests/faults/campaign.c. Results go to build/faults/<what was tested>/results, a line each, as they come: a campaign that
was interrupted goes on where it stopped, and another build starts afresh.
"""

import hashlib
import json
import random
import re
import subprocess
import time
from dataclasses import asdict, dataclass, field

from . import cpio, faults_report, guest, log, manifest_check, mutations, rootfs, sites

FOLDER = "tests/faults"
BOOT_TRIALS = 200          # then a fresh machine
BOOT_LIMIT = 60            # seconds until the undisturbed work has been seen
TRIAL_LIMIT = 120          # seconds without a word from the guest
LOOK_EVERY = 5             # seconds, whether it will speak at all
GIVEN_UP = "out of service"
DEFAULT_TRIALS = 500
COVER_BYTES = 0x8000       # at a time, when it is found out what is executed
SWEEP_BYTES = 2048         # of text in one trial
SMALLEST_SWEEP = 16        # a failing sweep is halved until it is as small
ALARMS = re.compile(r"panic|given up|out of service|cannot be started")
OUTCOMES = ("transparent", "declared error", "silent damage", "hang", "leak", "spread", "down", "kernel panic")
NEVER = ("spread", "kernel panic")  # whatever the fault
MAX_DELAY_US = 30000       # most of the time that the work takes
# Faults without a mutated instruction: what they do, as /proc/bulkhead/fault is told.
ENDS = {"kill": "kill", "recovery": "kill", "sweep": "sweep", "hang": "hang"}
DATA = {"register": "register", "corrupt": "register", "drop": "register", "flip": "flip"}
REGISTERS = {"rdx": 6, "rsi": 7, "r14": 16}  # places in struct thread_registers (abi/objects.h)
KINDS = (*mutations.CLASSES, *DATA, "kill", "recovery", "hang")
LOOP = ("server_run", "receive")
N_REGISTERS = 18
VAULT_ADDRESS = 0x200000000000
STACK_END, STACK_BYTES = 0x100000000000, 0x10000


class CampaignError(Exception):
    """The campaign itself cannot be run; the text says why."""


@dataclass(frozen=True)
class Trial:
    """One fault. `order` is a line for /proc/bulkhead/fault."""
    name: str
    kind: str
    component: str
    order: str
    delay_us: int = 0
    sites: int = 1


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


def trial_of(name, instructions):
    """The trial of a name. `instructions`: of a component, by its name."""
    head, at, delay = name.partition("@")
    kind, component, *rest = head.split(":")
    if at and not delay.isdigit() or not rest:
        raise CampaignError(f"'{name}' names no trial")
    words, n_sites = rest, 1
    if kind in ("sweep", "cover"):
        words = rest[0].split("-")
        n_sites = sum(int(words[0], 16) <= i.address < int(words[1], 16) for i in instructions(component))
    elif kind == "recovery":
        words = [*rest, "next"]
    elif kind not in ENDS and kind not in DATA and kind not in mutations.CLASSES:
        raise CampaignError(f"'{name}': there is no fault '{kind}'")
    verb = "cover" if kind == "cover" else ENDS.get(kind) or DATA.get(kind) or "patch"
    return Trial(name, kind, component, " ".join([component, verb, *words]), int(delay or 0), n_sites)


def halves(trial, instructions):
    """A sweep in two, none when it is small enough."""
    first, end = (int(word, 16) for word in trial.name.split(":")[2].split("-"))
    if end - first <= SMALLEST_SWEEP:
        return []
    middle = (first + end) // 2
    return [t for t in (trial_of(f"sweep:{trial.component}:{a:#x}-{b:#x}", instructions)
                        for a, b in ((first, middle), (middle, end))) if t.sites]


# --- one boot

class BootOver(Exception):
    """Nothing more is wanted of this machine."""


class Reader:
    """Takes the guest's output apart; calls begun(name), ended(name, values, difference) and failed(why)."""

    def __init__(self, begun, ended, failed):
        self.begun, self.ended, self.failed = begun, ended, failed
        self.held = b""
        self.baseline = self.over = False

    def feed(self, data):
        self.held += data
        while self._line():
            pass

    def _line(self):
        line, newline, rest = self.held.partition(b"\n")
        if not newline:
            return False
        difference = ""
        if match := re.search(rb" printed (\d+)$", line):
            shown = re.match(rb"(?s)(.{%d})\nerrors (\d+)\n" % int(match[1]), rest)
            more = shown and re.match(rb"(?s)(.{%d})\n(ledger [^\n]*)\n" % int(shown[2]), rest[shown.end():])
            if not more:
                return False
            difference = b"\n".join((shown[1], more[1], more[2])).decode(errors="replace")
            line, rest = line[:match.start()], rest[shown.end() + more.end():]
        self.held = rest
        word, _, text = line.decode(errors="replace").partition(" ")
        if word == "begin":
            self.begun(text)
        elif word == "baseline":
            if "work=same" not in text or "status=0 " not in text or "settled=yes" not in text:
                raise CampaignError(f"without faults already: {text}\n{difference}")
            self.baseline = True
            self.begun("")
        elif word == "end" and not text.startswith("warm "):
            name, *pairs = text.split(" ")
            self.ended(name, dict(pair.partition("=")[::2] for pair in pairs), difference)
        elif word == "over":
            self.over = True
        elif word == "campaign:":
            self.failed(text)
        return True


def judge(trial, values, difference, log_text):
    """The result of a trial that came to its end."""
    hits, same = int(values["hits"]), values["work"] == "same"
    if values["state"] == "refused" and trial.kind != "flip":  # which may miss the vault
        raise CampaignError(f"{trial.name}: the order was refused\n{log_text}")
    starts = dict(re.findall(r"([^:,]+):(-?\d+):\d+", values["starts"]))
    states = dict(re.findall(r"([^:,]+):-?\d+:(\d+)", values["starts"]))
    stall = int(values["stall_us"])
    others = [name for name in starts if name != trial.component]
    alarms = [line for line in log_text.splitlines()
              if ALARMS.search(line) and not line.startswith(f"{trial.component}: ")]
    if trial.kind == "sweep":
        stall = 0  # of many deaths in a row
    if int(values["status"]) < 0:
        outcome = "hang"
    elif any(state != "2" for state in states.values()):
        outcome = "down"
    elif not same:
        outcome = "declared error" if int(values["errors"]) or int(values["status"]) else "silent damage"
    elif values["settled"] != "yes":
        outcome = "leak"
    elif others:
        outcome = "spread"
    else:
        outcome = "transparent"
    detail = "" if outcome == "transparent" else "\n".join([*alarms, *([f"also restarted: {' '.join(others)}"]
                                                                       if others else []), difference])
    return Result(trial.name, outcome, hits, int(values["died"]), stall, detail, values)


class Boot:
    """Runs trials in one machine until something is wrong with it. `report(result)` gets each as it ends."""

    def __init__(self, settings, programs, trials, report):
        self.settings, self.trials, self.report = settings, {t.name: t for t in trials}, report
        overlay = cpio.Archive(rootfs.MTIME)
        overlay.file("bin/campaign", programs["campaign"], 0o755)
        overlay.file("campaign/work.sh", programs["work"], 0o755)
        overlay.file("campaign/plan", "".join(f"{t.name} {t.delay_us} {t.order}\n" for t in trials))
        self.guest = guest.Guest(settings, guest.Script(b"#!/bin/sh\nexec campaign /campaign/work.sh /campaign/plan\n",
                                                        overlay, b""))
        self.running, self.log_at = None, 0
        self.deadline = time.monotonic() + BOOT_LIMIT
        self.guest.remaining = self._remaining
        self.reader = Reader(self._begun, self._ended, self._failed)

    def run(self):
        try:
            self.guest.run(self.reader.feed, lambda data: None)
        except BootOver:
            return
        except guest.TimedOut:
            outcome, why = "down" if GIVEN_UP in self._log() else "hang", "the machine has fallen silent"
        except guest.GuestError as error:
            outcome, why = "kernel panic", str(error)
        else:
            if self.reader.over:
                return
            outcome, why = "hang", "the campaign has ended before its time"
        if not self.reader.baseline or not self.running:
            raise CampaignError(f"{why}\n{self._log()}")
        self.report(Result(self.running, outcome, 1, detail=f"{why}\n{self._log()}"))

    def _remaining(self):
        """Seconds to wait for the guest's next word, none when there will be no more."""
        if self.reader.baseline and GIVEN_UP in self._log():
            return 0
        return min(LOOK_EVERY, self.deadline - time.monotonic())

    def _log(self):
        return log.name_components(self.guest.log, self.guest.log.read_bytes()[self.log_at:].decode(errors="replace"))

    def _begun(self, name):
        self.deadline = time.monotonic() + TRIAL_LIMIT
        self.running, self.log_at = name, self.guest.log.stat().st_size

    def _failed(self, why):
        """The guest's campaign, a program like the others, was told of an error and has ended."""
        if not self.running:
            raise CampaignError(f"without faults already: {why}")
        self.report(Result(self.running, "declared error", 1, detail=f"{why}\n{self._log()}"))
        raise BootOver

    def _ended(self, name, values, difference):
        text = self._log()
        result = judge(self.trials[name], values, difference, text)
        if result.outcome != "transparent":
            result.detail += "\n--- log\n" + "\n".join(text.splitlines()[-30:])
        self.running = None
        self.report(result)
        if result.outcome != "transparent":
            raise BootOver


# --- a campaign

class Campaign:
    """The trials that are wanted, and what is known of them."""

    def __init__(self, project, say):
        self.project, self.say = project, say
        self.system = manifest_check.load(project.system_path("busybox"), project.root)
        self.images = {c.name: c.image for c in self.system.components}
        self.known_instructions, self.known_mutations = {}, {}
        self.programs = {"campaign": self._build("campaign"),
                         "work": (project.root / FOLDER / "work.sh").read_bytes()}
        self.settings = guest.Settings(project.root, project.build, project.debian, icount=True,
                                       sites=lambda image: sites.bitmap(project.build, image))
        digest = hashlib.sha256(b"".join(self.programs.values()))
        for path in [project.build / "kernel.elf", project.build / "liblinux.elf", project.build / "servers/supervisor.elf",
                     *(project.build / f"{image}.elf" for image in sorted(set(self.images.values())))]:
            digest.update(path.read_bytes())
        self.folder = project.build / "faults" / digest.hexdigest()[:12]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.results = {}
        path = self.folder / "results"
        for line in path.read_text().splitlines() if path.exists() else ():
            result = Result(**json.loads(line))
            self.results[result.name] = result

    def _build(self, name):
        source, path = self.project.root / FOLDER / f"{name}.c", self.project.build / "tests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.stat().st_mtime < source.stat().st_mtime:
            subprocess.run(["clang", "-O1", "-static", "-Wall", "-Wextra", "-Werror", "-o", path, source], check=True)
        return path.read_bytes()

    def instructions(self, component):
        if component not in self.images:
            raise CampaignError(f"there is no component '{component}'; known: {' '.join(self.images)}")
        image = self.images[component]
        if image not in self.known_instructions:
            self.known_instructions[image] = sites.instructions(self.project.build, image)
        return self.known_instructions[image]

    def trial(self, name):
        return trial_of(name, self.instructions)

    def sweeps(self, component):
        """Trials that end the component at each of its instructions."""
        found = self.instructions(component)
        trials = [self.trial(f"sweep:{component}:{at:#x}-{min(at + SWEEP_BYTES, found[-1].address + 1):#x}")
                  for at in range(found[0].address, found[-1].address + 1, SWEEP_BYTES)]
        return [t for t in trials if t.sites]

    def mutations(self, component):
        """Mutations of a component's image, by class."""
        image = self.images[component]
        if image not in self.known_mutations:
            classes = {}
            reached = set(self.reached(component))
            for mutation in mutations.mutations(self.project.build, image):
                if mutation.address in reached:
                    classes.setdefault(mutation.kind, []).append(mutation)
            self.known_mutations[image] = classes
        return self.known_mutations[image]

    def data_fault(self, kind, component, choice):
        """The rest of the name of a fault in data or registers."""
        if kind == "flip":
            areas = [(VAULT_ADDRESS, 1 << 16), (STACK_END - STACK_BYTES, STACK_BYTES)]
            base, size = choice.choice(areas)
            return f"{base + choice.randrange(size // 8) * 8:#x}:{1 << choice.randrange(64):#x}"
        if kind == "register":
            return f"{choice.choice(self.reached(component)):#x}:{choice.randrange(3, N_REGISTERS)}:{1 << choice.randrange(64):#x}"
        # An answer leaves with the system call of the event loop.
        reached = set(self.reached(component))
        loop = [i for i in self.instructions(component)
                if i.function in LOOP and i.name == "syscall" and i.address in reached]
        register = "r14" if kind == "drop" else choice.choice(("rdx", "rsi"))
        bit = 32 if kind == "drop" else choice.randrange(32)
        return f"{choice.choice(loop).address:#x}:{REGISTERS[register]}:{1 << bit:#x}"

    def random_trial(self, components, kinds, choice):
        component, kind = choice.choice(components), choice.choice(kinds)
        if kind in DATA:
            rest = self.data_fault(kind, component, choice)
        elif kind in ENDS:
            rest = f"{choice.choice(self.reached(component)):#x}"
        elif not self.mutations(component).get(kind):
            return self.random_trial(components, kinds, choice)
        else:
            mutation = choice.choice(self.mutations(component)[kind])
            rest = f"{mutation.address:#x}:{mutation.data.hex()}"
        delay = choice.choice((0, choice.randrange(MAX_DELAY_US)))
        return self.trial(f"{kind}:{component}:{rest}@{delay}")

    def reached(self, component):
        """Addresses of the instructions that the component executes while the programs work; tried out once."""
        path = self.folder / f"reached-{component}"
        if not path.exists():
            end = self.instructions(component)[-1].address + 1
            trials = [self.trial(f"cover:{component}:{at:#x}-{min(at + COVER_BYTES, end):#x}")
                      for at in range(sites.IMAGE_ADDRESS, end, COVER_BYTES)]
            boot = Boot(self.settings, self.programs, trials, lambda result: None)
            boot.run()
            path.write_text("\n".join(re.findall(rf"{component} reached ([0-9a-f]+)$", log.read(boot.guest.log),
                                                 re.MULTILINE)))
        return sorted(int(word, 16) for word in path.read_text().split())

    def run(self, trials):
        """Run those of which nothing is known yet. Failing sweeps are halved on the way."""
        todo = [t for t in trials if t.name not in self.results]
        progress = Progress(self, len(trials) - len(todo), len(trials))

        def report(result):
            self.results[result.name] = result
            with open(self.folder / "results", "a") as file:
                file.write(json.dumps(asdict(result)) + "\n")
            trial = self.trial(result.name)
            smaller = halves(trial, self.instructions) if trial.kind == "sweep" and result.outcome != "transparent" else []
            progress.ended(trial, result, len(smaller))
            todo.remove(trial)
            todo[:0] = [t for t in smaller if t.name not in self.results]
        while todo:
            Boot(self.settings, self.programs, todo[:BOOT_TRIALS], report).run()
        progress.close()


class Progress:
    """One line that tells how far it is; failing trials are printed as they come."""

    def __init__(self, campaign, done, total):
        self.campaign, self.done, self.total, self.new = campaign, done, total, 0
        self.started = time.monotonic()
        self.failed = 0

    def ended(self, trial, result, more):
        self.done += 1
        self.new += 1
        self.total += more
        if result.outcome != "transparent":
            self.failed += 1
            self.campaign.say(f"{result.outcome}; to run just this: ./bulkhead faults --trial {trial.name}")
        elapsed = time.monotonic() - self.started
        left = elapsed / self.new * (self.total - self.done)
        self.campaign.say(f"{self.done}/{self.total} {trial.name}: {result.hits} hits, {result.outcome}, "
                          f"stall {result.stall_us} us; about {left / 60:.0f} min left")

    def close(self):
        self.campaign.say(f"{self.done} trials, {self.failed} of {self.new} new ones not transparent")


# --- the command

def run(project, arguments, say):
    campaign = Campaign(project, say)
    choice = random.Random(arguments.seed)
    if arguments.trial:
        for name in arguments.trial:
            campaign.results.pop(name, None)
        trials = [campaign.trial(name) for name in arguments.trial]
    elif arguments.kills:
        trials = [t for name in arguments.components for t in campaign.sweeps(name)]
        choice.shuffle(trials)
        trials = trials[:arguments.n] if arguments.n else trials
    else:
        kinds = arguments.kinds.split(",") if arguments.kinds else KINDS
        if unknown := [kind for kind in kinds if kind not in KINDS]:
            raise CampaignError(f"there is no fault '{unknown[0]}'; known: {' '.join(KINDS)}")
        trials = {t.name: t for t in (campaign.random_trial(arguments.components, kinds, choice)
                                      for _ in range(arguments.n or DEFAULT_TRIALS))}.values()
    campaign.run(list(trials))
    pairs = [(t, campaign.results[t.name]) for t in trials]
    if arguments.trial:
        for trial, result in pairs:
            print(f"{trial.name}: {result.outcome}, {result.hits} hits\n{result.detail}")
    else:
        print(faults_report.text(pairs))
        path = campaign.folder / "report.html"
        path.write_text(faults_report.html(pairs))
        say(f"as a page: {project.relative(path)}")
    return 1 if any(noticed(*pair) for pair in pairs) else 0


def noticed(trial, result):
    """Whether it breaks a promise: kills are never noticed, and nothing brings down the kernel or a neighbour."""
    return result.outcome in NEVER or (trial.kind in ENDS and result.outcome != "transparent")
