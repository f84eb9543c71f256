/* finding.c - what to say when a follower parts ways with the leader: once for people, once as JSON.
 *
 * The leader's side comes from the event alone; the follower's from the task itself, which is still stopped.
 * The finding goes to the coordinator; then this version ends.
 */
#define _GNU_SOURCE
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/walk.h"
#include "monitor/experiment.h"
#include "monitor/follower.h"
#include "monitor/gdb.h"
#include "monitor/shields/shields.h"
#include "show/decode.h"
#include "show/json.h"
#include "show/names.h"
#include "show/symbols.h"

#define FRAMES 48
/* Of a hang all tasks are shown, as far as a message to the coordinator takes it. */
#define OTHERS 24
#define OTHER_FRAMES 12

struct side {
	struct buf call;           /* "write(1, "abc", 3) = 3" */
	struct event *e;           /* what it is shown from */
	struct frame frame[FRAMES];
	int nframes;
	bool truncated;
	bool known;                /* there is such a side */
};

/* ---- the follower's own call, as an event: so that one decoder shows both ---- */

struct compose {
	struct buf b;
	struct task *t;
};

static void compose_part(struct compose *c, int kind, int arg, uint64_t addr, uint64_t len)
{
	struct part p = {.kind = kind, .arg = arg, .addr = addr, .whole = len};
	uint32_t n = min_of(len, (uint64_t)65536);
	char *bytes = xcalloc(1, n + 8);

	p.len = guest_read(c->t, addr, bytes, n) ? guest_read_some(c->t, addr, bytes, n) : n;
	p.flags = p.len < len ? PARTF_CUT : 0;
	buf_add(&c->b, &p, sizeof(p));
	buf_add(&c->b, bytes, (p.len + 7) & ~7u);
	((struct event *)c->b.at)->nparts++;
	free(bytes);
}

static int compose_visit(void *ctx, const struct extent *x)
{
	compose_part(ctx, PART_IN, x->arg, x->addr, x->len);
	return 0;
}

static int compose_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct compose *c = ctx;

	return guest_read(c->t, addr, buf, len);
}

static struct event *own_event(struct task *t, const struct event *leader)
{
	struct compose c = {.t = t};
	struct event e = {.type = EV_CALL, .task = t->id, .tid = t->leader_tid, .call = t->nr};
	struct walk w = {.row = t->row, .args = t->args, .read = compose_read, .visit = compose_visit, .ctx = &c};

	e.flags = t->call_flags;
	e.seq = leader->seq;
	memcpy(e.args, t->args, sizeof(e.args));
	buf_add(&c.b, &e, sizeof(e));
	walk_entry(&w);
	((struct event *)c.b.at)->size = c.b.len;
	return (struct event *)c.b.at;
}

/* ---- backtraces ---- */

