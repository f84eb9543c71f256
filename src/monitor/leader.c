/* leader.c - the monitor of the leader: lets calls run, and publishes what they did.
 *
 * A task stops at the entry of each call (seccomp) and at its exit. One event is published per call, at
 * its exit; where several tasks share memory, a call that may sleep, or before which a task gives way to others,
 * has an event at its entry as well, and only one of these tasks runs at a time: the one that holds the domain's
 * turn. What a task stopped for is handled when it has the turn, never before.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/proc.h"
#include "monitor/copier.h"
#include "monitor/given.h"
#include "monitor/leader.h"
#include "monitor/publish.h"
#include "monitor/shields/shields.h"
#include "monitor/start.h"
#include "monitor/store.h"
#include "show/names.h"

/* A person who watches sees a call that sleeps after so long. */
#define SHOW_NS    10000000u

/* ---- calls ---- */

static void call_begin(struct task *t, const struct __ptrace_syscall_info *info)
{
	t->nr = info->seccomp.nr;
	for (int i = 0; i < 6; i++)
		t->args[i] = info->seccomp.args[i];
	t->call_ip = info->instruction_pointer;
	t->call_flags = 0;
	t->in_captured = false;
	t->entered_published = false;
	t->child = 0;
	t->written = 0;
	t->patched_args = 0;
	t->unmoved = t->naps = false;
	t->entered = now_wall();
	if (info->seccomp.ret_data == 2)
		t->call_flags |= EVF_INT80;
	else if (shield_vdso_call(t))
		t->call_flags |= EVF_VDSO;
	t->row = t->call_flags & EVF_INT80 ? row_int80(t->nr) : row_find(t->nr, t->args, &t->scratch);
	if ((t->row->who & WHO_MASK) == UNKNOWN)
		t->call_flags |= EVF_UNKNOWN;
}

/* Answer a call without letting it run. The task stays at the seccomp stop; lead_go_user makes it skip. */
static void answer(struct monitor *m, struct task *t, int64_t result, uint32_t flags)
{
	task_regs(t);
	t->regs.orig_rax = -1;
	t->regs.rax = result;
	task_set_regs(t);
	lead_publish_result(m, t, result, flags | EVF_RUNS);
	lead_go_user(t);
}

static void note_call(struct monitor *m, struct task *t, int kind)
{
	if (t->call_flags & EVF_INT80)
		monitor_notef(m, kind, t->nr, "int 0x80 call %u", t->nr);
	else if (t->nr == SYS_ioctl)
		monitor_notef(m, kind, t->nr, "ioctl(%d, 0x%x)", (int)t->args[0], (unsigned)t->args[1]);
	else if (call_name(t->nr, 0))
		monitor_notef(m, kind, t->nr, "%s(0x%llx, 0x%llx)", call_name(t->nr, 0),
		              (unsigned long long)t->args[0], (unsigned long long)t->args[1]);
	else
		monitor_notef(m, kind, t->nr, "system call %u", t->nr);
}

static void note_once(struct monitor *m, struct task *t, int kind)
{
	static uint8_t told[2][1024];
	uint32_t at = t->nr % 1024;

	if (told[kind == NOTE_REFUSED][at] && (t->row->who & WHO_MASK) != UNKNOWN)
		return;
	told[kind == NOTE_REFUSED][at] = 1;
	note_call(m, t, kind);
}

/* ---- programs that may be executed, but not read ---- */

static bool traps_rdtsc(const struct monitor *m)
{
	return !(m->cfg->exposed & SRC_TSC) && m->tsc_traps;
}

static int trap_rdtsc(struct monitor *m, struct task *t, bool on)
{
	int64_t ret;

	return remote_call(m, t, t->call_ip - 2, &ret, SYS_prctl, PR_SET_TSC, on ? PR_TSC_SIGSEGV : PR_TSC_ENABLE, 0, 0, 0, 0);
}

/* The kernel would hide such a program's memory from a monitor without privileges, which could not tell a trap of
 * tandem's from a fault then. So it runs without: the traps go before the exec, which is made anew. */
static bool untrap_for_exec(struct monitor *m, struct task *t)
{
	char path[4200];

	if (!lead_is_exec(t->nr) || t->untrapped || t->call_flags & EVF_INT80)
		return false;
	if (!call_path(t, t->nr == SYS_execveat, path, sizeof(path)) || !faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) ||
	    errno != EACCES || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS))
		return false;
	if (traps_rdtsc(m) && trap_rdtsc(m, t, false))
		return false;
	t->untrapped = true;
	if (!traps_rdtsc(m))
		return false;
	task_make_again(t, t->call_ip - 2, t->nr);
	lead_go_user(t);
	return true;
}

