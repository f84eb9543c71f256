/* follower.c - the monitor of a follower: takes event after event from the stream, waits until the task it
 * names stands at the same place, compares, hands over what the leader got, and lets the task go on.
 *
 * Events are consumed strictly in the order of the stream. Tasks that the stream lets run do so at their own
 * pace meanwhile; a follower's task never sleeps in a call, so the one that the next event names always
 * comes. Only one wait exists (follower_wait): for a stop; and one in the main loop: for an event.
 */
#define _GNU_SOURCE
#include "monitor/follower.h"

#include <signal.h>
#include <sys/mman.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/walk.h"
#include "monitor/copies.h"
#include "monitor/experiment.h"
#include "monitor/firstread.h"
#include "monitor/gdb.h"
#include "monitor/points.h"
#include "monitor/reprint.h"
#include "monitor/shields/shields.h"
#include "monitor/start.h"
#include "monitor/views.h"

/* ---- going on ---- */

/* t is on its way to another stop. */
static void on_its_way(struct task *t)
{
	t->at = AT_RUNNING;
	t->has_result = false;
	t->resumed = now_mono();
	t->cpu_resumed = 0;
}

void follower_go(struct monitor *m, struct task *t, int sig)
{
	on_its_way(t);
	if (!firstread_resume(m, t, sig))
		gdb_resume(m, t, sig);
}

/* The call that t stands at is skipped: it has had its effect in the leader. */
static void skip_call(struct monitor *m, struct task *t, int64_t result)
{
	ptrace(PTRACE_POKEUSER, t->tid, offsetof(struct user_regs_struct, orig_rax), -1L);
	ptrace(PTRACE_POKEUSER, t->tid, offsetof(struct user_regs_struct, rax), result);
	t->regs_valid = false;
	point_release(m, t, 0);
}

void follower_answer(struct monitor *m, struct task *t, int64_t result)
{
	ptrace(PTRACE_POKEUSER, t->tid, offsetof(struct user_regs_struct, orig_rax), -1L);
	ptrace(PTRACE_POKEUSER, t->tid, offsetof(struct user_regs_struct, rax), result);
	t->regs_valid = false;
	follower_go(m, t, 0);
}

void follower_own_insn(struct monitor *m, struct task *t)
{
	uint64_t v[4] = {0};
	uint32_t eflags = 0;

	insn_execute(&t->insn, &t->regs, 0, v, &eflags);
	insn_finish(m, t, &t->insn, v, eflags, t->fault.si_signo);
	follower_go(m, t, 0);
}

/* The call's result is known, but t goes on only when the stream says so. */
static void keep_result(struct task *t, int64_t result)
{
	t->has_result = true;
	t->result = result;
}

static void continue_task(struct monitor *m, struct task *t)
{
	if (t->at == AT_CALL && t->has_result)
		skip_call(m, t, t->result);
	else
		point_release(m, t, 0);
}

int follower_run_call(struct monitor *m, struct task *t, int64_t *ret)
{
	int status, err;

	for (;;) {
		if ((err = task_resume(t, PTRACE_SYSCALL, 0)) || (err = task_wait(m, t, &status)))
			return err;
		if (status >> 8 == (SIGTRAP | 0x80))
			break;
		/* A signal from outside: a follower's come from the stream. */
	}
	t->at = AT_DONE;
	if ((err = task_regs(t)))
		return err;
	*ret = t->regs.rax;
	return 0;
}

/* ---- stops ---- */

/* Between layouts, calls for memory alone differ in number and order: each version makes its own. But a filter of the
 * program's may stand before the leader's. */
static bool memory_alone(const struct task *t, uint32_t nr, const uint64_t args[6])
{
	if (!t->p->mm->own_layout || t->p->filtered)
		return false;
	switch (nr) {
	case SYS_mmap:   return args[3] & MAP_ANONYMOUS;
	case SYS_munmap: case SYS_mprotect: case SYS_madvise: case SYS_mremap: case SYS_brk:
		return true;
	}
	return false;
}

static void make_own_call(struct monitor *m, struct task *t)
{
	int64_t ret = 0;

	if (t->nr == SYS_brk && !t->p->mm->own_brk) {
		if (each_run(m, t, NULL, &ret, &(const char *){NULL}) == 0)
			continue_task(m, t);
		return;
	}
	if (t->nr == SYS_munmap)
		mm_unmap(t->p->mm, t->args[0], t->args[0] + t->args[1]);
	follower_go(m, t, 0);
}

