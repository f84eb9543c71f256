/* filters.c - see filters.h. The language is classic BPF as the kernel allows it to seccomp. */
#include "monitor/shields/filters.h"

#include <stdlib.h>
#include <string.h>

static bool valid_insn(const struct sock_filter *i, unsigned at, unsigned n)
{
	switch (i->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		return i->k < sizeof(struct seccomp_data) && i->k % 4 == 0;
	case BPF_LD | BPF_W | BPF_LEN: case BPF_LDX | BPF_W | BPF_LEN: case BPF_LD | BPF_IMM: case BPF_LDX | BPF_IMM:
	case BPF_MISC | BPF_TAX: case BPF_MISC | BPF_TXA: case BPF_RET | BPF_K: case BPF_RET | BPF_A:
	case BPF_ALU | BPF_ADD | BPF_K: case BPF_ALU | BPF_ADD | BPF_X: case BPF_ALU | BPF_SUB | BPF_K:
	case BPF_ALU | BPF_SUB | BPF_X: case BPF_ALU | BPF_MUL | BPF_K: case BPF_ALU | BPF_MUL | BPF_X:
	case BPF_ALU | BPF_AND | BPF_K: case BPF_ALU | BPF_AND | BPF_X: case BPF_ALU | BPF_OR | BPF_K:
	case BPF_ALU | BPF_OR | BPF_X: case BPF_ALU | BPF_XOR | BPF_K: case BPF_ALU | BPF_XOR | BPF_X:
	case BPF_ALU | BPF_LSH | BPF_X: case BPF_ALU | BPF_RSH | BPF_X: case BPF_ALU | BPF_DIV | BPF_X:
	case BPF_ALU | BPF_NEG:
		return true;
	case BPF_ALU | BPF_DIV | BPF_K:
		return i->k != 0;
	case BPF_ALU | BPF_LSH | BPF_K: case BPF_ALU | BPF_RSH | BPF_K:
		return i->k < 32;
	case BPF_LD | BPF_MEM: case BPF_LDX | BPF_MEM: case BPF_ST: case BPF_STX:
		return i->k < BPF_MEMWORDS;
	case BPF_JMP | BPF_JA:
		return i->k < n - at - 1;
	case BPF_JMP | BPF_JEQ | BPF_K: case BPF_JMP | BPF_JEQ | BPF_X: case BPF_JMP | BPF_JGE | BPF_K:
	case BPF_JMP | BPF_JGE | BPF_X: case BPF_JMP | BPF_JGT | BPF_K: case BPF_JMP | BPF_JGT | BPF_X:
	case BPF_JMP | BPF_JSET | BPF_K: case BPF_JMP | BPF_JSET | BPF_X:
		return at + 1 + i->jt < n && at + 1 + i->jf < n;
	default:
		return false;
	}
}

/* No word of the scratch memory is read on a path on which it was not set. As the kernel's check: a jump takes what
 * is set to where it leads, and instructions behind one are reached by jumps alone. */
static bool memory_set(const struct sock_filter *insn, unsigned n)
{
	uint16_t reaching[BPF_MAXINSNS], set = 0;

	memset(reaching, 0xff, n * sizeof(*reaching));
	for (unsigned i = 0; i < n; i++) {
		set &= reaching[i];
		switch (insn[i].code) {
		case BPF_ST: case BPF_STX:
			set |= 1u << insn[i].k;
			break;
		case BPF_LD | BPF_MEM: case BPF_LDX | BPF_MEM:
			if (!(set >> insn[i].k & 1))
				return false;
			break;
		case BPF_JMP | BPF_JA:
			reaching[i + 1 + insn[i].k] &= set;
			set = 0xffff;
			break;
		default:
			if (BPF_CLASS(insn[i].code) != BPF_JMP)
				break;
			reaching[i + 1 + insn[i].jt] &= set;
			reaching[i + 1 + insn[i].jf] &= set;
			set = 0xffff;
		}
	}
	return true;
}

