// SPDX-License-Identifier: MIT
// Faults are injected while ordinary programs work; whoever asks the programs may not see it. Runs in the guest, as root:
//
//   campaign WORK
//   campaign --locks FILE    part of the work: two processes share a file by locks
//
// WORK is a shell script, run on a pseudoterminal in an empty directory. The undisturbed work is run first, then trial
// after trial. Host and campaign talk over a desk in our memory: at desk_turn() the machine stands still, the host reads
// what became of the last row of trials and writes the next, a line "DELAY_US ORDER" each, the order as /proc/bulkhead/fault
// takes it (tools/host/faults_machine.py). Behind a fault that was survived the next trial's work tells whether what it has
// left behind is sound; behind the last, the work is done once more. What is told of each is a line of KEY=VALUE; when
// something is not as it was, what the work had printed follows, and the rest of the row is left. The host judges; nothing
// here retries.
//
// Beside the work a program of high priority asks all three servers again and again: its longest wait is the stall.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define TEXT 16384
#define COMPONENTS 32
#define WORK_LIMIT 25          // times what the undisturbed work takes
#define SETTLE_NS 500000000ll  // for everything to be as before
#define BEATS_NS 150000000ll   // a component that answers no heartbeat is known by then
#define ERRORS "/tmp/campaign.errors"

struct outcome {
    char text[TEXT];  // what the work printed
    size_t length;
    int status;   // of wait, -1: it did not end
    long errors;  // bytes on standard error
    int64_t stall_ns, time_ns;
};

struct component {
    char name[32];
    long state, starts;
    long ordered, failures, renewals;  // deaths by cause: those that a twin decides on, those of its own doing
};

// enum component_death (protocols/component.h)
enum { KILLS = 1, HANGS = 4, CEILINGS = 6, PLANNED = 7, RENEWALS = 9, DEATHS };

static struct outcome expected, got;
static int64_t work_limit_ns = 10000000000ll;  // virtual time for one run of the work, once it has been seen
static char processes[4096];                   // that were left when the work's time was up
static char ledger_before[TEXT], ledger_after[TEXT];
static struct component before[COMPONENTS], after[COMPONENTS];
static struct {
    volatile bool stop;
    volatile int64_t stall_ns;
} * probe;

// --- the host's desk

struct {
    char orders[4096];
    uint64_t length;
    char told[4 * TEXT];
} desk;
static FILE *told;  // what is written there

// The host stops the machine here and lets it go on behind the first instruction.
void desk_turn(void);
__asm__(".globl desk_turn\ndesk_turn: nop\nret");

// Have what was told read, and the next orders written. They must stand in memory that is ours alone.
static void next_orders(void)
{
    fflush(told);
    desk.length = (uint64_t)ftell(told);
    memset(desk.orders, 0, sizeof desk.orders);
    desk_turn();
    rewind(told);
}

static void fail(const char *what)
{
    fprintf(told, "campaign: %s: %s\n", what, strerror(errno));
    next_orders();
    exit(125);
}

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void pause_ns(int64_t ns)
{
    struct timespec t = {ns / 1000000000, ns % 1000000000};
    while (nanosleep(&t, &t) != 0)
        ;
}

static size_t slurp(const char *path, char *text)
{
    int file = open(path, O_RDONLY);
    if (file < 0) fail(path);
    size_t n = 0;
    for (ssize_t got_now; n < TEXT - 1 && (got_now = read(file, text + n, TEXT - 1 - n)) != 0; n += (size_t)got_now)
        if (got_now < 0) fail(path);
    close(file);
    text[n] = 0;
    return n;
}

static bool told_it(const char *path, const char *format, const char *name)
{
    char line[256];
    int n = snprintf(line, sizeof line, format, name), file = open(path, O_WRONLY);
    bool done = file >= 0 && write(file, line, (size_t)n) == n;
    close(file);
    return done;
}

static void tell(const char *path, const char *format, const char *name)
{
    if (!told_it(path, format, name)) fail(name);
}

static void order(const char *format, const char *text) { tell("/proc/bulkhead/fault", format, text); }

static void end_component(const char *name) { tell("/proc/bulkhead/kill", "%s\n", name); }

// --- the system's state

