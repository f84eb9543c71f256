/* decode.c - a call and its result: name(arguments) = result. */
#include "show/decode.h"

#include <asm/unistd.h>
#include <time.h>

#include "abi/kernel_types.h"
#include "show/calls.h"
#include "show/names.h"
#include "show/sets.h"
#include "show/view.h"

enum { MAX_ERRNO = 4095, PATH_LIMIT = 4096 };

void view_init(struct view *v, struct buf *out, const struct event *e, const struct show_options *o)
{
	bool call = e->type == EV_CALL || e->type == EV_ENTER || e->type == EV_LEAVE;

	v->out = out;
	v->e = e;
	v->o = o;
	v->row = call && !(e->flags & EVF_INT80) ? row_find(e->call, e->args, &v->scratch) : NULL;
	v->cursor = event_parts(e);
	v->index = 0;
	v->depth = 0;
	v->whole = false;
	v->returned = e->type != EV_ENTER;
	v->failed = v->returned && e->result < 0 && e->result >= -MAX_ERRNO;
}

/* ---- lengths ---- */

/* The int that argument `i` (from 1) points at. */
static uint64_t pointed_at(struct view *v, int i, bool after)
{
	const uint8_t *at = NULL;
	int32_t value;

	if (after)
		at = bytes_exactly(v, SIDE_OUT, v->e->args[i - 1], 4);
	if (!at)
		at = bytes_exactly(v, SIDE_IN, v->e->args[i - 1], 4);
	if (!at)
		return 0;
	memcpy(&value, at, 4);
	return value < 0 ? 0 : value;
}

/* The memory says itself how long it is. */
static uint64_t own_length(struct view *v, struct len len, uint64_t addr)
{
	unsigned offset = len.op == L_SELF ? len.k : len.k & 255, each = len.op == L_SELF ? 1 : len.k >> 8;
	const uint8_t *at = bytes_exactly(v, SIDE_OUT, addr + offset, 4);
	uint32_t value;

	if (!at)
		at = bytes_exactly(v, SIDE_IN, addr + offset, 4);
	if (!at)
		return 0;
	memcpy(&value, at, 4);
	return (uint64_t)value * each + len.arg;
}

static uint64_t product(uint64_t a, uint64_t b)
{
	uint64_t r;

	return __builtin_mul_overflow(a, b, &r) ? UINT64_MAX : r;
}

static uint64_t rounded_bits(uint64_t bits)
{
	return (bits > 1u << 30 ? 1u << 30 : bits + 63) / 64 * 8;
}

static bool interrupted(const struct event *e)
{
	return e->result == -EINTR || (e->result <= -512 && e->result >= -516);
}

uint64_t length_of(struct view *v, struct len len, uint64_t addr)
{
	uint64_t arg = len.arg >= 1 && len.arg <= 6 ? row_arg(v->row, v->e->args, len.arg) : 0;
	uint64_t ret = v->returned && v->e->result > 0 ? v->e->result : 0;

	switch (len.op) {
	case L_CONST:  return len.k;
	case L_ARG:    return arg > UINT64_MAX - len.k ? UINT64_MAX : arg + len.k;
	case L_RET:    return v->failed ? 0 : ret + len.k;
	case L_ARGS:   return product(arg, len.k);
	case L_RETS:   return product(ret, len.k);
	case L_AT:     return arg ? pointed_at(v, len.arg, true) : 0;
	case L_AT0:    return arg ? pointed_at(v, len.arg, false) : 0;
	case L_STRING: return UINT64_MAX;
	case L_SELF: case L_SELFN: return own_length(v, len, addr);
	case L_BITS:   return rounded_bits(arg);
	case L_NODES:  return rounded_bits(arg ? arg - 1 : 0);
	case L_PAGES:  return (arg > 1ull << 50 ? 0 : arg + 4095) / 4096;
	case L_IFPOS:  return ret ? len.k : 0;
	case L_IFINTR: return interrupted(v->e) ? len.k : 0;
	case L_IFBITS: return (arg >> (len.k & 63) & 1) | (arg >> (len.k >> 8 & 63) & 1) ? 4 : 0;
	default:       return 0;
	}
}

