/* values.c - see values.h. */
#define _GNU_SOURCE
#include "why/values.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "abi/kernel_types.h"
#include "abi/table.h"
#include "abi/walk.h"

enum { ERRNO_MAX = 4095, SUBLEAF_MAX = 255 };

struct listing {
	const struct event *e;
	const struct ids *ids;
	const struct row *row;
	struct row scratch;
	value_visit *visit;
	void *ctx;
	/* The part that the next extent is in, and how many are left. */
	const struct part *next;
	uint32_t left;
	struct value v;                /* what the values that are made now have in common */
	const void *at;                /* where the next number stands */
	uint32_t size;
};

/* ---- ids ---- */

/* The kernel counts them up to 4 Mi. */
enum { IDS = 1 << 22 };

void ids_add(struct ids *ids, uint32_t id)
{
	if (!ids->bits)
		ids->bits = xcalloc(IDS / 64, sizeof(*ids->bits));
	if (id < IDS)
		ids->bits[id / 64] |= 1ull << id % 64;
}

void ids_free(struct ids *ids)
{
	free(ids->bits);
	ids->bits = NULL;
}

static bool ids_have(const struct ids *ids, uint64_t id)
{
	return ids->bits && id < IDS && ids->bits[id / 64] >> id % 64 & 1;
}

/* ---- numbers ---- */

static void put(struct listing *l, int kind, unsigned set, int nature, uint64_t number)
{
	struct value v = l->v;

	v.kind = kind;
	v.set = set;
	v.nature = max_of(v.nature, nature);
	v.number = number;
	v.at = l->at;
	v.size = l->size;
	l->visit(l->ctx, &v);
}

/* Something of a number that does not differ by itself where the number does: whether there is one. */
static void put_apart(struct listing *l, int kind, int nature, uint64_t steady, uint64_t number)
{
	put(l, K_NONE, 0, VALUE_STEADY, steady);
	put(l, kind, 0, nature, number);
}

static bool is_address(int kind)
{
	switch (kind) {
	case K_ADDR: case K_COOKIE: case K_BUF: case K_STR: case K_PATH: case K_STRV: case K_STRUCT: case K_ARRAY: case K_INTS:
	case K_WORDS: case K_IOV: case K_MSG: case K_MMSG: case K_FDSET: case K_SIGSET: case K_SOCKADDR: case K_CMSG:
	case K_SIGINFO: case K_WSTATUS: case K_DIRENTS: case K_SHORTS:
		return true;
	}
	return false;
}

static void put_number(struct listing *l, int kind, unsigned set, uint64_t n)
{
	if (kind == K_PAD)
		return;
	if (is_address(kind))
		put_apart(l, K_ADDR, VALUE_ADDRESS, n != 0, n);
	else if (kind == K_HANDLER)
		put_apart(l, K_HANDLER, VALUE_ADDRESS, min_of(n, (uint64_t)2), n);
	else if (kind == K_PID)
		/* 0 and -1 are no ids, and below that they are groups. */
		put_apart(l, K_PID, VALUE_ITSELF, (int32_t)n > 0 ? 1 : (int32_t)n >= -1 ? (uint64_t)(int32_t)n : 2, n);
	else
		put(l, kind, set, kind == K_TIME ? VALUE_ITSELF : VALUE_STEADY, n);
}

/* To join a thread is to wait for a word that holds its id as long as it lives. */
static bool waits_for_task(const struct listing *l, const struct argument *a, uint64_t n)
{
	return l->e->call == SYS_futex && a->kind == K_UINT && ids_have(l->ids, n);
}

/* What no row describes may well be an address. */
static int kind_of(const struct listing *l, const struct argument *a, uint64_t n)
{
	if (waits_for_task(l, a, n))
		return K_PID;
	return a->kind == K_HEX && row_who(l->row) == UNKNOWN ? K_ADDR : a->kind;
}

static void put_arguments(struct listing *l)
{
	for (unsigned i = 1; i <= l->row->nargs; i++) {
		const struct argument *a = &l->row->a[i - 1];

		if (!row_uses(l->row, l->e->args, i))
			continue;
		uint64_t n = row_arg(l->row, l->e->args, i);

		l->v.arg = i;
		put_number(l, kind_of(l, a, n), a->kind == K_FLAGS || a->kind == K_ENUM ? a->set : 0, n);
	}
	l->v.arg = 0;
}

