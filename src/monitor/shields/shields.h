/* shields.h - what keeps the sources of nondeterminism from making versions diverge.
 *
 * Called by the leader's and the followers' monitors at the places where a source would show: after an
 * exec, at a trap, at calls whose answer is tandem's own. Each looks at the exposed sources itself.
 */
#ifndef TANDEM_SHIELDS_H
#define TANDEM_SHIELDS_H

#include "monitor/monitor.h"
#include "monitor/shields/insn.h"
#include "monitor/shields/vdso.h"

/* ---- after an exec, and after a file was mapped executable (both kinds of monitor) ---- */
/* t stands at the exit stop of its exec, mm->vdso is known: vDSO entries become calls, cpuid traps. */
void shield_exec(struct monitor *m, struct task *t);
/* Leader: patch what the hardware cannot trap, in the executable mappings of files; the sites become parts
 * of the event that is being built. Followers patch the same ones. */
void shield_patch_image(struct monitor *m, struct task *t);
void shield_patch_mapping(struct monitor *m, struct task *t, const struct mapping *map);
void shield_patch_sites(struct task *t, const struct event *e);
/* Follower with an executable of its own: the same for what it has mapped, as far as that was not done yet. */
void shield_patch_own(struct monitor *m, struct task *t);
void shield_forget_patches(struct process *p);
/* A new process starts with its parent's patches. */
void shield_fork(struct process *parent, struct process *child);

/* ---- traps ---- */
/* Whether the signal at which t is stopped is one of our traps. *ret is what t stands at; registers are
 * valid, and rip is at the instruction. */
bool insn_trapped(struct monitor *m, struct task *t, const siginfo_t *info, struct insn_op *ret);
/* Give t the values, and undo what the kernel did to signal state for the trap. */
void insn_finish(struct monitor *m, struct task *t, const struct insn_op *op, const uint64_t v[4], uint32_t eflags,
                 int sig);
/* Whether the instruction that t stands at is nobody's but its own. */
bool insn_unmatched(const struct monitor *m, const struct task *t);
/* If t stands at a trap of ours, give it a value of its own, which nobody hears of, and let it go on. */
bool insn_give_own(struct monitor *m, struct task *t, const siginfo_t *info);
/* Leader: if it is a trap of ours, publish the event, let t go on, return true. */
bool shield_insn_trap(struct monitor *m, struct task *t, const siginfo_t *info);

/* ---- calls ---- */
/* Whether the call that t is about to make comes from a vDSO entry. */
bool shield_vdso_call(const struct task *t);
/* Whether it is one that the vDSO would have answered without the kernel. */
bool shield_vdso_alone(const struct task *t);
/* Leader: whether tandem answers the call without the kernel. Sets EVF_REFUSED where it is refused. */
bool shield_answers(struct monitor *m, struct task *t, int64_t *ret_result);
/* Leader: whether the call asks for nothing but the time, which is given to it then. */
bool shield_tells_time(struct monitor *m, struct task *t, int64_t *ret_result);
/* Leader: the call has returned; take note of it, and correct what the program must not see. */
int64_t shield_result(struct monitor *m, struct task *t, int64_t result);
/* Both, at the entry of madvise: MADV_FREE runs as MADV_DONTNEED. */
void shield_madvise(struct task *t);
/* Both: put the program's own arguments back into the registers. */
void shield_args_back(struct task *t);
/* Leader: parts of a call's event that no row of the table describes: files behind mappings. */
void shield_parts(struct monitor *m, struct task *t, int64_t result);
/* Calls through int 0x80 that have no pointers: the row of their 64-bit twin, else an unknown one. */
const struct row *row_int80(uint32_t nr);
/* Both: what a call changed about signals, tid words and mappings, by its arguments. */
void shield_note_call(struct task *t, int64_t result);

/* ---- births and deaths ---- */
struct clone_call { uint64_t flags, stack, tls, ctid, ptid; };
/* What clone, fork, vfork or clone3 (t->nr, t->args) asks for. -EFAULT, or -EINVAL. */
int clone_parse(struct task *t, struct clone_call *ret);
/* Leader: nobody may leave the monitor's sight. */
void shield_clone_leader(struct monitor *m, struct task *t);
void shield_untraced_back(struct task *t);
/* The lock words that a dying task leaves behind, as the kernel leaves them. */
int shield_robust_words(struct task *t, void (*word)(void *ctx, uint64_t at, uint32_t value), void *ctx);
/* Leader: words that the kernel is about to write for a dying task, as PART_OUTs. */
void shield_death_words(struct monitor *m, struct task *t);

/* ---- followers ---- */
/* Calls that a follower makes for itself under --expose=pid. */
bool shield_is_own_id(uint32_t nr);
/* --expose=uninit: other garbage below the stack pointer. */
void shield_uninit(struct monitor *m, struct task *t);
/* ... and in the heap: after an exec, after a file was mapped, and at the traps that come of it. */
void shield_uninit_image(struct monitor *m, struct task *t);
void shield_uninit_mapping(struct monitor *m, struct task *t, const struct mapping *map);
bool shield_uninit_trap(struct monitor *m, struct task *t, const siginfo_t *info);
/* t stands at the entry of a call that returned `result` in the leader because of this signal. */
int shield_deliver_in_call(struct monitor *m, struct task *t, const siginfo_t *info, int64_t result);

#endif
