/* experiment.c - see experiment.h.
 *
 * How it can go wrong: a task makes the same call as the recording has next, but means another one: it goes on with that one's
 * result, and the outcome tells. It goes on for ever: calls too many are counted, and a task that only computes is lost as in every
 * follower. A pointer is another one: outputs go where its own arguments point (other_args). It maps other memory than was recorded:
 * it does so by itself, where its kernel likes. At a point it gets the memory that was recorded: what had changed in it is lost, and
 * with it what would have come of it.
 */
#define _GNU_SOURCE
#include "monitor/experiment.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "monitor/follower.h"
#include "show/names.h"

enum {
	AHEAD = 64,             /* so many calls may be missing in a row */
	EXTRA_MAX = 10000,      /* so many may be too many in all */
	HASHED_MAX = 1 << 20    /* bytes of one piece that the digest takes in */
};

struct tried {
	uint64_t digest, leaving, apart, extra, missing, answered;
	bool told_leaving, told_apart;
};

/* ---- what is gathered ---- */

static struct tried *tried(struct monitor *m)
{
	if (!m->tried)
		m->tried = xcalloc(1, sizeof(*m->tried));
	return m->tried;
}

static void tell(struct monitor *m, const char *what, json_t *j)
{
	finding_send(m, NOTE_EXPERIMENT, 0, json_pack("{s:o}", what, j));
}

static json_t *in_short(const struct task *t, const struct event *e, const char *how, const struct difference *d)
{
	return json_pack("{s:I, s:i, s:s, s:s, s:i, s:o}", "event", (json_int_t)e->seq, "task", (int)t->id, "kind", how, "call",
	                 call_name(t->nr, t->call_flags & EVF_INT80), "argument", d ? d->arg : 0, "offset",
	                 d && d->bytes ? json_integer(d->offset) : json_null());
}

static void gather(struct monitor *m, struct task *t, const struct event *e, const char *how, const struct difference *d, bool leaves,
                   uint64_t own)
{
	struct tried *x = tried(m);
	uint64_t what[3] = {e->seq, d ? d->arg : 0, own};
	bool *told = leaves ? &x->told_leaving : &x->told_apart;

	if (leaves)
		x->digest = hash_bytes(what, sizeof(what), x->digest) | 1;
	(leaves ? x->leaving++ : x->apart++);
	if (*told)
		return;
	*told = true;
	tell(m, leaves ? "shows" : "apart", m->cfg->experiment->explain && leaves ? finding_json(m, t, e, how, d) : in_short(t, e, how, d));
}

static uint64_t hash_own(struct task *t, uint64_t addr, uint64_t len)
{
	uint8_t block[4096];
	uint64_t h = len;

	for (uint64_t n; len && h; addr += n, len -= n) {
		n = min_of(len, (uint64_t)sizeof(block));
		n = guest_read(t, addr, block, n) ? guest_read_some(t, addr, block, n) : n;
		if (!n)
			break;
		h = hash_bytes(block, n, h);
	}
	return h;
}

struct judging {
	struct monitor *m;
	struct task *t;
	const struct event *e;
};

static void judge(void *ctx, const struct difference *d, const struct extent *x)
{
	struct judging *j = ctx;
	uint64_t own = x ? hash_own(j->t, x->addr, min_of(x->len, (uint64_t)HASHED_MAX)) : d->follower;

	if (!x)
		j->t->other_args = true;
	gather(j->m, j->t, j->e, "argument", d, row_leaves(j->t->row, j->t->args, d->arg, x != NULL), own);
}

void experiment_end(struct monitor *m)
{
	struct tried *x = tried(m);
	char digest[24];

	snprintf(digest, sizeof(digest), "%llx", (unsigned long long)x->digest);
	tell(m, "end", json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "digest", digest, "leaving", (json_int_t)x->leaving, "apart",
	                         (json_int_t)x->apart, "extra", (json_int_t)x->extra, "missing", (json_int_t)x->missing, "answered",
	                         (json_int_t)x->answered, "spoils", (json_int_t)m->spoils));
}

void experiment_place(struct monitor *m, struct task *t, const struct event *e)
{
	const struct experiment *x = m->cfg->experiment;
	size_t i = x ? first_at_least(x->place, x->nplaces, sizeof(*x->place), e->seq) : 0;

	if (x && i < x->nplaces && x->place[i] == e->seq)
		tell(m, "place", finding_place(m, t, e));
}

/* ---- calls too many ---- */

struct sum { struct task *t; uint64_t len, hash; bool leaves; };

static int add_input(void *ctx, const struct extent *x)
{
	struct sum *s = ctx;

	if (!row_leaves(s->t->row, s->t->args, x->arg, true))
		return 0;
	s->leaves = true;
	s->hash = hash_bytes(&(uint64_t){hash_own(s->t, x->addr, min_of(x->len, (uint64_t)HASHED_MAX))}, 8, s->hash);
	/* Of vectors and messages the bytes alone. */
	if (x->kind == K_BUF)
		s->len += x->len;
	return 0;
}

static int read_own(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct sum *s = ctx;

	return guest_read(s->t, addr, buf, len);
}

/* What t's call gives away. */
static struct sum sum_up(struct task *t)
{
	struct sum s = {.t = t};
	struct walk w = {.row = t->row, .args = t->args, .read = read_own, .visit = add_input, .ctx = &s};

	walk_entry(&w);
	for (int i = 1; i <= t->row->nargs; i++)
		if (row_uses(t->row, t->args, i) && row_leaves(t->row, t->args, i, false)) {
			s.leaves = true;
			s.hash = hash_bytes(&t->args[i - 1], 8, s.hash);
		}
	return s;
}

