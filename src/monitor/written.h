/* written.h - the bytes that a call writes, out of the program's own buffers. */
#ifndef TANDEM_WRITTEN_H
#define TANDEM_WRITTEN_H

#include "monitor/task.h"

/* Append what t's call (write, writev, pwrite64...) was given, `max` bytes of it at most; what cannot be read is zeros. */
void call_written(struct task *t, uint64_t max, struct buf *out);

#endif
