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
	struct user_regs_struct during;
	int err;

	if ((err = task_regs(t)))
		return err;
	during = t->regs;
	during.orig_rax = SYS_rt_sigsuspend;
	during.rdi = mask;
	during.rsi = 8;
	return task_interrupt_call(m, t, info, result, &during);
}

int shield_deliver_in_call(struct monitor *m, struct task *t, const siginfo_t *info, int64_t result)
{
	uint64_t mask = t->row->who & MASKS ? sleeping_mask(t) : 0;

	if (mask && (result == -EINTR || (result <= -512 && result >= -516)))
		return deliver_suspended(m, t, info, result, mask);
	return task_deliver_at_call(m, t, info, result);
}
