/* leader_births.c - tasks come and go: see leader.h.
 *
 * A child's birth is published when the call that made it returns; until then the child stands still. How that goes
 * wrong: SIGKILL may end the parent between its making the child and its telling so, or the child before it has run,
 * or take a task out of a stop while we handle it. Then the parent's end tells of the child, and if that is lost as
 * well (resumed unseen, see task_at_its_end), a look on the tick finds a child whom nobody will tell of.
 */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/proc.h"
#include "monitor/copier.h"
#include "monitor/leader.h"
#include "monitor/publish.h"
#include "monitor/shields/filters.h"
#include "monitor/shields/shields.h"

void lead_announce_child(struct monitor *m, struct task *t, int64_t result, uint32_t flags)
{
	struct task *c = task_by_id(m, t->child);

	publish_call(m, t, EV_CALL, result, flags | EVF_BIRTH);
	t->child = 0;
	if (!c)
		return;
	c->announced = true;
	if (c->has_status && (!lead_needs_turn(c, c->status) || lead_has_turn(m, c)))
		lead_handle_waiting(m, c);
}

void lead_on_birth(struct monitor *m, struct task *t, int kind)
{
	unsigned long tid = 0;
	struct clone_call call;
	struct task *c;
	uint64_t flags;
	struct mm *mm;
	int status;

	/* Of a process that nobody follows the call is not known: each of its tasks counts as a process of its own. */
	clone_parse(t, &call);
	flags = call.flags;
	/* Killed meanwhile, it has perhaps another message already. Its child will be found, see lead_adopt_orphan. */
	if (ptrace(PTRACE_GETEVENTMSG, t->tid, 0, &tid) < 0 || task_at_its_end(t))
		return;
	c = task_by_tid(m, tid);
	if (c && c->announced) {
		/* Adopted: this event was read too late (only a process that nobody follows is not waited for). */
		task_resume(t, t->p->foreign ? PTRACE_CONT : PTRACE_SYSCALL, 0);
		return;
	}
	if (!c)
		c = task_new(m, tid, NULL);
	task_set_id(m, c, ++m->last_id);
	if (flags & CLONE_THREAD) {
		c->p = t->p;
	} else {
		mm = flags & CLONE_VM ? mm_get(t->p->mm) : mm_fork(m, t->p->mm, tid);
		c->p = process_new(tid, mm);
		c->p->other_spaces = t->p->other_spaces || flags & CLONE_NEWPID ||
		                     (t->nr == SYS_clone3 && flags & CLONE_NEWTIME);
		memcpy(c->p->trapped, t->p->trapped, sizeof(c->p->trapped));
		if (flags & CLONE_CLEAR_SIGHAND)
			process_clear_handlers(c->p);
		c->p->execed = true;
		c->p->foreign = t->p->foreign;
		shield_fork(t->p, c->p);
	}
	c->p->ntasks++;
	task_use_mm(c, c->p->mm);
	c->phase = LEAD_BORN;
	c->untraced = t->untraced;
	shield_untraced_back(t);
	c->sigmask = t->sigmask;
	c->filter = filter_get(t->filter);
	c->strict = t->strict;
	c->no_tsc = t->no_tsc;
	c->cpus = t->cpus;
	c->cpus_set = t->cpus_set;
	c->ctid = flags & CLONE_CHILD_CLEARTID ? call.ctid : 0;
	c->settid = flags & CLONE_CHILD_SETTID ? call.ctid : 0;
	if (t->p->foreign) {
		c->hidden = c->announced = true;
		task_resume(t, PTRACE_CONT, 0);
		if (c->has_status)
			lead_handle_waiting(m, c);
		return;
	}
	t->child = c->id;
	/* The kernel writes the child's word before its first stop, and others may look there: now, and in every version. */
	if (c->settid && c->p->mm == t->p->mm && !c->has_status && !task_wait(m, c, &status))
		lead_wait_for_turn(m, c, status);
	if (lead_shares_memory(t) && !t->in_mm->dom->turn)
		lead_has_turn(m, t);
	if (kind == PTRACE_EVENT_VFORK) {
		/* The parent sleeps until the child has gone its way: it is announced now. */
		task_regs(t);
		t->vfork_parent = true;
		lead_announce_child(m, t, task_tid_for(t, tid), 0);
		task_resume(t, PTRACE_SYSCALL, 0);
		if (t->in_mm->dom->turn == t)
			lead_pass_turn(m, t->in_mm->dom);
		return;
	}
	task_resume(t, PTRACE_SYSCALL, 0);
}

