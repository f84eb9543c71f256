/* launch.c - forking a version's root: seized, filtered, and stopped fresh from its exec. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/monitor.h"

#define OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | \
                 PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL)

/* Every call traps: what the table says of it is the monitor's business. The data tells which table of
 * numbers it is of. Fail closed: no instruction address, no number is let through. */
static int install_filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 2),
	};
	struct sock_fprog prog = {countof(code), code};

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) == 0)
		return 0;
	/* An ordinary user has to give up setuid programs first; under ptrace they would not work anyway. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0 ? -errno : 0;
}

/* What tandem changed for itself goes back to what the user had given it. */
static void restore_signals(const struct config *cfg)
{
	for (int sig = 1; sig < NSIG; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			signal(sig, cfg->ignored & sig_bit(sig) ? SIG_IGN : SIG_DFL);
	sigprocmask(SIG_SETMASK, &cfg->sigmask, NULL);
}

static void restore_limits(const struct config *cfg)
{
	for (int i = 0; i < CONFIG_LIMITS; i++)
		if (cfg->limited[i])
			setrlimit(config_limits[i], &cfg->limit[i]);
}

/* What the child tells when it fails. */
struct failure { int err; char why[96]; };

static _Noreturn void child_main(struct monitor *m, int gate, int error)
{
	const struct version_spec *spec = &m->cfg->spec[m->version];
	const char *path = spec->path;
	bool rebuilt = m->version && !spec->other && !m->cfg->start_main;
	static char stub[64];
	struct failure f = {0, ""};
	ssize_t n;
	char byte;

	while ((n = read(gate, &byte, 1)) < 0 && errno == EINTR)
		;
	/* Nobody traces us: who was about to is gone. Behind the filter not even the end of a process is a call that works then. */
	if (n != 1)
		_exit(EXIT_TANDEM);
	if (rebuilt) {
		/* Its monitor puts the leader's image in place of this program before it runs. */
		snprintf(stub, sizeof(stub), "/proc/%d/exe", getppid());
		path = stub;
	}
	/* A follower holds nothing of the leader's: no descriptor, no directory, no terminal's group. */
	if (m->version) {
		int keep = fcntl(error, F_DUPFD_CLOEXEC, 3);

		if (keep != 3) {
			dup3(error, 3, O_CLOEXEC);
			keep = 3;
		}
		error = keep;
		setpgid(0, 0);
		syscall(SYS_close_range, 0, 2, 0);
		syscall(SYS_close_range, 4, ~0u, 0);
		if (rebuilt)
			(void)!chdir("/");
	}
	restore_signals(m->cfg);
	/* What limited the recorded program is in its calls; who replays it may have other limits. */
	if (!m->cfg->replaying)
		restore_limits(m->cfg);
	if (!(m->cfg->exposed & SRC_TSC) && m->tsc_traps)
		prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0);
	f.err = install_filter();
	if (f.err) {
		snprintf(f.why, sizeof(f.why), "seccomp filters (needed beside ptrace) do not work here");
	} else {
		execve(path, spec->argv, spec->envp);
		f.err = -errno;
	}
	(void)!write(error, &f, sizeof(f));
	_exit(EXIT_CANNOT_EXEC);
}

int launch(struct monitor *m, struct task **ret)
{
	int gate[2], error[2], err;
	struct task *t;
	pid_t pid;

	if (pipe2(gate, O_CLOEXEC) < 0 || pipe2(error, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		close(gate[1]);
		child_main(m, gate[0], error[1]);
	}
	close(gate[0]);
	close(error[1]);
	m->exec_error = error[0];
	if (ptrace(PTRACE_SEIZE, pid, 0, OPTIONS) < 0) {
		err = -errno;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		close(gate[1]);
		return err;
	}
	(void)!write(gate[1], "", 1);
	close(gate[1]);
	t = task_new(m, pid, process_new(pid, mm_new(m, pid)));
	task_use_mm(t, t->p->mm);
	t->state = TASK_RUNNING;
	m->root = t->p;
	*ret = t;
	return 0;
}

int launch_to_exec(struct monitor *m, struct task *t, const char **ret_why)
{
	struct failure f = {0, ""};
	int status, how = PTRACE_CONT, sig;
	bool execed = false;

	for (;;) {
		if (waitpid(t->tid, &status, __WALL) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			static char why[sizeof(f.why)];

			/* Too late for an error, the old image was gone: the kernel has killed it. A file that ends too soon. */
			if (read(m->exec_error, &f, sizeof(f)) != sizeof(f))
				f.err = WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV ? -ENOEXEC : -ECHILD;
			close(m->exec_error);
			memcpy(why, f.why, sizeof(why));
			*ret_why = why;
			return f.err;
		}
		t->state = TASK_STOPPED;
		t->regs_valid = false;
		sig = 0;
		if (status >> 16 == PTRACE_EVENT_EXEC) {
			execed = true;
			how = PTRACE_SYSCALL;
		} else if (status >> 8 == (SIGTRAP | 0x80)) {
			if (execed)
				break;
			how = PTRACE_CONT;
		} else if (status >> 16 == PTRACE_EVENT_SECCOMP) {
			struct user_regs_struct r;

			ptrace(PTRACE_GETREGS, t->tid, 0, &r);
			/* Straight to the exit stop of the exec: nothing of the program may run before. */
			how = r.orig_rax == SYS_execve ? PTRACE_SYSCALL : PTRACE_CONT;
		} else if (status >> 16 == 0 && (!m->version || WSTOPSIG(status) == SIGSEGV)) {
			sig = WSTOPSIG(status);
		}
		task_resume(t, how, sig);
	}
	close(m->exec_error);
	t->p->execed = true;
	return 0;
}