static void on_call_stop(struct monitor *m, struct task *t)
{
	struct __ptrace_syscall_info info;

	/* Another one, where SIGKILL has taken it out of this stop: its end is still to be reported. */
	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, sizeof(info), &info) < 0 || info.op != PTRACE_SYSCALL_INFO_SECCOMP)
		return;
	t->nr = info.seccomp.nr;
	for (int i = 0; i < 6; i++)
		t->args[i] = info.seccomp.args[i];
	t->call_ip = info.instruction_pointer;
	t->call_flags = info.seccomp.ret_data == 2 ? EVF_INT80 : 0;
	t->row = t->call_flags ? row_int80(t->nr) : row_find(t->nr, t->args, &t->scratch);
	t->at = AT_CALL;
	if (t->p && !m->before_mark && !t->call_flags && memory_alone(t, t->nr, t->args))
		make_own_call(m, t);
}

static void on_signal_stop(struct monitor *m, struct task *t)
{
	if (task_siginfo(t, &t->fault))
		return;
	if (start_reached(m, t, &t->fault)) {
		t->at = AT_START;
	} else if (shield_uninit_trap(m, t, &t->fault)) {
		return;
	} else if (insn_trapped(m, t, &t->fault, &t->insn)) {
		if (insn_unmatched(m, t)) {
			/* insn_trapped has moved a breakpoint's rip back; the vDSO has none. */
			insn_give_own(m, t, &t->fault);
			return;
		}
		t->at = AT_INSN;
	} else if (signal_is_fault(&t->fault))
		t->at = AT_FAULT;
	else
		gdb_resume(m, t, 0);   /* from outside: dropped */
}

static struct task *stopped_task(struct monitor *m, pid_t tid)
{
	struct task *t = task_by_tid(m, tid);

	if (!t) {
		t = task_new(m, tid, NULL);
		t->at = AT_BORN;
	}
	t->state = TASK_STOPPED;
	t->regs_valid = false;
	return t;
}

void follower_arrive(struct monitor *m, pid_t tid, int status)
{
	struct task *t;

	if (WIFEXITED(status) || WIFSIGNALED(status)) {
		if (!(t = task_by_tid(m, tid)))
			return;
		if (t->doomed) {
			task_free(m, t);
			return;
		}
		t->at = AT_DEAD;
		t->state = TASK_DEAD;
		t->status = status;
		return;
	}
	t = stopped_task(m, tid);
	if (firstread_stopped(m, t, status) || gdb_stopped(m, t, status))
		return;
	switch (status >> 16) {
	case PTRACE_EVENT_SECCOMP:
		on_call_stop(m, t);
		break;
	case PTRACE_EVENT_EXIT:
		if (t->doomed)
			follower_go(m, t, 0);
		else
			t->at = AT_EXIT;
		break;
	case PTRACE_EVENT_STOP:
		if (t->parking)
			t->at = AT_POINT;
		else if (!t->p || t->first_run || t->at == AT_BORN)
			t->at = AT_BORN;
		else
			gdb_resume(m, t, 0);
		break;
	case 0:
		if (WSTOPSIG(status) != (SIGTRAP | 0x80))
			on_signal_stop(m, t);
		else
			gdb_resume(m, t, 0);
		break;
	default:
		gdb_resume(m, t, 0);
	}
}

/* ---- hangs ---- */

/* CPU seconds beyond the leader's before a task counts as lost. */
#define HANG_NS  10000000000ull

static void check_hang(struct monitor *m, struct task *t)
{
	uint64_t now = now_mono(), allowed, used;

	uint64_t hang = m->cfg->experiment ? HANG_NS / 5 : HANG_NS;

	if (now - t->resumed < hang)
		return;
	used = task_cpu(t, 0);
	if (!t->cpu_resumed) {
		/* First look of this stretch: the clock starts here. */
		t->cpu_resumed = used ? used : 1;
		t->resumed = now;
		t->hang_looks = 0;
		return;
	}
	allowed = hang + 20 * (m->event->cpu - min_of(m->event->cpu, t->leader_cpu));
	if (used - t->cpu_resumed > allowed)
		diverge(m, t, m->event, "hang", NULL, "computes for %.0f s without reaching the leader's next call",
		        (used - t->cpu_resumed) / 1e9);
	if (used == t->cpu_resumed && ++t->hang_looks > 2000)
		diverge(m, t, m->event, "hang", NULL, "neither runs nor reaches the leader's next call");
}