/* It came to nothing. */
static void retrap(struct monitor *m, struct task *t)
{
	t->untrapped = false;
	if (traps_rdtsc(m) && trap_rdtsc(m, t, true) == 0)
		task_set_regs(t);
}

/* ---- calls that run ---- */

/* Whether a call's entry may be an event of its own. */
static bool has_two_sides(const struct task *t)
{
	return !(t->row->who & NORET) && !lead_makes_task(t->nr);
}

void lead_publish_entry(struct monitor *m, struct task *t)
{
	if (!t->in_captured)
		capture_in(m, t);
	task_regs(t);
	publish_call(m, t, EV_ENTER, 0, 0);
	t->entered_published = true;
}

/* A task that makes nothing but quick calls gives its turn up at one of them when others have waited for long: it
 * stays at that stop, and the call is looked at when it has the turn again. */
static bool gives_way(struct monitor *m, struct task *t)
{
	if (!has_two_sides(t) || (t->row->who & WHO_MASK) == EACH || t->call_flags & EVF_UNKNOWN ||
	    !lead_shares_memory(t))
		return false;
	if (!(t->row->who & QUICK) || !lead_turn_is_long(m, t)) {
		lead_turn_lives(t);
		return false;
	}
	lead_publish_entry(m, t);
	lead_stays_at_call(m, t);
	return true;
}

/* The call is about to run: what must be published or taken note of before it does. */
static void call_prepare(struct monitor *m, struct task *t)
{
	bool sleeps = !(t->row->who & QUICK);

	copier_before_call(t);
	lead_note_memory_call(t);
	if (!t->in_captured &&
	    (row_needs_entry(t->row) || row_overlaps(t->row, t->args) || lead_is_exec(t->nr) || lead_makes_task(t->nr)))
		capture_in(m, t);
	if (lead_makes_task(t->nr))
		shield_clone_leader(m, t);
	shield_madvise(t);
	if (!lead_shares_memory(t) || !sleeps || !has_two_sides(t) || t->entered_published)
		return;
	if (!lead_waits_to_settle(t)) {
		t->naps = lead_may_nap(m, t);
		if (!t->naps)
			lead_publish_entry(m, t);
		else
			task_regs(t);
	} else {
		capture_in(m, t);
		task_regs(t);
	}
}

/* t has gone on into its call: others have the turn once followers know that it may sleep. Where a word tells that it does,
 * its entry is published then, and again each time that the kernel makes the call anew: the word may have changed hands. */
static void call_runs(struct monitor *m, struct task *t)
{
	if (lead_waits_to_settle(t)) {
		if (!lead_settles(t))
			return;
		t->entered_published = false;
		lead_publish_sleeper(m, t);
	}
	if (t->entered_published)
		lead_pass_turn(m, t->in_mm->dom);
}

/* t stands at the entry of a call, which is decided upon now. */
static void make_call(struct monitor *m, struct task *t, const struct __ptrace_syscall_info *info)
{
	int64_t forced;

	if (t->call_flags & EVF_UNKNOWN)
		note_once(m, t, NOTE_UNKNOWN);
	switch (lead_filter(m, t, info, &forced)) {
	case FILTER_PASSES:  break;
	case FILTER_ANSWERS: answer(m, t, forced, EVF_ANSWERED | EVF_SKIPPED); return;
	case FILTER_ENDS:    return;
	}
	if (lead_seccomp_call(m, t, &forced) || shield_answers(m, t, &forced)) {
		if (t->call_flags & EVF_REFUSED)
			note_once(m, t, NOTE_REFUSED);
		answer(m, t, forced, EVF_ANSWERED);
		return;
	}
	if (shield_tells_time(m, t, &forced)) {
		answer(m, t, forced, 0);
		return;
	}
	if (untrap_for_exec(m, t) || lead_plan_outputs(m, t))
		return;
	call_prepare(m, t);
	lead_move_outputs(t);
	store_prepare_move(m, t);
	if (t->row->who & NORET && !lead_is_exec(t->nr) && t->nr != SYS_rt_sigreturn) {
		/* exit, exit_group: there is no other side. */
		task_regs(t);
		publish_call(m, t, EV_CALL, 0, EVF_RUNS);
		t->p->ending |= t->row == row_plain(SYS_exit_group);
		t->phase = LEAD_EXITING;
		task_resume(t, PTRACE_CONT, 0);
		return;
	}
	t->phase = LEAD_CALL;
	task_resume(t, PTRACE_SYSCALL, 0);
	call_runs(m, t);
}

