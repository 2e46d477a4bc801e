// SPDX-License-Identifier: MIT
// exec, the old program's half: find the file, follow #! lines, check the ELF headers, write the hand-over, tell proc.
//
// Everything that Linux reports as an error is found here, while there still is a program to return to. The other
// half is load.c, in a fresh liblinux in a new address space.
#include <linux/stat.h>
#include "linux/elf_file.h"

#define LINE_BYTES 256  // of a #! line, as Linux
#define SCRIPTS 5       // nesting of scripts
#define STRING_BYTES (128u << 10)
#define STRINGS_BYTES (2u << 20)  // arguments and environment together
#define NAME_BYTES 16

// What is going to be executed.
struct image {
    struct file *file, *interpreter;
    struct head head;
    bool is_script;
    char front[PATH_MAX + SCRIPTS * LINE_BYTES];  // arguments that #! lines put in front, each with its 0
    size_t front_bytes;
};

static long open_program(struct walk *w, struct file **file)
{
    if (w->bytes == 0) return -EACCES;  // an empty name in a file is the working directory's
    long result = path_open(w, FS_EXEC, O_RDONLY, 0, file);
    walk_end(w);
    if (result < 0) return result;
    (*file)->inode = 0;  // its headers are read and its segments mapped: a window would come too late
    if ((*file)->server != IO_LOCAL && ((*file)->mode & S_IFMT) == S_IFREG) return 0;
    file_drop(*file);
    *file = NULL;
    return -EACCES;
}

