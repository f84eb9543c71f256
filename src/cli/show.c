/* show.c - `tandem show`: what is in a recording, as text, JSON lines, counts, or a trace that viewers open. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/printer.h"
#include "cli/recording.h"
#include "monitor/given.h"
#include "show/json.h"

enum { OPT_FROM = 256, OPT_TO, OPT_TASK, OPT_CALL, OPT_JSON, OPT_CHROME, OPT_ALL };

struct show_command {
	struct printer_options print;
	uint64_t from, to, task;
	bool json, chrome;
};

static const struct argp_option options[] = {
	{NULL, 'o', "FILE", 0, "write to FILE instead of stdout", 0},
	PRINTER_OPTIONS,
	{"from", OPT_FROM, "EVENT", 0, "begin with this event", 0},
	{"to", OPT_TO, "EVENT", 0, "end with this event", 0},
	{"task", OPT_TASK, "TASK", 0, "only this task", 0},
	{"call", OPT_CALL, "CALLS", 0, "the same as -e", 0},
	{"all", OPT_ALL, NULL, 0, "also the events that are only there for followers", 0},
	{"json", OPT_JSON, NULL, 0, "an object for each event, a line each", 0},
	{"chrome", OPT_CHROME, NULL, 0, "JSON for Perfetto and chrome://tracing: a track per task, a slice per call", 0},
	{0}
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct show_command *o = state->input;

	if (printer_option(&o->print, "show", key == OPT_CALL ? 'e' : key, arg))
		return 0;
	switch (key) {
	case OPT_FROM:   o->from = parse_event(arg, "show", "--from"); break;
	case OPT_TO:     o->to = parse_event(arg, "show", "--to"); break;
	case OPT_TASK:   o->task = parse_event(arg, "show", "--task"); break;
	case OPT_ALL:    o->print.show.verbose = true; break;
	case OPT_JSON:   o->json = true; break;
	case OPT_CHROME: o->chrome = true; break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	options, parse, "FILE",
	"Show what is in a recording.\v"
	"The exit status is 0; 125 where the recording is damaged: what comes before the damage is shown.", NULL, NULL, NULL
};

/* ---- JSON ---- */

static const char *type_name(int type)
{
	static const char *const name[EV_TYPES] = {
		[EV_START] = "start", [EV_CALL] = "call", [EV_ENTER] = "enter", [EV_LEAVE] = "leave", [EV_INSN] = "instruction",
		[EV_SIGNAL] = "signal", [EV_RUN] = "run", [EV_DEATH] = "death", [EV_MARK] = "mark", [EV_STOPPED] = "stopped",
		[EV_FRAGMENT] = "fragment", [EV_END] = "end", [EV_STATE] = "state", [EV_POINT] = "point", [EV_GOES] = "goes"};

	return name[type];
}

static bool is_call(const struct event *e)
{
	return e->type == EV_CALL || e->type == EV_ENTER || e->type == EV_LEAVE || e->type == EV_INSN;
}

static json_t *call_json(const struct event *e, const struct show_options *o)
{
	struct buf name = {0}, text = {0}, one = {0};
	json_t *j, *args = json_array();

	show_name(&name, e);
	show_call(&text, e, o);
	for (int i = 0; i < show_argument_count(e); i++) {
		buf_clear(&one);
		show_one_argument(&one, e, i, o);
		json_array_append_new(args, json_of(&one));
	}
	j = json_pack("{s:o, s:o, s:o}", "call", json_of(&name), "args", args, "text", json_of(&text));
	if (e->type != EV_ENTER)
		json_object_set_new(j, "result", json_integer(e->result));
	buf_free(&name);
	buf_free(&text);
	buf_free(&one);
	return j;
}

static void print_json(struct printer *p, const json_t *j)
{
	char *text = json_dumps(j, JSON_COMPACT | JSON_PRESERVE_ORDER);

	if (!text)
		die("out of memory");
	buf_puts(&p->text, text);
	free(text);
}

static void json_line(struct printer *p, const struct event *e)
{
	json_t *j = json_pack("{s:I, s:s, s:I, s:I, s:I, s:I, s:I}", "event", (json_int_t)e->seq, "type", type_name(e->type), "task",
	                      (json_int_t)e->task, "tid", (json_int_t)e->tid, "entered", (json_int_t)e->entered, "left",
	                      (json_int_t)e->left, "cpu", (json_int_t)e->cpu);

	if (is_call(e)) {
		json_t *call = call_json(e, &p->o->show);

		json_object_update(j, call);
		json_decref(call);
	}
	if (e->type == EV_SIGNAL || e->type == EV_STOPPED)
		json_object_set_new(j, "signal", json_integer(e->call));
	if (e->type == EV_DEATH || e->type == EV_END)
		json_object_set_new(j, "status", json_integer(e->result));
	if (e->flags & EVF_BIRTH)
		json_object_set_new(j, "child", json_integer(e->other));
	if (e->flags & EVF_VDSO)
		json_object_set_new(j, "vdso", json_true());
	print_json(p, j);
	buf_putc(&p->text, '\n');
	json_decref(j);
}

/* ---- a trace for viewers ---- */

/* The trace event format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU. Times are
 * microseconds from the first event. */
struct chrome {
	uint64_t start;
	int64_t *pid;                  /* by task */
	uint32_t room;
	bool any;
};

static int64_t *pid_of(struct chrome *c, uint32_t task)
{
	c->pid = xgrow(c->pid, &c->room, task, sizeof(*c->pid));
	return &c->pid[task];
}