static void on_call(struct monitor *m, struct task *t)
{
	struct __ptrace_syscall_info info;
	siginfo_t held;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, sizeof(info), &info) < 0 || info.op != PTRACE_SYSCALL_INFO_SECCOMP)
		return;
	if (!t->gave_way && !t->stops && lead_interrupted_call(t, &info))
		return;
	if (t->gave_way) {
		t->gave_way = false;
		/* There may be more whom it joins, who had nothing to do with each other so far. */
		if (!lead_joins(m, t))
			make_call(m, t, &info);
		return;
	}
	if (t->phase == LEAD_RESTART && (info.seccomp.nr == t->nr || info.seccomp.nr == SYS_restart_syscall)) {
		t->phase = LEAD_CALL;
		if (info.seccomp.nr == t->nr)
			lead_move_again(t);
		task_resume(t, PTRACE_SYSCALL, 0);
		call_runs(m, t);
		return;
	}
	if (t->p->foreign) {
		lead_filter_foreign(m, t, &info);
		return;
	}
	if (t->awaits_signal) {
		t->awaits_signal = false;
		lead_publish_run(m, t);
	}
	if (lead_stops_here(m, t, &info))
		return;
	if (t->mask_stale) {
		lead_refresh_mask(t);
		t->mask_stale = false;
	}
	call_begin(t, &info);
	if (lead_take_held(t, &held)) {
		lead_deliver_before_call(m, t, &held);
		return;
	}
	if (!gives_way(m, t) && !lead_joins(m, t))
		make_call(m, t, &info);
}

void lead_leave_mm(struct monitor *m, struct task *t)
{
	struct mm *mm = t->left_mm;

	if (!mm)
		return;
	t->left_mm = NULL;
	mm->leaving = false;
	if (!mm->dom->turn)
		lead_pass_turn(m, mm->dom);
	mm_put(mm);
}

/* After the image is published, or the breakpoint would be part of it. */
static void set_mark(struct monitor *m)
{
	struct task *t = task_by_id(m, 1);
	static bool done;

	if (done || !start_marked(m->cfg))
		return;
	done = true;
	if (start_set(m, t, m->cfg->spec[0].path))
		monitor_note(m, NOTE_WARNING, 0, "the leader's executable has no symbol main: other versions cannot start");
}

static void on_exec_done(struct monitor *m, struct task *t)
{
	struct event *e;
	int err;

	if (t->p->foreign) {
		/* Nobody follows it any more, whatever it executes. */
		t->execing = false;
		lead_go_user(t);
		lead_leave_mm(m, t);
		return;
	}
	task_regs(t);
	t->p->foreign = t->regs.cs != 0x33 || t->untrapped;
	if (!t->p->foreign) {
		t->p->mm->vdso = task_auxv(t, AT_SYSINFO_EHDR);
		shield_exec(m, t);
		task_regs(t);
	}
	e = publish_begin(m, t, EV_CALL, EVF_EXEC | EVF_RUNS | (t->p->foreign ? EVF_FOREIGN : 0) | t->call_flags);
	e->call = t->nr;
	e->entered = t->entered;
	e->other = t->p->pid;
	memcpy(e->args, t->args, sizeof(e->args));
	e->args[5] = proc_stat(t->tid, PROC_START_BRK);
	if (t->in_captured) {
		buf_add(&m->build, t->in.at, t->in.len);
		publish_event(m)->nparts += t->in_parts;
	}
	publish_part(m, PART_REGS, 0, 0, &t->regs, sizeof(t->regs));
	if (!t->p->foreign && (err = image_publish(m, t))) {
		publish_event(m)->flags |= EVF_UNKNOWN;
		monitor_notef(m, NOTE_WARNING, err, "process %d: no copy of its program can be made for the followers: %s",
		              t->p->pid, strerror(-err));
	}
	if (!t->p->foreign)
		shield_patch_image(m, t);
	publish_end(m, t);
	if (t->p->foreign)
		monitor_notef(m, NOTE_UNKNOWN, t->p->pid, "process %d executes a program that %s: it is not followed", t->p->pid,
		              t->untrapped ? "may not be read" : "is a 32-bit one");
	t->untrapped = false;
	lead_refresh_mask(t);
	process_exec_dispositions(t);
	t->ctid = t->robust = 0;
	t->execing = false;
	set_mark(m);
	lead_go_user(t);
	lead_leave_mm(m, t);
}

