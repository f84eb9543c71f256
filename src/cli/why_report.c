/* why_report.c - what `tandem why` has found: as JSON, and from that as text for people. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "abi/table.h"
#include "cli/why.h"
#include "show/decode.h"
#include "show/json.h"
#include "show/names.h"

enum { FRAMES_SHOWN = 8, TEXT_MAX = 240 };

/* ---- pieces ---- */

static json_t *show_json(const struct event *e)
{
	struct show_options o = SHOW_DEFAULTS;
	struct buf b = {0};
	json_t *j;

	if (e->type == EV_INSN)
		show_event(&b, e, &o);
	else
		show_call(&b, e, &o);
	while (b.len && b.at[b.len - 1] == '\n')
		b.at[--b.len] = 0;
	j = json_text(b.at);
	buf_free(&b);
	return j;
}

/* The origin's event as it was recorded, and with the other value. */
static json_t *values_json(struct why *w, uint32_t origin, int amount)
{
	const struct event *e = log_seek(w->r, w->origins.at[origin].seq);
	struct substitution *list;
	struct buf room = {0};
	json_t *was, *other;
	struct event *copy;
	size_t n;

	if (!e)
		return json_null();
	copy = xmalloc(e->size);
	memcpy(copy, e, e->size);
	was = show_json(copy);
	n = origins_substitute(&w->origins, &origin, 1, amount, &list, &room);
	substitute(list, n, copy);
	other = show_json(copy);
	free(copy);
	free(list);
	buf_free(&room);
	return json_pack("{s:o, s:o, s:s}", "recorded", was, "other", other, "amount", amount_words[amount]);
}

static json_t *call_json(const struct origin *x)
{
	bool insn = x->key >> 24 == EV_INSN;

	return json_text(insn ? insn_name(x->key & 0x7fffff) : call_name(x->key & 0x7fffff, x->key >> 23 & 1));
}

static json_t *frames_of(const struct why *w, const struct place *s)
{
	const json_t *told = s->n ? why_place(w, w->origins.at[s->origin[0]].seq) : NULL;
	json_t *frames = json_object_get(told, "backtrace");

	return frames ? json_incref(frames) : json_array();
}


/* Where a place is, and how often it was passed. */
static json_t *place_json(const struct why *w, const struct place *s)
{
	json_t *frames = frames_of(w, s);
	int own = why_own_frame(frames);

	return json_pack("{s:s, s:s, s:o, s:i, s:o, s:o}", "kind", cause_name[s->kind], "what", cause_words[s->kind], "call",
	                 s->n ? call_json(&w->origins.at[s->origin[0]]) : json_null(), "times", (int)s->n, "own", own < 0 ? json_null() : json_integer(own),
	                 "backtrace", frames);
}

static json_t *places_json(const struct why *w, const uint32_t *place, uint32_t n)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < n; i++)
		json_array_append_new(list, place_json(w, &w->search.place[place[i]]));
	return list;
}

/* ---- where it shows ---- */

/* Not of a cause that needs others: what shows first is theirs. */
static json_t *shows_json(struct why *w, const struct cause *c)
{
	unsigned kinds = 0;
	json_t *replay, *shows, *was, *is, *d, *j;
	uint32_t n = c->n, *list = xmalloc((n + 1) * sizeof(*list));

	if (n)
		memcpy(list, c->origin, n * sizeof(*list));
	for (uint32_t i = 0; i < c->nplaces; i++)
		kinds |= w->search.place[c->place[i]].kind >= CAUSE_AUXV ? 1u << w->search.place[c->place[i]].kind : 0;
	replay = why_substituted(w, list, n, c->amount, kinds, true);
	/* Another layout, other garbage: not all of them have the effect. */
	for (int again = 0; kinds && !why_told(replay, "shows") && again < 8; again++) {
		json_decref(replay);
		replay = why_substituted(w, list, n, c->amount, kinds, true);
	}
	free(list);
	shows = why_told(replay, "shows");
	was = json_object_get(shows, "leader");
	is = json_object_get(shows, "follower");
	d = json_object_get(shows, "difference");
	if (!shows) {
		json_decref(replay);
		return json_null();
	}
	j = json_pack("{s:O*, s:O*, s:O*, s:O*, s:O*, s:O*, s:O*, s:O*, s:O*}", "event", json_object_get(shows, "event"), "task",
	              json_object_get(shows, "task"), "call", json_object_get(is, "call"), "recorded", json_object_get(was, "shown"),
	              "other", json_object_get(is, "shown"), "argument", json_object_get(d, "argument"), "offset",
	              json_object_get(d, "offset"), "difference", d, "backtrace", json_object_get(is, "backtrace"));
	json_decref(replay);
	return j;
}

