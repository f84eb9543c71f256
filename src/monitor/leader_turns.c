/* leader_turns.c - who of those that share an address space may run: see leader.h. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "monitor/leader.h"
#include "monitor/publish.h"

/* A task that computes for so long without a call shares its turn; so does one that is off the processor for
 * longer still (a page that comes over a network, a call thought quick that sleeps). That is counted in ticks: a monitor
 * that waited for room in the stream has not seen its tasks meanwhile. */
#define SHARE_NS     20000000u
#define SHARE_TICKS  20
/* A task that makes quick calls only gives its turn up at one of them after so long. */
#define LONG_TURN_NS 2000000u

bool lead_shares_memory(const struct task *t)
{
	return t->in_mm && t->in_mm->ntasks > 1;
}

bool lead_has_turn(struct task *t)
{
	struct mm *mm = t->in_mm;

	if (mm && mm->leaving)
		return false;
	if (!mm || mm->ntasks < 2 || mm->turn == t)
		return true;
	if (mm->turn)
		return false;
	mm->turn = t;
	mm->turn_since = mm->turn_lives = now_mono();
	return true;
}

static struct task *longest_waiting(const struct mm *mm)
{
	struct task *best = NULL;

	for (struct task *t = mm->tasks; t; t = t->next_mm)
		if (t->has_status && (t->phase != LEAD_BORN || t->announced) &&
		    (!best || t->waits_since < best->waits_since))
			best = t;
	return best;
}

bool lead_turn_is_long(const struct task *t)
{
	const struct mm *mm = t->in_mm;

	return mm && mm->turn == t && longest_waiting(mm) && now_mono() - mm->turn_since > LONG_TURN_NS;
}

void lead_turn_lives(struct task *t)
{
	if (t->in_mm->turn == t)
		t->in_mm->turn_lives = now_mono();
}

bool lead_needs_turn(const struct task *t, int status)
{
	int event = status >> 16;

	/* Who was stopped in the program's code runs it again when that is over. */
	if (event == PTRACE_EVENT_STOP)
		return t->phase == LEAD_BORN || (t->phase == LEAD_USER && WSTOPSIG(status) == SIGTRAP);
	return event != PTRACE_EVENT_EXIT;
}

bool lead_handle_waiting(struct monitor *m, struct task *t)
{
	t->has_status = false;
	if (t->status >> 16 != PTRACE_EVENT_EXIT && task_at_its_end(t))
		return false;
	lead_handle_stop(m, t, t->status);
	return true;
}

/* Give the turn up; who waits longest gets it, and handles what it stopped for. */
void lead_pass_turn(struct monitor *m, struct mm *mm)
{
	struct task *next;

	do {
		mm->turn = NULL;
		next = mm->leaving ? NULL : longest_waiting(mm);
		if (!next)
			return;
		must(lead_has_turn(next));
	} while (!lead_handle_waiting(m, next));
}

void lead_wait_for_turn(struct task *t, int status)
{
	t->status = status;
	t->has_status = true;
	t->waits_since = now_mono();
}

void lead_publish_result(struct monitor *m, struct task *t, int64_t result, uint32_t flags)
{
	publish_call(m, t, t->entered_published ? EV_LEAVE : EV_CALL, result, flags);
}

/* Events between which tasks take turns must say where a task goes on. */
void lead_publish_run(struct monitor *m, struct task *t)
{
	publish_begin(m, t, EV_RUN, EVF_RUNS);
	publish_end(m, t);
}

void lead_go_user(struct task *t)
{
	t->phase = LEAD_USER;
	task_resume(t, PTRACE_CONT, 0);
}

void lead_share_turn(struct monitor *m, struct task *t, uint64_t now)
{
	struct mm *mm = t->in_mm;

	/* The turn may be younger than `now`: it was passed in this very tick. */
	if (!mm || mm->turn != t || t->state != TASK_RUNNING || now < mm->turn_lives + SHARE_NS)
		return;
	/* Who has made exit_group is off to its end, and so are all others: nobody's turn comes any more. */
	if (t->p->ending || !longest_waiting(mm))
		return;
	if (t->turn_cpu_since != mm->turn_lives) {
		/* The first tick that finds somebody waiting: from here on its CPU time counts, and time does. */
		t->turn_cpu = task_cpu(t, 0);
		t->turn_cpu_since = mm->turn_lives;
		t->turn_ticks = 0;
		return;
	}
	if (task_cpu(t, 0) - t->turn_cpu < SHARE_NS - 10000000u && ++t->turn_ticks < SHARE_TICKS)
		return;
	m->shared_turns++;
	lead_pass_turn(m, mm);
}
