/* leader_filters.c - the program's own seccomp filters, applied to the leader's calls: see shields/filters.h.
 *
 * What a filter refuses is answered here, and published as any call that tandem answers; what it traps on becomes a
 * signal on the way out of that call; what it kills for ends the task as the kernel would. Two things are refused:
 * supervisors (SECCOMP_FILTER_FLAG_NEW_LISTENER), and with them SECCOMP_RET_USER_NOTIF.
 */
#define _GNU_SOURCE
#include <linux/audit.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/proc.h"
#include "monitor/leader.h"
#include "monitor/publish.h"
#include "monitor/shields/filters.h"
#include "monitor/shields/shields.h"

/* To Linux 6.18: TSYNC, LOG, SPEC_ALLOW, NEW_LISTENER, TSYNC_ESRCH, WAIT_KILLABLE_RECV. */
#define FLAGS_KNOWN   0x3fu
#define WAIT_KILLABLE 0x20u    /* SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV */
#define LENGTH_MAX    32768u
#define SYS_SECCOMP_CODE 1     /* siginfo's si_code, SYS_SECCOMP in the kernel's headers */

/* ---- installing ---- */

/* Who may set a filter: whoever cannot gain privileges by an exec any more, or has them all. */
static bool may_install(const struct task *t)
{
	char text[PROC_STATUS_MAX];
	const char *caps, *no_new;

	proc_text(t->tid, "status", text, sizeof(text));
	caps = proc_line(text, "CapEff");
	no_new = proc_line(text, "NoNewPrivs");
	return (no_new && strtoul(no_new, NULL, 10)) || (caps && strtoull(caps, NULL, 16) >> 21 & 1 /* CAP_SYS_ADMIN */);
}

/* Whether c is another thread of t's process that still lives. */
static bool is_sibling(const struct task *c, const struct task *t)
{
	return c != t && c->p == t->p && !c->dying && c->phase != LEAD_EXITING;
}

/* The first of the process's other threads whose filters are not among t's, or NULL. */
static struct task *out_of_step(struct monitor *m, struct task *t)
{
	for (struct task *c = NULL; (c = task_next(m, c));)
		if (is_sibling(c, t) && (c->strict || !filter_descends(t->filter, c->filter)))
			return c;
	return NULL;
}

static void synchronize(struct monitor *m, struct task *t)
{
	for (struct task *c = NULL; (c = task_next(m, c));) {
		if (!is_sibling(c, t))
			continue;
		filter_put(c->filter);
		c->filter = filter_get(t->filter);
	}
}

static int64_t install(struct monitor *m, struct task *t, uint64_t flags, uint64_t addr)
{
	struct sock_filter insn[BPF_MAXINSNS];
	struct sock_fprog prog;
	struct task *other;

	if (flags & ~(uint64_t)FLAGS_KNOWN || t->strict ||
	    (flags & WAIT_KILLABLE && !(flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)))
		return -EINVAL;
	if (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) {
		t->call_flags |= EVF_REFUSED;
		return -EINVAL;
	}
	if (guest_read(t, addr, &prog, sizeof(prog)))
		return -EFAULT;
	if (!prog.len || prog.len > BPF_MAXINSNS)
		return -EINVAL;
	if (!may_install(t))
		return -EACCES;
	if (guest_read(t, (uint64_t)prog.filter, insn, prog.len * sizeof(*insn)))
		return -EFAULT;
	if (!filter_valid(insn, prog.len))
		return -EINVAL;
	if (filter_length(t->filter) + prog.len > LENGTH_MAX)
		return -ENOMEM;
	if (flags & SECCOMP_FILTER_FLAG_TSYNC && (other = out_of_step(m, t)))
		return flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH ? -ESRCH : other->leader_tid;
	t->filter = filter_new(t->filter, insn, prog.len);
	if (flags & SECCOMP_FILTER_FLAG_TSYNC)
		synchronize(m, t);
	return 0;
}

static int64_t set_strict(struct task *t)
{
	if (t->filter)
		return -EINVAL;
	t->strict = true;
	return 0;
}

/* What i386 calls seccomp and prctl. Their structures have other pointers; who would need them here? */
#define SYS32_PRCTL   172u
#define SYS32_SECCOMP 354u

