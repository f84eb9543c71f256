/* diff.c - `tandem diff`: two recordings side by side. */
#define _GNU_SOURCE
#include "cli/diff.h"

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/recording.h"
#include "show/json.h"
#include "show/names.h"
#include "show/text.h"

enum { OPT_ALL = 256, OPT_JSON };
/* Of bytes so many are shown, from the first that differs on; of strings that are no longer, all. */
enum { BYTES_SHOWN = 24, WHOLE_TEXT = 48 };

struct diff_command {
	struct printer_options print;
	int context, most;
	bool all, json;
};

static const struct argp_option options[] = {
	{NULL, 'C', "N", 0, "show N lines before a difference (default 3)", 0},
	{NULL, 'n', "N", 0, "show N differences (default 20; 0: all)", 0},
	{NULL, 's', "SIZE", 0, "show SIZE bytes of strings (default 32)", 0},
	{"all", OPT_ALL, NULL, 0, "also what differs by itself in every run: addresses, ids, times, random bytes", 0},
	{"json", OPT_JSON, NULL, 0, "an object for each difference, a line each, and one with the counts", 0},
	{0}
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct diff_command *o = state->input;

	switch (key) {
	case 'C':      o->context = parse_number(arg, "diff", "-C", 0, 1000000); break;
	case 'n':      o->most = parse_number(arg, "diff", "-n", 0, INT32_MAX); break;
	case 's':      o->print.show.string_max = parse_size(arg, "-s"); break;
	case OPT_ALL:  o->all = true; break;
	case OPT_JSON: o->json = true; break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	options, parse, "A B",
	"Compare two recordings: where they differ first, and where else.\v"
	"The exit status is 0 where they do not differ, 1 where they do; 125: a recording cannot be read, or it is damaged and no "
	"difference was found in what is there.", NULL, NULL, NULL
};

/* ---- values, for text and JSON ---- */

const struct event *diff_event(struct diff_view *v, const struct change *c, int side, uint32_t before)
{
	const struct path_pair *p = &v->d.pair[c->pair];
	const struct path *path = side ? p->b : p->a;
	uint32_t at = side ? c->b : c->a;

	if (!before && c->kind == (side ? CHANGE_ONLY_A : CHANGE_ONLY_B))
		return NULL;
	return story_event(&v->side[side].story, &path->step[at - before]);
}

void diff_place(struct buf *out, const struct event *e, const struct value_difference *d)
{
	const char *name = d->a.arg && event_key(e) >> 24 == EV_CALL ? argument_name(e->call, d->a.arg - 1) : NULL;

	if (e->type == EV_DEATH)
		buf_puts(out, "status");
	else if (!d->a.arg)
		buf_puts(out, e->type == EV_INSN && d->a.class == VALUE_DID ? "leaf" : e->type == EV_SIGNAL ? "signal" : "result");
	else
		buf_printf(out, "argument %d%s%s%s", d->a.arg, name ? " (" : "", name ? name : "", name ? ")" : "");
	if (d->a.arg && d->a.field && !d->only_one)
		buf_printf(out, ", %s", field_name(d->a.shape, d->a.field - 1));
}

/* The first byte that differs, where one has fewer: how many that are. */
static uint64_t first_byte(const struct value_difference *d)
{
	uint64_t n = min_of(d->a.number, d->b.number), i = 0;

	while (i < n && d->a.bytes[i] == d->b.bytes[i])
		i++;
	return i;
}

int64_t diff_offset(const struct value_difference *d)
{
	if (d->only_one || !d->a.bytes)
		return -1;
	return d->a.offset + (d->a.hashed ? first_byte(d) / 8 * 4096 : first_byte(d));
}

bool diff_whole(const struct value_difference *d)
{
	int kind = d->a.kind;

	return (kind == K_STR || kind == K_PATH || kind == K_CHARS) && max_of(d->a.number, d->b.number) <= WHOLE_TEXT;
}

static void put_some_bytes(struct buf *out, const struct value *v, uint64_t from)
{
	uint64_t n = v->number - from, most = from ? BYTES_SHOWN : WHOLE_TEXT;

	if (v->kind != K_BUF && n && !v->bytes[v->number - 1])
		n--;
	put_quoted(out, v->bytes + from, min_of(n, most));
	buf_puts(out, n > most ? "..." : "");
}

void diff_value(struct buf *out, const struct value_difference *d, int side)
{
	const struct value *v = side ? &d->b : &d->a;

	if (v->bytes)
		put_some_bytes(out, v, diff_whole(d) ? 0 : first_byte(d));
	else if (v->kind == K_PAD && v->number)
		buf_puts(out, errno_name(-v->number) ? errno_name(-v->number) : "an error");
	else if (v->kind == K_PAD)
		buf_puts(out, "no error");
	else if (v->kind == K_NONE)
		buf_puts(out, v->number ? "one" : "none");
	else
		show_value(out, v->kind == K_WSTATUS ? K_HEX : v->kind, v->set, v->number);
}

/* ---- JSON ---- */

static json_t *event_json(struct diff_view *v, const struct change *c, int side)
{
	const struct event *e = diff_event(v, c, side, 0);
	struct buf text = {0};
	json_t *j;

	if (!e)
		return json_null();
	show_event(&text, e, v->show);
	if (text.len)
		text.at[--text.len] = 0;
	j = json_pack("{s:I, s:o}", "event", (json_int_t)e->seq, "text", json_of(&text));
	buf_free(&text);
	return j;
}

static json_t *difference_json(const struct event *e, const struct value_difference *d)
{
	struct buf where = {0}, a = {0}, b = {0};
	json_t *j;

	diff_place(&where, e, d);
	if (!d->only_one) {
		diff_value(&a, d, 0);
		diff_value(&b, d, 1);
	}
	j = json_pack("{s:s, s:b, s:i, s:o}", "what", d->a.class == VALUE_DID ? "did" : "got", "itself", d->a.nature != VALUE_STEADY, "argument",
	              d->a.arg, "where", json_of(&where));
	if (diff_offset(d) >= 0)
		json_object_set_new(j, "offset", json_integer(diff_offset(d)));
	if (!d->only_one) {
		json_object_set_new(j, "a", json_of(&a));
		json_object_set_new(j, "b", json_of(&b));
	}
	buf_free(&where);
	buf_free(&a);
	buf_free(&b);
	return j;
}

static json_t *values_json(struct diff_view *v, const struct change *c)
{
	const struct event *a = diff_event(v, c, 0, 0), *b = diff_event(v, c, 1, 0);
	struct values_compared x;
	json_t *list = json_array();

	if (!a || !b)
		return list;
	values_compare(a, &v->side[0].story.ids, b, &v->side[1].story.ids, &x);
	for (int class = 0; class < VALUE_CLASSES; class++)
		for (int nature = 0; nature < (v->all ? VALUE_NATURES : VALUE_STEADY + 1); nature++)
			if (x.differs[class][nature].found)
				json_array_append_new(list, difference_json(a, &x.differs[class][nature]));
	return list;
}

static void json_line(struct diff_view *v, json_t *j)
{
	char *text = json_dumps(j, JSON_COMPACT | JSON_PRESERVE_ORDER);

	if (!text)
		die("out of memory");
	buf_puts(&v->p->text, text);
	buf_putc(&v->p->text, '\n');
	printer_flush(v->p);
	free(text);
	json_decref(j);
}

static json_t *change_json(struct diff_view *v, const struct change *c)
{
	static const char *const kinds[] = {[CHANGE_VALUES] = "values", [CHANGE_ONLY_A] = "only-a", [CHANGE_ONLY_B] = "only-b"};
	json_t *j = json_pack("{s:s, s:I, s:o, s:o}", "kind", kinds[c->kind], "task", (json_int_t)v->d.pair[c->pair].task, "a",
	                      event_json(v, c, 0), "b", event_json(v, c, 1));

	if (c->kind == CHANGE_VALUES)
		json_object_set_new(j, "differs", values_json(v, c));
	return j;
}

static json_t *counts_json(const struct change_counts *n)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "equal", (json_int_t)n->equal, "itself", (json_int_t)n->itself,
	                 "did", (json_int_t)n->did, "got", (json_int_t)n->got, "values", (json_int_t)n->values, "only_a",
	                 (json_int_t)n->only_a, "only_b", (json_int_t)n->only_b, "beyond", (json_int_t)n->beyond);
}

