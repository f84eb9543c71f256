/* sets.h - the values of flag words and enumerations, with their names.
 *
 * A set is a table of values. In a word of flags, an entry matches when the bits under its mask equal
 * its value, so a field inside a word (O_ACCMODE, MAP_TYPE, the signal in clone's flags) is just
 * entries with a common mask; a zero value with a mask matches when none of these bits is set.
 * Entries of several bits stand before those whose bits they contain.
 *
 * Every SET(name) of abi/sets.def has a `set_name` here; a missing one does not link.
 */
#ifndef TANDEM_SHOW_SETS_H
#define TANDEM_SHOW_SETS_H

#include "base/base.h"

struct set_value {
	uint64_t value, mask;
	const char *name;
	size_t len;
};

struct set {
	const struct set_value *values;
	unsigned n;
	const char *unknown;    /* printed beside what has no name: O_??? */
};

/* Entries: a constant of the headers, one that may be newer than they are, a value in a field. */
#define V(name)              {(uint64_t)(name), (uint64_t)(name), #name, sizeof(#name) - 1}
#define L(value, name)       {(uint64_t)(value), (uint64_t)(value), #name, sizeof(#name) - 1}
#define M(mask, name)        {(uint64_t)(name), (uint64_t)(mask), #name, sizeof(#name) - 1}
#define ML(mask, value, name) {(uint64_t)(value), (uint64_t)(mask), #name, sizeof(#name) - 1}

#define DEFINE_SET(set_name, unknown_text, ...) \
	static const struct set_value values_of_##set_name[] = {__VA_ARGS__}; \
	extern const struct set set_##set_name; \
	const struct set set_##set_name = { \
		values_of_##set_name, countof(values_of_##set_name), unknown_text}

/* A set by the number that the table of calls uses (enum set_id). NULL: no such set. */
const struct set *set_by_id(unsigned id);

/* The name of one value, or NULL. Compared as 32 bits: the kernel ignores the upper half of an int. */
const char *set_name_of(const struct set *s, uint64_t value);

/* Names with bars between them; what has no name is a number, with a comment when it stands alone. */
void show_flags(struct buf *out, const struct set *s, uint64_t value);
/* One name, or the number and a comment. */
void show_enum(struct buf *out, const struct set *s, uint64_t value);

#endif
