/* doctor_probe.c - the experiments, each in a child that nothing outlives. */
#define _GNU_SOURCE
#include "cli/doctor_probe.h"

#include <asm/prctl.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"

#ifndef ARCH_SET_CPUID
#define ARCH_SET_CPUID 0x1012
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

#define PATIENCE_NS 2000000000ull

enum { TRAPPED = 100 };         /* exit status of a child whose instruction trapped */

/*
 * Children
 */

/* Forks a child that dies with us. It must leave by _exit: stdio's buffers are the parent's. */
static pid_t spawn(void)
{
	pid_t parent = getpid(), pid = fork();
	sigset_t none;

	if (pid == 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

/* The next wait status of the child, or -errno. */
static int await(pid_t pid, int *ret_status)
{
	uint64_t end = now_mono() + PATIENCE_NS;
	pid_t got;

	while ((got = waitpid(pid, ret_status, WNOHANG | __WALL)) == 0) {
		if (now_mono() > end)
			return -ETIME;
		nap_ns(100000);
	}
	return got < 0 ? -errno : 0;
}

static void finish(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	while (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status))
		;
}

/* Runs `body` in a child; its value, from 0 to 255, comes back: a status or an errno. */
static int ask_child(int (*body)(void))
{
	pid_t pid = spawn();
	int status, err;

	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(body());
	err = await(pid, &status);
	if (err) {
		finish(pid);
		return err;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -ENOTRECOVERABLE;
}

/* A child that waits for a byte on a pipe and then does `body`, while `look` looks at it. */
struct subject {
	pid_t pid;
	int pipe[2];            /* the child has both ends open too, under the same numbers */
};

static int with_child(void (*body)(void), int (*look)(const struct subject *))
{
	struct subject s;
	char go;
	int err;

	if (pipe2(s.pipe, O_CLOEXEC) < 0)
		return -errno;
	s.pid = spawn();
	err = s.pid < 0 ? -errno : 0;
	if (s.pid == 0) {
		if (read(s.pipe[0], &go, 1) == 1 && body)
			body();
		_exit(0);
	}
	if (!err) {
		err = look(&s);
		finish(s.pid);
	}
	close(s.pipe[0]);
	close(s.pipe[1]);
	return err;
}

/* Seizes the child, and leaves it stopped. */
static int seize(pid_t pid)
{
	int status, err;

	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP) < 0 ||
	    ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0)
		return -errno;
	err = await(pid, &status);
	if (err)
		return err;
	return WIFSTOPPED(status) ? 0 : -ECHILD;
}

/*
 * Tracing
 */

static int look_ptrace(const struct subject *s)
{
	struct user_regs_struct regs;
	struct __ptrace_syscall_info info;
	int err = seize(s->pid);

	if (err)
		return err;
	if (ptrace(PTRACE_GETREGS, s->pid, 0, &regs) < 0 || ptrace(PTRACE_SETREGS, s->pid, 0, &regs) < 0 ||
	    ptrace(PTRACE_GET_SYSCALL_INFO, s->pid, sizeof(info), &info) < 0)
		return -errno;
	return 0;
}

int probe_ptrace(void)
{
	return with_child(NULL, look_ptrace);
}

static void filter_and_call(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { countof(code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) == 0)
		syscall(SYS_getpgid, 0);
	else
		_exit(errno);
}

static int look_filter(const struct subject *s)
{
	int err = seize(s->pid), status;

	if (err)
		return err;
	if (ptrace(PTRACE_CONT, s->pid, 0, 0) < 0 || write(s->pipe[1], "", 1) != 1)
		return -errno;
	err = await(s->pid, &status);
	if (err)
		return err;
	if (WIFEXITED(status) && WEXITSTATUS(status))
		return -WEXITSTATUS(status);
	return status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8) ? 0 : -ENOTRECOVERABLE;
}

int probe_trace_filter(void)
{
	return with_child(filter_and_call, look_filter);
}

/*
 * Memory and descriptors of a child; it has our addresses, being forked
 */

static const volatile uint64_t constant = 0x1122334455667788;

static int look_mem_write(const struct subject *s)
{
	const uint64_t wanted = 42;
	uint64_t is = 0;
	char *path = xasprintf("/proc/%d/mem", (int)s->pid);
	int err = seize(s->pid), fd = err ? -1 : open(path, O_RDWR | O_CLOEXEC);

	free(path);
	if (fd < 0)
		return err ? err : -errno;
	if (pwrite(fd, &wanted, sizeof(wanted), (off_t)&constant) != sizeof(wanted) ||
	    pread(fd, &is, sizeof(is), (off_t)&constant) != sizeof(is))
		err = -errno;
	else if (is != wanted)
		err = -ENOTRECOVERABLE;
	close(fd);
	return err;
}

int probe_mem_write(void)
{
	return with_child(NULL, look_mem_write);
}

static int look_vm_read(const struct subject *s)
{
	uint64_t is = 0;
	struct iovec local = { &is, sizeof(is) }, remote = { (void *)&constant, sizeof(constant) };
	int err = seize(s->pid);

	if (err)
		return err;
	if (process_vm_readv(s->pid, &local, 1, &remote, 1, 0) != sizeof(is))
		return -errno;
	return is == constant ? 0 : -ENOTRECOVERABLE;
}

int probe_vm_read(void)
{
	return with_child(NULL, look_vm_read);
}

