/* compare.c - see compare.h. Scalars are compared by their kind, memory by its shape: what the kernel
 * does not look at (padding, the upper half of an int) is no difference. */
#define _GNU_SOURCE
#include "monitor/compare.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "abi/walk.h"

struct comparing {
	struct task *t;
	const struct event *e;
	struct part *next;             /* of the leader's IN parts */
	int left;
	struct difference *diff;
	/* compare_all */
	difference_visit *all;
	void *ctx;
};

static bool is_pointer(int kind)
{
	switch (kind) {
	case K_ADDR: case K_COOKIE: case K_BUF: case K_STR: case K_PATH: case K_STRV: case K_STRUCT: case K_ARRAY:
	case K_INTS: case K_WORDS: case K_IOV: case K_MSG: case K_MMSG: case K_FDSET: case K_SIGSET: case K_SOCKADDR:
	case K_CMSG: case K_SIGINFO: case K_WSTATUS: case K_HANDLER: case K_DIRENTS: case K_SHORTS:
		return true;
	}
	return false;
}

/* Of flags, too, the kernel knows none above the lower half, even where it takes a long. */
static bool is_int(int kind)
{
	return kind == K_FLAGS || kind == K_OCT || kind == K_INT || kind == K_UINT || kind == K_FD || kind == K_DFD ||
	       kind == K_PID || kind == K_SIG || kind == K_UID || kind == K_GID || kind == K_MODE || kind == K_ENUM;
}

static bool values_equal(const struct task *t, int kind, uint64_t leader, uint64_t own)
{
	if (kind == K_PAD)
		return true;
	if (is_pointer(kind) && t->p->mm->own_layout)
		return kind == K_HANDLER && (leader < 2 || own < 2) ? leader == own : !leader == !own;
	if (is_int(kind))
		return (uint32_t)leader == (uint32_t)own;
	return leader == own;
}

static enum difference_kind differs(struct difference *d, int arg, uint64_t leader, uint64_t own)
{
	*d = (struct difference){OTHER_ARGUMENT, arg, false, 0, leader, own};
	return OTHER_ARGUMENT;
}

static struct part *next_in(struct comparing *c)
{
	while (c->left) {
		struct part *p = c->next;

		c->next = part_next(p);
		c->left--;
		if (p->kind == PART_IN || p->kind == PART_INHASH)
			return p;
	}
	return NULL;
}

static int byte_differs(struct comparing *c, int arg, uint64_t offset, uint8_t leader, uint8_t own)
{
	*c->diff = (struct difference){OTHER_ARGUMENT, arg, true, offset, leader, own};
	return 1;
}

/* One field; `o` is its offset in the extent. */
static int compare_field(struct comparing *c, const struct extent *x, const struct field *f, const uint8_t *leader,
                         const uint8_t *own, size_t o)
{
	/* Of other kinds that take an argument's place as pointers, a field has the bytes themselves. */
	bool pointer = f->is_ptr || f->kind == K_ADDR || f->kind == K_COOKIE || f->kind == K_HANDLER;

	if (pointer && c->t->p->mm->own_layout && f->size == 8) {
		uint64_t a, b;

		memcpy(&a, leader + o, 8);
		memcpy(&b, own + o, 8);
		return !a == !b ? 0 : byte_differs(c, x->arg, o, leader[o], own[o]);
	}
	for (size_t k = 0; k < f->size; k++)
		if (leader[o + k] != own[o + k])
			return byte_differs(c, x->arg, o + k, leader[o + k], own[o + k]);
	return 0;
}

/* The fields of the structure at `at`, as far as `len` bytes have them: callers of older kernels, and those who leave the last ones
 * out, pass shorter ones. Bytes between them mean nothing. */
static int compare_struct(struct comparing *c, const struct extent *x, unsigned shape, const uint8_t *leader,
                          const uint8_t *own, size_t at, size_t len)
{
	unsigned n;
	const struct field *f = shape_fields(shape, &n);
	int ret = 0;

	for (unsigned i = 0; i < n && !ret; i++) {
		/* Messages in messages are visited by themselves; outputs are not read by the kernel. */
		if (!f[i].is_ptr && (f[i].dir == D_OUT || (f[i].kind == K_STRUCT && f[i].set == SHAPE_msghdr)))
			continue;
		if (f[i].kind == K_STRUCT && !f[i].is_ptr)
			ret = compare_struct(c, x, f[i].set, leader, own, at + f[i].offset, len);
		else if (at + f[i].offset + f[i].size <= len)
			ret = compare_field(c, x, &f[i], leader, own, at + f[i].offset);
	}
	return ret;
}

