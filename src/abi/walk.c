/* walk.c - see walk.h. Each kind of argument has an "in" and an "out"; what they share is a window
 * on guest memory, so that an argument list of thousands of short strings costs few reads.
 *
 * Freestanding: the agent walks its own memory with it.
 */
#include "abi/walk.h"
#include "abi/kernel_types.h"

#define PAGE 4096u

enum { INTERRUPTED = 4, ERESTART_FIRST = 512, ERESTART_LAST = 516, ERRNO_MAX = 4095 };

/* A window on guest memory: `have` bytes from `at`. It never spans pages, so that an unmapped
 * neighbour does not hide what can be read. */
struct window {
	const struct walk *w;
	uint64_t at;
	size_t have;
	unsigned char bytes[1024];
};

static void window_open(struct window *v, const struct walk *w)
{
	v->w = w;
	v->at = 0;
	v->have = 0;
}

/* The bytes from `addr` on as far as the window reaches, at least one; or NULL. */
static const unsigned char *window_at(struct window *v, uint64_t addr, size_t *ret_have)
{
	if (addr - v->at >= v->have) {
		size_t n = PAGE - addr % PAGE;

		v->have = 0;
		if (n > sizeof(v->bytes))
			n = sizeof(v->bytes);
		if (v->w->read(v->w->ctx, addr, v->bytes, n))
			return NULL;
		v->at = addr;
		v->have = n;
	}
	*ret_have = v->have - (addr - v->at);
	return v->bytes + (addr - v->at);
}

/* A little-endian number of `size` bytes. */
static bool window_number(struct window *v, uint64_t addr, unsigned size, uint64_t *ret)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < size; i++) {
		size_t have;
		const unsigned char *b = window_at(v, addr + i, &have);

		if (!b)
			return false;
		n |= (uint64_t)*b << 8 * i;
	}
	*ret = n;
	return true;
}

/* Length of a string with its NUL, `max` if there is none so far; 0 if it can't be read. */
static uint64_t string_length(struct window *v, uint64_t addr, uint64_t max)
{
	uint64_t n = 0;

	while (n < max) {
		size_t have;
		const unsigned char *b = window_at(v, addr + n, &have);

		if (!b)
			return 0;
		for (size_t i = 0; i < have && n < max; i++, n++)
			if (!b[i])
				return n + 1;
	}
	return max;
}

static bool read_u32(const struct walk *w, uint64_t addr, uint32_t *ret)
{
	return addr && !w->read(w->ctx, addr, ret, sizeof(*ret));
}

/* A size that the kernel takes for an int: negative is refused there, and nothing here. */
static uint64_t int_size(uint64_t v)
{
	return (int32_t)v < 0 ? 0 : (uint32_t)v;
}

static bool failed(const struct walk *w)
{
	return w->ret < 0 && w->ret >= -ERRNO_MAX;
}

static bool interrupted(const struct walk *w)
{
	return w->ret == -INTERRUPTED || (w->ret <= -ERESTART_FIRST && w->ret >= -ERESTART_LAST);
}

/* An argument as a count: negative ints are none. */
static uint64_t arg_size(const struct walk *w, unsigned i)
{
	uint64_t v = row_arg(w->row, w->args, i);

	switch (w->row->a[i - 1].kind) {
	case K_SIZE: case K_ULONG: case K_LONG: case K_HEX:
		return v;
	case K_UINT:
		return (uint32_t)v;
	default:
		return int_size(v);
	}
}

static uint64_t times(uint64_t n, uint64_t size)
{
	return n > WALK_RW_MAX ? WALK_RW_MAX : n * size;
}

static uint64_t words_of_bits(uint64_t bits)
{
	return (bits + 63) / 64 * 8;
}

static uint64_t self_size(struct len l, uint32_t value)
{
	if (l.op == L_SELFN)
		return l.arg + times(value, l.k >> 8);
	return (uint64_t)value + l.arg;
}

static unsigned self_offset(struct len l)
{
	return l.op == L_SELFN ? l.k & 0xff : l.k;
}

/* The value of a length expression; of those that look at memory, as it was on entry when
 * `entry`, else as it is now. `i` is the argument that it belongs to, from 0. */
