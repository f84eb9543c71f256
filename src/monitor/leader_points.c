/* leader_points.c - a task is stopped in the middle of its computing, at a place that followers find again.
 *
 * Where it is proven to spin (spin.c), that is its round, and its registers are enough (EVF_SPIN). Else:
 * Between two calls a task runs by itself, in the leader and in followers. Where it has to be stopped on its way, since
 * others starve or a signal waits, no address tells how far it is: a loop comes by there a million times. So its state
 * travels instead: its registers, and the memory that it may have written since its last event.
 *
 * How that can go wrong, and what is done about it:
 *  - A follower's task has run past the point. Where tasks take turns it has not: followers let it go only when they know
 *    how its stretch ends (EVF_TURNS). A task without others is not held back, and one that computes for long is let go
 *    by EV_GOES; their points are whole (EVF_WHOLE): all memory that may differ, and what it does not name is as if
 *    never written to.
 *  - What it has written is not known (no kernel that one meets everywhere tells): all pages that exist and can be
 *    written to count. That is much in a large process, so its turns become longer, see lead_slice.
 *  - The task is in a call by the time the interrupt meets it: the call would come back with EINTR. It is made again
 *    instead (lead_interrupted_call).
 *  - Memory cannot be carried (more than STATE_MAX): then nothing is claimed, and the caller goes the old ways.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <unistd.h>

#include "monitor/leader.h"
#include "monitor/publish.h"
#include "monitor/spin.h"

/* Address space that may be written to: more than this is not looked through. */
#define STATE_SPAN (16ull << 30)
/* Memory that is carried. */
#define STATE_MAX  (2ull << 30)
/* Memory shared with other processes that a whole point carries from end to end. */
#define SHARED_MAX (64ull << 20)
/* The bytes of a state are read in pieces of this size. */
#define PIECE      (256u << 10)

/* A mapping that can be written to. */
struct area { uint64_t start, end; bool shared, file; };

struct state {
	struct monitor *m;
	struct task *t;
	bool whole;
	struct area *area;
	int n, room;
	uint64_t bytes;
};

/* ---- what there is ---- */

/* Less scratch memory, which followers have not. */
static void add_area(struct state *s, struct area a)
{
	const struct span *chunk = (const struct span *)s->t->in_mm->chunks.at;

	for (size_t i = 0; i < s->t->in_mm->chunks.len / sizeof(*chunk); i++) {
		struct area before = a;

		if (chunk[i].end <= a.start || chunk[i].start >= a.end)
			continue;
		before.end = chunk[i].start;
		if (before.start < before.end)
			add_area(s, before);
		a.start = chunk[i].end;
		if (a.start >= a.end)
			return;
	}
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 64;
		s->area = xrealloc(s->area, s->room * sizeof(*s->area));
	}
	s->area[s->n++] = a;
}

static bool read_areas(struct state *s)
{
	char path[40], *line = NULL, prot[5];
	unsigned long long start, end, ino;
	size_t room = 0;
	uint64_t span = 0, shared = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", s->t->tid);
	if (!(f = fopen(path, "re")))
		return false;
	while (getline(&line, &room, f) > 0) {
		if (sscanf(line, "%llx-%llx %4s %*x %*s %llu", &start, &end, prot, &ino) != 4 || prot[1] != 'w')
			continue;
		add_area(s, (struct area){start, end, prot[3] == 's', ino != 0});
		span += end - start;
		shared += prot[3] == 's' ? end - start : 0;
	}
	free(line);
	fclose(f);
	return span <= STATE_SPAN && (!s->whole || shared <= SHARED_MAX);
}

/* Whether a page, by its entry of /proc/PID/pagemap, may be something that the task has written. */
static bool counts(const struct state *s, const struct area *a, uint64_t entry)
{
	bool there = entry >> 62;          /* in memory, or swapped */
	bool file = entry >> 61 & 1;       /* or shared */

	if (s->whole && (a->shared || a->file))
		return true;
	return there && (a->shared || !file);
}

/* ---- putting it into events ---- */

static void begin(struct state *s, int type)
{
	publish_begin(s->m, s->t, type, s->whole ? EVF_WHOLE : 0);
}

static void put(struct state *s, uint64_t at, const char *data, uint64_t len)
{
	uint64_t limit = min_of(stream_max(s->m->s) / 2, (uint64_t)CARRY_OUT);

	if (s->m->build.len + part_space(len) > limit && publish_event(s->m)->nparts) {
		publish_end(s->m, s->t);
		begin(s, EV_STATE);
	}
	if (data)
		publish_part(s->m, PART_OUT, 0, at, data, len);
	else
		publish_zeros(s->m, at, len);
	s->bytes += len;
}