static int components(struct component *to)
{
    static char text[TEXT];
    slurp("/proc/bulkhead/status", text);
    int n = 0;
    for (char *line = strtok(text, "\n"); line && n < COMPONENTS; line = strtok(NULL, "\n"), n++) {
        char *deaths = strstr(line, "deaths ");
        if (sscanf(line, "%31s index %*d state %ld starts %ld", to[n].name, &to[n].state, &to[n].starts) != 3 ||
            !deaths)
            fail("status");
        deaths += strlen("deaths");
        long by[DEATHS] = {0};
        for (int cause = 0; deaths && cause < DEATHS; cause++) {
            by[cause] = atol(deaths + 1);
            deaths = strchr(deaths + 1, ',');
        }
        to[n].ordered = by[KILLS] + by[HANGS] + by[CEILINGS];
        to[n].renewals = by[RENEWALS];
        to[n].failures = 0;
        for (int cause = KILLS; cause < PLANNED; cause++) to[n].failures += by[cause];
        to[n].failures -= to[n].ordered;
    }
    return n;
}

static long starts_of(const char *name)
{
    int n = components(after);
    for (int i = 0; i < n; i++)
        if (strcmp(after[i].name, name) == 0) return after[i].starts;
    return 0;
}

// Replace it by plan, or, where that cannot be, by force.
static void replace(const char *name)
{
    long starts = starts_of(name);
    if (!told_it("/proc/bulkhead/update", "%s same\n", name)) {
        end_component(name);
        return;
    }
    for (int64_t deadline = now() + SETTLE_NS; starts_of(name) == starts && now() < deadline;) pause_ns(1000000);
}

static long resident_pages(const char *path)
{
    static char text[TEXT];
    long pages = 0;
    slurp(path, text);
    sscanf(text, "%*d %ld", &pages);
    return pages;
}

// Everything that is counted somewhere, without what only grows. The pages of the two programs that are always there are
// theirs: they get new ones as they go new ways.
static void ledger(char *to)
{
    static char text[TEXT];
    struct statfs files;
    long own = resident_pages("/proc/1/statm") + resident_pages("/proc/self/statm"), n;
    slurp("/proc/bulkhead/ledger", text);
    to[0] = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        if (sscanf(line, "pages_free %ld", &n) == 1)
            sprintf(to + strlen(to), "pages_free_or_own %ld ", n + own);
        else if (strncmp(line, "forks ", 6) != 0)
            strcat(strcat(to, line), " ");
    statfs("/", &files);
    sprintf(to + strlen(to), "tmpfs_pages %lu tmpfs_files %lu", (unsigned long)files.f_bfree,
            (unsigned long)files.f_ffree);
}

static bool all_ready(int n)
{
    for (int i = 0; i < n; i++)
        if (after[i].state != 2) return false;
    return true;
}

// --- the work

static void probe_run(void)
{
    struct stat status;
    struct winsize size;
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    setpriority(PRIO_PROCESS, 0, -20);
    while (!probe->stop) {
        int64_t start = now();
        stat("/etc/passwd", &status);
        getpgid(1);
        ioctl(terminal, TIOCGWINSZ, &size);
        int64_t took = now() - start;
        if (took > probe->stall_ns) probe->stall_ns = took;
        pause_ns(300000);
    }
    _exit(0);
}

static void work_run(const char *work, int master)
{
    setsid();
    int slave = open(ptsname(master), O_RDWR), errors = open(ERRORS, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (slave < 0 || errors < 0 || ioctl(slave, TIOCSCTTY, 0) != 0) _exit(101);
    dup2(slave, 0);
    dup2(slave, 1);
    dup2(errors, 2);
    close(slave);
    close(errors);
    close(master);
    if (chdir("/tmp/work") == 0) execl("/bin/sh", "sh", work, (char *)NULL);
    _exit(102);
}

// Read the terminal until everybody has closed it, or the time is up.
static void collect(struct outcome *o, int master, int64_t deadline)
{
    struct pollfd ready = {master, POLLIN, 0};
    while (o->length < TEXT - 1) {
        int64_t left = deadline - now();
        if (left <= 0 || poll(&ready, 1, (int)(left / 1000000) + 1) == 0) return;
        ssize_t n = read(master, o->text + o->length, TEXT - 1 - o->length);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        o->length += (size_t)n;
    }
}

// Who is there when the time is up: pid, name, state, parent, group of each.
static void note_processes(void)
{
    DIR *all = opendir("/proc");
    processes[0] = 0;
    for (struct dirent *each; all && (each = readdir(all));) {
        char path[300], line[256];
        if (each->d_name[0] < '0' || each->d_name[0] > '9') continue;
        snprintf(path, sizeof path, "/proc/%s/stat", each->d_name);
        FILE *file = fopen(path, "r");
        if (file && fgets(line, sizeof line, file) && strlen(processes) + 64 < sizeof processes)
            sprintf(processes + strlen(processes), "%.40s\n", line);
        if (file) fclose(file);
    }
    if (all) closedir(all);
}

static int reap(pid_t pid, int64_t deadline)
{
    int status;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (now() > deadline) {
            note_processes();
            kill(-pid, SIGKILL);
            kill(pid, SIGKILL);
            return -1;
        }
        pause_ns(1000000);
    }
    return status;
}

