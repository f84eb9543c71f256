/* table.h - looking things up in the description of the system calls. The table itself is written
 * in syscalls.def, picks.def and shapes.def, in the words of grammar.h.
 *
 * Freestanding; the data holds no pointers and needs no relocations.
 */
#ifndef TANDEM_TABLE_H
#define TANDEM_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/grammar.h"

/* Numbers below this may have a row. */
extern const unsigned table_rows;

/* The row of a number, or NULL. It says PICKED where the request in the arguments says more. */
const struct row *row_plain(uint32_t nr);

/* The row that holds for a call with these arguments; never NULL. What no row describes has
 * who UNKNOWN and six HEX arguments. The result may be `scratch`, so keep that as long. */
const struct row *row_find(uint32_t nr, const uint64_t args[6], struct row *scratch);

/* The row of a request of ioctl that is not listed, from the direction and the size that are encoded
 * in it. False where they are not, or where they are known not to tell everything. */
bool ioctl_by_encoding(uint32_t request, struct row *ret_row);

/* Argument i, from 1, as wide as the kernel looks at it: programs leave rubbish above an int. */
uint64_t row_arg(const struct row *row, const uint64_t args[6], unsigned i);

/* Whether the kernel looks at argument i, from 1, with these arguments: at a mode only where a file is made. */
bool row_uses(const struct row *row, const uint64_t args[6], unsigned i);

/* Whether argument i, from 1 (`memory`: what it points at), leaves the program: bytes that are written, names, modes, times
 * of files, an exit status. Sizes, places, time-outs, descriptors and ids do not. */
bool row_leaves(const struct row *row, const uint64_t args[6], unsigned i, bool memory);

/* Whether anything of the call must be looked at on entry because the call overwrites it. */
bool row_needs_entry(const struct row *row);
/* The same for these arguments: what is read and what is written may lie in the same place, as in sleep(3). */
bool row_overlaps(const struct row *row, const uint64_t args[6]);
/* Whether the kernel writes a word whose place matters: D_PLACE. */
bool row_in_place(const struct row *row);

static inline unsigned row_who(const struct row *row)
{
	return row->who & WHO_MASK;
}

/* The fields of a shape, in order of their offsets; and its size. Nothing and 0 for SHAPE_none. */
const struct field *shape_fields(unsigned shape, unsigned *ret_count);
size_t shape_size(unsigned shape);

#endif
