/* walk.h - visit every piece of memory that a call reads or writes, as the table describes it.
 *
 * One walk, many visitors: comparing visits what a call reads, gathering and scattering visit what
 * it wrote, showing visits both. The walker reads guest memory only through the caller's `read`,
 * and only to follow what a call hangs on pointers: vectors, message headers, argument lists.
 *
 * What can't be read is left out, as the kernel would answer EFAULT; nothing that a guest passes
 * makes a walk fail, or run past the bounds that the kernel itself sets.
 *
 * Use: fill row, args, read, visit, ctx; walk_entry when the call is entered; set ret and
 * walk_exit when it has returned, with the same struct: it remembers what the call overwrites.
 * A visitor that returns non-zero ends the walk, which returns that.
 */
#ifndef TANDEM_WALK_H
#define TANDEM_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/grammar.h"
#include "abi/table.h"

/* What an extent is to its argument. */
enum sub {
	SUB_SELF,      /* what the argument points at */
	SUB_VECTOR,    /* the iovec array of a message */
	SUB_BUFFER,    /* a buffer that an iovec points at */
	SUB_NAME,      /* address of a message */
	SUB_CONTROL,   /* control messages of a message */
	SUB_STRING,    /* a string of an argument list */
	SUB_POINTEE,   /* what a field of the structure points at */
	SUB_FIELD,     /* one field of the structure: all that the kernel writes of a header with pointers */
};

struct extent {
	uint64_t addr;    /* in guest memory; never 0 */
	uint64_t len;     /* valid bytes; never 0 */
	uint64_t cap;     /* bytes that the caller gave; as len where the kernel reads */
	uint16_t shape;   /* enum shape_id of K_STRUCT and K_ARRAY */
	uint8_t  kind;    /* enum kind of the bytes */
	uint8_t  arg;     /* from 1 */
	uint8_t  dir;     /* D_IN, or D_OUT with the argument's D_ALWAYS and D_VARIES; see walk_room */
	uint8_t  sub;     /* enum sub */
};

/* All of the bytes, or -EFAULT. The address is the guest's. */
typedef int walk_read(void *ctx, uint64_t addr, void *buf, size_t len);
typedef int walk_visit(void *ctx, const struct extent *e);

enum {
	WALK_IOV_MAX = 1024,            /* UIO_MAXIOV: more is EINVAL, or cut for recvmmsg */
	WALK_PATH_MAX = 4096,
	WALK_STRING_MAX = 128 * 1024,   /* MAX_ARG_STRLEN */
	WALK_STRINGS_MAX = 6 << 20,     /* all strings of an exec: three quarters of the default stack */
	WALK_RW_MAX = 0x7ffff000,       /* MAX_RW_COUNT: what one read or write moves at most */
};

struct walk {
	const struct row *row;
	const uint64_t *args;
	int64_t ret;
	/* Written by walk_entry, needed by walk_exit: lengths that the call overwrites. at0[i - 1] is
	 * the int that AT0(i) or a SELF in argument i names; name0 the room for each message's address. */
	uint32_t at0[6];
	uint8_t name0[WALK_IOV_MAX];
	walk_read *read;
	walk_visit *visit;
	void *ctx;
};

/* Visits what the call reads: `len` bytes of it, as the kernel will. */
int walk_entry(struct walk *w);

/* Visits what the call wrote, given `ret`. Lengths come before what they measure: a visitor that
 * writes a leader's results into a follower walks the follower's own memory, and so finds each
 * length in place when it is needed. */
int walk_exit(struct walk *w);

/* Visits, before the call, all that it may write, as long as that is: D_OUT, and D_INOUT what it reads as well, or may
 * leave as it is. What leads there by pointers comes first, D_IN where it is only read (vectors). What structures of requests point at is left
 * out, and so is what is bound to its place (D_PLACE). */
int walk_room(struct walk *w);

#endif