static int by_start(const void *a, const void *b)
{
	const struct module_map *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static struct module_map *modules(const struct mm *mm, bool leader, size_t *ret_n)
{
	struct module_map *map;

	if (leader && mm->leader_view)
		mm = mm->leader_view;
	map = xcalloc(mm->nmap, sizeof(*map));
	for (int i = 0; i < mm->nmap; i++) {
		const struct mapping *x = &mm->map[i];
		uint64_t at = leader && mm->own_layout ? x->leader : x->start;

		map[i] = (struct module_map){at, at + (x->end - x->start), x->offset, x->path, x->dev, x->ino};
	}
	/* In another layout the objects stand in another order. */
	qsort(map, mm->nmap, sizeof(*map), by_start);
	*ret_n = mm->nmap;
	return map;
}

static void backtrace(struct monitor *m, struct side *s, struct snapshot *snap, const struct mm *mm, bool leader)
{
	struct module_map *map = modules(mm, leader, &snap->nmaps);

	snap->maps = map;
	if (!m->symbols)
		m->symbols = symbols_new();
	s->nframes = symbols_backtrace(m->symbols, snap, s->frame, FRAMES, &s->truncated);
	free(map);
}

static void leader_side(struct monitor *m, struct side *s, struct task *t, const struct event *e)
{
	struct part *regs = event_part(e, PART_REGS, 0), *stack = event_part(e, PART_STACK, 0);
	struct snapshot snap = {0};
	struct user_regs_struct r;

	s->known = true;
	if (!regs || regs->len < sizeof(r) || !t || !t->p)
		return;
	memcpy(&r, part_data(regs), sizeof(r));
	snap.regs = &r;
	if (stack) {
		snap.stack_addr = stack->addr;
		snap.stack = part_data(stack);
		snap.stack_len = stack->len;
	}
	backtrace(m, s, &snap, t->p->mm, true);
}

static int read_live(void *ctx, uint64_t addr, void *buf, size_t len)
{
	return guest_read(ctx, addr, buf, len);
}

static void follower_side(struct monitor *m, struct side *s, struct task *t)
{
	struct snapshot snap = {.read = read_live, .ctx = t};

	if (!t || !t->p || t->state != TASK_STOPPED || task_regs(t))
		return;
	s->known = true;
	snap.regs = &t->regs;
	backtrace(m, s, &snap, t->p->mm, false);
}

/* ---- JSON ---- */

static json_t *frames_json(const struct side *s)
{
	json_t *list = json_array();

	for (int i = 0; i < s->nframes; i++)
		json_array_append_new(list, json_pack("{s:o, s:o, s:i, s:o, s:I, s:I}",
			"function", json_text(s->frame[i].function), "file", json_text(s->frame[i].file),
			"line", s->frame[i].line, "module", json_text(s->frame[i].module),
			"pc", (json_int_t)s->frame[i].pc, "offset", (json_int_t)s->frame[i].offset));
	return list;
}

static json_t *args_json(const struct event *e)
{
	struct show_options o = SHOW_DEFAULTS;
	json_t *list = json_array();
	struct buf b = {0};

	for (int i = 0; i < show_argument_count(e); i++) {
		buf_clear(&b);
		show_one_argument(&b, e, i, &o);
		json_array_append_new(list, json_text(b.at ? b.at : ""));
	}
	buf_free(&b);
	return list;
}

/* Calls, and the instructions that stand in for them. */
static bool is_call(const struct event *e)
{
	return e->type == EV_CALL || e->type == EV_ENTER || e->type == EV_LEAVE || e->type == EV_INSN;
}

/* What an event is called where it stands for itself. */
static void show_title(struct buf *out, const struct event *e)
{
	char room[16];

	switch (e->type) {
	case EV_SIGNAL:
	case EV_STOPPED: buf_puts(out, signal_name((int)e->call, room)); break;
	case EV_DEATH:   buf_puts(out, "death"); break;
	case EV_RUN:     buf_puts(out, "run"); break;
	case EV_STATE:
	case EV_POINT:   buf_puts(out, "point"); break;
	default:         show_name(out, e);
	}
}

static json_t *side_json(const struct side *s)
{
	struct buf name = {0};
	json_t *j;

	if (!s->known)
		return json_null();
	if (s->e)
		show_title(&name, s->e);
	j = json_pack("{s:o, s:o, s:o, s:I, s:o, s:b}", "call", json_text(s->e ? name.at : NULL),
	              "shown", json_text(s->call.at), "args", s->e && is_call(s->e) ? args_json(s->e) : json_array(),
	              "result", (json_int_t)(s->e ? s->e->result : 0), "backtrace", frames_json(s),
	              "truncated", s->truncated);
	buf_free(&name);
	return j;
}

static json_t *difference_json(const struct difference *d)
{
	if (!d || d->kind == SAME)
		return json_null();
	return json_pack("{s:i, s:b, s:o, s:I, s:I}", "argument", d->arg, "length", d->length,
	                 "offset", d->bytes ? json_integer(d->offset) : json_null(),
	                 "leader", (json_int_t)d->leader, "follower", (json_int_t)d->follower);
}

/* ---- text ---- */

static void show_frames(struct buf *out, const struct side *s)
{
	for (int i = 0; i < s->nframes && i < 16; i++) {
		const struct frame *f = &s->frame[i];

		buf_printf(out, "      #%-2d ", i);
		if (f->function)
			buf_printf(out, "%s", f->function);
		else
			buf_printf(out, "0x%llx", (unsigned long long)f->pc);
		if (f->file)
			buf_printf(out, " at %s:%d", f->file, f->line);
		else if (f->module)
			buf_printf(out, " in %s+0x%llx", f->module, (unsigned long long)f->offset);
		buf_putc(out, '\n');
	}
	if (s->truncated)
		buf_puts(out, "      (truncated: --stack=SIZE carries more)\n");
}

static void printable(struct buf *out, uint64_t byte)
{
	if (byte >= 32 && byte < 127)
		buf_printf(out, "'%c'", (int)byte);
	else
		buf_printf(out, "0x%02llx", (unsigned long long)byte);
}

static void show_difference(struct buf *out, const struct difference *d, const struct side *leader)
{
	const char *name = d && d->arg && leader->e ? argument_name(leader->e->call, d->arg - 1) : NULL;

	if (!d || d->kind != OTHER_ARGUMENT)
		return;
	if (!d->arg) {
		buf_printf(out, "    the result is %lld, the leader's was %lld\n", (long long)d->follower, (long long)d->leader);
		return;
	}
	buf_printf(out, "    argument %d%s%s%s: ", d->arg, name ? " (" : "", name ? name : "", name ? ")" : "");
	if (!d->bytes) {
		buf_printf(out, "0x%llx, the leader's was 0x%llx\n", (unsigned long long)d->follower,
		           (unsigned long long)d->leader);
	} else if (d->length) {
		buf_printf(out, "%llu bytes, the leader's were %llu\n", (unsigned long long)d->follower,
		           (unsigned long long)d->leader);
	} else if (d->leader < 256 && d->follower < 256) {
		buf_printf(out, "byte %llu is ", (unsigned long long)d->offset);
		printable(out, d->follower);
		buf_puts(out, ", the leader's was ");
		printable(out, d->leader);
		buf_putc(out, '\n');
	} else {
		buf_printf(out, "differs within the 4096 bytes from %llu on\n", (unsigned long long)d->offset);
	}
}

static void show_recent(struct monitor *m, struct buf *out)
{
	struct show_options o = SHOW_DEFAULTS;
	uint64_t n = min_of(m->nrecent, (uint64_t)5);

	if (!n)
		return;
	buf_puts(out, "  before that:\n");
	for (uint64_t i = m->nrecent - n; i < m->nrecent; i++) {
		const struct event *e = m->recent[i % countof(m->recent)];

		if (!e || !is_call(e))
			continue;
		buf_printf(out, "    event %llu, task %u: ", (unsigned long long)e->seq, e->task);
		show_call(out, e, &o);
		buf_putc(out, '\n');
	}
}

static void show_side(struct buf *out, const char *who, const struct side *s)
{
	if (!s->known)
		return;
	buf_printf(out, "  %s: %s\n", who, s->call.at ? s->call.at : "(no call)");
	show_frames(out, s);
}

/* Where a follower that makes no call stands. */
static void show_place(struct buf *out, struct task *t)
{
	char room[16];

	switch (t->at) {
	case AT_FAULT:
		buf_printf(out, "gets %s at address %p", signal_name(t->fault.si_signo, room), t->fault.si_addr);
		break;
	case AT_INSN: buf_puts(out, "executes an instruction that reads the machine"); break;
	case AT_EXIT:
	case AT_DEAD: buf_puts(out, "is gone"); break;
	default:      buf_puts(out, "computes"); break;
	}
}

static void stop_for_a_look(struct task *t)
{
	int status;

	if (t->state != TASK_RUNNING || ptrace(PTRACE_INTERRUPT, t->tid, 0, 0) < 0)
		return;
	for (int i = 0; i < 100; i++) {
		if (waitpid(t->tid, &status, __WALL | WNOHANG) == t->tid) {
			t->state = WIFSTOPPED(status) ? TASK_STOPPED : TASK_DEAD;
			return;
		}
		if (task_ended_unseen(t)) {
			t->state = TASK_DEAD;
			return;
		}
		nap_ns(10000000);
	}
}

static void describe_own(struct monitor *m, struct task *t, const struct event *e, struct side *own)
{
	struct show_options o = SHOW_DEFAULTS;

	follower_side(m, own, t);
	if (t->at == AT_CALL) {
		own->e = own_event(t, e);
		show_name(&own->call, own->e);
		buf_putc(&own->call, '(');
		show_args(&own->call, own->e, &o);
		buf_putc(&own->call, ')');
	} else {
		show_place(&own->call, t);
	}
}

static void describe(struct monitor *m, struct task *t, const struct event *e, struct side *leader, struct side *own)
{
	struct show_options o = SHOW_DEFAULTS;

	leader->e = (struct event *)e;
	leader_side(m, leader, t, e);
	if (is_call(e))
		show_call(&leader->call, e, &o);
	else
		show_event(&leader->call, e, &o);
	while (leader->call.len && leader->call.at[leader->call.len - 1] == '\n')
		leader->call.at[--leader->call.len] = 0;
	if (t)
		describe_own(m, t, e, own);
}

/* Where all the others stand: for a hang the task that was waited for may tell the least. */
static json_t *show_others(struct monitor *m, struct buf *text, const struct task *except, const struct event *e)
{
	json_t *list = json_array(), *j;
	int left_out = 0;

	for (struct task *t = NULL; (t = task_next(m, t));) {
		struct side s = {0};
		char who[32];

		if (t == except || !t->p || t->at == AT_DEAD)
			continue;
		if (json_array_size(list) == OTHERS || text->len > NOTE_MAX / 8) {
			left_out++;
			continue;
		}
		stop_for_a_look(t);
		describe_own(m, t, e, &s);
		s.nframes = min_of(s.nframes, OTHER_FRAMES);
		s.truncated = false;
		snprintf(who, sizeof(who), "task %u", t->id);
		show_side(text, who, &s);
		j = side_json(&s);
		if (json_is_object(j))
			json_object_set_new(j, "task", json_integer(t->id));
		json_array_append_new(list, j);
		free(s.e);
		buf_free(&s.call);
	}
	if (left_out)
		buf_printf(text, "  and %d more tasks\n", left_out);
	return list;
}

static _Noreturn void end_version(struct monitor *m)
{
	stream_drop_consumer(m->s, m->consumer);
	monitor_kill_all(m);
	monitor_notef(m, NOTE_END, -1, "{\"events\":%llu}", (unsigned long long)m->last_seq);
	_exit(0);
}

/* SIGKILL takes a task out of every stop, and on to that at its end. */
static bool killed_meanwhile(struct task *t)
{
	return t->state == TASK_DEAD || (t->state == TASK_STOPPED && task_at_its_end(t));
}

/* A note has a length that it cannot exceed (long names, many frames): what is least missed goes first. */
static char *dump_to_fit(json_t *j)
{
	const size_t room = NOTE_MAX - sizeof(struct note) - 1;
	char *json = json_dumps(j, JSON_COMPACT);
	const char *text;

	for (int cut = 0; json && strlen(json) > room && cut < 4; cut++) {
		if (cut == 0)
			json_object_set_new(j, "others", json_array());
		if (cut == 1 && (text = json_string_value(json_object_get(j, "text"))))
			json_object_set_new(j, "text", json_stringn_nocheck(text, min_of(strlen(text), room / 4)));
		if (cut == 2) {
			json_object_set_new(json_object_get(j, "leader"), "backtrace", json_array());
			json_object_set_new(json_object_get(j, "follower"), "backtrace", json_array());
		}
		if (cut == 3) {
			json_object_set_new(j, "leader", json_null());
			json_object_set_new(j, "follower", json_null());
		}
		free(json);
		json = json_dumps(j, JSON_COMPACT);
	}
	return json;
}

void finding_send(struct monitor *m, int kind, int64_t value, json_t *j)
{
	char *text = j ? dump_to_fit(j) : NULL;

	must(j);
	monitor_note(m, kind, value, text ? text : "{}");
	free(text);
	json_decref(j);
}

_Noreturn void finding_end(struct monitor *m)
{
	end_version(m);
}

json_t *finding_place(struct monitor *m, struct task *t, const struct event *e)
{
	struct show_options o = SHOW_DEFAULTS;
	struct side own = {.known = true, .e = (struct event *)e};
	json_t *j;

	follower_side(m, &own, t);
	if (is_call(e))
		show_call(&own.call, e, &o);
	else
		show_event(&own.call, e, &o);
	j = side_json(&own);
	json_object_set_new(j, "event", json_integer(e->seq));
	buf_free(&own.call);
	return j;
}

static json_t *make_finding(struct monitor *m, struct task *t, const struct event *e, const char *kind, const struct difference *d,
                            const char *what, struct buf *text)
{
	struct side leader = {0}, own = {0};
	json_t *others, *j;

	describe(m, t, e, &leader, &own);
	buf_printf(text, "version %d, task %u, event %llu: ", m->version, e->task, (unsigned long long)e->seq);
	show_title(text, e);
	buf_printf(text, ": the follower %s\n", what);
	show_difference(text, d, &leader);
	show_side(text, "leader", &leader);
	show_side(text, "follower", &own);
	others = strcmp(kind, "hang") ? json_array() : show_others(m, text, t, e);
	show_recent(m, text);
	j = json_pack("{s:i, s:i, s:I, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "version", m->version, "task", (int)e->task,
	              "event", (json_int_t)e->seq, "kind", kind, "what", what, "leader", side_json(&leader),
	              "follower", side_json(&own), "difference", difference_json(d), "others", others, "text", json_text(text->at));
	must(j);
	free(own.e);
	buf_free(&own.call);
	buf_free(&leader.call);
	return j;
}

json_t *finding_json(struct monitor *m, struct task *t, const struct event *e, const char *kind, const struct difference *d)
{
	struct buf text = {0};
	json_t *j = make_finding(m, t, e, kind, d, d ? "makes the call with another argument" : "makes another call", &text);

	buf_free(&text);
	return j;
}

_Noreturn void diverge(struct monitor *m, struct task *t, const struct event *e, const char *kind,
                       const struct difference *d, const char *fmt, ...)
{
	struct buf text = {0};
	char *what;
	va_list ap;

	va_start(ap, fmt);
	what = xvasprintf(fmt, ap);
	va_end(ap);
	if (t)
		stop_for_a_look(t);
	if (t && strcmp(kind, "killed") && killed_meanwhile(t)) {
		/* What looked like a difference was its end: nothing of it can be read any more. */
		kind = "killed";
		d = NULL;
		free(what);
		what = xstrdup("was killed");
		t->at = AT_DEAD;
		t->state = TASK_DEAD;
	}
	if (m->cfg->experiment)
		experiment_end(m);
	finding_send(m, NOTE_DIVERGENCE, e->seq, make_finding(m, t, e, kind, d, what, &text));
	gdb_diverged(m, t, text.at);
	end_version(m);
}