/* Numbers as wide as the kernel takes them: what stands above is nothing to it. */
bool lead_seccomp_call(struct monitor *m, struct task *t, int64_t *ret)
{
	uint32_t op = t->args[0];
	bool seccomp = t->nr == SYS_seccomp, prctl = t->nr == SYS_prctl;

	if (t->call_flags & EVF_INT80) {
		if (!(t->nr == SYS32_SECCOMP && op <= SECCOMP_SET_MODE_FILTER) &&
		    !(t->nr == SYS32_PRCTL && op == PR_SET_SECCOMP))
			return false;
		t->call_flags = (t->call_flags & ~EVF_UNKNOWN) | EVF_REFUSED;
		*ret = -EINVAL;
		return true;
	}
	if (seccomp && op == SECCOMP_SET_MODE_FILTER)
		*ret = install(m, t, (uint32_t)t->args[1], t->args[2]);
	else if (seccomp && op == SECCOMP_SET_MODE_STRICT)
		*ret = (uint32_t)t->args[1] || t->args[2] ? -EINVAL : set_strict(t);
	else if (prctl && op == PR_SET_SECCOMP && t->args[1] == SECCOMP_MODE_FILTER)
		*ret = install(m, t, 0, t->args[2]);
	else if (prctl && op == PR_SET_SECCOMP)
		*ret = t->args[1] == SECCOMP_MODE_STRICT ? set_strict(t) : -EINVAL;
	else if (prctl && op == PR_GET_SECCOMP)
		*ret = t->filter ? SECCOMP_MODE_FILTER : t->strict ? SECCOMP_MODE_STRICT : SECCOMP_MODE_DISABLED;
	else
		return false;
	return true;
}

/* ---- applying ---- */

static bool strict_allows(const struct __ptrace_syscall_info *info)
{
	if (info->arch == AUDIT_ARCH_X86_64)
		return info->seccomp.nr == SYS_read || info->seccomp.nr == SYS_write || info->seccomp.nr == SYS_exit ||
		       info->seccomp.nr == SYS_rt_sigreturn;
	return info->seccomp.nr == 3 || info->seccomp.nr == 4 || info->seccomp.nr == 1 || info->seccomp.nr == 119;
}

static uint32_t verdict(const struct task *t, const struct __ptrace_syscall_info *info)
{
	struct seccomp_data data = {.nr = (int)info->seccomp.nr, .arch = info->arch,
	                            .instruction_pointer = info->instruction_pointer};

	if (t->strict)
		return strict_allows(info) ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_THREAD;
	memcpy(data.args, info->seccomp.args, sizeof(data.args));
	return filter_verdict(t->filter, &data);
}

static void sigsys(const struct __ptrace_syscall_info *info, uint32_t reason, siginfo_t *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->si_signo = SIGSYS;
	ret->si_code = SYS_SECCOMP_CODE;
	ret->si_errno = reason;
	ret->si_call_addr = (void *)info->instruction_pointer;
	ret->si_syscall = info->seccomp.nr;
	ret->si_arch = info->arch;
}

/* SIGSYS's handler can be taken away by the task alone, with a call that needs memory: below its stack pointer, or
 * where there is none, at the top of the first stack. */
static int default_action(struct monitor *m, struct task *t, int sig)
{
	static const uint64_t action[4];
	const uint64_t place[2] = {(t->regs.rsp - 512) & ~15ull, t->p->mm->stack_end - 64};
	uint64_t old[4], gadget = t->p->mm->vdso + vdso_info()->syscall_offset;
	int64_t result;
	int err = -EFAULT;

	for (int i = 0; i < 2 && err; i++) {
		if (guest_read(t, place[i], old, sizeof(old)) || guest_write(t, place[i], action, sizeof(action)))
			continue;
		err = remote_call(m, t, gadget, &result, SYS_rt_sigaction, sig, place[i], 0, 8, 0, 0);
		/* Another process may share the memory. */
		guest_write(t, place[i], old, sizeof(old));
		err = err ? err : (int)result;
	}
	t->regs.orig_rax = -1;
	return err ? err : task_set_regs(t);
}

/* No handler and no mask saves a process here. */
static int die_of(struct monitor *m, struct task *t, const siginfo_t *info)
{
	static const uint64_t none;
	int err;

	if ((err = task_regs(t)) || (err = default_action(m, t, info->si_signo)))
		return err;
	if (ptrace(PTRACE_SETSIGMASK, t->tid, sizeof(none), &none) < 0)
		return -errno;
	if ((err = task_signal_stop(m, t, info->si_signo)) || (err = task_set_siginfo(t, info)))
		return err;
	t->phase = LEAD_USER;
	return task_resume(t, PTRACE_CONT, info->si_signo);
}