static void run_work(const char *work, struct outcome *o)
{
    static const char typed[] = "a typed lnie\x7f\x7f\x7fine\n";
    int64_t start = now();
    *o = (struct outcome){0};
    probe->stop = false;
    probe->stall_ns = 0;
    mkdir("/tmp/work", 0755);
    const struct winsize size = {24, 80, 0, 0};
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    ioctl(master, TIOCSWINSZ, &size);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) fail("pseudoterminal");
    pid_t asking = fork();
    if (asking == 0) probe_run();
    if (write(master, typed, sizeof typed - 1) < 0) fail("typing");
    pid_t pid = fork();
    if (pid == 0) work_run(work, master);
    if (pid < 0 || asking < 0) fail("fork");
    collect(o, master, start + work_limit_ns);
    o->status = reap(pid, start + work_limit_ns);
    probe->stop = true;
    waitpid(asking, NULL, 0);
    close(master);
    struct stat errors;
    o->errors = stat(ERRORS, &errors) == 0 ? (long)errors.st_size : -1;
    o->stall_ns = probe->stall_ns;
    o->time_ns = now() - start;
    if (rmdir("/tmp/work") != 0 && o->status == 0) o->status = 0xff00;
}

static bool same(const struct outcome *a, const struct outcome *b)
{
    return a->status == b->status && a->errors == b->errors && a->length == b->length &&
           memcmp(a->text, b->text, a->length) == 0;
}

// Two processes add to a number in a file, each under a lock, and one waits for the other's.
static int locks(const char *path)
{
    int file = open(path, O_RDWR);
    char text[16] = "";
    for (int child = 0; child < 2; child++) {
        if (fork() != 0) continue;
        for (int i = 0; i < 10; i++) {
            struct flock whole = {.l_type = F_WRLCK};
            if (fcntl(file, F_SETLKW, &whole) != 0 || pread(file, text, 15, 0) < 0) _exit(1);
            int n = sprintf(text, "%08d", atoi(text) + 1);
            pause_ns(50000);
            if (pwrite(file, text, (size_t)n, 0) != n) _exit(1);
            whole.l_type = F_UNLCK;
            if (fcntl(file, F_SETLK, &whole) != 0) _exit(1);
        }
        _exit(0);
    }
    int status, failed = 0;
    while (wait(&status) > 0) failed += status != 0;
    if (pread(file, text, 15, 0) < 0) failed++;
    printf("locks %d\n", atoi(text));
    return failed;
}

// --- trials

// State of the newest order: its state word and how often it has struck.
static void look(char state[16], long *hits)
{
    static char text[TEXT];
    slurp("/proc/bulkhead/fault", text);
    char *last = strrchr(text, '\n');
    if (last) *last = 0;
    last = strrchr(text, '\n');
    last = last ? last + 1 : text;
    if (sscanf(last, "%*d %*s %*s %*s %15s hits %ld", state, hits) != 2) strcpy(state, "unknown");
}

// Wait until all components serve and the ledger is as before; false when that does not come.
static bool settle(int *n)
{
    for (int64_t deadline = now() + SETTLE_NS; now() < deadline; pause_ns(5000000)) {
        *n = components(after);
        ledger(ledger_after);
        if (all_ready(*n) && strcmp(ledger_before, ledger_after) == 0) return true;
    }
    return false;
}

static void show_difference(void)
{
    static char errors[TEXT];
    size_t n = slurp(ERRORS, errors);
    fwrite(got.text, 1, got.length, told);
    fprintf(told, "\n--- errors\n");
    fwrite(errors, 1, n, told);
    if (got.status == -1) fprintf(told, "\n--- processes\n%s", processes);
    fprintf(told, "\n--- ledger %s, before %s\n", ledger_after, ledger_before);
}

