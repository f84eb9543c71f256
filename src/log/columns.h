/* columns.h - events made ready for compression, and back.
 *
 * The header of an event differs little from that of the event before, but in places that lie far apart: a general compressor
 * finds little in 128 bytes that are nearly, but not quite, like others. So the headers of a stretch of events are taken apart
 * into columns (all sequence numbers, all results, ...), of which the differences are kept as numbers of variable length. What
 * follows a header stays as it is.
 */
#ifndef TANDEM_LOG_COLUMNS_H
#define TANDEM_LOG_COLUMNS_H

#include "base/base.h"

/* Append the packed form of `len` bytes of whole events to `out`. */
void columns_pack(struct buf *out, const char *events, size_t len);
/* Append the events to `out`, `len` bytes at most; -EBADMSG where `packed` is not what columns_pack makes. The events are not
 * checked beyond their sizes. */
int columns_unpack(struct buf *out, const char *packed, size_t packed_len, size_t len);

#endif