static bool put_front(struct image *image, const char *text, size_t n)
{
    if (image->front_bytes + n + 1 > sizeof image->front) return false;
    memmove(image->front + n + 1, image->front, image->front_bytes);
    memcpy(image->front, text, n);
    image->front[n] = 0;
    image->front_bytes += n + 1;
    return true;
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static char *skip_blanks(char *at, const char *end)
{
    while (at < end && is_blank(*at)) at++;
    return at;
}

static char *skip_word(char *at, const char *end)
{
    while (at < end && *at && !is_blank(*at)) at++;
    return at;
}

// Take the #! line apart: the interpreter's name into `name`, everything into the arguments in front. The line is what
// the file begins with, and zeros behind its end.
static long follow_line(struct image *image, char line[LINE_BYTES], const char *path, char name[LINE_BYTES])
{
    char *end = memchr(line, '\n', strnlen(line, LINE_BYTES));
    if (!end) {  // a line that is cut off has to show where its first word ends
        end = line + LINE_BYTES - 1;
        if (skip_word(skip_blanks(line + 2, end), end) == end && *end && !is_blank(*end)) return -ENOEXEC;
    }
    while (is_blank(end[-1])) end--;
    char *start = skip_blanks(line + 2, end), *stop = skip_word(start, end);
    if (start >= end) return -ENOEXEC;
    size_t length = (size_t)(stop - start);
    memcpy(name, start, length);
    name[length] = 0;
    bool fits = image->is_script || put_front(image, path, strlen(path));
    if (stop < end && *stop) {
        char *argument = skip_blanks(stop, end);
        fits = fits && put_front(image, argument, strnlen(argument, (size_t)(end - argument)));
    }
    image->is_script = true;
    return fits && put_front(image, name, length) ? 0 : -E2BIG;
}

// Open the program that the walk names, or the interpreter of the script that it is.
static long find_program(struct image *image, struct walk *w, const char *path)
{
    char name[LINE_BYTES];
    for (unsigned depth = 0;; depth++) {
        long result = open_program(w, &image->file);
        if (result == 0) result = head_read(image->file, &image->head);
        if (result < 0 || image->head.text[0] != '#' || image->head.text[1] != '!') return result;
        if (depth == SCRIPTS) return -ELOOP;
        result = follow_line(image, image->head.text, path, name);
        file_drop(image->file);
        image->file = NULL;
        if (result == 0) result = walk_text(w, (uint64_t)AT_FDCWD, name);
        if (result < 0) return result;
    }
}

// Open the dynamic linker that this segment names. In a function of its own for the stack's sake.
static __attribute__((noinline)) long find_interpreter(struct image *image, struct walk *w, const Elf64_Phdr *s)
{
    char name[PATH_MAX];
    if (s->p_filesz < 2 || s->p_filesz > sizeof name) return -ENOEXEC;
    if ((int64_t)s->p_offset < 0) return -EINVAL;
    long n = file_read_here(image->file, s->p_offset, name, s->p_filesz);
    if (n < (long)s->p_filesz) return n < 0 ? n : -EIO;
    if (name[n - 1]) return -ENOEXEC;
    long result = walk_text(w, (uint64_t)AT_FDCWD, name);
    if (result == 0) result = open_program(w, &image->interpreter);
    return result < 0 ? result : head_read(image->interpreter, &image->head);
}

// --- the hand-over

static struct handover *handover(void) { return (struct handover *)LIBLINUX_HANDOVER; }

static char *strings_end(void) { return (char *)handover() + handover()->strings + handover()->strings_bytes; }

static bool put_text(const char *text, size_t n)  // its 0 included
{
    if (handover()->strings_bytes + n > STRINGS_BYTES) return false;
    memcpy(strings_end(), text, n);
    handover()->strings_bytes += (uint32_t)n;
    return true;
}

// Copy the strings of a null-terminated array of the program.
static long put_array(uint64_t user, uint32_t *count)
{
    for (; user; user += sizeof user) {
        uint64_t string;
        if (!copy_in(&string, user, sizeof string)) return -EFAULT;
        if (!string) break;
        size_t room = STRINGS_BYTES - handover()->strings_bytes;
        long n = copy_string(strings_end(), string, room < STRING_BYTES ? room : STRING_BYTES);
        if (n < 0) return n == -ENAMETOOLONG ? -E2BIG : n;
        handover()->strings_bytes += (uint32_t)n + 1;
        ++*count;
    }
    return 0;
}

// The name, the arguments (one at least) and the environment.
static long put_strings(const char *path, uint64_t argv, uint64_t envp)
{
    struct handover *h = handover();
    if (!put_text(path, strlen(path) + 1)) return -E2BIG;
    long result = put_array(argv, &h->argc);
    if (result == 0 && h->argc == 0) {
        h->argc = 1;
        if (!put_text("", 1)) return -E2BIG;
    }
    return result < 0 ? result : put_array(envp, &h->envc);
}

// What the #! lines put in front takes the place of the first argument.
static bool put_script(const struct image *image, const char *path)
{
    struct handover *h = handover();
    if (!image->is_script) return true;
    char *first = (char *)h + h->strings + strlen(path) + 1;
    size_t gone = strlen(first) + 1;
    if (h->strings_bytes + image->front_bytes - gone > STRINGS_BYTES) return false;
    memmove(first + image->front_bytes, first + gone, (size_t)(strings_end() - first) - gone);
    memcpy(first, image->front, image->front_bytes);
    h->strings_bytes += (uint32_t)(image->front_bytes - gone);
    h->argc--;
    for (size_t i = 0; i < image->front_bytes; i++) h->argc += image->front[i] == 0;
    return true;
}

// Read the file's headers to the end of the hand-over, and check them. *headers: where they begin.
static long put_headers(struct file *file, const struct head *head, uint32_t *headers)
{
    struct handover *h = handover();
    *headers = (uint32_t)h->bytes;
    struct elf *elf = (struct elf *)((char *)h + h->bytes);
    long result = elf_read(file, head, elf);
    if (result == 0) h->bytes += elf_bytes(elf);
    return result;
}

// The program's, and those of its interpreter if it names one.
static long put_program(struct image *image, struct walk *w)
{
    struct handover *h = handover();
    h->bytes = (h->strings + h->strings_bytes + 7) & ~7ull;
    long result = put_headers(image->file, &image->head, &h->headers);
    if (result < 0) return result;
    const Elf64_Phdr *interpreter = elf_find((const struct elf *)((const char *)h + h->headers), PT_INTERP);
    if (!interpreter) return 0;
    result = find_interpreter(image, w, interpreter);
    if (result < 0) return result;
    result = put_headers(image->interpreter, &image->head, &h->interpreter_headers);
    return result == -ENOEXEC ? -ELIBBAD : result;
}

static void put_tables(const struct image *image)
{
    const struct process *p = process();
    struct handover *h = handover();
    h->files = (uint32_t)h->bytes;
    struct handover_file *files = (struct handover_file *)((char *)h + h->files);
    for (unsigned i = 1; i < p->n_files; i++) {
        const struct file *f = &p->files[i];
        if (f->uses == 0) continue;
        files[h->n_files++] = (struct handover_file){.slot = i,
                                                     .server = f->server,
                                                     .handle = f->handle,
                                                     .attached = f->attached,
                                                     .status = f->status,
                                                     .mode = f->mode,
                                                     .device = f->device,
                                                     .is_shared = f->is_shared,
                                                     .offset = f->offset,
                                                     .inode = f->inode};
    }
    h->descriptors = h->files + h->n_files * (uint32_t)sizeof *files;
    struct handover_descriptor *descriptors = (struct handover_descriptor *)((char *)h + h->descriptors);
    for (unsigned fd = 0; fd < p->n_descriptors; fd++) {
        const struct descriptor *d = &p->descriptors[fd];
        if (d->file) descriptors[h->n_descriptors++] = (struct handover_descriptor){fd, d->file, d->close_on_exec, 0};
    }
    h->bytes = h->descriptors + h->n_descriptors * sizeof *descriptors;
    h->executable = file_number(image->file);
    h->interpreter = image->interpreter ? file_number(image->interpreter) : 0;
    h->cwd = p->cwd;
    h->umask = page_of(p)->umask;
    h->blocked = thread_page()->blocked;
    h->ignored = page_of(p)->ignored;
    h->sessions = p->sessions;
    h->n_mounts = p->n_mounts;
    memcpy(h->mounts, p->mounts, sizeof h->mounts);
}

// Ask proc for the new image: name, and arguments for /proc. Returns only when it refuses.
static long tell_proc(const char *path)
{
    const struct handover *h = handover();
    const char *name = path, *arguments = (const char *)h + h->strings + strlen(path) + 1;
    for (const char *c = path; *c; c++)
        if (*c == '/') name = c + 1;
    close_now();  // the next image does not know of it
    char *to = long_words();
    size_t room = IO_INLINE - NAME_BYTES, bytes = 0;
    memset(to, 0, NAME_BYTES);
    memcpy(to, name, strnlen(name, NAME_BYTES - 1));
    for (uint32_t i = 0; i < h->argc && bytes < room; i++) bytes += strlen(arguments + bytes) + 1;
    if (bytes > room) bytes = room;
    memcpy(to + NAME_BYTES, arguments, bytes);
    struct message m = {.words = {thread_index(), h->bytes, bytes}};
    return ask_proc(PROC_EXEC, NAME_BYTES + bytes, &m);
}

// The program's file and all that belongs to it, then the rest of the hand-over. Returns only errors.
static long exec_file(struct image *image, struct walk *w, const char *path)
{
    long result = find_program(image, w, path);
    if (result == 0 && !put_script(image, path)) result = -E2BIG;
    if (result == 0) result = put_program(image, w);
    if (result < 0) return result;
    put_tables(image);
    return tell_proc(path);
}

// Linux looks at the arguments before it looks for the file.
static long exec_walk(struct walk *w, const char *path, uint64_t argv, uint64_t envp)
{
    struct image image;
    image.file = image.interpreter = NULL;
    image.is_script = false;
    image.front_bytes = 0;
    struct handover *h = handover();
    *h = (struct handover){.magic = HANDOVER_MAGIC,
                           .version = HANDOVER_VERSION,
                           .strings = sizeof *h,
                           .flags = process()->traced ? HANDOVER_TRACE : 0};
    long result = put_strings(path, argv, envp);
    if (result == 0) result = exec_file(&image, w, path);
    (void)unmap(LIBLINUX_HANDOVER, HANDOVER_MAX);
    if (image.interpreter) file_drop(image.interpreter);
    if (image.file) file_drop(image.file);
    return result;
}

long exec_program(const char *path, uint64_t argv, uint64_t envp)
{
    struct walk w;
    long result = walk_text(&w, (uint64_t)AT_FDCWD, path);
    return result < 0 ? result : exec_walk(&w, path, argv, envp);
}

long call_execve(uint64_t path, uint64_t argv, uint64_t envp)
{
    return call_execveat((uint64_t)AT_FDCWD, path, argv, envp, 0);
}

long call_execveat(uint64_t dirfd, uint64_t path, uint64_t argv, uint64_t envp, uint64_t flags)
{
    struct walk w;
    char name[PATH_MAX];
    if ((uint32_t)flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) return -EINVAL;
    long n = copy_string(name, path, sizeof name);
    if (n < 0) return n;
    if (n == 0 && flags & AT_EMPTY_PATH) {
        struct file *file = file_get(dirfd);
        n = file ? file_path(file, name, sizeof name) : -EBADF;
        if (n < 0) return n;
        dirfd = (uint64_t)AT_FDCWD;
    }
    if (n == 0) return -ENOENT;
    long result = walk_text(&w, dirfd, name);
    return result < 0 ? result : exec_walk(&w, name, argv, envp);
}
