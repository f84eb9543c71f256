/* coordinator.c - see coordinator.h. */
#define _GNU_SOURCE
#include "monitor/coordinator.h"

#include <asm/prctl.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/proc.h"
#include "monitor/gdb.h"
#include "monitor/outside.h"
#include "monitor/reprint.h"
#include "monitor/shields/insn.h"
#include "monitor/witness.h"
#include "show/json.h"

#ifndef ARCH_SET_CPUID
#define ARCH_SET_CPUID 0x1012
#endif

struct version {
	pid_t monitor, root;
	int consumer;              /* followers: slot in the ring */
	bool running;
	bool diverged;
	bool dropped;
	bool killed;               /* its monitor was */
	int failed;                /* could not be started: -errno */
};

struct coordinator {
	struct run *run;
	struct outcome *out;
	struct stream stream;
	struct version *v;
	int notes[2];
	int signals;
	int root;                  /* pidfd of the leader's root: its number may be another's one day; or -1 */
	bool rooted;               /* the leader's root runs the program, or has */
	struct witness *witness;   /* of signals to our group: in the leader's monitor */
	int after;                 /* signals to tandem since the root has ended */
	int slot;                  /* the sink's slot, or -1 */
	int alive;
	struct outside *outside;   /* who else writes to memory that the program shares; NULL: it shares none */
};

/* ---- what tandem was given ---- */

static int given_fd[4096], ngiven;

static void list_given_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *de;

	while (d && (de = readdir(d)) && ngiven < (int)countof(given_fd)) {
		int fd = atoi(de->d_name);

		if (de->d_name[0] != '.' && fd != dirfd(d))
			given_fd[ngiven++] = fd;
	}
	if (d)
		closedir(d);
}

/* Whoever holds a descriptor of the program's keeps its pipes open and its locks taken. */
static void drop_given_fds(int from, int keep)
{
	for (int i = 0; i < ngiven; i++)
		if (given_fd[i] >= from && given_fd[i] != keep)
			close(given_fd[i]);
}

static void stdio_to_null(int first, int last)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = first; fd <= last; fd++)
		if (null >= 0 && null != fd)
			dup2(null, fd);
	if (null > last)
		close(null);
}

/* What a user limits is the program, not what watches it: these count for tandem's own files, memory and time, too. */
const int config_limits[CONFIG_LIMITS] = {RLIMIT_NOFILE, RLIMIT_FSIZE, RLIMIT_CPU, RLIMIT_AS, RLIMIT_DATA};

static void raise_limits(struct config *cfg)
{
	for (int i = 0; i < CONFIG_LIMITS; i++) {
		struct rlimit all;

		if (getrlimit(config_limits[i], &cfg->limit[i]) < 0)
			continue;
		all = (struct rlimit){cfg->limit[i].rlim_max, cfg->limit[i].rlim_max};
		cfg->limited[i] = setrlimit(config_limits[i], &all) == 0;
	}
	/* Where the hard limit is met: an error to be told of. */
	signal(SIGXFSZ, SIG_IGN);
}

