/* cpuid.c - the virtual cpuid: the machine's answers less what differs between its cores, or cannot be repeated. */
#include "monitor/shields/insn.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/base.h"

/* As in asm/prctl.h, whose old versions lack them. */
enum { GET_CPUID = 0x1011, SET_CPUID = 0x1012 };

/* Between these two the calling thread has the real cpuid. Each change of that costs an exit from a virtual
 * machine, as cpuid does itself: ask for everything at once. */
static bool cpuid_untrap(void)
{
	bool traps = syscall(SYS_arch_prctl, GET_CPUID, 0) == 0;

	if (traps)
		syscall(SYS_arch_prctl, SET_CPUID, 1);
	return traps;
}

static void cpuid_retrap(bool traps)
{
	if (traps)
		syscall(SYS_arch_prctl, SET_CPUID, 0);
}

static void cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4])
{
	__asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
	                 : "a"(leaf), "c"(sub));
}

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
	static uint32_t highest, highest_extended;
	uint32_t out[4];

	if (!highest) {
		cpuid(0, 0, out);
		highest = out[0];
	}
	if (leaf <= highest)
		return leaf;
	if (leaf < 0x40000000)
		return highest;
	if (leaf >> 16 == 0x8000 && highest_extended)
		return leaf <= highest_extended ? leaf : highest;
	cpuid(leaf < 0x80000000 ? leaf & ~0xffu : leaf & 0xffff0000u, 0, out);
	if (leaf >> 16 == 0x8000)
		highest_extended = out[0];
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
		bool traps = cpuid_untrap();

		*a = (struct answer){ .leaf = leaf, .sub = sub, .meant = leaf_meant(leaf), .set = true };
		cpuid(leaf, sub, a->out);
		hide(a->meant, sub, ~0u, a->out);
		hide_xen_vcpu(leaf, a->out);
		cpuid_retrap(traps);
	}
	memcpy(out, a->out, sizeof(a->out));
	hide(a->meant, sub, exposed, out);
}

/* What the C library asks for at each start of a program, on one vendor's machines or the other's. */
void cpuid_prefetch(void)
{
	static const struct { uint32_t leaf; uint8_t subs; } asked[] = {
		{ 0x0, 1 }, { 0x1, 1 }, { 0x2, 1 }, { 0x4, 5 }, { 0x7, 2 }, { 0xb, 2 }, { 0xd, 8 }, { 0x14, 1 }, { 0x19, 1 },
		{ 0x80000000, 1 }, { 0x80000001, 1 }, { 0x80000005, 1 }, { 0x80000006, 1 }, { 0x80000007, 1 },
		{ 0x80000008, 1 }, { 0x8000001d, 4 },
	};
	uint32_t highest[4], extended[4], out[4];

	cpuid_virtual(0, 0, 0, highest);
	cpuid_virtual(0x80000000, 0, 0, extended);
	for (size_t i = 0; i < countof(asked); i++)
		for (uint32_t sub = 0; sub < asked[i].subs; sub++)
			if (asked[i].leaf <= (asked[i].leaf >> 31 ? extended[0] : highest[0]))
				cpuid_virtual(asked[i].leaf, sub, 0, out);
}

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