/* ---- arguments ---- */

void show_memory(struct view *v, const struct memory *m)
{
	const uint8_t *at;
	uint64_t n;

	if (!m->addr) {
		put_lit(v->out, "NULL");
		return;
	}
	switch (m->kind) {
	case K_STR:
		show_string(v, m, v->o->string_max);
		return;
	case K_PATH:
		show_string(v, m, PATH_LIMIT);
		return;
	case K_STRV:
		show_strings(v, m, false);
		return;
	case K_ARRAY:
		show_array(v, m);
		return;
	case K_INTS:
		show_numbers(v, m, 4);
		return;
	case K_WORDS:
		show_numbers(v, m, 8);
		return;
	case K_SHORTS:
		show_numbers(v, m, 2);
		return;
	case K_DIRENTS:
		show_directory(v, m);
		return;
	case K_IOV:
		show_iovec(v, m, UINT64_MAX);
		return;
	case K_MSG:
		show_msghdr(v, m, UINT64_MAX);
		return;
	case K_MMSG:
		show_mmsghdr(v, m);
		return;
	case K_STRUCT: case K_SIGSET: case K_SOCKADDR: case K_SIGINFO: case K_WSTATUS: case K_FDSET:
		break;
	default:
		show_buffer(v, m);
		return;
	}
	/* These need their bytes, and are an address without. */
	at = m->len ? bytes_at(v, m->side, m->addr, &n) : NULL;
	if (!at) {
		put_address(v->out, m->addr);
		return;
	}
	show_bytes_as(v, m, at, min_of(n, m->len));
}

void show_bytes_as(struct view *v, const struct memory *m, const uint8_t *at, uint64_t n)
{
	uint64_t set = 0;

	switch (m->kind) {
	case K_STRUCT:
		v->whole = n == m->len;
		show_struct(v, m->shape, m->side, at, n);
		break;
	case K_SIGSET:
		memcpy(&set, at, min_of(n, (uint64_t)8));
		show_sigset(v->out, set);
		break;
	case K_SOCKADDR:
		show_sockaddr(v, at, n);
		break;
	case K_SIGINFO:
		show_siginfo(v, at, n);
		break;
	case K_WSTATUS:
		memcpy(&set, at, min_of(n, (uint64_t)4));
		put_char(v->out, '[');
		show_wait_status(v->out, (int)set);
		put_char(v->out, ']');
		break;
	case K_FDSET:
		show_fdset(v->out, at, n, (int32_t)v->e->args[0]);
		break;
	}
}

static bool is_memory(int kind)
{
	return kind >= K_BUF && kind != K_HANDLER && kind != K_CHARS && kind != K_PORT;
}

/* Whether what the call wrote is worth looking for. */
static bool has_output(const struct view *v, const struct argument *a)
{
	return v->returned && (!v->failed || a->dir & D_ALWAYS);
}

static uint64_t output_length(struct view *v, const struct argument *a, uint64_t addr)
{
	uint64_t len = length_of(v, a->len, addr), cap = length_of(v, a->cap, addr);

	/* Always written, on failure as well: then no length of a result says how much. */
	if (v->failed && a->dir & D_ALWAYS && a->len.op == L_RET)
		len = cap;
	return a->cap.op == L_NONE || a->cap.op == L_STRING ? len : min_of(len, cap);
}

static void show_vectors(struct view *v, const struct memory *m, uint64_t total)
{
	if (m->kind == K_IOV)
		show_iovec(v, m, total);
	else
		show_msghdr(v, m, total);
}

static void show_input(struct view *v, const struct argument *a, uint64_t addr)
{
	struct memory m = {a->kind, a->set, SIDE_IN, addr, length_of(v, a->cap, addr)};

	show_memory(v, &m);
}

