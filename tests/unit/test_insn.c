/* test_insn.c - instructions that stand in for calls, and the vDSO's patch list.
 *
 * TAP. The scan is tried on this program's own text: the functions below hold every kind of site, and
 * bytes that only look like one.
 */
#define _GNU_SOURCE
#include <Zydis/Zydis.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "monitor/shields/insn.h"
#include "monitor/shields/vdso.h"
#include "tap.h"

/* ---- decoding ---- */

static const struct {
	const char *name;
	uint8_t bytes[INSN_MAX];
	int n, len, kind, reg, width;
} plain[] = {
	{ "rdtsc",              { 0x0f, 0x31 },                   2, 2, INSN_RDTSC,  16, 32 },
	{ "rdtscp",             { 0x0f, 0x01, 0xf9 },             3, 3, INSN_RDTSCP, 16, 32 },
	{ "cpuid",              { 0x0f, 0xa2 },                   2, 2, INSN_CPUID,  16, 32 },
	{ "rep rdtsc",          { 0xf3, 0x0f, 0x31 },             3, 3, INSN_RDTSC,  16, 32 },
	{ "rex.w cpuid",        { 0x48, 0x0f, 0xa2 },             3, 3, INSN_CPUID,  16, 32 },
	{ "rdrand eax",         { 0x0f, 0xc7, 0xf0 },             3, 3, INSN_RDRAND,  0, 32 },
	{ "rdrand ax",          { 0x66, 0x0f, 0xc7, 0xf0 },       4, 4, INSN_RDRAND,  0, 16 },
	{ "66 rex.w is 64 bits",{ 0x66, 0x48, 0x0f, 0xc7, 0xf0 }, 5, 5, INSN_RDRAND,  0, 64 },
	{ "rex before 66: void",{ 0x49, 0x66, 0x0f, 0xc7, 0xf0 }, 5, 5, INSN_RDRAND,  0, 16 },
	{ "rdpid rax",          { 0xf3, 0x0f, 0xc7, 0xf8 },       4, 4, INSN_RDPID,   0, 64 },
	{ "rdpid r9",           { 0xf3, 0x41, 0x0f, 0xc7, 0xf9 }, 5, 5, INSN_RDPID,   9, 64 },
	{ "lsl eax, ecx",       { 0x0f, 0x03, 0xc1 },             3, 3, INSN_LSL,     0, 32 },
	{ "lsl rax, [rcx]",     { 0x48, 0x0f, 0x03, 0x01 },       4, 4, INSN_LSL,     0, 64 },
	{ "15 bytes",           { 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e,
	                          0x3e, 0x0f, 0xa2 },            15, 15, INSN_CPUID, 16, 32 },
	{ "lock cpuid",         { 0xf0, 0x0f, 0xa2 },             3, 0 },
	{ "senduipi rax",       { 0xf3, 0x0f, 0xc7, 0xf0 },       4, 0 },
	{ "f2 rdrand",          { 0xf2, 0x0f, 0xc7, 0xf0 },       4, 0 },
	{ "vmptrld [rax]",      { 0x0f, 0xc7, 0x30 },             3, 0 },
	{ "cmpxchg8b [rax]",    { 0x0f, 0xc7, 0x08 },             3, 0 },
	{ "invlpg [rax]",       { 0x0f, 0x01, 0x38 },             3, 0 },
	{ "syscall",            { 0x0f, 0x05 },                   2, 0 },
	{ "cut rdrand",         { 0x0f, 0xc7, 0xf0 },             2, 0 },
	{ "cut cpuid",          { 0x0f, 0xa2 },                   1, 0 },
	{ "cut lsl",            { 0x0f, 0x03, 0x80, 0, 0, 0, 0 }, 6, 0 },
	{ "nothing",            { 0 },                            0, 0 },
};

static void test_plain(void)
{
	for (size_t i = 0; i < countof(plain); i++) {
		struct insn_op op = { .kind = INSN_NONE };
		int len = insn_decode(plain[i].bytes, (size_t)plain[i].n, 0, &op);
		bool good = len == plain[i].len && op.kind == plain[i].kind;

		if (len)
			good = good && op.len == len && op.reg == plain[i].reg && op.width == plain[i].width;
		ok(good, "decode: %s", plain[i].name);
	}
}

/* rdrand, rdseed, rdpid and lsl with every register and every width. */
static void test_registers(void)
{
	static const struct { int kind; uint8_t prefix, op, modrm; bool dest_in_reg; } form[] = {
		{ INSN_RDRAND, 0,    0xc7, 0xf0, false },
		{ INSN_RDSEED, 0,    0xc7, 0xf8, false },
		{ INSN_RDPID,  0xf3, 0xc7, 0xf8, false },
		{ INSN_LSL,    0,    0x03, 0xc3, true },        /* source rbx, r11 */
	};
	int bad = 0, done = 0;

	for (size_t f = 0; f < countof(form); f++)
	for (int reg = 0; reg < 16; reg++)
	for (int width = 16; width <= 64; width *= 2) {
		uint8_t b[8], rex = (uint8_t)(0x40 | (width == 64) << 3 |
		                              (reg >> 3) << (form[f].dest_in_reg ? 2 : 0));
		struct insn_op op;
		int n = 0;

		if (width == 16)
			b[n++] = 0x66;
		if (form[f].prefix)
			b[n++] = form[f].prefix;
		if (rex != 0x40)
			b[n++] = rex;
		b[n++] = 0x0f;
		b[n++] = form[f].op;
		b[n++] = (uint8_t)(form[f].modrm | (reg & 7) << (form[f].dest_in_reg ? 3 : 0));
		done++;
		if (insn_decode(b, sizeof(b), 0, &op) != n || op.kind != form[f].kind || op.reg != reg ||
		    op.width != (form[f].kind == INSN_RDPID ? 64 : width) || op.opcode != n - 3 ||
		    (form[f].dest_in_reg && (op.mem || op.src != 3)))
			bad++;
	}
	ok(!bad && done == 4 * 16 * 3, "decode: %d forms, every register and width", done);
}