static bool has_failed(const struct listing *l)
{
	return l->e->result < 0 && l->e->result >= -ERRNO_MAX;
}

/* Of a call that did not fail; a result of 0 where others are ids or addresses does not come by itself. */
static void put_result(struct listing *l)
{
	int64_t r = l->e->result;
	unsigned how = l->row->returns;
	bool is_id = how == R_PID || how == R_ADDR;

	if (how == R_NONE || l->row->who & NORET || has_failed(l))
		return;
	if (is_id)
		put(l, K_NONE, 0, VALUE_STEADY, r != 0);
	l->at = &l->e->result;
	l->size = sizeof(l->e->result);
	put(l, how == R_HEX || how == R_ADDR ? K_HEX : K_LONG, 0,
	    how == R_ADDR ? VALUE_ADDRESS : l->row->who & VARIES || is_id || how == R_TIME ? VALUE_ITSELF : VALUE_STEADY, r);
	l->at = NULL;
}

/* ---- bytes ---- */

static void put_bytes_at(struct listing *l, int kind, int nature, uint64_t offset, const uint8_t *bytes, uint64_t n)
{
	struct value v = l->v;

	v.kind = kind;
	v.nature = max_of(v.nature, nature);
	v.offset = offset;
	v.bytes = bytes;
	v.number = n;
	l->visit(l->ctx, &v);
}

/* Where a structure varies from run to run, it is for times, ids and counts; a file's size, mode and owner do not. */
static bool is_steady(int kind)
{
	return kind == K_MODE || kind == K_UID || kind == K_GID || kind == K_OFF || kind == K_FLAGS || kind == K_ENUM;
}

static void put_field(struct listing *l, const struct field *f, const uint8_t *at, uint64_t offset)
{
	int nature = l->v.nature;
	uint64_t n = 0;

	l->v.nature = is_steady(f->kind) ? VALUE_STEADY : nature;
	if (f->size <= 8 && f->kind != K_CHARS && f->kind != K_IPSTR && f->kind != K_PORT && f->kind != K_BUF) {
		memcpy(&n, at + offset, f->size);
		l->v.offset = offset;
		l->at = at + offset;
		l->size = f->size;
		/* Of kinds that are addresses as arguments, a field has the bytes themselves. */
		if (f->is_ptr || f->kind == K_ADDR || f->kind == K_COOKIE)
			put_number(l, K_ADDR, 0, n);
		else if (is_address(f->kind))
			put(l, K_HEX, 0, VALUE_STEADY, n);
		else
			put_number(l, f->kind, f->kind == K_FLAGS || f->kind == K_ENUM ? f->set : 0, n);
	} else {
		put_bytes_at(l, f->kind, l->v.shape == SHAPE_siginfo ? VALUE_ITSELF : VALUE_STEADY, offset, at + offset, f->size);
	}
	l->v.nature = nature;
	l->v.offset = 0;
	l->at = NULL;
}

/* The structure at `offset` of `len` bytes. As in comparing followers, what lies between fields means nothing, and what the kernel
 * never reads is none of the program's doing. */
static void put_struct(struct listing *l, unsigned shape, const uint8_t *at, uint64_t offset, uint64_t len)
{
	unsigned n;
	const struct field *f = shape_fields(shape, &n);

	for (unsigned i = 0; i < n; i++) {
		if (!f[i].is_ptr && l->v.class == VALUE_DID && f[i].dir == D_OUT)
			continue;
		if (f[i].kind == K_STRUCT && !f[i].is_ptr && f[i].set != SHAPE_msghdr) {
			put_struct(l, f[i].set, at, offset + f[i].offset, len);
			continue;
		}
		l->v.shape = shape;
		l->v.field = i + 1;
		if (f[i].kind != K_STRUCT && offset + f[i].offset + f[i].size <= len)
			put_field(l, &f[i], at, offset + f[i].offset);
	}
	l->v.shape = l->v.field = 0;
}

