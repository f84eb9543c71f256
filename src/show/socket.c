/* socket.c - socket addresses, iovecs, messages and the control messages that hang on them. */
#include <arpa/inet.h>

#include "abi/kernel_types.h"
#include "show/sets.h"
#include "show/view.h"

extern const struct set set_ethernet_protocol, set_scm;

enum { FAMILY_UNIX = 1, FAMILY_INET = 2, FAMILY_INET6 = 10, FAMILY_NETLINK = 16, FAMILY_PACKET = 17,
       FAMILY_ALG = 38, FAMILY_VSOCK = 40 };

static uint16_t half(const uint8_t *at)
{
	uint16_t h;

	return memcpy(&h, at, 2), h;
}

static uint32_t word(const uint8_t *at)
{
	uint32_t w;

	return memcpy(&w, at, 4), w;
}

static uint64_t quad(const uint8_t *at)
{
	uint64_t q;

	return memcpy(&q, at, 8), q;
}

static void show_port(struct buf *out, const uint8_t *at)
{
	put_lit(out, "htons(");
	put_uint(out, at[0] << 8 | at[1]);
	put_char(out, ')');
}

static void dotted(struct buf *out, const uint8_t *at)
{
	for (int i = 0; i < 4; i++) {
		if (i)
			put_char(out, '.');
		put_uint(out, at[i]);
	}
}

void show_ip(struct buf *out, const uint8_t *at, unsigned size)
{
	char text[INET6_ADDRSTRLEN];

	if (size == 4) {
		put_lit(out, "inet_addr(\"");
		dotted(out, at);
	} else {
		put_lit(out, "inet_pton(\"");
		put_str(out, inet_ntop(AF_INET6, at, text, sizeof(text)) ? text : "?");
	}
	put_lit(out, "\")");
}

static void show_unix(struct view *v, const uint8_t *at, uint64_t n)
{
	const uint8_t *path = at + 2, *nul;

	n -= 2;
	if (!n)
		return;
	put_lit(v->out, ", sun_path=");
	if (!path[0] && n > 1) {
		/* An abstract name: all of the bytes count, a NUL among them too. */
		put_char(v->out, '@');
		put_quoted(v->out, path + 1, min_of(n - 1, (uint64_t)107));
		return;
	}
	nul = memchr(path, 0, n);
	put_quoted(v->out, path, nul ? (uint64_t)(nul - path) : min_of(n, (uint64_t)108));
}

static void show_inet(struct view *v, const uint8_t *at)
{
	put_lit(v->out, ", sin_port=");
	show_port(v->out, at + 2);
	put_lit(v->out, ", sin_addr=");
	show_ip(v->out, at + 4, 4);
}

static void show_inet6(struct view *v, const uint8_t *at)
{
	char text[INET6_ADDRSTRLEN];

	put_lit(v->out, ", sin6_port=");
	show_port(v->out, at + 2);
	put_lit(v->out, ", sin6_flowinfo=htonl(");
	put_uint(v->out, ntohl(word(at + 4)));
	put_lit(v->out, "), inet_pton(AF_INET6, \"");
	put_str(v->out, inet_ntop(AF_INET6, at + 8, text, sizeof(text)) ? text : "?");
	put_lit(v->out, "\", &sin6_addr), sin6_scope_id=");
	put_uint(v->out, word(at + 24));
}

static void show_netlink(struct view *v, const uint8_t *at)
{
	put_lit(v->out, ", nl_pid=");
	put_int(v->out, (int32_t)word(at + 4));
	put_lit(v->out, ", nl_groups=");
	put_hex(v->out, word(at + 8));
}

static void show_packet(struct view *v, const uint8_t *at, uint64_t n)
{
	unsigned len = at[11];

	put_lit(v->out, ", sll_protocol=htons(");
	show_enum(v->out, &set_ethernet_protocol, at[2] << 8 | at[3]);
	put_lit(v->out, "), sll_ifindex=");
	put_int(v->out, (int32_t)word(at + 4));
	put_lit(v->out, ", sll_hatype=");
	put_hex(v->out, half(at + 8));
	put_lit(v->out, ", sll_pkttype=");
	put_uint(v->out, at[10]);
	put_lit(v->out, ", sll_halen=");
	put_uint(v->out, len);
	put_lit(v->out, ", sll_addr=");
	put_quoted(v->out, at + 12, min_of(n - 12, (uint64_t)len));
}

static void show_alg(struct view *v, const uint8_t *at)
{
	put_lit(v->out, ", salg_type=");
	show_chars(v, at + 2, 14);
	put_lit(v->out, ", salg_feat=");
	put_hex(v->out, word(at + 16));
	put_lit(v->out, ", salg_mask=");
	put_hex(v->out, word(at + 20));
	put_lit(v->out, ", salg_name=");
	show_chars(v, at + 24, 64);
}

static void show_vsock(struct view *v, const uint8_t *at)
{
	put_lit(v->out, ", svm_cid=");
	put_hex(v->out, word(at + 8));
	put_lit(v->out, ", svm_port=");
	put_hex(v->out, word(at + 4));
}