static void on_exec_event(struct monitor *m, struct task *t)
{
	/* The parent of a vfork runs from here on; but a follower's child must still find its memory as it was,
	 * so nobody in it goes on before the exec's event is out. */
	t->left_mm = mm_get(t->in_mm);
	t->left_mm->leaving = true;
	task_new_mm(m, t);
	t->execing = true;
	t->phase = LEAD_CALL;
	shield_forget_patches(t->p);
	task_resume(t, PTRACE_SYSCALL, 0);
}

/* The kernel's internal codes: whether the call is restarted, or interrupted, depends on the signal
 * that comes next. Nothing is published before that is known. */
static bool call_undecided(struct task *t, int64_t result)
{
	struct sig_state s;

	if (result >= -516 && result <= -512)
		return true;
	if (result != -EINTR || !(t->row->who & NORESTART))
		return false;
	return task_sig_state(t, &s) == 0 && s.pending & ~s.blocked && !(s.pending & ~s.blocked & s.caught);
}

/* What the kernel itself does not know has done nothing: its error is all that there is to hand on. */
static bool kernel_knows_neither(int64_t result)
{
	return result == -ENOSYS || result == -ENOTTY || result == -EINVAL || result == -EOPNOTSUPP || result == -EBADF;
}

static void on_call_done(struct monitor *m, struct task *t)
{
	uint32_t flags = EVF_RUNS;
	int64_t result;

	if (t->execing) {
		on_exec_done(m, t);
		return;
	}
	if (t->p->foreign) {
		lead_go_user(t);
		return;
	}
	if (task_regs(t))
		return;
	result = t->regs.rax;
	if (t->untrapped)
		retrap(m, t);
	shield_args_back(t);
	if (lead_makes_task(t->nr))
		shield_untraced_back(t); /* where nobody was born */
	if (lead_write_on(t, &result) || lead_outputs_refused(t, result))
		return;
	if (result == -EINTR && t->row->who & NORESTART && lead_woken_for_nothing(t)) {
		lead_reissue(t);
		return;
	}
	if (call_undecided(t, result)) {
		t->restart_result = result;
		t->phase = LEAD_RESTART;
		task_resume(t, PTRACE_CONT, 0);
		return;
	}
	if (t->vfork_parent) {
		t->vfork_parent = false;
		lead_publish_run(m, t);
		lead_go_user(t);
		return;
	}
	result = shield_result(m, t, result);
	lead_note_shared(m, t, result);
	if (kernel_knows_neither(result) && (t->row->who & WHO_MASK) == UNKNOWN)
		t->call_flags &= ~EVF_UNKNOWN;
	if (lead_signal_follows(t, result)) {
		flags = 0;
		t->awaits_signal = true;
	}
	if (t->child)
		lead_announce_child(m, t, result, flags);
	else
		lead_publish_result(m, t, result, flags);
	lead_go_user(t);
}

/* ---- stops ---- */

void lead_handle_stop(struct monitor *m, struct task *t, int status)
{
	int event = status >> 16, sig = WSTOPSIG(status);

	if (t->phase == LEAD_BORN && event != PTRACE_EVENT_EXIT) {
		lead_on_first_turn(m, t, status);
		return;
	}
	switch (event) {
	case PTRACE_EVENT_SECCOMP: on_call(m, t); return;
	case PTRACE_EVENT_CLONE:
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:   lead_on_birth(m, t, event); return;
	case PTRACE_EVENT_EXEC:    on_exec_event(m, t); return;
	case PTRACE_EVENT_EXIT:    lead_on_dying(m, t); return;
	case PTRACE_EVENT_STOP:    lead_on_group_stop(m, t, sig); return;
	}
	if (sig == (SIGTRAP | 0x80))
		on_call_done(m, t);
	else
		lead_on_signal(m, t, sig);
}

/* The thread of first's process that is in an exec, and whose number is nobody's any more. */
static struct task *taker_over(struct monitor *m, const struct task *first)
{
	for (struct task *t = NULL; (t = task_next(m, t));)
		if (t != first && t->p == first->p && t->phase == LEAD_CALL && lead_is_exec(t->nr) && !t->dying &&
		    !proc_stat(t->tid, PROC_STATE))
			return t;
	return NULL;
}

/* A thread other than the first makes an exec: all others are gone, and it has taken the first one's number over. */
static struct task *exec_takes_over(struct monitor *m, pid_t tid)
{
	struct task *first = task_by_tid(m, tid), *t;
	unsigned long former = tid;

	ptrace(PTRACE_GETEVENTMSG, tid, 0, &former);
	t = task_by_tid(m, former);
	if ((pid_t)former == tid)
		return first;
	/* Killed meanwhile, it has another message already: its exit status. */
	if (first && (!t || t->p != first->p))
		t = taker_over(m, first);
	if (!t)
		return first;
	if (first)
		task_free(m, first);
	task_retid(m, t, tid);
	t->leader_tid = tid;
	return t;
}