static void test_lsl_memory(void)
{
	struct user_regs_struct r = {
		.rax = 0x1000, .rbp = 0x2000, .r12 = 0x3000, .r13 = 0x4000, .rsi = 0x10,
		.fs_base = 0x700000, .gs_base = 0x800000,
	};
	static const struct { const char *name; uint8_t b[12]; int len; uint64_t at; } form[] = {
		{ "[rax]",             { 0x0f, 0x03, 0x00 }, 3, 0x1000 },
		{ "[rax-8]",           { 0x0f, 0x03, 0x40, 0xf8 }, 4, 0xff8 },
		{ "[rbp+0x100]",       { 0x0f, 0x03, 0x85, 0, 1, 0, 0 }, 7, 0x2100 },
		{ "[r12]",             { 0x41, 0x0f, 0x03, 0x04, 0x24 }, 5, 0x3000 },
		{ "[r13+0]",           { 0x41, 0x0f, 0x03, 0x45, 0 }, 5, 0x4000 },
		{ "[rax+rsi*8]",       { 0x0f, 0x03, 0x04, 0xf0 }, 4, 0x1080 },
		{ "[r12*2+0x20]",      { 0x42, 0x0f, 0x03, 0x04, 0x65, 0x20, 0, 0, 0 }, 9, 0x6020 },
		{ "[abs 0x5000]",      { 0x0f, 0x03, 0x04, 0x25, 0, 0x50, 0, 0 }, 8, 0x5000 },
		{ "[rip+0x10]",        { 0x0f, 0x03, 0x05, 0x10, 0, 0, 0 }, 7, 0x400017 },
		{ "[rip-0x10], prefix",{ 0x66, 0x0f, 0x03, 0x05, 0xf0, 0xff, 0xff, 0xff }, 8, 0x3ffff8 },
		{ "fs:[rax]",          { 0x64, 0x0f, 0x03, 0x00 }, 4, 0x701000 },
		{ "gs:[eax-0x2000]",   { 0x65, 0x67, 0x0f, 0x03, 0x80, 0, 0xe0, 0xff, 0xff }, 9, 0x1007ff000 },
	};

	for (size_t i = 0; i < countof(form); i++) {
		struct insn_op op;
		int len = insn_decode(form[i].b, sizeof(form[i].b), 0x400000, &op);

		ok(len == form[i].len && op.kind == INSN_LSL && op.mem &&
		   insn_address(&op, &r) == form[i].at, "decode: lsl eax, %s", form[i].name);
	}
}

static int kind_of_mnemonic(ZydisMnemonic m)
{
	switch (m) {
	case ZYDIS_MNEMONIC_RDTSC:  return INSN_RDTSC;
	case ZYDIS_MNEMONIC_RDTSCP: return INSN_RDTSCP;
	case ZYDIS_MNEMONIC_CPUID:  return INSN_CPUID;
	case ZYDIS_MNEMONIC_RDRAND: return INSN_RDRAND;
	case ZYDIS_MNEMONIC_RDSEED: return INSN_RDSEED;
	case ZYDIS_MNEMONIC_RDPID:  return INSN_RDPID;
	case ZYDIS_MNEMONIC_LSL:    return INSN_LSL;
	default:                    return INSN_NONE;
	}
}

/* A million random byte strings that are likely to be one, against a disassembler's opinion. */
static void test_against_zydis(void)
{
	static const uint8_t likely[] = { 0x66, 0x67, 0xf2, 0xf3, 0x2e, 0x64, 0x65, 0x40, 0x41, 0x44, 0x48, 0x4f };
	static const uint8_t second[] = { 0x31, 0xa2, 0xc7, 0x03, 0x01 };
	uint64_t seed = 4711;
	ZydisDecoder d;
	int bad = 0, hits = 0;

	ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (int i = 0; i < 1000000; i++) {
		uint8_t b[16];
		struct insn_op op = { 0 };
		ZydisDecodedInstruction in;
		ZydisDecodedOperand o[ZYDIS_MAX_OPERAND_COUNT];
		int n = (int)(rng_next(&seed) % 4), len, kind = INSN_NONE;

		for (int k = 0; k < 16; k++)
			b[k] = (uint8_t)(rng_next(&seed) >> 24);
		for (int k = 0; k < n; k++)
			b[k] = likely[rng_next(&seed) % countof(likely)];
		b[n] = 0x0f;
		b[n + 1] = second[rng_next(&seed) % countof(second)];
		if (rng_next(&seed) & 1 << 20)
			b[n + 2] |= 0xf0;
		len = insn_decode(b, 15, 0, &op);
		if (ZYAN_SUCCESS(ZydisDecoderDecodeFull(&d, b, 15, &in, o)))
			kind = kind_of_mnemonic(in.mnemonic);
		hits += len != 0;
		if ((len ? op.kind : INSN_NONE) == kind && (!len || len == in.length))
			continue;
		if (bad++ < 5)
			printf("# %02x %02x %02x %02x %02x %02x: %d kind %d, disassembler says %d\n",
			       b[0], b[1], b[2], b[3], b[4], b[5], len, op.kind, kind);
	}
	ok(!bad && hits > 100000, "decode: as the disassembler does (%d hits, %d differ)", hits, bad);
}

