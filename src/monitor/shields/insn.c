/* insn.c - instructions that stand in for calls: recognized, executed, applied, and found in text.
 *
 * Four parts, in this order: decoding and applying; values and the virtual cpuid; the way from an
 * address to the function around it, by the object's own tables; and the scan, which says "site" only
 * of what a walk through that function proves to be an instruction. Text holds data: when in doubt a
 * place is left alone and counted.
 *
 * The tables of a scanned object are guest memory: nothing in them is believed beyond its bounds.
 */
#include "monitor/shields/insn.h"

#include <Zydis/Zydis.h>
#include <elf.h>
#include <emmintrin.h>
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

enum { GET_CPUID = 0x1011, SET_CPUID = 0x1012 };

/* The real one, also where the calling thread has made it trap. */
static void cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4])
{
	bool traps = syscall(SYS_arch_prctl, GET_CPUID, 0) == 0;

	if (traps)
		syscall(SYS_arch_prctl, SET_CPUID, 1);
	__asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
	                 : "a"(leaf), "c"(sub));
	if (traps)
		syscall(SYS_arch_prctl, SET_CPUID, 0);
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
		cpuid(kind == INSN_RDRAND ? 1 : 7, 0, out);
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

/* ---- the virtual cpuid ---- */

enum { EAX, EBX, ECX, EDX };
#define BIT(n) (1u << (n))
#define ALL 0xffffffffu
#define ANY -1

/* Bits that read 0: what differs between the cores of one machine, and features whose results a
 * follower could not repeat since they neither trap nor can be patched out in time. */
static const struct hidden {
	uint32_t leaf;
	int sub;
	int reg;
	uint32_t bits;
	unsigned shown_by;      /* enum cpuid_expose; 0: nothing */
} hidden[] = {
	{ 0x01, ANY, EBX, 0xff000000,        0 },              /* APIC id */
	{ 0x01, ANY, ECX, BIT(30),           CPUID_SHOW_RAND },/* RDRAND */
	{ 0x06, ANY, EDX, 0xffff0000,        0 },              /* this core's row of the feedback table */
	{ 0x07, 0,   EBX, BIT(4) | BIT(11),  0 },              /* HLE, RTM */
	{ 0x07, 0,   EBX, BIT(18),           CPUID_SHOW_RAND },/* RDSEED */
	{ 0x07, 0,   ECX, BIT(5),            0 },              /* WAITPKG: CF tells how a wait ended */
	{ 0x07, 0,   ECX, BIT(7),            0 },              /* CET_SS */
	{ 0x07, 0,   ECX, BIT(22),           CPUID_SHOW_CPU }, /* RDPID */
	{ 0x07, 0,   EDX, BIT(11) | BIT(13), 0 },              /* RTM_ALWAYS_ABORT, TSX_FORCE_ABORT */
	{ 0x07, 0,   EDX, BIT(15),           0 },              /* hybrid: leaf 1a tells the kind of core */
	{ 0x07, 0,   EDX, BIT(16),           0 },              /* TSXLDTRK */
	{ 0x07, 1,   EDX, BIT(18),           0 },              /* CET_SSS */
	{ 0x0b, ANY, EDX, ALL,               0 },              /* x2APIC id */
	{ 0x1a, ANY, EAX, ALL,               0 },              /* kind of core, on hybrid machines */
	{ 0x1a, ANY, EBX, ALL,               0 },
	{ 0x1a, ANY, ECX, ALL,               0 },
	{ 0x1a, ANY, EDX, ALL,               0 },
	{ 0x1f, ANY, EDX, ALL,               0 },              /* x2APIC id */
	{ 0x80000008, ANY, EBX, BIT(4),      0 },              /* RDPRU reads cycle counters */
	{ 0x80000008, ANY, EDX, 0xffff0000,  0 },              /* ... this many of them */
	{ 0x8000001e, ANY, EAX, ALL,         0 },              /* extended APIC id */
	{ 0x8000001e, ANY, EBX, 0xff,        0 },              /* core id */
	{ 0x8000001e, ANY, ECX, 0xff,        0 },              /* node id */
	{ 0x80000026, ANY, EAX, BIT(29) | BIT(30), 0 },        /* cores differ, and in what */
	{ 0x80000026, ANY, EBX, 0xffff0000,  0 },              /* ... kind of this one */
	{ 0x80000026, ANY, EDX, ALL,         0 },              /* extended APIC id */
};

static void hide(uint32_t leaf, uint32_t sub, unsigned keep, uint32_t out[4])
{
	for (size_t i = 0; i < countof(hidden); i++) {
		const struct hidden *h = &hidden[i];

		if (h->leaf != leaf || (h->sub != ANY && (uint32_t)h->sub != sub))
			continue;
		if (!(h->shown_by & keep))
			out[h->reg] &= ~h->bits;
	}
}

/* Intel answers a leaf that it does not have with the highest basic one, which may be one that has
 * the APIC id in it. So a leaf out of range goes by the rules of that one; elsewhere it reads 0. */
static uint32_t leaf_meant(uint32_t leaf)
{
	uint32_t out[4], highest;

	cpuid(0, 0, out);
	highest = out[0];
	if (leaf <= highest)
		return leaf;
	if (leaf < 0x40000000)
		return highest;
	cpuid(leaf < 0x80000000 ? leaf & ~0xffu : leaf & 0xffff0000u, 0, out);
	return leaf <= out[0] ? leaf : highest;
}

