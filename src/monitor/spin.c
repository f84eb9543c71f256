/* spin.c - see spin.h.
 *
 * How the proof can go wrong, and what is done about it:
 *  - Registers come back, memory does not (a counter in a global): what an instruction is about to write is looked at
 *    before and after, and must be the same.
 *  - What an instruction reads is neither registers nor memory (time, chance, the core's number), or it writes where its
 *    operands do not say: only kinds of instructions that are known to do nothing of the sort count.
 *  - The step itself shows: pushf writes the trap flag. It is none of those kinds.
 *  - The step itself changes the signal mask, or a handler: see may_step.
 *  - Vector registers count steps: they are compared from one end of the round to the other.
 *  - A round that is longer than SPIN_STEPS is not found. Then nothing is claimed, and the task's state is carried.
 */
#define _GNU_SOURCE
#include "monitor/spin.h"

#include <signal.h>
#include <string.h>

#include "monitor/operands.h"

/* Instructions of a round: a lock's loop, as compilers make it without optimization, with a call in it. */
#define SPIN_STEPS  48
#define WRITTEN_MAX 64
/* Set by the processor when it comes back from a breakpoint: nothing of the program's. */
#define RESUME_FLAG 0x10000u
#define TRAP_FLAG   0x100u

/* What an instruction is about to write. */
struct written { uint64_t at; size_t len; uint8_t bytes[WRITTEN_MAX]; };

static bool same_regs(const struct user_regs_struct *a, const struct user_regs_struct *b)
{
	struct user_regs_struct x = *a, y = *b;

	/* No call is being made. */
	x.orig_rax = y.orig_rax = -1;
	x.eflags &= ~(unsigned long long)RESUME_FLAG;
	y.eflags &= ~(unsigned long long)RESUME_FLAG;
	return memcmp(&x, &y, sizeof(x)) == 0;
}

/* ---- one instruction ---- */

/* Whether registers and memory, as the operands name them, are all that it reads and writes. */
static bool is_plain(const ZydisDecodedInstruction *in)
{
	if (in->attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE |
	                      ZYDIS_ATTRIB_HAS_XACQUIRE | ZYDIS_ATTRIB_HAS_XRELEASE) ||
	    in->meta.isa_set == ZYDIS_ISA_SET_RTM)
		return false;
	switch (in->meta.category) {
	case ZYDIS_CATEGORY_BINARY: case ZYDIS_CATEGORY_BITBYTE: case ZYDIS_CATEGORY_CALL: case ZYDIS_CATEGORY_CMOV:
	case ZYDIS_CATEGORY_COND_BR: case ZYDIS_CATEGORY_CONVERT: case ZYDIS_CATEGORY_DATAXFER:
	case ZYDIS_CATEGORY_LOGICAL: case ZYDIS_CATEGORY_LOGICAL_FP: case ZYDIS_CATEGORY_NOP: case ZYDIS_CATEGORY_ROTATE:
	case ZYDIS_CATEGORY_SEMAPHORE: case ZYDIS_CATEGORY_SETCC: case ZYDIS_CATEGORY_SHIFT: case ZYDIS_CATEGORY_SSE:
	case ZYDIS_CATEGORY_UNCOND_BR: case ZYDIS_CATEGORY_WIDENOP:
		return true;
	case ZYDIS_CATEGORY_CET:
		return in->mnemonic == ZYDIS_MNEMONIC_ENDBR64;
	case ZYDIS_CATEGORY_POP:
		return in->mnemonic == ZYDIS_MNEMONIC_POP;
	case ZYDIS_CATEGORY_PUSH:
		return in->mnemonic == ZYDIS_MNEMONIC_PUSH;
	case ZYDIS_CATEGORY_RET:
		return in->mnemonic == ZYDIS_MNEMONIC_RET;
	case ZYDIS_CATEGORY_MISC:
		return in->mnemonic == ZYDIS_MNEMONIC_LEA || in->mnemonic == ZYDIS_MNEMONIC_PAUSE ||
		       in->mnemonic == ZYDIS_MNEMONIC_LEAVE || in->mnemonic == ZYDIS_MNEMONIC_MFENCE ||
		       in->mnemonic == ZYDIS_MNEMONIC_LFENCE || in->mnemonic == ZYDIS_MNEMONIC_SFENCE;
	default:
		return false;
	}
}

/* Operands that are not all there is to it. A bit's number leads beyond the word that is named; a popped word's place is counted
 * from where the stack is afterwards; and after a load of ss, two instructions are one step. */