/* The scan's own decoding of common instructions: every opcode byte after every prefix. */
static void test_quick_lengths(void)
{
	static const uint8_t prefix[] = { 0, 0x66, 0xf3, 0xf2 }, rex[] = { 0, 0x40, 0x41, 0x44, 0x48, 0x4f };
	int bad = 0, known = 0, total = 4 * 6 * 2 * 65536;
	uint64_t seed = 8;
	ZydisDecoder d;

	ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (int i = 0; i < total; i++) {
		uint8_t b[INSN_MAX + 5];
		ZydisDecodedInstruction in;
		int n = 0, len;

		for (size_t k = 0; k < sizeof(b); k++)
			b[k] = (uint8_t)(rng_next(&seed) >> 24);
		if (prefix[i >> 17 & 3])
			b[n++] = prefix[i >> 17 & 3];
		if (rex[i >> 19])
			b[n++] = rex[i >> 19];
		if (i >> 16 & 1)
			b[n++] = 0x0f;
		b[n++] = (uint8_t)(i >> 8);
		b[n++] = (uint8_t)i;
		len = insn_length_quick(b);
		known += len != 0;
		if (len && (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&d, NULL, b, INSN_MAX, &in)) ||
		            in.length != len))
			bad++;
	}
	ok(!bad && known > total / 20, "quick lengths: as the disassembler says (%d known, %d differ)", known, bad);
}

/* ---- applying ---- */

static const struct user_regs_struct before = {
	.rax = 0x1111111111111111, .rbx = 0x2222222222222222, .rcx = 0x3333333333333333,
	.rdx = 0x4444444444444444, .r9 = 0x9999999999999999, .eflags = 0x246 | 0x8d1, .rip = 0x400000,
};

static struct user_regs_struct applied(const char *bytes, size_t n, uint64_t v0, uint64_t v1, uint32_t fl)
{
	const uint64_t v[4] = { v0, v1, 0xcccccccc, 0xdddddddd };
	struct user_regs_struct r = before;
	struct insn_op op;

	must(insn_decode((const uint8_t *)bytes, n, r.rip, &op) == (int)n);
	insn_apply(&r, &op, v, fl);
	return r;
}
#define APPLIED(bytes, v0, v1, fl) applied(bytes, sizeof(bytes) - 1, v0, v1, fl)

static void test_apply(void)
{
	struct user_regs_struct r;

	r = APPLIED("\x0f\x31", 0x123456789abcdef0, 7, 0);
	ok(r.rax == 0x9abcdef0 && r.rdx == 0x12345678 && r.rcx == before.rcx &&
	   r.eflags == before.eflags && r.rip == 0x400002, "apply: rdtsc");
	r = APPLIED("\x0f\x01\xf9", 0x123456789abcdef0, 7, 0);
	ok(r.rax == 0x9abcdef0 && r.rdx == 0x12345678 && r.rcx == 7 && r.rip == 0x400003, "apply: rdtscp");
	r = APPLIED("\x0f\xa2", 0xaaaaaaaa, 0xbbbbbbbb, 0);
	ok(r.rax == 0xaaaaaaaa && r.rbx == 0xbbbbbbbb && r.rcx == 0xcccccccc && r.rdx == 0xdddddddd &&
	   r.eflags == before.eflags, "apply: cpuid clears upper halves");
	r = APPLIED("\x0f\xc7\xf0", 0x0123456789abcdef, 0, 0);
	ok(r.rax == 0x89abcdef && (r.eflags & 0x8d5) == 1 && r.rip == 0x400003,
	   "apply: rdrand eax: upper half cleared, CF alone set");
	ok((r.eflags & ~0x8d5ull) == (before.eflags & ~0x8d5ull), "apply: rdrand keeps the other flags");
	r = APPLIED("\x66\x0f\xc7\xf8", 0x0123456789abcdef, 0, 0);
	ok(r.rax == 0x111111111111cdef, "apply: rdseed ax keeps what is above");
	r = APPLIED("\x49\x0f\xc7\xf1", 0x0123456789abcdef, 0, 0);
	ok(r.r9 == 0x0123456789abcdef && r.rip == 0x400004, "apply: rdrand r9");
	r = APPLIED("\xf3\x41\x0f\xc7\xf9", 5, 0, 0);
	ok(r.r9 == 5 && r.eflags == before.eflags, "apply: rdpid r9");
	r = APPLIED("\x0f\x03\xc1", 0x1003, 0, 0x40);
	ok(r.rax == 0x1003 && r.eflags == (before.eflags | 0x40), "apply: lsl eax, ecx");
	r = APPLIED("\x66\x0f\x03\xc1", 0x91003, 0, 0x40);
	ok(r.rax == 0x1111111111111003, "apply: lsl ax, cx");
	r = APPLIED("\x0f\x03\xc1", 0x1003, 0, 0);
	ok(r.rax == before.rax && !(r.eflags & 0x40) && r.rip == 0x400003,
	   "apply: a refused lsl clears ZF and keeps the register");
}

/* ---- executing ---- */