static uint64_t length(const struct walk *w, struct len l, unsigned i, bool entry)
{
	uint64_t ret = failed(w) ? 0 : (uint64_t)w->ret;
	uint32_t v;

	switch (l.op) {
	case L_CONST:
		return l.k;
	case L_ARG:
		return arg_size(w, l.arg) + l.k;
	case L_ARGS:
		return times(arg_size(w, l.arg), l.k);
	case L_RET:
		return ret + l.k;
	case L_RETS:
		return times(ret, l.k);
	case L_AT0:
		return int_size(w->at0[l.arg - 1]);
	case L_AT:
		return read_u32(w, w->args[l.arg - 1], &v) ? int_size(v) : 0;
	case L_SELF:
	case L_SELFN:
		if (entry)
			return self_size(l, w->at0[i]);
		return read_u32(w, w->args[i] + self_offset(l), &v) ? self_size(l, v) : 0;
	case L_BITS:
		return words_of_bits(arg_size(w, l.arg));
	case L_NODES:
		v = (uint32_t)arg_size(w, l.arg);
		return v > 1 ? words_of_bits(v - 1) : 0;
	case L_PAGES:
		return arg_size(w, l.arg) / PAGE + (arg_size(w, l.arg) % PAGE != 0);
	case L_IFPOS:
		return w->ret > 0 ? l.k : 0;
	case L_IFINTR:
		return interrupted(w) ? l.k : 0;
	case L_IFBITS:
		return w->args[l.arg - 1] >> (l.k & 0xff) & 1 || w->args[l.arg - 1] >> (l.k >> 8) & 1 ? 4 : 0;
	default:
		return 0;
	}
}

/* Remember the ints that the capacities hang on, before the call overwrites them. */
static void remember(struct walk *w)
{
	for (unsigned i = 0; i < w->row->nargs; i++) {
		struct len l = w->row->a[i].cap;
		unsigned at = l.op == L_AT0 ? l.arg - 1u : i;
		uint64_t addr = 0;

		if (l.op == L_AT0)
			addr = w->args[l.arg - 1];
		else if ((l.op == L_SELF || l.op == L_SELFN) && w->args[i])
			addr = w->args[i] + self_offset(l);
		if (addr && !read_u32(w, addr, &w->at0[at]))
			w->at0[at] = 0;
	}
}

struct place {
	struct walk *w;
	const struct argument *a;
	unsigned i;           /* of the argument, from 0 */
	bool entry;
};

/* Visit bytes, unless there are none. */
static int put(const struct place *p, uint64_t addr, uint64_t len, uint64_t cap, unsigned kind, unsigned shape,
               unsigned sub)
{
	struct extent e;

	if (!addr || !len)
		return 0;
	e.addr = addr;
	e.len = len > WALK_RW_MAX ? WALK_RW_MAX : len;
	e.cap = cap;
	e.shape = kind == K_STRUCT || kind == K_ARRAY || kind == K_SIGINFO ? (uint16_t)shape : SHAPE_none;
	e.kind = (uint8_t)kind;
	e.arg = (uint8_t)(p->i + 1);
	e.dir = p->entry ? D_IN : D_OUT | (p->a->dir & (D_ALWAYS | D_VARIES));
	e.sub = (uint8_t)sub;
	return p->w->visit(p->w->ctx, &e);
}

/* The buffers of a vector, `total` bytes of them altogether. */
static int put_buffers(const struct place *p, struct window *v, uint64_t vector, uint64_t count, uint64_t total)
{
	if (count > WALK_IOV_MAX)
		return 0;
	for (uint64_t i = 0; i < count && total; i++) {
		uint64_t base, len;
		int err;

		if (!window_number(v, vector + 16 * i, 8, &base) || !window_number(v, vector + 16 * i + 8, 8, &len))
			return 0;
		uint64_t valid = len < total ? len : total;
		err = put(p, base, valid, len, K_BUF, 0, SUB_BUFFER);
		if (err)
			return err;
		total -= valid;
	}
	return 0;
}

static int walk_vector(const struct place *p)
{
	uint64_t vector = p->w->args[p->i], count = length(p->w, p->a->cap, p->i, true) / sizeof(struct k_iovec);
	struct window v;
	int err;

	if (count > WALK_IOV_MAX || !vector)
		return 0;
	window_open(&v, p->w);
	if (!p->entry)
		return put_buffers(p, &v, vector, count, length(p->w, p->a->len, p->i, false));
	err = put(p, vector, count * sizeof(struct k_iovec), count * sizeof(struct k_iovec), K_ARRAY, SHAPE_iovec, SUB_SELF);
	if (err || !(p->a->dir & D_IN))
		return err;
	return put_buffers(p, &v, vector, count, WALK_RW_MAX);
}