static void show_output(struct view *v, const struct argument *a, uint64_t addr)
{
	struct memory m = {a->kind, a->set, SIDE_OUT, addr, 0};

	/* A vector was read before the call, whatever came of it. */
	if (!has_output(v, a) && a->kind != K_IOV) {
		put_address(v->out, addr);
		return;
	}
	m.len = output_length(v, a, addr);
	if (a->kind == K_IOV || a->kind == K_MSG) {
		m.len = length_of(v, a->cap, addr);
		show_vectors(v, &m, length_of(v, a->len, addr));
	} else {
		show_memory(v, &m);
	}
}

/* Was it changed? Where only one side is known it is shown without a "=>". */
static bool both_sides(struct view *v, const struct argument *a, uint64_t addr, bool *ret_same)
{
	uint64_t before = 0, after = 0;
	const uint8_t *in = bytes_at(v, SIDE_IN, addr, &before);
	const uint8_t *out = bytes_at(v, SIDE_OUT, addr, &after);
	uint64_t n = min_of(output_length(v, a, addr), min_of(before, after));

	if (!in || !out)
		return false;
	*ret_same = !memcmp(in, out, n);
	return true;
}

static void show_single_ints(struct view *v, const uint8_t *in, const uint8_t *out)
{
	int32_t was, is;

	memcpy(&was, in, 4);
	memcpy(&is, out, 4);
	put_char(v->out, '[');
	put_int(v->out, was);
	put_lit(v->out, " => ");
	put_int(v->out, is);
	put_char(v->out, ']');
}

static void show_in_and_out(struct view *v, const struct argument *a, uint64_t addr)
{
	/* Asked for once: in a damaged record parts may overlap, and another search find another one. */
	const uint8_t *in = bytes_exactly(v, SIDE_IN, addr, 4), *out = bytes_exactly(v, SIDE_OUT, addr, 4);
	uint64_t n;
	bool same;

	if (!has_output(v, a) || !bytes_at(v, SIDE_OUT, addr, &n)) {
		show_input(v, a, addr);
	} else if (!both_sides(v, a, addr, &same)) {
		show_output(v, a, addr);
	} else if (same) {
		show_input(v, a, addr);
	} else if (a->kind == K_INTS && length_of(v, a->cap, addr) == 4 && in && out) {
		show_single_ints(v, in, out);
	} else {
		show_input(v, a, addr);
		put_lit(v->out, " => ");
		show_output(v, a, addr);
	}
}

/* select, poll: what they report comes after the result, and the arguments are what was asked for. */
static bool reports_after_result(const struct view *v)
{
	switch (v->row ? v->row->nr : UINT32_MAX) {
	case __NR_poll: case __NR_ppoll: case __NR_select: case __NR_pselect6:
		return true;
	}
	return false;
}

static void show_pointer_argument(struct view *v, const struct argument *a, uint64_t addr)
{
	int dir = a->dir & D_INOUT;

	if (!addr)
		put_lit(v->out, "NULL");
	else if (dir == D_OUT)
		show_output(v, a, addr);
	else if (dir == D_INOUT && !reports_after_result(v))
		show_in_and_out(v, a, addr);
	else
		show_input(v, a, addr);
}

static void show_argument(struct view *v, int i)
{
	const struct argument *a;

	if (!v->row || i >= v->row->nargs) {
		put_hex(v->out, v->e->args[i]);
		return;
	}
	a = &v->row->a[i];
	if (special_argument(v, i))
		return;
	if (is_memory(a->kind))
		show_pointer_argument(v, a, v->e->args[i]);
	else
		show_scalar(v, a->kind, a->set, row_arg(v->row, v->e->args, i + 1), 8, i + 1);
}

static int argument_count(const struct view *v)
{
	return v->row ? min_of((int)v->row->nargs, 6) : 6;
}