void follower_serve(struct monitor *m, struct task *t)
{
	int status;
	pid_t tid = monitor_wait(m, &status, true);

	gdb_tick(m);
	if (tid > 0) {
		follower_arrive(m, tid, status);
	} else if (tid < 0 || task_ended_unseen(t)) {
		t->at = AT_DEAD;
		t->state = TASK_DEAD;
	} else {
		check_hang(m, t);
	}
}

void follower_wait(struct monitor *m, struct task *t)
{
	while (t->at == AT_RUNNING)
		follower_serve(m, t);
}

/* ---- outputs ---- */

struct scatter {
	struct task *t;
	const struct event *e;
	struct part *next;
	int left;
	uint64_t index;                /* of the next OUT part */
};

/* Where a fragment of an extent goes. */
struct rest { uint64_t index, addr; };

static int scatter_own(void *ctx, const struct extent *x)
{
	struct scatter *s = ctx;

	while (s->left) {
		struct part *p = s->next;

		s->next = part_next(p);
		s->left--;
		if (p->kind != PART_OUT)
			continue;
		guest_write(s->t, x->addr, part_data(p), p->len);
		if (p->len < p->whole && s->e->flags & EVF_MORE)
			buf_add(&s->t->rest, &(struct rest){s->index, x->addr}, sizeof(struct rest));
		s->index++;
		break;
	}
	return 0;
}

static int scatter_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct scatter *s = ctx;

	return guest_read(s->t, addr, buf, len);
}

/* In a layout of its own a follower's outputs go where its own arguments point. */
static void scatter_by_walk(struct task *t, const struct event *e)
{
	struct scatter s = {t, e, event_parts(e), e->nparts, 0};

	buf_clear(&t->rest);
	t->walk.ret = e->result;
	t->walk.read = scatter_read;
	t->walk.visit = scatter_own;
	t->walk.ctx = &s;
	walk_exit(&t->walk);
}

static void write_word(void *ctx, uint64_t at, uint32_t value)
{
	guest_write(ctx, at, &value, sizeof(value));
}

/* The pointers that an epoll gives back are the version's own. */
static void translate(struct task *t, int64_t n)
{
	if (t->nr == SYS_epoll_wait || t->nr == SYS_epoll_pwait || t->nr == SYS_epoll_pwait2)
		cookies_translate(t, n);
}

/* Words that the kernel writes at births and deaths have a place of their own, too. */
static void scatter_own_layout(struct task *t, const struct event *e)
{
	struct part *p = event_part(e, PART_OUT, 0);

	if (e->type == EV_DEATH) {
		if (t->ctid)
			write_word(t, t->ctid, 0);
		shield_robust_words(t, write_word, t);
		return;
	}
	if (e->type == EV_RUN) {
		if (p && t->settid)
			guest_write(t, t->settid, part_data(p), min_of(p->len, 4u));
		return;
	}
	scatter_by_walk(t, e);
	if (!(e->flags & EVF_MORE))
		translate(t, e->result);
}

/* What process_vm_writev has written, in another process's memory perhaps. In a layout of its own t's vector says where. */
static void scatter_other(struct monitor *m, struct task *t, const struct event *e)
{
	struct task *to = task_by_id(m, e->other);
	const struct part *p = event_parts(e);
	uint64_t at = t->args[3];
	struct iovec v;

	for (uint32_t i = 0; to && i < e->nparts; i++, p = part_next(p)) {
		if (!(p->flags & PARTF_OTHER))
			continue;
		if (guest_read(t, at, &v, sizeof(v)) || guest_write(to, (uint64_t)v.iov_base, part_data(p), p->len))
			diverge(m, t, e, "unsupported", NULL, "cannot write to task %u's memory", e->other);
		at += sizeof(v);
	}
}

void follower_scatter(struct monitor *m, struct task *t, const struct event *e)
{
	struct iovec from[64], to[64];
	struct part *p = event_parts(e);
	ssize_t total = 0;
	int n = 0;

	if (e->call == SYS_process_vm_writev && e->type != EV_FRAGMENT)
		scatter_other(m, t, e);
	if (t->p->mm->own_layout) {
		scatter_own_layout(t, e);
		return;
	}
	if (t->other_args && (e->type == EV_CALL || e->type == EV_LEAVE)) {
		scatter_by_walk(t, e);
		return;
	}
	for (uint32_t i = 0; i < e->nparts; i++, p = part_next(p)) {
		if (p->kind != PART_OUT || !p->len || p->flags & PARTF_OTHER)
			continue;
		if (n == (int)countof(to)) {
			guest_write(t, p->addr, part_data(p), p->len);
			continue;
		}
		from[n] = (struct iovec){part_data(p), p->len};
		to[n++] = (struct iovec){(void *)p->addr, p->len};
		total += p->len;
	}
	if (!n || process_vm_writev(t->tid, from, n, to, n, 0) == total)
		return;
	for (int i = 0; i < n; i++)
		guest_write(t, (uint64_t)to[i].iov_base, from[i].iov_base, from[i].iov_len);
}

