/* leader_turns.c - who of those that share memory may run: see leader.h. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "monitor/leader.h"
#include "monitor/publish.h"

/* A task that computes for so long without a call is stopped where it is, and others have the turn. */
#define SHARE_NS     10000000u
/* One that cannot be stopped, or is in a call thought quick for so long, shares its turn. That is counted in ticks, too: a
 * monitor that waited for room in the stream has not seen its tasks meanwhile. */
#define SHARE_TICKS  20
#define STUCK_NS     200000000u
/* One that has been told to stop and has not after so long never does. */
#define STUCK_STOP_NS 2000000000u
/* A task that makes quick calls only gives its turn up at one of them after so long. */
#define LONG_TURN_NS 2000000u

bool lead_shares_memory(const struct task *t)
{
	return t->in_mm && t->in_mm->dom->ntasks > 1 && !t->in_mm->dom->free;
}

bool lead_takes_turn(struct task *t)
{
	struct domain *d = t->in_mm->dom;

	if (d->turn)
		return false;
	d->turn = t;
	d->turn_since = d->turn_lives = now_mono();
	return true;
}

bool lead_has_turn(struct monitor *m, struct task *t)
{
	struct domain *d = t->in_mm ? t->in_mm->dom : NULL;

	if (d && t->in_mm->leaving)
		return false;
	if (!d || d->ntasks < 2 || d->free || d->turn == t)
		return true;
	lead_end_nap(m, d);
	return lead_takes_turn(t);
}

/* ---- chaos ---- */

/* A task that comes back from a call is kept back for so long at most, so that others may overtake it. */
#define CHAOS_BACK_NS 20000000u

bool lead_chance(struct monitor *m, unsigned one_in)
{
	return m->cfg->chaos && rng_next(&m->rng) % one_in == 0;
}

bool lead_keeps_back(struct monitor *m, struct task *t)
{
	if (t->phase != LEAD_CALL || !lead_shares_memory(t) || t->in_mm->dom->turn == t || !lead_chance(m, 8))
		return false;
	t->kept_back = now_mono() + rng_next(&m->rng) % CHAOS_BACK_NS;
	return true;
}

void lead_end_back(struct monitor *m, struct task *t, uint64_t now)
{
	if (!t->kept_back || t->kept_back > now)
		return;
	t->kept_back = 0;
	if (t->has_status && !t->in_mm->dom->turn)
		lead_pass_turn(m, t->in_mm->dom);
}

/* ---- turns ---- */

static bool is_waiting(const struct task *t)
{
	return t->has_status && !t->in_mm->leaving && (t->phase != LEAD_BORN || t->announced) && !t->kept_back;
}

static bool somebody_waits(const struct domain *d)
{
	for (const struct task *t = d->tasks; t; t = t->next_dom)
		if (is_waiting(t))
			return true;
	return false;
}

/* Who waits longest; with --chaos anybody. */
static struct task *next_in_line(struct monitor *m, const struct domain *d)
{
	struct task *best = NULL;
	unsigned n = 0;

	for (struct task *t = d->tasks; t; t = t->next_dom) {
		if (!is_waiting(t))
			continue;
		if (m->cfg->chaos ? lead_chance(m, ++n) : !best || t->waits_since < best->waits_since)
			best = t;
	}
	return best;
}

bool lead_keeps_waiting(const struct task *t)
{
	return t->in_mm && t->in_mm->dom->turn == t && somebody_waits(t->in_mm->dom);
}

bool lead_turn_is_long(struct monitor *m, const struct task *t)
{
	if (!lead_keeps_waiting(t))
		return false;
	return lead_chance(m, 4) || now_mono() - t->in_mm->dom->turn_since > LONG_TURN_NS;
}

void lead_turn_lives(struct task *t)
{
	if (t->in_mm->dom->turn == t)
		t->in_mm->dom->turn_lives = now_mono();
}

/* ---- naps ---- */

/* Most calls that may sleep do not, or nobody wants to run meanwhile. Then one event says all, as for a task without others;
 * that the call was entered is published only when the turn goes to somebody else, and before that. */

#define NAP_NS 10000000u

bool lead_may_nap(const struct monitor *m, const struct task *t)
{
	return !m->cfg->chaos && t->in_mm->dom->turn == t && !somebody_waits(t->in_mm->dom);
}

void lead_end_nap(struct monitor *m, struct domain *d)
{
	struct task *t = d->turn;

	if (!t || !t->naps)
		return;
	t->naps = false;
	if (lead_publish_sleeper(m, t))
		d->turn = NULL;
}

