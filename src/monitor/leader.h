/* leader.h - shared between the files of the leader's monitor.
 *
 * Tasks that share memory (a domain) take turns: one of them runs in user mode at a time. What a task has stopped for
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

/* EV_ENTER: t stands at the entry of its call... */
void lead_publish_entry(struct monitor *m, struct task *t);
/* ... or has been in it for a while: false where it is in none that sleeps. */
bool lead_publish_sleeper(struct monitor *m, struct task *t);

/* An exec has left t->left_mm, and its event is out: who shares that may go on. */
void lead_leave_mm(struct monitor *m, struct task *t);
static inline bool lead_is_exec(uint32_t nr)
{
	return nr == SYS_execve || nr == SYS_execveat;
}
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
bool lead_turn_is_long(struct monitor *m, const struct task *t);
/* With --chaos: true once in `one_in` times, by chance. */
bool lead_chance(struct monitor *m, unsigned one_in);
/* t wants the turn. True: by chance it has to wait for a while, even if nobody else does. */
bool lead_keeps_back(struct monitor *m, struct task *t);
/* On a tick: the end of that. */
void lead_end_back(struct monitor *m, struct task *t, uint64_t now);
/* t makes a call: it is not the kind that keeps its turn for nothing. */
void lead_turn_lives(struct task *t);
/* Whether t may run; takes the turn if nobody has it, or only one who naps. */
bool lead_has_turn(struct monitor *m, struct task *t);
/* Whether t, which is about to make a call that may sleep, can keep the turn for now: nobody waits for it. */
bool lead_may_nap(const struct monitor *m, const struct task *t);
/* Somebody wants the turn: who has it and naps lets it go, and the entry of its call is published. */
void lead_end_nap(struct monitor *m, struct domain *d);
/* On a tick: t does not come back soon. */
void lead_end_long_nap(struct monitor *m, struct task *t, uint64_t wall);
/* Nobody in the domain has the turn any more: who waits longest gets it, and its stop is handled. */
void lead_pass_turn(struct monitor *m, struct domain *d);
/* Handle the stop that t was kept in. False: it is in that no more, since it was killed. */
bool lead_handle_waiting(struct monitor *m, struct task *t);
/* Keep t's stop until it has the turn. */
void lead_wait_for_turn(struct monitor *m, struct task *t, int status);
/* Somebody waits for the turn, or has got it while others wait: after a while there will be a look at who has it... */
void lead_look_soon(struct monitor *m, struct domain *d);
/* ... which is now, if the alarm has come. Who computes is stopped: it may only spin, or its turn is over. */
void lead_on_alarm(struct monitor *m);
/* Whether it is worth a look, too, now that t is stopped because it has computed for long. */
bool lead_looks(struct task *t);
/* What the look at t has shown. */
void lead_looked(struct task *t, bool spins);
/* On a tick: a task that computes for long shares its turn. */
void lead_share_turn(struct monitor *m, struct task *t, uint64_t now);
/* What t's call returned: EV_CALL, or EV_LEAVE where the entry was published. */
void lead_publish_result(struct monitor *m, struct task *t, int64_t result, uint32_t flags);
/* EV_RUN: followers let t go on from here. */
void lead_publish_run(struct monitor *m, struct task *t);
void lead_go_user(struct task *t);

/* What the domain of t would be doing: t, which runs, has the turn. */
bool lead_takes_turn(struct task *t);
/* t stays at the entry of its call, which is published, until it has the turn (again). */
void lead_stays_at_call(struct monitor *m, struct task *t);

/* ---- leader_shared.c ---- */
/* t stands at the entry of a call. True: it is about to share memory with others, and waits for their turn. */
bool lead_joins(struct monitor *m, struct task *t);
/* t's call has returned `result`: does its address space share memory now? */
void lead_note_shared(struct monitor *m, struct task *t, int64_t result);

/* Whether t, which has the turn, keeps somebody waiting. */
bool lead_keeps_waiting(const struct task *t);

/* ---- leader_outputs.c ---- */
/* t is about to make a call: what it may write goes to scratch memory, if that is to be. True: t runs, and comes back
 * with the call. */
bool lead_plan_outputs(struct monitor *m, struct task *t);
/* Its entry is published: now its arguments lead there. */
void lead_move_outputs(struct task *t);
/* The kernel makes the call again, with the registers that t has. */
void lead_move_again(struct task *t);
/* The call has returned `result`, and t has the turn: the program finds what it wrote. */
void lead_land_outputs(struct task *t, int64_t result);
/* t stands at the exit of a call. True: it has failed as it would not have without; t runs, and makes it again. */
bool lead_outputs_refused(struct task *t, int64_t result);
/* A call that changes where memory may be written. */
void lead_note_memory_call(struct task *t);
/* Whether the call writes a word where it is before it sleeps: its entry is published when it has... */
bool lead_waits_to_settle(const struct task *t);
/* ... t runs: true when it sleeps, false when it has stopped. */
bool lead_settles(struct task *t);

/* ---- leader_points.c ---- */
/* t stands in the middle of its computing: its state is published, EV_POINT. False: there is too much of it. */
bool lead_point(struct monitor *m, struct task *t);
/* Whether that is a place for all followers: those with a layout of their own cannot be put there. */
bool lead_points_serve(const struct monitor *m);
/* How long, in ns, a task may compute before others get the turn: at least so long, and so that points do not take
 * more than their share of the time. */
uint64_t lead_slice(const struct task *t, uint64_t least);
/* Stop t where it is: lead_on_interrupt follows. */
void lead_interrupt(struct task *t);
void lead_on_interrupt(struct monitor *m, struct task *t);
/* t stands at the entry of a call. True: an interrupt is on its way, and the call is made again after it. */
bool lead_interrupted_call(struct task *t, const struct __ptrace_syscall_info *info);
/* t stands in the middle of its computing, and the caller delivers a signal there: the events for it. */
void lead_deliver_at_point(struct monitor *m, struct task *t, const siginfo_t *info);
/* Followers need not wait to hear how t's stretch ends: it shares its turn, or computes alone. */
void lead_goes(struct monitor *m, struct task *t);
/* On a tick: followers need not wait for a task that computes while nobody waits for it. */
void lead_computes_on(struct monitor *m, struct task *t);

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
void lead_stop_late(struct task *t, uint64_t now);

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