struct message {
	uint64_t at, name, namelen, vector, count, control, controllen;
};

static bool message_read(struct window *v, uint64_t at, struct message *ret)
{
	ret->at = at;
	return window_number(v, at + offsetof(struct k_msghdr, msg_name), 8, &ret->name) &&
	       window_number(v, at + offsetof(struct k_msghdr, msg_namelen), 4, &ret->namelen) &&
	       window_number(v, at + offsetof(struct k_msghdr, msg_iov), 8, &ret->vector) &&
	       window_number(v, at + offsetof(struct k_msghdr, msg_iovlen), 8, &ret->count) &&
	       window_number(v, at + offsetof(struct k_msghdr, msg_control), 8, &ret->control) &&
	       window_number(v, at + offsetof(struct k_msghdr, msg_controllen), 8, &ret->controllen);
}

/* The longest address that the kernel knows; a longer one is cut. */
static uint64_t name_room(uint64_t namelen)
{
	uint64_t n = int_size(namelen);

	return n > 128 ? 128 : n;
}

/* What a send reads of a message, header apart; of a receive, only the vector. */
static int message_in(const struct place *p, struct window *v, const struct message *m)
{
	bool sends = p->a->dir & D_IN;
	int err = 0;

	if (sends)
		err = put(p, m->name, name_room(m->namelen), name_room(m->namelen), K_SOCKADDR, 0, SUB_NAME);
	if (!err && m->count <= WALK_IOV_MAX)
		err = put(p, m->vector, m->count * sizeof(struct k_iovec), m->count * sizeof(struct k_iovec),
		          K_ARRAY, SHAPE_iovec, SUB_VECTOR);
	if (!err && sends)
		err = put_buffers(p, v, m->vector, m->count, WALK_RW_MAX);
	if (!err && sends)
		err = put(p, m->control, m->controllen, m->controllen, K_CMSG, 0, SUB_CONTROL);
	return err;
}

/* The fields of a header that a receive writes; the rest is pointers of the version's own. They come
 * before what they measure, and are read again after: see walk.h. */
static int header_out(const struct place *p, const struct message *m)
{
	int err = 0;

	if (m->name)
		err = put(p, m->at + offsetof(struct k_msghdr, msg_namelen), 4, 4, K_INTS, 0, SUB_FIELD);
	if (!err)
		err = put(p, m->at + offsetof(struct k_msghdr, msg_controllen), 8, 8, K_WORDS, 0, SUB_FIELD);
	if (!err)
		err = put(p, m->at + offsetof(struct k_msghdr, msg_flags), 4, 4, K_INTS, 0, SUB_FIELD);
	return err;
}

/* What a receive of `total` bytes wrote. `room` is what there was for the address. */
static int message_out(const struct place *p, const struct message *m, unsigned room, uint64_t total)
{
	struct message now;
	struct window v;
	int err = header_out(p, m);

	window_open(&v, p->w);
	if (err || !message_read(&v, m->at, &now))
		return err;
	uint64_t name = name_room(now.namelen);

	err = put(p, now.name, name < room ? name : room, room, K_SOCKADDR, 0, SUB_NAME);
	if (!err)
		err = put_buffers(p, &v, now.vector, now.count, total);
	if (!err)
		err = put(p, now.control, now.controllen, now.controllen, K_CMSG, 0, SUB_CONTROL);
	return err;
}

static int walk_message(const struct place *p)
{
	struct walk *w = p->w;
	struct message m;
	struct window v;
	int err;

	window_open(&v, w);
	if (!w->args[p->i] || !message_read(&v, w->args[p->i], &m))
		return 0;
	if (!p->entry)
		return p->a->dir & D_OUT && !failed(w) ? message_out(p, &m, w->name0[0], (uint64_t)w->ret) : 0;
	w->name0[0] = (uint8_t)name_room(m.namelen);
	err = put(p, m.at, sizeof(struct k_msghdr), sizeof(struct k_msghdr), K_STRUCT, SHAPE_msghdr, SUB_SELF);
	return err ? err : message_in(p, &v, &m);
}

