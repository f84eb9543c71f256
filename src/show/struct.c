/* struct.c - structures and arrays of them, by the table of fields. */
#include "abi/kernel_types.h"
#include "show/names.h"
#include "show/sets.h"
#include "show/view.h"

extern const struct set set_clone3, set_open_flags;

enum { MAX_DEPTH = 4 };

/* What is shown of the structures that are too long for a line; the rest is "...". Offsets of fields. */
static const struct {
	uint16_t shape, n;
	uint16_t shown[4];
} brief[] = {
#define AT_(s, f) offsetof(struct k_##s, f)
	{SHAPE_stat, 2, {AT_(stat, st_mode), AT_(stat, st_size)}},
	{SHAPE_statx, 4, {AT_(statx, stx_mask), AT_(statx, stx_attributes), AT_(statx, stx_mode),
			  AT_(statx, stx_size)}},
	{SHAPE_utsname, 2, {AT_(utsname, sysname), AT_(utsname, nodename)}},
	{SHAPE_rusage, 2, {AT_(rusage, ru_utime), AT_(rusage, ru_stime)}},
	{SHAPE_termio, 4, {AT_(termio, c_iflag), AT_(termio, c_oflag), AT_(termio, c_cflag),
			   AT_(termio, c_lflag)}},
	{SHAPE_termios, 4, {AT_(termios, c_iflag), AT_(termios, c_oflag), AT_(termios, c_cflag),
			    AT_(termios, c_lflag)}},
	{SHAPE_termios2, 4, {AT_(termios2, c_iflag), AT_(termios2, c_oflag), AT_(termios2, c_cflag),
			     AT_(termios2, c_lflag)}},
	{SHAPE_prctl_mm_map, 2, {AT_(prctl_mm_map, start_code), AT_(prctl_mm_map, end_code)}},
	{SHAPE_timex, 3, {AT_(timex, modes), AT_(timex, offset), AT_(timex, freq)}},
	{SHAPE_dqblk, 3, {AT_(dqblk, dqb_bhardlimit), AT_(dqblk, dqb_bsoftlimit),
			  AT_(dqblk, dqb_curspace)}},
#undef AT_
};

static int brief_of(unsigned shape)
{
	for (unsigned i = 0; i < countof(brief); i++)
		if (brief[i].shape == shape)
			return i;
	return -1;
}

static uint64_t load(const uint8_t *at, unsigned size)
{
	uint64_t value = 0;

	memcpy(&value, at, min_of(size, 8u));
	return value;
}

static bool is_device(const uint8_t *stat)
{
	unsigned type = load(stat + offsetof(struct k_stat, st_mode), 4) & 0170000;

	return type == 0020000 || type == 0060000;
}

static bool shown_in_brief(int b, const struct field *f, const uint8_t *at)
{
	/* A device's number says more than its size. */
	if (brief[b].shape == SHAPE_stat && is_device(at) && f->offset >= offsetof(struct k_stat, st_rdev))
		return f->offset == offsetof(struct k_stat, st_rdev);
	for (unsigned i = 0; i < brief[b].n; i++)
		if (brief[b].shown[i] == f->offset)
			return true;
	return false;
}

/* How many bytes a pointer in a structure leads to; an element is counted by another field. */
static uint64_t pointee_length(const struct field *f, const struct field *fields, const uint8_t *at,
			       uint64_t n)
{
	const struct field *count = f->count ? &fields[f->count - 1] : NULL;
	uint64_t elements = 1, each;

	if (count && count->offset + count->size <= n)
		elements = load(at + count->offset, count->size);
	switch (f->kind) {
	case K_STRUCT: case K_ARRAY: each = shape_size(f->set); break;
	case K_INTS: each = 4; break;
	case K_WORDS: each = 8; break;
	case K_SIGSET: return 8;
	default: each = 1;
	}
	return elements > UINT32_MAX ? UINT64_MAX : elements * each;
}

