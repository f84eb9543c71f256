/* written.c - see written.h. */
#include "monitor/written.h"

#include <string.h>

#include "abi/walk.h"

struct written { struct task *t; struct buf *out; uint64_t left; };

static int take(void *ctx, const struct extent *x)
{
	struct written *w = ctx;
	uint64_t n = min_of(x->len, w->left);

	if (x->kind != K_BUF)
		return 0;
	buf_reserve(w->out, n);
	memset(w->out->at + w->out->len, 0, n);
	guest_read_some(w->t, x->addr, w->out->at + w->out->len, n);
	w->out->len += n;
	w->left -= n;
	return 0;
}

static int read_guest(void *ctx, uint64_t addr, void *buf, size_t len)
{
	const struct written *w = ctx;

	return guest_read(w->t, addr, buf, len);
}

void call_written(struct task *t, uint64_t max, struct buf *out)
{
	struct written w = {t, out, max};
	struct walk walk = {.row = t->row, .args = t->args, .read = read_guest, .visit = take, .ctx = &w};

	walk_entry(&walk);
}