void config_init(struct config *cfg)
{
	struct sigaction sa;

	memset(cfg, 0, sizeof(*cfg));
	cfg->n = 2;
	cfg->gdb_listener = -1;
	cfg->stack = 4096;
	cfg->ring_size = 64u << 20;
	for (int sig = 1; sig < NSIG; sig++)
		if (sigaction(sig, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
			cfg->ignored_here |= sig_bit(sig);
	cfg->ignored = cfg->ignored_here;
	sigprocmask(SIG_SETMASK, NULL, &cfg->sigmask);
	cfg->cpu_known = sched_getaffinity(0, sizeof(cfg->cpus), &cfg->cpus) == 0;
	list_given_fds();
	raise_limits(cfg);
}

/* ---- finding the program ---- */

/* Not opened: that could be seen from outside. What kind of file it is shows when it is executed. */
static int check_program(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		warn("%s: %s", path, strerror(errno));
		return errno == ENOENT || errno == ENOTDIR ? EXIT_NOT_FOUND : EXIT_CANNOT_EXEC;
	}
	if (S_ISDIR(st.st_mode)) {
		warn("%s: is a directory", path);
		return EXIT_CANNOT_EXEC;
	}
	if (!S_ISREG(st.st_mode) || access(path, X_OK) < 0) {
		warn("%s: not executable: %s", path, strerror(S_ISREG(st.st_mode) ? errno : EACCES));
		return EXIT_CANNOT_EXEC;
	}
	if (access(path, R_OK) < 0) {
		warn("%s: not readable: the kernel hides the memory of such a program from tandem", path);
		return EXIT_CANNOT_EXEC;
	}
	return 0;
}

int find_program(const char *name, char **ret_path)
{
	const char *path = getenv("PATH"), *at, *end;
	char *found = NULL, *denied = NULL;
	int err;

	if (!*name) {
		warn("the program's name is empty");
		return EXIT_NOT_FOUND;
	}
	if (strchr(name, '/'))
		found = xstrdup(name);
	for (at = path ? path : "/usr/local/bin:/usr/bin:/bin"; !found && *at; at = *end ? end + 1 : end) {
		struct stat st;
		char *try;

		end = at + strcspn(at, ":");
		try = xasprintf("%.*s%s%s", (int)(end - at), at, end > at ? "/" : "", name);
		if (stat(try, &st) == 0 && S_ISREG(st.st_mode)) {
			if (access(try, X_OK) == 0) {
				found = try;
				continue;
			}
			if (!denied) {
				denied = try;
				continue;
			}
		}
		free(try);
	}
	if (!found && !denied) {
		warn("%s: not found in PATH", name);
		return EXIT_NOT_FOUND;
	}
	found = found ? found : denied;
	if ((err = check_program(found)))
		free(found);
	else
		*ret_path = found;
	return err;
}

/* ---- monitors ---- */

/* Those that are passed on to the program. */
static const int passed_on[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM};

/* What a terminal, or anybody else, sends to everybody is the program's business. The leader's monitor says that it was sent. */
static void ignore_signals(struct witness *w)
{
	static const int list[] = {SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE, SIGWINCH, SIGCONT, SIGXFSZ, SIGXCPU};
	const struct sigaction quiet = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP};
	sigset_t none;

	for (size_t i = 0; i < countof(list); i++)
		signal(list[i], SIG_IGN);
	for (size_t i = 0; i < countof(passed_on); i++) {
		signal(passed_on[i], SIG_IGN);
		witness_watch(w, passed_on[i]);
	}
	/* Stops are waited for: a signal for each would only cost. */
	sigaction(SIGCHLD, &quiet, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void on_full(struct stream *s, const char *why, int slowest);
static struct monitor *the_monitor;

/* A switch between a task that traps rdtsc or cpuid and one that does not writes a control register or an MSR,
 * and either leaves a virtual machine's guest: 20 µs each. So the monitor has what its version has. */
static void trap_as_the_version(struct monitor *m)
{
#ifndef TANDEM_SANITIZE
	if (!(m->cfg->exposed & SRC_TSC) && m->tsc_traps)
		prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0);
	if (!(m->cfg->exposed & SRC_CPUID) && m->cpuid_faults)
		syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0);
#else
	(void)m;
#endif
}

static _Noreturn void monitor_main(struct coordinator *c, int version, pid_t coordinator)
{
	struct config *cfg = c->run->cfg;
	struct monitor *m = xcalloc(1, sizeof(*m));

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* It was killed before that. Who adopts us need not be process 1. */
	if (getppid() != coordinator)
		_exit(EXIT_TANDEM);
	prctl(PR_SET_NAME, version ? "tandem-follower" : "tandem-leader");
	/* Schedulers that group processes by their sessions (autogroup) reckon a group's share of each core by what it does on the
	 * others. With leader and followers in one group, Linux 6.18 does that anew at every stop, and gets it wrong: others on the
	 * leader's core do not run for as long as the program is busy. A follower has no use for the terminal. */
	if (version && !cfg->replaying)
		setsid();
	ignore_signals(version ? NULL : c->witness);
	/* Who prints is a part of the job, and stops with it. */
	if (cfg->replaying)
		signal(SIGTSTP, SIG_DFL);
	close(c->notes[0]);
	close(c->signals);
	m->cfg = cfg;
	m->s = &c->stream;
	m->version = version;
	m->consumer = c->v[version].consumer;
	m->notes = c->notes[1];
	m->sink_slot = c->slot;
	m->tsc_traps = cpu_traps_rdtsc();
	m->cpuid_faults = cpu_has_cpuid_faulting();
	the_monitor = m;
	monitor_pin(m);
	if (!version && !(cfg->exposed & SRC_CPUID))
		cpuid_prefetch();
	trap_as_the_version(m);
	/* One of them is enough. */
	if (version == 1 && cfg->replaying && !cfg->experiment)
		m->reprint = reprint_new(fcntl(1, F_DUPFD_CLOEXEC, 3), fcntl(2, F_DUPFD_CLOEXEC, 3));
	if (version && (cfg->gdb_at_divergence || cfg->gdb_listener >= 0))
		m->gdb = gdb_new(cfg->gdb_listener, cfg->gdb_at);
	if (version)
		follower_main(m);
	c->stream.ring.h->producer = getpid();
	/* What a recording waits for is nobody's business. */
	c->stream.on_full = c->run->producer ? NULL : on_full;
	if (c->run->producer)
		c->run->producer(m, c->run->producer_ctx);
	leader_main(m);
}