static void chrome_put(struct printer *p, struct chrome *c, json_t *j)
{
	buf_puts(&p->text, c->any ? ",\n" : "");
	c->any = true;
	print_json(p, j);
	json_decref(j);
}

static void name_track(struct printer *p, struct chrome *c, uint32_t task, int64_t tid)
{
	chrome_put(p, c, json_pack("{s:s, s:s, s:I, s:I, s:{s:o}}", "name", "thread_name", "ph", "M", "pid",
	                           (json_int_t)*pid_of(c, task), "tid", (json_int_t)tid, "args", "name",
	                           json_sprintf("task %u", task)));
}

static double micros(const struct chrome *c, uint64_t ns)
{
	return ((double)ns - (double)c->start) / 1000;
}

/* Births and execs, which say to which process a task belongs and what it is called. */
static void chrome_tracks(struct printer *p, struct chrome *c, const struct event *e)
{
	if (e->type == EV_START) {
		c->start = e->entered;
		*pid_of(c, e->task) = e->other;
		name_track(p, c, e->task, e->tid);
	}
	if (e->type == EV_CALL && e->flags & EVF_BIRTH) {
		int64_t pid = birth_flags(e) & CLONE_THREAD ? *pid_of(c, e->task) : e->result;

		*pid_of(c, e->other) = pid;
		name_track(p, c, e->other, e->result);
	}
	if (e->type == EV_CALL && e->flags & EVF_EXEC) {
		struct buf path = {0};

		show_one_argument(&path, e, e->call == SYS_execveat, &p->o->show);
		chrome_put(p, c, json_pack("{s:s, s:s, s:I, s:{s:o}}", "name", "process_name", "ph", "M", "pid",
		                           (json_int_t)*pid_of(c, e->task), "args", "name", json_of(&path)));
		buf_free(&path);
	}
}

static void chrome_slice(struct printer *p, struct chrome *c, const struct event *e)
{
	struct buf name = {0}, text = {0};
	json_int_t pid = *pid_of(c, e->task);

	if (e->type == EV_SIGNAL) {
		show_event(&text, e, &(struct show_options){.string_max = 32, .abbreviate = true});
		chrome_put(p, c, json_pack("{s:o, s:s, s:s, s:f, s:I, s:I, s:{s:I}}", "name", json_of(&text), "ph", "i", "s", "t", "ts",
		                           micros(c, e->entered), "pid", pid, "tid", (json_int_t)e->tid, "args", "event",
		                           (json_int_t)e->seq));
	} else if (is_call(e) && e->type != EV_ENTER) {
		show_name(&name, e);
		show_call(&text, e, &p->o->show);
		chrome_put(p, c, json_pack("{s:o, s:s, s:s, s:f, s:f, s:I, s:I, s:{s:I, s:o}}", "name", json_of(&name), "cat",
		                           e->type == EV_INSN ? "instruction" : e->flags & EVF_VDSO ? "vdso" : "call", "ph", "X", "ts",
		                           micros(c, e->entered), "dur", max_of(micros(c, e->left) - micros(c, e->entered), 0.001),
		                           "pid", pid, "tid", (json_int_t)e->tid, "args", "event", (json_int_t)e->seq, "call",
		                           json_of(&text)));
	}
	buf_free(&name);
	buf_free(&text);
}

/* ---- */

static bool is_wanted(const struct show_command *o, const struct event *e)
{
	return e->seq >= o->from && e->seq <= o->to && (!o->task || e->task == o->task);
}

static void show_one(const struct show_command *o, struct printer *p, struct chrome *c, const struct event *e)
{
	bool wanted = is_wanted(o, e);

	if (o->chrome)
		chrome_tracks(p, c, e);
	if (!o->chrome && !o->json) {
		/* Backtraces want to know of the mappings that were made before. */
		if (wanted)
			printer_event(p, e);
		else if (o->print.backtraces)
			views_event(&p->views, e);
		return;
	}
	if (!wanted || !filter_wants(&o->print.filter, e))
		return;
	if (o->chrome)
		chrome_slice(p, c, e);
	else
		json_line(p, e);
	if (p->text.len > 65536)
		printer_flush(p);
}

int cmd_show(int argc, char **argv)
{
	struct show_command o = {.print.show = SHOW_DEFAULTS, .to = UINT64_MAX};
	struct chrome c = {0};
	struct printer p;
	struct log_reader *r;
	const struct event *e;
	bool damaged;
	int rest;

	parse_options(&argp, argc, argv, &rest, &o);
	if (rest >= argc)
		usage_error("show", "no recording was given");
	if (rest + 1 < argc)
		usage_error("show", "'%s' is one word too many", argv[rest + 1]);
	if (o.json && o.chrome)
		usage_error("show", "--json or --chrome, not both");
	r = recording_open(argv[rest]);
	o.print.show.task_ids = TASK_IDS_PLAIN;
	printer_start(&p, &o.print, 1);
	if (o.chrome)
		buf_puts(&p.text, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
	while (!p.failed && (e = log_next(r)) && (e->seq <= o.to || o.chrome))
		show_one(&o, &p, &c, e);
	if (o.chrome)
		buf_puts(&p.text, "\n]}\n");
	printer_end(&p);
	damaged = r->damage;
	if (damaged)
		warn("%s: what comes before was shown, up to event %" PRIu64, r->damage, r->last_seq);
	free(c.pid);
	log_reader_close(r);
	return damaged || p.failed ? EXIT_TANDEM : 0;
}