/* Nobody will tell of c's birth: it lives, or ends, without the followers. */
static void leave_unfollowed(struct monitor *m, struct task *c)
{
	if (!c->id)
		task_set_id(m, c, ++m->last_id);
	if (!c->p) {
		c->p = process_new(c->tid, mm_new(m, c->tid));
		c->p->execed = true;
		c->p->ntasks++;
		task_use_mm(c, c->p->mm);
	}
	c->p->foreign = true;
	c->hidden = c->announced = true;
	if (!task_at_its_end(c))
		monitor_notef(m, NOTE_UNKNOWN, c->tid, "process %d was born while its parent was killed: it is not followed",
		              c->tid);
	if (c->has_status)
		lead_handle_waiting(m, c);
}

/* Whether a task may still tell of c's birth. */
static bool maker_lives(struct monitor *m, const struct task *c)
{
	for (struct task *t = NULL; (t = task_next(m, t));) {
		uint64_t state;

		if (t->phase != LEAD_CALL || !lead_makes_task(t->nr) || t->dying || t->vfork_parent || t->child != c->id)
			continue;
		/* A process's first task whose end was lost is not reaped before the others, c perhaps. */
		state = proc_stat(t->tid, PROC_STATE);
		if (state && state != 'Z' && state != 'X')
			return true;
	}
	return false;
}

/* A newborn waits so long for the event that tells of its birth before anybody looks where that is. */
#define ORPHAN_NS 50000000ull

void lead_adopt_orphan(struct monitor *m, struct task *t, uint64_t now)
{
	if (t->phase == LEAD_BORN && !t->announced && t->has_status && now - t->waits_since >= ORPHAN_NS &&
	    !maker_lives(m, t))
		leave_unfollowed(m, t);
}

void lead_on_first_turn(struct monitor *m, struct task *t, int status)
{
	if (t->hidden) {
		lead_go_user(t);
		return;
	}
	/* A thread may be born into a group that stops. */
	if (status >> 16 == PTRACE_EVENT_STOP && WSTOPSIG(status) != SIGTRAP) {
		t->stops = WSTOPSIG(status);
		t->stops_since = now_mono();
	}
	shield_untraced_back(t);
	publish_begin(m, t, EV_RUN, EVF_RUNS);
	if (t->settid)
		publish_guest(m, t, PART_OUT, 0, t->settid, 4);
	publish_end(m, t);
	lead_go_user(t);
}

/* words: those that the kernel writes when a task goes (others share its memory). */
static void publish_death(struct monitor *m, struct task *t, int status, bool words)
{
	struct event *e = publish_begin(m, t, EV_DEATH, t->p->ntasks == 1 ? EVF_GROUP : 0);

	e->result = status;
	t->p->ending |= WIFSIGNALED(status);
	if (words)
		shield_death_words(m, t);
	publish_end(m, t);
}

void lead_on_dying(struct monitor *m, struct task *t)
{
	unsigned long status = 0;
	bool turns = lead_shares_memory(t), born = t->child;
	struct task *c;

	if (t->hidden) {
		t->dying = true;
		t->has_status = false;
		task_resume(t, PTRACE_CONT, 0);
		return;
	}
	copier_settle(t, 0, ~0ull);
	/* It has made a task, and does not live to see it. Followers can make the same, unless they have heard already that
	 * its process ends. */
	if (t->child && (c = task_by_id(m, t->child))) {
		if (!t->p->ending && !task_regs(t))
			lead_announce_child(m, t, task_tid_for(t, c->tid), 0);
		else
			leave_unfollowed(m, c);
	}
	/* The call that it does not come back from, its own death perhaps: followers must be at the same. */
	if (t->phase == LEAD_CALL && !born && !t->entered_published && !t->execing && !t->vfork_parent &&
	    (!turns || t->naps) && !t->p->ending && !task_regs(t))
		publish_call(m, t, EV_ENTER, 0, 0);
	t->naps = false;
	ptrace(PTRACE_GETEVENTMSG, t->tid, 0, &status);
	publish_death(m, t, (int)status, turns || (t->in_mm && t->in_mm->ntasks > 1));
	t->phase = LEAD_EXITING;
	t->dying = true;
	t->has_status = false;
	task_resume(t, PTRACE_CONT, 0);
	/* The first thread of a process is not reaped before the others: nobody can wait for that. */
	if (t->tid == t->p->pid && t->in_mm && t->in_mm->dom->turn == t && t->p->ntasks > 1)
		lead_pass_turn(m, t->in_mm->dom);
}

void lead_on_dead(struct monitor *m, struct task *t, int status)
{
	struct mm *mm = t->in_mm ? mm_get(t->in_mm) : NULL;
	struct task *c = t->child ? task_by_id(m, t->child) : NULL;

	/* Nobody else will tell of it. */
	if (c && !c->announced)
		leave_unfollowed(m, c);
	if (t->p == m->root && t->tid == m->root->pid)
		m->root_status = status;
	if (!t->dying && t->id && !t->hidden)
		publish_death(m, t, status, false);
	lead_leave_mm(m, t);
	task_free(m, t);
	if (mm && !mm->dom->turn)
		lead_pass_turn(m, mm->dom);
	mm_put(mm);
}

