/* event.c - the line of an event: prefix, text, newline. */
#include <time.h>

#include "show/names.h"
#include "show/view.h"

/* The local time of day of the last second that was asked for: localtime_r takes longer than a line. */
static const char *time_of_day(int64_t second)
{
	static _Thread_local int64_t last = INT64_MIN;
	static _Thread_local char text[16];
	time_t t = second;
	struct tm tm;

	if (second == last)
		return text;
	if (!localtime_r(&t, &tm) || !strftime(text, sizeof(text), "%H:%M:%S", &tm))
		strcpy(text, "??:??:??");
	last = second;
	return text;
}

static uint64_t moment(const struct event *e)
{
	bool at_entry = e->type == EV_CALL || e->type == EV_ENTER || e->type == EV_INSN;

	return at_entry || !e->left ? e->entered : e->left;
}

static void show_stamp(struct buf *out, const struct event *e, int how)
{
	uint64_t ns = moment(e), micro = ns % 1000000000 / 1000;

	if (how == STAMP_NONE)
		return;
	if (how == STAMP_UNIX)
		put_uint(out, ns / 1000000000);
	else
		put_str(out, time_of_day(ns / 1000000000));
	if (how != STAMP_SECONDS) {
		put_char(out, '.');
		put_zeros(out, micro, 6);
	}
	put_char(out, ' ');
}

static void show_task(struct buf *out, const struct event *e, int how)
{
	if (how == TASK_IDS_NONE)
		return;
	if (how == TASK_IDS_BRACKETS)
		put_char(out, '[');
	put_uint(out, e->tid);
	put_str(out, how == TASK_IDS_BRACKETS ? "] " : " ");
}

static void show_delivery(struct view *v)
{
	const struct part *p = event_part(v->e, PART_SIGINFO, 0);

	put_lit(v->out, "--- ");
	show_signal(v->out, v->e->call);
	put_char(v->out, ' ');
	if (p)
		show_siginfo(v, part_data(p), p->len);
	else
		put_lit(v->out, "{}");
	put_lit(v->out, " ---");
	if (v->e->flags & EVF_ASYNC)
		put_lit(v->out, " [unplaced]");
}

static void show_death(struct buf *out, int status)
{
	int sig = status & 0x7f;

	if (sig && sig != 0x7f) {
		put_lit(out, "+++ killed by ");
		show_signal(out, sig);
		put_str(out, status & 0x80 ? " (core dumped) +++" : " +++");
	} else {
		put_lit(out, "+++ exited with ");
		put_uint(out, status >> 8 & 0xff);
		put_lit(out, " +++");
	}
}

static void show_stop(struct buf *out, const struct event *e)
{
	put_lit(out, "--- stopped by ");
	show_signal(out, e->call ? (int64_t)e->call : e->result);
	put_lit(out, " ---");
}

/* What only followers need. */
static void show_inner(struct buf *out, const struct event *e)
{
	static const char *const names[EV_TYPES] = {
		[EV_START] = "start of process ", [EV_RUN] = "runs, task ", [EV_MARK] = "mark of task ",
		[EV_FRAGMENT] = "more bytes of event ", [EV_END] = "end", [EV_STATE] = "memory of task ",
		[EV_POINT] = "stopped while it computes, task ", [EV_GOES] = "computes on, task ",
	};

	put_lit(out, "--- ");
	put_str(out, names[e->type] ? names[e->type] : "?");
	if (e->type == EV_START)
		put_uint(out, e->other);
	else if (e->type == EV_FRAGMENT)
		put_uint(out, e->seq);
	else if (e->type != EV_END)
		put_uint(out, e->task);
	put_lit(out, " ---");
}

static bool is_inner(const struct event *e)
{
	switch (e->type) {
	case EV_START: case EV_RUN: case EV_MARK: case EV_FRAGMENT: case EV_END: case EV_PAD:
	case EV_STATE: case EV_POINT: case EV_GOES:
		return true;
	}
	return false;
}

static void show_line(struct buf *out, const struct event *e, const struct show_options *o)
{
	struct view v;

	switch (e->type) {
	case EV_CALL: case EV_ENTER: case EV_LEAVE: case EV_INSN:
		show_call(out, e, o);
		break;
	case EV_SIGNAL:
		view_init(&v, out, e, o);
		show_delivery(&v);
		break;
	case EV_DEATH:
		show_death(out, (int)e->result);
		break;
	case EV_STOPPED:
		show_stop(out, e);
		break;
	default:
		show_inner(out, e);
	}
}

void show_event(struct buf *out, const struct event *e, const struct show_options *o)
{
	if (is_inner(e) && !o->verbose)
		return;
	show_task(out, e, o->task_ids);
	show_stamp(out, e, o->timestamps);
	show_line(out, e, o);
	put_char(out, '\n');
}