bool filter_valid(const struct sock_filter *insn, unsigned n)
{
	if (!n || n > BPF_MAXINSNS || BPF_CLASS(insn[n - 1].code) != BPF_RET)
		return false;
	for (unsigned i = 0; i < n; i++)
		if (!valid_insn(&insn[i], i, n))
			return false;
	return memory_set(insn, n);
}

static uint32_t compute(uint16_t op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_ADD: return a + b;
	case BPF_SUB: return a - b;
	case BPF_MUL: return a * b;
	case BPF_DIV: return a / b;
	case BPF_AND: return a & b;
	case BPF_OR:  return a | b;
	case BPF_XOR: return a ^ b;
	case BPF_LSH: return a << (b & 31);
	case BPF_RSH: return a >> (b & 31);
	default:      return -a;
	}
}

static bool holds(uint16_t op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_JEQ: return a == b;
	case BPF_JGE: return a >= b;
	case BPF_JGT: return a > b;
	default:      return a & b;
	}
}

uint32_t filter_run(const struct sock_filter *insn, unsigned n, const struct seccomp_data *data)
{
	uint32_t a = 0, x = 0, mem[BPF_MEMWORDS] = {0};

	for (unsigned at = 0; at < n; at++) {
		const struct sock_filter *i = &insn[at];
		uint32_t b = BPF_SRC(i->code) == BPF_X ? x : i->k;

		switch (BPF_CLASS(i->code)) {
		case BPF_LD:
		case BPF_LDX: {
			uint32_t v = i->k;

			if (BPF_MODE(i->code) == BPF_ABS)
				memcpy(&v, (const char *)data + i->k, sizeof(v));
			else if (BPF_MODE(i->code) == BPF_LEN)
				v = sizeof(*data);
			else if (BPF_MODE(i->code) == BPF_MEM)
				v = mem[i->k];
			*(BPF_CLASS(i->code) == BPF_LD ? &a : &x) = v;
			break;
		}
		case BPF_ST:  mem[i->k] = a; break;
		case BPF_STX: mem[i->k] = x; break;
		case BPF_ALU:
			/* As the kernel: a division by nothing ends the filter, and the call. */
			if (BPF_OP(i->code) == BPF_DIV && !b)
				return SECCOMP_RET_KILL_THREAD;
			a = compute(BPF_OP(i->code), a, b);
			break;
		case BPF_JMP:
			at += BPF_OP(i->code) == BPF_JA ? i->k : holds(BPF_OP(i->code), a, b) ? i->jt : i->jf;
			break;
		case BPF_RET:
			return BPF_RVAL(i->code) == BPF_A ? a : i->k;
		default:
			if (BPF_MISCOP(i->code) == BPF_TAX)
				x = a;
			else
				a = x;
		}
	}
	return SECCOMP_RET_KILL_THREAD;
}

/* The kernel compares actions as signed numbers: killing the process comes before all others. */
static int32_t action(uint32_t verdict)
{
	return (int32_t)(verdict & SECCOMP_RET_ACTION_FULL);
}

uint32_t filter_verdict(const struct filter *f, const struct seccomp_data *data)
{
	uint32_t ret = SECCOMP_RET_ALLOW;

	for (; f; f = f->older) {
		uint32_t v = filter_run(f->insn, f->n, data);

		if (action(v) < action(ret))
			ret = v;
	}
	return ret;
}

struct filter *filter_new(struct filter *older, const struct sock_filter *insn, unsigned n)
{
	struct filter *f = xmalloc(sizeof(*f) + n * sizeof(*insn));

	f->refs = 1;
	f->older = older;
	f->n = n;
	memcpy(f->insn, insn, n * sizeof(*insn));
	return f;
}

struct filter *filter_get(struct filter *f)
{
	if (f)
		f->refs++;
	return f;
}

void filter_put(struct filter *f)
{
	while (f && !--f->refs) {
		struct filter *older = f->older;

		free(f);
		f = older;
	}
}

bool filter_descends(const struct filter *f, const struct filter *older)
{
	while (f && f != older)
		f = f->older;
	return f == older;
}

unsigned filter_length(const struct filter *f)
{
	unsigned n = 0;

	/* Four more for each: what going from one to the next costs. */
	for (; f; f = f->older)
		n += f->n + 4;
	return n;
}
