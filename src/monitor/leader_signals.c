/* leader_signals.c - signals on their way to the leader's tasks: see leader.h.
 *
 * A signal that has a handler is delivered where the place is the same in every version: on the way out of a call, or
 * at the entry of the next one. Until then it is held here. All others act at once, as without tandem.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/proc.h"
#include "monitor/leader.h"
#include "monitor/publish.h"
#include "monitor/shields/shields.h"
#include "monitor/start.h"

/* A signal for a task that makes no call is held so long; where followers cannot be put at a point, much longer, and of
 * the task's CPU time: on a busy machine it only comes to its next call later. */
#define HOLD_NS    5000000u
#define HOLD_LONG_NS 1000000000u
/* One that has made no call for so long is not expected to make one. */
#define COMPUTES_NS 500000u
/* A thread that is to stop goes on to its next call, but no longer than this. */
#define STOP_NS    20000000u

static bool caught(struct task *t, int sig, struct sig_state *s)
{
	if (task_sig_state(t, s))
		return false;
	return s->caught & sig_bit(sig);
}

static bool is_ignored(const struct sig_state *s, int sig)
{
	return s->ignored & sig_bit(sig) || (sig_default_ignores(sig) && !(s->caught & sig_bit(sig)));
}

void lead_publish_signal(struct monitor *m, struct task *t, const siginfo_t *info, uint32_t flags)
{
	struct event *e;

	if (task_regs(t))
		return;
	e = publish_begin(m, t, EV_SIGNAL, flags);
	e->call = info->si_signo;
	publish_part(m, PART_SIGINFO, 0, 0, info, sizeof(*info));
	publish_context(m, t);
	publish_end(m, t);
}

void lead_refresh_mask(struct task *t)
{
	task_sigmask(t, &t->sigmask);
}

/* The first held signal that is not blocked now, taken off the list. */
bool lead_take_held(struct task *t, siginfo_t *ret)
{
	uint64_t mask = 0;

	if (!t->held)
		return false;
	task_sigmask(t, &mask);
	for (struct held_signal **at = &t->held; *at; at = &(*at)->next) {
		struct held_signal *h = *at;

		if (mask & sig_bit(h->info.si_signo))
			continue;
		*at = h->next;
		*ret = h->info;
		free(h);
		return true;
	}
	return false;
}

void lead_deliver_at_call(struct monitor *m, struct task *t, const siginfo_t *info, uint32_t flags, int64_t result)
{
	task_regs(t);
	lead_publish_signal(m, t, info, flags | EVF_HANDLER | EVF_RUNS);
	if (task_deliver_at_call(m, t, info, result))
		return;
	t->phase = LEAD_USER;
	t->mask_stale = true;
	task_resume(t, PTRACE_CONT, info->si_signo);
}

/* t stands at a call that it is about to make, or that is skipped already: the handler runs first, then the call. */
void lead_deliver_before_call(struct monitor *m, struct task *t, const siginfo_t *info)
{
	lead_deliver_at_call(m, t, info, 0, -513);
}

static void on_fault(struct monitor *m, struct task *t, const siginfo_t *info)
{
	struct sig_state s;
	bool handled = caught(t, info->si_signo, &s) && !(t->sigmask & sig_bit(info->si_signo));

	lead_publish_signal(m, t, info, EVF_FAULT | (handled ? EVF_HANDLER | EVF_RUNS : 0));
	t->phase = LEAD_USER;
	t->mask_stale = true;
	task_resume(t, PTRACE_CONT, info->si_signo);
}

/* ---- writes that an ignored signal cuts short ---- */

/* Without ptrace the kernel drops an ignored signal at once. Here it wakes the task first, and a write that sleeps comes
 * back with what it has got rid of so far: a program without handlers expects no such thing. So it goes on with the rest,
 * and there is one call, as the program made it. */

static bool only_ignored(const struct sig_state *s)
{
	uint64_t due = s->pending & ~s->blocked;

	for (int sig = 1; sig <= 64; sig++)
		if (due & sig_bit(sig) && !is_ignored(s, sig))
			return false;
	return due;
}

/* Whether writes to the descriptor sleep until all is written. */
static bool writes_all(const struct task *t, int fd)
{
	char name[32], text[256];
	const char *flags;
	struct stat st;

	if (!task_stat_fd(t, fd, &st) || !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || S_ISCHR(st.st_mode)))
		return false;
	snprintf(name, sizeof(name), "fdinfo/%d", fd);
	proc_text(t->tid, name, text, sizeof(text));
	return (flags = proc_line(text, "flags")) && !(strtoul(flags, NULL, 8) & O_NONBLOCK);
}

bool lead_woken_for_nothing(struct task *t)
{
	struct sig_state s;

	if (task_sig_state(t, &s))
		return false;
	return s.pending & ~s.blocked ? only_ignored(&s) : t->p->ignored_at >= t->entered;
}