static int look_getfd(const struct subject *s)
{
	int err = seize(s->pid), pidfd, fd;

	if (err)
		return err;
	pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0);
	if (pidfd < 0)
		return -errno;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, s->pipe[0], 0);
	err = fd < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	close(pidfd);
	return err;
}

int probe_getfd(void)
{
	return with_child(NULL, look_getfd);
}

/*
 * Instructions that trap
 */

static void on_trap(int sig)
{
	(void)sig;
	_exit(TRAPPED);
}

static int tsc_body(void)
{
	signal(SIGSEGV, on_trap);
	if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) < 0)
		return errno;
	__builtin_ia32_rdtsc();
	return 0;
}

static int cpuid_body(void)
{
	unsigned int a = 0, b, c, d;

	signal(SIGSEGV, on_trap);
	if (syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0) < 0)
		return errno;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	return 0;
}

static int traps(int (*body)(void))
{
	int got = ask_child(body);

	if (got == TRAPPED || got < 0)
		return got < 0 ? got : 0;
	return got ? -got : -ENOTRECOVERABLE;
}

int probe_tsc(void)
{
	return traps(tsc_body);
}

int probe_cpuid(void)
{
	return traps(cpuid_body);
}

/*
 * The rest
 */

int probe_memfd(uint64_t size)
{
	int fd = memfd_create("tandem-doctor", MFD_CLOEXEC), err = 0;
	char *p;

	if (fd < 0)
		return -errno;
	p = ftruncate(fd, (off_t)size) < 0 ? MAP_FAILED :
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		err = -errno;
	else
		munmap(p, size);
	close(fd);
	return err;
}

/* The least program: its code, in the ELF header's own page, is exit(TRAPPED). */
struct tiny {
	struct { unsigned char ident[16]; uint16_t type, machine; uint32_t version; uint64_t entry, phoff, shoff;
		 uint32_t flags; uint16_t ehsize, phsize, phnum, shsize, shnum, shstr; } eh;
	struct { uint32_t type, flags; uint64_t offset, vaddr, paddr, filesz, memsz, align; } ph;
	unsigned char code[12];
};
_Static_assert(offsetof(struct tiny, code) == 120, "as the kernel reads it");

static const struct tiny tiny = {
	{ { 0x7f, 'E', 'L', 'F', 2, 1, 1 }, 2, 62, 1, 0x400000 + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0 },
	{ 1, 5, 0, 0x400000, 0x400000, sizeof(tiny), sizeof(tiny), 4096 },
	{ 0xbf, TRAPPED, 0, 0, 0, 0xb8, SYS_exit, 0, 0, 0, 0x0f, 0x05 },
};

static int memfd_exec_body(void)
{
	char *argv[] = { "tiny", NULL }, *envp[] = { NULL };
	int fd = memfd_create("tandem-doctor", MFD_CLOEXEC | MFD_EXEC);

	/* Kernels before 6.3 do not know MFD_EXEC, and allow it anyway. */
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("tandem-doctor", MFD_CLOEXEC);
	if (fd < 0 || write(fd, &tiny, sizeof(tiny)) != sizeof(tiny))
		return errno;
	syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
	return errno;
}

int probe_memfd_exec(void)
{
	return traps(memfd_exec_body);
}

static int user_namespace_body(void)
{
	return unshare(CLONE_NEWUSER) < 0 ? errno : 0;
}

int probe_user_namespace(void)
{
	int got = ask_child(user_namespace_body);

	return got > 0 ? -got : got;
}

int probe_counters(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_HARDWARE, .size = sizeof(attr),
					.config = PERF_COUNT_HW_BRANCH_INSTRUCTIONS, .exclude_kernel = 1 };
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

struct ball {
	_Atomic uint32_t turn;          /* even: the first child's, odd: the second's */
	_Atomic uint32_t here;          /* children that are on their cores */
	uint64_t ns;                    /* written by the first child when it is done */
};

enum { WARM_UP = 2000, ROUNDS = 20000 };

static int play(struct ball *b, int core, uint32_t me)
{
	cpu_set_t set;
	uint64_t start = 0;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		return 1;
	atomic_fetch_add(&b->here, 1);
	while (atomic_load(&b->here) < 2)
		;
	for (uint32_t i = 0; i < WARM_UP + ROUNDS; i++) {
		if (i == WARM_UP)
			start = now_mono();
		while (atomic_load_explicit(&b->turn, memory_order_acquire) != 2 * i + me)
			;
		atomic_store_explicit(&b->turn, 2 * i + me + 1, memory_order_release);
	}
	if (me == 0)
		b->ns = now_mono() - start;
	return 0;
}

int probe_round_trip(int core1, int core2, uint64_t *ret_ns)
{
	const int cores[2] = { core1, core2 };
	struct ball *b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid[2];
	int status[2] = { -1, -1 }, err = 0;

	if (b == MAP_FAILED)
		return -errno;
	for (uint32_t i = 0; i < 2; i++) {
		pid[i] = spawn();
		if (pid[i] == 0)
			_exit(play(b, cores[i], i));
		if (pid[i] < 0)
			err = -errno;
	}
	for (int i = 0; i < 2; i++) {
		if (pid[i] < 0)
			continue;
		if (err || (err = await(pid[i], &status[i])))
			finish(pid[i]);
		else if (status[i])
			err = -ENOTRECOVERABLE;
	}
	if (!err)
		*ret_ns = b->ns / ROUNDS;
	munmap(b, sizeof(*b));
	return err;
}