/* Headers and vectors lie apart, so each has a window of its own. */
static int walk_messages_in(const struct place *p, uint64_t count)
{
	struct walk *w = p->w;
	uint64_t at = w->args[p->i], size = sizeof(struct k_mmsghdr);
	struct window headers, vectors;
	struct message m;
	int err = put(p, at, count * size, count * size, K_ARRAY, SHAPE_mmsghdr, SUB_SELF);

	window_open(&headers, w);
	window_open(&vectors, w);
	for (uint64_t i = 0; i < count && !err && message_read(&headers, at + i * size, &m); i++) {
		w->name0[i] = (uint8_t)name_room(m.namelen);
		err = message_in(p, &vectors, &m);
	}
	return err;
}

/* Sending and receiving alike tell in each header how many bytes it was. */
static int walk_messages_out(const struct place *p, uint64_t count)
{
	struct walk *w = p->w;
	uint64_t size = sizeof(struct k_mmsghdr), done = failed(w) ? 0 : (uint64_t)w->ret;
	int err = 0;

	for (uint64_t i = 0; i < count && i < done && !err; i++) {
		uint64_t at = w->args[p->i] + i * size;
		struct message m;
		struct window v;
		uint32_t len;

		err = put(p, at + offsetof(struct k_mmsghdr, msg_len), 4, 4, K_INTS, 0, SUB_FIELD);
		window_open(&v, w);
		if (err || !(p->a->dir & D_OUT))
			continue;
		if (!message_read(&v, at, &m) || !read_u32(w, at + offsetof(struct k_mmsghdr, msg_len), &len))
			return 0;
		err = message_out(p, &m, w->name0[i], len);
	}
	return err;
}

static int walk_messages(const struct place *p)
{
	uint64_t count = length(p->w, p->a->cap, p->i, true) / sizeof(struct k_mmsghdr);

	if (!p->w->args[p->i])
		return 0;
	if (count > WALK_IOV_MAX)
		count = WALK_IOV_MAX;
	return p->entry ? walk_messages_in(p, count) : walk_messages_out(p, count);
}

/* The pointers with the NULL that ends them, then the strings: what exec copies. */
static int walk_strings(const struct place *p)
{
	uint64_t list = p->w->args[p->i], count = 0, total = 0, string;
	struct window pointers, strings;
	int err;

	if (!list)
		return 0;
	window_open(&pointers, p->w);
	window_open(&strings, p->w);
	do {
		if (!window_number(&pointers, list + 8 * count, 8, &string) || total > WALK_STRINGS_MAX)
			return 0;
		count++;
		total += 8;
	} while (string);
	err = put(p, list, 8 * count, 8 * count, K_STRV, 0, SUB_SELF);
	for (uint64_t i = 0; i + 1 < count && !err && total <= WALK_STRINGS_MAX; i++) {
		uint64_t len;

		if (!window_number(&pointers, list + 8 * i, 8, &string))
			return 0;
		len = string_length(&strings, string, WALK_STRING_MAX);
		total += len;
		err = put(p, string, len, len, K_STR, 0, SUB_STRING);
	}
	return err;
}

static int walk_string(const struct place *p)
{
	uint64_t max = p->a->kind == K_PATH ? WALK_PATH_MAX : WALK_STRING_MAX, len;
	struct window v;

	window_open(&v, p->w);
	if (!p->w->args[p->i])
		return 0;
	len = string_length(&v, p->w->args[p->i], max);
	return put(p, p->w->args[p->i], len, len, p->a->kind, 0, SUB_SELF);
}

static unsigned element_size(const struct field *f)
{
	switch (f->kind) {
	case K_INTS:
		return 4;
	case K_WORDS:
		return 8;
	case K_STRUCT: case K_ARRAY:
		return (unsigned)shape_size(f->set);
	default:
		return 1;
	}
}

/* A field's value, or 0 where the structure that the caller gave ends before it. */
static uint64_t field_value(struct window *v, uint64_t at, uint64_t size, const struct field *f)
{
	uint64_t n = 0;

	if (f->offset + f->size > size || f->size > 8 || !window_number(v, at + f->offset, f->size, &n))
		return 0;
	return f->kind == K_INT ? int_size(n) : n;
}

