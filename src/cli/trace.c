/* trace.c - `tandem trace`: the stream of a single version, as text. A consumer of the stream, nothing more. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/printer.h"

struct trace_options {
	struct config cfg;
	struct printer_options print;
};

static const struct argp_option options[] = {
	{NULL, 'o', "FILE", 0, "write to FILE instead of stderr", 0},
	{NULL, 'y', NULL, 0, "show the names behind descriptors", 0},
	PRINTER_OPTIONS,
	{NULL, 'f', NULL, 0, "follow children: always done", 0},
	{NULL, 'p', "PID", 0, "refused: of a running process, what came before would be missing", 0},
	{"stack", 256, "SIZE", 0, "bytes of the stack for -k (default 64K)", 0},
	{0}
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct trace_options *o = state->input;

	if (printer_option(&o->print, "trace", key, arg))
		return 0;
	switch (key) {
	case 'y': o->cfg.fd_names = o->print.show.fd_paths = true; break;
	case 'f': break;
	case 256: parse_stack(arg, &o->cfg); break;
	case 'p':
		usage_error("trace", "-p: a running process cannot be traced: what came before would be missing; start it "
		            "under tandem");
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	options, parse, "-- PROGRAM [ARG...]",
	"Show the calls of a program and its children, a line each, and what stands in for calls: vDSO functions, rdtsc, "
	"cpuid, rdrand.\v"
	"The exit status is the program's.", NULL, NULL, NULL
};

static void on_event(void *ctx, struct stream *s, int slot, const struct event *e)
{
	(void)s;
	(void)slot;
	if (e)
		printer_event(ctx, e);
}

int cmd_trace(int argc, char **argv)
{
	extern char **environ;
	struct trace_options o = {.print.show = SHOW_DEFAULTS};
	struct printer p;
	struct run run = {.cfg = &o.cfg, .sink = on_event, .sink_ctx = &p, .keep_fd = -1};
	struct version_spec spec = {0};
	struct outcome out;
	int rest, err, status = -1;

	config_init(&o.cfg);
	o.cfg.n = 1;
	o.cfg.stack = 0;
	o.cfg.tracing = true;
	parse_options(&argp, argc, argv, &rest, &o);
	if (rest >= argc)
		usage_error("trace", "no program was given");
	if (o.print.backtraces && !o.cfg.stack)
		o.cfg.stack = 65536;
	if ((err = find_program(argv[rest], &spec.path)))
		return err;
	spec.argv = argv + rest;
	spec.envp = environ;
	o.cfg.spec = &spec;
	o.print.show.task_ids = o.print.output ? TASK_IDS_PLAIN : TASK_IDS_BRACKETS;
	printer_start(&p, &o.print, 2);
	run.keep_fd = o.print.output ? p.fd : -1;
	err = coordinate(&run, &out);
	if (err)
		cannot_start(err);
	printer_end(&p);
	if (out.failed)
		status = outcome_failed(&out, spec.path);
	else if (p.failed)
		status = EXIT_TANDEM;
	end_like(&out, status);
}