void diff_json(struct diff_view *v)
{
	json_t *tasks = json_array(), *j;

	for (uint32_t i = 0; i < v->d.nchanges && (!v->most || i < v->most); i++)
		json_line(v, change_json(v, &v->d.change[v->d.order[i]]));
	for (uint32_t i = 0; i < v->d.npairs; i++) {
		j = counts_json(&v->d.pair[i].counts);
		json_object_set_new(j, "task", json_integer(v->d.pair[i].task));
		json_array_append_new(tasks, j);
	}
	json_line(v, json_pack("{s:{s:I, s:b, s:b, s:o, s:o}}", "summary", "differences", (json_int_t)v->d.nchanges, "a_whole",
	                       v->side[0].story.whole, "b_whole", v->side[1].story.whole, "counts", counts_json(&v->d.counts),
	                       "tasks", tasks));
}

/* ---- */

static void read_side(struct diff_side *s, const char *name)
{
	s->name = name;
	s->r = recording_open(name);
}

static void read_story(struct diff_side *s)
{
	s->about = recording_about(s->r);
	if (story_read(&s->story, s->r))
		die("%s: there are more events or tasks in it than can be compared", s->name);
	if (!s->story.whole)
		warn("%s: what comes before is compared, up to event %llu", s->r->damage, (unsigned long long)s->story.events);
}

static void close_side(struct diff_side *s)
{
	story_free(&s->story);
	log_reader_close(s->r);
	json_decref(s->about);
}

int cmd_diff(int argc, char **argv)
{
	struct diff_command o = {.print.show = SHOW_DEFAULTS, .context = 3, .most = 20};
	struct diff_view v = {.show = &o.print.show};
	struct printer p;
	int rest, status;

	parse_options(&argp, argc, argv, &rest, &o);
	if (rest + 1 >= argc)
		usage_error("diff", "%s", rest < argc ? "a second recording is missing" : "no recordings were given");
	if (rest + 2 < argc)
		usage_error("diff", "'%s' is one word too many", argv[rest + 2]);
	v.context = o.context;
	v.most = o.most;
	v.all = o.all;
	for (int i = 0; i < 2; i++)
		read_side(&v.side[i], argv[rest + i]);
	for (int i = 0; i < 2; i++)
		read_story(&v.side[i]);
	differences_find(&v.d, &v.side[0].story, &v.side[1].story, v.all);
	printer_start(&p, &o.print, 1);
	v.p = &p;
	(o.json ? diff_json : diff_text)(&v);
	printer_end(&p);
	buf_free(&p.text);
	status = v.d.nchanges ? 1 : v.side[0].story.whole && v.side[1].story.whole ? 0 : EXIT_TANDEM;
	differences_free(&v.d);
	for (int i = 0; i < 2; i++)
		close_side(&v.side[i]);
	return p.failed ? EXIT_TANDEM : status;
}