static bool misleads(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *op)
{
	if (!(op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
		return false;
	if (op->type == ZYDIS_OPERAND_TYPE_REGISTER)
		return ZydisRegisterGetClass(op->reg.value) == ZYDIS_REGCLASS_SEGMENT;
	return op->type == ZYDIS_OPERAND_TYPE_MEMORY &&
	       (in->meta.category == ZYDIS_CATEGORY_BITBYTE || in->meta.category == ZYDIS_CATEGORY_POP);
}

/* The one place in memory that the instruction at which t stands writes to. False: it is not of the kinds that count. */
static bool about_to_write(struct task *t, struct written *ret)
{
	ZydisDecodedInstruction in;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];

	ret->len = 0;
	if (!operands_decode(t, &in, op) || !is_plain(&in))
		return false;
	for (int i = 0; i < in.operand_count; i++) {
		if (misleads(&in, &op[i]))
			return false;
		if (op[i].type != ZYDIS_OPERAND_TYPE_MEMORY || !(op[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			continue;
		if (ret->len || op[i].size % 8 || op[i].size / 8 > WRITTEN_MAX || !operand_address(&t->regs, &in, &op[i], &ret->at))
			return false;
		ret->len = op[i].size / 8;
		/* These write below where their operand points. */
		if (in.meta.category == ZYDIS_CATEGORY_PUSH || in.meta.category == ZYDIS_CATEGORY_CALL)
			ret->at = t->regs.rsp - ret->len;
	}
	return !ret->len || guest_read(t, ret->at, ret->bytes, ret->len) == 0;
}

/* A step is a SIGTRAP that the kernel forces upon t. Where that is blocked it is unblocked, which can be mended afterwards; but its
 * handler is reset then, as it is where it is ignored, and no steps are made. */
static bool may_step(struct task *t, uint64_t *ret_mask)
{
	const struct disposition *d = process_disposition(t->p, SIGTRAP);

	if (task_sigmask(t, ret_mask))
		return false;
	return !d->ignored && !(*ret_mask & sig_bit(SIGTRAP) && d->handled);
}

static void steps_done(struct task *t, uint64_t mask)
{
	if (mask & sig_bit(SIGTRAP))
		task_set_sigmask(t, mask);
}

/* SPIN_PROVEN: one instruction further, and it has changed nothing in memory. */
static enum spun quiet_step(struct monitor *m, struct task *t)
{
	struct written w;
	uint8_t now[WRITTEN_MAX];

	if (!about_to_write(t, &w))
		return SPIN_NONE;
	if (!task_step(m, t))
		return SPIN_STOPPED;
	if (task_regs(t) || (w.len && (guest_read(t, w.at, now, w.len) || memcmp(now, w.bytes, w.len))))
		return SPIN_NONE;
	return SPIN_PROVEN;
}

/* ---- a round ---- */

static enum spun go_round(struct monitor *m, struct task *t)
{
	static uint8_t before[XSTATE_MAX], after[XSTATE_MAX];
	struct user_regs_struct start;
	size_t len;

	if (task_regs(t))
		return SPIN_NONE;
	start = t->regs;
	/* The decoder knows this mode alone, and a program that steps itself wants its own traps. */
	if (start.cs != 0x33 || start.eflags & TRAP_FLAG)
		return SPIN_NONE;
	len = task_xstate(t, before);
	for (int i = 0; len && i < SPIN_STEPS; i++) {
		enum spun done = quiet_step(m, t);

		if (done != SPIN_PROVEN)
			return done;
		if (same_regs(&start, &t->regs))
			return task_xstate(t, after) == len && memcmp(before, after, len) == 0 ? SPIN_PROVEN : SPIN_NONE;
	}
	return SPIN_NONE;
}

enum spun spin_prove(struct monitor *m, struct task *t)
{
	enum spun spun;
	uint64_t mask;

	if (!may_step(t, &mask))
		return SPIN_NONE;
	spun = go_round(m, t);
	steps_done(t, mask);
	return spun;
}

/* Addresses of another layout are as far into their pages. */
static bool same_place(const struct task *t, const struct user_regs_struct *regs)
{
	return t->p->mm->own_layout ? ((t->regs.rip ^ regs->rip) & 4095) == 0 : same_regs(regs, &t->regs);
}

static bool step_to(struct monitor *m, struct task *t, const struct user_regs_struct *regs)
{
	for (int i = 0; i <= SPIN_STEPS; i++) {
		if (task_regs(t))
			return false;
		if (same_place(t, regs))
			return true;
		if (!task_step(m, t))
			return false;
	}
	return false;
}

bool spin_reach(struct monitor *m, struct task *t, const struct user_regs_struct *regs)
{
	uint64_t mask;
	bool there;

	if (!may_step(t, &mask))
		return false;
	there = step_to(m, t, regs);
	steps_done(t, mask);
	return there;
}