/* Xen tells a guest on which virtual core it runs. */
static void hide_xen_vcpu(uint32_t leaf, uint32_t out[4])
{
	uint32_t base[4];

	if ((leaf & 0xffff00ff) != 0x40000004)
		return;
	cpuid(leaf & ~0xffu, 0, base);
	if (memcmp(&base[1], "XenVMMXenVMM", 12))
		return;
	out[EAX] &= ~BIT(3);
	out[EBX] = 0;
}

static bool leaf_has_subs(uint32_t leaf)
{
	return leaf > 3 && !(leaf >= 0x80000000 && leaf <= 0x8000001c);
}

/* cpuid leaves the guest of a virtual machine, which takes microseconds: answers are kept, in a table
 * without chains. On a machine whose cores differ an evicted answer may come back as another; there
 * leaves 2, 4 and 16 are those of the core that was asked first. */
void cpuid_virtual(uint32_t leaf, uint32_t sub, unsigned exposed, uint32_t out[4])
{
	static struct answer { uint32_t leaf, sub, meant, out[4]; bool set; } kept[512];
	struct answer *a;

	if (!leaf_has_subs(leaf))
		sub = 0;
	a = &kept[((leaf * 0x9e3779b1u) ^ (sub * 0x85ebca6bu)) >> 23];
	if (!a->set || a->leaf != leaf || a->sub != sub) {
		*a = (struct answer){ .leaf = leaf, .sub = sub, .meant = leaf_meant(leaf), .set = true };
		cpuid(leaf, sub, a->out);
		hide(a->meant, sub, ~0u, a->out);
		hide_xen_vcpu(leaf, a->out);
	}
	memcpy(out, a->out, sizeof(a->out));
	hide(a->meant, sub, exposed, out);
}

/* As in asm/prctl.h, whose old versions lack them. */

bool cpu_has_cpuid_faulting(void)
{
	const char *no = getenv("TANDEM_NO_CPUID_FAULTING");

	if (no && !strcmp(no, "1"))
		return false;
	if (syscall(SYS_arch_prctl, GET_CPUID, 0) == 0)
		return true;            /* it is off already */
	if (syscall(SYS_arch_prctl, SET_CPUID, 0))
		return false;
	must(!syscall(SYS_arch_prctl, SET_CPUID, 1));
	return true;
}

/* ---- the object's memory and tables ---- */

#define PAGE 4096u
#define PAGES 64u                       /* kept; a power of two */
#define TABLE_MAX (64u << 20)           /* no believable table is larger */

struct span {
	uint64_t start, end;
};

struct function {
	struct span at;
	uint8_t *mark;                  /* per byte: length of the instruction that starts here, or... */
	size_t room;
	uint32_t *todo;                 /* offsets that branches lead to */
	size_t ntodo, todo_room;
	bool indirect;                  /* jumps whose targets cannot be told */
	bool broken;                    /* something does not decode, or overlaps */
};
enum { UNSEEN = 0, INSIDE = 0xff };

struct scan {
	const struct insn_source *src;
	unsigned kinds;
	ZydisDecoder decoder;
	struct { uint64_t at; uint8_t *bytes; } page[PAGES];
	uint64_t eh_frame, eh_frame_len;/* len 0: until its terminator */
	uint64_t table, table_base;     /* of .eh_frame_hdr, sorted */
	uint32_t nfde;
	uint64_t dynamic;
	struct span *span;              /* functions by symbols, and by .eh_frame if it has no table */
	size_t nspan, span_room;
	bool spans_read;
	struct function f;              /* the one analysed last */
	struct insn_site *site;
	size_t nsite, site_room;
	struct insn_stats stats;
};

static void *grown(void *array, size_t used, size_t *room, size_t size)
{
	if (used < *room)
		return array;
	*room = *room ? *room * 2 : 16;
	return xrealloc(array, *room * size);
}

static const uint8_t *page_get(struct scan *s, uint64_t at)
{
	uint64_t base = at & ~(uint64_t)(PAGE - 1);
	size_t slot = base / PAGE % PAGES;
	uint8_t *bytes = s->page[slot].bytes;

	if (bytes && s->page[slot].at == base)
		return bytes + (at - base);
	if (!bytes)
		bytes = xmalloc(PAGE);
	s->page[slot].bytes = bytes;
	s->page[slot].at = base;
	if (!s->src->read(s->src->ctx, base, bytes, PAGE))
		return bytes + (at - base);
	s->page[slot].at = ~(uint64_t)0; /* no page starts there */
	return NULL;
}

static bool mem_read(struct scan *s, uint64_t at, void *buf, size_t n)
{
	uint8_t *to = buf;

	while (n) {
		size_t part = min_of(n, (size_t)(PAGE - at % PAGE));
		const uint8_t *from = page_get(s, at);

		if (from)
			memcpy(to, from, part);
		else if (s->src->read(s->src->ctx, at, to, part))
			return false;
		to += part;
		at += part;
		n -= part;
	}
	return true;
}

/* Reads forward through guest memory; a failure sticks. */
struct cursor {
	struct scan *s;
	uint64_t at;
	bool bad;
};