static void show_pointer(struct view *v, const struct field *f, const struct field *fields, enum side side,
			 const uint8_t *at, uint64_t n)
{
	struct memory m = {f->kind, f->set, side, load(at + f->offset, f->size), 0};

	if ((f->dir & D_INOUT) == D_IN)
		m.side = SIDE_IN;
	else if ((f->dir & D_INOUT) == D_OUT)
		m.side = SIDE_OUT;
	m.len = pointee_length(f, fields, at, n);
	if (m.side == SIDE_OUT && (!v->returned || v->failed))
		put_address(v->out, m.addr);
	else
		show_memory(v, &m);
}

/* Limits are round numbers, or none. */
static void show_limit(struct buf *out, uint64_t value)
{
	if (value == UINT64_MAX) {
		put_lit(out, "RLIM64_INFINITY");
	} else if (value > 1024 && value % 1024 == 0) {
		put_uint(out, value / 1024);
		put_lit(out, "*1024");
	} else {
		put_uint(out, value);
	}
}

static void show_epoll_data(struct buf *out, uint64_t data)
{
	put_lit(out, "{u32=");
	put_uint(out, (uint32_t)data);
	put_lit(out, ", u64=");
	put_uint(out, data);
	put_char(out, '}');
}

static void show_sigval(struct buf *out, uint64_t value)
{
	put_lit(out, "{sival_int=");
	put_int(out, (int32_t)value);
	put_lit(out, ", sival_ptr=");
	put_address(out, value);
	put_char(out, '}');
}

/* Fields whose meaning is not in their kind alone. */
static bool show_special_field(struct view *v, const struct field *f, uint64_t value)
{
	switch (f->shape) {
	case SHAPE_rlimit:
		show_limit(v->out, value);
		return true;
	case SHAPE_epoll_event:
		if (f->kind == K_COOKIE)
			show_epoll_data(v->out, value);
		return f->kind == K_COOKIE;
	case SHAPE_sigevent:
		if (f->kind == K_COOKIE)
			show_sigval(v->out, value);
		return f->kind == K_COOKIE;
	case SHAPE_clone_args:
		if (f->kind == K_FLAGS)
			show_flags(v->out, &set_clone3, value);
		else if (f->kind == K_SIG && !value)
			put_char(v->out, '0');
		else
			return false;
		return true;
	case SHAPE_mq_attr:
		if (f->kind == K_FLAGS)
			show_flags(v->out, &set_open_flags, value);
		return f->kind == K_FLAGS;
	case SHAPE_timespec:
		if (f->offset && (value == 0x3fffffff || value == 0x3ffffffe))
			put_str(v->out, value & 1 ? "UTIME_NOW" : "UTIME_OMIT");
		else
			return false;
		return true;
	}
	return false;
}

static void show_inline_numbers(struct buf *out, const uint8_t *at, unsigned size, unsigned each)
{
	put_char(out, '[');
	for (unsigned i = 0; i + each <= size; i += each) {
		if (i)
			put_lit(out, ", ");
		put_uint(out, load(at + i, each));
	}
	put_char(out, ']');
}

static void show_field(struct view *v, const struct field *f, enum side side, const uint8_t *at)
{
	const uint8_t *value = at + f->offset;

	switch (f->kind) {
	case K_STRUCT:
		show_struct(v, f->set, side, value, f->size);
		break;
	case K_CHARS:
		show_chars(v, value, f->size);
		break;
	case K_BUF:
		put_quoted(v->out, value, min_of((size_t)f->size, v->o->string_max));
		if (f->size > v->o->string_max)
			put_lit(v->out, "...");
		break;
	case K_INTS:
		show_inline_numbers(v->out, value, f->size, 4);
		break;
	case K_WORDS:
		show_inline_numbers(v->out, value, f->size, 8);
		break;
	case K_SIGSET:
		show_sigset(v->out, load(value, 8));
		break;
	case K_IPSTR:
		show_ip(v->out, value, f->size);
		break;
	case K_SOCKADDR:
		show_sockaddr(v, value, f->size);
		break;
	default:
		if (!show_special_field(v, f, load(value, f->size)))
			show_scalar(v, f->kind, f->set, load(value, f->size), f->size, -1);
	}
}

