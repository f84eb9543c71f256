/* insn.h - instructions that stand in for calls: they bring in values from outside of the program.
 *
 * Recognizing one (insn_decode), getting a value for it (insn_execute), giving a task that value
 * (insn_apply), and finding those that the hardware does not trap, so that they can be patched to
 * (insn_scan).
 */
#ifndef TANDEM_INSN_H
#define TANDEM_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/user.h>

#include "abi/event.h"

#define INSN_MAX 15               /* no x86 instruction is longer */
#define INSN_NOREG 16

/* Register numbers are the machine's: 0 rax, 1 rcx, 2 rdx, 3 rbx, 4 rsp, 5 rbp, 6 rsi, 7 rdi, 8.. r8.. */
struct insn_op {
	uint8_t kind;             /* enum insn */
	uint8_t len;
	uint8_t opcode;           /* where the 0f byte is: after the prefixes */
	uint8_t reg;              /* destination; INSN_NOREG: fixed ones */
	uint8_t width;            /* of the destination: 16, 32 or 64 bits */
	/* The selector of an lsl. */
	bool mem;                 /* in memory, else in register `src` */
	uint8_t src;
	uint8_t base, index;      /* INSN_NOREG: none */
	uint8_t scale;            /* 1, 2, 4, 8 */
	uint8_t seg;              /* 0, or the prefix 0x64 (fs), 0x65 (gs) */
	bool addr32;
	uint64_t disp;            /* rip-relative: the address itself, and base is INSN_NOREG */
};

/* The length of the instruction at `bytes`, which will run at address `rip`, if it is one of enum insn
 * and complete within `n` bytes; else 0, and *ret is untouched. */
int insn_decode(const uint8_t *bytes, size_t n, uint64_t rip, struct insn_op *ret);

/* Where the selector of an lsl is (only if op->mem): 2 bytes of guest memory. */
uint64_t insn_address(const struct insn_op *op, const struct user_regs_struct *r);

/* Gives a task that stands at `op` its results and moves it past the instruction.
 * v: cpuid eax, ebx, ecx, edx; rdtsc counter; rdtscp counter, aux; the others: the value.
 * eflags_bits: only its ZF counts, and only for lsl (clear: the destination stays as it is). */
void insn_apply(struct user_regs_struct *r, const struct insn_op *op, const uint64_t v[4],
                uint32_t eflags_bits);

/* What --expose leaves visible in cpuid's answers. */
enum cpuid_expose {
	CPUID_SHOW_RAND = 1,      /* rdrand, rdseed */
	CPUID_SHOW_CPU  = 2,      /* rdpid */
};

/* Gets real values for `op` in the calling process, in the form that insn_apply takes; for cpuid, the
 * virtual ones. For an lsl from memory the caller puts the selector into v[0] first. *ret_eflags is the
 * arithmetic flags that the instruction leaves. The thread may be under PR_TSC_SIGSEGV: lifted meanwhile. */
int insn_execute(const struct insn_op *op, const struct user_regs_struct *r, unsigned exposed,
                 uint64_t v[4], uint32_t *ret_eflags);

/* cpuid's answer (eax, ebx, ecx, edx) less what differs between cores, or cannot be repeated. */
void cpuid_virtual(uint32_t leaf, uint32_t sub, unsigned exposed, uint32_t out[4]);

/* Get the usual answers at once, while cpuid does not yet trap in the calling thread: later each costs two
 * switches of the trap. */
void cpuid_prefetch(void);

/* Whether rdtsc traps where the kernel is told so (PR_SET_TSC): on some virtual machines it is told in vain. For the calling
 * thread, which takes a SIGSEGV of its own. TANDEM_NO_TSC_TRAPS=1 says no. */
bool cpu_traps_rdtsc(void);

/* Whether the kernel can make cpuid trap (ARCH_SET_CPUID). TANDEM_NO_CPUID_FAULTING=1 says no. */
bool cpu_has_cpuid_faulting(void);

/* ---- scanning ---- */

/* One executable segment of an ELF object, as loaded and not yet patched. */
struct insn_source {
	size_t len;
	uint64_t vaddr;           /* where it is loaded */
	uint64_t ehdr;            /* where the object's ELF header is loaded; 0: nowhere */
	uint64_t bias;            /* loaded address less the one in the program headers */
	int (*read)(void *ctx, uint64_t vaddr, void *buf, size_t len); /* 0, or -errno unless all of it */
	void *ctx;
	int fd;                   /* the object's file, for its section headers: the only way to a static
	                           * program's functions, unused where unwind tables serve; -1: not at hand */
};

struct insn_site {
	uint64_t vaddr;           /* of the first byte, prefixes included */
	uint8_t len;
	uint8_t kind;             /* enum insn */
	uint8_t bytes[INSN_MAX];
};

struct insn_stats {
	uint32_t candidates;      /* places whose bytes look like one */
	uint32_t sites;           /* proven to be one */
	uint32_t refuted;         /* inside another instruction, in a function that decodes throughout */
	uint32_t unverified;      /* neither: not patched, and the report should say so */
	uint32_t unverified_cpuid;/* of those, what looks like cpuid, which may trap by itself */
	uint32_t outside;         /* of those, outside of every function known: nearly always data */
};

/* All sites of the kinds in the mask (1u << INSN_CPUID | ...), in ascending order; the caller frees
 * *ret_sites. 0 or -errno; an object without symbols and unwind tables is no error, all in it is
 * unverified. */
int insn_scan(const struct insn_source *src, unsigned kinds_mask, struct insn_site **ret_sites,
              size_t *ret_n, struct insn_stats *ret_stats);

/* For the suite: the length of the instruction at `bytes` (INSN_MAX of them) if it is one of the common
 * ones that the scan decodes by itself, 0 if it asks the disassembler. */
int insn_length_quick(const uint8_t *bytes);

#endif