/* ---- events ---- */

const char *follower_kind_of(const struct task *t)
{
	switch (t->at) {
	case AT_FAULT: return "crash";
	case AT_EXIT:
	case AT_DEAD:  return "killed";
	case AT_CALL:  return t->nr == SYS_exit || t->nr == SYS_exit_group ? "exit" : "call";
	default:       return "call";
	}
}

void follower_need_call(struct monitor *m, struct task *t, const struct event *e)
{
	follower_wait(m, t);
	switch (t->at) {
	case AT_CALL:
		return;
	case AT_FAULT:
		if (m->cfg->experiment)
			experiment_fault(m, t, e);
		diverge(m, t, e, "crash", NULL, "gets signal %d where the leader makes a call", t->fault.si_signo);
	case AT_INSN:
		diverge(m, t, e, "call", NULL, "executes an instruction that the leader does not");
	case AT_EXIT:
	case AT_DEAD:
		diverge(m, t, e, "killed", NULL, "is gone where the leader makes a call");
	default:
		diverge(m, t, e, "call", NULL, "does not make the leader's call");
	}
}

static _Noreturn void cannot_follow(struct monitor *m, struct task *t, const struct event *e)
{
	diverge(m, t, e, "unsupported", NULL, "cannot follow: tandem does not know, or could not carry, what this call does");
}

/* False: in an experiment t makes another call, and this one is passed over. */
static bool need_same_call(struct monitor *m, struct task *t, const struct event *e)
{
	struct difference d = {0};

	if (m->cfg->experiment) {
		if (!experiment_call(m, t, e))
			return false;
		firstread_call(m, t);
		experiment_place(m, t, e);
	} else {
		follower_need_call(m, t, e);
	}
	shield_uninit(m, t);
	/* Too large for the stream: there is nothing to compare with. */
	if (t->nr == e->call && e->flags & EVF_UNKNOWN && (t->row->who & WHO_MASK) != UNKNOWN)
		cannot_follow(m, t, e);
	switch (m->cfg->experiment ? SAME : compare_call(t, e, &d)) {
	case SAME:
		if (t->p->mm->own_layout && t->nr == SYS_epoll_ctl)
			cookie_learn(t, e);
		break;
	case OTHER_CALL:
		diverge(m, t, e, follower_kind_of(t), &d, "makes another call");
	case OTHER_ARGUMENT:
		diverge(m, t, e, "argument", &d, "makes the call with another argument");
	}
	/* An entry does not tell yet what comes of it. */
	if (e->flags & EVF_UNKNOWN && e->type != EV_ENTER)
		cannot_follow(m, t, e);
	return true;
}

static bool restarts(int64_t result)
{
	return result >= -516 && result <= -512;
}

/* The call runs here, too. */
static void execute_each(struct monitor *m, struct task *t, const struct event *e)
{
	const char *why = NULL;
	struct difference d;
	int64_t result = 0;
	int err;

	/* What failed there is not tried here. (rt_sigreturn's result is what the interrupted code had.) */
	if (e->result < 0 && e->result > -4096 && t->nr != SYS_rt_sigreturn) {
		keep_result(t, e->result);
		return;
	}
	err = each_run(m, t, e, &result, &why);
	if (err == -ESRCH)
		return;
	if (err)
		diverge(m, t, e, "unsupported", NULL, "%s: %s", why ? why : "the call cannot be run here", strerror(-err));
	if (t->other_args || (m->cfg->exposed & SRC_PID && shield_is_own_id(t->nr)))
		return;
	if (t->at != AT_DONE || result == e->result || (t->p->mm->own_layout && !(result < 0 && result > -4096)) ||
	    t->nr == SYS_rt_sigreturn)
		return;
	d = (struct difference){OTHER_ARGUMENT, 0, false, 0, e->result, result};
	diverge(m, t, e, "output", &d, "gets another result");
}

static bool runs_each(const struct monitor *m, const struct task *t, const struct event *e)
{
	if (e->flags & (EVF_ANSWERED | EVF_REFUSED))
		return false;
	if (m->cfg->exposed & SRC_PID && shield_is_own_id(t->nr))
		return true;
	if (t->nr == SYS_rseq)
		return true;
	return (t->row->who & WHO_MASK) == EACH && !(t->row->who & MASKS);
}

