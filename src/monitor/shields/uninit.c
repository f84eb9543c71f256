/* uninit.c - --expose=uninit: other garbage where a program must not look, in followers.
 *
 * Dead stack is overwritten at every call. Heap chunks are overwritten when they are handed out and when they are
 * given back: breakpoints on malloc's return and on free. Memory fresh from the kernel is zero by promise, and so is
 * calloc's: neither is touched (calloc does not go through malloc's entry).
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "monitor/experiment.h"
#include "monitor/firstread.h"
#include "monitor/shields/shields.h"
#include "show/symbols.h"

#define GARBAGE 8192

static const uint8_t *garbage(const struct monitor *m)
{
	static uint8_t bytes[GARBAGE];

	if (!bytes[0])
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = 0xa5 ^ (i * 37) ^ m->version;
	return bytes;
}

/* Garbage in t's memory. An experiment may want only some of it. */
static void spoil(struct monitor *m, struct task *t, uint64_t at, uint64_t len)
{
	const struct experiment *x = m->cfg->experiment;
	uint64_t number = ++m->spoils, from = 0, to = len;

	if (x && x->spoil_first && (number < x->spoil_first || number > x->spoil_last))
		return;
	if (x && x->spoil_to) {
		from = min_of(x->spoil_from, len);
		to = min_of(x->spoil_to, len);
		if (x->spoil_find && from < to)
			firstread_start(m, t, at + from, to - from);
	}
	for (uint64_t n; from < to; from += n) {
		n = min_of(to - from, GARBAGE - from % GARBAGE);
		guest_write(t, at + from, garbage(m) + from % GARBAGE, n);
	}
}

void shield_uninit(struct monitor *m, struct task *t)
{
	uint64_t end;

	if (!(m->cfg->exposed & SRC_UNINIT) || task_regs(t))
		return;
	/* Only the first task's stack is known to be one: another's may be live heap (a goroutine's is). */
	end = t->p->mm->stack_end;
	if (!end || t->regs.rsp > end || end - t->regs.rsp > 8u << 20)
		return;
	spoil(m, t, t->regs.rsp - 128 - GARBAGE, GARBAGE);
}

/* ---- the heap ---- */

enum { AT_MALLOC, AT_MALLOC_RETURN, AT_FREE };

static void breakpoint(struct task *t, uint64_t at, int what)
{
	static const uint8_t trap = 0xcc;
	struct mm *mm = t->p->mm;
	struct heap_stop *s;

	for (int i = 0; i < mm->nheap; i++)
		if (mm->heap[i].at == at)
			return;
	if (mm->nheap == (int)countof(mm->heap))
		return;
	s = &mm->heap[mm->nheap];
	*s = (struct heap_stop){at, what, 0};
	if (guest_read(t, at, &s->byte, 1) == 0 && guest_write(t, at, &trap, 1) == 0)
		mm->nheap++;
}

static bool may_hold_malloc(const struct task *t, const struct mapping *map)
{
	const char *name = strrchr(map->path, '/');

	/* The C library; or the executable itself, where it is static. */
	return map->path[0] == '/' && (!strncmp(name, "/libc.so", 8) || !strncmp(name, "/libc-", 6) ||
	       !strcmp(map->path, t->p->mm->map[0].path));
}

/* Symbols count from where the object lies; an executable that is not moved lies low. */
static uint64_t object_bias(const struct mm *mm, const struct mapping *map)
{
	for (int i = 0; i < mm->nmap; i++)
		if (!mm->map[i].offset && mm->map[i].start <= map->start && !strcmp(mm->map[i].path, map->path))
			return mm->map[i].start < 0x100000000ull ? 0 : mm->map[i].start;
	return 0;
}

void shield_uninit_mapping(struct monitor *m, struct task *t, const struct mapping *map)
{
	uint64_t at, bias;

	if (!(m->cfg->exposed & SRC_UNINIT) || !(map->prot & PROT_EXEC) || !may_hold_malloc(t, map))
		return;
	bias = object_bias(t->p->mm, map);
	if (symbols_find(map->path, "malloc", &at) == 0)
		breakpoint(t, bias + at, AT_MALLOC);
	if (symbols_find(map->path, "free", &at) == 0)
		breakpoint(t, bias + at, AT_FREE);
}

void shield_uninit_image(struct monitor *m, struct task *t)
{
	struct mm *mm = t->p->mm;

	mm->nheap = 0;
	for (int i = 0; i < mm->nmap; i++)
		shield_uninit_mapping(m, t, &mm->map[i]);
}

/* The size that glibc keeps in front of a chunk; 0 where that is none of its own, or mapped by itself. */
static uint64_t chunk_room(struct task *t, uint64_t p)
{
	uint64_t size;

	if (!p || p % 16 || guest_read(t, p - 8, &size, sizeof(size)) || size & 2)
		return 0;
	size &= ~7ull;
	return size > 16 && size < 1ull << 40 ? size - 8 : 0;
}

/* Over the breakpoint: the instruction under it is executed alone. False: t has stopped for something else there. */
static bool step_over(struct monitor *m, struct task *t, const struct heap_stop *s)
{
	static const uint8_t trap = 0xcc;

	guest_write(t, s->at, &s->byte, 1);
	t->regs.rip = s->at;
	task_set_regs(t);
	if (!task_step(m, t))
		return false;
	guest_write(t, s->at, &trap, 1);
	return true;
}

bool shield_uninit_trap(struct monitor *m, struct task *t, const siginfo_t *info)
{
	struct mm *mm = t->p->mm;
	struct heap_stop *s = NULL;
	uint64_t back;

	if (!(m->cfg->exposed & SRC_UNINIT) || info->si_signo != SIGTRAP || info->si_code != SI_KERNEL || task_regs(t))
		return false;
	for (int i = 0; i < mm->nheap; i++)
		if (mm->heap[i].at == t->regs.rip - 1)
			s = &mm->heap[i];
	if (!s)
		return false;
	switch (s->what) {
	case AT_MALLOC:
		t->malloc_size = t->regs.rdi;
		if (guest_read(t, t->regs.rsp, &back, sizeof(back)) == 0)
			breakpoint(t, back, AT_MALLOC_RETURN);
		break;
	case AT_MALLOC_RETURN:
		/* Only what was asked for: behind it may lie memory whose zeros calloc counts on. */
		if (t->malloc_size && chunk_room(t, t->regs.rax) >= t->malloc_size)
			spoil(m, t, t->regs.rax, t->malloc_size);
		t->malloc_size = 0;
		break;
	case AT_FREE:
		if (chunk_room(t, t->regs.rdi) > 24)
			spoil(m, t, t->regs.rdi, chunk_room(t, t->regs.rdi) - 8);
		break;
	}
	if (step_over(m, t, s) && !firstread_resume(m, t, 0))
		task_resume(t, PTRACE_CONT, 0);
	return true;
}
