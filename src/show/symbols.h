/* symbols.h - backtraces with function, source file and line, from what an event carries.
 *
 * A snapshot is registers, the top bytes of a stack and the list of file mappings. No live process
 * is needed: the task may be long gone. Symbols and unwind tables come from the files on disk, if
 * these are still the files that were mapped; where they are not, frames name module and offset
 * only. Nothing here touches the network, nor a clock.
 */
#ifndef TANDEM_SYMBOLS_H
#define TANDEM_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/user.h>

/* A mapping of a file, or "[vdso]". `dev` as makedev gives it; dev = ino = 0: unknown, not checked. */
struct module_map {
	uint64_t start, end;
	uint64_t offset;        /* in the file */
	const char *path;
	uint64_t dev, ino;
};

/* Reads a live task's memory: 0, or -errno; all of `len` bytes or nothing. */
typedef int mem_reader(void *ctx, uint64_t addr, void *buf, size_t len);

struct snapshot {
	const struct user_regs_struct *regs;
	uint64_t stack_addr;            /* where `stack` lay in the task; at or below rsp */
	const void *stack;
	size_t stack_len;
	mem_reader *read;               /* NULL: there is no live task */
	void *ctx;
	const struct module_map *maps;  /* in the order of their addresses */
	size_t nmaps;
};

struct frame {
	uint64_t pc;            /* frame 0: the instruction itself; callers: the return address */
	char *function;         /* NULL: unknown. C++ names are left mangled */
	char *file;             /* NULL: no line information */
	int line;               /* 0: unknown */
	char *module;           /* the mapping's path; NULL: in no known mapping */
	uint64_t offset;        /* pc - start of the function; without a function: pc in the module */
	bool inlined;           /* shares pc with the next frame: the compiler put it there */
};

struct symbols;

/* Keeps ELF files open between backtraces. Never NULL. */
struct symbols *symbols_new(void);
void symbols_free(struct symbols *s);

/* Fills up to `max` frames, innermost first, and returns their number (at least 1 when max > 0).
 * `*ret_truncated`: the walk ended because the snapshot holds no more bytes, or at `max`; the stack
 * goes on. Any input, however damaged, gives an answer in bounded time. Release with frames_free. */
int symbols_backtrace(struct symbols *s, const struct snapshot *snap, struct frame *ret, int max,
		      bool *ret_truncated);
void frames_free(struct frame *frames, int n);

/* The address (unrelocated, as in the file) of a defined symbol; -ENOENT, or another -errno. */
int symbols_find(const char *elf_path, const char *name, uint64_t *ret_vaddr);

#endif