static void kill_process(struct process *p)
{
	if (p->killed)
		return;
	p->killed = true;
	kill(p->pid, SIGKILL);
}

/* The leader's process goes on as a 32-bit program, which nobody follows: what it does reaches this version by what
 * others read of it. All that is still to come of it is its end. */
static void become_ghost(struct task *t)
{
	t->exits = t->p->exits = true;
	kill_process(t->p);
	t->at = AT_RUNNING;
}

static void print_again(struct monitor *m, struct task *t, const struct event *e)
{
	int err = m->reprint ? reprint_call(m->reprint, t, e) : 0;

	if (err)
		monitor_notef(m, NOTE_INCOMPLETE, 0, "what the program printed cannot be printed again: %s", strerror(-err));
}

/* The executable is what lies lowest. */
static const char *exec_path(const struct event *e)
{
	const struct part *p = event_part(e, PART_FILE, 0);

	return p && p->len > sizeof(struct file_id) ? (const char *)part_data(p) + sizeof(struct file_id) : "";
}

static void complete_call(struct monitor *m, struct task *t, const struct event *e)
{
	const char *why = NULL;
	int err = 0;

	if (e->call == SYS_seccomp || (e->call == SYS_prctl && (uint32_t)e->args[0] == PR_SET_SECCOMP))
		t->p->filtered |= e->flags & EVF_ANSWERED && !e->result;
	if (e->flags & EVF_SKIPPED) {
		keep_result(t, e->result);
		if (e->flags & EVF_RUNS)
			continue_task(m, t);
		return;
	}
	if (e->flags & EVF_FOREIGN) {
		become_ghost(t);
		return;
	}
	if (e->flags & EVF_EXEC) {
		err = rebuild_exec(m, t, e, &why);
		if (!err)
			gdb_image(m, t, exec_path(e));
	} else if (e->flags & EVF_BIRTH)
		err = each_birth(m, t, e, &why);
	else if (restarts(e->result)) {
		/* nanosleep writes its remainder although it is not done. */
		follower_scatter(m, t, e);
		keep_result(t, e->result);
	} else if (runs_each(m, t, e))
		execute_each(m, t, e);
	else {
		follower_scatter(m, t, e);
		keep_result(t, experiment_result(t, e));
		why = "the limit of a stack cannot be set";
		err = e->result || e->flags & EVF_INT80 ? 0 : each_stack_limit(m, t);
	}
	if (err)
		diverge(m, t, e, "unsupported", NULL, "%s: %s", why, strerror(-err));
	if (t->row->who & (WRITES | WRITES3 | NEWFD) || t->nr == SYS_truncate)
		copy_apply(m, e);
	if (!(e->flags & (EVF_EXEC | EVF_INT80)) && t->at != AT_RUNNING)
		shield_note_call(t, e->result);
	if (e->flags & EVF_RUNS && !(e->flags & EVF_MORE) && t->at != AT_RUNNING)
		continue_task(m, t);
}

static void on_insn(struct monitor *m, struct task *t, const struct event *e)
{
	follower_wait(m, t);
	if (m->cfg->experiment && !experiment_insn(m, t, e))
		return;
	if (t->at != AT_INSN || t->insn.kind != e->call)
		diverge(m, t, e, follower_kind_of(t), NULL,
		        "does not execute the instruction that the leader executes");
	experiment_place(m, t, e);
	insn_finish(m, t, &t->insn, e->args, e->args[4], t->fault.si_signo);
	point_release(m, t, 0);
}

/* ---- signals ---- */

static void event_siginfo(const struct event *e, siginfo_t *ret)
{
	struct part *p = event_part(e, PART_SIGINFO, 0);

	memset(ret, 0, sizeof(*ret));
	if (p)
		memcpy(ret, part_data(p), min_of(sizeof(*ret), (size_t)p->len));
	ret->si_signo = e->call;
}

/* From a stop where nothing is to be skipped: the kernel delivers at once. */
static int deliver_here(struct monitor *m, struct task *t, const siginfo_t *info)
{
	int err = task_signal_stop(m, t, info->si_signo);

	return err ? err : task_set_siginfo(t, info);
}

