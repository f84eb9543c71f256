/* each.c - calls that every version executes on itself: memory, births, deaths. */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "monitor/follower.h"
#include "monitor/shields/shields.h"

static bool failed(int64_t r)
{
	return r < 0 && r > -4096;
}

/* Run the call with other arguments; the program's own are back in the registers afterwards. */
static int run_with(struct monitor *m, struct task *t, long nr, const uint64_t a[6], int64_t *ret)
{
	int err = remote_instead(m, t, ret, nr, a[0], a[1], a[2], a[3], a[4], a[5]);

	t->at = AT_DONE;
	return err ? err : task_set_regs(t);
}

/* The kernel's own break belongs to tandem's start code: the program's is emulated. */
static int each_brk(struct monitor *m, struct task *t, const struct event *e, int64_t *ret)
{
	struct mm *mm = t->p->mm;
	uint64_t from = page_up(mm->brk), to = e ? page_up(e->result) : 0;
	int err = 0;

	if (mm->own_brk)
		return follower_run_call(m, t, ret);
	if (mm->own_layout || t->other_args) {
		/* Its own place, as much longer or shorter as the leader's. */
		to = page_up(t->args[0] ? t->args[0] : mm->brk);
		*ret = t->args[0] ? t->args[0] : mm->brk;
		if (t->args[0] && t->args[0] < mm->brk_start)
			*ret = mm->brk, to = from;
	} else {
		*ret = e->result;
	}
	if (to > from) {
		uint64_t a[6] = {from, to - from, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0};
		int64_t at;

		err = run_with(m, t, SYS_mmap, a, &at);
		if (!err && failed(at))
			return at;
	} else if (to < from) {
		uint64_t a[6] = {to, from - to};
		int64_t at;

		err = run_with(m, t, SYS_munmap, a, &at);
	}
	mm->brk = *ret;
	if (!err && (from == to)) {
		t->has_result = true;
		t->result = *ret;
	} else if (!err) {
		t->regs.rax = *ret;
		err = task_set_regs(t);
	}
	return err;
}

static int each_mmap(struct monitor *m, struct task *t, const struct event *e, int64_t *ret, const char **ret_why)
{
	uint64_t a[6];

	memcpy(a, t->args, sizeof(a));
	if (!(a[3] & MAP_ANONYMOUS))
		return rebuild_mapping(m, t, e, ret, ret_why);
	if (t->other_args)
		return follower_run_call(m, t, ret);
	mm_unmap(t->p->mm, e->result, e->result + page_up(a[1]));
	if (t->p->mm->own_layout)
		return follower_run_call(m, t, ret);
	a[0] = e->result;
	/* The leader's kernel chose a free place: here it is free, too. */
	a[3] = (a[3] & ~(uint64_t)MAP_FIXED_NOREPLACE) | MAP_FIXED;
	return run_with(m, t, SYS_mmap, a, ret);
}

static int each_mremap(struct monitor *m, struct task *t, const struct event *e, int64_t *ret, const char **ret_why)
{
	uint64_t a[6];

	int err;

	memcpy(a, t->args, sizeof(a));
	if (t->p->mm->own_layout || t->other_args)
		return follower_run_call(m, t, ret);
	if ((uint64_t)e->result == a[0]) {
		err = follower_run_call(m, t, ret);
	} else {
		a[3] |= MREMAP_MAYMOVE | MREMAP_FIXED;
		a[4] = e->result;
		err = run_with(m, t, SYS_mremap, a, ret);
	}
	return err || failed(*ret) ? err : rebuild_growth(m, t, e, *ret, ret_why);
}

static int each_madvise(struct monitor *m, struct task *t, int64_t *ret)
{
	int err;

	t->patched_args = 0;
	shield_madvise(t);
	err = follower_run_call(m, t, ret);
	if (!err)
		shield_args_back(t);
	return err;
}

static int each_shmdt(struct monitor *m, struct task *t, int64_t *ret)
{
	const struct mapping *map = mm_segment(t->p->mm, t->args[0]);
	uint64_t a[6] = {t->args[0]};

	if (!map)
		return -EINVAL;
	a[1] = map->end - map->start;
	mm_unmap(t->p->mm, a[0], a[0] + a[1]);
	return run_with(m, t, SYS_munmap, a, ret);
}

static int each_exit(struct monitor *m, struct task *t)
{
	t->exits = true;
	if (t->nr == SYS_exit_group)
		t->p->exits = true;
	follower_go(m, t, 0);
	return 0;
}

int each_run(struct monitor *m, struct task *t, const struct event *e, int64_t *ret, const char **ret_why)
{
	switch (t->nr) {
	case SYS_exit:
	case SYS_exit_group: return each_exit(m, t);
	case SYS_brk:        return each_brk(m, t, e, ret);
	case SYS_mmap:       return each_mmap(m, t, e, ret, ret_why);
	case SYS_mremap:     return each_mremap(m, t, e, ret, ret_why);
	case SYS_madvise:    return each_madvise(m, t, ret);
	case SYS_shmat:      return rebuild_mapping(m, t, e, ret, ret_why);
	case SYS_shmdt:      return each_shmdt(m, t, ret);
	}
	return follower_run_call(m, t, ret);
}

/* ---- limits ---- */

static struct task *by_leader_tid(const struct monitor *m, pid_t tid)
{
	for (struct task *t = NULL; (t = task_next(m, t));)
		if (t->leader_tid == tid && t->state != TASK_DEAD)
			return t;
	return NULL;
}