static json_t *cause_json(struct why *w, const struct cause *c)
{
	const struct place *first = &w->search.place[c->place[0]];
	json_t *j = place_json(w, first), *list = json_array(), *reader = NULL;

	if (first->kind == CAUSE_UNINIT && (reader = why_reader(w))) {
		int own = why_own_frame(json_object_get(reader, "backtrace"));

		json_object_set(j, "backtrace", json_object_get(reader, "backtrace"));
		json_object_set_new(j, "own", own < 0 ? json_null() : json_integer(own));
		json_decref(reader);
	}

	json_object_set_new(j, "values", c->n ? values_json(w, c->origin[0], c->amount) : json_null());
	json_object_set_new(j, "enough", json_integer(c->n));
	json_object_set_new(j, "help", json_string(cause_help[first->kind]));
	json_object_set_new(j, "shows", c->nwith ? json_null() : shows_json(w, c));
	json_object_set_new(j, "with", places_json(w, c->with, c->nwith));
	/* Of a set: the others. Each has origins of its own among those of the cause. */
	for (uint32_t i = 1; i < c->nplaces; i++) {
		const struct place *s = &w->search.place[c->place[i]];
		json_t *part = place_json(w, s);

		for (uint32_t k = 0; k < c->n; k++)
			if (w->origins.at[c->origin[k]].place == s->id && w->origins.at[c->origin[k]].kind == s->kind) {
				json_object_set_new(part, "values", values_json(w, c->origin[k], c->amount));
				break;
			}
		json_array_append_new(list, part);
	}
	json_object_set_new(j, "together", list);
	return j;
}

json_t *why_report(struct why *w, uint64_t ns)
{
	json_t *causes = json_array(), *harmless = json_array();
	const struct search *x = &w->search;

	for (uint32_t i = 0; i < x->ncauses; i++)
		json_array_append_new(causes, cause_json(w, &x->cause[i]));
	for (uint32_t i = 0; i < x->nplaces; i++) {
		bool unclear = false;

		for (uint32_t k = 0; k < x->nunclear; k++)
			unclear |= x->unclear[k] == i;
		if (!x->place[i].found && !unclear)
			json_array_append_new(harmless, place_json(w, &x->place[i]));
	}
	return json_pack("{s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:f}", "causes", causes, "harmless", harmless, "unclear",
	                 places_json(w, x->unclear, x->nunclear), "events", (json_int_t)w->origins.events, "values",
	                 (json_int_t)w->origins.n, "places", (json_int_t)x->nplaces, "replays", (json_int_t)x->trials, "seconds", ns / 1e9);
}

/* ---- text ---- */