/* Called by the leader's monitor while it waits for a follower. */
static void on_full(struct stream *s, const char *why, int slowest)
{
	struct monitor *m = the_monitor;

	if (slowest < 0)
		return;
	if (m->cfg->drop_when_full && slowest != m->sink_slot) {
		monitor_notef(m, NOTE_DROP, slowest, "dropped: %s and it is the slowest", why);
		stream_drop_consumer(s, slowest);
		return;
	}
	if (!s->warned)
		monitor_notef(m, NOTE_WARNING, slowest, "%s: the leader waits for the slowest follower", why);
	s->warned = true;
}

static int start_monitor(struct coordinator *c, int version)
{
	pid_t pid, coordinator = getpid();

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		monitor_main(c, version, coordinator);
	c->v[version].monitor = pid;
	c->v[version].running = true;
	c->alive++;
	return 0;
}

/* The monitor has forked its root: it can let go of what the program was given. */
void monitor_let_go(struct monitor *m)
{
	drop_given_fds(3, m->notes);
	stdio_to_null(0, getenv("TANDEM_DEBUG") ? 1 : 2);
}

/* ---- the processes of a version ---- */

static pid_t tracer_of(pid_t pid)
{
	char text[PROC_STATUS_MAX];
	const char *at;

	proc_text(pid, "status", text, sizeof(text));
	return (at = proc_line(text, "TracerPid")) ? atoi(at) : 0;
}

/* To every process of the version that this monitor traces. Returns how many there were. */
static int signal_tasks_of(pid_t monitor, int sig)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;
	int n = 0;

	while (proc && (d = readdir(proc))) {
		pid_t pid = atoi(d->d_name);

		if (pid > 0 && tracer_of(pid) == monitor && kill(pid, sig) == 0)
			n++;
	}
	if (proc)
		closedir(proc);
	return n;
}

/* ---- notes ---- */

/* A few times: who is killed while it forks may have a child that was not seen. */
static void kill_version(const struct version *v)
{
	for (int i = 0; v->running && i < 5 && signal_tasks_of(v->monitor, SIGKILL); i++)
		nap_ns(2000000);
}

static void found_outside(void *ctx, const char *line)
{
	struct coordinator *c = ctx;

	warn("%s", line);
	json_array_append_new(c->out->warnings, json_text(line));
}

static void look_outside(struct coordinator *c)
{
	outside_look(c->outside, c->v[0].monitor, found_outside, c);
}

static void on_divergence(struct coordinator *c, const struct note *n)
{
	json_t *j = json_loads(n->text, 0, NULL);
	const char *text = j ? json_string_value(json_object_get(j, "text")) : NULL;

	c->v[n->version].diverged = true;
	look_outside(c);
	if (!c->run->quiet)
		fprintf(stderr, "tandem: %s%s", text ? text : n->text, text ? "" : "\n");
	fflush(stderr);
	if (!j)
		j = json_pack("{s:i, s:I, s:s}", "version", (int)n->version, "event", (json_int_t)n->value, "kind", "unknown");
	json_object_del(j, "text");
	json_array_append_new(c->out->divergences, j);
	if (c->run->cfg->kill_on_divergence)
		for (int i = 0; i < c->run->cfg->n; i++)
			kill_version(&c->v[i]);
}

static bool holds(const json_t *list, const char *text)
{
	size_t i;
	json_t *j;

	json_array_foreach(list, i, j)
		if (!strcmp(json_string_value(j), text))
			return true;
	return false;
}

