/* values.h - an event as a list of values: what it says piece by piece, apart from where in memory it lay.
 *
 * The table of the calls tells which argument is what, and which outputs differ by themselves. So two events of different runs can
 * be compared value by value, and an event has hashes that are equal where all values of a class are.
 */
#ifndef TANDEM_WHY_VALUES_H
#define TANDEM_WHY_VALUES_H

#include "abi/event.h"
#include "base/base.h"

enum value_class {
	VALUE_DID,              /* what the program did: the call's arguments, the bytes that it read of the program's memory */
	VALUE_GOT,              /* what came from the world: results, bytes that the call wrote */
	VALUE_CLASSES
};

enum value_nature {
	VALUE_STEADY,
	VALUE_ITSELF,           /* differs by itself from run to run: ids, times, random bytes */
	VALUE_ADDRESS,          /* ... and is an address */
	VALUE_NATURES
};

struct value {
	uint8_t class;          /* enum value_class */
	uint8_t nature;         /* enum value_nature */
	bool hashed;            /* `bytes` are hashes, one for 4 KiB each */
	uint8_t arg;            /* from 1; 0: the result, or no argument's */
	uint16_t shape, field;  /* of a structure: which field, from 1 */
	uint8_t kind;           /* enum kind; K_NONE: only whether there is one counts; K_PAD: whether the call failed, and how */
	uint16_t set;
	uint64_t offset;        /* of the bytes, in what the argument points at */
	const uint8_t *bytes;   /* in the event; NULL: a number */
	uint64_t number;        /* the number; or how many bytes */
	const void *at;         /* where in the event the number stands, `size` bytes; NULL: nowhere as such */
	uint32_t size;
};

typedef void value_visit(void *ctx, const struct value *v);

/* The ids that a run's tasks had: a set. Zero-initialised is empty. */
struct ids { uint64_t *bits; };
void ids_add(struct ids *ids, uint32_t id);
void ids_free(struct ids *ids);

/* Visits all values, always in the same order; those of extents before the plain arguments, what was done before what came. An
 * EV_LEAVE does not say what the call read: see join_events. */
void values_of(const struct event *e, const struct ids *ids, value_visit *visit, void *ctx);

/* Hashes of the values of each class and nature; that of what a program did steadily begins with event_key. */
struct digest { uint64_t hash[VALUE_CLASSES][VALUE_NATURES]; };
void values_digest(const struct event *e, const struct ids *ids, struct digest *ret);

/* Which values differ: the first of each class and nature. */
struct value_difference {
	bool found;
	bool only_one;          /* only one event has it, or another kind of thing is there: no values to print */
	struct value a, b;
};
struct values_compared { struct value_difference differs[VALUE_CLASSES][VALUE_NATURES]; };
void values_compare(const struct event *a, const struct ids *a_ids, const struct event *b, const struct ids *b_ids,
                    struct values_compared *ret);

/* Of which call, instruction or signal it is: equal for those that may stand beside each other. */
uint32_t event_key(const struct event *e);

/* Bit i: what argument i, from 0, gets from the call differs by itself. */
unsigned varying_outputs(const struct event *e);

/* An EV_CALL, of what an EV_ENTER and its EV_LEAVE say together. */
const struct event *join_events(struct buf *out, const struct event *enter, const struct event *leave);

#endif