static uint64_t take(struct cursor *c, size_t n)
{
	uint64_t v = 0;

	if (c->bad || !mem_read(c->s, c->at, &v, n))
		c->bad = true;
	c->at += n;
	return c->bad ? 0 : v;
}

static uint64_t take_leb(struct cursor *c)
{
	uint64_t v = 0, b;
	int shift = 0;

	do {
		b = take(c, 1);
		if (shift < 64)
			v |= (b & 0x7f) << shift;
		shift += 7;
	} while (b & 0x80);
	return v;
}

/* DWARF's pointer encodings: the low half says how wide, the high half relative to what. */
enum { PE_OMIT = 0xff, PE_UDATA4 = 0x03, PE_DATAREL_SDATA4 = 0x3b, PE_PCREL = 0x10, PE_DATAREL = 0x30 };

static uint64_t take_encoded(struct cursor *c, uint8_t enc, uint64_t data)
{
	uint64_t here = c->at, v;

	switch (enc & 0x0f) {
	case 0x0: case 0x4: case 0xc: v = take(c, 8); break;
	case 0x2: v = take(c, 2); break;
	case 0x3: v = take(c, 4); break;
	case 0xa: v = (uint64_t)(int16_t)take(c, 2); break;
	case 0xb: v = (uint64_t)(int32_t)take(c, 4); break;
	default:
		c->bad = true;
		return 0;
	}
	if ((enc & 0x70) == PE_PCREL)
		return v + here;
	return (enc & 0x70) == PE_DATAREL ? v + data : v;
}

/* How the pointers of a CIE's FDEs are encoded: the R of its augmentation. */
static bool cie_encoding(struct scan *s, uint64_t cie, uint8_t *ret)
{
	struct cursor c = { s, cie };
	uint8_t version, enc = 0;
	char aug[8] = "";
	size_t n = 0;

	if (take(&c, 4) == 0xffffffff || take(&c, 4) != 0)
		return false;
	version = (uint8_t)take(&c, 1);
	do
		aug[n] = (char)take(&c, 1);
	while (aug[n] && ++n < sizeof(aug));
	if (n == sizeof(aug) || c.bad)
		return false;
	take_leb(&c);
	take_leb(&c);
	if (version == 1)
		take(&c, 1);
	else
		take_leb(&c);
	if (aug[0] == 'z')
		take_leb(&c);
	for (const char *a = aug + (aug[0] == 'z'); *a; a++) {
		if (*a == 'R')
			enc = (uint8_t)take(&c, 1);
		else if (*a == 'L')
			take(&c, 1);
		else if (*a == 'P')
			take_encoded(&c, (uint8_t)take(&c, 1), 0);
		else if (*a != 'S' && *a != 'B')
			return false;
	}
	*ret = enc;
	return !c.bad;
}

/* The record at `at`: *ret_next is where the next one starts, *ret the code of an FDE; empty for a
 * CIE. False at the end, or where nothing sensible stands. */
static bool fde_read(struct scan *s, uint64_t at, struct span *ret, uint64_t *ret_next)
{
	struct cursor c = { s, at };
	uint64_t len = take(&c, 4), start = c.at, id = take(&c, 4);
	uint8_t enc;

	ret->start = ret->end = 0;
	*ret_next = start + len;
	if (c.bad || len < 4 || len == 0xffffffff)
		return false;
	if (!id)
		return true;
	if (!cie_encoding(s, start - id, &enc))
		return false;
	ret->start = take_encoded(&c, enc, 0);
	ret->end = ret->start + take_encoded(&c, enc & 0x0f, 0);
	if (c.bad || ret->end < ret->start)
		ret->start = ret->end = 0;
	return true;
}

static void span_add(struct scan *s, uint64_t start, uint64_t end)
{
	const struct insn_source *src = s->src;

	if (start >= end || start < src->vaddr || end > src->vaddr + src->len)
		return;
	s->span = grown(s->span, s->nspan, &s->span_room, sizeof(*s->span));
	s->span[s->nspan++] = (struct span){ start, end };
}

static void spans_from_eh_frame(struct scan *s)
{
	uint64_t at = s->eh_frame, end = at + (s->eh_frame_len ? s->eh_frame_len : TABLE_MAX);
	struct span f;

	while (at && at < end && fde_read(s, at, &f, &at))
		span_add(s, f.start, f.end);
}

static void spans_from_symbols(struct scan *s, const Elf64_Sym *sym, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ELF64_ST_TYPE(sym[i].st_info) == STT_FUNC && sym[i].st_shndx != SHN_UNDEF)
			span_add(s, sym[i].st_value + s->src->bias,
			         sym[i].st_value + s->src->bias + sym[i].st_size);
}

/* One past the last symbol that a DT_GNU_HASH table reaches. */
static uint32_t gnu_hash_symbols(struct scan *s, uint64_t at)
{
	struct cursor c = { s, at };
	uint32_t nbuckets = (uint32_t)take(&c, 4), first = (uint32_t)take(&c, 4);
	uint32_t words = (uint32_t)take(&c, 4), last = 0;
	uint64_t chain;

	if (nbuckets > TABLE_MAX / 4 || words > TABLE_MAX / 8)
		return 0;
	c.at = at + 16 + 8 * (uint64_t)words;
	chain = c.at + 4 * (uint64_t)nbuckets;
	for (uint32_t i = 0; i < nbuckets && !c.bad; i++)
		last = max_of(last, (uint32_t)take(&c, 4));
	if (last < first)
		return first;
	c.at = chain + 4 * (uint64_t)(last - first);
	while (!c.bad && !(take(&c, 4) & 1))
		last++;
	return c.bad ? 0 : last + 1;
}