static void on_note(struct coordinator *c, const struct note *n)
{
	json_t *list = NULL;

	if (n->version >= (uint32_t)c->run->cfg->n)
		return;
	switch (n->kind) {
	case NOTE_ROOT:
		c->v[n->version].root = n->value;
		c->rooted |= !n->version;
		if (!n->version)
			c->root = syscall(SYS_pidfd_open, n->value, 0);
		break;
	case NOTE_DIVERGENCE:
		on_divergence(c, n);
		break;
	case NOTE_FAILED:
		if (!n->version) {
			c->out->failed = n->value;
			snprintf(c->out->why, sizeof(c->out->why), "%s", n->text);
		} else {
			c->v[n->version].failed = n->value;
		}
		break;
	case NOTE_END:
		if (!n->version) {
			c->out->root_status = n->value;
			c->out->ended = true;
			c->out->counts = json_loads(n->text, 0, NULL);
		}
		break;
	case NOTE_REFUSED: list = c->out->refused; break;
	case NOTE_UNKNOWN: list = c->out->unknown; break;
	case NOTE_DROP:
		for (int i = 1; i < c->run->cfg->n; i++)
			if (c->v[i].consumer == n->value && c->v[i].monitor) {
				c->v[i].dropped = true;
				warn("version %d %s", i, n->text);
				json_array_append_new(c->out->warnings, json_sprintf("version %d %s", i, n->text));
				kill(c->v[i].monitor, SIGKILL);
			}
		break;
	case NOTE_EXPERIMENT:
		json_array_append_new(c->out->experiment, json_loads(n->text, 0, NULL));
		break;
	case NOTE_SHARED:
		if (config_followed(c->run->cfg))
			outside_add(&c->outside, n->text);
		break;
	case NOTE_INCOMPLETE:
		c->out->incomplete = true;
		/* fallthrough */
	case NOTE_WARNING:
		if (c->run->quiet) {
			list = c->out->warnings;
			break;
		}
		warn("%s", n->text);
		list = c->out->warnings;
		break;
	}
	if (list && !holds(list, n->text))
		json_array_append_new(list, json_string(n->text));
}

static void read_notes(struct coordinator *c)
{
	static union { struct note n; char room[NOTE_MAX + 1]; } u;
	ssize_t len;

	while ((len = recv(c->notes[0], &u, NOTE_MAX, MSG_DONTWAIT)) >= (ssize_t)sizeof(struct note)) {
		u.room[len] = 0;
		on_note(c, &u.n);
	}
}

/* ---- signals ---- */

/* Whether a process belongs to the program: what it sends to its group has reached the leader already. */
static bool of_the_program(const struct coordinator *c, pid_t pid)
{
	for (int depth = 0; pid > 1 && depth < 64; depth++) {
		if (pid == c->v[0].monitor || pid == c->v[0].root)
			return true;
		pid = proc_stat(pid, PROC_PARENT);
	}
	return false;
}

/* What the program has left running, a daemon for example, lives as long as its monitor does: who wants to end tandem
 * wants to end that. First politely. */
static void end_the_rest(struct coordinator *c)
{
	if (c->v[0].running) {
		signal_tasks_of(c->v[0].monitor, c->after++ ? SIGKILL : SIGTERM);
		return;
	}
	/* Versions that wait for gdb. */
	for (int i = 1; i < c->run->cfg->n; i++)
		if (c->v[i].running)
			kill(c->v[i].monitor, SIGKILL);
}

static _Noreturn void die_of(int sig)
{
	struct rlimit none = {0, 0};
	sigset_t set;

	/* The program has left its core already, where it was to. */
	setrlimit(RLIMIT_CORE, &none);
	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(sig);
	exit(128 + sig);
}

/* There is no program yet that it could be for. */
static void end_early(const struct coordinator *c, int sig)
{
	if (c->rooted || c->run->cfg->ignored_here & sig_bit(sig))
		return;
	for (int i = 0; i < c->run->cfg->n; i++)
		if (c->v[i].running)
			kill(c->v[i].monitor, SIGKILL);
	die_of(sig);
}

/* Whether the leader's root got it, too: from a terminal, or because it went to all of our group. */
static bool reached_root(const struct coordinator *c, const struct signalfd_siginfo *s)
{
	return s->ssi_code == SI_KERNEL || (getpgid(c->v[0].root) == getpgrp() &&
	                                    witness_saw(c->witness, c->v[0].monitor, s->ssi_signo, s->ssi_pid));
}

/* Only what was meant for tandem is passed on. */
static void read_signals(struct coordinator *c)
{
	struct signalfd_siginfo s;

	while (read(c->signals, &s, sizeof(s)) == sizeof(s)) {
		if (s.ssi_signo == SIGCHLD || of_the_program(c, s.ssi_pid))
			continue;
		if (c->root < 0) {
			if (c->rooted)
				end_the_rest(c);
			else
				end_early(c, s.ssi_signo);
			continue;
		}
		/* Signal 0: is it there? */
		if (syscall(SYS_pidfd_send_signal, c->root, reached_root(c, &s) ? 0 : s.ssi_signo, NULL, 0) < 0 && errno == ESRCH)
			end_the_rest(c);
	}
}