static void show_unknown_family(struct view *v, const uint8_t *at, uint64_t n)
{
	if (n == 2)
		return;
	put_lit(v->out, ", sa_data=");
	put_quoted(v->out, at + 2, min_of(n - 2, (uint64_t)126));
}

void show_sockaddr(struct view *v, const uint8_t *at, uint64_t n)
{
	unsigned family;

	if (n < 2) {
		put_quoted(v->out, at, n);
		return;
	}
	family = half(at);
	put_lit(v->out, "{sa_family=");
	show_enum(v->out, set_by_id(SET_af), family);
	if (family == FAMILY_UNIX)
		show_unix(v, at, n);
	else if (family == FAMILY_INET && n >= 8)
		show_inet(v, at);
	else if (family == FAMILY_INET6 && n >= 28)
		show_inet6(v, at);
	else if (family == FAMILY_NETLINK && n >= 12)
		show_netlink(v, at);
	else if (family == FAMILY_PACKET && n >= 12)
		show_packet(v, at, n);
	else if (family == FAMILY_ALG && n >= 88)
		show_alg(v, at);
	else if (family == FAMILY_VSOCK && n >= 12)
		show_vsock(v, at);
	else
		show_unknown_family(v, at, n);
	put_char(v->out, '}');
}

/* `side` of the buffers; the vector itself is always read before the call. What came back fills the
 * buffers in order, `total` bytes of them.
 */
static void show_vector(struct view *v, enum side side, uint64_t addr, uint64_t count, uint64_t total)
{
	uint64_t n = 0;
	const uint8_t *at = count ? bytes_at(v, SIDE_IN, addr, &n) : NULL;

	if (count && !at && addr) {
		put_address(v->out, addr);
		return;
	}
	n = min_of(n / 16, count);
	put_char(v->out, '[');
	for (uint64_t i = 0; i < n; i++) {
		bool unfilled = side == SIDE_OUT && (v->failed || !v->returned);
		struct memory m = {K_BUF, 0, side, quad(at + i * 16), quad(at + i * 16 + 8)};
		uint64_t len = m.len;

		if (i)
			put_lit(v->out, ", ");
		if (i >= v->o->string_max) {
			put_lit(v->out, "...");
			break;
		}
		m.len = min_of(m.len, total);
		total -= m.len;
		put_lit(v->out, "{iov_base=");
		if (m.addr && !unfilled)
			show_buffer(v, &m);
		else
			put_address(v->out, m.addr);
		put_lit(v->out, ", iov_len=");
		put_uint(v->out, len);
		put_char(v->out, '}');
	}
	if (n < count && n < v->o->string_max)
		put_str(v->out, n ? ", ..." : "...");
	put_char(v->out, ']');
}

void show_iovec(struct view *v, const struct memory *m, uint64_t total)
{
	show_vector(v, m->side, m->addr, m->len / 16, total);
}

static void show_credentials(struct view *v, const uint8_t *at)
{
	put_lit(v->out, "{pid=");
	put_int(v->out, (int32_t)word(at));
	put_lit(v->out, ", uid=");
	put_uint(v->out, word(at + 4));
	put_lit(v->out, ", gid=");
	put_uint(v->out, word(at + 8));
	put_char(v->out, '}');
}

static void show_passed_fds(struct view *v, const uint8_t *at, uint64_t n)
{
	put_char(v->out, '[');
	for (uint64_t i = 0; i + 4 <= n; i += 4) {
		if (i)
			put_lit(v->out, ", ");
		put_int(v->out, (int32_t)word(at + i));
	}
	put_char(v->out, ']');
}

static void show_control_data(struct view *v, int level, int type, const uint8_t *at, uint64_t n)
{
	if (level == 1 && type == 1)
		show_passed_fds(v, at, n);
	else if (level == 1 && type == 2 && n >= 12)
		show_credentials(v, at);
	else if (n == 4)
		put_int(v->out, (int32_t)word(at)), (void)0;
	else
		put_quoted(v->out, at, min_of(n, (uint64_t)v->o->string_max));
}

/* One control message: its length, level and type, then data up to its length. */
static void show_control_one(struct view *v, const uint8_t *at, uint64_t len)
{
	int level = word(at + 8), type = word(at + 12);

	put_lit(v->out, "{cmsg_len=");
	put_uint(v->out, quad(at));
	put_lit(v->out, ", cmsg_level=");
	show_enum(v->out, set_by_id(SET_sol), level);
	put_lit(v->out, ", cmsg_type=");
	if (level == 1)
		show_enum(v->out, &set_scm, type);
	else
		put_hex(v->out, (uint32_t)type);
	if (len > 16) {
		put_lit(v->out, ", cmsg_data=");
		show_control_data(v, level, type, at + 16, len - 16);
	}
	put_char(v->out, '}');
}

