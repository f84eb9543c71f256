/* diff_text.c - differences for people, in the manner of a unified diff: hunks of one task, in the order of A's stream. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "cli/diff.h"
#include "show/names.h"
#include "show/text.h"

/* What was got before the first difference, and differs by itself, may be what explains it: the last of each kind of call, so many
 * kinds, looked for so far back. */
enum { SUSPECTS = 3, SUSPECTS_WITHIN = 1000 };

/* ---- the head ---- */

static void put_command(struct buf *out, const json_t *about)
{
	const json_t *command = json_object_get(about, "command"), *word;
	size_t i;

	json_array_foreach(command, i, word) {
		const char *text = json_string_value(word) ? json_string_value(word) : "?";

		buf_puts(out, i ? " " : "");
		if (strpbrk(text, "\n\t"))
			put_quoted(out, text, strlen(text));
		else
			buf_puts(out, text);
	}
	if (!json_array_size(command))
		buf_puts(out, "?");
}

static void put_end(struct buf *out, const struct story *s)
{
	char room[16];

	if (!s->whole || s->status < 0)
		buf_puts(out, "cut off");
	else if (WIFSIGNALED(s->status))
		buf_printf(out, "killed by %s", signal_name(WTERMSIG(s->status), room));
	else
		buf_printf(out, "exited with %d", WEXITSTATUS(s->status));
}

static void put_head(struct diff_view *v, int side)
{
	const struct diff_side *s = &v->side[side];
	time_t second = s->story.first_ns / 1000000000;
	struct buf *out = &v->p->text;
	char when[32] = "?";
	struct tm tm;

	if (localtime_r(&second, &tm))
		strftime(when, sizeof(when), "%F %T", &tm);
	buf_printf(out, "%c: %s: ", "AB"[side], s->name);
	put_command(out, s->about);
	buf_printf(out, "; %s; %" PRIu64 " events; ", when, s->story.events);
	put_end(out, &s->story);
	buf_putc(out, '\n');
}

/* ---- lines ---- */

static void put_event(struct diff_view *v, const char *mark, const struct event *e)
{
	struct buf *out = &v->p->text;

	buf_printf(out, "%s%" PRIu64 " ", mark, e ? e->seq : 0);
	if (e)
		show_event(out, e, v->show);
	else
		buf_puts(out, "?\n");
}

/* Two of them that are a pair before the change; one line, with A's values. */
static void put_context(struct diff_view *v, const struct change *c, uint32_t before)
{
	const struct path_pair *p = &v->d.pair[c->pair];
	const struct event *e = diff_event(v, c, 0, before);

	put_event(v, p->a->step[c->a - before].itself != p->b->step[c->b - before].itself ? "~ " : "  ", e);
}

static void put_difference(struct diff_view *v, const struct event *e, const struct value_difference *d)
{
	struct buf *out = &v->p->text;

	buf_printf(out, "!   %s: ", d->a.class == VALUE_DID ? "did" : "got");
	diff_place(out, e, d);
	if (d->only_one) {
		buf_puts(out, ": not of the same form in both\n");
		return;
	}
	if (diff_offset(d) >= 0 && !diff_whole(d))
		buf_printf(out, ", from byte %" PRId64 " on", diff_offset(d));
	if (d->a.bytes && d->a.hashed) {
		buf_puts(out, "\n");
		return;
	}
	buf_puts(out, ": ");
	diff_value(out, d, 0);
	buf_puts(out, ", ");
	diff_value(out, d, 1);
	if (d->a.bytes && d->a.number != d->b.number && !diff_whole(d))
		buf_printf(out, " (%" PRIu64 " bytes, %" PRIu64 ")", d->a.number, d->b.number);
	buf_putc(out, '\n');
}

static void put_values(struct diff_view *v, const struct change *c)
{
	const struct event *a = diff_event(v, c, 0, 0), *b = diff_event(v, c, 1, 0);
	struct values_compared x;
	bool any = false;

	put_event(v, "! ", a);
	put_event(v, "! ", b);
	if (!a || !b)
		return;
	values_compare(a, &v->side[0].story.ids, b, &v->side[1].story.ids, &x);
	for (int class = 0; class < VALUE_CLASSES; class++)
		for (int nature = 0; nature < (v->all ? VALUE_NATURES : VALUE_STEADY + 1); nature++)
			if (x.differs[class][nature].found) {
				put_difference(v, a, &x.differs[class][nature]);
				any = true;
			}
	if (!any)
		buf_puts(&v->p->text, "!   got: other bytes, far behind the first ones\n");
}

static void put_change(struct diff_view *v, struct change *c)
{
	c->told = true;
	if (c->kind == CHANGE_VALUES)
		put_values(v, c);
	else if (c->kind == CHANGE_ONLY_A)
		put_event(v, "< ", diff_event(v, c, 0, 0));
	else
		put_event(v, "> ", diff_event(v, c, 1, 0));
	if (v->p->text.len > 65536)
		printer_flush(v->p);
}