/* Vectors of so many parts are gone on with. */
#define PARTS_MAX 64

static bool is_write(const struct task *t)
{
	return !(t->call_flags & EVF_INT80) &&
	       (t->nr == SYS_write || t->nr == SYS_sendto || (t->nr == SYS_writev && t->args[2] <= PARTS_MAX));
}

/* How many bytes t's call is to write. `v`: those of a writev; *ret_parts of them. */
static uint64_t to_write(struct task *t, struct iovec *v, int *ret_parts)
{
	uint64_t all = 0;

	if (t->nr != SYS_writev)
		return t->args[2];
	*ret_parts = t->args[2];
	if (guest_read(t, t->args[1], v, t->args[2] * sizeof(*v)))
		return 0;
	for (int i = 0; i < *ret_parts; i++)
		all += v[i].iov_len;
	return all;
}

/* The rest of the vector, for a writev that goes on. */
static bool lend_rest(struct task *t, struct iovec *v, int parts)
{
	uint64_t skip = t->written, at;

	for (; parts && skip >= v->iov_len; v++, parts--)
		skip -= v->iov_len;
	if (!parts)
		return false;
	v->iov_base = (char *)v->iov_base + skip;
	v->iov_len -= skip;
	if (task_lend(t, v, parts * sizeof(*v), &at))
		return false;
	t->regs.rsi = at;
	t->regs.rdx = parts;
	return true;
}

static bool was_cut(struct task *t, int64_t result, uint64_t all)
{
	if (t->written >= min_of(all, 0x7ffff000ull) || (result < 0 && result != -512))
		return false;
	if (t->nr == SYS_sendto && t->args[3] & MSG_DONTWAIT)
		return false;
	return lead_woken_for_nothing(t) && writes_all(t, t->args[0]);
}

bool lead_write_on(struct task *t, int64_t *result)
{
	struct iovec v[PARTS_MAX];
	uint64_t all;
	int parts = 0;

	if (!is_write(t) || (*result <= 0 && !t->written))
		return false;
	all = to_write(t, v, &parts);
	if (!t->written && *result >= (int64_t)all)
		return false;
	t->written += max_of(*result, (int64_t)0);
	if (was_cut(t, *result, all) && (!parts || lend_rest(t, v, parts))) {
		if (!parts) {
			t->regs.rsi = t->args[1] + t->written;
			t->regs.rdx = t->args[2] - t->written;
		}
		t->patched_args |= 2 | 4;
		task_make_again(t, t->regs.rip - 2, t->nr);
		t->restart_result = -513;
		t->phase = LEAD_RESTART;
		task_resume(t, PTRACE_CONT, 0);
		return true;
	}
	*result = t->regs.rax = t->written;
	t->written = 0;
	task_set_regs(t);
	return false;
}

/* A handler is to run before the rest could be tried. */
static void write_no_more(struct task *t)
{
	if (!t->written || task_regs(t))
		return;
	t->restart_result = t->regs.rax = t->written;
	t->regs.rip += 2;
	t->written = 0;
	shield_args_back(t);
	task_set_regs(t);
}

/* ---- signals in and around calls ---- */

/* The signal that interrupted t's call went to another thread, so the kernel was about to make the call again; and before it
 * did, this one came. Its handler runs as if it had been the one, or the call would be made again where followers are told
 * that it was interrupted. */
static void take_back_restart(struct task *t)
{
	if (t->regs.rip != t->call_ip - 2)
		return;
	t->regs.rip = t->call_ip;
	t->regs.rax = t->restart_result;
	t->regs.orig_rax = t->nr;
	task_set_regs(t);
}

/* What the call that was interrupted returned is known now. */
static void publish_decided(struct monitor *m, struct task *t)
{
	write_no_more(t);
	if (task_regs(t))
		return;
	take_back_restart(t);
	shield_args_back(t);
	lead_publish_result(m, t, t->restart_result, 0);
}

/* Whether t makes no call so soon that a signal had better wait for it. */
static bool computes(const struct monitor *m, const struct task *t)
{
	return lead_points_serve(m) && t->phase == LEAD_USER && t->in_mm && !t->in_mm->pointless &&
	       now_wall() - t->last_at > lead_slice(t, COMPUTES_NS);
}

/* An asynchronous signal with a handler. Only on the way out of a call is the place the same in every
 * version; elsewhere it waits for the next one, unless none is to be expected. */