static int execute(const char *bytes, size_t n, struct user_regs_struct *r, uint64_t v[4], uint32_t *fl)
{
	struct insn_op op;

	must(insn_decode((const uint8_t *)bytes, n, 0, &op) == (int)n);
	return insn_execute(&op, r, 0, v, fl);
}
#define EXECUTE(bytes) execute(bytes, sizeof(bytes) - 1, &r, v, &fl)

static void test_execute(void)
{
	struct user_regs_struct r = { .rax = 0x7fffffff00000001, .rcx = 0x7b, .eflags = 0x246 };
	uint64_t v[4] = { 0 }, earlier;
	uint32_t fl = 0;
	int mode = 0;

	must(!prctl(PR_SET_TSC, PR_TSC_SIGSEGV));
	ok(!EXECUTE("\x0f\x31") && v[0] > 0, "execute: rdtsc where rdtsc is forbidden");
	earlier = v[0];
	ok(!EXECUTE("\x0f\x01\xf9") && v[0] > earlier, "execute: rdtscp, and the counter has moved on");
	ok(!prctl(PR_GET_TSC, &mode) && mode == PR_TSC_SIGSEGV, "execute: ... and it is forbidden again");
	must(!prctl(PR_SET_TSC, PR_TSC_ENABLE));
	ok(!EXECUTE("\x0f\xa2") && v[0], "execute: cpuid leaf 1, upper half of rax ignored");
	ok(!EXECUTE("\x48\x0f\xc7\xf0") && (earlier = v[0], !EXECUTE("\x48\x0f\xc7\xf0")) && v[0] != earlier &&
	   fl == 1, "execute: rdrand twice");
	ok(!EXECUTE("\x48\x0f\xc7\xf8") && fl == 1, "execute: rdseed");
	ok(!EXECUTE("\xf3\x0f\xc7\xf8") && (v[0] & 0xfff) < 4096, "execute: rdpid");
	earlier = v[0];
	ok(!EXECUTE("\x0f\x03\xc1") && fl == (0x246 & 0x8d5) && v[0] == earlier,
	   "execute: lsl of the core's segment says the same as rdpid");
	v[0] = 0x7b;
	ok(!EXECUTE("\x0f\x03\x01") && (fl & 0x40), "execute: lsl from memory takes the caller's selector");
	r.rcx = 0;
	ok(!EXECUTE("\x0f\x03\xc1") && !(fl & 0x40), "execute: lsl of the null selector clears ZF");
}

/* ---- cpuid ---- */

