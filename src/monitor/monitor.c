/* monitor.c - what both kinds of monitor share: waiting, notes to the coordinator, the tick. */
#define _GNU_SOURCE
#include "monitor/monitor.h"

#include <signal.h>
#include <string.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>


const struct source_name source_names[] = {
	{"vdso", SRC_VDSO}, {"pid", SRC_PID}, {"tsc", SRC_TSC},
	{"cpuid", SRC_CPUID}, {"rand", SRC_RAND}, {"cpu", SRC_CPU},
	{"auxv", SRC_AUXV}, {"aslr", SRC_ASLR}, {"rseq", SRC_RSEQ},
	{"uninit", SRC_UNINIT}, {"threads", SRC_THREADS}, {"signals", SRC_SIGNALS}, {"shm", SRC_SHM}, {NULL, 0}
};

void monitor_stash(struct monitor *m, pid_t tid, int status)
{
	if (m->nstash == m->roomstash) {
		m->roomstash = m->roomstash ? m->roomstash * 2 : 16;
		m->stash = xrealloc(m->stash, m->roomstash * sizeof(*m->stash));
	}
	m->stash[m->nstash++] = (struct stash){tid, status};
}

static volatile sig_atomic_t ticked, breath_due;

/* A monitor and its task that wake each other without a pause are one runnable group to the scheduler. Where that favours the
 * group (see monitor_main in coordinator.c; `trace` prints from another core) others on that core are woken, but not run, for
 * seconds, minutes. So once a tick both stand still for a moment. The task is stopped. */
static void breathe(void)
{
	if (!breath_due)
		return;
	breath_due = 0;
	/* Shorter than the timer's slack: that is how long it takes, 50 us. */
	nap_ns(1);
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
	if (tid > 0)
		breathe();
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
	text = xvasprintf(fmt, ap);
	va_end(ap);
	monitor_note(m, kind, value, text);
	free(text);
}

static void on_tick(int sig)
{
	(void)sig;
	ticked = breath_due = 1;
}

bool monitor_ticked(void)
{
	bool yes = ticked;

	ticked = 0;
	return yes;
}

void monitor_tick_start(void)
{
	struct itimerspec every = {{0, 10000000}, {0, 10000000}};
	/* None that is passed on to the program: a tick that is pending would take one of those in. */
	struct sigevent how = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGPROF};
	struct sigaction sa = {.sa_handler = on_tick};
	timer_t timer;

	/* No SA_RESTART: the tick is there to interrupt waits. */
	sigaction(SIGPROF, &sa, NULL);
	if (timer_create(CLOCK_MONOTONIC, &how, &timer) == 0) {
		timer_settime(timer, 0, &every, NULL);
		return;
	}
	/* The user's limit on queued signals counts for timers (ulimit -i). */
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &(struct itimerval){{0, 10000}, {0, 10000}}, NULL);
}

static volatile sig_atomic_t alarmed;
static timer_t alarm_timer;
static bool alarm_made;

static void on_alarm(int sig)
{
	(void)sig;
	alarmed = 1;
}

void monitor_alarm(uint64_t ns)
{
	struct itimerspec after = {.it_value = {ns / 1000000000, max_of(ns % 1000000000, 1ull)}};
	struct sigevent how = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGVTALRM};
	struct sigaction sa = {.sa_handler = on_alarm};

	if (!alarm_made) {
		sigaction(SIGVTALRM, &sa, NULL);
		if (timer_create(CLOCK_MONOTONIC, &how, &alarm_timer))
			return;        /* the ticks do its work, later */
		alarm_made = true;
	}
	timer_settime(alarm_timer, 0, &after, NULL);
}

bool monitor_alarmed(void)
{
	/* One that comes between the two is not to be lost: nobody asks for another. */
	if (!alarmed)
		return false;
	alarmed = 0;
	return true;
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
	/* Reaped here, or they would outlive this monitor for a moment. They stop once more, on the way out; and who was
	 * killed while it forked may have a child that nobody has heard of, and that must not run. */
	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR)
		if (pid > 0 && WIFSTOPPED(status)) {
			kill(pid, SIGKILL);
			ptrace(PTRACE_CONT, pid, 0, 0);
		}
}