/* A loader relocates these entries in place, or has not yet come to it. */
static uint64_t dynamic_pointer(struct scan *s, uint64_t v)
{
	return v < s->src->bias ? v + s->src->bias : v;
}

static void spans_from_dynamic(struct scan *s)
{
	struct cursor c = { s, s->dynamic };
	uint64_t symtab = 0;
	uint32_t n = 0;
	Elf64_Sym *sym;

	for (int i = 0; s->dynamic && i < 1000 && !c.bad; i++) {
		uint64_t tag = take(&c, 8), v = take(&c, 8);
		uint64_t at = dynamic_pointer(s, v);

		if (tag == DT_NULL)
			break;
		if (tag == DT_SYMTAB)
			symtab = at;
		else if (tag == DT_HASH && !mem_read(s, at + 4, &n, 4))
			n = 0;
		else if (tag == DT_GNU_HASH && !n)
			n = gnu_hash_symbols(s, at);
	}
	if (!symtab || !n || n > TABLE_MAX / sizeof(*sym))
		return;
	sym = xmalloc(n * sizeof(*sym));
	if (!s->src->read(s->src->ctx, symtab, sym, n * sizeof(*sym)))
		spans_from_symbols(s, sym, n);
	free(sym);
}

static bool file_read(struct scan *s, uint64_t offset, void *buf, size_t n)
{
	return offset < INT64_MAX && pread(s->src->fd, buf, n, (off_t)offset) == (ssize_t)n;
}

static void *file_table(struct scan *s, uint64_t offset, uint64_t n)
{
	void *at;

	if (!n || n > TABLE_MAX)
		return NULL;
	at = xmalloc(n);
	if (file_read(s, offset, at, n))
		return at;
	free(at);
	return NULL;
}

static void spans_from_symtab(struct scan *s, const Elf64_Shdr *sh)
{
	Elf64_Sym *sym = file_table(s, sh->sh_offset, sh->sh_size);

	if (sym)
		spans_from_symbols(s, sym, sh->sh_size / sizeof(*sym));
	free(sym);
}

/* The file's section headers: a static program has no other way to its .eh_frame. */
static void spans_from_file(struct scan *s)
{
	Elf64_Ehdr e;
	Elf64_Shdr *sh = NULL;
	char *names = NULL;
	uint64_t len = 0;

	if (s->src->fd < 0 || !file_read(s, 0, &e, sizeof(e)) || memcmp(e.e_ident, ELFMAG, SELFMAG))
		return;
	if (e.e_shentsize == sizeof(*sh))
		sh = file_table(s, e.e_shoff, e.e_shnum * sizeof(*sh));
	if (sh && e.e_shstrndx < e.e_shnum) {
		len = sh[e.e_shstrndx].sh_size;
		names = file_table(s, sh[e.e_shstrndx].sh_offset, len);
	}
	for (int i = 0; sh && i < e.e_shnum; i++) {
		if (sh[i].sh_type == SHT_SYMTAB)
			spans_from_symtab(s, &sh[i]);
		if (!names || s->eh_frame || sh[i].sh_name + sizeof(".eh_frame") > len)
			continue;
		if (!memcmp(names + sh[i].sh_name, ".eh_frame", sizeof(".eh_frame"))) {
			s->eh_frame = sh[i].sh_addr + s->src->bias;
			s->eh_frame_len = sh[i].sh_size;
		}
	}
	free(names);
	free(sh);
}

/* Only .eh_frame_hdr's usual form has a table that can be searched; else .eh_frame is read through. */
static void read_eh_frame_hdr(struct scan *s, uint64_t hdr)
{
	struct cursor c = { s, hdr };
	uint32_t head = (uint32_t)take(&c, 4), n;
	uint8_t frame_enc = (uint8_t)(head >> 8), count_enc = (uint8_t)(head >> 16);

	if ((head & 0xff) != 1 || frame_enc == PE_OMIT)
		return;
	s->eh_frame = take_encoded(&c, frame_enc, hdr);
	if (count_enc != PE_UDATA4 || head >> 24 != PE_DATAREL_SDATA4)
		return;
	n = (uint32_t)take(&c, 4);
	if (c.bad || !n || n > TABLE_MAX / 8)
		return;
	s->nfde = n;
	s->table = c.at;
	s->table_base = hdr;
}

/* The i-th program header as loaded; false behind the last one, or where there is no readable ELF header. */
static bool program_header(struct scan *s, int i, Elf64_Phdr *ret)
{
	const uint64_t at = s->src->ehdr;
	Elf64_Ehdr e;

	if (!at || !mem_read(s, at, &e, sizeof(e)) || memcmp(e.e_ident, ELFMAG, SELFMAG))
		return false;
	return i < e.e_phnum && e.e_phentsize == sizeof(*ret) &&
	       mem_read(s, at + e.e_phoff + (uint64_t)i * sizeof(*ret), ret, sizeof(*ret));
}