static void cpu_pin(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

static void real_cpuid(uint32_t leaf, uint32_t sub, uint32_t o[4])
{
	__asm__ volatile("cpuid" : "=a"(o[0]), "=b"(o[1]), "=c"(o[2]), "=d"(o[3]) : "a"(leaf), "c"(sub));
}

static void test_cpuid(void)
{
	uint32_t o[4], real[4];

	cpuid_virtual(0, 0, 0, o);
	real_cpuid(0, 0, real);
	ok(!memcmp(o, real, 16), "cpuid: leaf 0 is the machine's");
	cpuid_virtual(1, 0, 0, o);
	real_cpuid(1, 0, real);
	ok(o[1] >> 24 == 0 && !(o[2] & 1u << 30), "cpuid: leaf 1 without APIC id, RDRAND");
	ok(o[0] == real[0] && o[3] == real[3] && ((o[2] ^ real[2]) & ~(1u << 30)) == 0,
	   "cpuid: leaf 1 otherwise the machine's");
	cpuid_virtual(1, 0, CPUID_SHOW_RAND, o);
	ok(o[2] == real[2], "cpuid: RDRAND exposed");
	cpuid_virtual(1, 77, 0, o);
	ok(!(o[2] & 1u << 30), "cpuid: ... and hidden again, whatever ecx says");
	cpuid_virtual(7, 0, 0, o);
	real_cpuid(7, 0, real);
	ok(!(o[1] & (1u << 4 | 1u << 11 | 1u << 18)), "cpuid: no HLE, RTM, RDSEED");
	ok(!(o[2] & (1u << 5 | 1u << 7 | 1u << 22)), "cpuid: no WAITPKG, CET_SS, RDPID");
	ok(!(o[3] & (1u << 11 | 1u << 13 | 1u << 15 | 1u << 16)), "cpuid: no TSX remains, not hybrid");
	ok(((real[1] ^ o[1]) & ~(1u << 4 | 1u << 11 | 1u << 18)) == 0, "cpuid: leaf 7 ebx otherwise the machine's");
	cpuid_virtual(7, 0, CPUID_SHOW_RAND | CPUID_SHOW_CPU, o);
	ok((o[1] & 1u << 18) == (real[1] & 1u << 18) && (o[2] & 1u << 22) == (real[2] & 1u << 22) &&
	   !(o[1] & 1u << 11), "cpuid: RDSEED and RDPID exposed, RTM not");
}

/* Every leaf there is, asked anew on each core (in a child: nothing is kept): the same answers. */
static uint64_t cpuid_digest(int cpu)
{
	static const uint32_t base[] = { 0, 0x40000000, 0x80000000 };
	uint64_t h = 0, *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint32_t o[4];
	pid_t pid = fork();

	if (!pid) {
		cpu_pin(cpu);
		for (size_t b = 0; b < countof(base); b++)
			for (uint32_t leaf = base[b]; leaf < base[b] + 0x30; leaf++)
				for (uint32_t sub = 0; sub < 6; sub++) {
					cpuid_virtual(leaf, sub, 3, o);
					h = hash_bytes(o, sizeof(o), h);
				}
		*shared = h;
		_exit(0);
	}
	must(pid > 0 && waitpid(pid, NULL, 0) == pid);
	h = *shared;
	munmap(shared, 4096);
	return h;
}

static void test_cpuid_cores(void)
{
	int ncpu = (int)sysconf(_SC_NPROCESSORS_ONLN), bad = 0;
	uint64_t first = cpuid_digest(0);

	for (int i = 1; i < ncpu && i < 8; i++)
		bad += cpuid_digest(i) != first;
	ok(first && !bad, "cpuid: the same on each of %d cores", ncpu);
}

static void test_faulting(void)
{
	bool have = cpu_has_cpuid_faulting();
	uint32_t o[4];

	real_cpuid(0, 0, o);
	ok(o[0] > 0, "faulting: asked (%s), and cpuid still works here", have ? "yes" : "no");
	setenv("TANDEM_NO_CPUID_FAULTING", "1", 1);
	ok(!cpu_has_cpuid_faulting(), "faulting: TANDEM_NO_CPUID_FAULTING=1 says no");
	unsetenv("TANDEM_NO_CPUID_FAULTING");
	have = cpu_traps_rdtsc();
	ok(__builtin_ia32_rdtsc() > 0, "rdtsc: asked whether it traps (%s), and it does not now", have ? "yes" : "no");
	setenv("TANDEM_NO_TSC_TRAPS", "1", 1);
	ok(!cpu_traps_rdtsc(), "rdtsc: TANDEM_NO_TSC_TRAPS=1 says no");
	unsetenv("TANDEM_NO_TSC_TRAPS");
}

/* ---- scanning ---- */

/* None of these runs. Labels at_... are sites, no_... are bytes that must be left alone. */
#define FUNCTION(name, body) \
	".globl " #name "\n.type " #name ",@function\n" #name ":\n.cfi_startproc\n" body \
	".cfi_endproc\n.size " #name ",.-" #name "\n"
#define LABEL(name) ".globl " #name "\n" #name ":\n"

__asm__(".text\n"
	FUNCTION(fn_straight,
	         "push %rbx\n.cfi_adjust_cfa_offset 8\n"
	         LABEL(at_cpuid) "cpuid\n"
	         "test %eax,%eax\nje 1f\n"
	         LABEL(at_rdrand16) "rdrand %r10w\n"
	         LABEL(at_rdseed64) "rdseed %r11\n"
	         "ret\n"
	         "1:\n" LABEL(at_rdpid) "rdpid %r9\n"
	         LABEL(at_lsl) "lsl %ecx,%eax\n"
	         LABEL(at_lslmem) "lsl 8(%rsp,%rcx,2),%r8d\n"
	         LABEL(at_rdtsc) "rdtsc\n"
	         LABEL(at_rdtscp) "rdtscp\n"
	         "pop %rbx\n.cfi_adjust_cfa_offset -8\nret\n")
	/* the bytes in an immediate, in a displacement, in a branch */
	FUNCTION(fn_immediate,
	         ".byte 0xb8\n" LABEL(no_imm) ".byte 0x0f,0xa2,0,0\n"
	         ".byte 0x8b,0x80\n" LABEL(no_disp) ".byte 0x0f,0xc7,0xf0,0\n"
	         ".byte 0x48,0xb9\n" LABEL(no_imm64) ".byte 0xf3,0x0f,0xc7,0xf8,0,0,0x0f,3\n"
	         "ret\n")
	/* data that the code jumps over, and that would decode as a site */
	FUNCTION(fn_island, "jmp 1f\n" LABEL(no_island) ".byte 0x0f,0xa2,0x90\n1: ret\n")
	/* ... and a true site after it, in the same function */
	FUNCTION(fn_island2, "jmp 1f\n" LABEL(no_island2) ".byte 0x0f,0xa2,0x90\n"
	         "1:\n" LABEL(at_after_island) "cpuid\nret\n")
	/* only a jump through a table leads there */
	FUNCTION(fn_table, "jmp *%rax\n.p2align 4\n" LABEL(at_case) "cpuid\nret\n" "nop\nret\n")
	/* ... but here the rest of the function is not code throughout */
	FUNCTION(fn_broken, "jmp *%rax\n" LABEL(no_broken) "cpuid\nret\n.byte 0x06,0x06\n")
	/* a branch into the middle: one of the two readings is wrong */
	FUNCTION(fn_middle, "test %eax,%eax\nje 1f\n.byte 0xb8\n"
	         "1:\n" LABEL(no_middle) "cpuid\nnop\nnop\nret\n")
	/* bytes that no table knows of */
	"jmp .\n" LABEL(no_orphan) "cpuid\nret\n"
	/* a symbol, but no unwind information */
	".globl fn_symbol\n.type fn_symbol,@function\nfn_symbol:\n"
	LABEL(at_symbol) "cpuid\nret\n.size fn_symbol,.-fn_symbol\n");

#define EXTERN(name) extern const char name[]
EXTERN(at_cpuid); EXTERN(at_rdrand16); EXTERN(at_rdseed64); EXTERN(at_rdpid); EXTERN(at_lsl);
EXTERN(at_lslmem); EXTERN(at_rdtsc); EXTERN(at_rdtscp); EXTERN(at_after_island); EXTERN(at_case);
EXTERN(at_symbol); EXTERN(no_imm); EXTERN(no_disp); EXTERN(no_imm64); EXTERN(no_island);
EXTERN(no_island2); EXTERN(no_broken); EXTERN(no_middle); EXTERN(no_orphan);

static const struct expected {
	const char *name, *at;
	int kind, len;          /* INSN_NONE: no site may touch the bytes from here on */
} expected[] = {
	{ "cpuid",                          at_cpuid,        INSN_CPUID,  2 },
	{ "rdrand r10w",                    at_rdrand16,     INSN_RDRAND, 5 },
	{ "rdseed r11",                     at_rdseed64,     INSN_RDSEED, 4 },
	{ "rdpid r9, prefix and all",       at_rdpid,        INSN_RDPID,  5 },
	{ "lsl",                            at_lsl,          INSN_LSL,    3 },
	{ "lsl from memory",                at_lslmem,       INSN_LSL,    6 },
	{ "rdtsc",                          at_rdtsc,        INSN_RDTSC,  2 },
	{ "rdtscp",                         at_rdtscp,       INSN_RDTSCP, 3 },
	{ "cpuid after an island",          at_after_island, INSN_CPUID,  2 },
	{ "cpuid in a case of a switch",    at_case,         INSN_CPUID,  2 },
	{ "bytes in an immediate",          no_imm,          INSN_NONE,   2 },
	{ "bytes in a displacement",        no_disp,         INSN_NONE,   3 },
	{ "bytes in a long immediate",      no_imm64,        INSN_NONE,   8 },
	{ "an island of data",              no_island,       INSN_NONE,   2 },
	{ "an island before a true site",   no_island2,      INSN_NONE,   2 },
	{ "a function that does not decode",no_broken,       INSN_NONE,   2 },
	{ "bytes with two readings",        no_middle,       INSN_NONE,   2 },
	{ "bytes outside of functions",     no_orphan,       INSN_NONE,   2 },
};

/* Reads memory as the monitor would, and tells one lie: a byte that reads otherwise. */
struct reader {
	uint64_t lie_at;
	uint8_t lie;
	int calls;
};

static int reader_read(void *ctx, uint64_t at, void *buf, size_t n)
{
	struct iovec here = { buf, n }, there = { (void *)at, n };
	struct reader *rd = ctx;

	rd->calls++;
	if (process_vm_readv(getpid(), &here, 1, &there, 1, 0) != (ssize_t)n)
		return -EFAULT;
	if (rd->lie_at >= at && rd->lie_at < at + n)
		((uint8_t *)buf)[rd->lie_at - at] = rd->lie;
	return 0;
}

struct object {
	const char *want;               /* in its name; "": the program itself */
	struct insn_source src;
	uint64_t eh_frame_hdr;
	char path[256];
};

static int object_take(struct dl_phdr_info *i, size_t size, void *data)
{
	struct object *o = data;
	bool self = !*i->dlpi_name;

	(void)size;
	if (*o->want ? !strstr(i->dlpi_name, o->want) : !self)
		return 0;
	o->src.bias = i->dlpi_addr;
	snprintf(o->path, sizeof(o->path), "%s", self ? "/proc/self/exe" : i->dlpi_name);
	for (int k = 0; k < i->dlpi_phnum; k++) {
		const ElfW(Phdr) *p = &i->dlpi_phdr[k];

		if (p->p_type == PT_GNU_EH_FRAME)
			o->eh_frame_hdr = i->dlpi_addr + p->p_vaddr;
		if (p->p_type == PT_LOAD && !p->p_offset)
			o->src.ehdr = i->dlpi_addr + p->p_vaddr;
		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
			continue;
		o->src.vaddr = i->dlpi_addr + p->p_vaddr;
		o->src.len = p->p_filesz;
	}
	return 1;
}

static bool object_find(struct object *o, const char *want, struct reader *rd)
{
	*o = (struct object){ .want = want, .src = { .read = reader_read, .ctx = rd, .fd = -1 } };
	return dl_iterate_phdr(object_take, o) && o->src.len;
}

static const struct insn_site *site_at(const struct insn_site *s, size_t n, const char *at, int len)
{
	for (size_t i = 0; i < n; i++)
		if (s[i].vaddr < (uint64_t)at + (uint64_t)len && s[i].vaddr + s[i].len > (uint64_t)at)
			return &s[i];
	return NULL;
}

static bool as_expected(const struct expected *e, const struct insn_site *s, size_t n)
{
	const struct insn_site *hit = site_at(s, n, e->at, e->len);

	if (!e->kind)
		return !hit;
	return hit && hit->vaddr == (uint64_t)e->at && hit->kind == e->kind && hit->len == e->len &&
	       !memcmp(hit->bytes, e->at, hit->len);
}

static void test_scan_self(void)
{
	struct reader rd = { 0 };
	struct insn_site *site;
	struct insn_stats st;
	struct object o;
	size_t n;

	must(object_find(&o, "", &rd));
	ok(!insn_scan(&o.src, 0xfe, &site, &n, &st), "scan: this program: %u candidates, %u sites, %u refuted,"
	   " %u unverified", st.candidates, st.sites, st.refuted, st.unverified);
	for (size_t i = 0; i < countof(expected); i++)
		ok(as_expected(&expected[i], site, n), "scan: %s: %s", expected[i].name,
		   expected[i].kind ? "found" : "left alone");
	ok(st.sites == n && st.candidates == st.sites + st.refuted + st.unverified && st.outside,
	   "scan: the counts add up");
	for (size_t i = 1; i < n; i++)
		must(site[i - 1].vaddr < site[i].vaddr);
	free(site);

	must(!insn_scan(&o.src, 1u << INSN_RDPID, &site, &n, &st));
	ok(site_at(site, n, at_rdpid, 1) && !site_at(site, n, at_rdseed64, 1) && !site_at(site, n, at_cpuid, 1),
	   "scan: only the kinds that were asked for");
	free(site);
	must(!insn_scan(&o.src, 0, &site, &n, &st));
	ok(!n && !st.candidates, "scan: no kinds, no sites");
	free(site);
}

static bool all_as_expected(const struct insn_source *src)
{
	struct insn_site *site;
	struct insn_stats st;
	bool good = true;
	size_t n;

	must(!insn_scan(src, 0xfe, &site, &n, &st));
	for (size_t i = 0; i < countof(expected); i++)
		good = good && as_expected(&expected[i], site, n);
	free(site);
	return good;
}

/* The ways to a function's bounds, one after the other taken away. */
static void test_scan_tables(void)
{
	const struct expected symbol = { "", at_symbol, INSN_CPUID, 2 };
	struct reader rd = { 0 };
	struct insn_site *site;
	struct insn_stats st;
	struct object o;
	size_t n;

	must(object_find(&o, "", &rd));
	rd.lie_at = o.eh_frame_hdr + 3;
	rd.lie = 0xff;
	ok(all_as_expected(&o.src), "scan: .eh_frame read through, where it has no table");
	rd.lie_at = o.eh_frame_hdr;
	o.src.fd = open(o.path, O_RDONLY | O_CLOEXEC);
	ok(all_as_expected(&o.src), "scan: .eh_frame by section header");
	rd.lie_at = 0;
	o.src.ehdr = 0;
	must(!insn_scan(&o.src, 0xfe, &site, &n, &st));
	ok(as_expected(&symbol, site, n), "scan: a function that has only a symbol");
	free(site);
	close(o.src.fd);
	o.src.fd = -1;
	must(!insn_scan(&o.src, 0xfe, &site, &n, &st));
	ok(!n && st.outside == st.candidates, "scan: without any table all is unverified");
	free(site);
}

/* Tables of nonsense: nothing is believed, nothing is overrun. */
static void test_scan_nonsense(void)
{
	struct reader rd = { 0 };
	uint64_t seed = 99;
	struct object o;

	must(object_find(&o, "", &rd));
	for (int i = 0; i < 300; i++) {
		struct insn_site *site;
		struct insn_stats st;
		size_t n;

		rd.lie_at = (i & 1 ? o.eh_frame_hdr : o.src.ehdr) + rng_next(&seed) % 512;
		rd.lie = (uint8_t)(rng_next(&seed) >> 30);
		must(!insn_scan(&o.src, 0xfe, &site, &n, &st));
		free(site);
	}
	ok(true, "scan: 300 damaged tables survived");
}

/* Whether a cpuid at `at` of `len` bytes of text is seen, and nothing else is. */
static bool seen_at(uint8_t *text, size_t len, size_t at)
{
	struct reader rd = { 0 };
	struct insn_source src = { .len = len, .vaddr = (uint64_t)text, .read = reader_read, .ctx = &rd, .fd = -1 };
	struct insn_site *site;
	struct insn_stats st;
	size_t n;

	memset(text, 0x90, len);
	text[at] = 0x0f;
	text[at + 1] = 0xa2;
	must(!insn_scan(&src, 1u << INSN_CPUID, &site, &n, &st));
	free(site);
	return st.candidates == 1 && !n;
}

/* Code at the very edges of the text, every alignment of a candidate in the vector compare, and the edges of the
 * pieces in which text is read. */
static void test_scan_edges(void)
{
	size_t len = 300 << 10, piece = 128 << 10;
	uint8_t *text = malloc(len);
	int bad = 0;

	must(text);
	for (size_t at = 0; at <= 62; at++)
		bad += !seen_at(text, 64, at);
	for (size_t at = piece - 34; at <= piece + 34; at++)
		bad += !seen_at(text, len, at) + !seen_at(text, len, at + piece) + !seen_at(text, at + 2, at);
	bad += !seen_at(text, len, len - 2);
	ok(!bad, "scan: a candidate is seen at every offset");
	free(text);
}

static void test_scan_library(const char *name, unsigned kinds, uint32_t least)
{
	uint64_t best = ~(uint64_t)0, t;
	struct reader rd = { 0 };
	struct insn_stats st;
	struct insn_site *site;
	struct object o;
	size_t n;

	if (!dlopen(name, RTLD_LAZY) || !object_find(&o, name, &rd)) {
		ok(true, "scan: %s # SKIP not here", name);
		return;
	}
	for (int i = 0; i < 5; i++) {
		t = now_mono();
		must(!insn_scan(&o.src, kinds, &site, &n, &st));
		best = min_of(best, now_mono() - t);
		free(site);
	}
	printf("# %s: %zu KB, %.0f us, %d reads; %u candidates, %u sites, %u refuted, %u unverified (%u outside)\n",
	       name, o.src.len / 1024, (double)best / 1e3, rd.calls / 5, st.candidates, st.sites, st.refuted,
	       st.unverified, st.outside);
	ok(st.sites >= least && st.unverified == st.outside, "scan: %s: all that is in a function is decided", name);
}

/* libcrypto's generator of random numbers draws from both instructions, in a loop of its own each. */
static void test_scan_rdrand(void)
{
	int rdrand = 0, rdseed = 0;
	struct reader rd = { 0 };
	struct insn_stats st;
	struct insn_site *site;
	struct object o;
	size_t n;

	if (!dlopen("libcrypto.so.3", RTLD_LAZY) || !object_find(&o, "libcrypto.so.3", &rd)) {
		ok(true, "scan: OPENSSL_ia32_rdrand_bytes # SKIP no libcrypto");
		return;
	}
	must(!insn_scan(&o.src, 1u << INSN_RDRAND | 1u << INSN_RDSEED, &site, &n, &st));
	for (size_t i = 0; i < n; i++) {
		rdrand += site[i].kind == INSN_RDRAND && !memcmp(site[i].bytes, "\x49\x0f\xc7\xf2", 4);
		rdseed += site[i].kind == INSN_RDSEED && !memcmp(site[i].bytes, "\x49\x0f\xc7\xfa", 4);
	}
	free(site);
	ok(rdrand >= 1 && rdseed >= 1, "scan: OPENSSL_ia32_rdrand_bytes and _rdseed_bytes draw into r10");
}

/* ---- the vDSO ---- */

static uint64_t vdso_mapped(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	uint64_t from, to, size = 0;
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "[vdso]") && sscanf(line, "%lx-%lx", &from, &to) == 2)
			size = to - from;
	if (f)
		fclose(f);
	return size;
}

