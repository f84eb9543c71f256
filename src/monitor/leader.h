/* leader.h - shared between the files of the leader's monitor.
 *
 * Tasks that share an address space take turns: one of them runs in user mode at a time. What a task has stopped for
 * is handled when it has the turn, never before; a task gives its turn up when it enters a call that may sleep, at a
 * quick call when it has had the turn for long, when it is stopped, when it dies, and when it computes for long.
 */
#ifndef TANDEM_LEADER_H
#define TANDEM_LEADER_H

#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "monitor/monitor.h"

/* ---- leader.c ---- */
/* Handle what t has stopped for. It has the turn. */
void lead_handle_stop(struct monitor *m, struct task *t, int status);

/* An exec has left t->left_mm, and its event is out: who shares that may go on. */
void lead_leave_mm(struct monitor *m, struct task *t);
static inline bool lead_makes_task(uint32_t nr)
{
	return nr == SYS_clone || nr == SYS_fork || nr == SYS_vfork || nr == SYS_clone3;
}

/* ---- leader_births.c ---- */
/* t stands at the event that tells of a task it has made. */
void lead_on_birth(struct monitor *m, struct task *t, int kind);
/* The call that made a task has returned `result` (or, vfork, has got that far): now the child may run. */
void lead_announce_child(struct monitor *m, struct task *t, int64_t result, uint32_t flags);
/* A newborn that has the turn runs. */
void lead_on_first_turn(struct monitor *m, struct task *t, int status);
/* t stands at PTRACE_EVENT_EXIT; it has ended. */
void lead_on_dying(struct monitor *m, struct task *t);
void lead_on_dead(struct monitor *m, struct task *t, int status);
/* On a tick: a newborn of whose birth nobody will tell. */
void lead_adopt_orphan(struct monitor *m, struct task *t, uint64_t now);

/* ---- leader_turns.c ---- */
/* Whether a stop is one that only the task which has the turn may handle: those that publish. */
bool lead_needs_turn(const struct task *t, int status);
bool lead_shares_memory(const struct task *t);
/* Whether t, which has the turn, has kept somebody waiting for long. */
bool lead_turn_is_long(const struct task *t);
/* t makes a call: it is not the kind that keeps its turn for nothing. */
void lead_turn_lives(struct task *t);
/* Whether t may run; takes the turn if nobody has it. */
bool lead_has_turn(struct task *t);
/* Nobody in `mm` has the turn any more: who waits longest gets it, and its stop is handled. */
void lead_pass_turn(struct monitor *m, struct mm *mm);
/* Handle the stop that t was kept in. False: it is in that no more, since it was killed. */
bool lead_handle_waiting(struct monitor *m, struct task *t);
/* Keep t's stop until it has the turn. */
void lead_wait_for_turn(struct task *t, int status);
/* On a tick: a task that computes for long shares its turn. */
void lead_share_turn(struct monitor *m, struct task *t, uint64_t now);
/* What t's call returned: EV_CALL, or EV_LEAVE where the entry was published. */
void lead_publish_result(struct monitor *m, struct task *t, int64_t result, uint32_t flags);
/* EV_RUN: followers let t go on from here. */
void lead_publish_run(struct monitor *m, struct task *t);
void lead_go_user(struct task *t);

/* ---- leader_signals.c ---- */
void lead_on_signal(struct monitor *m, struct task *t, int sig);
/* A held signal that is to be delivered now, taken off the list. */
bool lead_take_held(struct task *t, siginfo_t *ret);
/* t stands at the entry of a call: the handler runs first. */
void lead_deliver_before_call(struct monitor *m, struct task *t, const siginfo_t *info);
/* Whether a signal will be delivered on the way out of the call that just returned. */
bool lead_signal_follows(struct task *t, int64_t result);
/* A write that came back short because of a signal that is ignored goes on: true; t runs. Otherwise *result is what all
 * of it has returned. */
bool lead_write_on(struct task *t, int64_t *result);
/* Whether nothing but ignored signals has ended t's call; another thread may have taken them. */
bool lead_woken_for_nothing(struct task *t);
/* t stands at the exit of a call that such a signal has ended: it is made again. */
void lead_reissue(struct task *t);
void lead_refresh_mask(struct task *t);
/* On a tick: a held signal can wait no longer. */
void lead_interrupt_held(struct monitor *m, struct task *t, uint64_t now);

/* t stands at PTRACE_EVENT_STOP: its group stops for `sig`, or (SIGTRAP) goes on. */
void lead_on_group_stop(struct monitor *m, struct task *t, int sig);
/* t stands at the entry of a call. True: its group is stopped, and so is t, in front of it. */
bool lead_stops_here(struct monitor *m, struct task *t, const struct __ptrace_syscall_info *info);
/* On a tick: a thread that is to stop has made no call. */
void lead_stop_late(struct monitor *m, struct task *t, uint64_t now);

void lead_publish_signal(struct monitor *m, struct task *t, const siginfo_t *info, uint32_t flags);
/* t stands at the entry of a call, which is skipped and returns `result`: the handler runs. `flags`: EVF_INCALL where
 * the call is published already. */
void lead_deliver_at_call(struct monitor *m, struct task *t, const siginfo_t *info, uint32_t flags, int64_t result);

/* ---- leader_filters.c ---- */
/* Whether the call that t is about to make sets or asks for the program's own seccomp filters: then it is answered. */
bool lead_seccomp_call(struct monitor *m, struct task *t, int64_t *ret_answer);
/* What they make of the call: it runs; it is answered so; or t has been dealt with. */
enum lead_filtered { FILTER_PASSES, FILTER_ANSWERS, FILTER_ENDS };
enum lead_filtered lead_filter(struct monitor *m, struct task *t, const struct __ptrace_syscall_info *info,
                               int64_t *ret_answer);
/* The same for a process that nobody follows: t goes on, or ends. */
void lead_filter_foreign(struct monitor *m, struct task *t, const struct __ptrace_syscall_info *info);

/* ---- leader_root.c ---- */
void lead_publish_start(struct monitor *m, struct task *t);
/* The root's command line, as its exec's captured arguments. */
void lead_capture_root_exec(struct monitor *m, struct task *t);
void lead_publish_end(struct monitor *m);
/* The counts of the run, to the coordinator. */
void lead_report_end(struct monitor *m);

#endif
