/* calls.c - see calls.h. */
#include "show/calls.h"

#include <asm/unistd.h>

#include "abi/kernel_types.h"
#include "show/sets.h"

extern const struct set set_at_access, set_at_statx, set_open_flags,
	set_unshare, set_waitid, set_tcp_option, set_udp_option,
	set_ip_option, set_ipv6_option, set_packet_option, set_netlink_option, set_tls_option, set_alg_option,
	set_vsock_option, set_icmpv6_option, set_raw_option, set_netlink_protocol, set_ethernet_protocol;

enum { CREATE_BIT = 0100, TMPFILE_BITS = 020200000 };

static bool creates(uint64_t flags)
{
	return flags & CREATE_BIT || (flags & TMPFILE_BITS) == TMPFILE_BITS;
}

bool hidden_argument(const struct view *v, int i)
{
	const struct argument *a;

	if (!v->row || i >= v->row->nargs)
		return false;
	a = &v->row->a[i];
	if (a->kind == K_PAD)
		return true;
	if (v->e->call == __NR_mq_open && i == 3)
		return !creates(v->e->args[1]);
	return !row_uses(v->row, v->e->args, i + 1);
}

/* ---- arguments whose names depend on others ---- */

static const struct set *options_of_level(int level)
{
	switch (level) {
	case 0:   return &set_ip_option;
	case 1:   return set_by_id(SET_sockopt);
	case 6:   return &set_tcp_option;
	case 17:  return &set_udp_option;
	case 41:  return &set_ipv6_option;
	case 58:  return &set_icmpv6_option;
	case 255: return &set_raw_option;
	case 263: return &set_packet_option;
	case 270: return &set_netlink_option;
	case 279: return &set_alg_option;
	case 282: return &set_tls_option;
	default:  return NULL;
	}
}

static void show_option(struct view *v, uint32_t option)
{
	const struct set *s = options_of_level((int)v->e->args[1]);

	/* AF_VSOCK's level is its family. */
	if ((int)v->e->args[1] == 40)
		s = &set_vsock_option;
	if (s)
		show_enum(v->out, s, option);
	else
		put_hex(v->out, option);
}

static void show_protocol(struct view *v, uint32_t protocol)
{
	switch ((int)v->e->args[0]) {
	case 2: case 10:
		show_enum(v->out, set_by_id(SET_ipproto), protocol);
		break;
	case 16:
		show_enum(v->out, &set_netlink_protocol, protocol);
		break;
	case 17:
		put_lit(v->out, "htons(");
		show_enum(v->out, &set_ethernet_protocol, __builtin_bswap16(protocol));
		put_char(v->out, ')');
		break;
	default:
		put_uint(v->out, protocol);
	}
}

/* Others take O_CLOEXEC and the like, and no access mode. */
static bool opens(const struct view *v)
{
	switch (v->e->call) {
	case __NR_pipe2: case __NR_dup3: case __NR_delete_module:
		return false;
	}
	return true;
}

/* The sets that several calls share, and mean a little differently. */
static const struct set *own_set(const struct view *v, unsigned set)
{
	switch (set) {
	case SET_at:
		if (v->e->call == __NR_faccessat2)
			return &set_at_access;
		return v->e->call == __NR_statx ? &set_at_statx : NULL;
	case SET_open:
		return opens(v) ? NULL : &set_open_flags;
	case SET_clone:
		return v->e->call == __NR_clone ? NULL : &set_unshare;
	case SET_wait:
		return v->e->call == __NR_waitid ? &set_waitid : NULL;
	}
	return NULL;
}

static bool is_environment(const struct view *v, int i)
{
	return (v->e->call == __NR_execve && i == 2) || (v->e->call == __NR_execveat && i == 3);
}

static bool is_cpu_mask(const struct view *v, int i)
{
	return i == 2 && (v->e->call == __NR_sched_setaffinity || v->e->call == __NR_sched_getaffinity);
}

