/* writer.h - a recording is written: chunk by chunk, each whole or not there.
 *
 * The writer knows nothing of monitors: it is given events and the bytes of files, in the order in which a reader needs them.
 */
#ifndef TANDEM_LOG_WRITER_H
#define TANDEM_LOG_WRITER_H

#include "base/base.h"
#include "log/format.h"

struct log_writer;

/* Make the file `path`, mode 0600; one that is there is replaced. NULL, and errno: ESPIPE where it is no file. */
struct log_writer *log_create(const char *path);
/* The descriptor, for who closes others. */
int log_writer_fd(const struct log_writer *w);

/* All of these return 0 or -errno. After an error the file ends with its last whole chunk, and the writer does nothing more. */
int log_about(struct log_writer *w, const char *json);
/* `e` is copied; it is in the file after log_flush at the latest. */
int log_event(struct log_writer *w, const struct event *e);
/* Part of a store: `len` bytes at `offset`. */
int log_store(struct log_writer *w, uint64_t store, uint64_t offset, const void *data, size_t len);
/* A store whose bytes are in a file that is not going to change. */
int log_file_ref(struct log_writer *w, uint64_t store, const struct file_id *id, const char *path, const struct log_range *range,
                 uint32_t nranges);
int log_flush(struct log_writer *w);
/* The recording is complete. */
int log_end(struct log_writer *w, const char *json);

/* So far: events, their bytes, bytes in the file. */
struct log_counts { uint64_t events, raw, bytes, store_bytes; };
struct log_counts log_counts(const struct log_writer *w);
void log_close(struct log_writer *w);

#endif