static int compare_fields(struct comparing *c, const struct extent *x, const uint8_t *leader, const uint8_t *own,
                          size_t len)
{
	size_t size = shape_size(x->shape);
	int ret = 0;

	for (size_t at = 0; size && at < len && !ret; at += size)
		ret = compare_struct(c, x, x->shape, leader, own, at, len);
	return ret;
}

/* How much of an address the kernel looks at: not what stands behind the name of a socket's file, or fills up. */
static size_t address_length(const uint8_t *addr, size_t len)
{
	uint16_t family = 0;

	if (len < 2)
		return len;
	memcpy(&family, addr, 2);
	if (family == AF_UNIX && len > 2 && addr[2])
		return min_of(2 + strnlen((const char *)addr + 2, len - 2) + 1, len);
	if (family == AF_INET)
		return min_of(len, (size_t)8);
	return len;
}

static int compare_bytes(struct comparing *c, const struct extent *x, const struct part *p)
{
	const uint8_t *leader = part_data(p);
	uint8_t small[4096], *own = p->len <= sizeof(small) ? small : xmalloc(p->len);
	size_t got = guest_read(c->t, x->addr, own, p->len) ? guest_read_some(c->t, x->addr, own, p->len) : p->len;
	size_t used = x->kind == K_SOCKADDR ? address_length(leader, p->len) : p->len;
	int ret = 0;

	if (got < p->len && !(p->flags & PARTF_CUT)) {
		ret = byte_differs(c, x->arg, got, leader[got], 0);
	} else if (got == p->len && memcmp(own, leader, used)) {
		if (x->shape) {
			ret = compare_fields(c, x, leader, own, p->len);
		} else if (x->kind == K_STRV || x->kind == K_WORDS) {
			/* Arrays of pointers: what they point at is compared by itself. */
			for (size_t i = 0; i + 8 <= p->len && !ret; i += 8)
				if (!values_equal(c->t, K_ADDR, *(uint64_t *)(leader + i), *(uint64_t *)(own + i)))
					ret = byte_differs(c, x->arg, i, leader[i], own[i]);
		} else {
			size_t i = 0;

			while (leader[i] == own[i])
				i++;
			ret = byte_differs(c, x->arg, i, leader[i], own[i]);
		}
	}
	if (own != small)
		free(own);
	return ret;
}

static int compare_hashes(struct comparing *c, const struct extent *x, const struct part *p)
{
	const uint64_t *hash = part_data(p);
	uint8_t block[4096];

	for (uint64_t i = 0; i < p->len / 8; i++) {
		size_t len = min_of((uint64_t)4096, p->whole - i * 4096);

		if (guest_read(c->t, x->addr + i * 4096, block, len))
			memset(block, 0, sizeof(block));
		if (hash_bytes(block, len, 0) == hash[i])
			continue;
		*c->diff = (struct difference){OTHER_ARGUMENT, x->arg, true, i * 4096, hash[i], 0};
		return 1;
	}
	return 0;
}

/* The first byte that differs, where one does before the shorter one ends. */
static int length_differs(struct comparing *c, const struct extent *x, const struct part *p)
{
	const uint8_t *leader = part_data(p);
	uint64_t n = p->kind == PART_IN ? min_of(x->len, (uint64_t)p->len) : 0;
	uint8_t own;

	for (uint64_t i = 0; i < n && guest_read(c->t, x->addr + i, &own, 1) == 0; i++)
		if (own != leader[i])
			return byte_differs(c, x->arg, i, leader[i], own);
	*c->diff = (struct difference){OTHER_ARGUMENT, x->arg, true, min_of(p->whole, x->len), p->whole, x->len, true};
	return 1;
}

