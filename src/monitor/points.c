/* points.c - see points.h. */
#define _GNU_SOURCE
#include "monitor/points.h"

#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/gdb.h"
#include "monitor/spin.h"

/* ---- not ahead of the stream ---- */

/* The kernel prepares the handler, and t stands at its first instruction: what delivering a signal changes besides memory
 * and registers (masks, the alternate stack) has happened then. */
static bool step_into_handler(struct monitor *m, struct task *t, int sig)
{
	int status;

	if (task_resume(t, PTRACE_SINGLESTEP, sig))
		return false;
	while (task_wait(m, t, &status) == 0) {
		if (status >> 8 == SIGTRAP) {
			t->at = AT_DONE;
			return true;
		}
		/* A signal from outside. */
		if (task_resume(t, PTRACE_SINGLESTEP, 0))
			return false;
	}
	return false;
}

void point_release(struct monitor *m, struct task *t, int sig)
{
	const struct event *e = m->event;

	if (!e || !(e->flags & EVF_TURNS) || e->task != t->id || t->exits || t->p->exits || t->p->mm->own_layout ||
	    (sig && !step_into_handler(m, t, sig))) {
		follower_go(m, t, sig);
		return;
	}
	t->waits = true;
}

void point_let_go(struct monitor *m, struct task *t, const struct event *e)
{
	if (!t->waits || e->type == EV_STATE || e->type == EV_POINT)
		return;
	t->waits = false;
	follower_go(m, t, 0);
}

/* ---- the leader's state ---- */

static _Noreturn void gone(struct monitor *m, struct task *t, const struct event *e)
{
	diverge(m, t, e, "killed", NULL, "is gone where the leader computes");
}

/* Wherever t stands or runs: it is stopped in the program's code, with no call to be made or made again. */
static void park(struct monitor *m, struct task *t, const struct event *e)
{
	int status;

	t->waits = false;
	t->parking = true;
	/* Where it stands at a point already, an interrupt would be left over for the next one. */
	if (t->at != AT_POINT && ptrace(PTRACE_INTERRUPT, t->tid, 0, 0) < 0)
		gone(m, t, e);
	if (t->at == AT_RUNNING)
		follower_wait(m, t);
	if (t->at == AT_DEAD || t->at == AT_EXIT)
		gone(m, t, e);
	while (t->at != AT_POINT) {
		if (task_regs(t))
			gone(m, t, e);
		t->regs.orig_rax = -1;
		/* Once more: if the interrupt came before this stop, that has used it up. */
		ptrace(PTRACE_INTERRUPT, t->tid, 0, 0);
		if (task_set_regs(t) || task_resume(t, PTRACE_CONT, 0) || task_wait(m, t, &status))
			gone(m, t, e);
		if (status >> 16 == PTRACE_EVENT_STOP)
			t->at = AT_POINT;
	}
	t->parking = false;
	t->parked = true;
	t->has_result = false;
	buf_clear(&t->named);
}

static void write_part(struct monitor *m, struct task *t, const struct event *e, const struct part *p)
{
	static const char zero[65536];
	uint64_t done = 0, len = p->flags & PARTF_ZERO ? p->whole : p->len;
	int err = 0;

	if (!(p->flags & PARTF_ZERO))
		err = guest_write(t, p->addr, part_data(p), len);
	for (uint64_t n; !err && p->flags & PARTF_ZERO && done < len; done += n) {
		n = min_of(len - done, (uint64_t)sizeof(zero));
		err = guest_write(t, p->addr + done, zero, n);
	}
	if (err)
		diverge(m, t, e, "unsupported", NULL, "has no memory at 0x%llx, where the leader's task has computed",
		        (unsigned long long)p->addr);
}

static bool is_named(const struct task *t, uint64_t page)
{
	const struct span *s = (const struct span *)t->named.at;
	size_t from = 0, to = t->named.len / sizeof(*s);

	/* They come in the order of addresses. */
	while (from < to) {
		size_t mid = (from + to) / 2;

		if (s[mid].end <= page)
			from = mid + 1;
		else
			to = mid;
	}
	return from < t->named.len / sizeof(*s) && s[from].start <= page;
}

static void clear_area(struct monitor *m, struct task *t, const struct event *e, int pagemap, const struct span *area)
{
	static uint64_t entry[4096];

	for (uint64_t at = area->start; at < area->end; at += sizeof(entry) / 8 * 4096) {
		uint64_t n = min_of((area->end - at) / 4096, (uint64_t)countof(entry));

		if (pread(pagemap, entry, n * 8, at / 4096 * 8) != (ssize_t)(n * 8))
			return;
		for (uint64_t i = 0; i < n; i++) {
			struct part page = {.addr = at + i * 4096, .whole = 4096, .flags = PARTF_ZERO};

			if (entry[i] >> 62 && !is_named(t, page.addr))
				write_part(m, t, e, &page);
		}
	}
}

/* t may have been past the point: what it has written beyond goes. `areas` are the leader's, of the first event of the
 * state; memory of files and shared memory has been named from end to end. */
static void clear_rest(struct monitor *m, struct task *t, const struct event *e)
{
	const struct span *area = (const struct span *)t->rest.at;
	char path[40];
	int pagemap;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", t->tid);
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	for (size_t i = 0; pagemap >= 0 && i < t->rest.len / sizeof(*area); i++)
		clear_area(m, t, e, pagemap, &area[i]);
	if (pagemap < 0)
		diverge(m, t, e, "unsupported", NULL, "cannot look into its own memory: %s", strerror(errno));
	close(pagemap);
}