static int64_t answer(const struct monitor *m, const struct task *t, const struct sum *s, struct tried *x)
{
	if (t->nr == SYS_brk)
		return t->p->mm->brk;
	if (t->row->returns == R_PID && !t->row->nargs)
		return t->nr == SYS_gettid ? t->leader_tid : t->nr == SYS_getpid ? t->p->leader_pid : m->root->leader_pid;
	if (t->row->returns == R_LEN && s->leaves)
		return s->len;
	if (t->row->who & ENDFD || (t->row->returns == R_INT && s->leaves))
		return 0;
	x->answered++;
	return -ENOSYS;
}

static bool own_memory(const struct task *t)
{
	switch (t->nr) {
	case SYS_mmap:
		return t->args[3] & MAP_ANONYMOUS && !(t->args[3] & MAP_SHARED);
	case SYS_munmap: case SYS_mprotect: case SYS_madvise: case SYS_mremap:
		return true;
	}
	return false;
}

/* t stands at a call that is none of the recording's. False: with that it ends. */
static bool one_more(struct monitor *m, struct task *t, const struct event *e)
{
	struct tried *x = tried(m);
	struct sum s = sum_up(t);

	if (++x->extra > EXTRA_MAX)
		diverge(m, t, e, "call", NULL, "goes on and on with calls that were not recorded");
	/* What it does behind the recording's end is as much of the outcome as before. */
	gather(m, t, e, "call", NULL, s.leaves, s.hash ^ t->nr);
	if (t->nr == SYS_exit || t->nr == SYS_exit_group) {
		if (t->p == m->root && (t->nr == SYS_exit_group || t->p->ntasks == 1)) {
			experiment_end(m);
			finding_end(m);
		}
		t->ahead = ~0ull;
		each_run(m, t, NULL, &(int64_t){0}, &(const char *){NULL});
		return false;
	}
	if (own_memory(t)) {
		if (t->nr == SYS_munmap)
			mm_unmap(t->p->mm, t->args[0], t->args[0] + t->args[1]);
		follower_go(m, t, 0);
	} else {
		follower_answer(m, t, answer(m, t, &s, x));
	}
	return true;
}

/* ---- calls that are missing ---- */

static const struct way *way_of(const struct monitor *m, const struct task *t)
{
	const struct experiment *x = m->cfg->experiment;

	return t->id < x->nways ? &x->way[t->id] : NULL;
}

static uint32_t step_of(const struct way *w, uint64_t seq)
{
	return first_at_least(w->step, w->n, sizeof(*w->step), seq);
}

/* The next of the recorded calls, from `e` on, that may be the one that t stands at; 0: none. */
static uint64_t find_ahead(const struct monitor *m, const struct task *t, const struct event *e)
{
	const struct way *w = way_of(m, t);
	int32_t fd = t->row->nargs && t->row->a[0].kind == K_FD ? (int32_t)t->args[0] : -1;
	uint32_t i = w ? step_of(w, e->seq) : 0;

	for (uint32_t n = 0; w && i < w->n && n < AHEAD; i++, n++) {
		const struct way_step *s = &w->step[i];

		if (n && s->call == t->nr && s->fd == fd)
			return s->seq;
		if (s->turns)
			return 0;
	}
	return 0;
}

static void pass_over(struct monitor *m, struct task *t, const struct event *e)
{
	const struct way *w = way_of(m, t);
	uint32_t i = w ? step_of(w, e->seq) : 0;

	if (!w || i >= w->n || w->step[i].seq != e->seq)
		return;
	tried(m)->missing++;
	gather(m, t, e, "call", NULL, w->step[i].leaves, 0);
}

bool experiment_passes(struct monitor *m, struct task *t, const struct event *e)
{
	if (e->seq >= t->ahead || (t->ahead == ~0ull && e->type == EV_DEATH))
		return false;
	pass_over(m, t, e);
	return true;
}

/* An instruction that the recording does not have gets this machine's values. */
static void pass_instructions(struct monitor *m, struct task *t)
{
	for (follower_wait(m, t); t->at == AT_INSN; follower_wait(m, t)) {
		tried(m)->extra++;
		follower_own_insn(m, t);
	}
}

bool experiment_call(struct monitor *m, struct task *t, const struct event *e)
{
	struct judging j = {m, t, e};

	t->other_args = false;
	for (;;) {
		pass_instructions(m, t);
		follower_need_call(m, t, e);
		if (t->nr == e->call && !((t->call_flags ^ e->flags) & EVF_INT80))
			break;
		if ((t->ahead = find_ahead(m, t, e))) {
			pass_over(m, t, e);
			return false;
		}
		if (!one_more(m, t, e))
			return false;
	}
	compare_all(t, e, judge, &j);
	return true;
}

bool experiment_insn(struct monitor *m, struct task *t, const struct event *e)
{
	if (t->at == AT_INSN && t->insn.kind == e->call)
		return true;
	if (t->at != AT_CALL && t->at != AT_INSN)
		return true;
	tried(m)->missing++;
	return false;
}

/* Which signal; without one its program goes on where it ended. */
void experiment_fault(struct monitor *m, struct task *t, const struct event *e)
{
	gather(m, t, e, t->at == AT_FAULT ? "crash" : "signal", NULL, true, t->at == AT_FAULT ? t->fault.si_signo : 0);
}

/* ---- results ---- */

int64_t experiment_result(const struct task *t, const struct event *e)
{
	const struct argument *last = &t->row->a[2];

	if (!t->other_args || t->row->returns != R_LEN || e->result < 0 || t->row->nargs < 3 || last->kind != K_SIZE)
		return e->result;
	/* All that it was given, if that was so there; or no more than it has room for. */
	if (t->row->a[1].dir == D_IN && (uint64_t)e->result == e->args[2])
		return t->args[2];
	return min_of((uint64_t)e->result, t->args[2]);
}
