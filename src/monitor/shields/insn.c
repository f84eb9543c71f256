/* insn.c - instructions that stand in for calls: recognized, executed, applied. */
#include "monitor/shields/insn.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/base.h"

/* ---- decoding ---- */

struct prefixes {
	uint8_t rex, rep, seg;          /* rep: the last of f2 and f3, which is the one that counts */
	bool size16, addr32, lock;
};

static bool prefix_take(struct prefixes *p, uint8_t b)
{
	switch (b) {
	case 0x66: p->size16 = true; break;
	case 0x67: p->addr32 = true; break;
	case 0xf0: p->lock = true; break;
	case 0xf2: case 0xf3: p->rep = b; break;
	case 0x64: case 0x65: p->seg = b; break;
	case 0x26: case 0x2e: case 0x36: case 0x3e: break; /* without meaning in 64-bit mode */
	default:
		if ((b & 0xf0) != 0x40)
			return false;
		p->rex = b;
		return true;
	}
	p->rex = 0;                     /* a REX that another prefix follows is void */
	return true;
}

static int width_of(const struct prefixes *p)
{
	return p->rex & 8 ? 64 : p->size16 ? 16 : 32;
}

static int32_t get32(const uint8_t *at)
{
	int32_t v;

	memcpy(&v, at, 4);
	return v;
}

/* The memory operand behind the ModRM byte at b[0]. Returns the length from ModRM on, 0 if cut. */
static int decode_memory(const uint8_t *b, size_t n, const struct prefixes *p, struct insn_op *op,
                         bool *ret_riprel)
{
	int mod = b[0] >> 6, rm = b[0] & 7, at = 1, disp = mod == 1 ? 1 : mod == 2 ? 4 : 0;

	op->mem = true;
	op->seg = p->seg;
	op->addr32 = p->addr32;
	op->base = (uint8_t)(rm | (p->rex & 1) << 3);
	if (rm == 4) {
		if (n < 2)
			return 0;
		op->base = (uint8_t)((b[1] & 7) | (p->rex & 1) << 3);
		op->index = (uint8_t)((b[1] >> 3 & 7) | (p->rex & 2) << 2);
		op->scale = (uint8_t)(1 << (b[1] >> 6));
		if (op->index == 4)
			op->index = INSN_NOREG;
		at = 2;
	}
	if (mod == 0 && (op->base & 7) == 5) {
		*ret_riprel = rm == 5;
		op->base = INSN_NOREG;
		disp = 4;
	}
	if (n < (size_t)(at + disp))
		return 0;
	if (disp)
		op->disp = (uint64_t)(int64_t)(disp == 1 ? (int8_t)b[at] : get32(b + at));
	return at + disp;
}

/* The bytes from ModRM on of an lsl. */
static int decode_lsl(const uint8_t *b, size_t n, const struct prefixes *p, struct insn_op *op,
                      bool *ret_riprel)
{
	if (!n)
		return 0;
	op->kind = INSN_LSL;
	op->width = (uint8_t)width_of(p);
	op->reg = (uint8_t)((b[0] >> 3 & 7) | (p->rex & 4) << 1);
	if (b[0] >> 6 != 3)
		return decode_memory(b, n, p, op, ret_riprel);
	op->src = (uint8_t)((b[0] & 7) | (p->rex & 1) << 3);
	return 1;
}

/* 0f c7 with a register: f3 /7 is rdpid, f3 /6 is senduipi, f2 is nothing. */
static int decode_c7(const uint8_t *b, size_t n, const struct prefixes *p, struct insn_op *op)
{
	int sub;

	if (!n || b[0] >> 6 != 3)
		return 0;
	sub = b[0] >> 3 & 7;
	op->reg = (uint8_t)((b[0] & 7) | (p->rex & 1) << 3);
	op->width = (uint8_t)width_of(p);
	if (p->rep == 0xf3 && sub == 7) {
		op->kind = INSN_RDPID;
		op->width = 64;
	} else if (!p->rep && sub >= 6) {
		op->kind = sub == 6 ? INSN_RDRAND : INSN_RDSEED;
	} else {
		return 0;
	}
	return 1;
}

static int decode_opcode(const uint8_t *b, size_t n, const struct prefixes *p, struct insn_op *op,
                         bool *ret_riprel)
{
	int more = 0;

	switch (b[1]) {
	case 0x31:
		op->kind = INSN_RDTSC;
		return 2;
	case 0xa2:
		op->kind = INSN_CPUID;
		return 2;
	case 0x01:
		op->kind = INSN_RDTSCP;
		return n >= 3 && b[2] == 0xf9 ? 3 : 0;
	case 0x03:
		more = decode_lsl(b + 2, n - 2, p, op, ret_riprel);
		break;
	case 0xc7:
		more = decode_c7(b + 2, n - 2, p, op);
		break;
	}
	return more ? more + 2 : 0;
}