static void on_handled_signal(struct monitor *m, struct task *t, siginfo_t *info)
{
	uint32_t flags = EVF_HANDLER | EVF_RUNS;
	bool in_call = t->phase == LEAD_RESTART || t->awaits_signal;

	if (!in_call && !(m->cfg->exposed & SRC_SIGNALS) && !computes(m, t)) {
		task_hold_signal(t, info);
		m->deferred_signals++;
		lead_go_user(t);
		return;
	}
	if (t->held) {
		/* Those that came before it come before it. */
		task_hold_signal(t, info);
		if (lead_take_held(t, info))
			task_set_siginfo(t, info);
	}
	if (t->phase == LEAD_RESTART) {
		t->phase = LEAD_USER;
		publish_decided(m, t);
	}
	if (in_call || m->cfg->exposed & SRC_SIGNALS) {
		t->awaits_signal = false;
		t->mask_stale = true;
		lead_publish_signal(m, t, info, flags | (in_call ? EVF_INCALL : 0));
	} else {
		lead_deliver_at_point(m, t, info);
	}
	task_resume(t, PTRACE_CONT, info->si_signo);
}

/* The argument that points at t's call's time-out, from 0; -1: it has none that is a pointer. */
static int timeout_of(const struct task *t)
{
	for (int i = 0; i < t->row->nargs; i++)
		if (t->row->a[i].kind == K_STRUCT && t->row->a[i].set == SHAPE_timespec && t->args[i])
			return i;
	return -1;
}

/* What is left of the time-out of the call that t is about to make again. */
static void shorten_timeout(struct task *t)
{
	int64_t waited = now_wall() - t->entered, left;
	int i = timeout_of(t);
	struct timespec ts;
	uint64_t at;

	if ((t->nr == SYS_epoll_wait || t->nr == SYS_epoll_pwait) && (int)t->args[3] > 0) {
		t->regs.r10 = max_of((int)t->args[3] - waited / 1000000, (int64_t)0);
		t->patched_args |= 8;
	}
	if (i < 0 || guest_read(t, t->args[i], &ts, sizeof(ts)) || ts.tv_sec > INT32_MAX)
		return;
	left = max_of(ts.tv_sec * 1000000000ll + ts.tv_nsec - waited, 0ll);
	ts = (struct timespec){left / 1000000000, left % 1000000000};
	if (task_lend(t, &ts, sizeof(ts), &at))
		return;
	*task_arg(t, i) = at;
	t->patched_args |= 1u << i;
}

/* epoll_wait and its kind return EINTR for a signal that is then ignored; without ptrace the kernel
 * would not even have woken them. The call is made again. */
static void reissue(struct task *t)
{
	if (task_regs(t))
		return;
	shorten_timeout(t);
	task_make_again(t, t->regs.rip - 2, t->nr);
	/* Another signal may follow before it runs: that must not rewind it twice, and if it has a handler the call is
	 * interrupted by it as it would have been. */
	t->restart_result = -514;
}

void lead_on_signal(struct monitor *m, struct task *t, int sig)
{
	struct sig_state s;
	siginfo_t info;

	if (task_siginfo(t, &info) || siginfo_is_end(&info))
		return;
	if (t->p->foreign) {
		if (!insn_give_own(m, t, &info))
			task_resume(t, PTRACE_CONT, sig);
		return;
	}
	if (start_reached(m, t, &info)) {
		publish_begin(m, t, EV_MARK, EVF_RUNS);
		publish_context(m, t);
		publish_end(m, t);
		lead_go_user(t);
		return;
	}
	if (shield_insn_trap(m, t, &info))
		return;
	if (signal_is_fault(&info) && !(lead_is_exec(t->nr) && t->awaits_signal)) {
		on_fault(m, t, &info);
		return;
	}
	if (caught(t, sig, &s)) {
		on_handled_signal(m, t, &info);
		return;
	}
	if (t->phase == LEAD_RESTART && t->restart_result == -EINTR) {
		if (is_ignored(&s, sig)) {
			reissue(t);
		} else {
			t->phase = LEAD_USER;
			publish_decided(m, t);
			lead_publish_run(m, t);
		}
	}
	if (sig != SIGCONT && is_ignored(&s, sig))
		t->p->ignored_at = now_wall();
	lead_publish_signal(m, t, &info, 0);
	task_resume(t, PTRACE_CONT, sig);
}

void lead_reissue(struct task *t)
{
	reissue(t);
	t->phase = LEAD_RESTART;
	task_resume(t, PTRACE_CONT, 0);
}

/* An exec of a file that ends too soon fails when the old image is gone: there is nothing that its error could be returned
 * to, and the kernel ends the task with a signal that no instruction has raised. */
static bool lost_image(const struct task *t)
{
	struct __ptrace_peeksiginfo_args which = {.nr = 8};
	siginfo_t info[8];
	long n = ptrace(PTRACE_PEEKSIGINFO, t->tid, &which, info);

	for (long i = 0; i < n; i++)
		if (info[i].si_signo == SIGSEGV && info[i].si_code == SI_KERNEL)
			return true;
	return false;
}