/* The first argument that is known only when the call has returned. */
static int first_late_argument(const struct view *v)
{
	int n = argument_count(v);

	if (!v->row || reports_after_result(v))
		return n;
	for (int i = 0; i < n; i++)
		if (is_memory(v->row->a[i].kind) && v->row->a[i].dir & D_OUT)
			return i;
	return n;
}

/* Arguments from `from` up to `to`; whether any was written. */
static bool show_some_args(struct view *v, int from, int to)
{
	bool some = false;

	for (int i = from; i < to; i++) {
		if (hidden_argument(v, i))
			continue;
		if (some)
			put_lit(v->out, ", ");
		show_argument(v, i);
		some = true;
	}
	return some;
}

static void show_all_args(struct view *v)
{
	if (has_own_way(v))
		show_own_way(v);
	else
		show_some_args(v, 0, argument_count(v));
}

/* ---- results ---- */

static void show_error(struct view *v, int err)
{
	const char *name = errno_name(err);

	if (err >= 512 && err <= 530 && name)
		put_lit(v->out, "? ");
	else
		put_lit(v->out, "-1 ");
	if (!name) {
		put_lit(v->out, "(errno ");
		put_int(v->out, err);
		put_char(v->out, ')');
		return;
	}
	put_str(v->out, name);
	put_lit(v->out, " (");
	put_str(v->out, errno_text(err));
	put_char(v->out, ')');
}

static void show_date(struct buf *out, int64_t seconds)
{
	time_t t = seconds;
	struct tm tm;
	char text[64];

	put_int(out, seconds);
	if (localtime_r(&t, &tm) && strftime(text, sizeof(text), " (%Y-%m-%dT%H:%M:%S%z)", &tm))
		put_str(out, text);
}

static void show_flags_result(struct view *v, unsigned set, int64_t r)
{
	put_hex(v->out, r);
	if (!r)
		return;
	put_lit(v->out, " (flags ");
	show_flags(v->out, set_by_id(set), (uint32_t)r);
	put_char(v->out, ')');
}

static void show_signal_result(struct view *v, int64_t r)
{
	put_int(v->out, r);
	if (r <= 0)
		return;
	put_lit(v->out, " (");
	show_signal(v->out, r);
	put_char(v->out, ')');
}

static void show_success(struct view *v, int64_t r)
{
	switch (v->row ? v->row->returns : R_HEX) {
	case R_FD:
		show_descriptor(v, r, 0);
		break;
	case R_ADDR:
		put_address(v->out, r);
		break;
	case R_HEX:
		put_hex(v->out, r);
		break;
	case R_NONE:
		put_char(v->out, '?');
		break;
	case R_OCT:
		put_oct(v->out, r, 2);
		break;
	case R_UID: case R_UINT:
		put_uint(v->out, v->row->returns == R_UID ? (uint32_t)r : (uint64_t)r);
		break;
	case R_TIME:
		show_date(v->out, r);
		break;
	case R_FLAGS_FD:
		show_flags_result(v, SET_fdflags, r);
		break;
	case R_FLAGS_STATUS:
		show_flags_result(v, SET_open, r);
		break;
	case R_SIGNAL:
		show_signal_result(v, r);
		break;
	default:
		put_int(v->out, r);
	}
}

static void show_outcome(struct view *v)
{
	if (!v->returned)
		put_char(v->out, '?');
	else if (v->failed)
		show_error(v, -v->e->result);
	else
		show_success(v, v->e->result);
	if (v->returned && !v->failed && reports_after_result(v))
		show_report(v);
}

static void show_marks(struct view *v)
{
	uint32_t flags = v->e->flags;

	if (flags & EVF_VDSO)
		put_lit(v->out, " [vdso]");
	if (flags & EVF_REFUSED)
		put_lit(v->out, " [refused]");
	if (flags & EVF_UNKNOWN)
		put_lit(v->out, " [unknown]");
	if (flags & EVF_SKIPPED)
		put_lit(v->out, " [filter]");
	if (flags & EVF_FOREIGN)
		put_lit(v->out, " [not followed]");
	if (flags & EVF_INT80)
		put_lit(v->out, " [int 0x80]");
	if (v->e->type == EV_INSN)
		put_lit(v->out, " [instruction]");
}