static const struct vdso_patch *patch_of(const struct vdso_info *v, int nr)
{
	for (int i = 0; i < v->n; i++)
		if (v->patch[i].nr == nr)
			return &v->patch[i];
	return NULL;
}

static void test_vdso(void)
{
	static const int calls[] = { SYS_clock_gettime, SYS_gettimeofday, SYS_time, SYS_getcpu };
	const struct vdso_info *v = vdso_info();
	const uint8_t *at = (const uint8_t *)getauxval(AT_SYSINFO_EHDR);
	const struct vdso_patch *p;
	int nr = 0;

	ok(!v->error && v->size == vdso_mapped(), "vdso: %s, %llu bytes", v->error ? v->error : "no error",
	   (unsigned long long)v->size);
	for (int i = 0; i < v->nunknown; i++)
		printf("# unknown function %s\n", v->unknown[i]);
	if (!v->size)
		return;
	for (size_t i = 0; i < countof(calls); i++) {
		p = patch_of(v, calls[i]);
		ok(p && p->len == 8 && p->bytes[0] == 0xb8 && p->bytes[1] == (calls[i] & 0xff) &&
		   p->bytes[2] == calls[i] >> 8 && !memcmp(p->bytes + 5, "\x0f\x05\xc3", 3),
		   "vdso: call %d: mov, syscall, ret", calls[i]);
		ok(p && vdso_is_entry(p->offset + 5, &nr) && nr == calls[i] && !vdso_is_entry(p->offset, &nr),
		   "vdso: ... and its syscall instruction is known");
	}
	p = patch_of(v, -1);
	ok(!p || !memcmp(p->bytes, "\x48\xc7\xc0\xda\xff\xff\xff\xc3", 8), "vdso: getrandom fails with ENOSYS");
	ok(v->syscall_offset && at[v->syscall_offset] == 0x0f && at[v->syscall_offset + 1] == 0x05 &&
	   !vdso_is_entry(v->syscall_offset, &nr), "vdso: a system call instruction at %#x%s", v->syscall_offset,
	   v->syscall_returns ? ", with ret" : "");
}

