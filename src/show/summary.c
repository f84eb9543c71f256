/* summary.c - see summary.h. */
#include "show/summary.h"

#include <stdlib.h>

#include "show/names.h"

enum { MAX_ERRNO = 4095, MAX_LINES = 2 * (SUMMARY_CALLS + 1) + SUMMARY_INSNS };

static struct summary_row *row_of(struct summary *s, const struct event *e)
{
	unsigned nr = min_of(e->call, (uint32_t)SUMMARY_CALLS);

	if (e->type == EV_INSN)
		return &s->insns[min_of(e->call, SUMMARY_INSNS - 1u)];
	if (e->flags & EVF_INT80) {
		const char *name = call_name(e->call, 1);
		int same = name ? call_number(name) : -1;

		nr = same < 0 ? SUMMARY_CALLS : same;
	}
	return e->flags & EVF_VDSO ? &s->vdso[nr] : &s->calls[nr];
}

void summary_add(struct summary *s, const struct event *e)
{
	struct summary_row *r;

	if (e->type != EV_CALL && e->type != EV_LEAVE && e->type != EV_INSN)
		return;
	r = row_of(s, e);
	r->calls++;
	if (e->left > e->entered)
		r->ns += e->left - e->entered;
	if (e->type != EV_INSN && e->result < 0 && e->result >= -MAX_ERRNO)
		r->errors++;
}

struct line {
	const struct summary_row *row;
	const char *name, *mark;
};

static int by_time(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->row->ns != y->row->ns)
		return x->row->ns < y->row->ns ? 1 : -1;
	if (x->row->calls != y->row->calls)
		return x->row->calls < y->row->calls ? 1 : -1;
	/* Addresses of rows: calls before vDSO calls before instructions, by number. */
	return x->row > y->row ? 1 : -1;
}

static int collect(struct line *lines, int n, const struct summary_row *rows, int count, const char *mark)
{
	for (int i = 0; i < count; i++) {
		bool insn = count == SUMMARY_INSNS;
		const char *name = insn ? insn_name(i) : call_name(i, 0);

		if (rows[i].calls)
			lines[n++] = (struct line){&rows[i], name ? name : "(unknown)", mark};
	}
	return n;
}

static void rule(struct buf *out)
{
	buf_puts(out, "------ ----------- ----------- --------- --------- ----------------\n");
}

static void show_row(struct buf *out, const struct summary_row *r, uint64_t all, const char *name,
		     const char *mark)
{
	double percent = all ? 100.0 * r->ns / all : 0;

	buf_printf(out, "%6.2f %11.6f %11lu %9lu ", percent, r->ns / 1e9,
		   (unsigned long)(r->calls ? r->ns / r->calls / 1000 : 0), (unsigned long)r->calls);
	if (r->errors)
		buf_printf(out, "%9lu ", (unsigned long)r->errors);
	else
		buf_puts(out, "          ");
	buf_printf(out, "%s%s\n", name, mark);
}

void summary_show(struct buf *out, const struct summary *s)
{
	struct line *lines = xcalloc(MAX_LINES, sizeof(*lines));
	struct summary_row total = {0};
	int n = 0;

	n = collect(lines, n, s->calls, SUMMARY_CALLS + 1, "");
	n = collect(lines, n, s->vdso, SUMMARY_CALLS + 1, " [vdso]");
	n = collect(lines, n, s->insns, SUMMARY_INSNS, " [instruction]");
	for (int i = 0; i < n; i++) {
		total.ns += lines[i].row->ns;
		total.calls += lines[i].row->calls;
		total.errors += lines[i].row->errors;
	}
	qsort(lines, n, sizeof(*lines), by_time);
	buf_puts(out, "% time     seconds  usecs/call     calls    errors syscall\n");
	rule(out);
	for (int i = 0; i < n; i++)
		show_row(out, lines[i].row, total.ns, lines[i].name, lines[i].mark);
	rule(out);
	show_row(out, &total, total.ns, "total", "");
	free(lines);
}