static const char *str(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

static void print_frame(FILE *out, const json_t *f)
{
	const char *file = str(f, "file"), *module = str(f, "module"), *function = str(f, "function");
	uint64_t pc = json_integer_value(json_object_get(f, "pc"));

	if (*function)
		fprintf(out, "%s", function);
	else
		fprintf(out, "0x%" PRIx64, pc);
	if (*file)
		fprintf(out, " at %s:%d", file, (int)json_integer_value(json_object_get(f, "line")));
	else if (*module)
		fprintf(out, " in %s+0x%" PRIx64, module, (uint64_t)json_integer_value(json_object_get(f, "offset")));
}

static void print_frames(FILE *out, const json_t *frames)
{
	json_t *f;
	size_t i;

	json_array_foreach(frames, i, f) {
		if (i == FRAMES_SHOWN)
			break;
		fprintf(out, "      #%-2zu ", i);
		print_frame(out, f);
		fputc('\n', out);
	}
}

/* Where it is in what was executed, not in its libraries; NULL: nowhere. */
static const json_t *own_frame(const json_t *place)
{
	const json_t *i = json_object_get(place, "own");

	return json_is_integer(i) ? json_array_get(json_object_get(place, "backtrace"), json_integer_value(i)) : NULL;
}

static void print_place(FILE *out, const json_t *place)
{
	const json_t *frames = json_object_get(place, "backtrace"), *f = own_frame(place);
	int times = json_integer_value(json_object_get(place, "times"));

	fprintf(out, "%s", str(place, "what"));
	if (*str(place, "call"))
		fprintf(out, ": %s", str(place, "call"));
	if (times > 1)
		fprintf(out, ", %d times", times);
	if (!f)
		f = json_array_get(frames, 0);
	if (f) {
		fprintf(out, ", ");
		print_frame(out, f);
	}
	fputc('\n', out);
}

static void print_values(FILE *out, const json_t *part)
{
	const json_t *v = json_object_get(part, "values");
	int times = json_integer_value(json_object_get(part, "times"));

	if (json_is_object(v)) {
		fprintf(out, "   recorded: %.*s\n", TEXT_MAX, str(v, "recorded"));
		fprintf(out, "   instead:  %.*s   (%s)\n", TEXT_MAX, str(v, "other"), str(v, "amount"));
	}
	if (times > 1)
		fprintf(out, "   one of %d times that the program comes here\n", times);
	print_frames(out, json_object_get(part, "backtrace"));
}

static void print_byte(FILE *out, json_int_t byte)
{
	if (byte >= 32 && byte < 127)
		fprintf(out, "'%c'", (char)byte);
	else
		fprintf(out, "0x%02" JSON_INTEGER_FORMAT, byte);
}

static void print_difference(FILE *out, const json_t *shows)
{
	const json_t *d = json_object_get(shows, "difference"), *offset = json_object_get(d, "offset");
	json_int_t was = json_integer_value(json_object_get(d, "leader")), is = json_integer_value(json_object_get(d, "follower"));

	if (!json_is_object(d))
		return;
	fprintf(out, "   argument %d: ", (int)json_integer_value(json_object_get(d, "argument")));
	if (json_is_true(json_object_get(d, "length"))) {
		fprintf(out, "%" JSON_INTEGER_FORMAT " bytes, not %" JSON_INTEGER_FORMAT "\n", is, was);
	} else if (!json_is_integer(offset)) {
		fprintf(out, "%" JSON_INTEGER_FORMAT ", not %" JSON_INTEGER_FORMAT "\n", is, was);
	} else if (was >= 0 && was < 256 && is >= 0 && is < 256) {
		fprintf(out, "byte %" JSON_INTEGER_FORMAT " is ", json_integer_value(offset));
		print_byte(out, is);
		fprintf(out, ", not ");
		print_byte(out, was);
		fputc('\n', out);
	} else {
		fprintf(out, "within the 4096 bytes from %" JSON_INTEGER_FORMAT " on\n", json_integer_value(offset));
	}
}

static void print_shows(FILE *out, const json_t *shows)
{
	const char *was = str(shows, "recorded"), *is = str(shows, "other");

	if (!json_is_object(shows))
		return;
	fprintf(out, "   it shows at event %" JSON_INTEGER_FORMAT ":\n", json_integer_value(json_object_get(shows, "event")));
	fprintf(out, "   recorded: %.*s\n", TEXT_MAX, was);
	fprintf(out, "   now:      %.*s\n", TEXT_MAX, is);
	print_difference(out, shows);
	print_frames(out, json_object_get(shows, "backtrace"));
}

static void print_cause(FILE *out, size_t number, const json_t *c)
{
	const json_t *with = json_object_get(c, "with"), *together = json_object_get(c, "together");
	json_t *x;
	size_t i;

	fprintf(out, "\n%zu. %s%s%s\n", number, str(c, "what"), *str(c, "call") ? ": " : "", str(c, "call"));
	print_values(out, c);
	json_array_foreach(together, i, x) {
		fprintf(out, "   only together with %s%s%s\n", str(x, "what"), *str(x, "call") ? ": " : "", str(x, "call"));
		print_values(out, x);
	}
	json_array_foreach(with, i, x) {
		fprintf(out, "   only where this is another one, too: ");
		print_place(out, x);
	}
	print_shows(out, json_object_get(c, "shows"));
	fprintf(out, "   what helps: %s\n", str(c, "help"));
}

/* Those in the program itself one by one; the rest, of the C library's start and the like, as a number. */
static void print_places(FILE *out, const char *title, const json_t *list)
{
	size_t i, others = 0;
	json_t *x;

	if (!json_array_size(list))
		return;
	fprintf(out, "\n%s\n", title);
	json_array_foreach(list, i, x) {
		if (json_array_size(json_object_get(x, "backtrace")) && !own_frame(x)) {
			others++;
			continue;
		}
		fprintf(out, "   ");
		print_place(out, x);
	}
	if (others)
		fprintf(out, "   and %zu places in libraries\n", others);
}

int why_print(FILE *out, const json_t *report, bool json)
{
	json_t *causes = json_object_get(report, "causes"), *x;
	size_t i, n = json_array_size(causes);

	if (json) {
		json_dumpf(report, out, JSON_INDENT(2));
		fputc('\n', out);
		return n ? 1 : 0;
	}
	if (n)
		fprintf(out, "tandem: %zu cause%s", n, n > 1 ? "s" : "");
	else
		fprintf(out, "tandem: no cause found");
	fprintf(out, " (%" JSON_INTEGER_FORMAT " values at %" JSON_INTEGER_FORMAT " places, %" JSON_INTEGER_FORMAT " replays, %.1f s)\n",
	        json_integer_value(json_object_get(report, "values")), json_integer_value(json_object_get(report, "places")),
	        json_integer_value(json_object_get(report, "replays")), json_real_value(json_object_get(report, "seconds")));
	json_array_foreach(causes, i, x)
		print_cause(out, i + 1, x);
	print_places(out, "Other values lead where no replay can follow; until there nothing was different:", json_object_get(report, "unclear"));
	print_places(out, "Without effect on what the program does:", json_object_get(report, "harmless"));
	return n ? 1 : 0;
}