static void on_fault_event(struct monitor *m, struct task *t, const struct event *e, const siginfo_t *info)
{
	follower_wait(m, t);
	if (m->cfg->experiment && t->at != AT_FAULT)
		experiment_fault(m, t, e);
	if (t->at != AT_FAULT || t->fault.si_signo != info->si_signo)
		diverge(m, t, e, t->at == AT_FAULT ? "signal" : follower_kind_of(t), NULL,
		        "does not get the signal %d that the leader got here", info->si_signo);
	if (!t->p->mm->own_layout && t->fault.si_addr != info->si_addr && info->si_signo != SIGTRAP)
		diverge(m, t, e, "signal", NULL, "faults at %p, the leader at %p", t->fault.si_addr, info->si_addr);
	if (!t->p->mm->own_layout)
		task_set_siginfo(t, info);
	t->mask_stale = true;
	point_release(m, t, info->si_signo);
}

static void on_signal_event(struct monitor *m, struct task *t, const struct event *e)
{
	siginfo_t info;
	int err;

	event_siginfo(e, &info);
	if (e->flags & EVF_FAULT) {
		on_fault_event(m, t, e, &info);
		return;
	}
	if (e->flags & EVF_ASYNC || t->unordered)
		diverge(m, t, e, "signal", NULL,
		        "cannot follow: the signal came while the leader computed, at no place that can be found again");
	if (t->at == AT_POINT) {
		err = deliver_here(m, t, &info);
	} else if (!(e->flags & EVF_INCALL)) {
		follower_need_call(m, t, e);
		err = task_deliver_at_call(m, t, &info, -513);
	} else if (t->at == AT_CALL) {
		err = shield_deliver_in_call(m, t, &info, t->result);
	} else {
		err = deliver_here(m, t, &info);
	}
	if (err)
		diverge(m, t, e, "unsupported", NULL, "the signal cannot be delivered: %s", strerror(-err));
	t->mask_stale = true;
	point_release(m, t, info.si_signo);
}

/* ---- births and deaths ---- */

/* Its birth was made with other arguments than the program's: these are in the registers it copied. */
static void born_regs(struct task *t)
{
	if (task_regs(t))
		return;
	t->regs.rdi = t->args[0];
	t->regs.rsi = t->args[1];
	t->regs.rdx = t->args[2];
	t->regs.r10 = t->args[3];
	t->regs.r8 = t->args[4];
	task_set_regs(t);
}

static void on_run(struct monitor *m, struct task *t, const struct event *e)
{
	if (t->first_run) {
		follower_wait(m, t);
		gdb_born(m, t);
	}
	t->first_run = false;
	if (t->at == AT_RUNNING || t->at == AT_DEAD)
		return;
	if (t->unordered) {
		t->unordered = false;
		return;
	}
	if (t->at == AT_BORN)
		born_regs(t);
	if (!(m->cfg->exposed & SRC_PID))
		follower_scatter(m, t, e);
	continue_task(m, t);
}

/* Let a task that is ending come to its end. */
static void let_die(struct monitor *m, struct task *t)
{
	for (;;) {
		follower_wait(m, t);
		if (t->at == AT_DEAD)
			return;
		if (t->at == AT_EXIT || (t->exits && !t->p->killed)) {
			follower_go(m, t, 0);
			continue;
		}
		/* SIGKILL, or another thread's exit_group, takes it out of its stop. To resume it now might be to lose the stop
		 * at its end, and to let it make a call that the leader has not made. */
		on_its_way(t);
		t->state = TASK_RUNNING;
	}
}

static void on_death(struct monitor *m, struct task *t, const struct event *e)
{
	/* Words that the kernel writes, in memory that others see. */
	if (e->nparts && t->in_mm)
		follower_scatter(m, t, e);
	if (WIFSIGNALED(e->result))
		kill_process(t->p);
	else if (!t->exits && !t->p->exits) {
		/* Another thread's exec ends it: ours does so when its event comes. */
		t->doomed = true;
		return;
	}
	if (t->tid == t->p->pid && t->p->ntasks > 1) {
		/* The first thread of a process is not reaped before the others. Nor is it certain to stop at its end: not if
		 * SIGKILL meets it in an exit of its own. */
		t->doomed = true;
		if (t->at == AT_EXIT)
			follower_go(m, t, 0);
		return;
	}
	let_die(m, t);
	task_free(m, t);
}

/* ---- the run ---- */

/* Where the extent that a fragment belongs to lies here; 0: there is no such extent. */
static uint64_t rest_address(const struct task *t, uint64_t index)
{
	const struct rest *r = (const struct rest *)t->rest.at;

	for (size_t i = 0; i < t->rest.len / sizeof(*r); i++)
		if (r[i].index == index)
			return r[i].addr;
	return 0;
}