int insn_decode(const uint8_t *bytes, size_t n, uint64_t rip, struct insn_op *ret)
{
	struct insn_op op = {
		.reg = INSN_NOREG, .src = INSN_NOREG, .base = INSN_NOREG, .index = INSN_NOREG,
		.scale = 1, .width = 32,
	};
	struct prefixes p = { 0 };
	bool riprel = false;
	size_t at = 0;
	int len;

	n = min_of(n, (size_t)INSN_MAX);
	while (at < n && prefix_take(&p, bytes[at]))
		at++;
	if (n - at < 2 || bytes[at] != 0x0f || p.lock)
		return 0;
	len = decode_opcode(bytes + at, n - at, &p, &op, &riprel);
	if (!len)
		return 0;
	op.opcode = (uint8_t)at;
	op.len = (uint8_t)(at + (size_t)len);
	if (riprel)
		op.disp += rip + op.len;
	*ret = op;
	return op.len;
}

/* ---- applying ---- */

enum {
	FLAG_CF = 1, FLAG_PF = 4, FLAG_AF = 0x10, FLAG_ZF = 0x40, FLAG_SF = 0x80, FLAG_OF = 0x800,
	FLAGS_ARITH = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF
};

#define REG(name) offsetof(struct user_regs_struct, name)
static const uint8_t reg_offset[16] = {
	REG(rax), REG(rcx), REG(rdx), REG(rbx), REG(rsp), REG(rbp), REG(rsi), REG(rdi),
	REG(r8),  REG(r9),  REG(r10), REG(r11), REG(r12), REG(r13), REG(r14), REG(r15),
};

static uint64_t reg_get(const struct user_regs_struct *r, int reg)
{
	unsigned long long v;

	must(reg >= 0 && reg < 16);
	memcpy(&v, (const char *)r + reg_offset[reg], sizeof(v));
	return v;
}

/* A 32-bit write clears the upper half, a 16-bit one keeps what is above it. */
static void reg_set(struct user_regs_struct *r, int reg, int width, uint64_t v)
{
	unsigned long long whole = v;

	if (width == 32)
		whole = (uint32_t)v;
	else if (width == 16)
		whole = (reg_get(r, reg) & ~(uint64_t)0xffff) | (v & 0xffff);
	must(reg >= 0 && reg < 16);
	memcpy((char *)r + reg_offset[reg], &whole, sizeof(whole));
}

uint64_t insn_address(const struct insn_op *op, const struct user_regs_struct *r)
{
	uint64_t at = op->disp;

	if (op->base != INSN_NOREG)
		at += reg_get(r, op->base);
	if (op->index != INSN_NOREG)
		at += reg_get(r, op->index) * op->scale;
	if (op->addr32)
		at = (uint32_t)at;
	return at + (op->seg == 0x64 ? r->fs_base : op->seg == 0x65 ? r->gs_base : 0);
}

static void apply_lsl(struct user_regs_struct *r, const struct insn_op *op, uint64_t limit,
                      uint32_t eflags_bits)
{
	r->eflags = (r->eflags & ~(uint64_t)FLAG_ZF) | (eflags_bits & FLAG_ZF);
	if (eflags_bits & FLAG_ZF)
		reg_set(r, op->reg, op->width, limit);
}

void insn_apply(struct user_regs_struct *r, const struct insn_op *op, const uint64_t v[4],
                uint32_t eflags_bits)
{
	switch (op->kind) {
	case INSN_RDTSCP:
		r->rcx = (uint32_t)v[1];
		/* fall through */
	case INSN_RDTSC:
		r->rax = (uint32_t)v[0];
		r->rdx = v[0] >> 32;
		break;
	case INSN_CPUID:
		r->rax = (uint32_t)v[0];
		r->rbx = (uint32_t)v[1];
		r->rcx = (uint32_t)v[2];
		r->rdx = (uint32_t)v[3];
		break;
	case INSN_RDRAND:
	case INSN_RDSEED:
		reg_set(r, op->reg, op->width, v[0]);
		r->eflags = (r->eflags & ~(uint64_t)FLAGS_ARITH) | FLAG_CF;
		break;
	case INSN_RDPID:
		reg_set(r, op->reg, 64, (uint32_t)v[0]);
		break;
	case INSN_LSL:
		apply_lsl(r, op, v[0], eflags_bits);
		break;
	default:
		must(!"an instruction");
	}
	r->rip += op->len;
}

/* ---- values ---- */

/* Linux keeps the number of the core, and of its node above it, as the limit of this segment. */
#define CPUNODE_SELECTOR 0x7b

/* False, and *ret_limit 0, where the descriptor may not be looked at. */
static bool limit_of(uint32_t selector, uint32_t *ret_limit)
{
	uint32_t limit = 0;
	bool ok;

	__asm__ volatile("lsl %2, %0" : "+r"(limit), "=@ccz"(ok) : "r"(selector));
	*ret_limit = ok ? limit : 0;
	return ok;
}