int each_stack_limit(struct monitor *m, struct task *t)
{
	bool other = t->nr == SYS_prlimit64;
	uint64_t at = t->args[other ? 2 : 1];
	struct rlimit limit;
	struct task *whose = other && t->args[0] ? by_leader_tid(m, t->args[0]) : t;

	if ((!other && t->nr != SYS_setrlimit) || t->args[other] != RLIMIT_STACK || !at || !whose)
		return 0;
	if (guest_read(t, at, &limit, sizeof(limit)))
		return -EFAULT;
	return prlimit(whose->tid, RLIMIT_STACK, &limit, NULL) < 0 ? -errno : 0;
}

/* ---- births ---- */

/* The child is the monitor's, so that it is reaped there and no SIGCHLD arises; ids are the leader's, so the
 * kernel writes none; the parent of a vfork waits for its event, not in the kernel. */
#define KEEP_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS)

static struct task *adopt(struct monitor *m, struct task *t, pid_t tid, const struct event *e,
                          const struct clone_call *call)
{
	struct task *c = task_by_tid(m, tid);
	struct mm *mm;

	if (!c) {
		c = task_new(m, tid, NULL);
		c->at = AT_RUNNING;
	}
	if (call->flags & CLONE_THREAD) {
		c->p = t->p;
	} else {
		mm = call->flags & CLONE_VM ? mm_get(t->p->mm) : mm_fork(m, t->p->mm, tid);
		c->p = process_new(tid, mm);
		c->p->leader_pid = e->result;
		c->p->filtered = t->p->filtered;
		c->p->cookies = cookies_copy(t->p->cookies);
		shield_fork(t->p, c->p);
		memcpy(c->p->trapped, t->p->trapped, sizeof(c->p->trapped));
		if (call->flags & CLONE_CLEAR_SIGHAND)
			process_clear_handlers(c->p);
	}
	c->p->ntasks++;
	task_use_mm(c, c->p->mm);
	task_set_id(m, c, e->other);
	c->leader_tid = e->result;
	c->first_run = true;
	c->ctid = call->flags & CLONE_CHILD_CLEARTID ? call->ctid : 0;
	c->settid = call->flags & CLONE_CHILD_SETTID ? call->ctid : 0;
	c->sigmask = t->sigmask;
	c->no_tsc = t->no_tsc;
	memcpy(c->args, t->args, sizeof(c->args));
	return c;
}

/* Registers for the birth. Only clone3 can take the handlers away, and its structure needs room that the kernel can
 * read: that of the program's own, of which `old` gets what is there. */
static int birth_call(struct task *t, const struct clone_call *call, uint64_t *ret_room, struct clone_args *old)
{
	uint64_t flags = (call->flags & KEEP_FLAGS) | (call->flags & CLONE_THREAD ? 0 : CLONE_PARENT);
	struct clone_args a = {.flags = flags | CLONE_CLEAR_SIGHAND, .tls = call->tls};
	int err;

	*ret_room = 0;
	if (!(call->flags & CLONE_CLEAR_SIGHAND)) {
		t->regs.orig_rax = SYS_clone;
		t->regs.rdi = flags;
		t->regs.rsi = call->stack;
		t->regs.rdx = t->regs.r10 = 0;
		t->regs.r8 = call->tls;
		return task_set_regs(t);
	}
	if (call->stack) {
		a.stack = call->stack - 16;
		a.stack_size = 16;
	}
	*ret_room = t->args[0];
	if ((err = guest_read(t, *ret_room, old, CLONE_ARGS_SIZE_VER0)) ||
	    (err = guest_write(t, *ret_room, &a, CLONE_ARGS_SIZE_VER0)))
		return err;
	t->regs.orig_rax = SYS_clone3;
	t->regs.rdi = *ret_room;
	t->regs.rsi = CLONE_ARGS_SIZE_VER0;
	return task_set_regs(t);
}

int each_birth(struct monitor *m, struct task *t, const struct event *e, const char **ret_why)
{
	struct user_regs_struct want;
	struct clone_args old;
	struct clone_call call;
	unsigned long tid = 0;
	struct task *c;
	uint64_t room;
	int err, status;

	*ret_why = "the birth of a task";
	if ((err = clone_parse(t, &call)) || (err = task_regs(t)))
		return err;
	want = t->regs;
	if ((err = birth_call(t, &call, &room, &old)))
		return err;
	for (;;) {
		if ((err = task_resume(t, PTRACE_SYSCALL, 0)) || (err = task_wait(m, t, &status)))
			return err;
		if (status >> 8 == (SIGTRAP | 0x80))
			break;
		if (status >> 16 == PTRACE_EVENT_CLONE || status >> 16 == PTRACE_EVENT_FORK ||
		    status >> 16 == PTRACE_EVENT_VFORK)
			ptrace(PTRACE_GETEVENTMSG, t->tid, 0, &tid);
	}
	if ((err = task_regs(t)))
		return err;
	if (!tid)
		return failed(t->regs.rax) ? (int)t->regs.rax : -ECHILD;
	c = adopt(m, t, tid, e, &call);
	if (room && ((err = guest_write(t, room, &old, CLONE_ARGS_SIZE_VER0)) ||
	             (err = guest_write(c, room, &old, CLONE_ARGS_SIZE_VER0))))
		return err;
	want.rcx = t->regs.rcx;
	want.r11 = t->regs.r11;
	want.rax = m->cfg->exposed & SRC_PID ? tid : (uint64_t)e->result;
	t->regs = want;
	t->at = AT_DONE;
	if (!(m->cfg->exposed & SRC_PID))
		follower_scatter(m, t, e);
	return task_set_regs(t);
}