static void show_cpu_mask(struct view *v, int i)
{
	const struct argument *a = &v->row->a[i];
	enum side side = a->dir & D_OUT ? SIDE_OUT : SIDE_IN;
	uint64_t addr = v->e->args[i], n;
	const uint8_t *at = bytes_at(v, side, addr, &n);

	if (!at || (side == SIDE_OUT && (!v->returned || v->failed))) {
		put_address(v->out, addr);
		return;
	}
	n = min_of(n, length_of(v, side == SIDE_OUT ? a->len : a->cap, addr));
	show_fdset(v->out, at, n, INT32_MAX);
}

bool special_argument(struct view *v, int i)
{
	const struct argument *a = &v->row->a[i];
	uint64_t value = row_arg(v->row, v->e->args, i + 1);

	if (a->kind == K_ENUM && a->set == SET_sockopt) {
		show_option(v, value);
	} else if (a->kind == K_ENUM && a->set == SET_ipproto) {
		show_protocol(v, value);
	} else if (a->kind == K_FLAGS && own_set(v, a->set)) {
		show_flags(v->out, own_set(v, a->set), value);
	} else if (is_environment(v, i)) {
		struct memory m = {K_STRV, 0, SIDE_IN, value, UINT64_MAX};

		show_strings(v, &m, v->o->abbreviate);
	} else if (v->e->call == __NR_futex && i == 5 && a->kind == K_UINT) {
		if ((uint32_t)value == ~0u)
			put_lit(v->out, "FUTEX_BITSET_MATCH_ANY");
		else
			put_hex(v->out, (uint32_t)value);
	} else if (is_cpu_mask(v, i) && value) {
		show_cpu_mask(v, i);
	} else {
		return false;
	}
	return true;
}

/* ---- clone: what is not used is not shown, and each has its name ---- */

bool has_own_way(const struct view *v)
{
	return v->row && v->e->call == __NR_clone && v->row->nargs == 5;
}

void show_own_way(struct view *v)
{
	enum { PIDFD = 0x1000, SETTLS = 0x80000, PARENT_SETTID = 0x100000, CHILD_WORD = 0x1200000 };
	const uint64_t *args = v->e->args;

	put_lit(v->out, "child_stack=");
	put_address(v->out, args[1]);
	put_lit(v->out, ", flags=");
	show_scalar(v, K_FLAGS, SET_clone, args[0], 8, 1);
	if (args[0] & (PIDFD | PARENT_SETTID)) {
		struct memory m = {K_INTS, 0, SIDE_OUT, args[2], 4};

		put_lit(v->out, ", parent_tid=");
		if (v->returned && !v->failed)
			show_memory(v, &m);
		else
			put_address(v->out, args[2]);
	}
	if (args[0] & SETTLS) {
		put_lit(v->out, ", tls=");
		put_hex(v->out, args[4]);
	}
	if (args[0] & CHILD_WORD) {
		put_lit(v->out, ", child_tidptr=");
		put_address(v->out, args[3]);
	}
}

/* ---- what select and poll report ---- */

void show_fdset(struct buf *out, const uint8_t *at, uint64_t n, int nfds)
{
	uint64_t bits = min_of(n * 8, nfds > 0 ? (uint64_t)nfds : 0);
	bool some = false;

	put_char(out, '[');
	for (uint64_t i = 0; i < bits; i++) {
		if (!at[i / 8]) {
			i |= 7;
			continue;
		}
		if (!(at[i / 8] >> (i % 8) & 1))
			continue;
		if (some)
			put_char(out, ' ');
		put_uint(out, i);
		some = true;
	}
	put_char(out, ']');
}