/* Whether a signal will be delivered on the way out of the call that just returned: only then may
 * followers not run on from here. Looked up only where it is likely, since a look costs 20 µs. */
bool lead_signal_follows(struct task *t, int64_t result)
{
	struct sig_state s;

	switch (t->nr) {
	case SYS_execve: case SYS_execveat:
		return lost_image(t);
	case SYS_kill: case SYS_tkill: case SYS_tgkill: case SYS_rt_sigqueueinfo:
	case SYS_rt_tgsigqueueinfo: case SYS_pidfd_send_signal: case SYS_rt_sigprocmask:
	case SYS_rt_sigreturn: case SYS_timer_settime: case SYS_setitimer: case SYS_mq_timedsend:
		break;
	case SYS_wait4: case SYS_waitid:
		/* The child's SIGCHLD, which a handler has had when the call is back. */
		if (result < 0)
			return false;
		break;
	default:
		if (result != -EPIPE && result != -EFBIG && result != -EINTR)
			return false;
	}
	if (task_sig_state(t, &s))
		return false;
	return s.pending & ~s.blocked & s.caught;
}

void lead_interrupt_held(struct monitor *m, struct task *t, uint64_t now)
{
	if (!t->held || t->phase != LEAD_USER || t->state != TASK_RUNNING || t->awaits_signal || t->p->foreign ||
	    now - t->held->since < HOLD_NS)
		return;
	if (lead_points_serve(m) || task_cpu(t, 0) - t->held->cpu > HOLD_LONG_NS)
		lead_interrupt(t);
}

/* ---- group stops ---- */

/* A process with threads stops where its followers can find the places again: each thread at its next call. The kernel
 * has counted it as stopped by then; its parent does not notice. */

static void publish_stopped(struct monitor *m, struct task *t, int sig, uint32_t flags)
{
	struct event *e = publish_begin(m, t, EV_STOPPED, flags);

	e->call = sig;
	publish_end(m, t);
}

/* It has got to no call in time: it stops at a point, and goes on from there. */
static void stop_in_computing(struct monitor *m, struct task *t)
{
	if (!t->in_mm->pointless && lead_point(m, t)) {
		t->preempted = true;
		m->shared_turns += !lead_points_serve(m);
	} else {
		m->shared_turns++;
		lead_goes(m, t);
	}
	publish_stopped(m, t, t->stops, 0);
	t->stops = 0;
}

void lead_on_group_stop(struct monitor *m, struct task *t, int sig)
{
	if (sig == SIGTRAP) {
		/* Ours: an interrupt, or the end of a group stop. What is held has not had its time yet. */
		if (!t->interrupted)
			for (struct held_signal *h = t->held; h; h = h->next)
				h->since = now_mono();
		t->stops = 0;
		t->stops_here = false;
		lead_on_interrupt(m, t);
		return;
	}
	if (t->phase == LEAD_USER && lead_shares_memory(t) && !t->p->foreign && !t->stops_here) {
		/* In a group that stops, an interrupt of ours looks like this as well. */
		t->interrupted = t->preempts = t->looks = false;
		t->stops_since = t->stops ? t->stops_since : now_mono();
		t->stops = sig;
		task_resume(t, PTRACE_CONT, 0);
		return;
	}
	if (t->stops)
		stop_in_computing(m, t);
	else if (!t->stops_here && !t->p->foreign)
		publish_stopped(m, t, sig, 0);
	task_resume(t, PTRACE_LISTEN, 0);
	t->state = TASK_STOPPED;
	if (t->in_mm && t->in_mm->dom->turn == t)
		lead_pass_turn(m, t->in_mm->dom);
}

bool lead_stops_here(struct monitor *m, struct task *t, const struct __ptrace_syscall_info *info)
{
	const struct row *row = info->seccomp.ret_data == 2 ? NULL : row_plain(info->seccomp.nr);

	/* At a call for memory followers with a layout of their own do not wait; the vsyscall page has no instruction to go
	 * back to. */
	if (!t->stops || (row && row->who & MEMORY) || info->instruction_pointer >> 12 == 0xffffffffff600 || task_regs(t))
		return false;
	publish_stopped(m, t, t->stops, EVF_INCALL);
	t->stops = 0;
	t->stops_here = true;
	task_make_again(t, info->instruction_pointer - 2, info->seccomp.nr);
	ptrace(PTRACE_INTERRUPT, t->tid, 0, 0);
	lead_go_user(t);
	return true;
}

void lead_stop_late(struct task *t, uint64_t now)
{
	if (!t->stops || t->stops_here || t->state != TASK_RUNNING || t->phase != LEAD_USER || now < t->stops_since + STOP_NS)
		return;
	t->stops_here = true;
	ptrace(PTRACE_INTERRUPT, t->tid, 0, 0);
}
