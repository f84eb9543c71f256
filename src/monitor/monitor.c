/* monitor.c - what both kinds of monitor share: waiting, notes to the coordinator, the tick. */
#define _GNU_SOURCE
#include "monitor/monitor.h"

#include <string.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

const struct source_name source_names[] = {
	{"vdso", SRC_VDSO, true}, {"pid", SRC_PID, true}, {"tsc", SRC_TSC, true},
	{"cpuid", SRC_CPUID, true}, {"rand", SRC_RAND, true}, {"cpu", SRC_CPU, true},
	{"auxv", SRC_AUXV, true}, {"aslr", SRC_ASLR, true}, {"rseq", SRC_RSEQ, true},
	{"uninit", SRC_UNINIT, true}, {NULL, 0, false}
};

void monitor_stash(struct monitor *m, pid_t tid, int status)
{
	if (m->nstash == m->roomstash) {
		m->roomstash = m->roomstash ? m->roomstash * 2 : 16;
		m->stash = xrealloc(m->stash, m->roomstash * sizeof(*m->stash));
	}
	m->stash[m->nstash++] = (struct stash){tid, status};
}

pid_t monitor_wait(struct monitor *m, int *ret_status, bool block)
{
	pid_t tid;

	if (m->nstash) {
		struct stash s = m->stash[0];

		memmove(m->stash, m->stash + 1, --m->nstash * sizeof(*m->stash));
		*ret_status = s.status;
		return s.tid;
	}
	tid = waitpid(-1, ret_status, __WALL | (block ? 0 : WNOHANG));
	return tid < 0 ? (errno == EINTR ? 0 : -errno) : tid;
}

void monitor_note(struct monitor *m, int kind, int64_t value, const char *text)
{
	size_t len = min_of(strlen(text), (size_t)NOTE_MAX - sizeof(struct note) - 1);
	struct note *n = xcalloc(1, sizeof(*n) + len + 1);

	n->kind = kind;
	n->version = m->version;
	n->value = value;
	memcpy(n->text, text, len);
	/* A coordinator that is gone takes us with it (PDEATHSIG): nothing to do about errors. */
	while (send(m->notes, n, sizeof(*n) + len + 1, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
	free(n);
}

void monitor_notef(struct monitor *m, int kind, int64_t value, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		die("out of memory");
	va_end(ap);
	monitor_note(m, kind, value, text);
	free(text);
}

static volatile sig_atomic_t ticked;

static void on_tick(int sig)
{
	(void)sig;
	ticked = 1;
}

bool monitor_ticked(void)
{
	bool yes = ticked;

	ticked = 0;
	return yes;
}

void monitor_tick_start(void)
{
	struct itimerval every = {{0, 10000}, {0, 10000}};
	struct sigaction sa = {.sa_handler = on_tick};

	/* No SA_RESTART: the tick is there to interrupt waits. */
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}

void monitor_pin(struct monitor *m)
{
	int count = CPU_COUNT(&m->cfg->cpus);
	int want, seen = 0;

	CPU_ZERO(&m->own_cpus);
	if (!m->cfg->cpu_known || !count)
		return;
	/* Runs that start at the same time must not all sit on the first core. */
	want = (getppid() + m->version) % count;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &m->cfg->cpus) && seen++ == want)
			CPU_SET(cpu, &m->own_cpus);
	sched_setaffinity(0, sizeof(m->own_cpus), &m->own_cpus);
}

void monitor_kill_all(struct monitor *m)
{
	int status;
	pid_t pid;

	for (struct task *t = NULL; (t = task_next(m, t));) {
		kill(t->tid, SIGKILL);
		/* One that is on the way out already, and that we hold there. */
		ptrace(PTRACE_CONT, t->tid, 0, 0);
	}
	/* Reaped here, or they would outlive this monitor for a moment. They stop once more, on the way out. */
	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR)
		if (pid > 0 && WIFSTOPPED(status))
			ptrace(PTRACE_CONT, pid, 0, 0);
}