/* What rdpid gives, also on a CPU without it: the kernel puts the same number into both places. */
static uint32_t cpu_node(void)
{
	unsigned cpu = 0, node = 0;
	uint32_t v;

	if (limit_of(CPUNODE_SELECTOR, &v))
		return v;
	syscall(SYS_getcpu, &cpu, &node, NULL);
	return cpu | node << 12;
}

static int tsc_read(uint64_t *ret)
{
	uint32_t lo, hi;
	int mode = PR_TSC_ENABLE;

	if (prctl(PR_GET_TSC, &mode))
		return -errno;
	if (mode != PR_TSC_ENABLE && prctl(PR_SET_TSC, PR_TSC_ENABLE))
		return -errno;
	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi));
	if (mode != PR_TSC_ENABLE && prctl(PR_SET_TSC, mode))
		return -errno;
	*ret = (uint64_t)hi << 32 | lo;
	return 0;
}

static volatile sig_atomic_t tsc_trapped;

/* The instruction runs again, and does not trap then. */
static void on_tsc_trap(int sig)
{
	(void)sig;
	tsc_trapped = 1;
	prctl(PR_SET_TSC, PR_TSC_ENABLE);
}

bool cpu_traps_rdtsc(void)
{
	const struct sigaction trap = {.sa_handler = on_tsc_trap};
	const char *no = getenv("TANDEM_NO_TSC_TRAPS");
	struct sigaction before;
	int mode;

	if (no && !strcmp(no, "1"))
		return false;
	if (prctl(PR_GET_TSC, &mode))
		return false;
	if (mode == PR_TSC_SIGSEGV)
		return true;
	tsc_trapped = 0;
	sigaction(SIGSEGV, &trap, &before);
	if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV) == 0)
		__asm__ volatile("rdtsc" : : : "rax", "rdx");
	prctl(PR_SET_TSC, PR_TSC_ENABLE);
	sigaction(SIGSEGV, &before, NULL);
	return tsc_trapped;
}

static bool draw(int kind, uint64_t *ret)
{
	bool ok;

	if (kind == INSN_RDRAND)
		__asm__ volatile("rdrand %0" : "=r"(*ret), "=@ccc"(ok));
	else
		__asm__ volatile("rdseed %0" : "=r"(*ret), "=@ccc"(ok));
	return ok;
}

/* An empty generator is asked again; one that stays so is as good as none. */
static int random_value(int kind, uint64_t *ret)
{
	static int8_t have[INSN_KINDS]; /* 0: not asked, 1, -1 */
	uint32_t out[4];

	if (!have[kind]) {
		cpuid_virtual(kind == INSN_RDRAND ? 1 : 7, 0, CPUID_SHOW_RAND, out);
		have[kind] = (kind == INSN_RDRAND ? out[2] >> 30 : out[1] >> 18) & 1 ? 1 : -1;
	}
	for (int i = 0; have[kind] > 0 && i < 10; i++)
		if (draw(kind, ret))
			return 0;
	return getrandom(ret, sizeof(*ret), 0) == sizeof(*ret) ? 0 : -EIO;
}

static void execute_cpuid(const struct user_regs_struct *r, unsigned exposed, uint64_t v[4])
{
	uint32_t out[4];

	cpuid_virtual((uint32_t)r->rax, (uint32_t)r->rcx, exposed, out);
	for (int i = 0; i < 4; i++)
		v[i] = out[i];
}

static void execute_lsl(const struct insn_op *op, const struct user_regs_struct *r, uint64_t v[4],
                        uint32_t *flags)
{
	uint32_t limit;

	*flags &= ~(uint32_t)FLAG_ZF;
	if (limit_of((uint16_t)(op->mem ? v[0] : reg_get(r, op->src)), &limit))
		*flags |= FLAG_ZF;
	v[0] = limit;
}

int insn_execute(const struct insn_op *op, const struct user_regs_struct *r, unsigned exposed,
                 uint64_t v[4], uint32_t *ret_eflags)
{
	uint32_t flags = (uint32_t)r->eflags & FLAGS_ARITH;
	int rc = 0;

	switch (op->kind) {
	case INSN_RDTSC:
	case INSN_RDTSCP:
		rc = tsc_read(&v[0]);
		v[1] = cpu_node();
		break;
	case INSN_CPUID:
		execute_cpuid(r, exposed, v);
		break;
	case INSN_RDRAND:
	case INSN_RDSEED:
		rc = random_value(op->kind, &v[0]);
		flags = FLAG_CF;
		break;
	case INSN_RDPID:
		v[0] = cpu_node();
		break;
	case INSN_LSL:
		execute_lsl(op, r, v, &flags);
		break;
	default:
		return -EINVAL;
	}
	if (!rc)
		*ret_eflags = flags;
	return rc;
}