static void show_polled(struct view *v)
{
	uint64_t n, count = (uint32_t)v->e->args[1], shown = 0;
	const uint8_t *at = bytes_at(v, SIDE_OUT, v->e->args[0], &n);
	struct k_pollfd p;

	if (!at)
		return;
	put_lit(v->out, "[");
	for (uint64_t i = 0; i < min_of(n / sizeof(p), count); i++) {
		memcpy(&p, at + i * sizeof(p), sizeof(p));
		if (!p.revents)
			continue;
		if (shown++)
			put_lit(v->out, ", ");
		if (shown > v->o->string_max) {
			put_lit(v->out, "...");
			break;
		}
		put_lit(v->out, "{fd=");
		put_int(v->out, p.fd);
		put_lit(v->out, ", revents=");
		show_flags(v->out, set_by_id(SET_poll), (uint16_t)p.revents);
		put_char(v->out, '}');
	}
	put_char(v->out, ']');
}

static bool any_bit(const uint8_t *at, uint64_t n, int nfds)
{
	uint64_t bytes = nfds > 0 ? min_of(n, ((uint64_t)nfds + 7) / 8) : 0;

	for (uint64_t i = 0; i < bytes; i++)
		if (at[i])
			return true;
	return false;
}

static void show_selected(struct view *v)
{
	static const char *const names[] = {"in ", "out ", "except "};
	bool some = false;

	for (int i = 0; i < 3; i++) {
		uint64_t n;
		const uint8_t *at = bytes_at(v, SIDE_OUT, v->e->args[1 + i], &n);

		if (!v->e->args[1 + i] || !at || !any_bit(at, n, (int)v->e->args[0]))
			continue;
		if (some)
			put_lit(v->out, ", ");
		put_str(v->out, names[i]);
		show_fdset(v->out, at, n, (int)v->e->args[0]);
		some = true;
	}
}

/* The time that remained, where the call writes it. */
static void show_time_left(struct view *v, int i)
{
	uint64_t n;
	const uint8_t *at = v->e->args[i] ? bytes_at(v, SIDE_OUT, v->e->args[i], &n) : NULL;

	if (!at || i >= v->row->nargs || n < 16)
		return;
	put_lit(v->out, ", left ");
	show_struct(v, v->row->a[i].set, SIDE_OUT, at, 16);
}

void show_report(struct view *v)
{
	bool poll = v->e->call == __NR_poll || v->e->call == __NR_ppoll;

	if (!v->e->result) {
		put_lit(v->out, " (Timeout)");
		return;
	}
	put_lit(v->out, " (");
	if (poll)
		show_polled(v);
	else
		show_selected(v);
	if (v->e->call != __NR_poll)
		show_time_left(v, poll ? 2 : 4);
	put_char(v->out, ')');
}

/* ---- instructions ---- */

/* cpuid's leaf and subleaf went in by eax and ecx, which it overwrote: args[5] keeps them. */
void show_insn_args(struct view *v)
{
	if (v->e->call != INSN_CPUID)
		return;
	put_full_hex(v->out, v->e->args[5] >> 32);
	put_lit(v->out, ", ");
	put_full_hex(v->out, (uint32_t)v->e->args[5]);
}

static void show_register(struct view *v, const char *name, uint64_t value)
{
	put_str(v->out, name);
	put_full_hex(v->out, (uint32_t)value);
}

void show_insn_result(struct view *v)
{
	const uint64_t *args = v->e->args;

	switch (v->e->call) {
	case INSN_RDTSC:
		put_full_hex(v->out, args[0]);
		break;
	case INSN_RDTSCP:
		put_full_hex(v->out, args[0]);
		show_register(v, " (ecx=", args[1]);
		put_char(v->out, ')');
		break;
	case INSN_CPUID:
		show_register(v, "{eax=", args[0]);
		show_register(v, ", ebx=", args[1]);
		show_register(v, ", ecx=", args[2]);
		show_register(v, ", edx=", args[3]);
		put_char(v->out, '}');
		break;
	default:
		put_full_hex(v->out, args[0]);
	}
}