static int catch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < countof(passed_on); i++)
		sigaddset(&set, passed_on[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* ---- the run ---- */

static void monitor_gone(struct coordinator *c, int i, int status)
{
	struct version *v = &c->v[i];

	v->running = false;
	c->alive--;
	read_notes(c);
	if (i && v->consumer >= 0)
		stream_drop_consumer(&c->stream, v->consumer);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	if (!i && !c->out->ended && !c->out->failed) {
		c->out->lost = true;
		warn(c->run->cfg->replaying ? "who reads the recording was killed: the replay ends" :
		     "the leader's monitor was killed, and the leader with it");
		stream_close(&c->stream);
		for (int k = 1; k < c->run->cfg->n; k++)
			if (c->v[k].running)
				kill(c->v[k].monitor, SIGKILL);
	} else if (i && !v->dropped && !v->failed && !c->out->lost) {
		v->killed = true;
		char *text = xasprintf("the monitor of version %d %s: the others go on", i,
		                       WIFSIGNALED(status) ? "was killed" : "has failed");

		warn("%s", text);
		json_array_append_new(c->out->warnings, json_string(text));
		free(text);
	}
}

static void reap(struct coordinator *c)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < c->run->cfg->n; i++)
			if (c->v[i].monitor == pid && c->v[i].running)
				monitor_gone(c, i, status);
}

static void show_progress(struct coordinator *c)
{
	static uint64_t last;
	uint64_t now = now_mono();
	struct ring_head *h = c->stream.ring.h;

	if (!c->run->verbose || now - last < 1000000000u)
		return;
	last = now;
	fprintf(stderr, "\rtandem: %llu events", (unsigned long long)h->seq);
	for (int i = 1; i < c->run->cfg->n; i++)
		if (c->v[i].running)
			fprintf(stderr, ", version %d %llu behind", i,
			        (unsigned long long)(h->seq - min_of(h->seq, h->consumer[c->v[i].consumer].events)));
	fprintf(stderr, "\033[K");
}

static void drain_sink(struct coordinator *c, uint64_t ns)
{
	uint64_t since = now_mono(), seq;
	struct event *e;

	while ((e = stream_next(&c->stream, c->slot, ns))) {
		seq = e->seq;
		c->run->sink(c->run->sink_ctx, &c->stream, c->slot, e);
		stream_release(&c->stream, c->slot, e);
		if (seq % 1024 == 0 || (seq % 16 == 0 && now_mono() - since > ns))
			return;
	}
	c->run->sink(c->run->sink_ctx, &c->stream, c->slot, NULL);
}

static void look(struct coordinator *c, int timeout)
{
	struct pollfd p[2] = {{c->notes[0], POLLIN, 0}, {c->signals, POLLIN, 0}};

	if (poll(p, 2, timeout) < 0)
		return;
	read_notes(c);
	read_signals(c);
	reap(c);
	show_progress(c);
	if (outside_due(c->outside) == 0)
		look_outside(c);
}

/* How long there is nothing to do but to wait, in ms; -1: for ever. */
static int nothing_due(const struct coordinator *c)
{
	int due = outside_due(c->outside);

	return !c->run->verbose ? due : due < 0 ? 500 : min_of(due, 500);
}

static void attend(struct coordinator *c)
{
	while (c->alive || (c->slot >= 0 && !stream_ended(&c->stream, c->slot))) {
		if (c->slot >= 0)
			drain_sink(c, 50000000);
		look(c, c->slot >= 0 ? 0 : nothing_due(c));
		if (!c->alive && c->slot >= 0 && !c->stream.ring.h->closed)
			break;
	}
	if (c->run->verbose)
		fprintf(stderr, "\r\033[K");
	read_notes(c);
	look_outside(c);
}

/* Where the leader could not be started either, one line says it all. */
static void say_failed(struct coordinator *c)
{
	for (int i = 1; i < c->run->cfg->n && !c->out->failed; i++) {
		char *text;

		if (!c->v[i].failed)
			continue;
		text = xasprintf("version %d (%s) cannot be started: %s", i, c->run->cfg->spec[i].path,
		                 strerror(-c->v[i].failed));
		warn("%s", text);
		json_array_append_new(c->out->warnings, json_string(text));
		free(text);
	}
}