// Carry out an order, and the work once more behind it if `again`; true when everything is as before.
static bool trial(const char *work, long delay_us, bool again, const char *text)
{
    char name[32] = "", kind[16] = "", state[16] = "";
    long hits = 0, hits_before = -1;
    int64_t stall = 0, took = 0;
    bool ok = true, died = false, lasting = true;
    sscanf(text, "%31s %15s", name, kind);
    bool is_sweep = strcmp(kind, "sweep") == 0 || strcmp(kind, "cover") == 0,
         is_kill = is_sweep || strcmp(kind, "kill") == 0;
    bool ends_first = strcmp(kind, "sweep") == 0 || strstr(text, " next") != NULL;  // so that its start is hit
    int n = components(before);
    pid_t later = delay_us ? fork() : 0;
    if (!later) {
        pause_ns(delay_us * 1000);
        if (*text) order("%s\n", text);
        if (ends_first) end_component(name);
        if (delay_us) _exit(0);
    }
    do {  // a sweep goes on until it finds nothing new
        hits_before = hits;
        run_work(work, &got);
        look(state, &hits);
        ok = same(&got, &expected);
        stall = got.stall_ns > stall ? got.stall_ns : stall;
        took += got.time_ns;
    } while (ok && is_sweep && hits != hits_before);
    if (later) waitpid(later, NULL, 0);
    if (*name) order("%s clear\n", name);
    if (strcmp(kind, "cover") == 0) end_component(name);  // its patched pages are free for the next trial
    components(after);
    for (int i = 0; i < n; i++)
        if (strcmp(after[i].name, name) == 0)
            died = after[i].starts - after[i].renewals != before[i].starts - before[i].renewals;
    pause_ns(BEATS_NS);
    if (!is_kill && hits > 0 && ok) {  // away with the mutated instance: is what it has left behind sound?
        if (!died) replace(name);
        if (again) run_work(work, &got);
        ok = lasting = same(&got, &expected);
    }
    bool settled = settle(&n);
    fprintf(told,
            "state=%s hits=%ld died=%d work=%s status=%d errors=%ld stall_us=%ld time_us=%ld settled=%s deaths=", state,
            hits, died,
            !lasting ? "later"
            : ok     ? "same"
                     : "different",
            got.status, got.errors, (long)(stall / 1000), (long)(took / 1000), settled ? "yes" : "no");
    bool first = true;
    for (int i = 0; i < n; i++)
        if (after[i].failures != before[i].failures || after[i].ordered != before[i].ordered || after[i].state != 2) {
            fprintf(told, "%s%s:%ld:%ld:%ld", first ? "" : ",", after[i].name, after[i].failures - before[i].failures,
                    after[i].ordered - before[i].ordered, after[i].state);
            first = false;
        }
    fprintf(told, "\n");
    if (!ok || !settled) show_difference();
    return ok && settled;
}

// The undisturbed work, and whether it leaves everything as it was.
static void baseline(const char *work)
{
    int n;
    run_work(work, &expected);
    work_limit_ns = WORK_LIMIT * expected.time_ns;
    for (int i = 0; i < 2; i++) {  // what is made at first use and kept
        settle(&n);
        trial(work, 0, false, "");
        rewind(told);
    }
    ledger(ledger_before);
    run_work(work, &got);
    bool repeats = same(&got, &expected), settled = settle(&n);
    fprintf(told, "work=%s status=%d errors=%ld stall_us=%ld time_us=%ld settled=%s\n", repeats ? "same" : "different",
            expected.status, expected.errors, (long)(got.stall_ns / 1000), (long)(got.time_ns / 1000),
            settled ? "yes" : "no");
    if (!repeats || !settled) show_difference();
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--locks") == 0) return locks(argv[2]);
    if (argc != 2) return 2;
    told = fmemopen(desk.told, sizeof desk.told, "w");
    probe = mmap(NULL, sizeof *probe, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!told || probe == MAP_FAILED) fail("memory");
    baseline(argv[1]);
    for (;;) {
        next_orders();
        char *rest = desk.orders, *order;
        for (bool sound = true; sound && (order = strsep(&rest, "\n"));) {
            long delay;
            int at;
            if (sscanf(order, "%ld %n", &delay, &at) != 1) fail(order);
            sound = trial(argv[1], delay, !rest, order + at);
        }
    }
}
