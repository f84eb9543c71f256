/* replay.c - `tandem replay`: a recording takes the leader's place. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/recording.h"
#include "cli/replay.h"
#include "monitor/gdb.h"
#include "monitor/player.h"
#include "monitor/shields/insn.h"

enum { OPT_REPORT = 256, OPT_DIVERGENCE_EXIT, OPT_EXPOSE, OPT_FAULT, OPT_GDB, OPT_AT };

struct replay_options {
	struct config cfg;
	const char *report;
	int copies, divergence_exit;
	bool verbose, gdb;
};

static const struct argp_option options[] = {
	{NULL, 'n', "N", 0, "replay it N times at once (1 to 7; default 1)", 0},
	{"expose", OPT_EXPOSE, "SOURCE[,...]", 0, "take shields of the replay away: pid, auxv, aslr, uninit", 0},
	{"report", OPT_REPORT, "FILE", 0, "write the outcome as JSON", 0},
	{"divergence-exit", OPT_DIVERGENCE_EXIT, "N", 0, "end with status N when a replay diverged (default 125)", 0},
	{"gdb", OPT_GDB, NULL, 0, "wait for gdb at the program's first instruction; how to connect is printed", 0},
	{"at", OPT_AT, "EVENT", 0, "with --gdb: wait before this event instead", 0},
	{"fault", OPT_FAULT, "FAULT", 0, "for tests: lag:MAX,SEED or stop:TIME@EVENT hold replays back", 0},
	{"verbose", 'v', NULL, 0, "show progress", 0},
	{0}
};

/* What the recording has of the other sources are the program's own values. */
static void expose(struct replay_options *o, const char *list)
{
	o->cfg.exposed |= parse_sources(list);
	if (o->cfg.exposed & ~(SRC_PID | SRC_AUXV | SRC_ASLR | SRC_UNINIT))
		usage_error("replay", "--expose: only pid, auxv, aslr and uninit can differ from what was recorded, not '%s'", list);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct replay_options *o = state->input;

	switch (key) {
	case 'n':                 o->copies = parse_number(arg, "replay", "-n", 1, 7); break;
	case 'v':                 o->verbose = true; break;
	case OPT_EXPOSE:          expose(o, arg); break;
	case OPT_REPORT:          o->report = arg; break;
	case OPT_DIVERGENCE_EXIT: o->divergence_exit = parse_number(arg, "replay", "--divergence-exit", 0, 255); break;
	case OPT_GDB:             o->gdb = true; break;
	case OPT_AT:              o->cfg.gdb_at = parse_event(arg, "replay", "--at"); break;
	case OPT_FAULT:           parse_fault(arg, &o->cfg); break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	options, parse, "FILE [-- OTHER [ARG...]]",
	"Run a recorded program again, with what it got from the world then and without touching the world now; it prints what it "
	"printed. With OTHER, another build of it is run against what was recorded, and compared.\v"
	"The exit status is the recorded program's; 125: tandem failed, the recording is not complete, or the replay diverged.",
	NULL, NULL, NULL
};

/* ---- the recording's own words ---- */

static uint64_t number(const json_t *about, const char *key)
{
	return json_integer_value(json_object_get(about, key));
}

/* The strings behind one argument of the recorded exec: the first part is the array of pointers, the others one string each. */
static char **exec_strings(const struct event *e, int arg)
{
	const struct part *p = event_parts(e);
	char **list = xcalloc(1, sizeof(*list));
	int n = 0;
	bool array = true;

	for (uint32_t i = 0; i < e->nparts; i++, p = part_next(p)) {
		if (p->kind != PART_IN || p->arg != arg)
			continue;
		if (!array) {
			list = xrealloc(list, (n + 2) * sizeof(*list));
			list[n++] = strndup(part_data(p), p->len);
			list[n] = NULL;
		}
		array = false;
	}
	return list;
}

/* Of the first exec; a recording without one has nothing to replay. */
static bool recorded_command(struct log_reader *r, struct version_spec *ret)
{
	const struct event *e;
	const struct part *path;

	do
		e = log_next(r);
	while (e && !(e->type == EV_CALL && e->flags & EVF_EXEC));
	path = e ? event_part(e, PART_IN, 1) : NULL;
	if (!path)
		return false;
	*ret = (struct version_spec){strndup(part_data(path), path->len), exec_strings(e, 2), exec_strings(e, 3), false};
	return ret->argv[0] != NULL;
}

/* What cannot be made to happen here as it did there would be silently wrong. */
static void need_machine(const json_t *about, const char *path)
{
	if (json_is_true(json_object_get(about, "rdtsc_traps")) && !cpu_traps_rdtsc())
		die("%s: recorded where rdtsc can be made to trap, which it can't be here (tandem doctor tells more)", path);
	if (json_is_true(json_object_get(about, "cpuid_faults")) && !cpu_has_cpuid_faulting())
		die("%s: recorded where cpuid can be made to fault, which it can't be here (tandem doctor tells more)", path);
}

/* How deep the recorded program's stack could grow. */
static void need_stack(const json_t *about, const char *path)
{
	uint64_t need = number(about, "stack");
	struct rlimit r;

	need = need == INT64_MAX ? RLIM_INFINITY : need;
	if (!need || getrlimit(RLIMIT_STACK, &r) < 0 || r.rlim_cur >= need)
		return;
	r.rlim_cur = need;
	if (need > r.rlim_max || setrlimit(RLIMIT_STACK, &r) < 0)
		die("%s: recorded with a larger stack (%llu KiB) than may be had here (ulimit -Hs)", path, (unsigned long long)need / 1024);
}

static void configure(struct config *cfg, const json_t *about, int copies)
{
	uint64_t blocked = number(about, "blocked");

	cfg->n = 1 + copies;
	cfg->replaying = true;
	cfg->ignored = number(about, "ignored");
	sigemptyset(&cfg->sigmask);
	for (int sig = 1; sig < NSIG; sig++)
		if (blocked & sig_bit(sig))
			sigaddset(&cfg->sigmask, sig);
	cfg->ring_size = max_of(cfg->ring_size, min_of(number(about, "ring"), 8ull << 30));
}

/* ---- */

static void write_report(int fd, const char *path, struct log_reader *r, const struct outcome *out)
{
	json_t *end = recording_end(r);
	json_t *j = json_pack("{s:O, s:O, s:I, s:O, s:O*, s:O*, s:O*}", "divergences", out->divergences, "versions", out->versions,
	                      "events", (json_int_t)out->events, "warnings", out->warnings, "refused",
	                      json_object_get(end, "refused"), "unknown", json_object_get(end, "unknown"), "counts",
	                      json_object_get(end, "counts"));
	char *text = j ? json_dumps(j, JSON_INDENT(2)) : NULL;

	if (!text || write_all(fd, text, strlen(text)) || write_all(fd, "\n", 1) || close(fd))
		die("cannot write the report %s: %s", path, strerror(errno));
	free(text);
	json_decref(j);
	json_decref(end);
}

static bool all_followed(const struct outcome *out)
{
	size_t i;
	json_t *v;

	json_array_foreach(out->versions, i, v)
		if (i && !json_is_integer(json_object_get(v, "exit")))
			return false;
	return true;
}

static int listen_for_gdb(const char *exe)
{
	char *command;
	int fd = gdb_listen(exe, &command);

	if (fd < 0)
		die("cannot wait for gdb: %s", strerror(-fd));
	warn("waiting for gdb: %s", command);
	free(command);
	return fd;
}

/* `--` parts the recording from another program; without it there is none. */
static char **other_program(int argc, char **argv, int rest)
{
	if (rest + 1 == argc)
		return NULL;
	if (strcmp(argv[rest + 1], "--"))
		usage_error("replay", "'%s' is one word too many: another program goes behind --", argv[rest + 1]);
	if (rest + 2 == argc)
		usage_error("replay", "no program behind --");
	return argv + rest + 2;
}

struct log_reader *replay_open(const char *path, struct config *cfg, int copies, struct version_spec *ret_recorded)
{
	struct log_reader *r = recording_open(path);
	json_t *about = recording_about(r);

	if (!about || !recorded_command(r, ret_recorded)) {
		if (r->damage)
			die("%s", r->damage);
		die("%s: there is no program in the recording, or its start was too large for the ring (record --ring)", path);
	}
	need_machine(about, path);
	need_stack(about, path);
	configure(cfg, about, copies);
	json_decref(about);
	if (player_check_files(r))
		die("%s: cannot be replayed with other files (tandem record --bundle keeps them)", path);
	return r;
}

void replay_versions(struct config *cfg, const struct version_spec *recorded, char **words)
{
	struct version_spec version = *recorded;
	int err;

	if (words) {
		version.argv = words;
		version.other = true;
		if ((err = find_program(words[0], &version.path)))
			exit(err);
	}
	cfg->spec = xcalloc(cfg->n, sizeof(*cfg->spec));
	for (int i = 0; i < cfg->n; i++)
		cfg->spec[i] = i ? version : *recorded;
}

static void check_options(const struct replay_options *o)
{
	if (o->cfg.gdb_at && !o->gdb)
		usage_error("replay", "--at is for --gdb");
	if (o->gdb && o->copies > 1)
		usage_error("replay", "--gdb looks at one replay, not at %d", o->copies);
}

int cmd_replay(int argc, char **argv)
{
	struct replay_options o = {.copies = 1, .divergence_exit = EXIT_TANDEM};
	struct version_spec recorded;
	struct log_reader *r;
	struct outcome out;
	struct run run;
	char **words;
	int rest, err, fd = -1, status = -1;

	config_init(&o.cfg);
	parse_options(&argp, argc, argv, &rest, &o);
	if (rest >= argc)
		usage_error("replay", "no recording was given");
	words = other_program(argc, argv, rest);
	check_options(&o);
	r = replay_open(argv[rest], &o.cfg, o.copies, &recorded);
	replay_versions(&o.cfg, &recorded, words);
	if (o.report && (fd = open(o.report, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) < 0)
		die("cannot write the report %s: %s", o.report, strerror(errno));
	if (o.gdb)
		o.cfg.gdb_listener = listen_for_gdb(o.cfg.spec[1].path);
	run = (struct run){.cfg = &o.cfg, .producer = player_main, .producer_ctx = r, .keep_fd = fd,
	                   .verbose = o.verbose && isatty(2)};
	if ((err = coordinate(&run, &out)))
		cannot_start(err);
	if (fd >= 0)
		write_report(fd, o.report, r, &out);
	if (json_array_size(out.divergences))
		status = o.divergence_exit;
	else if (!out.ended || !all_followed(&out) || out.incomplete)
		status = EXIT_TANDEM;
	end_like(&out, status);
}