/* ---- hunks ---- */

static uint32_t step_number(const struct path *p, uint32_t i)
{
	return p && i < p->n ? p->step[i].seq : 0;
}

static void put_place(struct diff_view *v, const struct change *c)
{
	const struct path_pair *p = &v->d.pair[c->pair];
	uint32_t a = step_number(p->a, c->a), b = step_number(p->b, c->b);

	buf_printf(&v->p->text, "\n@@ task %u", p->task);
	if (a)
		buf_printf(&v->p->text, ", event %u of A", a);
	if (b)
		buf_printf(&v->p->text, ", event %u of B", b);
	buf_puts(&v->p->text, " @@\n");
}

/* Whether something that differs by itself between the two came from outside. */
static bool is_suspect(const struct diff_view *v, const struct event *a, const struct event *b)
{
	struct values_compared x;

	if (!a || !b)
		return false;
	values_compare(a, &v->side[0].story.ids, b, &v->side[1].story.ids, &x);
	return x.differs[VALUE_GOT][VALUE_ITSELF].found;
}

static bool is_kind_of(const struct path *p, uint32_t at, const uint32_t *found, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (p->step[at].key == p->step[found[i]].key)
			return true;
	return false;
}

/* The first of them first. */
static void put_suspects(struct diff_view *v, const struct change *c)
{
	const struct path_pair *p = &v->d.pair[c->pair];
	uint32_t n = min_of(pairs_before(&v->d, c), (uint32_t)SUSPECTS_WITHIN), found[SUSPECTS], count = 0;

	for (uint32_t i = 1; i <= n && count < SUSPECTS; i++)
		if (p->a->step[c->a - i].itself != p->b->step[c->b - i].itself && !is_kind_of(p->a, c->a - i, found, count) &&
		    is_suspect(v, diff_event(v, c, 0, i), diff_event(v, c, 1, i)))
			found[count++] = c->a - i;
	if (!count)
		return;
	buf_puts(&v->p->text, "\nWhat differs by itself, and came before that:\n");
	while (count--) {
		put_event(v, "~ ", diff_event(v, c, 0, c->a - found[count]));
		put_event(v, "~ ", diff_event(v, c, 1, c->a - found[count]));
	}
}

/* A change with what is before it, and those that follow it closely. Returns how many. */
static uint32_t put_hunk(struct diff_view *v, struct change *c, uint32_t most)
{
	struct change *end = &v->d.change[v->d.pair[c->pair].first + v->d.pair[c->pair].n];
	uint32_t n = 0, gap = min_of(pairs_before(&v->d, c), v->context);

	put_place(v, c);
	do {
		while (gap)
			put_context(v, c, gap--);
		put_change(v, c++);
		n++;
		gap = c < end ? pairs_before(&v->d, c) : 0;
	} while (n < most && c < end && !c->told && gap <= v->context);
	return n;
}

static void put_changes(struct diff_view *v)
{
	uint32_t most = v->most ? v->most : UINT32_MAX, n = 0;
	bool explained = v->all;

	for (uint32_t i = 0; i < v->d.nchanges && n < most; i++) {
		struct change *c = &v->d.change[v->d.order[i]];

		if (c->told)
			continue;
		n += put_hunk(v, c, most - n);
		if (!explained)
			put_suspects(v, c);
		explained = true;
	}
	if (n < v->d.nchanges)
		buf_printf(&v->p->text, "\n%u more (-n 0 shows all)\n", v->d.nchanges - n);
}

/* ---- the end ---- */

static void put_count(struct buf *out, uint64_t n, const char *what)
{
	if (n)
		buf_printf(out, ", %" PRIu64 " %s", n, what);
}

static void put_counts(struct buf *out, const struct change_counts *n)
{
	buf_printf(out, "%" PRIu64 " equal", n->equal);
	put_count(out, n->itself, "but for what differs by itself");
	put_count(out, n->values, "in what differs by itself");
	put_count(out, n->did, "in what the program did");
	put_count(out, n->got, "in what it got");
	put_count(out, n->only_a, "only in A");
	put_count(out, n->only_b, "only in B");
	put_count(out, n->beyond, "behind the end of the one that is cut off");
	buf_putc(out, '\n');
}

static bool differs(const struct change_counts *n)
{
	return n->did || n->got || n->values || n->only_a || n->only_b;
}

void diff_text(struct diff_view *v)
{
	struct buf *out = &v->p->text;

	put_head(v, 0);
	put_head(v, 1);
	put_changes(v);
	buf_putc(out, '\n');
	for (uint32_t i = 0; i < v->d.npairs && v->d.npairs > 1; i++) {
		if (!differs(&v->d.pair[i].counts))
			continue;
		buf_printf(out, "task %u: ", v->d.pair[i].task);
		put_counts(out, &v->d.pair[i].counts);
	}
	buf_puts(out, v->d.npairs > 1 ? "all tasks: " : "");
	put_counts(out, &v->d.counts);
}
