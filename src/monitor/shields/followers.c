/* followers.c - what only followers' monitors do about a source. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/shields/shields.h"

bool shield_is_own_id(uint32_t nr)
{
	return nr == SYS_getpid || nr == SYS_gettid || nr == SYS_getppid || nr == SYS_set_tid_address;
}

/* The mask under which a call sleeps: 0 where it has none. */
static uint64_t sleeping_mask(struct task *t)
{
	uint64_t pair[2];

	switch (t->nr) {
	case SYS_rt_sigsuspend: return t->args[0];
	case SYS_ppoll:         return t->args[3];
	case SYS_epoll_pwait:
	case 441:               return t->args[4];
	case SYS_pselect6:
		if (t->args[5] && guest_read(t, t->args[5], pair, sizeof(pair)) == 0)
			return pair[0];
	}
	return 0;
}

/* The kernel restores the mask from before the call when the handler is set up, and writes it into the
 * signal frame: only a call that really sleeps with a mask gets that right. rt_sigsuspend is the
 * plainest one, and returns at once, since the signal is pending. */
static int deliver_suspended(struct monitor *m, struct task *t, const siginfo_t *info, int64_t result,
                             uint64_t mask)
{
	struct user_regs_struct want;
	int err, status;

	if ((err = task_regs(t)))
		return err;
	want = t->regs;
	t->regs.orig_rax = SYS_rt_sigsuspend;
	t->regs.rdi = mask;
	t->regs.rsi = 8;
	if ((err = task_set_regs(t)))
		return err;
	if (syscall(SYS_tgkill, t->p->pid, t->tid, info->si_signo) < 0)
		return -errno;
	do {
		if ((err = task_resume(t, PTRACE_CONT, 0)) || (err = task_wait(m, t, &status)))
			return err;
	} while (status >> 16 || WSTOPSIG(status) != info->si_signo);
	if ((err = task_regs(t)))
		return err;
	want.rax = result;
	if (result > -512 || result < -516)
		want.orig_rax = -1;
	want.rcx = t->regs.rcx;
	want.r11 = t->regs.r11;
	t->regs = want;
	if ((err = task_set_regs(t)))
		return err;
	return task_set_siginfo(t, info);
}

int shield_deliver_in_call(struct monitor *m, struct task *t, const siginfo_t *info, int64_t result)
{
	uint64_t mask = t->row->who & MASKS ? sleeping_mask(t) : 0;

	if (mask && (result == -EINTR || (result <= -512 && result >= -516)))
		return deliver_suspended(m, t, info, result, mask);
	return task_deliver_at_call(m, t, info, result);
}
