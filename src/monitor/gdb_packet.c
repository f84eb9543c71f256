/* gdb_packet.c - see gdb_packet.h. */
#define _GNU_SOURCE
#include "monitor/gdb_packet.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* No command of gdb's is longer; what is comes from somebody else. */
#define PACKET_MAX 65536

void gdb_hang_up(struct gdb_link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

/* One more byte, or more: false at the end. */
static bool read_more(struct gdb_link *l, bool wait)
{
	char bytes[4096];
	ssize_t n;

	if (l->fd < 0)
		return false;
	do
		n = recv(l->fd, bytes, sizeof(bytes), wait ? 0 : MSG_DONTWAIT);
	while (n < 0 && errno == EINTR && wait);
	if (n > 0) {
		if (l->taken) {
			memmove(l->in.at, l->in.at + l->taken, l->in.len - l->taken);
			l->in.len -= l->taken;
			l->taken = 0;
		}
		buf_add(&l->in, bytes, n);
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
		gdb_hang_up(l);
	return false;
}

/* -1: the other side is gone. */
static int next_byte(struct gdb_link *l)
{
	while (l->taken == l->in.len)
		if (!read_more(l, true))
			return -1;
	return (unsigned char)l->in.at[l->taken++];
}

static void say(struct gdb_link *l, const char *bytes, size_t len)
{
	while (len && l->fd >= 0) {
		ssize_t n = send(l->fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			gdb_hang_up(l);
			return;
		}
		bytes += n;
		len -= n;
	}
}

static int digit(int c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Behind the '$'. 1: it is there; 0: its checksum is wrong; -1: gone. */
static int take_packet(struct gdb_link *l)
{
	unsigned char sum = 0;
	int c, high, low;

	buf_clear(&l->packet);
	buf_puts(&l->packet, "");
	while ((c = next_byte(l)) != '#') {
		if (c < 0 || l->packet.len > PACKET_MAX)
			return -1;
		sum += c;
		/* Binary data: what looks like a frame comes disguised. */
		if (c == '}') {
			if ((c = next_byte(l)) < 0)
				return -1;
			sum += c;
			c ^= 0x20;
		}
		buf_putc(&l->packet, c);
	}
	if ((high = next_byte(l)) < 0 || (low = next_byte(l)) < 0)
		return -1;
	return digit(high) * 16 + digit(low) == sum;
}

bool gdb_receive(struct gdb_link *l)
{
	int c, good;

	for (;;) {
		while ((c = next_byte(l)) != '$')
			if (c < 0)
				return false;
		if ((good = take_packet(l)) < 0) {
			gdb_hang_up(l);
			return false;
		}
		if (!l->no_ack)
			say(l, good ? "+" : "-", 1);
		if (good)
			return true;
	}
}

bool gdb_interrupted(struct gdb_link *l)
{
	char *at;

	read_more(l, false);
	at = l->in.len > l->taken ? memchr(l->in.at + l->taken, 3, l->in.len - l->taken) : NULL;
	if (!at)
		return false;
	*at = '+';     /* which means nothing here */
	return true;
}

void gdb_send(struct gdb_link *l, const char *text)
{
	struct buf frame = {0};
	unsigned char sum = 0;
	int c;

	buf_putc(&frame, '$');
	for (const char *p = text; *p; p++)
		sum += *p;
	buf_printf(&frame, "%s#%02x", text, sum);
	for (;;) {
		say(l, frame.at, frame.len);
		if (l->no_ack || l->fd < 0)
			break;
		while ((c = next_byte(l)) >= 0 && c != '+' && c != '-')
			;
		if (c != '-')
			break;
	}
	buf_free(&frame);
}

void gdb_sendf(struct gdb_link *l, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	gdb_send(l, text);
	free(text);
}

void gdb_console(struct gdb_link *l, const char *text)
{
	struct buf b = {0};

	buf_putc(&b, 'O');
	hex_put(&b, text, strlen(text));
	gdb_send(l, b.at);
	buf_free(&b);
}

void hex_put(struct buf *out, const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *b = data;

	for (size_t i = 0; i < len; i++) {
		buf_putc(out, digits[b[i] >> 4]);
		buf_putc(out, digits[b[i] & 15]);
	}
}

bool hex_number(const char **at, uint64_t *ret)
{
	uint64_t v = 0;
	const char *p = *at;

	for (; digit(*p) >= 0; p++)
		v = v << 4 | (unsigned)digit(*p);
	if (p == *at)
		return false;
	*at = p;
	*ret = v;
	return true;
}

size_t hex_bytes(const char *hex, void *ret, size_t room)
{
	unsigned char *to = ret;
	size_t n = 0;

	for (; n < room && digit(hex[0]) >= 0 && digit(hex[1]) >= 0; hex += 2)
		to[n++] = digit(hex[0]) << 4 | digit(hex[1]);
	return n;
}

/* Bytes that are frames, or zero, go disguised: gdb_send takes text. */
void gdb_send_piece(struct gdb_link *l, const void *all, size_t len, uint64_t offset, uint64_t want)
{
	const char *at = all;
	struct buf b = {0};
	uint64_t n = offset < len ? min_of(want, len - offset) : 0;

	n = min_of(n, (uint64_t)PACKET_MAX / 4);
	buf_putc(&b, offset + n < len ? 'm' : 'l');
	for (uint64_t i = 0; i < n; i++) {
		char c = at[offset + i];

		if (c == '#' || c == '$' || c == '}' || c == '*' || !c) {
			buf_putc(&b, '}');
			c ^= 0x20;
		}
		buf_putc(&b, c);
	}
	gdb_send(l, b.at);
	buf_free(&b);
}