static void on_fragment(struct monitor *m, struct task *t, const struct event *e)
{
	struct part *p = event_part(e, PART_OUT, 0);
	uint64_t at = p ? p->addr : 0;

	if (p && (t->p->mm->own_layout || t->other_args)) {
		at = rest_address(t, e->args[2]);
		if (!at)
			diverge(m, t, e, "output", NULL, "has no place for what the leader's call wrote");
		at += e->args[1];
	}
	if (p)
		guest_write(t, at, part_data(p), p->len);
	if (e->flags & EVF_MORE)
		return;
	if (t->p->mm->own_layout)
		translate(t, t->result);
	continue_task(m, t);
}

/* The root stands at the end of an exec of tandem's own program. */
static void first_image(struct monitor *m, struct task *t, const struct event *e)
{
	const char *why = "";
	uint64_t own_sp = 0;
	int err = -EPROTO;

	m->image_pending = false;
	if (start_is_own(m)) {
		if (task_regs(t) == 0)
			own_sp = t->regs.rsp;
		m->before_mark = true;
		err = start_run_own(m, t, e, &why);
		if (!err) {
			t->p->mm->leader_view = view_new();
			view_exec(t->p->mm->leader_view, e);
			t->p->mm->start_sp = own_sp;
		}
	} else if (e->flags & EVF_EXEC) {
		err = rebuild_image(m, t, e, &why);
	}
	if (err)
		diverge(m, t, e, "unsupported", NULL, "cannot start: %s: %s", why, strerror(-err));
	if (m->before_mark)
		return;
	gdb_image(m, t, exec_path(e));
	follower_go(m, t, 0);
}

/* An event of the leader's before both stand where matching starts. */
static void skip_event(struct monitor *m, struct task *t, const struct event *e)
{
	if (e->type == EV_MARK) {
		m->before_mark = false;
		gdb_image(m, t, m->cfg->spec[m->version].path);
		follower_go(m, t, 0);
	} else if (e->type == EV_CALL && t) {
		view_call(t->p->mm->leader_view, e);
	}
}

/* t has its own way with memory, but not with the bytes of files. */
static void need_no_bytes(struct monitor *m, struct task *t, const struct event *e)
{
	if (e->call == SYS_mremap && event_part(e, PART_FILE, 1))
		diverge(m, t, e, "unsupported", NULL, "cannot follow in a layout of its own: more of a file is mapped than before");
}

static void consume(struct monitor *m, const struct event *e)
{
	struct task *t = e->task ? task_by_id(m, e->task) : NULL;

	m->event = e;
	if (m->reprint)
		reprint_note(m->reprint, e);
	if (e->type == EV_START && task_by_id(m, 1))
		task_by_id(m, 1)->leader_tid = e->tid;
	if (m->before_mark) {
		skip_event(m, t, e);
		return;
	}
	if (event_is_remark(e))
		gdb_remark(m, t, e);
	if (e->type == EV_START || e->type == EV_MARK || event_is_remark(e))
		return;
	if (e->type == EV_END) {
		m->root_status = e->result;
		gdb_end(m, e->result);
		return;
	}
	gdb_event(m, t, e);
	if (!t)
		diverge(m, NULL, e, "call", NULL, "has no task %u", e->task);
	if (m->cfg->experiment && experiment_passes(m, t, e))
		return;
	point_let_go(m, t, e);
	t->unordered &= e->type == EV_RUN || e->type == EV_SIGNAL;
	switch (e->type) {
	case EV_GOES:     break;
	case EV_STATE:
	case EV_POINT:    point_apply(m, t, e); break;
	case EV_ENTER:
		if (!(e->flags & EVF_INT80) && memory_alone(t, e->call, e->args))
			return;
		if (!need_same_call(m, t, e))
			return;
		if (row_in_place(t->row))
			follower_scatter(m, t, e);
		break;
	case EV_CALL:
		if (t->p->mm && t->p->mm->leader_view)
			view_call(t->p->mm->leader_view, e);
		if (!(e->flags & EVF_INT80) && memory_alone(t, e->call, e->args)) {
			need_no_bytes(m, t, e);
			return;
		}
		if (m->image_pending) {
			first_image(m, t, e);
			break;
		}
		if (!need_same_call(m, t, e))
			return;
		print_again(m, t, e);
		complete_call(m, t, e);
		break;
	case EV_LEAVE:
		experiment_place(m, t, e);
		if (!(e->flags & EVF_INT80) && memory_alone(t, e->call, e->args)) {
			need_no_bytes(m, t, e);
			return;
		}
		if (e->flags & EVF_UNKNOWN)
			cannot_follow(m, t, e);
		print_again(m, t, e);
		complete_call(m, t, e);
		break;
	case EV_INSN:     on_insn(m, t, e); break;
	case EV_SIGNAL:   on_signal_event(m, t, e); break;
	case EV_RUN:      on_run(m, t, e); break;
	case EV_STOPPED:  follower_need_call(m, t, e); break;
	case EV_DEATH:    on_death(m, t, e); return;
	case EV_FRAGMENT: on_fragment(m, t, e); break;
	}
	if (t->at != AT_DEAD)
		t->leader_cpu = e->cpu;
}