static void read_headers(struct scan *s)
{
	const uint64_t bias = s->src->bias;
	Elf64_Phdr ph;

	for (int i = 0; program_header(s, i, &ph); i++) {
		if (ph.p_type == PT_GNU_EH_FRAME)
			read_eh_frame_hdr(s, ph.p_vaddr + bias);
		else if (ph.p_type == PT_DYNAMIC)
			s->dynamic = ph.p_vaddr + bias;
	}
}

/* Entry i of the table: where a function starts, and its FDE. */
static bool table_entry(struct scan *s, uint32_t i, uint64_t *ret_start, uint64_t *ret_fde)
{
	int32_t v[2];

	if (!mem_read(s, s->table + 8 * (uint64_t)i, v, sizeof(v)))
		return false;
	*ret_start = s->table_base + (uint64_t)(int64_t)v[0];
	*ret_fde = s->table_base + (uint64_t)(int64_t)v[1];
	return true;
}

static bool table_find(struct scan *s, uint64_t at, struct span *ret)
{
	uint32_t lo = 0, hi = s->nfde;          /* the last start <= at is in [lo, hi) */
	uint64_t start, fde, next;

	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (!table_entry(s, mid, &start, &fde))
			return false;
		if (start <= at)
			lo = mid;
		else
			hi = mid;
	}
	if (!s->nfde || !table_entry(s, lo, &start, &fde) || !fde_read(s, fde, ret, &next))
		return false;
	return ret->start <= at && at < ret->end;
}