/* Names and types of files are the world's; their numbers and places differ by themselves. */
static void put_directory(struct listing *l, const uint8_t *at, uint64_t len)
{
	enum { RECLEN = 16, TYPE = 18, NAME = 19 };
	uint16_t size;

	for (uint64_t o = 0; o + NAME < len; o += size) {
		memcpy(&size, at + o + RECLEN, sizeof(size));
		if (size <= NAME || size > len - o)
			return;
		l->v.nature = VALUE_STEADY;
		put_bytes_at(l, K_CHARS, VALUE_STEADY, o + NAME, at + o + NAME, strnlen((const char *)at + o + NAME, size - NAME));
		put(l, K_ENUM, SET_dtype, VALUE_STEADY, at[o + TYPE]);
		put_bytes_at(l, K_BUF, VALUE_ITSELF, o, at + o, RECLEN);
	}
}

/* How much of an address the kernel looks at. */
static uint64_t address_length(const uint8_t *at, uint64_t len)
{
	uint16_t family = 0;

	if (len < 2)
		return len;
	memcpy(&family, at, 2);
	if (family == AF_UNIX && len > 2 && at[2])
		return 2 + strnlen((const char *)at + 2, len - 2);
	return family == AF_INET ? min_of(len, (uint64_t)8) : len;
}

static void put_extent(struct listing *l, const struct extent *x, const struct part *p)
{
	const uint8_t *at = part_data(p);

	if (p->kind == PART_INHASH) {
		l->v.hashed = true;
		put_bytes_at(l, x->kind, VALUE_STEADY, 0, at, p->len);
	} else if (p->flags & PARTF_ZERO || p->kind == PART_NAME) {
		put(l, K_SIZE, 0, VALUE_STEADY, p->whole);
	} else if (x->shape && shape_size(x->shape)) {
		for (uint64_t o = 0; o < p->len; o += shape_size(x->shape))
			put_struct(l, x->shape, at, o, p->len);
	} else if (x->kind == K_DIRENTS) {
		put_directory(l, at, p->len);
	} else if (x->kind == K_STRV) {
		/* Pointers: the strings have extents of their own. */
		put(l, K_SIZE, 0, VALUE_STEADY, p->len / 8);
	} else {
		put_bytes_at(l, x->kind, VALUE_STEADY, 0, at, x->kind == K_SOCKADDR ? address_length(at, p->len) : p->len);
	}
	l->v.hashed = false;
	/* Of a longer one the rest is in fragments. */
	if (p->whole != p->len)
		put(l, K_SIZE, 0, VALUE_STEADY, p->whole);
}

/* The id that a birth returns is written where the caller wants it, too. */
static bool is_result(const struct listing *l, const struct part *p)
{
	int32_t n;

	if (l->v.class != VALUE_GOT || l->row->returns != R_PID || p->len != sizeof(n))
		return false;
	memcpy(&n, part_data(p), sizeof(n));
	return n == l->e->result;
}

/* Extents are visited in the order of the parts; what the event had no room for is left out there. */
static int on_extent(void *ctx, const struct extent *x)
{
	struct listing *l = ctx;
	bool in = l->v.class == VALUE_DID;
	const struct part *p = l->next;

	for (uint32_t i = l->left; i; i--, p = part_next(p)) {
		bool right = in ? p->kind == PART_IN || p->kind == PART_INHASH : p->kind == PART_OUT;

		if (!right || p->arg != x->arg || p->addr != x->addr)
			continue;
		l->left = i - 1;
		l->next = part_next(p);
		l->v.arg = x->arg;
		l->v.nature = x->dir & D_VARIES || is_result(l, p) ? VALUE_ITSELF : VALUE_STEADY;
		put_extent(l, x, p);
		l->v.nature = VALUE_STEADY;
		l->v.arg = 0;
		break;
	}
	return 0;
}

static void overlay(const struct part *p, uint64_t addr, uint8_t *to, size_t len)
{
	uint64_t from = max_of(addr, p->addr), end = min_of(addr + len, p->addr + p->len);

	if (from < end)
		memcpy(to + (from - addr), (const uint8_t *)part_data(p) + (from - p->addr), end - from);
}

