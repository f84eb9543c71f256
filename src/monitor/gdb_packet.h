/* gdb_packet.h - packets of gdb's remote serial protocol over a stream socket: framing, checksums, acknowledgements, hex.
 *
 * https://sourceware.org/gdb/current/onlinedocs/gdb.html/Remote-Protocol.html
 */
#ifndef TANDEM_GDB_PACKET_H
#define TANDEM_GDB_PACKET_H

#include "base/base.h"

struct gdb_link {
	int fd;                    /* -1: nobody is there any more */
	bool no_ack;               /* packets are no longer acknowledged */
	struct buf in;             /* read, and not yet taken */
	size_t taken;
	struct buf packet;         /* the last one, without its frame */
};

/* Wait for a packet. True: it is in l->packet, NUL-terminated. False: the other side is gone. An interrupt (Ctrl-C) that comes
 * meanwhile has nothing to interrupt. */
bool gdb_receive(struct gdb_link *l);
/* Whether an interrupt has come; does not wait. Anything else stays for gdb_receive. */
bool gdb_interrupted(struct gdb_link *l);
/* Send a packet, and wait until it is acknowledged. */
void gdb_send(struct gdb_link *l, const char *text);
void gdb_sendf(struct gdb_link *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Text for the user, while a command of theirs is served. */
void gdb_console(struct gdb_link *l, const char *text);
void gdb_hang_up(struct gdb_link *l);

/* Append the bytes as hex digits. */
void hex_put(struct buf *out, const void *data, size_t len);
/* The number at *at, moved behind it; false: there is none. */
bool hex_number(const char **at, uint64_t *ret);
/* Bytes from hex digits, `room` at most; how many there were. */
size_t hex_bytes(const char *hex, void *ret, size_t room);
/* A reply in the binary form of qXfer: the piece of `all` that was asked for, with 'm' or, at the end, 'l' before it. */
void gdb_send_piece(struct gdb_link *l, const void *all, size_t len, uint64_t offset, uint64_t want);

#endif