/* What the pointers in a structure lead to. `first` is the shape's first field. */
static int put_pointee(const struct place *p, struct window *v, uint64_t at, uint64_t size,
                       const struct field *first, const struct field *f)
{
	unsigned dir = f->dir ? f->dir : p->a->dir;
	uint64_t count = 1, used;
	struct place q = *p;
	struct argument a = *p->a;

	if (!(dir & (p->entry ? D_IN : D_OUT)) || (!p->entry && failed(p->w)))
		return 0;
	if (f->bit && (!window_number(v, at, 8, &used) || !(used >> (f->bit - 1) & 1)))
		return 0;
	if (f->count)
		count = field_value(v, at, size, &first[f->count - 1]);
	count = times(count, element_size(f));
	/* Of a buffer that a call filled, so much as it says. */
	if (!p->entry && p->w->row->returns == R_LEN && count > (uint64_t)p->w->ret)
		count = (uint64_t)p->w->ret;
	a.dir = (uint8_t)dir;
	q.a = &a;
	return put(&q, field_value(v, at, size, f), count, count, f->kind, f->set, SUB_POINTEE);
}

/* The memory of a plain argument: bytes, numbers, one structure or several. */
static int put_self(const struct place *p, uint64_t cap, uint64_t len)
{
	return put(p, p->w->args[p->i], len < cap ? len : cap, cap, p->a->kind, p->a->set, SUB_SELF);
}

static bool has_pointers(const struct field *f, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (f[i].is_ptr)
			return true;
	return false;
}

/* One structure, and what its fields point at. Where the kernel wrote one with pointers, they are still
 * the version's own: only the fields between them are visited. */
static int walk_struct(const struct place *p, uint64_t cap, uint64_t len)
{
	uint64_t at = p->w->args[p->i];
	unsigned n;
	const struct field *f = shape_fields(p->a->set, &n);
	bool pointers = has_pointers(f, n);
	struct window v;
	int err = 0;

	if (p->entry ? p->a->dir & D_IN : p->a->dir & D_OUT && !pointers)
		err = put_self(p, cap, len);
	if (!at || !pointers)
		return err;
	for (unsigned i = 0; i < n && !err; i++)
		if (!p->entry && p->a->dir & D_OUT && !f[i].is_ptr && f[i].offset + f[i].size <= len)
			err = put(p, at + f[i].offset, f[i].size, f[i].size, K_BUF, 0, SUB_FIELD);
	window_open(&v, p->w);
	for (unsigned i = 0; i < n && !err; i++)
		if (f[i].is_ptr)
			err = put_pointee(p, &v, at, cap, f, &f[i]);
	return err;
}

static int walk_plain(const struct place *p)
{
	uint64_t cap = length(p->w, p->a->cap, p->i, true), len = cap;

	if (!p->entry) {
		len = length(p->w, p->a->len, p->i, false);
		if (failed(p->w) && !(p->a->dir & D_ALWAYS))
			len = 0;
		if (len > cap)
			len = cap;
	}
	if (p->a->kind == K_STRUCT)
		return walk_struct(p, cap, len);
	if (p->a->dir & (p->entry ? D_IN : D_OUT))
		return put_self(p, cap, len);
	return 0;
}

static int walk_argument(const struct place *p)
{
	switch (p->a->kind) {
	case K_IOV:
		return p->entry || p->a->dir & D_OUT ? walk_vector(p) : 0;
	case K_MSG:
		return walk_message(p);
	case K_MMSG:
		return walk_messages(p);
	case K_STRV:
		return p->entry ? walk_strings(p) : 0;
	case K_STR: case K_PATH:
		if (p->a->cap.op == L_STRING)
			return p->entry ? walk_string(p) : 0;
		return walk_plain(p);
	default:
		return walk_plain(p);
	}
}

/* A length that the caller sets and the call answers. */
static bool is_length(const struct argument *a)
{
	return a->kind == K_INTS && (a->dir & D_INOUT) == D_INOUT;
}

int walk_entry(struct walk *w)
{
	int err = 0;

	/* Lengths that depend on the result are none yet. */
	w->ret = -1;
	remember(w);
	for (unsigned i = 0; i < w->row->nargs && !err; i++) {
		struct place p = {w, &w->row->a[i], i, true};

		if (p.a->dir)
			err = walk_argument(&p);
	}
	return err;
}

int walk_exit(struct walk *w)
{
	int err = 0;

	for (unsigned pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < w->row->nargs && !err; i++) {
			struct place p = {w, &w->row->a[i], i, false};

			if (p.a->dir && is_length(p.a) == !pass)
				err = walk_argument(&p);
		}
	return err;
}

/* ---- room ---- */