static void on_stop(struct monitor *m, pid_t tid, int status)
{
	struct task *t = task_by_tid(m, tid);

	/* One that is gone cannot stop: that is another thread, which SIGKILL met in its exec. */
	if (status >> 16 == PTRACE_EVENT_EXEC || (WIFSTOPPED(status) && t && t->dying))
		t = exec_takes_over(m, tid);
	if (WIFEXITED(status) || WIFSIGNALED(status)) {
		if (t)
			lead_on_dead(m, t, status);
		return;
	}
	if (!t) {
		/* A child that stops before its parent's event tells of it. */
		t = task_new(m, tid, NULL);
		t->phase = LEAD_BORN;
	}
	t->state = TASK_STOPPED;
	t->regs_valid = false;
	if (status >> 16 == PTRACE_EVENT_EXEC && task_at_its_end(t))
		return;
	/* Even a newborn's end comes after its birth. */
	if ((t->phase == LEAD_BORN && !t->announced) || (lead_needs_turn(t, status) && (lead_keeps_back(m, t) || !lead_has_turn(m, t)))) {
		lead_wait_for_turn(m, t, status);
		return;
	}
	lead_handle_stop(m, t, status);
}

/* ---- the tick ---- */

bool lead_publish_sleeper(struct monitor *m, struct task *t)
{
	if (t->entered_published || t->execing || t->vfork_parent || t->child || (t->row->who & QUICK) || !has_two_sides(t))
		return t->entered_published;
	if (!t->in_captured)
		capture_in(m, t);
	publish_call(m, t, EV_ENTER, 0, 0);
	t->entered_published = true;
	return true;
}

static void show_sleeper(struct monitor *m, struct task *t, uint64_t wall)
{
	if (!m->cfg->tracing || t->phase != LEAD_CALL || wall - t->entered < SHOW_NS || t->state != TASK_RUNNING)
		return;
	lead_publish_sleeper(m, t);
}

static void on_tick(struct monitor *m)
{
	uint64_t now, wall;

	if (!monitor_ticked())
		return;
	now = now_mono();
	wall = now_wall();
	for (struct task *t = NULL; (t = task_next(m, t));) {
		lead_adopt_orphan(m, t, now);
		lead_share_turn(m, t, now);
		show_sleeper(m, t, wall);
		lead_interrupt_held(m, t, now);
		lead_stop_late(t, now);
		lead_computes_on(m, t);
		lead_end_back(m, t, now);
		lead_end_long_nap(m, t, wall);
	}
}

/* ---- the run ---- */

static void first_exec(struct monitor *m, struct task *t)
{
	task_new_mm(m, t);
	t->nr = SYS_execve;
	t->row = row_plain(SYS_execve);
	t->entered = now_wall();
	lead_capture_root_exec(m, t);
	t->execing = true;
	on_exec_done(m, t);
}

_Noreturn void leader_main(struct monitor *m)
{
	struct task *t;
	int err, status;
	pid_t tid;

	const char *why = "ptrace does not work here";

	err = launch(m, &t);
	monitor_let_go(m);
	if (!err)
		err = launch_to_exec(m, t, &why);
	if (!err && task_regs(t) == 0 && t->regs.cs != 0x33) {
		err = -ENOEXEC;
	}
	if (err) {
		monitor_kill_all(m);
		if (err == -EMFILE || err == -ENFILE)
			why = "the monitors need more descriptors (ulimit -n)";
		monitor_note(m, NOTE_FAILED, err, why);
		stream_close(m->s);
		_exit(EXIT_TANDEM);
	}
	task_set_id(m, t, ++m->last_id);
	t->announced = true;
	monitor_note(m, NOTE_ROOT, t->tid, "");
	monitor_tick_start();
	/* xorshift knows no way out of 0. */
	m->rng = m->cfg->chaos_seed * 2 + 1;
	copier_start(m);
	if (m->cfg->recording)
		m->given = given_new();
	lead_publish_start(m, t);
	first_exec(m, t);
	while (m->ntasks) {
		tid = monitor_wait(m, &status, true);
		if (tid > 0)
			on_stop(m, tid, status);
		else if (tid < 0)
			break;
		on_tick(m);
		lead_on_alarm(m);
	}
	lead_publish_end(m);
	stream_close(m->s);
	lead_report_end(m);
	stream_drain(m->s);
	_exit(0);
}
