/* firstread.c - see firstread.h.
 *
 * How it can go wrong: an instruction loads more than it uses (strlen's, sixteen bytes at a time): it is named all the same. What a shield
 * does in the task's place, or another task does, is not seen. A handler of SIGTRAP of the program's own is in the way: such a program is
 * not stepped through (task_sigmask).
 */
#define _GNU_SOURCE
#include "monitor/firstread.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "monitor/experiment.h"
#include "monitor/follower.h"
#include "monitor/operands.h"

/* At 10 to 20 µs each. */
enum { STEPS_MAX = 2000000 };

struct firstread {
	struct task *t;         /* NULL: nobody is looked at */
	uint64_t at, len;
	uint32_t steps;
};

void firstread_start(struct monitor *m, struct task *t, uint64_t at, uint64_t len)
{
	const struct disposition *d = process_disposition(t->p, SIGTRAP);

	if (d && (d->ignored || d->handled))
		return;
	if (!m->firstread)
		m->firstread = xcalloc(1, sizeof(*m->firstread));
	*m->firstread = (struct firstread){.t = t, .at = at, .len = len};
}

static bool overlaps(const struct firstread *f, uint64_t at, uint64_t len)
{
	return at < f->at + f->len && f->at < at + len;
}

static void found(struct monitor *m, struct task *t)
{
	m->firstread->t = NULL;
	finding_send(m, NOTE_EXPERIMENT, 0, json_pack("{s:o}", "reader", finding_place(m, t, m->event)));
}

/* The bytes that an operand is about: with a repeat prefix as many as the count says. */
static uint64_t length_of(const struct task *t, const ZydisDecodedInstruction *in, const ZydisDecodedOperand *op)
{
	bool repeats = in->attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE);

	return op->size / 8 * (repeats ? t->regs.rcx : 1);
}

enum meets { MEETS_NOT, MEETS_READS, MEETS_OVERWRITES };

static enum meets look(const struct firstread *f, struct task *t)
{
	ZydisDecodedInstruction in;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
	enum meets meets = MEETS_NOT;
	uint64_t at;

	if (task_regs(t) || !operands_decode(t, &in, op))
		return MEETS_NOT;
	for (int i = 0; i < in.operand_count; i++) {
		uint64_t len = op[i].type == ZYDIS_OPERAND_TYPE_MEMORY ? length_of(t, &in, &op[i]) : 0;

		if (!len || op[i].mem.type == ZYDIS_MEMOP_TYPE_AGEN || !operand_address(&t->regs, &in, &op[i], &at))
			continue;
		if (op[i].actions & ZYDIS_OPERAND_ACTION_MASK_READ && overlaps(f, at, len))
			return MEETS_READS;
		if (in.meta.category == ZYDIS_CATEGORY_PUSH || in.meta.category == ZYDIS_CATEGORY_CALL)
			at = t->regs.rsp - len;
		if (op[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE && at <= f->at && at + len >= f->at + f->len)
			meets = MEETS_OVERWRITES;
	}
	return meets;
}

bool firstread_resume(struct monitor *m, struct task *t, int sig)
{
	if (!m->firstread || m->firstread->t != t)
		return false;
	task_resume(t, PTRACE_SINGLESTEP, sig);
	return true;
}

bool firstread_stopped(struct monitor *m, struct task *t, int status)
{
	struct firstread *f = m->firstread;
	siginfo_t info;

	/* A step over a call is reported with the code that breakpoints have elsewhere; theirs is SI_KERNEL. */
	if (!f || f->t != t || status >> 8 != SIGTRAP || task_siginfo(t, &info) ||
	    (info.si_code != TRAP_TRACE && info.si_code != TRAP_BRKPT))
		return false;
	switch (++f->steps > STEPS_MAX ? MEETS_OVERWRITES : look(f, t)) {
	case MEETS_NOT:        break;
	case MEETS_READS:      found(m, t); break;
	case MEETS_OVERWRITES: f->t = NULL; break;
	}
	task_resume(t, f->t ? PTRACE_SINGLESTEP : PTRACE_CONT, 0);
	return true;
}

/* ---- calls ---- */

struct looking { struct firstread *f; struct task *t; bool reads; };

static int look_extent(void *ctx, const struct extent *x)
{
	struct looking *l = ctx;

	l->reads |= overlaps(l->f, x->addr, x->len);
	return l->reads;
}

static int read_own(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct looking *l = ctx;

	return guest_read(l->t, addr, buf, len);
}

void firstread_call(struct monitor *m, struct task *t)
{
	struct looking l = {m->firstread, t, false};
	struct walk w = {.row = t->row, .args = t->args, .read = read_own, .visit = look_extent, .ctx = &l};

	if (!l.f || l.f->t != t)
		return;
	walk_entry(&w);
	if (l.reads)
		found(m, t);
}