/* {sa_handler=SIG_DFL, sa_mask=[], sa_flags=0}: the order that people know. */
static void show_sigaction(struct view *v, const uint8_t *at, uint64_t n)
{
	struct k_sigaction a;
	enum { RESTORER_BIT = 0x04000000 };

	if (n < sizeof(a)) {
		put_lit(v->out, "{...}");
		return;
	}
	memcpy(&a, at, sizeof(a));
	put_lit(v->out, "{sa_handler=");
	show_scalar(v, K_HANDLER, 0, a.handler, 8, -1);
	put_lit(v->out, ", sa_mask=");
	show_sigset(v->out, a.mask);
	put_lit(v->out, ", sa_flags=");
	show_flags(v->out, set_by_id(SET_sigaction), a.flags);
	if (a.flags & RESTORER_BIT) {
		put_lit(v->out, ", sa_restorer=");
		put_address(v->out, a.restorer);
	}
	put_char(v->out, '}');
}

/* What only comes back: before the call there is nothing in it. */
static bool only_output(const struct field *f)
{
	return (f->shape == SHAPE_pollfd && f->offset == offsetof(struct k_pollfd, revents)) ||
	       (f->shape == SHAPE_flock && f->offset == offsetof(struct k_flock, l_pid));
}

/* The first word says whether it is looked at: clone_args' pidfd, a sigevent's thread. */
static bool unused(const struct field *f, const uint8_t *at, uint64_t n)
{
	if (f->shape == SHAPE_sigevent && f->offset == offsetof(struct k_sigevent, sigev_tid))
		return load(at + offsetof(struct k_sigevent, sigev_notify), 4) != 4;
	return f->bit && n >= 8 && !(load(at, 8) >> (f->bit - 1) & 1);
}

static void show_fields(struct view *v, unsigned shape, enum side side, const uint8_t *at, uint64_t n)
{
	unsigned count, shown = 0;
	const struct field *fields = shape_fields(shape, &count);
	int b = v->o->abbreviate ? brief_of(shape) : -1;
	bool cut = b >= 0;

	put_char(v->out, '{');
	for (unsigned i = 0; i < count; i++) {
		const struct field *f = &fields[i];

		if (f->offset + f->size > n) {
			cut = cut || !v->whole;
			break;
		}
		if (b >= 0 && !shown_in_brief(b, f, at))
			continue;
		if ((side == SIDE_IN && only_output(f)) || unused(f, at, n))
			continue;
		if (shown++)
			put_lit(v->out, ", ");
		put_str(v->out, field_name(shape, i));
		put_char(v->out, '=');
		if (f->is_ptr)
			show_pointer(v, f, fields, side, at, n);
		else
			show_field(v, f, side, at);
	}
	if (cut)
		put_str(v->out, shown ? ", ..." : "...");
	put_char(v->out, '}');
}

void show_struct(struct view *v, unsigned shape, enum side side, const uint8_t *at, uint64_t n)
{
	if (v->depth >= MAX_DEPTH) {
		put_lit(v->out, "{...}");
		return;
	}
	v->depth++;
	if (shape == SHAPE_sigaction)
		show_sigaction(v, at, n);
	else if (shape == SHAPE_siginfo)
		show_siginfo(v, at, n);
	else if (brief_of(shape) >= 0 && n < shape_size(shape) && v->o->abbreviate)
		put_lit(v->out, "{...}");
	else
		show_fields(v, shape, side, at, n);
	v->depth--;
}

void show_array(struct view *v, const struct memory *m)
{
	uint64_t size = shape_size(m->shape), have = 0, n;
	const uint8_t *at = m->len ? bytes_at(v, m->side, m->addr, &have) : NULL;

	if (!size || (m->len && !at)) {
		put_address(v->out, m->addr);
		return;
	}
	n = min_of(have, m->len) / size;
	put_char(v->out, '[');
	for (uint64_t i = 0; i < n; i++) {
		if (i)
			put_lit(v->out, ", ");
		if (i >= v->o->string_max) {
			put_lit(v->out, "...");
			break;
		}
		show_struct(v, m->shape, m->side, at + i * size, size);
	}
	if (have < m->len && m->len != UINT64_MAX && n < v->o->string_max)
		put_str(v->out, n ? ", ..." : "...");
	put_char(v->out, ']');
}