static int put_room(const struct place *p, unsigned dir, uint64_t addr, uint64_t len, unsigned kind, unsigned shape,
                    unsigned sub)
{
	struct extent e = {addr, len > WALK_RW_MAX ? WALK_RW_MAX : len, len, (uint16_t)shape, (uint8_t)kind,
	                   (uint8_t)(p->i + 1), (uint8_t)dir, (uint8_t)sub};

	return addr && len ? p->w->visit(p->w->ctx, &e) : 0;
}

/* A vector and its buffers. */
static int room_of_vector(const struct place *p, uint64_t vector, uint64_t count, unsigned sub)
{
	uint64_t base, len;
	struct window v;
	int err;

	if (count > WALK_IOV_MAX)
		return 0;
	window_open(&v, p->w);
	err = put_room(p, D_IN, vector, count * sizeof(struct k_iovec), K_ARRAY, SHAPE_iovec, sub);
	for (uint64_t i = 0; i < count && !err; i++) {
		if (!window_number(&v, vector + 16 * i, 8, &base) || !window_number(&v, vector + 16 * i + 8, 8, &len))
			return 0;
		err = put_room(p, D_OUT, base, len, K_BUF, 0, SUB_BUFFER);
	}
	return err;
}

static int room_of_message(const struct place *p, const struct message *m)
{
	int err = put_room(p, D_INOUT, m->name, name_room(m->namelen), K_SOCKADDR, 0, SUB_NAME);

	if (!err)
		err = room_of_vector(p, m->vector, m->count, SUB_VECTOR);
	return err ? err : put_room(p, D_INOUT, m->control, m->controllen, K_CMSG, 0, SUB_CONTROL);
}

/* Headers: of a send, too, the kernel may write them. */
static int room_of_messages(const struct place *p, unsigned shape, uint64_t size, uint64_t count)
{
	uint64_t at = p->w->args[p->i];
	struct message m;
	struct window v;
	int err;

	if (count > WALK_IOV_MAX)
		count = WALK_IOV_MAX;
	err = put_room(p, D_INOUT, at, count * size, shape == SHAPE_msghdr ? K_STRUCT : K_ARRAY, shape, SUB_SELF);
	window_open(&v, p->w);
	for (uint64_t i = 0; i < count && !err && p->a->dir & D_OUT && message_read(&v, at + i * size, &m); i++)
		err = room_of_message(p, &m);
	return err;
}

/* What is written in some cases only may be written. */
static uint64_t room_length(const struct place *p)
{
	struct len l = p->a->cap;

	return l.op == L_IFPOS || l.op == L_IFINTR ? l.k : length(p->w, l, p->i, true);
}

static int room_of_plain(const struct place *p)
{
	unsigned n, dir = p->a->dir & D_INOUT;
	const struct field *f = shape_fields(p->a->kind == K_STRUCT || p->a->kind == K_ARRAY ? p->a->set : SHAPE_none, &n);

	if (has_pointers(f, n))
		return 0;
	if (p->a->len.op != L_RET && p->a->len.op != L_RETS)
		dir = D_INOUT;   /* how much is written is not told by the result: some of it may stay as it was */
	return put_room(p, dir, p->w->args[p->i], room_length(p), p->a->kind, p->a->set, SUB_SELF);
}

int walk_room(struct walk *w)
{
	int err = 0;

	w->ret = -1;
	remember(w);
	for (unsigned i = 0; i < w->row->nargs && !err; i++) {
		struct place p = {w, &w->row->a[i], i, true};
		unsigned dir = p.a->dir;

		if (!dir || dir & D_PLACE || !w->args[i])
			continue;
		if (p.a->kind == K_MSG && dir & D_OUT)
			err = room_of_messages(&p, SHAPE_msghdr, sizeof(struct k_msghdr), 1);
		else if (p.a->kind == K_MMSG)
			err = room_of_messages(&p, SHAPE_mmsghdr, sizeof(struct k_mmsghdr),
			                       length(w, p.a->cap, i, true) / sizeof(struct k_mmsghdr));
		else if (p.a->kind == K_IOV && dir & D_OUT)
			err = room_of_vector(&p, w->args[i], length(w, p.a->cap, i, true) / sizeof(struct k_iovec), SUB_SELF);
		else if (dir & D_OUT && p.a->kind != K_MSG)
			err = room_of_plain(&p);
	}
	return err;
}