static void note_areas(struct task *t, const struct part *p)
{
	const struct image_map *x = part_data(p);

	buf_clear(&t->rest);
	for (uint32_t i = 0; i < p->len / sizeof(*x); i++)
		if (x[i].kind == MAPK_ANON)
			buf_add(&t->rest, &(struct span){x[i].start, x[i].end}, sizeof(struct span));
}

static const struct user_regs_struct *point_regs(struct monitor *m, struct task *t, const struct event *e)
{
	const struct part *regs = event_part(e, PART_REGS, 0);

	if (!regs || regs->len != sizeof(t->regs))
		diverge(m, t, e, "unsupported", NULL, "cannot follow: the point has no registers");
	return part_data(regs);
}

static void take_registers(struct monitor *m, struct task *t, const struct event *e)
{
	const struct part *vectors = event_part(e, PART_VECTORS, 0);
	struct iovec v;

	t->regs = *point_regs(m, t, e);
	t->regs.orig_rax = -1;
	t->regs_valid = true;
	if (vectors) {
		v = (struct iovec){part_data(vectors), vectors->len};
		if (ptrace(PTRACE_SETREGSET, t->tid, NT_X86_XSTATE, &v) < 0)
			diverge(m, t, e, "unsupported", NULL, "cannot take over the leader's vector registers: %s", strerror(errno));
	}
	if (task_set_regs(t))
		gone(m, t, e);
}

/* ---- where the leader's spins ---- */

/* Between two looks at a task that is not there yet; each is half as long again as the one before. */
#define LOOK_MIN_NS 20000u
#define LOOK_MAX_NS 10000000u
#define LOOK_OWN_NS 500000000u

/* Let t go on in its computing, wherever that is. */
static void go_on(struct task *t)
{
	t->at = AT_RUNNING;
	task_resume(t, PTRACE_CONT, 0);
}

/* t runs for `ns`, and is stopped then. On its way it may stop for something that is dealt with at once, and that uses an
 * interrupt up. */
static void stop_spinning(struct monitor *m, struct task *t, uint64_t ns)
{
	monitor_alarm(ns);
	while (t->at == AT_RUNNING && !monitor_alarmed())
		follower_serve(m, t);
	t->parking = true;
	while (t->at == AT_RUNNING && ptrace(PTRACE_INTERRUPT, t->tid, 0, 0) == 0)
		follower_serve(m, t);
	t->parking = false;
}

/* It has not been there before, and never leaves before the stream has gone on. Not so in a layout of its own, where tasks may
 * have run in no order since a point: what is not found there soon goes its own way. */
static void follow_spin(struct monitor *m, struct task *t, const struct event *e)
{
	const struct user_regs_struct *regs = point_regs(m, t, e);
	bool there;

	if (t->waits)
		follower_go(m, t, 0);
	t->waits = false;
	for (uint64_t ns = LOOK_MIN_NS, all = 0;; all += ns, ns = min_of(ns + ns / 2, (uint64_t)LOOK_MAX_NS)) {
		enum spun spun;

		stop_spinning(m, t, ns);
		if (t->p->mm->own_layout && (t->at != AT_POINT || all > LOOK_OWN_NS)) {
			m->unordered = t->unordered = true;
			if (t->at == AT_POINT)
				go_on(t);
			return;
		}
		if (t->at != AT_POINT)
			diverge(m, t, e, follower_kind_of(t), NULL,
			        "is not in the loop in which the leader waits for others to write");
		gdb_breakpoints_away(m, t, true);
		spun = spin_prove(m, t);
		gdb_breakpoints_away(m, t, false);
		if (spun == SPIN_PROVEN)
			break;
		if (spun == SPIN_NONE)
			go_on(t);
		else
			t->at = AT_RUNNING;
	}
	gdb_breakpoints_away(m, t, true);
	there = spin_reach(m, t, regs);
	gdb_breakpoints_away(m, t, false);
	if (!there)
		diverge(m, t, e, "call", NULL, "waits in another loop than the leader for others to write");
}

/* Whether t gets into the round that the leader's is in, before anybody else has to run. Of another program nobody knows
 * whether its loop is short enough to be seen through; and where tasks have run in no order, since they could not be put at a
 * point, t may be a round behind: held there, it would keep the others waiting for ever. */
static bool spins_alike(const struct monitor *m, const struct task *t)
{
	return !t->p->mm->own_layout || !(m->cfg->spec[m->version].other || m->unordered);
}

void point_apply(struct monitor *m, struct task *t, const struct event *e)
{
	struct part *p = event_parts(e);

	if (e->flags & EVF_SPIN && spins_alike(m, t)) {
		follow_spin(m, t, e);
		return;
	}
	if (t->p->mm->own_layout) {
		/* From here on its way is its own, up to its next call. */
		m->unordered = t->unordered = true;
		return;
	}
	if (e->flags & EVF_UNKNOWN)
		diverge(m, t, e, "unsupported", NULL, "cannot follow: the leader's task was stopped while it computed, and has "
		        "too much memory to hand on");
	if (!t->parked)
		park(m, t, e);
	for (uint32_t i = 0; i < e->nparts; i++, p = part_next(p)) {
		uint64_t len = p->flags & PARTF_ZERO ? p->whole : p->len;

		if (p->kind == PART_IMAGE)
			note_areas(t, p);
		if (p->kind != PART_OUT)
			continue;
		write_part(m, t, e, p);
		buf_add(&t->named, &(struct span){p->addr, p->addr + len}, sizeof(struct span));
	}
	if (e->type != EV_POINT)
		return;
	if (e->flags & EVF_WHOLE)
		clear_rest(m, t, e);
	take_registers(m, t, e);
	t->parked = false;
}
