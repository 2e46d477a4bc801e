// SPDX-License-Identifier: MIT
// Writes truncated and crafted ELF files made from this program's own, executes each, and prints how that ended: the errno
// of execve, or the signal or exit status of what ran.
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned char *image;
static size_t image_bytes;

static void run(const char *name, const unsigned char *bytes, size_t n)
{
    int fd = open("crafted", O_WRONLY | O_CREAT | O_TRUNC, 0755);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n) exit(2);
    close(fd);
    int error[2];
    if (pipe2(error, O_CLOEXEC) != 0) exit(2);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        execl("./crafted", "crafted", "ran", (char *)0);
        int e = errno;
        if (write(error[1], &e, sizeof e) < 0) _exit(3);
        _exit(4);
    }
    close(error[1]);
    int e = 0, status;
    ssize_t got = read(error[0], &e, sizeof e);
    close(error[0]);
    waitpid(child, &status, 0);
    if (got == sizeof e)
        printf("%s: execve %s\n", name, strerrorname_np(e));
    else if (WIFSIGNALED(status))
        printf("%s: signal %d\n", name, WTERMSIG(status));
    else
        printf("%s: exit %d\n", name, WEXITSTATUS(status));
    unlink("crafted");
}

// One crafted file: `edit` changes a copy.
static Elf64_Ehdr *header;
static Elf64_Phdr *segments;
static unsigned char *copy;
static void begin(void)
{
    memcpy(copy, image, image_bytes);
    header = (Elf64_Ehdr *)copy;
    segments = (Elf64_Phdr *)(copy + header->e_phoff);
}
#define CRAFT(name, edit) \
    do { \
        begin(); \
        edit; \
        run(name, copy, image_bytes); \
    } while (0)

static int load(int which)
{  // index of the which-th PT_LOAD
    for (int i = 0; i < header->e_phnum; i++) {
        if (segments[i].p_type == PT_LOAD && which-- == 0) return i;
    }
    exit(2);
}

int main(int argc, char **argv)
{
    if (argc > 1) return strcmp(argv[1], "ran") == 0 ? 42 : 2;
    int fd = open("/proc/self/exe", O_RDONLY);
    if (fd < 0) fd = open(argv[0], O_RDONLY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) return 2;
    image_bytes = (size_t)st.st_size;
    image = malloc(image_bytes);
    copy = malloc(image_bytes);
    if (!image || !copy || read(fd, image, image_bytes) != st.st_size) return 2;
    close(fd);

    run("whole", image, image_bytes);
    static const size_t lengths[] = {0, 1, 3, 4, 16, 63, 64, 65, 100, 120, 400, 4096};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char name[32];
        snprintf(name, sizeof name, "truncated-%zu", lengths[i]);
        run(name, image, lengths[i]);
    }
    CRAFT("bad-magic", copy[0] = 0x7e);
    CRAFT("class-32", header->e_ident[EI_CLASS] = ELFCLASS32);
    CRAFT("machine-arm", header->e_machine = EM_AARCH64);
    CRAFT("machine-0", header->e_machine = 0);
    CRAFT("type-rel", header->e_type = ET_REL);
    CRAFT("type-core", header->e_type = ET_CORE);
    CRAFT("phentsize-0", header->e_phentsize = 0);
    CRAFT("phentsize-57", header->e_phentsize = 57);
    CRAFT("phnum-0", header->e_phnum = 0);
    CRAFT("phnum-65535", header->e_phnum = 65535);
    CRAFT("phoff-beyond", header->e_phoff = image_bytes + 1);
    CRAFT("phoff-huge", header->e_phoff = ~0ull);
    CRAFT("entry-0", header->e_entry = 0);
    CRAFT("entry-unmapped", header->e_entry = 0x123456789);
    CRAFT("entry-kernel", header->e_entry = 0xffffffff80000000);
    CRAFT("entry-noncanonical", header->e_entry = 0x8000000000000000);
    CRAFT("filesz-over-memsz", segments[load(0)].p_filesz = segments[load(0)].p_memsz + 1);
    CRAFT("memsz-huge", segments[load(0)].p_memsz = ~0ull >> 1);
    CRAFT("memsz-wraps", segments[load(0)].p_memsz = ~0ull);
    CRAFT("vaddr-kernel", segments[load(1)].p_vaddr = 0xffffffff80000000);
    CRAFT("vaddr-noncanonical", segments[load(1)].p_vaddr = 0x8000000000000000);
    CRAFT("vaddr-misaligned", segments[load(1)].p_vaddr += 1);
    CRAFT("offset-misaligned", segments[load(1)].p_offset += 1);
    CRAFT("no-exec", segments[load(1)].p_flags = PF_R);
    CRAFT("interp-missing-file", segments[0].p_type = PT_INTERP; segments[0].p_offset = 8; segments[0].p_filesz = 4);
    CRAFT("interp-not-terminated", segments[0].p_type = PT_INTERP; segments[0].p_offset = 0; segments[0].p_filesz = 4);
    CRAFT("interp-empty", segments[0].p_type = PT_INTERP; segments[0].p_filesz = 0);
    CRAFT("interp-beyond", segments[0].p_type = PT_INTERP; segments[0].p_offset = image_bytes;
          segments[0].p_filesz = 8);
    static const char *const scripts[] = {"#!",
                                          "#!\n",
                                          "#! \n",
                                          "#!/no/such/file\n",
                                          "#!relative-missing\n",
                                          "#!/tmp\n",
                                          "#!./crafted\n",
                                          "no script, no program\n"};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        char name[32];
        snprintf(name, sizeof name, "script-%zu", i);
        run(name, (const unsigned char *)scripts[i], strlen(scripts[i]));
    }
    return 0;
}