static int span_order(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* A static program has .eh_frame, but no header that tells where. The first thing in it is the CIE of the C
 * start code, always the same but for its padding: version 1, "zR", code and data factors 1 and -8, return
 * address in register 16, pc-relative 4-byte pointers. */
static bool find_cie(struct scan *s, uint64_t from, uint64_t len)
{
	static const uint8_t cie[] = {0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 0x10, 1, 0x1b};
	uint8_t bytes[4096 + sizeof(cie)];

	for (uint64_t at = 0; at + sizeof(bytes) <= len; at += 4096) {
		if (!mem_read(s, from + at, bytes, sizeof(bytes)))
			return false;
		for (size_t i = 4; i < 4096; i += 4) {
			if (memcmp(bytes + i, cie, sizeof(cie)))
				continue;
			s->eh_frame = from + at + i - 4;
			return true;
		}
	}
	return false;
}

static void find_eh_frame(struct scan *s)
{
	Elf64_Phdr ph;

	for (int i = 0; program_header(s, i, &ph); i++)
		if (ph.p_type == PT_LOAD && ph.p_flags == PF_R && find_cie(s, ph.p_vaddr + s->src->bias, ph.p_memsz))
			return;
}

static void spans_read(struct scan *s)
{
	spans_from_file(s);
	spans_from_dynamic(s);
	if (!s->nfde && !s->eh_frame)
		find_eh_frame(s);
	if (!s->nfde)
		spans_from_eh_frame(s);
	if (s->nspan)
		qsort(s->span, s->nspan, sizeof(*s->span), span_order);
	s->spans_read = true;
}

/* How many spans start at or before an address. */
static size_t spans_until(const struct scan *s, uint64_t at)
{
	size_t lo = 0, hi = s->nspan;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->span[mid].start <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* How many spans may start between a function's start and an address in it: its aliases, and labels. */
#define NESTED 32

/* The function around an address: the one that starts last before it. */
static bool function_find(struct scan *s, uint64_t at, struct span *ret)
{
	size_t n;

	if (table_find(s, at, ret))
		return true;
	if (!s->spans_read)
		spans_read(s);
	n = spans_until(s, at);
	for (size_t i = n; i > 0 && i + NESTED > n; i--) {
		if (at >= s->span[i - 1].end)
			continue;
		*ret = s->span[i - 1];
		return true;
	}
	return false;
}

/* ---- walking a function ---- */

static const uint8_t *function_text(const struct scan *s)
{
	return s->src->text + (s->f.at.start - s->src->vaddr);
}

static size_t function_size(const struct scan *s)
{
	return s->f.at.end - s->f.at.start;
}

static void todo_add(struct function *f, uint64_t offset)
{
	f->todo = grown(f->todo, f->ntodo, &f->todo_room, sizeof(*f->todo));
	f->todo[f->ntodo++] = (uint32_t)offset;
}

/* Where an instruction leads: to the next one, and by `rel` from there to another place. */
enum flow { FLOW_ON, FLOW_BRANCH, /* the others do not go on: */ FLOW_JUMP, FLOW_STOP, FLOW_LOST };
struct step {
	int len;
	enum flow flow;
	int64_t rel;                    /* FLOW_BRANCH, FLOW_JUMP */
};

/* The commonest instructions by their opcode bytes: nine of ten that a walk meets, for a tenth of the
 * disassembler's time. What is not here, or has a form that is not always valid, goes to it. */
enum {
	NP = 1, P66 = 2, PF3 = 4, PF2 = 8,      /* allowed without a prefix, or with this one */
	M = 16,                                 /* ModRM */
	I1 = 32, I4 = 64,                       /* immediate or branch distance */
	SIMD = NP | P66 | PF3 | PF2 | M
};
#define ALU(row) \
	[(row) ... (row) + 3] = NP | M, [(row) + 4] = NP | I1, [(row) + 5] = NP | I4
static const uint8_t quick_one[256] = {
	ALU(0x00), ALU(0x08), ALU(0x10), ALU(0x18), ALU(0x20), ALU(0x28), ALU(0x30), ALU(0x38),
	[0x50 ... 0x5f] = NP,                           /* push, pop */
	[0x63] = NP | M,                                /* movsxd */
	[0x68] = NP | I4, [0x69] = NP | M | I4, [0x6a] = NP | I1, [0x6b] = NP | M | I1,
	[0x70 ... 0x7f] = NP | I1,                      /* jcc */
	[0x80] = NP | M | I1, [0x81] = NP | M | I4, [0x83] = NP | M | I1,
	[0x84 ... 0x8b] = NP | M, [0x8d] = NP | M,      /* test, xchg, mov, lea */
	[0x90] = NP, [0x98 ... 0x99] = NP,
	[0xa8] = NP | I1, [0xa9] = NP | I4,
	[0xb0 ... 0xb7] = NP | I1, [0xb8 ... 0xbf] = NP | I4,
	[0xc0 ... 0xc1] = NP | M | I1, [0xd0 ... 0xd3] = NP | M,
	[0xc3] = NP, [0xc9] = NP, [0xcc] = NP,          /* ret, leave, int3 */
	[0xc6] = NP | M | I1, [0xc7] = NP | M | I4,
	[0xe8 ... 0xe9] = NP | I4, [0xeb] = NP | I1,    /* call, jmp */
	[0xf6 ... 0xf7] = NP | M, [0xfe ... 0xff] = NP | M,
};
static const uint8_t quick_two[256] = {
	[0x10 ... 0x11] = SIMD, [0x28 ... 0x29] = NP | P66 | M, [0x2e ... 0x2f] = NP | P66 | M,
	[0x1f] = NP | P66 | M,                          /* nop */
	[0x40 ... 0x4f] = NP | M,                       /* cmov */
	[0x54] = NP | P66 | M, [0x57] = NP | P66 | M,
	[0x58 ... 0x59] = SIMD, [0x5c] = SIMD, [0x5e] = SIMD,
	[0x6e] = NP | P66 | M, [0x6f] = NP | P66 | PF3 | M,
	[0x7e ... 0x7f] = NP | P66 | PF3 | M,
	[0x80 ... 0x8f] = NP | I4,                      /* jcc */
	[0x90 ... 0x9f] = NP | M,                       /* setcc */
	[0xa3] = NP | M, [0xaf] = NP | M,
	[0xb6 ... 0xb7] = NP | M, [0xbe ... 0xbf] = NP | M,
	[0xd4] = NP | P66 | M, [0xd6] = P66 | M, [0xef] = NP | P66 | M,
};

/* The opcodes of which only some ModRM bytes are what the table says. */
static bool quick_form(uint8_t op, uint8_t modrm)
{
	int sub = modrm >> 3 & 7;

	switch (op) {
	case 0x8d:
		return modrm >> 6 != 3;
	case 0xc6: case 0xc7:
		return sub == 0;
	case 0xf6: case 0xf7:
		return sub > 1;
	case 0xfe:
		return sub < 2;
	case 0xff:
		return sub < 2 || sub == 6;
	}
	return true;
}

/* From the ModRM byte to the end of its displacement. */
static int modrm_len(const uint8_t *b)
{
	int mod = b[0] >> 6, rm = b[0] & 7;

	if (mod == 3)
		return 1;
	if (mod == 0 && (rm == 5 || (rm == 4 && (b[1] & 7) == 5)))
		return rm == 4 ? 6 : 5;
	return 1 + (rm == 4) + (mod == 1 ? 1 : mod == 2 ? 4 : 0);
}

static enum flow quick_flow(bool two, uint8_t op)
{
	if (two)
		return (op & 0xf0) == 0x80 ? FLOW_BRANCH : FLOW_ON;
	if ((op & 0xf0) == 0x70 || op == 0xe8)
		return FLOW_BRANCH;
	if (op == 0xe9 || op == 0xeb)
		return FLOW_JUMP;
	return op == 0xc3 || op == 0xcc ? FLOW_STOP : FLOW_ON;
}

/* At least INSN_MAX bytes can be read at `b`. False: ask the disassembler. */
static bool step_quick(const uint8_t *b, struct step *ret)
{
	uint8_t need = NP, rex = 0, op, q;
	bool two;
	int n = 0;

	if (b[n] == 0x66 || b[n] == 0xf3 || b[n] == 0xf2) {
		need = b[n] == 0x66 ? P66 : b[n] == 0xf3 ? PF3 : PF2;
		n++;
	}
	if ((b[n] & 0xf0) == 0x40)
		rex = b[n++];
	two = b[n] == 0x0f;
	n += two;
	op = b[n++];
	q = two ? quick_two[op] : quick_one[op];
	if (!(q & need) || (!two && q & M && !quick_form(op, b[n])))
		return false;
	if (q & M)
		n += modrm_len(b + n);
	if (q & I4)
		n += rex & 8 && !two && (op & 0xf8) == 0xb8 ? 8 : 4;
	else if (q & I1)
		n += 1;
	ret->len = n;
	ret->flow = quick_flow(two, op);
	ret->rel = q & I4 ? get32(b + n - 4) : (int8_t)b[n - 1];
	return true;
}

int insn_length_quick(const uint8_t *bytes)
{
	struct step st;

	return step_quick(bytes, &st) ? st.len : 0;
}

static enum flow flow_of(const ZydisDecodedInstruction *in)
{
	bool relative = in->raw.imm[0].is_relative;

	switch (in->meta.category) {
	case ZYDIS_CATEGORY_UNCOND_BR:
		return relative ? FLOW_JUMP : FLOW_LOST;
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_CALL:
		return relative ? FLOW_BRANCH : FLOW_ON;
	case ZYDIS_CATEGORY_RET:
		return FLOW_STOP;
	default:
		break;
	}
	return in->mnemonic == ZYDIS_MNEMONIC_UD2 || in->mnemonic == ZYDIS_MNEMONIC_INT3 ||
	       in->mnemonic == ZYDIS_MNEMONIC_HLT ? FLOW_STOP : FLOW_ON;
}

static bool step_zydis(const ZydisDecoder *d, const uint8_t *b, size_t n, struct step *ret)
{
	ZydisDecodedInstruction in;

	if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(d, NULL, b, min_of(n, (size_t)INSN_MAX), &in)))
		return false;
	ret->len = in.length;
	ret->flow = flow_of(&in);
	ret->rel = in.raw.imm[0].value.s;
	return true;
}