/* ---- lags, on purpose ---- */

/* The first lag comes soon, the next ones after ever longer gaps: a run of any length has a few. */
static void plan_lag(struct monitor *m, uint64_t seq)
{
	m->lag_gap = m->lag_gap ? m->lag_gap * 2 : 16;
	m->next_lag = seq + 1 + rng_next(&m->rng) % m->lag_gap;
}

static void inject_fault(struct monitor *m, const struct event *e)
{
	const struct config *cfg = m->cfg;

	if (cfg->fault == FAULT_STOP && e->seq == cfg->fault_event)
		nap_ns(cfg->fault_ns);
	if (cfg->fault != FAULT_LAG)
		return;
	if (!m->next_lag) {
		m->rng = cfg->fault_seed * 0x9e3779b97f4a7c15u + m->version;
		plan_lag(m, e->seq);
	}
	if (e->seq < m->next_lag)
		return;
	nap_ns(rng_next(&m->rng) % cfg->fault_ns);
	plan_lag(m, e->seq);
}

/* ---- the main loop ---- */

#define REMEMBERED 4096    /* bytes of an event */

/* Nothing to consume: has a task died meanwhile? */
static void look_around(struct monitor *m)
{
	int status;
	pid_t tid;

	while ((tid = monitor_wait(m, &status, false)) > 0)
		follower_arrive(m, tid, status);
}

/* An event stays for the report's "before that": without its registers and stack, which nobody shows there, and
 * which would have to come over from the leader's core. */
static void remember(struct monitor *m, const struct event *e)
{
	struct event **slot = &m->recent[m->nrecent % countof(m->recent)];
	const struct part *p = event_parts(e);
	uint32_t n = 0, size;

	if (e->type == EV_FRAGMENT)
		return;
	m->nrecent++;
	while (n < e->nparts && p->kind != PART_REGS && (const char *)part_next(p) - (const char *)e <= REMEMBERED)
		p = part_next(p), n++;
	size = (const char *)p - (const char *)e;
	if (!*slot)
		*slot = xmalloc(REMEMBERED);
	memcpy(*slot, e, size);
	(*slot)->nparts = n;
	(*slot)->size = size;
}

static _Noreturn void follower_end(struct monitor *m)
{
	if (m->cfg->experiment)
		experiment_end(m);
	monitor_kill_all(m);
	monitor_notef(m, NOTE_END, m->root_status, "{\"events\":%llu}", (unsigned long long)m->last_seq);
	_exit(0);
}

static void follow(struct monitor *m)
{
	const struct event *e;

	while (!stream_ended(m->s, m->consumer)) {
		e = stream_next(m->s, m->consumer, 100000000);
		if (!e) {
			if (m->s->ring.h->consumer[m->consumer].state == CONSUMER_GONE)
				return;
			look_around(m);
			continue;
		}
		if (m->cfg->fault)
			inject_fault(m, e);
		must(event_valid(e, m->s->ring.size));
		consume(m, e);
		remember(m, e);
		m->last_seq = e->seq;
		stream_release(m->s, m->consumer, e);
	}
}

_Noreturn void follower_main(struct monitor *m)
{
	struct task *t;
	int err;

	const char *why = "";

	err = launch(m, &t);
	monitor_let_go(m);
	if (!err)
		err = launch_to_exec(m, t, &why);
	if (err) {
		stream_drop_consumer(m->s, m->consumer);
		monitor_note(m, NOTE_FAILED, err, "");
		_exit(EXIT_TANDEM);
	}
	task_set_id(m, t, 1);
	t->at = AT_DONE;
	m->image_pending = true;
	monitor_note(m, NOTE_ROOT, t->tid, "");
	monitor_tick_start();
	follow(m);
	follower_end(m);
}