/* The leader's memory as the event knows it; zeros where it does not. A walk looks only into what it has visited. */
static int read_parts(void *ctx, uint64_t addr, void *to, size_t len)
{
	struct listing *l = ctx;

	memset(to, 0, len);
	for (int kind = PART_IN; kind == PART_IN || (kind == PART_OUT && l->v.class == VALUE_GOT); kind += PART_OUT - PART_IN) {
		const struct part *p = event_parts(l->e);

		for (uint32_t i = 0; i < l->e->nparts; i++, p = part_next(p))
			if (p->kind == kind)
				overlay(p, addr, to, len);
	}
	return 0;
}

static void walk_parts(struct listing *l, struct walk *w, bool entry)
{
	l->next = event_parts(l->e);
	l->left = l->e->nparts;
	w->row = l->row;
	w->args = l->e->args;
	w->read = read_parts;
	w->visit = on_extent;
	w->ctx = l;
	if (entry)
		walk_entry(w);
	w->ret = l->e->result;
	if (!entry)
		walk_exit(w);
}

/* ---- events ---- */

static void list_call(struct listing *l)
{
	struct walk w;

	if (l->e->flags & EVF_INT80) {
		/* The table is the other one's. */
		for (int i = 0; i < 6; i++)
			put(l, K_HEX, 0, VALUE_ADDRESS, (uint32_t)l->e->args[i]);
		l->v.class = VALUE_GOT;
		put(l, K_LONG, 0, VALUE_STEADY, l->e->result);
		return;
	}
	l->row = row_find(l->e->call, l->e->args, &l->scratch);
	walk_parts(l, &w, true);
	put_arguments(l);
	if (l->e->type == EV_ENTER)
		return;
	l->v.class = VALUE_GOT;
	put(l, K_PAD, 0, VALUE_STEADY, has_failed(l) ? l->e->result : 0);
	walk_parts(l, &w, false);
	put_result(l);
}

/* The subleaf means something to few leaves; elsewhere the register has whatever it had, as a rule an address. */
static void list_cpuid(struct listing *l)
{
	uint32_t subleaf = l->e->args[5];

	put(l, K_HEX, 0, VALUE_STEADY, l->e->args[5] >> 32);
	put(l, K_HEX, 0, subleaf > SUBLEAF_MAX ? VALUE_ADDRESS : VALUE_STEADY, subleaf);
	l->v.class = VALUE_GOT;
	l->size = sizeof(l->e->args[0]);
	for (int i = 0; i < 4; i++) {
		l->at = &l->e->args[i];
		put(l, K_HEX, 0, VALUE_STEADY, l->e->args[i]);
	}
}

static void list_insn(struct listing *l)
{
	if (l->e->call == INSN_CPUID) {
		list_cpuid(l);
		return;
	}
	l->v.class = VALUE_GOT;
	l->at = &l->e->args[0];
	l->size = sizeof(l->e->args[0]);
	put(l, K_HEX, 0, VALUE_ITSELF, l->e->args[0]);
}

static void list_signal(struct listing *l)
{
	const struct part *p = event_part(l->e, PART_SIGINFO, 0);
	siginfo_t si;

	l->v.class = VALUE_GOT;
	put(l, K_HEX, 0, VALUE_STEADY, l->e->flags & (EVF_FAULT | EVF_HANDLER));
	if (!p || p->len < sizeof(si))
		return;
	memcpy(&si, part_data(p), sizeof(si));
	put(l, K_LONG, 0, VALUE_STEADY, si.si_code);
	put_bytes_at(l, K_SIGINFO, VALUE_ITSELF, 0, part_data(p), p->len);
}

void values_of(const struct event *e, const struct ids *ids, value_visit *visit, void *ctx)
{
	struct listing l = {.e = e, .ids = ids, .visit = visit, .ctx = ctx};

	switch (e->type) {
	case EV_CALL: case EV_ENTER: case EV_LEAVE:
		list_call(&l);
		break;
	case EV_INSN:
		list_insn(&l);
		break;
	case EV_SIGNAL:
		list_signal(&l);
		break;
	case EV_DEATH:
		put(&l, K_WSTATUS, 0, VALUE_STEADY, (uint32_t)e->result);
		break;
	}
}

static void hash_value(void *ctx, const struct value *v)
{
	struct digest *d = ctx;
	uint64_t *h = &d->hash[v->class][v->nature];
	uint64_t head[2] = {v->arg | v->kind << 8 | (uint64_t)v->field << 16, v->number};

	*h = hash_bytes(head, sizeof(head), *h);
	if (v->bytes)
		*h = hash_bytes(v->bytes, v->number, *h);
}