/* One instruction: decoded, marked. It must not lie across another. */
static bool step(struct scan *s, size_t off, struct step *ret)
{
	const uint8_t *text = function_text(s) + off;
	size_t left = function_size(s) - off;
	uint8_t *mark = s->f.mark + off;

	if (left < INSN_MAX || !step_quick(text, ret))
		if (!step_zydis(&s->decoder, text, left, ret))
			return false;
	for (int i = 1; i < ret->len; i++) {
		if (mark[i] != UNSEEN)
			return false;
		mark[i] = INSIDE;
	}
	mark[0] = (uint8_t)ret->len;
	return true;
}

/* Straight on from `off` until it ends or meets known ground. */
static void walk_line(struct scan *s, size_t off)
{
	struct step st;

	while (off < function_size(s) && s->f.mark[off] == UNSEEN) {
		if (!step(s, off, &st)) {
			s->f.broken = true;
			return;
		}
		off += (size_t)st.len;
		if ((st.flow == FLOW_BRANCH || st.flow == FLOW_JUMP) &&
		    off + (uint64_t)st.rel < function_size(s))
			todo_add(&s->f, off + (uint64_t)st.rel);
		s->f.indirect |= st.flow == FLOW_LOST;
		if (st.flow >= FLOW_JUMP)
			return;
	}
	if (off < function_size(s) && s->f.mark[off] == INSIDE)
		s->f.broken = true;
}

static void walk_from(struct scan *s, size_t off)
{
	struct function *f = &s->f;

	todo_add(f, off);
	while (f->ntodo && !f->broken)
		walk_line(s, f->todo[--f->ntodo]);
	f->ntodo = 0;
}

/* Everything from the first byte to the last, gaps included: all of it must fit together. */
static void walk_through(struct scan *s)
{
	struct function *f = &s->f;
	size_t off = 0;

	while (off < function_size(s) && !f->broken) {
		if (f->mark[off] == UNSEEN)
			walk_from(s, off);
		if (f->mark[off] == INSIDE)
			f->broken = true;
		off += f->mark[off];
	}
}

/* What can be reached from the start by direct branches is code. Only where a jump goes to a place
 * that cannot be told is the rest taken for code too, if all of the function decodes consistently:
 * elsewhere nothing leads to it, and it may be data. */
static void function_walk(struct scan *s, const struct span *at)
{
	struct function *f = &s->f;
	size_t size = at->end - at->start;

	if (size > f->room) {
		free(f->mark);
		f->mark = xmalloc(size);
		f->room = size;
	}
	memset(f->mark, UNSEEN, size);
	f->at = *at;
	f->indirect = f->broken = false;
	walk_from(s, 0);
	if (f->indirect && !f->broken)
		walk_through(s);
}

/* ---- the scan ---- */

enum verdict { SITE, REFUTED, UNVERIFIED, OUTSIDE };

/* The candidate's 0f byte is at `off` of the function that was walked. */
static enum verdict judge(struct scan *s, size_t off, struct insn_site *ret)
{
	const uint8_t *mark = s->f.mark, *text = function_text(s);
	struct insn_op op;
	size_t at = off;

	if (s->f.broken || mark[off] == UNSEEN)
		return UNVERIFIED;
	while (mark[at] == INSIDE)
		at--;
	if (insn_decode(text + at, function_size(s) - at, s->f.at.start + at, &op) != mark[at])
		return REFUTED;
	if (op.opcode != off - at || !(s->kinds & BIT(op.kind)))
		return REFUTED;
	*ret = (struct insn_site){ .vaddr = s->f.at.start + at, .len = op.len, .kind = op.kind };
	memcpy(ret->bytes, text + at, op.len);
	return SITE;
}

/* Nothing leads to the candidate that can be seen: a landing pad, a part split off, or data. If all of
 * the function decodes consistently and the candidate is inside of an instruction, that much is told;
 * but it makes no site. What was walked is mixed with guesses then, and forgotten. */
static enum verdict judge_unreached(struct scan *s, size_t off)
{
	struct insn_site site;
	enum verdict v;

