/* record.c - `tandem record`: the stream of a single version, into a file. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/cli.h"
#include "monitor/recorder.h"
#include "monitor/shields/insn.h"

enum { OPT_BUNDLE = 256, OPT_CHAOS, OPT_STACK, OPT_RING, OPT_STATS };

struct record_options {
	struct config cfg;
	const char *output;
	bool bundle, verbose, stats;
};

static const struct argp_option options[] = {
	{NULL, 'o', "FILE", 0, "the recording; one that is there is replaced", 0},
	{"bundle", OPT_BUNDLE, NULL, 0, "put all files that the program maps into it, the system's as well", 0},
	{"chaos", OPT_CHAOS, "SEED", OPTION_ARG_OPTIONAL, "let tasks take turns in an order by chance", 0},
	{"stack", OPT_STACK, "SIZE", 0, "bytes of the stack that an event carries (default 4K)", 0},
	{"ring", OPT_RING, "SIZE", 0, "size of the stream (default 64M)", 0},
	{"stats", OPT_STATS, NULL, 0, "at the end, print what was counted", 0},
	{"verbose", 'v', NULL, 0, "show progress", 0},
	{0}
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct record_options *o = state->input;

	switch (key) {
	case 'o':        o->output = arg; break;
	case 'v':        o->verbose = true; break;
	case OPT_BUNDLE: o->bundle = true; break;
	case OPT_STATS:  o->stats = true; break;
	case OPT_CHAOS:  parse_chaos(arg, "record", &o->cfg); break;
	case OPT_STACK:  parse_stack(arg, &o->cfg); break;
	case OPT_RING:   parse_ring(arg, "record", &o->cfg); break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	options, parse, "-- PROGRAM [ARG...]",
	"Record a run of a program: what it got from the world, so that `tandem replay' can run it again without the world.\v"
	"The exit status is the program's; 125: tandem failed, or the recording is not complete.", NULL, NULL, NULL
};

static json_t *printable_list(char **list)
{
	json_t *j = json_array();

	for (; *list; list++) {
		char *text = text_printable(*list);

		json_array_append_new(j, json_string(text));
		free(text);
	}
	return j;
}

/* For people, and what a replay has to do as it was done here. The exact bytes of the command line are in the first exec. */
static char *about(const struct record_options *o)
{
	const struct config *cfg = &o->cfg;
	char *cwd = getcwd(NULL, 0), *where = text_printable(cwd ? cwd : "?"), *path = text_printable(cfg->spec[0].path), *text;
	struct utsname u = {0};
	struct rlimit stack = {0, 0};
	char *host;
	sigset_t mask = cfg->sigmask;
	uint64_t blocked = 0;
	json_t *j;

	uname(&u);
	host = text_printable(u.nodename);
	getrlimit(RLIMIT_STACK, &stack);
	for (int sig = 1; sig < NSIG; sig++)
		blocked |= sigismember(&mask, sig) == 1 ? sig_bit(sig) : 0;
	j = json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:b}", "tandem", TANDEM_VERSION,
	              "program", path, "command", printable_list(cfg->spec[0].argv), "directory", where, "host", host,
	              "kernel", u.release, "time", (json_int_t)now_wall(), "ring",
	              (json_int_t)cfg->ring_size, "ignored", (json_int_t)cfg->ignored, "blocked", (json_int_t)blocked, "stack",
	              (json_int_t)min_of((uint64_t)stack.rlim_cur, (uint64_t)INT64_MAX),
	              "rdtsc_traps", cpu_traps_rdtsc(), "cpuid_faults", cpu_has_cpuid_faulting(), "bundle", o->bundle);
	text = j ? json_dumps(j, JSON_INDENT(2)) : NULL;
	if (!text)
		die("out of memory");
	json_decref(j);
	free(cwd);
	free(where);
	free(host);
	free(path);
	return text;
}

/* The end is missing in a recording of what was not seen to its end. */
static int finish(struct recorder *r, struct log_writer *w, const struct outcome *out)
{
	json_t *j = json_pack("{s:I, s:i, s:O, s:O, s:O, s:O*}", "events", (json_int_t)out->events, "status", out->root_status,
	                      "refused", out->refused, "unknown", out->unknown, "warnings", out->warnings, "counts", out->counts);
	char *text = j ? json_dumps(j, 0) : NULL;
	int err = recorder_error(r);

	if (!err && (out->lost || !out->ended)) {
		log_flush(w);
		err = -ENODATA;
	}
	if (!err && (err = text ? log_end(w, text) : -ENOMEM))
		warn("cannot write the recording: %s", strerror(-err));
	free(text);
	json_decref(j);
	return err;
}

static void show_stats(const struct log_counts *n, uint64_t ns)
{
	fprintf(stderr, "tandem: %" PRIu64 " events of %" PRIu64 " bytes and %" PRIu64 " bytes of files, in %" PRIu64
	        " bytes; %.3f s\n", n->events, n->raw, n->store_bytes, n->bytes, ns / 1e9);
}

/* Than the program: it would be gone. */
static void need_another(const char *output, const char *program)
{
	struct stat a, b;

	if (stat(output, &a) == 0 && stat(program, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		die("cannot write the recording %s: it is the program", output);
}

static struct log_writer *create(const struct record_options *o)
{
	struct log_writer *w;
	char *text = about(o);
	int err;

	need_another(o->output, o->cfg.spec[0].path);
	if (!(w = log_create(o->output)))
		die("cannot write the recording %s: %s", o->output, errno == ESPIPE ? "it has to be a file" : strerror(errno));
	if ((err = log_about(w, text)))
		die("cannot write the recording %s: %s", o->output, strerror(-err));
	free(text);
	return w;
}

int cmd_record(int argc, char **argv)
{
	extern char **environ;
	struct record_options o = {0};
	struct version_spec spec = {0};
	struct outcome out;
	struct log_writer *w;
	struct recorder *r;
	struct log_counts counts;
	struct run run;
	uint64_t since;
	int rest, err, status = -1;

	config_init(&o.cfg);
	o.cfg.n = 1;
	o.cfg.recording = true;
	parse_options(&argp, argc, argv, &rest, &o);
	if (rest >= argc)
		usage_error("record", "no program was given");
	if (!o.output)
		usage_error("record", "-o FILE is missing: where should the recording go?");
	if ((err = find_program(argv[rest], &spec.path)))
		return err;
	spec.argv = argv + rest;
	spec.envp = environ;
	o.cfg.spec = &spec;
	w = create(&o);
	r = recorder_new(w, o.bundle);
	if (o.cfg.chaos)
		fprintf(stderr, "tandem: --chaos=%" PRIu64 "\n", o.cfg.chaos_seed);
	run = (struct run){.cfg = &o.cfg, .sink = recorder_event, .sink_ctx = r, .keep_fd = log_writer_fd(w),
	                   .verbose = o.verbose && isatty(2)};
	since = now_mono();
	if ((err = coordinate(&run, &out)))
		cannot_start(err);
	if (out.failed) {
		status = outcome_failed(&out, spec.path);
		unlink(o.output);
	} else if (finish(r, w, &out) && !out.lost) {
		status = EXIT_TANDEM;
	}
	counts = log_counts(w);
	if (o.stats)
		show_stats(&counts, now_mono() - since);
	recorder_free(r);
	log_close(w);
	end_like(&out, status);
}
