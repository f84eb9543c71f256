/* test_filter.c - the interpreter of seccomp filters, beside the kernel's own: what both say of the same call.
 *
 * TAP. Programs are put together at random from all instructions that seccomp allows. The kernel's answer is seen in a
 * child that installs the program for one call number and makes that call: the verdict's low bits come out as its errno.
 */
#define _GNU_SOURCE
#include <linux/audit.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "monitor/shields/filters.h"
#include "tap.h"

static uint64_t state = 4711;

static uint32_t rnd(uint32_t n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(state >> 33) % n;
}

#define ARG0 0x1122334455667788ull
#define ARG1 7ull
#define NR   SYS_getpriority

static uint32_t constant(void)
{
	static const uint32_t some[] = {0, 1, 2, 7, 31, 32, 0x55667788, 0x11223344, 0x7fffffff, 0x80000000, 0xffffffff};

	return rnd(2) ? some[rnd(countof(some))] : rnd(0xffffffff);
}

static struct sock_filter random_insn(unsigned left)
{
	static const uint16_t alu[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_AND, BPF_OR, BPF_XOR, BPF_LSH, BPF_RSH},
	                      jmp[] = {BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JSET};
	struct sock_filter i = {.k = constant()};
	uint16_t src = rnd(2) ? BPF_X : BPF_K;

	switch (rnd(10)) {
	case 0: i.code = BPF_LD | BPF_W | BPF_ABS, i.k = rnd(8) < 6 ? 16 + 4 * rnd(4) : 4 * rnd(2); break;
	case 1: i.code = rnd(2) ? BPF_LD | BPF_IMM : BPF_LDX | BPF_IMM; break;
	case 2: i.code = rnd(2) ? BPF_LD | BPF_W | BPF_LEN : BPF_LDX | BPF_W | BPF_LEN; break;
	case 3: i.code = rnd(2) ? BPF_ST : BPF_STX, i.k = rnd(4); break;
	case 4: i.code = rnd(2) ? BPF_LD | BPF_MEM : BPF_LDX | BPF_MEM, i.k = rnd(4); break;
	case 5: i.code = rnd(2) ? BPF_MISC | BPF_TAX : BPF_MISC | BPF_TXA; break;
	case 6: i.code = BPF_ALU | BPF_NEG; break;
	case 7: case 8:
		i.code = BPF_ALU | alu[rnd(countof(alu))] | src;
		if (BPF_OP(i.code) == BPF_DIV && src == BPF_K)
			i.k |= 1;
		if ((BPF_OP(i.code) == BPF_LSH || BPF_OP(i.code) == BPF_RSH) && src == BPF_K)
			i.k &= 31;
		/* By 32 and more the kernel's answer is the processor's. */
		if ((BPF_OP(i.code) == BPF_LSH || BPF_OP(i.code) == BPF_RSH) && src == BPF_X)
			i = (struct sock_filter){.code = BPF_ALU | BPF_XOR | BPF_X};
		break;
	default:
		i.code = BPF_JMP | jmp[rnd(countof(jmp))] | src;
		i.jt = rnd(min_of(left, 4u));
		i.jf = rnd(min_of(left, 4u));
	}
	return i;
}

/* Memory is mostly set before it is read: the kernel looks for that. The end folds A into nine bits, as an errno. */
static unsigned random_program(struct sock_filter *p)
{
	unsigned n = 0, body = 1 + rnd(24);

	p[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	p[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NR, 1, 0);
	p[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	for (int i = rnd(8) == 0; i < 4; i++)
		p[n++] = (struct sock_filter)BPF_STMT(BPF_ST, i);
	p[n++] = (struct sock_filter)BPF_STMT(BPF_LDX | BPF_IMM, 3);
	for (unsigned i = 0; i < body; i++)
		p[n++] = random_insn(body - i);
	p[n++] = (struct sock_filter)BPF_STMT(BPF_ST, 0);
	p[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 16);
	p[n++] = (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0);
	p[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_MEM, 0);
	p[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0);
	p[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x1ff);
	p[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO);
	p[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
	return n;
}

enum { KILLED = -1, NOT_TAKEN = -2 };

static int kernel_says(struct sock_filter *p, unsigned n)
{
	struct sock_fprog prog = {n, p};
	int fd[2], ret = KILLED, st;
	pid_t pid;

	if (pipe(fd) < 0 || (pid = fork()) < 0)
		exit(2);
	if (!pid) {
		/* A filter may refuse even exit_group; what then ends the child is a fault, which no sanitizer shall catch. Nor
		 * shall it make calls of its own before an _exit. */
		signal(SIGILL, SIG_DFL);
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog)) {
			ret = NOT_TAKEN;
		} else {
			ret = syscall(NR, ARG0, ARG1) == -1 ? errno : 0;
		}
		(void)!write(fd[1], &ret, sizeof(ret));
		syscall(SYS_exit_group, 0);
		for (;;)
			__asm__ volatile("ud2");
	}
	close(fd[1]);
	if (read(fd[0], &ret, sizeof(ret)) != sizeof(ret))
		ret = KILLED;
	close(fd[0]);
	waitpid(pid, &st, 0);
	return ret;
}

static int we_say(const struct sock_filter *p, unsigned n)
{
	const struct seccomp_data data = {.nr = NR, .arch = AUDIT_ARCH_X86_64, .args = {ARG0, ARG1}};
	uint32_t v;

	if (!filter_valid(p, n))
		return NOT_TAKEN;
	v = filter_run(p, n, &data);
	return (v & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO ? (int)(v & SECCOMP_RET_DATA) : KILLED;
}

int main(int argc, char **argv)
{
	int runs = argc > 1 ? atoi(argv[1]) : 1500, bad = 0, killed = 0, refused = 0, answers[512] = {0}, distinct = 0;
	struct sock_filter p[64];

	for (int i = 0; i < runs; i++) {
		unsigned n = random_program(p);
		int kernel = kernel_says(p, n), own = we_say(p, n);

		if (kernel == own) {
			killed += kernel == KILLED;
			refused += kernel == NOT_TAKEN;
			distinct += kernel >= 0 && !answers[kernel & 511]++;
			continue;
		}
		if (!bad++)
			for (unsigned k = 0; k < n; k++)
				printf("# { 0x%x, %u, %u, 0x%x }\n", p[k].code, p[k].jt, p[k].jf, p[k].k);
		printf("# program %d: the kernel says %d, we say %d\n", i, kernel, own);
	}
	ok(!bad, "%d programs: the kernel's answer", runs);
	ok(distinct > 20, "... and many different ones: %d", distinct);
	ok(refused > 5, "... some are refused: %d", refused);
	printf("# %d divided by zero\n", killed);

	for (unsigned code = 0; code < 0x100; code++) {
		struct sock_filter one[] = {{(uint16_t)code, 0, 0, 4}, BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 5)};
		bool kernel, own = filter_valid(one, 2);

		kernel = kernel_says(one, 2) != NOT_TAKEN;
		if (kernel != own)
			ok(false, "instruction 0x%x: the kernel %s it", code, kernel ? "takes" : "does not take");
	}
	ok(true, "every instruction is taken that the kernel takes");
	return tap_end();
}
