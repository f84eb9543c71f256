/* trace.c - `tandem trace`: the stream of a single version, as text. A consumer of the stream, nothing more. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "monitor/views.h"
#include "show/decode.h"
#include "show/filter.h"
#include "show/summary.h"
#include "show/symbols.h"

/* Text is written in pieces of this size when it goes to a file, line by line to a terminal. */
#define PIECE 65536

struct trace_options {
	struct config cfg;
	struct show_options show;
	struct call_filter filter;
	const char *output;
	bool backtraces, count, count_only, ids;
};

struct tracer {
	const struct trace_options *o;
	struct show_options show;
	struct summary summary;
	struct symbols *symbols;
	struct views views;
	struct buf text;
	int fd;
	bool lines;                /* write each line at once */
	bool failed;
};

static const struct argp_option options[] = {
	{NULL, 'o', "FILE", 0, "write to FILE instead of stderr", 0},
	{NULL, 'e', "CALLS", 0, "only these: names, !names, file, network, process, memory, signal, time, random, signal=...", 0},
	{NULL, 's', "SIZE", 0, "show SIZE bytes of strings (default 32)", 0},
	{NULL, 'y', NULL, 0, "show the names behind descriptors", 0},
	{NULL, 'k', NULL, 0, "show the backtrace of each call", 0},
	{NULL, 'T', NULL, 0, "show the time that each call took", 0},
	{NULL, 't', NULL, 0, "show the time of day; -tt with microseconds, -ttt since 1970", 0},
	{NULL, 'c', NULL, 0, "count calls and times instead", 0},
	{NULL, 'C', NULL, 0, "count as well", 0},
	{NULL, 'f', NULL, 0, "follow children: always done", 0},
	{NULL, 'v', NULL, 0, "do not abbreviate", 0},
	{NULL, 'q', NULL, 0, "no lines about births and deaths", 0},
	{NULL, 'p', "PID", 0, "refused: of a running process, what came before would be missing", 0},
	{"stack", 256, "SIZE", 0, "bytes of the stack for -k (default 64K)", 0},
	{0}
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct trace_options *o = state->input;
	char *error = NULL;

	switch (key) {
	case 'o': o->output = arg; break;
	case 's': o->show.string_max = parse_size(arg, "-s"); break;
	case 'y': o->cfg.fd_names = o->show.fd_paths = true; break;
	case 'k': o->backtraces = true; break;
	case 'T': o->show.syscall_times = true; break;
	case 't': o->show.timestamps++; break;
	case 'c': o->count = o->count_only = true; break;
	case 'C': o->count = true; break;
	case 'v': o->show.abbreviate = false; break;
	case 'q': o->filter.quiet = true; break;
	case 'f': break;
	case 256: o->cfg.stack = min_of(parse_size(arg, "--stack"), (uint64_t)1 << 20) & ~7u; break;
	case 'p':
		usage_error("trace", "-p: a running process cannot be traced: what came before would be missing; start it "
		            "under tandem");
	case 'e':
		if (filter_parse(&o->filter, arg, &error))
			usage_error("trace", "-e: %s", error);
		break;
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

static void flush_text(struct tracer *t)
{
	if (t->text.len && !t->failed && write_all(t->fd, t->text.at, t->text.len)) {
		/* The program must not suffer from a full disk: say it once, go on. */
		warn("cannot write the trace: %s", strerror(errno));
		t->failed = true;
	}
	buf_clear(&t->text);
}

static void show_frames(struct tracer *t, const struct frame *f, int n)
{
	for (int i = 0; i < n; i++) {
		buf_printf(&t->text, " > %s(", f[i].module ? f[i].module : "?");
		if (f[i].function)
			buf_printf(&t->text, "%s+0x%llx)", f[i].function, (unsigned long long)f[i].offset);
		else
			buf_printf(&t->text, "+0x%llx)", (unsigned long long)f[i].offset);
		if (f[i].file)
			buf_printf(&t->text, " %s:%d", f[i].file, f[i].line);
		buf_printf(&t->text, " [0x%llx]\n", (unsigned long long)f[i].pc);
	}
}

static void show_backtrace(struct tracer *t, const struct event *e, const struct mm *mm)
{
	struct part *regs = event_part(e, PART_REGS, 0), *stack = event_part(e, PART_STACK, 0);
	struct module_map *map;
	struct snapshot snap = {0};
	struct frame frame[64];
	struct user_regs_struct r;
	bool truncated = false;
	int n;

	if (!regs || !stack || !mm || (e->type != EV_CALL && e->type != EV_LEAVE && e->type != EV_INSN))
		return;
	memcpy(&r, part_data(regs), sizeof(r));
	map = xcalloc(mm->nmap, sizeof(*map));
	for (int i = 0; i < mm->nmap; i++)
		map[i] = (struct module_map){mm->map[i].start, mm->map[i].end, mm->map[i].offset, mm->map[i].path,
		                             mm->map[i].dev, mm->map[i].ino};
	snap = (struct snapshot){&r, stack->addr, part_data(stack), stack->len, NULL, NULL, map, mm->nmap};
	if (!t->symbols)
		t->symbols = symbols_new();
	n = symbols_backtrace(t->symbols, &snap, frame, countof(frame), &truncated);
	show_frames(t, frame, n);
	if (truncated)
		buf_puts(&t->text, " > (truncated: --stack=SIZE carries more)\n");
	frames_free(frame, n);
	free(map);
}

static void on_event(void *ctx, const struct event *e)
{
	struct tracer *t = ctx;
	size_t before = t->text.len;
	struct mm *mm = t->o->backtraces ? views_event(&t->views, e) : NULL;

	if (t->o->count && (e->type == EV_CALL || e->type == EV_LEAVE || e->type == EV_INSN))
		summary_add(&t->summary, e);
	if (t->o->count_only || !filter_wants(&t->o->filter, e))
		return;
	show_event(&t->text, e, &t->show);
	if (t->text.len == before)
		return;
	if (t->o->backtraces)
		show_backtrace(t, e, mm);
	if (t->lines || t->text.len > PIECE)
		flush_text(t);
}

static int open_output(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0)
		die("cannot write %s: %s", path, strerror(errno));
	return fd;
}

int cmd_trace(int argc, char **argv)
{
	extern char **environ;
	struct trace_options o = {.show = SHOW_DEFAULTS};
	struct tracer t = {.o = &o, .fd = 2};
	struct run run = {.cfg = &o.cfg, .sink = on_event, .sink_ctx = &t, .keep_fd = -1};
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
	if (o.backtraces && !o.cfg.stack)
		o.cfg.stack = 65536;
	if ((err = find_program(argv[rest], &spec.path)))
		return err;
	spec.argv = argv + rest;
	spec.envp = environ;
	o.cfg.spec = &spec;
	if (o.output)
		run.keep_fd = t.fd = open_output(o.output);
	t.show = o.show;
	t.show.task_ids = o.output ? TASK_IDS_PLAIN : TASK_IDS_BRACKETS;
	t.lines = isatty(t.fd);
	err = coordinate(&run, &out);
	if (err)
		cannot_start(err);
	if (o.count)
		summary_show(&t.text, &t.summary);
	flush_text(&t);
	if (out.failed)
		status = outcome_failed(&out, spec.path);
	else if (t.failed)
		status = EXIT_TANDEM;
	end_like(&out, status);
}