static bool is_zero(const char *page)
{
	const uint64_t *w = (const uint64_t *)page;

	for (int i = 0; i < 512; i++)
		if (w[i])
			return false;
	return true;
}

static void put_run(struct state *s, uint64_t from, uint64_t to)
{
	static char piece[PIECE] __attribute__((aligned(8)));

	for (uint64_t at = from, len; at < to; at += len) {
		size_t got;

		len = min_of(to - at, (uint64_t)PIECE);
		/* What cannot be read (a device, the end of a file) is nothing that a task has written. */
		got = guest_read_some(s->t, at, piece, len) & ~4095ull;
		for (uint64_t i = 0, n; i < got; i += n) {
			bool zero = is_zero(piece + i);

			for (n = 4096; i + n < got && is_zero(piece + i + n) == zero; n += 4096)
				;
			put(s, at + i, zero ? NULL : piece + i, n);
		}
	}
}

static bool put_area(struct state *s, int pagemap, const struct area *a)
{
	static uint64_t entry[4096];
	uint64_t from = 0;
	bool in_run = false;

	for (uint64_t at = a->start; at < a->end; at += sizeof(entry) / 8 * 4096) {
		uint64_t n = min_of((a->end - at) / 4096, (uint64_t)countof(entry));

		if (pread(pagemap, entry, n * 8, at / 4096 * 8) != (ssize_t)(n * 8))
			return false;
		for (uint64_t i = 0; i < n; i++) {
			bool yes = counts(s, a, entry[i]);

			if (yes && !in_run)
				from = at + i * 4096;
			if (!yes && in_run)
				put_run(s, from, at + i * 4096);
			in_run = yes;
		}
		if (s->bytes > STATE_MAX)
			return false;
	}
	if (in_run)
		put_run(s, from, a->end);
	return true;
}

static void put_areas(struct state *s)
{
	struct image_map *x = publish_part(s->m, PART_IMAGE, 0, 0, NULL, s->n * sizeof(*x));

	for (int i = 0; i < s->n; i++)
		x[i] = (struct image_map){.start = s->area[i].start, .end = s->area[i].end,
		                          .kind = s->area[i].shared || s->area[i].file ? MAPK_FILE : MAPK_ANON};
}

static void put_vectors(struct state *s)
{
	static char area[XSTATE_MAX];
	size_t len = task_xstate(s->t, area);

	if (len)
		publish_part(s->m, PART_VECTORS, 0, 0, area, len);
}

static bool has_other_programs(const struct monitor *m)
{
	for (int i = 1; i < m->cfg->n; i++)
		if (m->cfg->spec[i].other)
			return true;
	return false;
}

/* How many followers can take a state over: not those whose addresses are their own. A recording is one. */
static int takers(const struct monitor *m)
{
	int n = m->cfg->recording;

	for (int i = 1; i < m->cfg->n; i++)
		n += !m->cfg->spec[i].other && !(m->cfg->exposed & SRC_ASLR) && !m->cfg->start_main;
	return n;
}

bool lead_points_serve(const struct monitor *m)
{
	return takers(m) == m->cfg->n - 1 + m->cfg->recording;
}

static bool put_memory(struct state *s)
{
	char path[40];
	int pagemap;
	bool done;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", s->t->tid);
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	done = pagemap >= 0;
	for (int i = 0; done && i < s->n; i++)
		done = put_area(s, pagemap, &s->area[i]);
	if (pagemap >= 0)
		close(pagemap);
	return done;
}

static void end_point(struct monitor *m, struct task *t)
{
	if (!m->cfg->stack)
		publish_part(m, PART_REGS, 0, 0, &t->regs, sizeof(t->regs));
	publish_context(m, t);
	publish_end(m, t);
}

bool lead_point(struct monitor *m, struct task *t)
{
	struct state s = {.m = m, .t = t, .whole = !t->held_back};
	uint64_t since = now_cpu();
	bool done;

	if (task_regs(t))
		return false;
	done = !takers(m) || read_areas(&s);
	if (done) {
		begin(&s, EV_STATE);
		if (takers(m)) {
			if (s.whole)
				put_areas(&s);
			done = put_memory(&s);
		}
		/* Too much after all: followers that have taken parts of it over hear of no point, and say so. */
		publish_event(m)->type = EV_POINT;
		publish_event(m)->flags |= done ? 0 : EVF_UNKNOWN;
		put_vectors(&s);
		end_point(m, t);
		m->points++;
		m->point_bytes += s.bytes;
		t->in_mm->point_cost = now_cpu() - since;
	}
	free(s.area);
	t->in_mm->pointless |= !done;
	return done;
}

/* Where t spins, a point needs no memory. */
static enum spun spin_point(struct monitor *m, struct task *t)
{
	enum spun spun = spin_prove(m, t);

