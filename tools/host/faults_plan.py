# SPDX-License-Identifier: MIT
"""Which faults are injected: trials by name, by chance, and as sweeps over all instructions of a component.

A trial's name says all about it, so that naming it repeats it: KIND:COMPONENT:ADDRESS[:...]@DELAY.
"""

import re
from dataclasses import dataclass

from . import mutations, sites

COVER_BYTES = 0x8000       # at a time, when it is found out what is executed
SWEEP_BYTES = 2048         # of text in one trial
SMALLEST_SWEEP = 16        # a failing sweep is halved until it is as small
MAX_DELAY_US = 20000       # most of the time that the work takes
# Faults without a mutated instruction: what they do, as /proc/bulkhead/fault is told.
ENDS = {"kill": "kill", "recovery": "kill", "sweep": "sweep", "hang": "hang"}
DATA = {"register": "register", "corrupt": "register", "drop": "register", "flip": "flip"}
REGISTERS = {"rdx": 6, "rsi": 7, "r14": 16}  # places in struct thread_registers (abi/objects.h)
KINDS = (*mutations.CLASSES, *DATA, "kill", "recovery", "hang")
# What carries faults out is no target: an order that goes wrong says nothing of the system.
APPARATUS = re.compile(r"inject_|twin_order_|(make|store|effect)_faults$")
LOOP = ("server_run", "receive", "component_main")
N_REGISTERS = 18
VAULT_ADDRESS = 0x400000000000
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


def trial_of(name, instructions):
    """The trial of a name. `instructions`: of a component, by its name."""
    head, at, delay = name.partition("@")
    kind, _, rest = head.partition(":")
    component, *rest = rest.split(":")
    if at and not delay.isdigit() or not rest:
        raise CampaignError(f"'{name}' names no trial")
    words, n_sites = rest, 1
    if kind in ("sweep", "cover"):
        words = [*rest[0].split("-"), *rest[1:]]
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


class Plan:
    """Trials for the components of a system. `reached(component, anew)` tells addresses of executed instructions, at
    work or, anew, in a start as well."""

    def __init__(self, build, images, reached):
        self.build, self.images, self.reached = build, images, reached
        self.known_instructions, self.known_targets, self.known_mutations = {}, {}, {}

    def instructions(self, component):
        if component not in self.images:
            raise CampaignError(f"there is no component '{component}'; known: {' '.join(self.images)}")
        image = self.images[component]
        if image not in self.known_instructions:
            self.known_instructions[image] = sites.instructions(self.build, image)
        return self.known_instructions[image]

    def trial(self, name):
        return trial_of(name, self.instructions)

    def sweeps(self, component):
        """Trials that end the component at each of its instructions."""
        found = self.instructions(component)
        trials = [self.trial(f"sweep:{component}:{at:#x}-{min(at + SWEEP_BYTES, found[-1].address + 1):#x}")
                  for at in range(found[0].address, found[-1].address + 1, SWEEP_BYTES)]
        return [t for t in trials if t.sites]

    def targets(self, component, anew=False):
        """Addresses of executed instructions that random faults may strike."""
        if (component, anew) not in self.known_targets:
            apparatus = {i.address for i in self.instructions(component) if APPARATUS.match(i.function)}
            self.known_targets[component, anew] = [a for a in self.reached(component, anew) if a not in apparatus]
        return self.known_targets[component, anew]

    def mutations(self, component):
        """Mutations of a component's image, by class."""
        if component not in self.known_mutations:
            classes, targets = {}, set(self.targets(component))
            for mutation in mutations.mutations(self.build, self.images[component]):
                if mutation.address in targets:
                    classes.setdefault(mutation.kind, []).append(mutation)
            self.known_mutations[component] = classes
        return self.known_mutations[component]

    def data_fault(self, kind, component, choice):
        """The rest of the name of a fault in data or registers; None when the component has no place for it."""
        if kind == "flip":
            areas = [(VAULT_ADDRESS, 1 << 16), (STACK_END - STACK_BYTES, STACK_BYTES)]
            base, size = choice.choice(areas)
            return f"{base + choice.randrange(size // 8) * 8:#x}:{1 << choice.randrange(64):#x}"
        if kind == "register":
            return f"{choice.choice(self.targets(component)):#x}:{choice.randrange(3, N_REGISTERS)}:{1 << choice.randrange(64):#x}"
        # An answer leaves with the system call of the event loop.
        reached = set(self.reached(component))
        loop = [i for i in self.instructions(component)
                if i.function in LOOP and i.name == "syscall" and i.address in reached]
        if not loop:
            return None
        register = "r14" if kind == "drop" else choice.choice(("rdx", "rsi"))
        bit = 32 if kind == "drop" else choice.randrange(32)
        return f"{choice.choice(loop).address:#x}:{REGISTERS[register]}:{1 << bit:#x}"

    def random_trial(self, components, kinds, choice):
        component, kind = choice.choice(components), choice.choice(kinds)
        if kind in DATA:
            rest = self.data_fault(kind, component, choice)
            if rest is None:
                return self.random_trial(components, kinds, choice)
        elif kind in ENDS:
            rest = f"{choice.choice(self.targets(component, kind == 'recovery')):#x}"
        elif not self.mutations(component).get(kind):
            return self.random_trial(components, kinds, choice)
        else:
            mutation = choice.choice(self.mutations(component)[kind])
            rest = f"{mutation.address:#x}:{mutation.data.hex()}"
        delay = choice.choice((0, 0, 0, choice.randrange(MAX_DELAY_US)))  # late, many sites are not reached again
        return self.trial(f"{kind}:{component}:{rest}@{delay}")

    def cover(self, component, anew):
        """Trials that log each instruction which the component executes; anew: while it starts again, too."""
        end = self.instructions(component)[-1].address + 1
        return [self.trial(f"cover:{component}:{at:#x}-{min(at + COVER_BYTES, end):#x}{':next' if anew else ''}")
                for at in range(sites.IMAGE_ADDRESS, end, COVER_BYTES)]