void values_digest(const struct event *e, const struct ids *ids, struct digest *ret)
{
	*ret = (struct digest){0};
	ret->hash[VALUE_DID][VALUE_STEADY] = event_key(e);
	values_of(e, ids, hash_value, ret);
}

/* ---- two of them ---- */

struct list {
	struct value *at;
	size_t n, room;
};

static void collect(void *ctx, const struct value *v)
{
	struct list *l = ctx;

	if (l->n == l->room) {
		l->room = l->room ? l->room * 2 : 64;
		l->at = xrealloc(l->at, l->room * sizeof(*l->at));
	}
	l->at[l->n++] = *v;
}

static const struct value *next_of(const struct list *l, size_t *at, int class, int nature)
{
	while (*at < l->n && (l->at[*at].class != class || l->at[*at].nature != nature))
		++*at;
	return *at < l->n ? &l->at[(*at)++] : NULL;
}

static bool same_place(const struct value *a, const struct value *b)
{
	return a->arg == b->arg && a->kind == b->kind && a->field == b->field && a->shape == b->shape && a->hashed == b->hashed &&
	       !a->bytes == !b->bytes;
}

static bool same_value(const struct value *a, const struct value *b)
{
	return a->number == b->number && (!a->bytes || !memcmp(a->bytes, b->bytes, a->number));
}

static void compare_lists(const struct list *a, const struct list *b, int class, int nature, struct value_difference *ret)
{
	const struct value *x, *y;
	size_t i = 0, j = 0;

	*ret = (struct value_difference){0};
	do {
		x = next_of(a, &i, class, nature);
		y = next_of(b, &j, class, nature);
	} while (x && y && same_place(x, y) && same_value(x, y));
	if (!x && !y)
		return;
	ret->found = true;
	ret->only_one = !x || !y || !same_place(x, y);
	ret->a = x ? *x : *y;
	ret->b = y ? *y : *x;
}

void values_compare(const struct event *a, const struct ids *a_ids, const struct event *b, const struct ids *b_ids,
                    struct values_compared *ret)
{
	struct list x = {0}, y = {0};

	values_of(a, a_ids, collect, &x);
	values_of(b, b_ids, collect, &y);
	for (int class = 0; class < VALUE_CLASSES; class++)
		for (int nature = 0; nature < VALUE_NATURES; nature++)
			compare_lists(&x, &y, class, nature, &ret->differs[class][nature]);
	free(x.at);
	free(y.at);
}

/* ---- */

uint32_t event_key(const struct event *e)
{
	int type = e->type == EV_ENTER || e->type == EV_LEAVE ? EV_CALL : e->type;

	return (uint32_t)type << 24 | (e->flags & EVF_INT80 ? 1u << 23 : 0) | (e->type == EV_DEATH ? 0 : e->call & 0x7fffff);
}

unsigned varying_outputs(const struct event *e)
{
	struct row scratch;
	const struct row *row = row_find(e->call, e->args, &scratch);
	unsigned bits = 0;

	for (int i = 0; i < row->nargs; i++)
		bits |= row->a[i].dir & D_VARIES ? 1u << i : 0;
	return bits;
}

static void add_parts(struct buf *out, const struct event *e, bool inputs)
{
	const struct part *p = event_parts(e);

	for (uint32_t i = 0; i < e->nparts; i++, p = part_next(p)) {
		if ((p->kind == PART_IN || p->kind == PART_INHASH) != inputs)
			continue;
		buf_add(out, p, part_space(p->len));
		((struct event *)out->at)->nparts++;
	}
}

const struct event *join_events(struct buf *out, const struct event *enter, const struct event *leave)
{
	struct event *e;

	buf_clear(out);
	buf_add(out, leave, sizeof(*leave));
	e = (struct event *)out->at;
	e->type = EV_CALL;
	e->entered = enter->entered;
	e->nparts = 0;
	memcpy(e->args, enter->args, sizeof(e->args));
	add_parts(out, enter, true);
	add_parts(out, leave, false);
	e = (struct event *)out->at;
	e->size = out->len;
	return e;
}