	lead_looked(t, spun == SPIN_PROVEN);
	if (spun != SPIN_PROVEN)
		return spun;
	publish_begin(m, t, EV_POINT, EVF_SPIN);
	end_point(m, t);
	m->spins++;
	return spun;
}

uint64_t lead_slice(const struct task *t, uint64_t least)
{
	return max_of(least, 5 * t->in_mm->point_cost);
}

/* ---- interrupts ---- */

void lead_interrupt(struct task *t)
{
	if (t->interrupted)
		return;
	t->interrupted = ptrace(PTRACE_INTERRUPT, t->tid, 0, 0) == 0;
	t->interrupted_at = now_mono();
}

bool lead_interrupted_call(struct task *t, const struct __ptrace_syscall_info *info)
{
	/* The vsyscall page has no instruction to go back to, and no call that sleeps. */
	if (!t->interrupted || info->instruction_pointer >> 12 == 0xffffffffff600 || task_regs(t))
		return false;
	task_make_again(t, info->instruction_pointer - 2, info->seccomp.nr);
	/* Once more: if the interrupt came before this stop, that has used it up. */
	ptrace(PTRACE_INTERRUPT, t->tid, 0, 0);
	task_resume(t, PTRACE_CONT, 0);
	return true;
}

/* t stands somewhere in the program: a signal that has waited for a call is delivered here. `known`: it is a point
 * already. */
static bool deliver_held(struct monitor *m, struct task *t, bool known)
{
	siginfo_t info;

	if (!lead_take_held(t, &info))
		return false;
	if (known) {
		lead_publish_signal(m, t, &info, EVF_HANDLER | EVF_RUNS);
		t->mask_stale = true;
	} else {
		lead_deliver_at_point(m, t, &info);
	}
	if (task_signal_stop(m, t, info.si_signo) == 0) {
		task_set_siginfo(t, &info);
		t->phase = LEAD_USER;
		task_resume(t, PTRACE_CONT, info.si_signo);
	}
	return true;
}

void lead_deliver_at_point(struct monitor *m, struct task *t, const siginfo_t *info)
{
	bool exact = lead_point(m, t);

	m->async_signals += !exact;
	lead_publish_signal(m, t, info, EVF_HANDLER | EVF_RUNS | (exact ? 0 : EVF_ASYNC));
	t->mask_stale = true;
}

void lead_on_interrupt(struct monitor *m, struct task *t)
{
	bool preempts = t->preempts, looks = t->looks, ours = t->interrupted;

	t->interrupted = t->preempts = t->looks = false;
	if (t->preempted) {
		t->preempted = false;
		if (t->held && task_regs(t) == 0 && deliver_held(m, t, true))
			return;
		lead_publish_run(m, t);
		lead_go_user(t);
		return;
	}
	/* First the others: signals may come so often that it would never be their turn. */
	if (ours && t->phase == LEAD_USER && !t->p->foreign && !t->awaits_signal) {
		if ((preempts || looks) && lead_keeps_waiting(t)) {
			enum spun spun = looks || lead_looks(t) ? spin_point(m, t) : SPIN_NONE;

			if (spun == SPIN_STOPPED)
				return;
			if (spun == SPIN_PROVEN || (preempts && lead_point(m, t))) {
				m->shared_turns += spun == SPIN_PROVEN ? has_other_programs(m) : !lead_points_serve(m);
				t->preempted = true;
				lead_wait_for_turn(m, t, PTRACE_EVENT_STOP << 16 | SIGTRAP << 8 | 0x7f);
				lead_pass_turn(m, t->in_mm->dom);
				return;
			}
		}
		if (t->held && deliver_held(m, t, false))
			return;
	}
	task_resume(t, t->phase == LEAD_CALL ? PTRACE_SYSCALL : PTRACE_CONT, 0);
}

void lead_goes(struct monitor *m, struct task *t)
{
	if (!t->held_back)
		return;
	publish_begin(m, t, EV_GOES, 0);
	publish_end(m, t);
}

/* What a task computes before followers need not wait any more to hear how that ends. */
#define GOES_CPU_NS 20000000u

void lead_computes_on(struct monitor *m, struct task *t)
{
	if (!t->held_back || t->state != TASK_RUNNING || t->phase != LEAD_USER || t->awaits_signal || t->p->foreign ||
	    !config_followed(m->cfg) || lead_keeps_waiting(t)) {
		t->quiet_ticks = 0;
		return;
	}
	if (t->quiet_seq != t->last_seq) {
		t->quiet_seq = t->last_seq;
		t->quiet_ticks = 0;
		t->quiet_cpu = task_cpu(t, 0);
	}
	/* On a busy machine ticks pass in which it has not run at all. */
	if (++t->quiet_ticks < 3 || task_cpu(t, 0) - t->quiet_cpu < GOES_CPU_NS)
		return;
	lead_goes(m, t);
}