/* The patches at work, on a copy of the image. */
static void test_vdso_runs(void)
{
	const struct vdso_info *v = vdso_info();
	const struct vdso_patch *time_at = patch_of(v, SYS_time), *random_at = patch_of(v, -1);
	uint8_t *copy = mmap(NULL, v->size + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long (*fn)(void *);
	long t, now;

	if (!v->size || !time_at)
		return;
	memcpy(copy, (const void *)getauxval(AT_SYSINFO_EHDR), v->size);
	for (int i = 0; i < v->n; i++)
		memcpy(copy + v->patch[i].offset, v->patch[i].bytes, v->patch[i].len);
	must(!mprotect(copy, v->size, PROT_READ | PROT_EXEC));
	fn = (long (*)(void *))(copy + time_at->offset);
	now = syscall(SYS_time, NULL);
	t = fn(NULL);
	ok(t == now || t == now + 1, "vdso: a patched copy tells the time");
	fn = (long (*)(void *))(copy + (random_at ? random_at->offset : 0));
	ok(!random_at || fn(NULL) == -ENOSYS, "vdso: ... and has no random numbers");
	munmap(copy, v->size + 1);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	test_plain();
	test_registers();
	test_lsl_memory();
	test_against_zydis();
	test_quick_lengths();
	test_apply();
	test_execute();
	test_cpuid();
	test_cpuid_cores();
	test_faulting();
	test_scan_self();
	test_scan_tables();
	test_scan_nonsense();
	test_scan_edges();
	test_scan_rdrand();
	test_scan_library("libc.so.6", 0xf8, 0);
	test_scan_library("libcrypto.so.3", 0xf8, 8);
	test_scan_library("libpython3.11.so.1.0", 0xf8, 0);
	test_scan_library("ld-linux-x86-64.so.2", 0xf8, 1);
	test_vdso();
	test_vdso_runs();
	return tap_end();
}