static int compare_extent(struct comparing *c, const struct extent *x, const struct part *p)
{
	if (!p || p->arg != x->arg)
		return byte_differs(c, x->arg, 0, 0, 0);
	if (p->whole != x->len)
		return length_differs(c, x, p);
	return p->kind == PART_INHASH ? compare_hashes(c, x, p) : compare_bytes(c, x, p);
}

static int visit(void *ctx, const struct extent *x)
{
	struct comparing *c = ctx;

	return compare_extent(c, x, next_in(c));
}

static int read_own(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct comparing *c = ctx;

	return guest_read(c->t, addr, buf, len);
}

static enum difference_kind compare_scalars(struct task *t, const struct event *e, struct difference *d)
{
	for (int i = 0; i < t->row->nargs; i++)
		if (row_uses(t->row, e->args, i + 1) && !values_equal(t, t->row->a[i].kind, e->args[i], t->args[i]))
			return differs(d, i + 1, e->args[i], t->args[i]);
	return SAME;
}

/* Between layouts addresses differ, and anonymous memory is a version's own business; what it sees of files is not. */
static enum difference_kind compare_file_mapping(struct task *t, const struct event *e, struct difference *d)
{
	static const uint64_t mask[6] = {0, ~0ull, ~0u, ~0u & ~(uint32_t)(MAP_FIXED | MAP_FIXED_NOREPLACE), ~0u, ~0ull};

	if (e->args[3] & t->args[3] & MAP_ANONYMOUS)
		return SAME;
	for (int i = 1; i < 6; i++)
		if ((e->args[i] ^ t->args[i]) & mask[i])
			return differs(d, i + 1, e->args[i], t->args[i]);
	return SAME;
}

static int walk_inputs(struct comparing *c, walk_visit *each)
{
	struct walk *w = &c->t->walk;

	w->row = c->t->row;
	w->args = c->t->args;
	w->read = read_own;
	w->visit = each;
	w->ctx = c;
	return walk_entry(w);
}

enum difference_kind compare_call(struct task *t, const struct event *e, struct difference *ret)
{
	struct comparing c = {t, e, event_parts(e), e->nparts, ret, NULL, NULL};

	memset(ret, 0, sizeof(*ret));
	if (t->nr != e->call || (t->call_flags & EVF_INT80) != (e->flags & EVF_INT80)) {
		ret->kind = OTHER_CALL;
		return OTHER_CALL;
	}
	if (t->row->who & MEMORY && t->p->mm->own_layout)
		return t->nr == SYS_mmap ? compare_file_mapping(t, e, ret) : SAME;
	if (compare_scalars(t, e, ret))
		return OTHER_ARGUMENT;
	if (walk_inputs(&c, visit) > 0)
		return ret->kind;
	if (next_in(&c)) {
		*ret = (struct difference){OTHER_ARGUMENT, 1, true, 0, 1, 0};
		return OTHER_ARGUMENT;
	}
	return SAME;
}

/* The next part that is of this argument; where there are more or fewer than here, the others stay where they are. */
static struct part *part_of(struct comparing *c, const struct extent *x)
{
	struct comparing from = *c;
	struct part *p = next_in(c);

	while (p && p->arg < x->arg)
		p = next_in(c);
	if (p && p->arg > x->arg) {
		c->next = from.next;
		c->left = from.left;
		return NULL;
	}
	return p;
}

static int visit_all(void *ctx, const struct extent *x)
{
	struct comparing *c = ctx;

	if (compare_extent(c, x, part_of(c, x)) > 0)
		c->all(c->ctx, c->diff, x);
	return 0;
}

void compare_all(struct task *t, const struct event *e, difference_visit *all, void *ctx)
{
	struct difference d;
	struct comparing c = {t, e, event_parts(e), e->nparts, &d, all, ctx};

	for (int i = 0; i < t->row->nargs; i++) {
		bool used = row_uses(t->row, t->args, i + 1);

		if ((used || row_uses(t->row, e->args, i + 1)) && !values_equal(t, t->row->a[i].kind, e->args[i], t->args[i])) {
			differs(&d, i + 1, e->args[i], t->args[i]);
			all(ctx, &d, NULL);
		}
	}
	walk_inputs(&c, visit_all);
}