	walk_through(s);
	v = judge(s, off, &site);
	s->f.at = (struct span){ 0 };
	return v == REFUTED ? REFUTED : UNVERIFIED;
}

static enum verdict examine(struct scan *s, size_t off, struct insn_site *ret)
{
	const struct insn_source *src = s->src;
	uint64_t at = src->vaddr + off;
	struct span f;

	if (s->f.at.end <= at || s->f.at.start > at) {
		if (!function_find(s, at, &f))
			return OUTSIDE;
		if (f.start < src->vaddr || f.end > src->vaddr + src->len || f.end - f.start > TABLE_MAX)
			return UNVERIFIED;
		function_walk(s, &f);
	}
	off = at - s->f.at.start;
	if (!s->f.broken && s->f.mark[off] == UNSEEN)
		return judge_unreached(s, off);
	return judge(s, off, ret);
}

/* 0f and a fitting second byte are at `off`. The prefixes, which make an rdpid of an rdseed, are not
 * looked at before the walk tells where the instruction starts. */
static void candidate(struct scan *s, size_t off)
{
	unsigned c7 = BIT(INSN_RDRAND) | BIT(INSN_RDSEED) | BIT(INSN_RDPID);
	const uint8_t *text = s->src->text + off;
	struct insn_site site;
	struct insn_op op;

	if (!insn_decode(text, s->src->len - off, 0, &op))
		return;
	if (op.kind == INSN_RDSEED && !(s->kinds & BIT(INSN_RDSEED)) && (!off || text[-1] != 0xf3) &&
	    (off < 2 || text[-2] != 0xf3))
		return;
	if (!(s->kinds & BIT(op.kind)) && !(s->kinds & c7 && BIT(op.kind) & c7))
		return;
	s->stats.candidates++;
	switch (examine(s, off, &site)) {
	case SITE:
		s->site = grown(s->site, s->nsite, &s->site_room, sizeof(*s->site));
		s->site[s->nsite++] = site;
		s->stats.sites++;
		break;
	case REFUTED:
		s->stats.refuted++;
		break;
	case OUTSIDE:
		s->stats.outside++;
		/* fall through */
	case UNVERIFIED:
		s->stats.unverified++;
		break;
	}
}

/* The second bytes of the kinds that are wanted. */
static int second_bytes(unsigned kinds, uint8_t set[5])
{
	static const struct { unsigned kinds; uint8_t byte; } second[] = {
		{ BIT(INSN_CPUID), 0xa2 },
		{ BIT(INSN_RDRAND) | BIT(INSN_RDSEED) | BIT(INSN_RDPID), 0xc7 },
		{ BIT(INSN_LSL), 0x03 },
		{ BIT(INSN_RDTSC), 0x31 },
		{ BIT(INSN_RDTSCP), 0x01 },
	};
	int n = 0;

	for (size_t i = 0; i < countof(second); i++)
		if (kinds & second[i].kinds)
			set[n++] = second[i].byte;
	return n;
}

/* A bit for each of 16 places that hold 0f and then one of the set; 17 bytes are read. */
static unsigned pairs(const uint8_t *at, const __m128i *set, int n)
{
	__m128i first = _mm_loadu_si128((const __m128i *)at);
	__m128i second = _mm_loadu_si128((const __m128i *)(at + 1));
	__m128i any = _mm_setzero_si128();

	for (int i = 0; i < n; i++)
		any = _mm_or_si128(any, _mm_cmpeq_epi8(second, set[i]));
	any = _mm_and_si128(any, _mm_cmpeq_epi8(first, _mm_set1_epi8(0x0f)));
	return (unsigned)_mm_movemask_epi8(any);
}

static void scan_text(struct scan *s)
{
	const uint8_t *text = s->src->text;
	size_t len = s->src->len, off = 0;
	uint8_t byte[5];
	__m128i set[5];
	int n = second_bytes(s->kinds, byte);

	for (int i = 0; i < n; i++)
		set[i] = _mm_set1_epi8((char)byte[i]);
	for (; n && off + 17 <= len; off += 16)
		for (unsigned m = pairs(text + off, set, n); m; m &= m - 1)
			candidate(s, off + (size_t)__builtin_ctz(m));
	for (; off + 2 <= len; off++)
		if (text[off] == 0x0f && memchr(byte, text[off + 1], (size_t)n))
			candidate(s, off);
}

static void scan_free(struct scan *s)
{
	for (size_t i = 0; i < PAGES; i++)
		free(s->page[i].bytes);
	free(s->span);
	free(s->f.mark);
	free(s->f.todo);
	free(s);
}

int insn_scan(const struct insn_source *src, unsigned kinds_mask, struct insn_site **ret_sites,
              size_t *ret_n, struct insn_stats *ret_stats)
{
	struct scan *s = xcalloc(1, sizeof(*s));

	s->src = src;
	s->kinds = kinds_mask;
	if (!ZYAN_SUCCESS(ZydisDecoderInit(&s->decoder, ZYDIS_MACHINE_MODE_LONG_64,
	                                   ZYDIS_STACK_WIDTH_64))) {
		scan_free(s);
		return -ENOTSUP;
	}
	read_headers(s);
	scan_text(s);
	*ret_sites = s->site;
	*ret_n = s->nsite;
	if (ret_stats)
		*ret_stats = s->stats;
	scan_free(s);
	return 0;
}