static json_t *versions_json(struct coordinator *c)
{
	json_t *list = json_array();

	for (int i = 0; i < c->run->cfg->n; i++) {
		const struct version_spec *s = &c->run->cfg->spec[i];
		json_t *command = json_array(), *exit = json_null();

		for (char **a = s->argv; *a; a++) {
			json_array_append_new(command, json_text(*a));
		}
		if (!i && c->out->ended)
			exit = json_integer(outcome_status(c->out));
		else if (i && c->v[i].diverged)
			exit = json_string("diverged");
		else if (i && c->v[i].dropped)
			exit = json_string("dropped");
		else if (i && c->v[i].failed)
			exit = json_string("failed");
		else if (i && c->v[i].killed)
			exit = json_string("killed");
		else if (i && c->out->ended)
			exit = json_integer(outcome_status(c->out));
		json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o, s:i, s:i}", "role",
			i ? "follower" : c->run->cfg->replaying ? "recording" : "leader",
			"command", command, "path", json_text(s->path), "exit", exit, "pid", (int)c->v[i].root,
			"monitor", (int)c->v[i].monitor));
	}
	return list;
}

static int prepare(struct coordinator *c)
{
	struct config *cfg = c->run->cfg;
	int err = stream_create(&c->stream, cfg->ring_size);

	if (err)
		return err;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, c->notes) < 0)
		return -errno;
	c->signals = catch_signals();
	c->witness = witness_new();
	for (int i = 1; i < cfg->n; i++)
		if ((c->v[i].consumer = stream_add_consumer(&c->stream)) < 0)
			return c->v[i].consumer;
	c->slot = c->run->sink ? stream_add_consumer(&c->stream) : -1;
	return c->signals < 0 ? -EMFILE : 0;
}

int coordinate(struct run *run, struct outcome *ret)
{
	struct coordinator c = {.run = run, .out = ret, .root = -1};
	int err;

	memset(ret, 0, sizeof(*ret));
	ret->divergences = json_array();
	ret->refused = json_array();
	ret->unknown = json_array();
	ret->warnings = json_array();
	ret->experiment = json_array();
	c.v = xcalloc(run->cfg->n, sizeof(*c.v));
	err = prepare(&c);
	for (int i = 0; i < run->cfg->n && !err; i++)
		err = start_monitor(&c, i);
	close(c.notes[1]);
	if (!err) {
		drop_given_fds(3, run->keep_fd);
		if (!run->keep_stdio)
			stdio_to_null(0, 1);
		attend(&c);
		say_failed(&c);
		ret->events = c.stream.ring.h->seq;
	}
	ret->versions = versions_json(&c);
	close(c.notes[0]);
	close(c.signals);
	if (c.root >= 0)
		close(c.root);
	stream_destroy(&c.stream);
	outside_free(c.outside);
	witness_free(c.witness);
	free(c.v);
	return err;
}

void cannot_start(int err)
{
	if (err == -EFBIG)
		die("cannot start: the limit on the size of files (ulimit -f) leaves no room for the stream; "
		    "--ring=SIZE asks for less");
	die("cannot start: %s (tandem doctor tells what this machine allows)", strerror(-err));
}

int outcome_failed(const struct outcome *o, const char *path)
{
	if (o->why[0]) {
		warn("%s: %s (tandem doctor tells what this machine allows)", o->why, strerror(-o->failed));
		return EXIT_TANDEM;
	}
	if (o->failed == -ENOEXEC)
		warn("%s: not a program that can be run here: tandem runs 64-bit x86-64 executables and scripts", path);
	else
		warn("%s: %s", path, strerror(-o->failed));
	return o->failed == -ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXEC;
}

void outcome_free(struct outcome *o)
{
	json_decref(o->divergences);
	json_decref(o->versions);
	json_decref(o->refused);
	json_decref(o->unknown);
	json_decref(o->warnings);
	json_decref(o->experiment);
	json_decref(o->counts);
}

int outcome_status(const struct outcome *o)
{
	if (o->lost)
		return 137;
	if (WIFSIGNALED(o->root_status))
		return 128 + WTERMSIG(o->root_status);
	return WEXITSTATUS(o->root_status);
}

_Noreturn void end_like(const struct outcome *o, int status)
{
	fflush(NULL);
	if (status >= 0)
		exit(status);
	if (!o->lost && WIFSIGNALED(o->root_status))
		die_of(WTERMSIG(o->root_status));
	exit(outcome_status(o));
}