void lead_end_long_nap(struct monitor *m, struct task *t, uint64_t wall)
{
	if (t->naps && t->state == TASK_RUNNING && wall - t->entered > NAP_NS)
		lead_pass_turn(m, t->in_mm->dom);
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
void lead_pass_turn(struct monitor *m, struct domain *d)
{
	struct task *next;

	lead_end_nap(m, d);
	do {
		d->turn = NULL;
		next = next_in_line(m, d);
		if (!next)
			return;
		must(lead_has_turn(m, next));
	} while (!lead_handle_waiting(m, next));
	lead_look_soon(m, d);
}

/* ---- those who keep others waiting ---- */

/* A task that others wait for is looked at after so long: does it only wait, itself, for one of them? */
#define LOOK_NS 500000u

static uint64_t look_after(const struct task *t)
{
	return max_of(t->in_mm->look_after, (uint64_t)LOOK_NS);
}

void lead_look_soon(struct monitor *m, struct domain *d)
{
	if (m->looks_soon || !d->turn || !somebody_waits(d))
		return;
	m->looks_soon = true;
	monitor_alarm(LOOK_NS);
}

/* A round is many stops, each of which may take as long as another program's slice where the processor is busy, and
 * signals may come faster than it gets round. So what computes is looked at ever less often. */
void lead_looked(struct task *t, bool spins)
{
	t->in_mm->look_after = spins ? 0 : min_of(4 * look_after(t), (uint64_t)SHARE_NS);
}

bool lead_looks(struct task *t)
{
	return look_after(t) < SHARE_NS || ++t->in_mm->unlooked % 8 == 0;
}

static bool keeps_computing(const struct task *t)
{
	return lead_keeps_waiting(t) && t->state == TASK_RUNNING && t->phase == LEAD_USER && !t->awaits_signal &&
	       !t->preempted && !t->interrupted && !t->stops && !t->p->foreign && !t->p->ending;
}

/* How long, in ns, until t is to be looked at, 0: now. ~0: there is nothing more to look at in this turn. */
static uint64_t look_in(const struct task *t, uint64_t now)
{
	uint64_t since = now - t->in_mm->dom->turn_lives;

	if (t->looked == t->in_mm->dom->turn_lives || look_after(t) >= SHARE_NS)
		return ~0ull;
	return since < look_after(t) ? look_after(t) - since : 0;
}

/* The first time that somebody is seen to wait for t in this turn: from here on its CPU time counts, and time does. */
static bool begins_to_count(struct task *t)
{
	if (t->turn_cpu_since == t->in_mm->dom->turn_lives)
		return false;
	t->turn_cpu = task_cpu(t, 0);
	t->turn_cpu_since = t->in_mm->dom->turn_lives;
	t->turn_ticks = 0;
	return true;
}

/* The same for the end of its turn. */
static uint64_t share_in(struct task *t)
{
	uint64_t slice = lead_slice(t, SHARE_NS), used;

	if (t->in_mm->pointless)
		return ~0ull;
	used = begins_to_count(t) ? 0 : task_cpu(t, 0) - t->turn_cpu;
	return used + LOOK_NS < slice ? slice - used : 0;
}

/* How long until t is to be looked at again. */
static uint64_t look_at(struct task *t, uint64_t now)
{
	uint64_t look, share;

	if (!keeps_computing(t))
		return ~0ull;
	look = look_in(t, now);
	share = share_in(t);
	if (look && share)
		return min_of(look, share);
	t->looked = t->in_mm->dom->turn_lives;
	t->looks = !look;
	t->preempts = !share;
	lead_interrupt(t);
	return share ? share : ~0ull;
}

void lead_on_alarm(struct monitor *m)
{
	uint64_t soonest = ~0ull;

	if (!monitor_alarmed())
		return;
	m->looks_soon = false;
	for (struct task *t = NULL; (t = task_next(m, t));)
		soonest = min_of(soonest, look_at(t, now_mono()));
	if (soonest == ~0ull)
		return;
	m->looks_soon = true;
	monitor_alarm(max_of(soonest, (uint64_t)LOOK_NS));
}

/* ---- */

void lead_wait_for_turn(struct monitor *m, struct task *t, int status)
{
	t->status = status;
	t->has_status = true;
	t->waits_since = now_mono();
	if (t->in_mm)
		lead_look_soon(m, t->in_mm->dom);
}

void lead_stays_at_call(struct monitor *m, struct task *t)
{
	t->gave_way = true;
	lead_wait_for_turn(m, t, PTRACE_EVENT_SECCOMP << 16 | SIGTRAP << 8 | 0x7f);
	if (!t->in_mm->dom->turn || t->in_mm->dom->turn == t)
		lead_pass_turn(m, t->in_mm->dom);
}

void lead_publish_result(struct monitor *m, struct task *t, int64_t result, uint32_t flags)
{
	t->naps = false;
	lead_land_outputs(t, result);
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

/* Whether t, in a call or on its way to a signal, does not come back. */
static bool is_stuck(const struct task *t)
{
	return t->turn_ticks >= SHARE_TICKS && (t->phase != LEAD_CALL || now_wall() - t->entered > STUCK_NS);
}

/* Whether t, which computes and makes others wait, has to be stopped for that. Signals that come every millisecond may
 * leave it little time of the processor's. */
static bool has_computed(struct monitor *m, struct task *t)
{
	return lead_chance(m, 2) || (t->turn_ticks > 5 && now_mono() - t->turn_cpu_since > lead_slice(t, 0)) ||
	       task_cpu(t, 0) - t->turn_cpu >= lead_slice(t, SHARE_NS);
}

void lead_share_turn(struct monitor *m, struct task *t, uint64_t now)
{
	struct domain *d = t->in_mm ? t->in_mm->dom : NULL;

	/* The turn may be younger than `now`: it was passed in this very tick. */
	if (!d || d->turn != t || t->state != TASK_RUNNING || t->preempted || now < d->turn_lives + SHARE_NS)
		return;
	/* Who has made exit_group is off to its end, and so are all others: nobody's turn comes any more. */
	if (t->p->ending || !somebody_waits(d))
		return;
	if (begins_to_count(t))
		return;
	t->turn_ticks++;
	if (t->phase != LEAD_USER || t->awaits_signal) {
		if (!is_stuck(t))
			return;
	} else {
		if (!has_computed(m, t))
			return;
		t->preempts = true;
		if (!t->in_mm->pointless)
			lead_interrupt(t);
		if (t->interrupted && now < t->interrupted_at + STUCK_STOP_NS)
			return;
	}
	m->shared_turns++;
	lead_goes(m, t);
	lead_pass_turn(m, d);
}
