/* gdb_watch.c - see gdb_watch.h. */
#define _GNU_SOURCE
#include "monitor/gdb_watch.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEBUG_REGISTER(n) (offsetof(struct user, u_debugreg) + (n) * sizeof(((struct user *)0)->u_debugreg[0]))

/* ---- whether they do anything ---- */

static volatile int watched;

/* Ticks interrupt it. */
static pid_t wait_for(pid_t pid, int *ret_status)
{
	pid_t got;

	do
		got = waitpid(pid, ret_status, __WALL);
	while (got < 0 && errno == EINTR);
	return got;
}

/* Stops of a child up to its end: true if one is of a debug register. */
static bool child_traps(pid_t pid)
{
	siginfo_t info;
	bool traps = false;
	int status;

	while (wait_for(pid, &status) == pid && WIFSTOPPED(status)) {
		if (WSTOPSIG(status) == SIGSTOP) {
			ptrace(PTRACE_POKEUSER, pid, DEBUG_REGISTER(0), &watched);
			ptrace(PTRACE_POKEUSER, pid, DEBUG_REGISTER(7), 1 | WATCH_WRITE << 16 | 3 << 18);
		} else if (WSTOPSIG(status) == SIGTRAP && ptrace(PTRACE_GETSIGINFO, pid, 0, &info) == 0) {
			traps |= info.si_code == TRAP_HWBKPT;
		}
		ptrace(PTRACE_CONT, pid, 0, 0);
	}
	return traps;
}

static bool probe(void)
{
	pid_t pid;

	/* For tests, on machines that have them. */
	if (getenv("TANDEM_NO_WATCHPOINTS"))
		return false;
	pid = fork();
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) < 0)
			_exit(1);
		raise(SIGSTOP);
		watched = 1;
		_exit(0);
	}
	return pid > 0 && child_traps(pid);
}

/* ---- debug registers ---- */

static int set_registers(const struct watches *s, const struct task *t)
{
	uint64_t control = 0;
	int err = 0;

	if (s->by_steps)
		return 0;
	/* Off first: the kernel refuses what makes no sense together with what is still on. */
	ptrace(PTRACE_POKEUSER, t->tid, DEBUG_REGISTER(7), 0);
	for (int i = 0; i < WATCHES; i++) {
		const struct watch *w = &s->w[i];
		/* 1, 2, 8 and 4 bytes are 0, 1, 2 and 3. */
		uint64_t len = w->len == 8 ? 2 : w->len == 4 ? 3 : w->len - 1u;

		if (!w->used)
			continue;
		if (ptrace(PTRACE_POKEUSER, t->tid, DEBUG_REGISTER(i), w->at) < 0)
			err = -EINVAL;
		control |= 1ull << (2 * i) | (uint64_t)w->kind << (16 + 4 * i) | len << (18 + 4 * i);
	}
	if (control && ptrace(PTRACE_POKEUSER, t->tid, DEBUG_REGISTER(7), control) < 0)
		err = -EINVAL;
	return err;
}

static int set_all(const struct watches *s, const struct monitor *m, const struct process *p)
{
	int err = 0;

	for (struct task *t = NULL; (t = task_next(m, t));)
		if (t->p == p && t->at != AT_DEAD && set_registers(s, t))
			err = -EINVAL;
	return err;
}

/* ---- */

static struct task *any_task(const struct monitor *m, const struct process *p)
{
	struct task *t = NULL;

	while ((t = task_next(m, t)) && (t->p != p || t->at == AT_DEAD))
		;
	return t;
}

int watch_add(struct watches *s, const struct monitor *m, struct process *p, uint64_t at, uint64_t len, enum watch_kind kind)
{
	struct task *t = any_task(m, p);
	struct watch *w = s->w;

	if (!s->probed)
		s->by_steps = !probe();
	s->probed = true;
	if (!t || (len != 1 && len != 2 && len != 4 && len != 8) || at % len)
		return -EINVAL;
	if (s->by_steps && kind != WATCH_WRITE)
		return -ENOTSUP;
	while (w < s->w + WATCHES && w->used)
		w++;
	if (w == s->w + WATCHES)
		return -ENOSPC;
	*w = (struct watch){.at = at, .len = len, .kind = kind, .used = true};
	if (guest_read(t, at, w->was, len) == 0 && set_all(s, m, p) == 0)
		return 0;
	w->used = false;
	set_all(s, m, p);
	return -EINVAL;
}

void watch_remove(struct watches *s, const struct monitor *m, struct process *p, uint64_t at, uint64_t len, enum watch_kind kind)
{
	for (struct watch *w = s->w; w < s->w + WATCHES; w++)
		if (w->used && w->at == at && w->len == len && w->kind == kind)
			w->used = false;
	set_all(s, m, p);
}

void watch_remove_all(struct watches *s, const struct monitor *m, struct process *p)
{
	memset(s->w, 0, sizeof(s->w));
	set_all(s, m, p);
}

void watch_newborn(const struct watches *s, struct task *t)
{
	set_registers(s, t);
}

static bool any(const struct watches *s)
{
	bool used = false;

	for (int i = 0; i < WATCHES; i++)
		used |= s->w[i].used;
	return used;
}

bool watch_steps(const struct watches *s)
{
	return s->by_steps && any(s);
}

static bool has_changed(struct watch *w, struct task *t)
{
	uint8_t now[8];

	if (guest_read(t, w->at, now, w->len) || !memcmp(now, w->was, w->len))
		return false;
	memcpy(w->was, now, w->len);
	return true;
}

const struct watch *watch_hit(struct watches *s, struct task *t)
{
	uint64_t status = 0;

	if (!any(s))
		return NULL;
	if (!s->by_steps) {
		status = ptrace(PTRACE_PEEKUSER, t->tid, DEBUG_REGISTER(6), 0);
		ptrace(PTRACE_POKEUSER, t->tid, DEBUG_REGISTER(6), 0);
	}
	for (int i = 0; i < WATCHES; i++) {
		struct watch *w = &s->w[i];

		/* What a call writes no debug register sees. */
		if (w->used && ((w->kind == WATCH_WRITE && has_changed(w, t)) || status >> i & 1))
			return w;
	}
	return NULL;
}
