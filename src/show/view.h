/* view.h - what the pieces of src/show share while they turn one event into text.
 *
 * The leader's memory is known only as far as the event's parts hold it: bytes_at finds them by
 * address. Nothing here trusts a length or a pointer of the guest's; what is not in the event is
 * printed as an address.
 */
#ifndef TANDEM_SHOW_VIEW_H
#define TANDEM_SHOW_VIEW_H

#include "abi/event.h"
#include "abi/table.h"
#include "show/decode.h"
#include "show/text.h"

/* Before the call (what it read), or after it (what it wrote). */
enum side { SIDE_IN = PART_IN, SIDE_OUT = PART_OUT };

struct view {
	struct buf *out;
	const struct event *e;
	const struct show_options *o;
	const struct row *row;          /* NULL: a number that the table does not have */
	struct row scratch;             /* what row_find may use */
	const struct part *cursor;      /* where the last search ended: neighbours come next */
	uint32_t index;                 /* of it */
	int depth;                      /* of structures in structures, so that nothing recurses far */
	bool whole;                     /* the event holds all that the call said of this structure */
	bool failed;                    /* the call returned an error */
	bool returned;                  /* there is a result: not an EV_ENTER */
};

void view_init(struct view *v, struct buf *out, const struct event *e, const struct show_options *o);

/* The bytes known from `addr` on, and how many; NULL: none. */
const uint8_t *bytes_at(struct view *v, enum side side, uint64_t addr, uint64_t *ret_n);
/* The same, but all `n` of them or NULL. */
const uint8_t *bytes_exactly(struct view *v, enum side side, uint64_t addr, uint64_t n);

/* What a length expression comes to for this event. */
uint64_t length_of(struct view *v, struct len len, uint64_t addr);

/* A piece of the leader's memory. `len` is what is valid of it, in bytes; ~0: up to its NUL. */
struct memory {
	uint8_t kind;           /* enum kind */
	uint16_t shape;
	enum side side;
	uint64_t addr, len;
};
void show_memory(struct view *v, const struct memory *m);
/* The same for what is one piece (a structure, a set, an address), once its bytes are found. */
void show_bytes_as(struct view *v, const struct memory *m, const uint8_t *at, uint64_t n);

/* value.c: a number by its kind, `size` bytes of it. `which`: the argument it is, or 0. */
void show_scalar(struct view *v, int kind, unsigned set, uint64_t value, unsigned size, int which);
void show_descriptor(struct view *v, int64_t fd, int which);
void show_mode(struct buf *out, uint64_t mode);
void show_device(struct buf *out, uint64_t dev);
void show_signal(struct buf *out, int64_t sig);
void show_ioctl(struct buf *out, uint64_t request);

/* struct.c */
void show_struct(struct view *v, unsigned shape, enum side side, const uint8_t *at, uint64_t n);
void show_array(struct view *v, const struct memory *m);

/* bytes.c: strings, buffers, numbers in a row. All print the address where nothing is known. */
void show_string(struct view *v, const struct memory *m, uint64_t max);
void show_buffer(struct view *v, const struct memory *m);
void show_chars(struct view *v, const uint8_t *at, uint64_t n);
void show_numbers(struct view *v, const struct memory *m, unsigned size);
void show_strings(struct view *v, const struct memory *m, bool count_only);
void show_directory(struct view *v, const struct memory *m);

/* signal.c */
void show_sigset(struct buf *out, uint64_t set);
void show_siginfo(struct view *v, const uint8_t *at, uint64_t n);
void show_wait_status(struct buf *out, int status);

/* socket.c */
void show_sockaddr(struct view *v, const uint8_t *at, uint64_t n);
void show_ip(struct buf *out, const uint8_t *at, unsigned size);
void show_iovec(struct view *v, const struct memory *m, uint64_t total);
void show_msghdr(struct view *v, const struct memory *m, uint64_t total);
void show_mmsghdr(struct view *v, const struct memory *m);

#endif