static void show_control(struct view *v, enum side side, uint64_t addr, uint64_t want)
{
	uint64_t n, i = 0;
	const uint8_t *at = bytes_at(v, side, addr, &n);

	if (!at) {
		put_address(v->out, addr);
		return;
	}
	n = min_of(n, want);
	put_char(v->out, '[');
	while (n - i >= 16) {
		uint64_t len = quad(at + i);

		if (len < 16 || len > n - i)
			break;
		if (i)
			put_lit(v->out, ", ");
		show_control_one(v, at + i, len);
		if (n - i <= ((len + 7) & ~7ull)) {
			i = n;
			break;
		}
		i += (len + 7) & ~7ull;
	}
	if (i < n && n - i >= 16)
		put_str(v->out, i ? ", ..." : "...");
	put_char(v->out, ']');
}

/* The structure before and after the call: recvmsg changes lengths and flags, and nothing else. */
struct message {
	struct k_msghdr before, after;
};

/* A field that was written by itself. */
static void overlay(struct view *v, uint64_t addr, void *field, unsigned size)
{
	const uint8_t *at = bytes_exactly(v, SIDE_OUT, addr, size);

	if (at)
		memcpy(field, at, size);
}

static bool message_at(struct view *v, enum side side, uint64_t addr, struct message *ret)
{
	const uint8_t *in = bytes_exactly(v, SIDE_IN, addr, sizeof(ret->before));
	const uint8_t *after = side == SIDE_OUT ? bytes_exactly(v, SIDE_OUT, addr, sizeof(ret->after)) : NULL;
	struct k_msghdr *h = &ret->after;

	if (!in && !after)
		return false;
	memcpy(&ret->before, in ? in : after, sizeof(ret->before));
	memcpy(h, after ? after : in, sizeof(*h));
	if (side == SIDE_OUT && !after) {
		overlay(v, addr + offsetof(struct k_msghdr, msg_namelen), &h->msg_namelen, sizeof(h->msg_namelen));
		overlay(v, addr + offsetof(struct k_msghdr, msg_controllen), &h->msg_controllen,
			sizeof(h->msg_controllen));
		overlay(v, addr + offsetof(struct k_msghdr, msg_flags), &h->msg_flags, sizeof(h->msg_flags));
	}
	return true;
}

static void show_was_is(struct buf *out, uint64_t was, uint64_t is)
{
	if (was != is) {
		put_uint(out, was);
		put_lit(out, " => ");
	}
	put_uint(out, is);
}

static void show_message_name(struct view *v, enum side side, const struct message *m)
{
	uint64_t have;
	const uint8_t *at = bytes_at(v, side, m->after.msg_name, &have);

	put_lit(v->out, "{msg_name=");
	if (at && m->after.msg_namelen)
		show_sockaddr(v, at, min_of(have, (uint64_t)(uint32_t)m->after.msg_namelen));
	else
		put_address(v->out, m->after.msg_name);
	put_lit(v->out, ", msg_namelen=");
	show_was_is(v->out, (uint32_t)m->before.msg_namelen, (uint32_t)m->after.msg_namelen);
}

static void show_message(struct view *v, enum side side, const struct message *m, uint64_t total)
{
	show_message_name(v, side, m);
	put_lit(v->out, ", msg_iov=");
	show_vector(v, side, m->before.msg_iov, m->before.msg_iovlen, total);
	put_lit(v->out, ", msg_iovlen=");
	put_uint(v->out, m->before.msg_iovlen);
	if (m->after.msg_controllen) {
		put_lit(v->out, ", msg_control=");
		show_control(v, side, m->after.msg_control, m->after.msg_controllen);
	}
	put_lit(v->out, ", msg_controllen=");
	show_was_is(v->out, m->before.msg_controllen, m->after.msg_controllen);
	put_lit(v->out, ", msg_flags=");
	show_flags(v->out, set_by_id(SET_msg), (uint32_t)m->after.msg_flags);
	put_char(v->out, '}');
}

void show_msghdr(struct view *v, const struct memory *m, uint64_t total)
{
	struct message msg;

	if (message_at(v, m->side, m->addr, &msg))
		show_message(v, m->side, &msg, total);
	else
		put_address(v->out, m->addr);
}

static uint64_t message_length(struct view *v, enum side side, uint64_t addr)
{
	const uint8_t *at = bytes_exactly(v, side, addr + sizeof(struct k_msghdr), 4);

	return at ? word(at) : 0;
}

/* sendmmsg writes msg_len after each message that it sent, recvmmsg fills all of it. */
void show_mmsghdr(struct view *v, const struct memory *m)
{
	uint64_t size = sizeof(struct k_mmsghdr), n = m->len / size;
	struct message msg;

	if (n && !message_at(v, m->side, m->addr, &msg)) {
		put_address(v->out, m->addr);
		return;
	}
	put_char(v->out, '[');
	for (uint64_t i = 0; i < n; i++) {
		uint64_t addr = m->addr + i * size, len = message_length(v, SIDE_OUT, addr);

		if (i)
			put_lit(v->out, ", ");
		if (i >= v->o->string_max || !message_at(v, m->side, addr, &msg)) {
			put_lit(v->out, "...");
			break;
		}
		put_lit(v->out, "{msg_hdr=");
		show_message(v, m->side, &msg, m->side == SIDE_OUT ? len : UINT64_MAX);
		put_lit(v->out, ", msg_len=");
		put_uint(v->out, len);
		put_char(v->out, '}');
	}
	put_char(v->out, ']');
}