static void show_duration(struct view *v)
{
	uint64_t ns = v->e->left > v->e->entered ? v->e->left - v->e->entered : 0;

	put_lit(v->out, " <");
	put_uint(v->out, ns / 1000000000);
	put_char(v->out, '.');
	put_zeros(v->out, ns % 1000000000 / 1000, 6);
	put_char(v->out, '>');
}

/* The column of the "=" counts from where this call's text began. */
static void align(struct view *v, size_t start)
{
	size_t used = v->out->len - start, wide = v->o->align;

	while (used++ < wide)
		put_char(v->out, ' ');
}

static void finish(struct view *v, size_t start)
{
	put_lit(v->out, ") ");
	align(v, start);
	put_lit(v->out, "= ");
	if (v->e->type == EV_INSN)
		show_insn_result(v);
	else
		show_outcome(v);
	show_marks(v);
	if (v->o->syscall_times)
		show_duration(v);
}

static void show_call_name(struct view *v)
{
	const struct event *e = v->e;
	const char *name = e->type == EV_INSN ? insn_name(e->call) : call_name(e->call, e->flags & EVF_INT80);

	if (name) {
		put_str(v->out, name);
		return;
	}
	put_str(v->out, e->type == EV_INSN ? "insn_" : "syscall_");
	put_full_hex(v->out, e->call);
}

static void show_entered(struct view *v)
{
	int late = first_late_argument(v);

	show_call_name(v);
	put_char(v->out, '(');
	if (has_own_way(v))
		show_own_way(v);
	else if (show_some_args(v, 0, late) && late < argument_count(v))
		put_lit(v->out, ", ");
	put_lit(v->out, " <unfinished ...>");
}

static void show_left(struct view *v, size_t start)
{
	put_lit(v->out, "<... ");
	show_call_name(v);
	put_lit(v->out, " resumed>");
	if (!has_own_way(v))
		show_some_args(v, first_late_argument(v), argument_count(v));
	finish(v, start);
}

void show_call(struct buf *out, const struct event *e, const struct show_options *o)
{
	size_t start = out->len;
	struct view v;

	view_init(&v, out, e, o);
	if (e->type == EV_ENTER) {
		show_entered(&v);
	} else if (e->type == EV_LEAVE) {
		show_left(&v, start);
	} else {
		show_call_name(&v);
		put_char(out, '(');
		if (e->type == EV_INSN)
			show_insn_args(&v);
		else
			show_all_args(&v);
		finish(&v, start);
	}
}

void show_name(struct buf *out, const struct event *e)
{
	static const struct show_options none;
	struct view v;

	view_init(&v, out, e, &none);
	show_call_name(&v);
}

void show_args(struct buf *out, const struct event *e, const struct show_options *o)
{
	struct view v;

	view_init(&v, out, e, o);
	if (e->type == EV_INSN)
		show_insn_args(&v);
	else
		show_all_args(&v);
}

void show_one_argument(struct buf *out, const struct event *e, int index, const struct show_options *o)
{
	struct view v;

	view_init(&v, out, e, o);
	if (index >= 0 && index < 6)
		show_argument(&v, index);
}

void show_result(struct buf *out, const struct event *e, const struct show_options *o)
{
	struct view v;

	view_init(&v, out, e, o);
	if (e->type == EV_INSN)
		show_insn_result(&v);
	else
		show_outcome(&v);
}

int show_argument_count(const struct event *e)
{
	static const struct show_options none;
	static struct buf unused;
	struct view v;

	view_init(&v, &unused, e, &none);
	return argument_count(&v);
}