/* Only this thread ends; its process does not notice. */
static void end_thread(struct task *t, int sig)
{
	t->regs.orig_rax = SYS_exit;
	t->regs.rdi = sig;
	task_set_regs(t);
	t->phase = LEAD_EXITING;
	task_resume(t, PTRACE_CONT, 0);
}

static bool has_siblings(struct monitor *m, struct task *t)
{
	for (struct task *c = NULL; (c = task_next(m, c));)
		if (is_sibling(c, t))
			return true;
	return false;
}

static void kill_task(struct monitor *m, struct task *t, const siginfo_t *info, bool process)
{
	if (task_regs(t))
		return;
	if (!t->entered_published)
		publish_call(m, t, EV_ENTER, 0, 0);
	t->entered_published = true;
	if (!process && has_siblings(m, t)) {
		end_thread(t, t->strict ? SIGKILL : SIGSYS);
		return;
	}
	if (!t->strict && die_of(m, t, info) == 0)
		return;
	kill(t->p->pid, SIGKILL);
	t->phase = LEAD_EXITING;
	task_resume(t, PTRACE_CONT, 0);
}

static void trap(struct monitor *m, struct task *t, const siginfo_t *info)
{
	struct sig_state s;

	if (task_regs(t))
		return;
	if (task_sig_state(t, &s) || !(s.caught & ~s.blocked & sig_bit(SIGSYS))) {
		lead_publish_result(m, t, t->nr, EVF_ANSWERED | EVF_SKIPPED);
		lead_publish_signal(m, t, info, 0);
		if (die_of(m, t, info)) {
			kill(t->p->pid, SIGKILL);
			task_resume(t, PTRACE_CONT, 0);
		}
		return;
	}
	lead_publish_result(m, t, t->nr, EVF_ANSWERED | EVF_SKIPPED);
	lead_deliver_at_call(m, t, info, EVF_INCALL, t->nr);
}

/* What the program's filters say of the call: it runs, it is answered with *ret_answer, or (FILTER_ENDS) *ret_action
 * is to be done, and *ret_info says why. */
static enum lead_filtered decide(struct task *t, const struct __ptrace_syscall_info *info, int64_t *ret_answer,
                                 uint32_t *ret_action, siginfo_t *ret_info)
{
	uint32_t v = t->filter || t->strict ? verdict(t, info) : SECCOMP_RET_ALLOW;

	*ret_action = v & SECCOMP_RET_ACTION_FULL;
	switch (*ret_action) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG:
		return FILTER_PASSES;
	case SECCOMP_RET_ERRNO:
		*ret_answer = -(int64_t)min_of(v & SECCOMP_RET_DATA, 4095u);
		return FILTER_ANSWERS;
	case SECCOMP_RET_TRACE:
	case SECCOMP_RET_USER_NOTIF:
		/* Nobody is there to ask. */
		*ret_answer = -ENOSYS;
		return FILTER_ANSWERS;
	default:
		sigsys(info, v & SECCOMP_RET_DATA, ret_info);
		return FILTER_ENDS;
	}
}

enum lead_filtered lead_filter(struct monitor *m, struct task *t, const struct __ptrace_syscall_info *info,
                               int64_t *ret_answer)
{
	enum lead_filtered what;
	uint32_t action;
	siginfo_t si;

	if (shield_vdso_alone(t))
		return FILTER_PASSES;
	what = decide(t, info, ret_answer, &action, &si);
	/* What does not run needs not be known. */
	if (what != FILTER_PASSES)
		t->call_flags &= ~EVF_UNKNOWN;
	if (what == FILTER_ENDS && action == SECCOMP_RET_TRAP)
		trap(m, t, &si);
	else if (what == FILTER_ENDS)
		kill_task(m, t, &si, action != SECCOMP_RET_KILL_THREAD);
	return what;
}

void lead_filter_foreign(struct monitor *m, struct task *t, const struct __ptrace_syscall_info *info)
{
	enum lead_filtered what;
	uint32_t action;
	int64_t result;
	siginfo_t si;

	what = decide(t, info, &result, &action, &si);
	if (what == FILTER_ANSWERS && task_regs(t) == 0) {
		t->regs.orig_rax = -1;
		t->regs.rax = result;
		task_set_regs(t);
	} else if (what == FILTER_ENDS && action == SECCOMP_RET_TRAP &&
	           task_deliver_at_call(m, t, &si, info->seccomp.nr) == 0) {
		t->phase = LEAD_USER;
		task_resume(t, PTRACE_CONT, SIGSYS);
		return;
	} else if (what == FILTER_ENDS) {
		kill(t->p->pid, SIGKILL);
	}
	lead_go_user(t);
}
